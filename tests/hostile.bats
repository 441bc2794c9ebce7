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
