#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# run_all.sh and what it is given: a results folder from elsewhere is data, never code,
# a folder that the suite did not make is left as it is, and somebody's own kernel is
# not broken on purpose.

bats_require_minimum_version 1.5.0

setup() {
	load runner.bash
	runner_setup
}

# interrupted_run: in $results, one that --resume goes on with.
interrupted_run() {
	walking_program demo a_test 2 "[ \$i != 2 ] || [ -e $work/go ] || { touch $work/begun; sleep $NAP; }"
	setsid "$tree/run_all.sh" --results "$results" "$@" > "$work/output" 2>&1 &
	pid=$!
	wait_for "$work/begun"
	kill -TERM "$pid"
	wait "$pid" || :
	touch "$work/go"
}

@test "a results folder's options are read, not executed" {
	bad_program demo b_test
	runner -t b_test
	exits 1
	for option in --resume --rerun-failed; do
		for line in "word \$(touch pwned)" "word '';touch pwned" "word \`touch pwned\`" "folder \$(touch\${IFS}pwned)" \
			"base_seed a[\$(touch\${IFS}pwned)]" "base_seed 1;touch\${IFS}pwned" "word \$'a';touch pwned;\$'b'"; do
			rm -rf "$work/copy"
			cp -r "$results" "$work/copy"
			echo "$line" >> "$work/copy/options"
			run "$tree/run_all.sh" "$option" "$work/copy"
			[ "$status" -ne 0 ]
			[ -z "$(find "$work" "$tree" -name pwned)" ]
		done
	done
}

@test "a results folder's options: every word comes back as it was" {
	program demo a_test <<- 'END'
	printf '%s\n' "$@" > args
	printf '1..1\nnot ok 1 one\n'
	exit 1
	END
	odd=$'--name *[a]\t"q\'u" \\ \\\\ $HOME `id` é\a'
	mkdir "$work/a 'folder' \\ of"$'\n'"two lines"
	cd "$work/a 'folder' \\ of"$'\n'"two lines"
	runner --option "$odd" --option '' --option 'blank ' --option "x'y"
	exits 1
	mv "$SECMMU_SUITE/args" "$work/first"
	grep -qx "x'y" "$work/first"
	run "$tree/run_all.sh" --rerun-failed "$results" --results "$work/again"
	exits 1
	diff <(grep -v 0x "$work/first") <(grep -vx -e '0x.*' -e --case -e one "$SECMMU_SUITE/args")
}

@test "a results folder names tests of the suite, on targets of its run; no other program is run" {
	bad_program demo b_test
	program evil outside <<< "touch $work/pwned"
	mv "$SECMMU_SUITE/outside" "$work/outside"
	sed -i '/outside/d' "$SECMMU_SUITE/secmmu-tests.list"
	runner
	exits 1
	line=$(grep '"status": "FAIL"' "$results/results.jsonl")
	for name in '../outside' 'demo/../../outside' './../outside' 'x/../outside' '/outside' 'prove/../../outside:with'; do
		echo "${line/"demo/b_test:one"/"$name"}" > "$results/results.jsonl"
		run "$tree/run_all.sh" --rerun-failed "$results" --results "$work/again"
		exits 0
		says "left out: 1 "
		[ ! -e "$work/pwned" ]
		rm -rf "$work/again"
	done
	# Nor is a target of no run one, as a name or as a path.
	for on in .. amd64-6.12 '../../evil'; do
		echo "${line/'"target": "here"'/"\"target\": \"$on\""}" > "$results/results.jsonl"
		run "$tree/run_all.sh" --rerun-failed "$results" --results "$work/again"
		exits 0
		says "left out: 1 "
		rm -rf "$work/again"
	done
	# A case is one word, and the seed a number.
	echo "$line" | sed -e 's/b_test:one/b_test:one --results x/' -e 's/"seed": "[^"]*"/"seed": "1 --results x"/' > "$results/results.jsonl"
	run "$tree/run_all.sh" --rerun-failed "$results" --results "$work/again"
	grep -qE '^demo b_test --mode check --seed 0x[0-9a-f]+ --case one\?--results\?x$' "$work/again/here/job/list"
}

@test "--resume runs programs of the suite only, and writes through no link" {
	interrupted_run
	mkdir "$work/evil"
	printf '#!/bin/sh\ntouch %s/pwned\n' "$work" > "$work/evil/run"
	chmod +x "$work/evil/run"
	for line in "../evil run" "x ../evil/run" "prove ../../evil/run --with"; do
		rm -rf "$work/copy"
		cp -r "$results" "$work/copy"
		echo "$line" >> "$work/copy/here/job/list"
		run "$tree/run_all.sh" --resume "$work/copy"
		exits 3
		says "is no program of this suite"
		[ ! -e "$work/pwned" ]
	done
	for file in ktap summary results.new here/facts; do
		rm -rf "$work/copy"
		cp -r "$results" "$work/copy"
		ln -sf "$work/precious" "$work/copy/$file"
		run "$tree/run_all.sh" --resume "$work/copy"
		exits 64
		[ ! -e "$work/precious" ]
	done
	run "$tree/run_all.sh" --resume "$results"
	exits 0
	[ "$(count_results)" -eq 2 ]
}

@test "a results folder is new or empty; a dry run leaves nothing and takes nothing" {
	good_program demo a_test
	export TMPDIR=$work/tmp
	mkdir "$TMPDIR" "$results"
	touch "$results/precious"
	runner -d
	exits 0
	says "demo a_test --mode"
	[ "$(ls -A "$results")" = precious ]
	runner
	exits 64
	says "is not empty"
	rm "$results/precious"
	runner -d
	[ -d "$results" ]
	# Nor where none is named, nor in a source tree, which is not built for it.
	printf 'all:\n\ttouch built\n' > "$tree/Makefile"
	SECMMU_SUITE='' run "$tree/run_all.sh" -d
	run "$tree/run_all.sh" -d -t a_test
	exits 0
	run "$tree/run_all.sh" -d -t no_such_test
	exits 3
	[ ! -e "$tree/results" ] && [ ! -e "$tree/built" ]
	[ -z "$(ls -A "$TMPDIR")" ]
	runner
	exits 0
	rm -r "$results"
	touch "$results"
	runner
	exits 64
}

@test "--prove and --amplify: on nobody's own machine, whatever --vm says" {
	bad_program demo a_test
	mkdir -p "$SECMMU_SUITE/prove" "$tree/prove"
	for folder in "$SECMMU_SUITE/prove" "$tree/prove"; do
		printf '#!/bin/sh\n[ "$1" != --list ] || { printf "one\\tp\\twhy\\n"; exit; }\ntouch %s/broken\n' "$work" > "$folder/prove.sh"
		chmod +x "$folder/prove.sh"
	done
	for words in "" "--vm here" "--vm here,amd64-6.12" "--vm kernel:x" "--vm here:npt=0" "--vm=here" "--vm amd64-6.12 --vm here"; do
		for what in --prove --amplify; do
			rm -rf "$results"
			SECMMU_VM_BOOT=/bin/false runner $what $words
			exits 64
			runner $what $words
			exits 64
		done
	done
	runner --vm here
	exits 64
	# A folder from elsewhere gets no further.
	rm -rf "$results"
	runner
	cp "$results/options" "$work/options"
	for what in --prove --amplify; do
		printf '%s\n' "word --vm" "word amd64-6.12" "word $what" | cat "$work/options" - > "$results/options"
		SECMMU_VM_BOOT=/bin/false run "$tree/run_all.sh" --rerun-failed "$results" --results "$work/again"
		says "left out: 1"
		rm -rf "$work/again"
		printf '%s\n' "word $what" "word --vm=here" | cat "$work/options" - > "$results/options"
		sed -i /^finished/d "$results/here/state"
		run "$tree/run_all.sh" --resume "$results"
		exits 64
	done
	[ ! -e "$work/broken" ]
}
