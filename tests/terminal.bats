#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# run_all.sh before a person: colours, the live line, quiet and verbose, the manual
# page.

bats_require_minimum_version 1.5.0

setup() {
	load runner.bash
	runner_setup
	unset NO_COLOR
}

# on_terminal COMMAND: with a terminal for its output.
on_terminal() {
	command -v script > /dev/null || skip "needs script: install the Debian package bsdutils"
	TERM=xterm run script -qefc "$1" /dev/null
}

@test "colours on a terminal, and only there; never with NO_COLOR" {
	good_program demo a_test
	bad_program demo b_test
	on_terminal "$tree/run_all.sh --results $results"
	exits 1
	says $'\e\\[32mok \e\\[m1 here demo/a_test:one'
	says $'\e\\[31mnot ok 3 here demo/b_test:one'
	# What is kept has none.
	run ! grep -rq $'\e\\[' "$results/ktap" "$results/summary"
	rm -r "$results"
	NO_COLOR=1 on_terminal "$tree/run_all.sh --results $results"
	says_not $'\e\\[3[0-9]m'
	rm -r "$results"
	runner
	says_not $'\e'
}

@test "a live line: what runs, how long, and how long still" {
	for name in a b c; do
		program demo ${name}_test <<< 'printf "1..1\nok 1 one\n"; sleep 1.5'
	done
	on_terminal "$tree/run_all.sh --results $results"
	exits 0
	says $'\r\\[0:0[0-9]\\] here: 2/3 demo/b_test, 0:0[0-9], about 0:0[0-9] left; 1 passed, 0 failed'
	# A terminal that only writes on, as the console of a machine in a lab.
	rm -r "$results"
	on_terminal "TERM=dumb $tree/run_all.sh --results $results"
	exits 0
	says_not $'\r\\['
}

@test "quiet: failures and the end; verbose: the programs' words, too" {
	good_program demo a_test
	bad_program demo b_test
	runner -q
	says_not "ok 1 here"
	says "not ok 3 here demo/b_test:one"
	[ "${lines[-1]}" = "results: $results" ]
	rm -r "$results"
	runner -v
	says "#   # case: two"
	[ "${lines[-1]}" = "results: $results" ]
}

@test "the manual page has every option" {
	command -v help2man > /dev/null || skip "needs help2man: install the Debian package help2man"
	make -C "$top" -s man OUTPUT="$work/out"
	man=$work/out/run_all.sh.1
	[ -z "$(man -l --warnings -E UTF-8 -Tutf8 -Z "$man" 2>&1 > /dev/null)" ]
	man -l "$man" | col -b > "$work/text"
	for option in $("$tree/run_all.sh" -h | grep -oE -- '(^|[ (])--[a-z-]+' | tr -d ' ('); do
		grep -q -- "$option" "$work/text" || { echo "no $option"; false; }
	done
	run "$tree/run_all.sh" --version
	exits 0
	says "^run_all.sh \(secmmu\) "
}
