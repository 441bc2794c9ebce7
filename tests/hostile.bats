#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# run_all.sh and a guest whose kernel is hostile: whatever the guest writes to its
# stream, its console and its verdict, it neither runs a command on the host nor
# spoils the run.

bats_require_minimum_version 1.5.0

setup() {
	load runner.bash
	runner_setup
	good_program demo a_test
	good_program demo b_test
	good_program demo c_test
}

@test "numbers of the stream: no command substitution in bash arithmetic" {
	hostile_guest <<- END
	say START 1 demo a_test 1.0
	sleep 1
	say START 'BASH_VERSINFO[\$(touch\${IFS}$work/pwned)0]' demo a_test 1.0
	say TIMEOUT 'BASH_VERSINFO[\$(touch\${IFS}$work/pwned)0]' 'a[\$(touch\${IFS}$work/pwned)]'
	sleep 1
	printf '1..1\nok 1 one\n' >> "\$stream"
	say DONE 1 exit='a[\$(touch\${IFS}$work/pwned)]' 'a[\$(touch\${IFS}$work/pwned)]'
	say START 2 demo b_test 1.0
	printf '1..1\nok 1 one\n' >> "\$stream"
	say DONE 2 exit=0 1.0
	say END
	END
	runner --vm amd64-6.12
	[ ! -e "$work/pwned" ]
	result demo/b_test:one PASS
}

@test "numbers of a state file: no command substitution in bash arithmetic" {
	walking_program demo d_test 2 "[ \$i != 2 ] || [ -e $work/go ] || { touch $work/begun; sleep $NAP; }"
	setsid "$tree/run_all.sh" --results "$results" > "$work/output" 2>&1 &
	pid=$!
	wait_for "$work/begun"
	kill -TERM "$pid"
	wait "$pid" || :
	touch "$work/go"
	for key in boot consumed last_done count_PASS count_bad done_in_boot hello; do
		cp -r "$results" "$work/$key"
		sed -i "s/^$key	.*/$key	BASH_VERSINFO[\$(touch\${IFS}\/\${PWD#?}\/pwned)0]/" "$work/$key/here/state"
		run "$tree/run_all.sh" --resume "$work/$key"
		[ ! -e "$work/pwned" ]
	done
}

# only_text FILE...: valid UTF-8 without control characters, but for newlines.
only_text() {
	python3 - "$@" <<- 'END'
	import sys, unicodedata
	for name in sys.argv[1:]:
	    for number, line in enumerate(open(name, "rb").read().decode("utf-8").split("\n"), 1):
	        odd = [c for c in line if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\t"]
	        assert not odd, (name, number, odd)
	END
}

@test "no control character and no invalid UTF-8 reaches the terminal, ktap, summary, not-run" {
	odd='\033]0;owned\007\033[2J\233m\302\233m\377\376\300\200\355\240\200\342\200\256\177\001\010\r'
	hostile_guest <<- END
	odd=\$(printf '$odd')
	say NOTE "note \$odd"
	say FACT "cpu=\$odd"
	say START 1 demo "x\$odd" 1.0
	sleep 1
	printf '%s\n' "1..5" "# seed: 1\$odd" "# reason: r\$odd" "not ok 1 fail\$odd" "ok 2 pass\$odd" "ok 3 skip\$odd # SKIP why\$odd" "# case: run\$odd" >> "\$stream"
	say HANG 1 "\$odd"
	say HEALTH 1 "fail\$odd" "WARNING\$odd"
	say KMSG 1 "\$odd"
	printf 'kernel died: \$odd%s\n' "\$odd" > "\$verdict"
	exit 10
	END
	program demo d_test <<< 'true'
	SECMMU_VM_BOOT=$work/hostile-guest COLUMNS=200 TERM=xterm script -qefc \
		"$tree/run_all.sh --results $results --vm amd64-6.12" "$work/typed" > /dev/null || :
	only_text "$results/ktap" "$results/summary" "$results/results.jsonl" "$results/not-run"
	# What the terminal got beside is our own: colours, one line written over.
	sed -i -e $'s/\e\\[[0-9]*m//g' -e $'s/\r\e\\[K//g' -e $'s/\e\\[K//g' -e 's/\r//g' -e '/^Script/d' "$work/typed"
	only_text "$work/typed"
	grep -qF 'fail?]0;owned' "$results/ktap"
}

@test "a run compared with another: no control character of either reaches the terminal" {
	runner -t b_test -t c_test
	bad_program demo d_test
	odd='\\u001b]0;x\\u0007\\u009b\\ud800\\t\\n'
	sed -i "s/b_test:one/b_test:one$odd/; s/c_test:two/c_test:two$odd/" "$results/results.jsonl"
	run "$tree/run_all.sh" --results "$work/next" --baseline "$results" --replays 1
	exits 1
	only_text "$work/next/transitions" "$work/next/summary" "$work/next/ktap"
	only_text <(echo "$output")
}

@test "a verdict and a case of 200 KB: the crash is a result" {
	hostile_guest <<- 'END'
	say START 1 demo a_test 1.0
	printf '1..2\n# case: ' >> "$stream"
	head -c 200000 /dev/zero | tr '\0' A >> "$stream"
	printf '\n' >> "$stream"
	sleep 0.5
	head -c 200000 /dev/zero | tr '\0' A > "$verdict"
	exit 10
	END
	runner --vm amd64-6.12 -t a_test
	exits 1
	says_not "disk full"
	grep -q '"status": "CRASH"' "$results/results.jsonl"
	results_are_valid
}

@test "lines of 1 MB: cut, within seconds, in stream and console" {
	hostile_guest <<- 'END'
	big() { head -c 1000000 /dev/zero | tr '\0' "$1"; }
	say START 1 demo a_test 1.0
	{
		printf '1..2\n# reason: "'; big B; printf '"\nnot ok 1 '; big '"'; printf '\n'; big '\377'
		printf '\n# json: {"a": "'; big C; printf '"}\n# case: '; big D; printf '\n'
	} >> "$stream"
	say HEALTH 1 fail "WARNING $(big E)"
	big F > "$console"
	echo "kernel died" > "$verdict"
	exit 10
	END
	began=$SECONDS
	runner --vm amd64-6.12 -t a_test
	[ $((SECONDS - began)) -le 10 ]
	exits 1
	results_are_valid
	grep -q 'bytes more' "$results/results.jsonl"
	[ "$(stat -c %s "$results/results.jsonl")" -lt 200000 ]
	[ "$(stat -c %s "$results/amd64-6.12/boot-1/"001*.log)" -lt 200000 ]
}

@test "results and splats without end: so many are taken, and the rest is said" {
	hostile_guest <<- 'END'
	say START 1 demo a_test 1.0
	printf '1..60000\n' >> "$stream"
	seq 60000 | sed 's/.*/ok & case&/' >> "$stream"
	printf '\n' >> "$stream"
	yes "@$nonce KMSG 1 x" | head -n 20000 >> "$stream"
	say DONE 1 exit=0 2.0
	yes "@$nonce NOTE again" | head -n 20000 >> "$stream"
	say END
	END
	runner --vm amd64-6.12 -t a_test
	exits 1
	[ "$(count_results)" -eq 20001 ]
	result demo/a_test FAIL 'more than 20000 results'
	[ "$(grep -c 'NOTE again\|: again' "$results/ktap")" -le 2000 ]
}

@test "numbers that are none: results stay valid JSON" {
	hostile_guest <<- 'END'
	n=$(printf '9%.0s' {1..400})
	say START 1 demo a_test nan
	printf '# seconds: %s\nok 1 a\n# seconds: 1.2.3\nok 2 b\n# seconds: .\nok 3 c\n1..3\n' "$n" >> "$stream"
	say TIMEOUT 1 '1"}'
	say DONE 1 exit=0 inf
	say START 2 demo b_test 0x10
	say DONE 2 exit=1 "$n"
	say START inf demo c_test 1
	say START 3x demo c_test 1
	say START 1e0 demo c_test 1
	say END
	END
	runner --vm amd64-6.12
	exits 1
	results_are_valid
	result demo/b_test FAIL
	says_not "disk full"
}

@test "the job says which program runs, not the guest; a line is run once" {
	hostile_guest <<- 'END'
	say START 1 'a/../../b' '../../../../../../tmp/c' 1.0
	printf '1..1\nok 1 one\n' >> "$stream"
	say DONE 1 exit=0 2.0
	say START 2 other "$(printf 'x%.0s' {1..300})" 1.0
	printf '1..1\nok 1 one\n' >> "$stream"
	say DONE 2 exit=0 2.0
	for line in 1 2 4 999; do
		say START $line demo b_test 1.0
		printf '1..1\nnot ok 1 forged\n' >> "$stream"
		say DONE $line exit=1 2.0
	done
	say END
	END
	runner --vm amd64-6.12
	exits 0
	[ "$(count_results)" -eq 2 ]
	result demo/a_test:one PASS
	result demo/b_test:one PASS
	says "a START of line 999, which is not to be run now"
	[ -s "$results/amd64-6.12/boot-1/001-demo-a_test.log" ]
}

@test "a measure that is no JSON is left out, and said" {
	program demo e_test <<- 'END'
	printf '1..1\n'
	for text in '{no json}' '{"a": 1,}' '{"a": 01}' '{"a": "\x"}' '{"a": NaN}' '{"a": 1e999}' '{"a": [1]}' '{"a": "b}' \
		"{\"a\": 1$(printf '%0400d' 0)}" '{"good": 1.5e3, "unit": "\"s\\"}' '[1]' '{"a": null "b": 1}'; do
		printf '# json: %s\n' "$text"
	done
	printf 'ok 1 one\n'
	END
	runner -t e_test
	exits 0
	results_are_valid
	result demo/e_test:one PASS '"measures": \[\{"good": 1.5e3, "unit": "\\"s\\\\"\}\]'
	[ "$(grep -c 'no flat object of JSON, left out' "$results/ktap")" -eq 11 ]
}

@test "a stream without end: ended before the disk is full; the other programs run" {
	sed -i 's/^flood_limit=.*/flood_limit=3000000/' "$tree/runner/follow.sh"
	# Should it not be ended: no more than 1 GB, and 60 s.
	ulimit -f 1000000
	program demo b_test <<- 'END'
	case $* in *--mode*) yes "it is said again and again and again and again" ;; esac
	END
	run timeout 60 "$tree/run_all.sh" --results "$results"
	exits 1
	result demo/b_test CRASH 'MiB were written'
	result demo/c_test:two PASS
	hostile_guest <<- 'END'
	[[ ! -e $results/../boot-2 ]] || { say START 3 demo c_test 1.0; printf '1..1\nok 1 one\n' >> "$stream"; say DONE 3 exit=0 2; say END; exit 0; }
	say START 1 demo a_test 1.0
	say DONE 1 exit=1 1.0
	say START 2 demo b_test 1.0
	tr '\0' x < /dev/zero >> "$stream"
	END
	rm -r "$results"
	run timeout 60 "$tree/run_all.sh" --results "$results" --vm amd64-6.12
	exits 1
	result demo/b_test CRASH 'MiB were written'
	result demo/c_test:one PASS
	[ "$(du -sm "$results" | cut -f 1)" -lt 500 ]
}

@test "without HOME no folder below /tmp is trusted" {
	unset SECMMU_CACHE XDG_CACHE_HOME HOME SECMMU_SUITE
	export TMPDIR=$work/tmp
	mkdir "$TMPDIR"
	printf '\x4d' > "$work/kernel"
	for words in "--kernel $work/kernel" "--vm amd64-6.12"; do
		run "$tree/run_all.sh" --results "$results" $words
		exits 3
		says "HOME is not set"
		rm -r "$results"
	done
	[ -z "$(ls -A "$TMPDIR")" ] && [ ! -e /tmp/.cache/secmmu ]
	# Nor for results: a new folder, that nobody made before.
	chmod 555 "$tree" 2> /dev/null
	rm -rf "$tree/results"
	: > "$tree/results"
	: > "$work/results"
	SECMMU_SUITE=$work/suite run "$tree/run_all.sh"
	exits 0
	says "results: $work/tmp/secmmu-results\."
}
