#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# run_all.sh --background: load beside the tests.

bats_require_minimum_version 1.5.0

setup() {
	load runner.bash
	runner_setup
}

# fake_stress COMMAND: a stress-ng that does this.
fake_stress() {
	mkdir -p "$work/bin"
	printf '#!/bin/sh\necho "$*" > %s/asked\n%s\n' "$work" "$1" > "$work/bin/stress-ng"
	chmod +x "$work/bin/stress-ng"
	PATH=$work/bin:$PATH
}

@test "--background: load beside each program, which ends with it" {
	fake_stress "sleep $NAP & sleep $NAP"
	program demo a_test <<- END
	for i in 1 2 3 4 5 6 7 8 9 10; do [ -s $work/asked ] && break; sleep 0.2; done
	printf '1..1\nok 1 one\n'
	END
	runner --background memory --seed 0x10
	exits 0
	says_not "load beside"
	grep -q -- '--vm 1 .*--seed 16 --oomable' "$work/asked"
	gone "sleep $NAP"
}

@test "--background: what is wrong with stress-ng is said, and is no failure of ours" {
	good_program demo a_test
	program demo b_test <<< 'sleep 1; printf "1..1\nok 1 one\n"'
	fake_stress 'echo "stress-ng: info: it is bad"; exit 2'
	runner --background scheduler -t b_test
	exits 0
	says "load beside test 1: stress-ng failed: stress-ng: info: it is bad"
	rm -r "$results"
	runner --background everything
	exits 64
}

@test "--background: what stress-ng finds wrong with the kernel fails the test beside it" {
	program demo b_test <<< 'sleep 1; printf "1..1\nok 1 one\n"'
	good_program demo c_test
	for words in 'exit 2' 'trap "exit 2" TERM; while :; do sleep 0.1; done'; do
		fake_stress "echo 'stress-ng: fail: [7] a page has changed'; $words"
		runner --background scheduler
		exits 1
		result demo/b_test FAIL 'stress-ng, which ran beside it, finds that the kernel did wrong: stress-ng: fail: \[7\] a page has changed'
		rm -r "$results"
	done
}
