#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# run_all.sh on this machine's own kernel, with small scripts as test programs.

bats_require_minimum_version 1.5.0

setup() {
	load runner.bash
	runner_setup
}

@test "passing programs: exit 0, one result per case, table and folder at the end" {
	good_program demo a_test
	good_program other b_test
	runner
	exits 0
	results_are_valid
	[ "$(count_results)" -eq 4 ]
	result demo/a_test:one PASS '"seconds": 0.250, "seed": "0x11"'
	says "ok 4 here other/b_test:two"
	says "1..4"
	says "here +4 +0"
	[ "${lines[-1]}" = "results: $results" ]
	grep -q '^not ok\|^ok 1 ' "$results/ktap"
}

@test "a failing case: exit 1, its reason, the command that replays it, its log" {
	good_program demo a_test
	bad_program demo b_test
	runner
	exits 1
	results_are_valid
	result demo/b_test:one FAIL 'page 7 is missing from the log'
	result demo/b_test:two PASS
	says "FAIL +here +demo/b_test:one"
	says "replay: ./run_all.sh -t demo/b_test:one --seed 0x11"
	grep -q 'page 7' "$results/here/boot-1/002-demo-b_test.log"
}

@test "the replay command replays: same program, case and seed" {
	program demo a_test <<- 'END'
	echo "$*" >> args
	printf 'TAP version 13\n# seed: %s\n1..1\n# reason: no\nnot ok 1 one\n' 0xabc
	exit 1
	END
	runner
	replay=$(sed -n 's/^ *replay: //p' "$results/summary")
	cd "$tree"
	run $replay --results "$work/again"
	exits 1
	[ "$(tail -n 1 "$SECMMU_SUITE/args")" = "--mode check --seed 0xabc --case one" ]
}

@test "bad usage is 64 and says what is wrong" {
	good_program demo a_test
	for words in --nonsense "-o" "-o 0" "-o x" "--repeat -3" "--seed 0xg" "--seed" "--vm" "--vm amd64-6.12," \
		"--vm amd64" "--vm mips-6.1" "--vm amd64-6.1:npt=7" "--vm npt=0" "--append x" "--prove" \
		"--kernel /does/not/exist" "--modules /tmp" "--kernel /bin/sh --vm amd64-6.12" "--all=1" "-S a:b" file; do
		run "$tree/run_all.sh" $words
		exits 64
		says "^run_all: ...*"
		says "--help"
	done
	[ ! -e "$tree/results" ]
}

@test "-h fits on a screen" {
	run "$tree/run_all.sh" -h
	exits 0
	[ "${#lines[@]}" -le 48 ]
}

@test "-l lists, with -c and -t" {
	good_program demo a_test
	good_program other b_test
	echo "demo speed_bench bench" >> "$SECMMU_SUITE/secmmu-tests.list"
	run "$tree/run_all.sh" -l
	exits 0
	[ "$output" = $'demo/a_test\nother/b_test' ]
	run "$tree/run_all.sh" -l -c other
	[ "$output" = other/b_test ]
	run "$tree/run_all.sh" -l -t '*bench'
	[ "$output" = demo/speed_bench ]
}

@test "-t, -c and -S choose; options reach the programs" {
	for name in a b c; do
		program demo ${name}_test <<- 'END'
		echo "${0##*/} $*" >> args
		printf '1..1\nok 1 one\n'
		END
	done
	good_program other d_test
	runner -t 'demo/[ab]_test' -t 'c_test:on*' -t 'c_test:x' -S b_test --seed 7 --stress --duration 3 --option '--vcpus 2'
	exits 0
	diff "$SECMMU_SUITE/args" - <<- 'END'
	a_test --mode stress --duration 3 --vcpus 2 --seed 7
	c_test --mode stress --duration 3 --vcpus 2 --seed 7 --case on*
	c_test --mode stress --duration 3 --vcpus 2 --seed 7 --case x
	END
	[ "$(count_results)" -eq 3 ]
}

@test "-d says what would be run, and runs nothing" {
	program demo a_test <<< 'touch ran'
	runner -d
	exits 0
	says "demo a_test --mode check --seed 0x"
	[ ! -e "$SECMMU_SUITE/ran" ]
	[ ! -e "$results" ]
}

@test "nothing chosen, and nothing run, is 3" {
	program demo a_test <<- 'END'
	echo '1..0 # SKIP needs /dev/kvm: modprobe kvm'
	exit 4
	END
	echo 'here *' > "$tree/vm/expected-skips"
	runner
	exits 3
	says "NOTHING RAN"
	result demo/a_test SKIP 'needs /dev/kvm: modprobe kvm'
	rm -r "$results"
	runner -t no_such_test
	exits 3
	says "no program"
}

@test "no built programs is 3, and says what to do" {
	export SECMMU_SUITE=$work/nowhere
	runner
	exits 3
	says "run make"
}

@test "a skip that is not listed fails the run; one that is listed does not" {
	program demo a_test <<- 'END'
	printf '1..3\nok 1 one\nok 2 two # SKIP needs a lake: dig\nok 3 three # SKIP needs a sea: dig more\n'
	END
	printf '# comment\nhere  demo/a_test:two  needs a lake\nhere demo/a_test:three needs an ocean\n' > "$tree/vm/expected-skips"
	runner
	exits 1
	result demo/a_test:two SKIP '"expected": true'
	result demo/a_test:three SKIP '"expected": false'
	says "SKIP \(unexpected\) +here +demo/a_test:three"
	says_not "unexpected\) +here +demo/a_test:two"
	echo 'here demo/*:three' >> "$tree/vm/expected-skips"
	rm -r "$results"
	runner
	exits 0
}

@test "a program that hangs is a TIMEOUT with what it was at; the next still runs" {
	program demo a_test <<- 'END'
	printf '1..2\n# case: one\nok 1 one\n# case: two\n'
	trap '' TERM
	sleep $NAP &
	setsid sleep $NAP
	END
	good_program demo b_test
	runner -o 5
	exits 1
	results_are_valid
	result demo/a_test:one PASS
	result demo/a_test TIMEOUT 'not done after 5 s, in case two'
	result demo/b_test:two PASS
	gone "sleep $NAP"
}

@test "a case's own timeout is a TIMEOUT" {
	program demo a_test <<- 'END'
	printf '1..1\n# reason: timeout after 60 s: vcpu 1 was in KVM_RUN\nnot ok 1 one\n'
	exit 1
	END
	runner
	exits 1
	result demo/a_test:one TIMEOUT 'vcpu 1 was in KVM_RUN'
	[ "$(count_results)" -eq 1 ]
}

@test "ways of a program to go wrong" {
	program demo a_test <<< 'printf "1..2\nok 1 one\n"; kill -SEGV $$'
	program demo b_test <<< 'printf "1..3\nok 1 one\n"'
	program demo c_test <<< 'printf "1..1\nok 1 one\n"; exit 2'
	program demo d_test <<< 'exit 0'
	program demo e_test <<< 'printf "e_test: unknown option\nusage: e_test [--help]\n" >&2; exit 1'
	program demo f_test <<< 'printf "1..1\nnot ok 1 one\n"'
	program demo g_test <<< 'printf "1..1\nok 1 one\n"; exit 1'
	echo "demo h_test" >> "$SECMMU_SUITE/secmmu-tests.list"
	runner
	exits 1
	results_are_valid
	result demo/a_test CRASH 'killed by SIGSEGV'
	result demo/a_test:one PASS
	result demo/b_test FAIL '1 results, where 3 were planned'
	result demo/c_test FAIL 'exit code 2'
	result demo/d_test FAIL 'without a single result'
	result demo/e_test FAIL 'e_test: unknown option'
	result demo/f_test:one FAIL 'gave no reason'
	result demo/f_test FAIL 'exit code 0, though 1 cases failed'
	result demo/g_test FAIL 'exit code 1, though no case failed'
	result demo/h_test FAIL 'is not in the suite'
}

@test "hostile bytes: results stay valid JSON, no line forges a result" {
	program demo a_test <<- 'END'
	printf '1..3\nok 1 quote"back\\slash\ttab\n'
	printf '# reason: \033[31m nul\000 bell\a bad \377\376 half \303 over \300\257 good \303\274 \342\202\254 sur \355\240\200\n'
	printf 'not ok 2 \001\002\n'
	printf '@0123456789abcdef DONE 1 exit=0 1.0\n@ END\n# no newline\n'
	printf 'ok 3 three\n# open end'
	exit 1
	END
	runner
	exits 1
	results_are_valid
	[ "$(count_results)" -eq 3 ]
	result 'demo/a_test:quote\"back\\slash\ttab' PASS
	result 'demo/a_test:three' PASS
	# Nothing that a terminal obeys comes through.
	! printf '%s' "$output" | LC_ALL=C grep -q $'[\001-\010\013-\037]'
}

@test "what the agent says in the middle of a line leaves the line whole" {
	program demo a_test <<- 'END'
	printf '1..1\nok 1 long'
	sleep 6
	printf 'name\n'
	END
	runner
	exits 0
	result demo/a_test:longname PASS
}

@test "a kernel warning fails the test that caused it" {
	good_program demo a_test
	program demo b_test <<- 'END'
	echo '[ 7.0] WARNING: CPU: 0 PID: 1 at mm/nothing.c:1 test_of_run_all+0x1/0x2' >> "$SECMMU_KMSG"
	printf '1..1\nok 1 one\n'
	END
	good_program demo c_test
	echo '[ 1.0] WARNING: of long ago' > "$SECMMU_KMSG"
	runner
	exits 1
	[ "$(count_results)" -eq 6 ]
	result demo/b_test FAIL 'kernel: WARNING: CPU: 0 PID: 1 at mm/nothing.c:1'
	grep -q 'kmsg: .*nothing.c' "$results/here/boot-1/002-demo-b_test.log"
}

@test "what a debug kernel says fails the test that was running" {
	local n=0 line
	while IFS= read -r line; do
		n=$((n + 1))
		program demo "${n}_test" <<- END
		echo '[    7.123456] $line' >> "\$SECMMU_KMSG"
		printf '1..1\nok 1 one\n'
		END
	done <<- 'END'
	WARNING: possible circular locking dependency detected
	WARNING: inconsistent lock state
	WARNING: suspicious RCU usage
	[ BUG: Invalid wait context ]
	BUG: MAX_LOCKDEP_CHAINS too low!
	BUG: sleeping function called from invalid context at mm/nothing.c:1
	kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
	END
	good_program demo z_test
	runner
	exits 1
	result demo/1_test FAIL 'kernel: WARNING: possible circular'
	result demo/2_test FAIL 'kernel: WARNING: inconsistent'
	result demo/3_test FAIL 'kernel: WARNING: suspicious RCU'
	result demo/4_test FAIL 'kernel: \[ BUG: Invalid wait'
	result demo/5_test FAIL 'kernel: BUG: MAX_LOCKDEP_CHAINS'
	result demo/6_test FAIL 'kernel: BUG: sleeping function'
	result demo/7_test FAIL 'kernel: kmemleak: 2 new suspected'
	result demo/z_test:one PASS
}

@test "a test that switches lockdep off fails, and what follows is said to be unchecked" {
	export SECMMU_LOCKDEP_STATS=$work/lockdep_stats
	printf ' lock-classes: 5 [max: 8192]\n debug_locks:                  1\n' > "$SECMMU_LOCKDEP_STATS"
	good_program demo a_test
	program demo b_test <<- 'END'
	sed -i 's/1$/0/' "$SECMMU_LOCKDEP_STATS"
	printf '1..1\nok 1 one\n'
	END
	good_program demo c_test
	runner
	exits 1
	result demo/a_test:one PASS
	result demo/b_test FAIL 'lockdep has switched itself off'
	result demo/c_test:one PASS
	says "lockdep is off since demo/b_test"
	rm -r "$results"
	runner
	says "lockdep was off before the first test"
}

@test "a damaged kernel is a CRASH, and here nothing more is run on it" {
	program demo a_test <<- 'END'
	echo '[ 7.0] BUG: KASAN: use-after-free in test_of_run_all+0x1/0x2' >> "$SECMMU_KMSG"
	printf '1..1\nok 1 one\n'
	END
	good_program demo b_test
	runner
	exits 1
	[ "$(count_results)" -eq 2 ]
	result demo/a_test CRASH 'BUG: KASAN: use-after-free'
	says "the remaining tests were not run"
}

@test "--repeat: every round, each with a seed of its own; the same with --seed" {
	program demo a_test <<- 'END'
	echo "$4" >> seeds
	printf '1..1\nok 1 one\n'
	END
	runner --repeat 3
	exits 0
	[ "$(count_results)" -eq 3 ]
	[ "$(sort -u "$SECMMU_SUITE/seeds" | wc -l)" -eq 3 ]
	rm -r "$results" "$SECMMU_SUITE/seeds"
	runner --repeat 3 --seed 5
	[ "$(sort -u "$SECMMU_SUITE/seeds")" = 5 ]
}

@test "--until-fail ends at the first failure; a known one is none" {
	program demo a_test <<- 'END'
	echo x >> rounds
	if [ "$(wc -l < rounds)" -eq 3 ]; then
		printf '1..1\n# reason: known one\nnot ok 1 one\n'
		exit 1
	fi
	if [ "$(wc -l < rounds)" -eq 5 ]; then
		printf '1..1\n# reason: other one\nnot ok 1 one\n'
		exit 1
	fi
	printf '1..1\nok 1 one\n'
	END
	printf 'test: *\ntarget: *\nkernel: *\nfingerprint: known one\nreason: y\n' > "$tree/known-failures"
	runner --until-fail
	exits 1
	[ "$(count_results)" -eq 5 ]
	result demo/a_test:one KNOWN
	result demo/a_test:one FAIL 'other one'
}

@test "a results folder that has results is not written over" {
	good_program demo a_test
	runner
	exits 0
	runner
	exits 64
	says "already has results"
}

# interrupt SIGNAL: starts run_all.sh on a hanging program, and interrupts it.
interrupt() {
	program demo b_test <<- 'END'
	printf '1..2\n# case: one\nok 1 one\n# case: two\n'
	sleep $NAP &
	touch begun
	sleep $NAP
	END
	good_program demo c_test
	# In the background SIGINT would be ignored, and what is ignored from the
	# beginning cannot be trapped.
	env --default-signal=INT,TERM,HUP "$tree/run_all.sh" --results "$results" > "$work/output" 2>&1 &
	pid=$!
	wait_for "$SECMMU_SUITE/begun"
	kill -"$1" "$pid"
	status=0
	wait "$pid" || status=$?
	output=$(cat "$work/output")
}

@test "Ctrl-C: no process is left, what was done is printed" {
	good_program demo a_test
	for signal in INT TERM HUP; do
		rm -rf "$results" "$SECMMU_SUITE/begun"
		interrupt $signal
		exits 3
		says "interrupted"
		results_are_valid
		result demo/a_test:two PASS
		result demo/b_test:one PASS
		says "results: $results"
		gone "sleep $NAP"
		gone "$results"
	done
}

@test "killed: the runner's children go, too" {
	program demo b_test <<- 'END'
	sleep $NAP &
	touch begun
	sleep $NAP
	END
	setpriv --pdeathsig TERM true || skip "needs setpriv --pdeathsig: install util-linux 2.33 or newer"
	"$tree/run_all.sh" --results "$results" > "$work/output" 2>&1 &
	pid=$!
	wait_for "$SECMMU_SUITE/begun"
	kill -KILL "$pid"
	wait "$pid" || :
	gone "sleep $NAP"
	gone "$results"
}

@test "not root: programs run, and it is said what is not seen" {
	[ "$(id -u)" = 0 ] || skip "needs root, to become nobody: run it as root"
	program demo a_test <<- 'END'
	[ "$(id -u)" != 0 ] || exit 1
	printf '1..2\nok 1 one\nok 2 two # SKIP needs root: run it as root\n'
	END
	echo 'here *' > "$tree/vm/expected-skips"
	mkdir "$results"
	chmod 777 "$results"
	folder=$work
	while [ "$folder" != / ]; do
		chmod a+x "$folder"
		folder=$(dirname "$folder")
	done
	unset SECMMU_KMSG
	run setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent "$tree/run_all.sh" --results "$results"
	exits 0
	says "kernel messages cannot be read \(needs root\)"
	result demo/a_test:two SKIP 'needs root: run it as root'
}

@test "settings in the journal of a killed program are put back, others are not" {
	[ -w /proc/sys/vm/nr_overcommit_hugepages ] || skip "needs root, to change a setting: run it as root"
	before=$(cat /proc/sys/vm/nr_overcommit_hugepages)
	swappiness=$(cat /proc/sys/vm/swappiness)
	program demo a_test <<- END
	printf '/proc/sys/vm/nr_overcommit_hugepages %s\n\n' $before > "\$SECMMU_SETTINGS"
	printf '/proc/sys/vm/nr_overcommit_hugepages %s\n\n' $((before + 1)) >> "\$SECMMU_SETTINGS"
	printf '/sys/../proc/sys/vm/swappiness 1\nproc/sys/vm/swappiness 1\n$work/swappiness 1\n' >> "\$SECMMU_SETTINGS"
	echo $((before + 2)) > /proc/sys/vm/nr_overcommit_hugepages
	echo $((swappiness + 1)) > /proc/sys/vm/swappiness
	printf '1..1\nok 1 one\n'
	kill -KILL \$\$
	END
	runner
	exits 1
	now=$(cat /proc/sys/vm/swappiness)
	echo "$swappiness" > /proc/sys/vm/swappiness
	[ "$now" = $((swappiness + 1)) ]
	[ "$(cat /proc/sys/vm/nr_overcommit_hugepages)" = "$before" ]
	says "put /.*hugepages back to '$before'"
	[ ! -e "$work/swappiness" ]
}

@test "the machine: capabilities first, with what is missing and how to get it; facts beside the results" {
	good_program demo a_test
	runner
	exits 0
	says "# NUMA nodes +[0-9m]"
	[[ ${output%%ok 1 *} == *"# THP "* ]]
	grep -q "^uname=$(uname -s) $(uname -r)" "$results/here/boot-1/facts"
	grep -q '^cmdline=.' "$results/here/boot-1/facts"
	grep -qE '^tainted=[0-9]+$' "$results/here/boot-1/facts"
	rm -r "$results"
	runner -q
	says_not "NUMA nodes"
}

@test "two results of one name fail the program" {
	program demo a_test <<< 'printf "1..3\nok 1 one\nok 2 two\nok 3 one\n"'
	runner
	exits 1
	result demo/a_test FAIL 'two results have the name one'
}

@test "what a benchmark measures stands with its result; only whole objects do" {
	program demo a_bench <<- 'END'
	printf '1..2\n# json: {"bench": "x", "rate": 5}\n# json: {"bench": "y", "rate": 6}\nok 1 one\n'
	printf '# json: {"bench": {"a": 1}}\n# json: {"bench": "z"\nok 2 two\n'
	END
	runner -t a_bench
	exits 0
	results_are_valid
	result demo/a_bench:one PASS '"measures": \[\{"bench": "x", "rate": 5\}, \{"bench": "y", "rate": 6\}\]'
	[ "$(grep -c measures "$results/results.jsonl")" -eq 1 ]
}

@test "the suite is changed while it runs, as by a git pull: said, as a reason too" {
	program demo a_test <<< "echo '# a new one' >> $tree/runner/text.awk; printf '1..1\nok 1 one\n'"
	good_program demo b_test
	runner
	exits 0
	says "the suite was changed while this ran, runner/text.awk: the results may be of both"
	rm -rf "$results"
	program demo a_test <<< "rm $tree/vm/splats; touch $tree/vm/agent $tree/runner/trim.awk; kill -KILL \$PPID; printf '1..1\nok 1 one\n'"
	runner
	exits 1
	says "the suite was changed while this ran, .* and 1 more: that may be why"
	rm -rf "$results"
	good_program demo a_test
	runner
	says_not "was changed"
}

@test "much that the kernel said is not silence, though its marker is overwritten" {
	n=1 nonce=7 quick=1 marker='secmmu: 7 test 1 x'
	here=$top/vm
	# shellcheck source=vm/health
	. "$top/vm/health"
	kmsg=/dev/null
	said() # LINE...
	{
		printf '<6>[ 1.0] %s\n' "$@" "secmmu: 7 end of test 1" > "$BATS_TEST_TMPDIR/said"
		began=0
		silent_since "$marker" 5< "$BATS_TEST_TMPDIR/said"
	}
	said "$marker"
	said 'of nobody' "$marker"
	run ! said "$marker" 'WARNING: x'
	run ! said 'of test 1'
}
