#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# run_all.sh that is killed, interrupted, out of disk space or taken down with its
# machine: no result is lost or counted twice, nothing is left, --resume finishes.
# KILLS=N: how often the last test kills it (at random times, from KILL_SEED);
# KILL_LOG=FILE: gets a line for each.

bats_require_minimum_version 1.5.0

setup() {
	load runner.bash
	runner_setup
	unset FAKE_BOOTS
}

# begin OPTION...: starts run_all.sh in a session of its own.
begin() {
	setsid "$tree/run_all.sh" --results "$results" "$@" > "$work/output" 2>&1 &
	pid=$!
}

# kill_hard WHO: SIGKILL for what there is of run_all.sh (all: of its session, not
# what it has started), or of the machine.
kill_hard() {
	local -a processes

	case $1 in
	runner) processes=("$pid") ;;
	all) mapfile -t processes < <(pgrep -s "$pid" -f "$tree/run_all.sh") ;;
	machine) mapfile -t processes < <(pgrep -f -- "fake-boot.*$results/") ;;
	esac
	[ "${#processes[@]}" -eq 0 ] || kill -KILL "${processes[@]}" 2> /dev/null || :
}

resume() {
	run "$tree/run_all.sh" --resume "$results"
}

@test "killed in the middle of a program: --resume goes on behind its last result" {
	good_program demo a_test
	walking_program demo b_test 4 "if [ \$i = 3 ] && [ ! -e $work/go ]; then touch $work/begun; sleep $NAP; fi"
	good_program other c_test
	begin
	wait_for "$work/begun"
	kill_hard all
	gone "$results"
	gone "sleep $NAP"
	touch "$work/go"
	resume
	exits 0
	results_are_valid
	each_once demo/b_test 4
	[ "$(count_results)" -eq 8 ]
	says "going on with line 2 of 3, after case c2"
	says "here +8 +0"
	# KTAP is whole again, and numbered.
	[ "$(grep -c '^ok ' "$results/ktap")" -eq 8 ]
	grep -q '^ok 8 here other/c_test:two' "$results/ktap"
	[ "$(tail -n 1 "$results/ktap")" = 1..8 ]
	# There is nothing more to do.
	resume
	exits 0
	[ "$(count_results)" -eq 8 ]
}

@test "interrupted, then --resume: with the options of the run, in a target too" {
	walking_program demo a_test 3 "[ \$i != 2 ] || [ -e $work/go ] || { touch $work/begun; sleep $NAP; }; echo \"\$*\" >> $work/args"
	export SECMMU_VM_BOOT=$top/tests/fake-boot
	begin --vm amd64-6.1,amd64-6.12 --stress --duration 7 --seed 0x77
	wait_for "$work/begun"
	kill -TERM "$pid"
	wait "$pid" || [ $? -eq 3 ]
	[ "$(count_results)" -eq 1 ]
	touch "$work/go"
	resume
	exits 0
	[ "$(count_results)" -eq 6 ]
	says "amd64-6.1 +3 +0"
	says "amd64-6.12 +3 +0"
	grep -q 'mode stress --duration 7 --seed 0x77' "$results/amd64-6.12/job/list"
}

@test "this machine went down: the case that ran is a CRASH, the rest goes on" {
	walking_program demo a_test 3 "[ \$i != 2 ] || [ -e $work/go ] || { touch $work/begun; sleep $NAP; }"
	begin
	wait_for "$work/begun"
	kill_hard all
	gone "$results"
	sed -i 's/^boot_id	.*/boot_id	another/' "$results/here/state"
	touch "$work/go"
	resume
	exits 1
	each_once demo/a_test 3
	result demo/a_test:c2 CRASH 'the machine went down'
	result demo/a_test:c3 PASS
}

@test "results that no state knows of, and half a line, are no results" {
	walking_program demo a_test 2
	good_program demo b_test
	runner
	exits 0
	# As if it had been killed behind the first program's results.
	sed -i -e 's/^count_all	.*/count_all	2/' -e 's/^count_PASS	.*/count_PASS	2/' -e 's/^last_done	.*/last_done	1/' \
		-e '/^finished/d' -e 's/^ended	.*/ended	0/' "$results/here/state"
	sed -i "s/^consumed	.*/consumed	$(stat -c %s "$results/here/boot-1/stream")/" "$results/here/state"
	printf '{"name": "demo/b_test:on' >> "$results/results.jsonl"
	resume
	exits 0
	results_are_valid
	[ "$(count_results)" -eq 4 ]
}

@test "--resume of what is no run, or with other options, is wrong usage" {
	run "$tree/run_all.sh" --resume "$work"
	exits 64
	run "$tree/run_all.sh" --resume "$work/nowhere"
	exits 64
	run "$tree/run_all.sh" --resume
	exits 64
	good_program demo a_test
	runner
	run "$tree/run_all.sh" --resume "$results" --all
	exits 64
}

@test "a full disk: it ends and says so; with room again --resume finishes" {
	[ "$(id -u)" = 0 ] || skip "needs root, to mount a small tmpfs: run it as root"
	disk=$work/disk
	mkdir "$disk"
	mount -t tmpfs -o size=2m tmpfs "$disk" || skip "needs mount: run it where that is allowed"
	results=$disk/results
	walking_program demo a_test 3
	program demo b_test <<- END
	printf '1..1\n'
	[ -e "$work/go" ] || dd if=/dev/zero of="$disk/fill" bs=64k 2> /dev/null
	printf 'ok 1 one\n'
	END
	walking_program demo c_test 3
	export SECMMU_VM_BOOT=$top/tests/fake-boot
	runner --vm amd64-6.12
	touch "$work/go"
	rm -f "$disk/fill"
	first=$status$output
	resume
	second=$status
	each_once demo/a_test 3 && each_once demo/c_test 3 && results_are_valid || second=lost
	umount "$disk"
	[[ $first == 3*"disk full"*"--resume"* ]] || { echo "$first"; false; }
	[ "$second" = 0 ]
}

@test "killed at random, again and again: each result once, nothing is left" {
	RANDOM=${KILL_SEED:-4711}
	for name in a b c; do
		walking_program demo ${name}_test 4 "read -t 0.1 _ < /dev/null; busy=\$(seq 2000)"
	done
	export SECMMU_VM_BOOT=$top/tests/fake-boot
	who=(runner all machine)
	for ((n = 0; n < ${KILLS:-6}; n++)); do
		rm -rf "$results"
		if ((RANDOM % 2)); then
			begin --vm amd64-6.12
		else
			begin
		fi
		printf -v nap '%d.%03d' $((RANDOM % 3)) $((RANDOM % 1000))
		sleep "$nap"
		victim=${who[RANDOM % 3]}
		kill_hard "$victim"
		if [ "$victim" = machine ]; then
			wait "$pid" || :
		else
			gone "$results"
		fi
		# It may have been killed before it had begun anything.
		if [ ! -e "$results/options" ]; then
			continue
		fi
		resume
		[ "$status" -eq 0 ] || { echo "kill $n of $victim after $nap s: $output"; false; }
		for name in a b c; do
			each_once demo/${name}_test 4 || { echo "kill $n of $victim after $nap s"; false; }
		done
		results_are_valid
		echo "kill $n of $victim after $nap s: whole" >> "${KILL_LOG:-/dev/null}"
	done
	gone "$results"
	[ -z "$(find "$results" -name 'room' -o -name '*.new')" ]
}

# running_state: waits until the agent has written which program runs; sets state to
# the folder and session to the program's.
running_state() {
	wait_for "$work/begun"
	state=$results/here/boot-1/job/state
	for ((i = 0; i < 100; i++)); do
		read -r number session _ < "$state/current" || :
		[ "$number" != 1 ] || [ "${session:-0}" = 0 ] || return 0
		sleep 0.1
	done
	return 1
}

@test "the agent's state: replaced as a whole, and what does not parse is no deadline" {
	program demo a_test <<- END
	printf '1..1\n'
	touch $work/begun
	while [ ! -e $work/go ]; do sleep 0.1; done
	printf 'ok 1 one\n'
	END
	begin
	running_state
	exec 9< "$state/current"
	for text in "" "1 $session" "1 $session " "1 $session -5" "1 $session x" "1  "; do
		printf '%s' "$text" > "$state/half"
		mv "$state/half" "$state/current"
		sleep 2.2
	done
	touch "$work/go"
	wait "$pid"
	[ "$(cut -d ' ' -f 1-2 <&9)" = "1 $session" ]
	exec 9<&-
	run ! grep -q TIMEOUT "$results/here/boot-1/stream"
	result demo/a_test:one PASS
}

@test "killed while it begins: what --resume reads is whole or not there" {
	cat > "$work/begin" <<- 'END'
	source "$1/runner/suite.sh" && source "$1/runner/resume.sh" && source "$1/runner/compare.sh"
	# As if it were killed behind the first line of each file.
	printf() { builtin printf "$@"; kill -KILL $BASHPID; }
	base_seed=1 invocation=(--vm amd64-6.12) results=$2
	(save_options)
	[[ ! -e $2/options ]] || exit 1
	rounds=3 shard='' prove='' selection='' job_settings='' until_fail=''
	round_list() { echo "demo a_test"; [[ -e $2 ]] || :; }
	sed() { kill -KILL $BASHPID; }
	cp() { command cp "$@"; }
	(make_job "$2/job" "" here) 2> /dev/null
	[[ ! -e $2/job/list ]]
	END
	mkdir -p "$work/begin.results"
	bash "$work/begin" "$tree" "$work/begin.results"
}
