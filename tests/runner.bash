# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034 # output and status are bats' own
#
# What the tests of run_all.sh share: a suite of small scripts instead of test
# programs.

runner_setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	work=$BATS_TEST_TMPDIR
	results=$work/results
	export SECMMU_SUITE=$work/suite SECMMU_CACHE=$work/cache FAKE_SUITE=$work/suite FAKE_DIE=$work/die
	# How long leftovers would sleep: nobody else does for so long.
	export NAP=$((100000 + BASHPID)).$RANDOM
	unset SECMMU_VM_BOOT FAKE_CODE FAKE_SHELL SECMMU_DESTRUCTIVE
	mkdir -p "$SECMMU_SUITE"
	export SECMMU_KMSG=$work/kmsg
	: > "$SECMMU_KMSG"
	# The lists are the tests' own.
	tree=$work/tree
	mkdir -p "$tree/vm"
	cp -r "$top/run_all.sh" "$top/runner" "$tree/"
	cp "$top/vm/agent" "$top/vm/background" "$top/vm/facts" "$top/vm/health" "$top/vm/splats" "$top/vm/targets" "$tree/vm/"
	: > "$tree/known-failures"
	: > "$tree/vm/expected-skips"
	cd "$work" || return 1
}

# program AREA NAME: a test program whose text is on standard input.
program()
{
	echo "$1 $2" >> "$SECMMU_SUITE/secmmu-tests.list"
	{ echo '#!/bin/sh'; cat; } > "$SECMMU_SUITE/$2"
	chmod +x "$SECMMU_SUITE/$2"
}

good_program()
{
	program "$1" "$2" <<- 'END'
	printf 'TAP version 13\n# seed: 0x11\n1..2\n# case: one\n# seconds: 0.25\nok 1 one\n# case: two\n# seconds: 0.5\nok 2 two\n'
	END
}

bad_program()
{
	program "$1" "$2" <<- 'END'
	printf 'TAP version 13\n# seed: 0x11\n1..2\n# case: one\n# reason: page 7 is missing from the log\nnot ok 1 one\n# case: two\nok 2 two\n'
	exit 1
	END
}

runner()
{
	run "$tree/run_all.sh" --results "$results" "$@"
}

runner_vm()
{
	SECMMU_VM_BOOT=$top/tests/fake-boot runner --vm amd64-6.12 "$@"
}

# Every line of results.jsonl is JSON with the promised fields.
results_are_valid()
{
	if ! command -v python3 > /dev/null; then
		return 0
	fi
	python3 - "$results/results.jsonl" <<- 'END'
	import json, sys
	for line in open(sys.argv[1], encoding="utf-8"):
	    one = json.loads(line)
	    for key in "name target status seconds seed reason log replay".split():
	        assert key in one, (key, line)
	    assert one["status"] in "PASS FAIL SKIP CRASH TIMEOUT KNOWN".split(), line
	    assert one["seconds"] is None or one["seconds"] >= 0
	END
}

# result NAME STATUS [ERE]: there is such a result, with such a line.
result()
{
	local line

	line=$(grep -F "\"name\": \"$1\", " "$results/results.jsonl" | grep -F "\"status\": \"$2\"") || {
		echo "no result $1 $2 in:"
		cat "$results/results.jsonl"
		return 1
	}
	[[ ! ${3:-} || $line =~ $3 ]] || {
		echo "no '$3' in: $line"
		return 1
	}
}

count_results()
{
	wc -l < "$results/results.jsonl"
}

# exits CODE: the last run ended with it.
exits()
{
	[[ $status -eq $1 ]] || {
		echo "exit code $status, not $1:"
		echo "$output"
		return 1
	}
}

says()
{
	[[ $output =~ $1 ]] || {
		echo "'$1' is not in:"
		echo "$output"
		return 1
	}
}

says_not()
{
	[[ ! $output =~ $1 ]] || {
		echo "'$1' is in:"
		echo "$output"
		return 1
	}
}

# No process has this in its command line, at the latest after 20 s.
gone()
{
	local tries

	for ((tries = 0; tries < 200; tries++)); do
		pgrep -f -- "$1" > /dev/null || return 0
		sleep 0.1
	done
	pgrep -af -- "$1"
	return 1
}

# wait_for FILE: until it is there, at most 60 s.
wait_for()
{
	local tries

	for ((tries = 0; tries < 600; tries++)); do
		[[ -e $1 ]] && return 0
		sleep 0.1
	done
	echo "$1 did not come"
	return 1
}

# walking_program AREA NAME CASES [COMMAND]: one that knows --after, as those of
# the harness do; does COMMAND in each case (its number is in $i).
walking_program()
{
	program "$1" "$2" <<- END
	first=1
	while [ \$# -gt 0 ]; do
		[ "\$1" != --after ] || first=\$((\${2#c} + 1))
		shift
	done
	printf 'TAP version 13\n# seed: 0x11\n1..%d\n' \$(($3 - first + 1))
	for i in \$(seq \$first $3); do
		echo "# case: c\$i"
		${4:-:}
		echo "ok \$((i - first + 1)) c\$i"
	done
	END
}

# each_once AREA/PROGRAM CASES: every case has exactly one result.
each_once()
{
	diff <(grep -oE "\"name\": \"$1:c[0-9]+\"" "$results/results.jsonl" | sort) \
		<(for ((i = 1; i <= $2; i++)); do echo "\"name\": \"$1:c$i\""; done | sort)
}

# hostile_guest: SECMMU_VM_BOOT is a machine whose kernel may write what it likes.
# Standard input is a script, run in place of the guest: "say WORDS" writes a line of
# the agent to the stream, $stream, $console and $verdict are the files.
hostile_guest()
{
	export SECMMU_VM_BOOT=$work/hostile-guest
	{
		cat <<- 'END'
		#!/bin/bash
		while (($#)); do
			case $1 in
			--job) job=$2 ;;
			--results) results=$2 ;;
			esac
			shift 2
		done
		nonce=$(sed -n 's/^nonce=//p' "$job/settings")
		stream=$results/stream console=$results/console.log verdict=$results/verdict
		say() { printf '\n@%s %s\n' "$nonce" "$*" >> "$stream"; }
		: > "$console"
		echo boot >> "$results/../../boots"
		say HELLO 1 "release=7.2.0 arch=x86_64 cpus=2 memory_kib=1 taint=0"
		END
		cat
		echo 'exit 0'
	} > "$SECMMU_VM_BOOT"
	chmod +x "$SECMMU_VM_BOOT"
}
