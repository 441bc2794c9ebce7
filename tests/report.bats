#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# runner/report: the web page, JUnit XML, KCIDB JSON, of a run with everything in it.

bats_require_minimum_version 1.5.0

setup() {
	load runner.bash
	runner_setup
	for module in junitparser jsonschema; do
		/usr/bin/python3 -c "import $module" 2> /dev/null || skip "needs $module: install the Debian package python3-$module"
	done
}

# A run with each status, hostile texts, a benchmark and a machine that cannot be had.
mixed_run() {
	good_program demo a_test
	program demo b_test <<- 'END'
	printf '1..5\n# reason: <script>alert(1)</script> & "quoted" \033[31m nul\000\nnot ok 1 bad<b>\n'
	printf '# reason: known one\nnot ok 2 known\nok 3 listed # SKIP needs a lake\nok 4 unlisted # SKIP needs a sea\n'
	printf '# json: {"bench": "speed", "unit": "1/s", "rate": 50}\nok 5 fast\n'
	echo '[ 7.0] WARNING: CPU: 0 PID: 1 at mm/x.c:1 first+0x1/0x2' >> "$SECMMU_KMSG"
	exit 1
	END
	program demo c_test <<< 'printf "1..2\nok 1 one\n"; kill -SEGV $$'
	printf 'test: demo/b_test:known\ntarget: here\nkernel: *\nfingerprint: known one\nreason: the kernel is <old>\n' > "$tree/known-failures"
	printf 'here demo/b_test:listed\n' > "$tree/vm/expected-skips"
	runner
	exits 1
	printf 'amd64-6.12\tno kernel: no network\n' >> "$results/not-run"
}

report() {
	run "$tree/runner/report" "$@"
	[ "$status" -eq 0 ] || { echo "$output"; false; }
}

@test "all three reports of a run with everything in it" {
	mixed_run
	report "$results"
	[ -s "$results/report.html" ]
	[ -s "$results/junit.xml" ]
	[ -s "$results/kcidb.json" ]
}

@test "KCIDB: valid by schema 5.3, every result there, names unique, the known failure an incident" {
	mixed_run
	report --kcidb "$work/kcidb.json" --origin our_ci "$results"
	/usr/bin/python3 - "$top/tests/kcidb-5.3.schema.json" "$work/kcidb.json" "$results/results.jsonl" <<- 'END'
	import json, sys, jsonschema
	schema, data = (json.load(open(file)) for file in sys.argv[1:3])
	check = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
	check.check_schema(schema)
	check.validate(data)
	assert data["version"] == {"major": 5, "minor": 3}
	assert len(data["tests"]) == len(open(sys.argv[3]).readlines())
	for kind in "checkouts builds tests issues incidents".split():
	    assert len({one["id"] for one in data[kind]}) == len(data[kind]) > 0, kind
	incident, = data["incidents"]
	known, = [test for test in data["tests"] if test["id"] == incident["test_id"]]
	assert known["path"] == "secmmu.demo.b_test.known" and known["status"] == "FAIL"
	# The schema is one that refuses something.
	for spoil in (lambda d: d["tests"][0].update(status="KNOWN"), lambda d: d["tests"][0].update(path="a/b"),
	              lambda d: d.update(version={"major": 4}), lambda d: d["tests"][0].pop("build_id"),
	              lambda d: d["checkouts"][0].update(id="no origin")):
	    wrong = json.loads(json.dumps(data))
	    spoil(wrong)
	    assert not check.is_valid(wrong)
	END
	run "$tree/runner/report" --kcidb "$work/kcidb.json" --origin 'Our CI' "$results"
	[ "$status" -eq 3 ]
}

@test "JUnit: well-formed, the same counts, what is known does not fail" {
	mixed_run
	report --junit "$work/junit.xml" "$results"
	/usr/bin/python3 - "$work/junit.xml" "$results/results.jsonl" <<- 'END'
	import collections, json, sys, junitparser
	xml = junitparser.JUnitXml.fromfile(sys.argv[1])
	count = collections.Counter(json.loads(line)["status"] for line in open(sys.argv[2]))
	here, missing = xml
	assert here.name == "here" and here.tests == sum(count.values())
	# The skip that is not listed is a failure, too.
	assert (here.failures, here.errors, here.skipped) == (count["FAIL"] + 1, count["CRASH"], count["KNOWN"] + 1), \
	    (here.failures, here.errors, here.skipped, count)
	assert len({(case.classname, case.name) for case in here}) == here.tests
	assert missing.errors == 1 and "no network" in next(iter(missing)).result[0].message
	assert any("./run_all.sh -t 'demo/b_test:bad<b>'" in (one.text or "") for case in here for one in case.result)
	END
}

@test "the page: nothing forged, nothing loaded from elsewhere, whole without its script" {
	mixed_run
	report --html "$results/report.html" "$results"
	page=$results/report.html
	run ! grep -q '<script>alert' "$page"
	grep -q '&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot;' "$page"
	run ! grep -qE '(src|href)="?(https?:)?//|@import|url\(' "$page"
	[ "$(grep -c '<tr class="case' "$page")" -eq 10 ]
	grep -q 'SKIP (unexpected)' "$page"
	grep -q 'fingerprint: <code>WARNING in first' "$page"
	grep -q '<b>amd64-6.12</b> no kernel: no network' "$page"
	# Its links lead to something, and are of the page's folder.
	grep -o 'href="[^"#]*"' "$page" | sort -u | while IFS='"' read -r _ file _; do
		[ -e "$results/$file" ] || { echo "no $file"; exit 1; }
	done
	/usr/bin/python3 - "$page" <<- 'END'
	import html.parser, sys
	# Each element that must be closed is.
	class Check(html.parser.HTMLParser):
	    free = "meta input br dt dd li tr td th thead tbody p".split()
	    def __init__(self):
	        super().__init__()
	        self.open = []
	    def handle_starttag(self, tag, attrs):
	        if tag not in self.free:
	            self.open.append(tag)
	    def handle_endtag(self, tag):
	        if tag not in self.free:
	            assert self.open.pop() == tag, (tag, self.getpos())
	check = Check()
	check.feed(open(sys.argv[1]).read())
	assert not check.open, check.open
	END
}

# browser FILE WIDTH [OPTION...]: prints the document as a browser of that width has
# it in the end.
browser() {
	local file=$1 width=$2
	shift 2
	HOME=$work timeout 120 chromium --headless --no-sandbox --disable-gpu --window-size="$width,1000" "$@" \
		--dump-dom "file://$file" 2> "$work/browser.log"
}

@test "the page in a browser: nothing is wider than the window at two widths; its script works; without scripts all is there" {
	command -v chromium > /dev/null || skip "needs chromium: install the Debian package chromium"
	mixed_run
	report --html "$results/report.html" "$results"
	# What the page itself cannot tell, a second script at its end can.
	sed '$a<script>document.title = "wider by " + (document.documentElement.scrollWidth - innerWidth) + \
		", search " + !document.getElementById("search").hidden;</script>' "$results/report.html" > "$results/measured.html"
	for width in 1280 500; do
		browser "$results/measured.html" "$width" > "$work/seen"
		grep -qE '<title>wider by (0|-[0-9]+), search true' "$work/seen" || {
			grep -o '<title>[^<]*' "$work/seen"
			tail -n 3 "$work/browser.log"
			false
		}
	done
	# The search finds by a part of a name.
	sed '$a<script>search.value = "c_test"; search.dispatchEvent(new Event("input"));\
		document.title = document.querySelectorAll(".case.not-found").length;</script>' "$results/report.html" > "$results/searched.html"
	browser "$results/searched.html" 1280 > "$work/seen"
	hidden=$(sed -n 's/.*<title>\([0-9]*\).*/\1/p' "$work/seen")
	[ "$hidden" -gt 0 ] && [ "$hidden" -lt 10 ]
	# Scripts off: no search, and every case and reason. (By a policy: with them off as
	# a whole, chromium prints nothing.)
	sed "0,/<head>\\|<meta/s//<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\">&/" "$results/measured.html" > "$results/off.html"
	grep -q "script-src 'none'" "$results/off.html"
	browser "$results/off.html" 1280 > "$work/seen"
	run ! grep -q '<title>wider' "$work/seen"
	grep -qE '<input[^>]* hidden' "$work/seen"
	[ "$(grep -o '<tr class="case' "$work/seen" | wc -l)" -eq 10 ]
	grep -q 'known one' "$work/seen"
	grep -q 'no kernel: no network' "$work/seen"
}

@test "a night of several targets, and the runs before it" {
	for night in 20260101-010000 20260102-010000; do
		for target in amd64-6.1 amd64-6.12; do
			: > "$SECMMU_SUITE/secmmu-tests.list"
			good_program demo a_test
			[ "$night$target" != 20260101-010000amd64-6.1 ] || bad_program demo a_test
			results=$work/nights/$night/$target
			: > "$SECMMU_SUITE/secmmu-tests.list"
			echo "demo a_test" > "$SECMMU_SUITE/secmmu-tests.list"
			mkdir -p "${results%/*}"
			SECMMU_VM_BOOT=$top/tests/fake-boot runner --vm "$target"
		done
	done
	report --html "$work/page.html" "$work/nights/20260102-010000"
	grep -q 'The last runs' "$work/page.html"
	[ "$(grep -o 'th scope=col' "$work/page.html" | wc -l)" -eq 2 ]
	grep -q '<tr><th>amd64-6.1 demo/a_test:one<td class="FAIL">FAIL<td class="PASS">ok' <(tr -d '\n' < "$work/page.html")
}

@test "benchmarks are drawn, if gnuplot is here" {
	command -v gnuplot > /dev/null || skip "needs gnuplot: install the Debian package gnuplot-nox"
	mixed_run
	report --html "$results/report.html" "$results"
	grep -q '<figcaption>speed (1/s)' "$results/report.html"
	[ "$(grep -c '<svg' "$results/report.html")" -eq 1 ]
	PATH=$work/none report --html "$results/report.html" "$results"
	grep -q 'gnuplot is missing' "$results/report.html"
}

@test "benchmarks: a series is one drawing, and what grows too fast is pointed out" {
	command -v gnuplot > /dev/null || skip "needs gnuplot: install the Debian package gnuplot-nox"
	program demo a_bench <<- 'END'
	for mib in 64 128 256; do
		echo "# json: {\"bench\": \"enable\", \"backing\": \"shmem\", \"against\": \"slot_mib\", \"slot_mib\": $mib, \"unit\": \"us\", \"median\": $((mib * mib)), \"min\": $mib, \"max\": 1e6}"
	done
	echo '# json: {"bench": "enable", "backing": "shmem", "growth_with": "slot_mib", "power": 2.00, "faster_than_linear": true}'
	echo '# json: {"bench": "disable", "growth_with": "slot_mib", "power": 0.50, "faster_than_linear": false}'
	printf '1..1\nok 1 one\n'
	END
	runner -t a_bench
	report --html "$results/report.html" "$results"
	grep -q '<figcaption>enable shmem (us) against slot_mib' "$results/report.html"
	grep -q '<td class=n>4096<td class=n>16384<td class=n>65536' "$results/report.html"
	[ "$(grep -c '<svg' "$results/report.html")" -eq 1 ]
	[ "$(grep -c 'Grows faster than linearly' "$results/report.html")" -eq 1 ]
	grep -q 'on here: by the power 2 of slot_mib' "$results/report.html"
}

@test "a benchmark's texts are labels: gnuplot runs none of them" {
	command -v gnuplot > /dev/null || skip "needs gnuplot: install the Debian package gnuplot-nox"
	program demo hostile_bench <<- END
	for size in 1 2; do
		printf '# json: {"measure": "\`touch $work/pwned1\`", "against": "\`touch $work/pwned2\`", "\`touch $work/pwned2\`": %d,' \$size
		printf ' "rate": 5, "unit": "\`touch $work/pwned3\` \\\\" '"'"' <script>"}\n'
	done
	printf '# json: {"measure": "\`touch $work/pwned1\`", "value": 3, "unit": "\`touch $work/pwned3\`"}\n1..1\nok 1 one\n'
	END
	runner
	exits 0
	# A folder from elsewhere names its targets itself.
	mv "$results/here" "$results/_touch_pwned4_"
	sed -i "s,\"target\": \"here\",\"target\": \"\`touch $work/pwned4\`\"," "$results/results.jsonl"
	report --html "$work/page.html" "$results"
	[ -z "$(compgen -G "$work/pwned*")" ]
	[ "$(grep -c '<svg' "$work/page.html")" -eq 2 ]
	run ! grep -q '<script>"' "$work/page.html"
}

# spoil FOLDER: its results get lines that no run of today writes, and bytes that are none.
spoil() {
	/usr/bin/python3 - "$1/results.jsonl" <<- 'END'
	import json, sys
	good = json.loads(open(sys.argv[1]).readline())
	def line(**fields):
	    return json.dumps({**good, **fields}).encode()
	with open(sys.argv[1], "ab") as file:
	    for one in (b"", b"not json", b"[1]", b"null", b"[" * 100000, b'{"name": "a/b:c"}', line(status="MAYBE"), line(name=7),
	                line(seconds="soon"), line(seconds=-1), line(reason=["x"]), line(measures={"a": 1}), line(measures=[{"rate": 10 ** 400}]),
	                line(measures=[{"rate": 1, "faster_than_linear": True, "power": "p", "growth_with": "g"}]),
	                line(measures=[{"value": 3, "against": "s", "s": 1, "min": "x", "max": None}]),
	                line(reason="\ud800"), line(log="/etc/hostname"), line(log="../secret", status="FAIL"), line(log="nul\0"), line(log="n" * 300),
	                line(seed=5, target="x/../.."), line(expected="no"), line(seconds=float("nan")), line(status="FAIL", name="odd/one:fails"),
	                line(name="bad/one:byte").replace(b"bad/", b"b\xffd/"), b'{"a": ' + b"9" * 5000 + b"}", line()[:40]):
	        file.write(one + b"\n")
	    file.write(line()[:50])
	END
}

@test "odd lines, odd types, a bad byte, a cut line: each is named, all others are reported" {
	mixed_run
	count=$(wc -l < "$results/results.jsonl")
	echo "words of another file" > "$work/secret"
	spoil "$results"
	printf 'amd64-9\t\xff\x00\n' >> "$results/not-run"
	printf '\xff\xfe=x\ndate=\xff\n' >> "$results/environment"
	mkdir -p "$results/here/boot-x"
	echo a=b > "$results/here/boot-x/facts"
	report "$results"
	[[ $output == *"results could not be read"* ]]
	grep -q 'odd/one:fails' "$results/report.html"
	grep -q '<th scope=row>byte' "$results/report.html"
	grep -q "results.jsonl:$((count + 2)): no result" "$results/report.html"
	grep -q "unknown status &#x27;MAYBE&#x27;" "$results/report.html"
	run ! grep -q 'words of another file' "$results/report.html"
	/usr/bin/python3 -c "import json, sys, xml.etree.ElementTree as t; json.load(open(sys.argv[1])); t.parse(sys.argv[2])" \
		"$results/kcidb.json" "$results/junit.xml"
	grep -q 'odd.one.fails' "$results/kcidb.json"
	grep -q 'not read' "$results/junit.xml"
}

@test "one odd old run does not spoil the report of today's" {
	mixed_run
	mkdir "$work/runs"
	cp -r "$results" "$work/runs/20260101-000000"
	spoil "$work/runs/20260101-000000"
	cp -r "$results" "$work/runs/20260102-000000"
	report --html "$work/page.html" "$work/runs/20260102-000000"
	grep -q 'odd/one:fails' "$work/page.html"
	run ! grep -q 'could not be read' "$work/page.html"
}

@test "a guest does not say which file of the host is its kernel" {
	cat > "$work/nm" <<< "#!/bin/sh
touch $work/taken-apart"
	chmod +x "$work/nm"
	program demo b_test <<- 'END'
	printf '1..1\nnot ok 1 one\n'
	echo '[ 7.0] WARNING: CPU: 0 PID: 1 at mm/x.c:1 first+0x1/0x2' >> "$SECMMU_KMSG"
	exit 1
	END
	cp "$tree/vm/facts" "$work/facts"
	printf '#!/bin/sh\necho "vmlinux=%s"\necho "cpu=mine"\necho "config=guest"\n' "$work/nm" > "$tree/vm/facts"
	cp "$tree/vm/facts" "$SECMMU_SUITE/"
	runner
	grep -qx cpu=mine "$results/here/boot-1/facts"
	run ! grep -q vmlinux "$results/here/boot-1/facts"
	# Of a run that was made before, too; and what the host knows counts.
	echo "vmlinux=$work/nm" >> "$results/here/boot-1/facts"
	echo "config=host" > "$results/here/facts"
	PATH=$work:$PATH report "$results"
	[ ! -e "$work/taken-apart" ]
	grep -q '"config": "host"' "$results/kcidb.json"
}

@test "no results, wrong usage" {
	run "$tree/runner/report" "$work"
	[ "$status" -eq 3 ]
	[[ $output == *"no results.jsonl"* ]]
	run "$tree/runner/report"
	[ "$status" -eq 64 ]
	run "$tree/runner/report" --nonsense
	[ "$status" -eq 64 ]
	echo nonsense > "$work/results.jsonl"
	run "$tree/runner/report" "$work"
	[ "$status" -eq 3 ]
	[[ $output == *"results.jsonl:1"* ]]
}

@test "the page of known failures is that of the file" {
	diff <("$top/runner/report" --findings) "$top/doc/findings/README.md"
}

@test "a stack is decoded where the kernel has debugging information" {
	cat > "$work/fault.c" <<- 'END'
	int value;
	__attribute__((noinline)) void broken(void)
	{
		value = 7;
	}
	int main(void)
	{
		broken();
		return value;
	}
	END
	gcc -g -O1 -no-pie -o "$work/vmlinux" "$work/fault.c"
	good_program demo a_test
	program demo b_test <<- 'END'
	echo '[ 7.0] WARNING: CPU: 0 PID: 1 at x.c:1 broken+0x0/0x20' >> "$SECMMU_KMSG"
	echo '[ 7.0]  not_there+0x4/0x20' >> "$SECMMU_KMSG"
	printf '1..1\nok 1 one\n'
	END
	runner
	exits 1
	report --html "$work/page.html" --vmlinux "$work/vmlinux" "$results"
	grep -qE 'broken\+0x0/0x20  \(.*fault\.c:[345]\)' "$work/page.html"
	grep -qE 'not_there\+0x4/0x20(</pre>.*)?$' "$work/page.html"
	report --html "$work/page.html" --vmlinux "$work/nothing" "$results"
	run ! grep -q 'fault\.c:' "$work/page.html"
}
