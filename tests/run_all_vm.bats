#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# run_all.sh with targets: what it makes of a machine that dies, hangs, does not
# boot. tests/fake-boot stands in for vm/boot.

bats_require_minimum_version 1.5.0

setup() {
	load runner.bash
	runner_setup
}

boots() {
	wc -l < "$FAKE_DIE.boots"
}

# dying_program NAME CODE VERDICT: case one passes, then the machine dies.
dying_program() {
	program demo "$1" <<- END
	case "\$*" in
	*"--after two"*)
		printf '1..1\nok 1 three\n'
		exit
		;;
	esac
	printf 'TAP version 13\n# seed: 0x22\n1..3\n# case: one\nok 1 one\n# case: two\n'
	echo "$2 $3" > "$FAKE_DIE"
	sleep $NAP
	END
}

@test "all well: one boot" {
	good_program demo a_test
	runner_vm
	exits 0
	results_are_valid
	[ "$(boots)" -eq 1 ]
	result demo/a_test:one PASS '"target": "amd64-6.12"'
	says "amd64-6.12 +2 +0"
}

@test "several targets, with a variant" {
	good_program demo a_test
	SECMMU_VM_BOOT=$top/tests/fake-boot runner --vm amd64-6.1:npt=0,amd64-6.12,arm64-6.1
	exits 0
	[ "$(boots)" -eq 3 ]
	[ "$(count_results)" -eq 6 ]
	says "ok 6 arm64-6.1 demo/a_test:two"
	says "amd64-6.1:npt=0 +2 +0"
	says "1..6"
}

@test "a crash is charged to the case that ran; the rest runs in a fresh boot" {
	good_program demo a_test
	dying_program b_test 10 "kernel died: BUG: unable to handle page fault"
	good_program demo c_test
	runner_vm
	exits 1
	results_are_valid
	result demo/a_test:two PASS
	result demo/b_test:one PASS
	result demo/b_test:two CRASH 'BUG: unable to handle page fault'
	result demo/b_test:three PASS
	result demo/c_test:two PASS
	[ "$(count_results)" -eq 7 ]
	says "replay: ./run_all.sh --vm amd64-6.12 -t demo/b_test:two --seed 0x22"
	gone "sleep $NAP"
}

@test "after a crash, the program's other cases run, behind the one that crashed" {
	program demo a_test <<- END
	case "\$*" in
	*"--after two"*)
		printf '1..2\n# case: three\nok 1 three\n# case: four\nok 2 four\n'
		exit 0
		;;
	esac
	printf '1..4\n# case: one\nok 1 one\n# case: two\n'
	echo "10 kernel died: panic" > "$FAKE_DIE"
	sleep $NAP
	END
	runner_vm
	exits 1
	[ "$(count_results)" -eq 4 ]
	[ "$(boots)" -eq 2 ]
	result demo/a_test:two CRASH
	result demo/a_test:four PASS
}

@test "a program that will not go on behind its crash is left" {
	program demo a_test <<- END
	printf '1..4\n# case: one\n'
	echo "10 kernel died: panic" > "$FAKE_DIE"
	sleep $NAP
	END
	good_program demo b_test
	runner_vm
	exits 1
	[ "$(boots)" -eq 3 ]
	result demo/b_test:one PASS
}

@test "a crash of the last test needs no further boot" {
	good_program demo a_test
	program demo b_test <<- END
	printf '1..1\n# case: one\n'
	echo "10 kernel died: panic" > "$FAKE_DIE"
	sleep $NAP
	END
	runner_vm
	exits 1
	[ "$(boots)" -eq 1 ]
	result demo/b_test:one CRASH
}

@test "a crash in each test: all are charged, the run ends" {
	for name in a b c; do
		program demo ${name}_test <<- END
		printf '1..1\n# case: one\n'
		echo "10 kernel died: panic of $name" > "$FAKE_DIE"
		sleep $NAP
		END
	done
	runner_vm
	exits 1
	[ "$(boots)" -eq 3 ]
	[ "$(count_results)" -eq 3 ]
	result demo/c_test:one CRASH 'panic of c'
}

@test "a crash by a known fingerprint on the console is KNOWN; another is not" {
	program demo a_test <<- END
	printf '1..1\n# case: one\n'
	echo "10 kernel died: BUG in function_x+0x12/0x34" > "$FAKE_DIE"
	sleep $NAP
	END
	good_program demo b_test
	printf 'test: demo/a_test*\ntarget: amd64-6.12\nkernel: *\nstatus: CRASH\nfingerprint: function_x\nreason: y\n' > "$tree/known-failures"
	runner_vm
	exits 0
	result demo/a_test:one KNOWN
	sed -i s/function_x/function_y/ "$tree/known-failures"
	rm -r "$results"
	runner_vm
	exits 1
	result demo/a_test:one CRASH
}

@test "the emulator's own fault: booted again, the test has no result of it" {
	program demo a_test <<- END
	printf '1..2\n# case: one\nok 1 one\n# case: two\n'
	echo x >> "$work/tries"
	if [ "\$(wc -l < "$work/tries")" -lt 3 ]; then
		echo "11 emulator's own fault: int3" > "$FAKE_DIE"
		sleep $NAP
	fi
	printf 'ok 2 two\n'
	END
	runner_vm
	exits 0
	[ "$(boots)" -eq 3 ]
	[ "$(count_results)" -eq 2 ]
	says "the emulator's own fault"
	says "booting again"
}

@test "the emulator's own fault for the third time: infrastructure, the rest runs" {
	program demo a_test <<- END
	echo "11 emulator's own fault: int3" > "$FAKE_DIE"
	sleep $NAP
	END
	good_program demo b_test
	runner_vm
	exits 3
	[ "$(boots)" -eq 4 ]
	[ "$(count_results)" -eq 2 ]
	says "the emulator failed three times"
}

@test "no boot and no QEMU are 3 and tried once; 125 in a bisection" {
	good_program demo a_test
	for code in 10 12 13 64; do
		rm -rf "$results" "$FAKE_DIE.boots"
		FAKE_CODE=$code runner_vm
		exits 3
		[ "$(boots)" -eq 1 ]
		says "as FAKE_CODE wants it"
		rm -rf "$results"
		FAKE_CODE=$code runner_vm --bisect
		exits 125
	done
}

@test "an emulator that never gets anywhere ends" {
	good_program demo a_test
	FAKE_CODE=11 runner_vm
	exits 3
	[ "$(boots)" -eq 3 ]
}

@test "a machine that ends in the middle, without a word, is a CRASH" {
	dying_program a_test 0 ""
	runner_vm
	exits 1
	result demo/a_test:two CRASH 'ended in the middle'
}

@test "--bisect on a target: good, bad by a failure, bad by a crash" {
	good_program demo good_test
	bad_program demo bad_test
	dying_program crash_test 10 "kernel died: panic"
	runner_vm --bisect -t good_test
	exits 0
	rm -r "$results"
	runner_vm --bisect -t bad_test
	exits 1
	rm -r "$results"
	runner_vm --bisect -t crash_test
	exits 1
}

@test "the agent by busybox: results, a hang, leftovers" {
	command -v busybox > /dev/null || skip "needs busybox: install the Debian package busybox-static"
	good_program demo a_test
	program demo b_test <<- 'END'
	printf '1..1\n# case: one\n'
	trap '' TERM
	sleep $NAP &
	setsid sleep $NAP
	END
	program demo c_test <<< 'printf "1..1\nok 1 one\n"; kill -SEGV $$'
	program demo d_test <<< 'printf "1..1\nok 1 one\n# --glob %s\n" "$*"'
	FAKE_SHELL="busybox sh" runner_vm -o 5 --option '--glob x*'
	exits 1
	results_are_valid
	[ "$(count_results)" -eq 6 ]
	result demo/a_test:two PASS
	result demo/b_test TIMEOUT
	result demo/c_test CRASH 'killed by SIGSEGV'
	grep -q -e '--glob x[*]' "$results"/*/boot-1/004-demo-d_test.log
	gone "sleep $NAP"
}

# A prove.sh that has three lines: a good one, one that is not noticed, and one
# that cannot be tried.
fake_prove() {
	mkdir -p "$tree/prove" "$SECMMU_SUITE/prove"
	cat > "$tree/prove/prove.sh" <<- 'END'
	#!/bin/sh
	case $1 in
	--list)
		printf 'noticed\tprogram\twhy\nmissed\tprogram\twhy\nimpossible\tprogram\twhy\nnoticed\tprogram\tagain\n'
		exit
		;;
	esac
	# --suite DIR --line ID --with|--without
	printf 'TAP version 13\n1..1\n'
	case $4$5 in
	noticed--with)
		printf '# reason: lost\nnot ok 1 one\n'
		echo "# prove: id=$4 applied=7 detected=yes seconds=1.52 since_applied=0.40 status=1"
		echo "# prove: id=$4 noticed: lost"
		;;
	missed--with)
		echo "# prove: id=$4 applied=7 detected=no seconds=9.00 since_applied=8.00 status=0"
		echo "# prove: id=$4: the program did not notice"
		exit 1
		;;
	impossible*)
		echo "# prove: cannot: the function is inlined"
		exit 4
		;;
	*)
		printf 'ok 1 one\n'
		echo "# prove: id=$4 applied=0 detected=no seconds=1.00 since_applied=none status=0"
		;;
	esac
	END
	chmod +x "$tree/prove/prove.sh"
	cp "$tree/prove/prove.sh" "$SECMMU_SUITE/prove/"
	: > "$SECMMU_SUITE/secmmu-tests.list"
}

@test "--prove: each line without and with, the table of times; what is not noticed fails" {
	fake_prove
	runner_vm --prove -t noticed
	exits 0
	results_are_valid
	[ "$(count_results)" -eq 2 ]
	result prove/noticed:without PASS
	result prove/noticed:with PASS '"detected": "yes", "detection_seconds": "1.52"'
	says "amd64-6.12 +noticed +passes +fails +1.52 s +0.40 s"
	rm -r "$results"
	runner_vm --prove
	exits 1
	# Before the three lines, the module itself.
	[ "$(count_results)" -eq 7 ]
	result prove/self-check:without PASS
	result prove/missed:without PASS
	result prove/missed:with FAIL 'did not notice'
	result prove/impossible:with SKIP 'cannot: the function is inlined'
	says "amd64-6.12 +missed +passes +FAIL +- +-"
	says "replay: ./run_all.sh --vm amd64-6.12 --prove -t prove/missed:with"
	rm -r "$results"
	runner_vm --prove -S missed -S 'prove/imp*' -S self-check
	exits 0
	[ "$(count_results)" -eq 2 ]
}

@test "--prove: what damages the kernel comes after the other lines, and nothing after it in its boot" {
	fake_prove
	for file in "$tree/prove/prove.sh" "$SECMMU_SUITE/prove/prove.sh"; do
		sed -i 's/printf .noticed.*/printf "noticed\\tprogram\\twhy\\tdamages\\nimpossible\\tprogram\\twhy\\tdamages\\nmissed\\tprogram\\twhy\\n"/' "$file"
	done
	runner_vm --prove -S self-check
	[ "$(count_results)" -eq 6 ]
	run cut -d ' ' -f 2,3 "$results"/*/boot-1/job/list
	[ "$output" = $'missed --without\nmissed --with\nnoticed --without\nnoticed --with\nimpossible --without\nimpossible --with' ]
	grep -qx to=4 "$results"/*/boot-1/job/settings
	grep -qx from=5 "$results"/*/boot-2/job/settings
	[ ! -e "$(echo "$results"/*/boot-3)" ]
}

@test "the agent's own stop, read before the machine is off, is no second crash" {
	program demo a_test <<- 'END'
	echo '[ 7.0] BUG: KASAN: use-after-free in test_of_run_all+0x1/0x2' >> "$SECMMU_KMSG"
	printf '1..1\nok 1 one\n'
	END
	FAKE_LINGER='^stop.*damaged' runner_vm
	exits 1
	[ "$(count_results)" -eq 2 ]
	result demo/a_test CRASH 'BUG: KASAN: use-after-free'
}

@test "Ctrl-C with a target: no process is left" {
	program demo a_test <<- 'END'
	touch begun
	sleep $NAP
	END
	# What is ignored from the beginning, as in the background, cannot be trapped.
	SECMMU_VM_BOOT=$top/tests/fake-boot env --default-signal=INT \
		"$tree/run_all.sh" --vm amd64-6.12 --results "$results" > "$work/output" 2>&1 &
	pid=$!
	wait_for "$SECMMU_SUITE/begun"
	kill -INT "$pid"
	status=0
	wait "$pid" || status=$?
	output=$(cat "$work/output")
	exits 3
	says "interrupted"
	gone "sleep $NAP"
	gone "$results"
}

@test "--jobs: targets at once, their results whole, numbered, and judged together" {
	walking_program demo a_test 3 "read -t 0.2 _ < /dev/null; sleep 0.2"
	bad_program demo b_test
	export SECMMU_VM_BOOT=$top/tests/fake-boot
	runner --jobs 3 --vm amd64-6.1,amd64-6.12,arm64-6.1,arm64-6.12
	exits 1
	results_are_valid
	[ "$(count_results)" -eq 20 ]
	says "arm64-6.12 +4 +1"
	[ "$(grep -cE '^(not )?ok ' "$results/ktap")" -eq 20 ]
	[ "$(grep -oE '^(not )?ok [0-9]+' "$results/ktap" | grep -oE '[0-9]+' | sort -n | uniq | wc -l)" -eq 20 ]
	says "1..20"
	# The next time what took longest comes first.
	[ "$(wc -l < "$SECMMU_CACHE/times")" -eq 4 ]
}

@test "--jobs: one target that cannot be had does not end the others; Ctrl-C ends all" {
	good_program demo a_test
	export SECMMU_VM_BOOT=$work/boot
	printf '#!/bin/bash\n[[ "$*" != *"amd64-6.1 "* ]] || exit 13\nexec %s/tests/fake-boot "$@"\n' "$top" > "$work/boot"
	chmod +x "$work/boot"
	runner --jobs 2 --vm amd64-6.1,amd64-6.12
	exits 3
	[ "$(count_results)" -eq 2 ]
	says "amd64-6.1: no QEMU"
	rm -r "$results"
	program demo b_test <<< "touch $work/begun.\$\$; sleep $NAP"
	setsid "$tree/run_all.sh" --results "$results" --jobs 2 --vm amd64-6.12,arm64-6.1 > "$work/output" 2>&1 &
	pid=$!
	for ((i = 0; i < 300; i++)); do
		[ "$(find "$work" -name 'begun.*' | wc -l)" -lt 2 ] || break
		sleep 0.1
	done
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	output=$(cat "$work/output")
	exits 3
	says "interrupted"
	gone "sleep $NAP"
	gone "$results"
	# And by --resume, each target goes on.
	program demo b_test <<< "printf '1..1\nok 1 one\n'"
	sed -i '$d' "$SECMMU_SUITE/secmmu-tests.list"
	run "$tree/run_all.sh" --resume "$results"
	exits 0
	[ "$(count_results)" -eq 6 ]
}
