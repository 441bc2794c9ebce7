#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# runner/nightly, with a script in place of run_all.sh.

bats_require_minimum_version 1.5.0

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	tree=$BATS_TEST_TMPDIR/tree
	runs=$BATS_TEST_TMPDIR/runs
	export FAKE_LOG=$BATS_TEST_TMPDIR/log
	mkdir -p "$tree/runner" "$tree/vm"
	cp "$top/runner/nightly" "$tree/runner/"
	cat > "$tree/run_all.sh" <<- 'END'
	#!/bin/bash
	[[ $* != "--vm list" ]] || { printf 'amd64-6.12\namd64-7.2:debug\narm64-7.3:protected\n'; exit; }
	echo "$*" >> "$FAKE_LOG"
	target=$2 results=${*: -1}
	mkdir -p "$results"
	printf 'target passed failed crash skip timeout known\n%s 12 0 0 3 0 0\n' "$target" > "$results/summary"
	case $target in
	${FAKE_SAME:-none}) printf 'flaky\tx\nfixed\ty\nflaky\tz\n' > "$results/transitions"; exit 2 ;;
	${FAKE_BAD:-none}) echo "FAILED: 1 not as expected"; exit 1 ;;
	${FAKE_GONE:-none}) rm "$results/summary"; echo "not run: no QEMU"; exit 3 ;;
	${FAKE_SLOW:-none})
		trap 'echo stopped >> "$FAKE_LOG"; kill $!; exit 3' TERM
		sleep 60 > /dev/null 2>&1 &
		echo ready >> "$FAKE_LOG"
		wait
		;;
	esac
	END
	printf '#!/bin/bash\necho "fetch $*" >> "$FAKE_LOG"\n[[ ! ${FAKE_OFFLINE-} ]] || { echo "no network"; exit 3; }\n' > "$tree/vm/fetch"
	chmod +x "$tree/run_all.sh" "$tree/vm/fetch"
}

nightly() {
	run -"$1" "$tree/runner/nightly" --results "$runs" "${@:2}"
}

@test "every target is run, with its counts and results" {
	nightly 0 --duration 30 --memory 6144
	grep -E '^amd64-7.2:debug +suite +ok +[0-9]+ s +12 passed, 0 failed, 3 skipped, 0 known$' "$runs/latest/summary"
	grep -E '^--vm arm64-7.3:protected --all -q --duration 30 --memory 6144 --results ' "$FAKE_LOG"
	[ "$(grep -c '^--vm' "$FAKE_LOG")" -eq 3 ]
	[ "$(grep -c '^fetch --refresh' "$FAKE_LOG")" -eq 3 ]
	[ -d "$runs/latest/amd64-6.12" ]
}

@test "a failing target makes it 1, one that cannot be run 3, and the others go on" {
	FAKE_BAD=amd64-6.12 nightly 1
	[ "$(grep -c ' ok ' "$runs/latest/summary")" -eq 2 ]
	grep -E '^amd64-6.12 +suite +FAILED' "$runs/latest/summary"
	FAKE_GONE=amd64-7.2:debug nightly 3 --results "$BATS_TEST_TMPDIR/other"
	grep -E '^amd64-7.2:debug +suite +NOT-RUN .*no QEMU' "$BATS_TEST_TMPDIR/other/latest/summary"
}

@test "each target is compared with the night before; what failed before is unchanged" {
	nightly 0
	run ! grep -q -- --baseline "$FAKE_LOG"
	touch "$runs/latest/amd64-6.12/results.jsonl"
	first=$(cd "$runs/latest" && pwd -P)
	# Runs have names of whole seconds.
	while [ "$(date +%Y%m%d-%H%M%S)" = "${first##*/}" ]; do read -r -t 0.1 _ <> <(:) || :; done
	: > "$FAKE_LOG"
	FAKE_SAME=amd64-6.12 nightly 0
	[ "$(grep -c -- --baseline "$FAKE_LOG")" -eq 1 ]
	grep -q -- "--vm amd64-6.12 .*--baseline $first/amd64-6.12 --results" "$FAKE_LOG"
	grep -E '^amd64-6.12 +suite +unchanged .*; since the night before: 1 fixed, 2 flaky$' "$runs/latest/summary"
}

@test "--targets, --prove, --cached" {
	nightly 0 --targets 'arm64-* *:debug' --prove --cached
	[ "$(grep -c '^--vm' "$FAKE_LOG")" -eq 4 ]
	[ "$(grep -c -- '--prove' "$FAKE_LOG")" -eq 2 ]
	run ! grep -q fetch "$FAKE_LOG"
}

@test "without a network the kernels of the cache are used" {
	FAKE_OFFLINE=1 nightly 0
	grep -q 'no newer kernel could be looked for: no network' "$runs/latest/summary"
}

@test "only the last runs are kept, and nothing else is removed" {
	mkdir -p "$runs"/{20200101-010101,20200102-010101,20190101-010101,1-2,notes}
	for run in 20200101-010101 20200102-010101; do
		echo $run > "$runs/$run/nightly"
	done
	# A copy that somebody made to keep it, and what nobody here made.
	cp -r "$runs/20200101-010101" "$runs/20180101-010101"
	nightly 0 --keep 2
	[ ! -e "$runs/20200101-010101" ]
	for kept in 20200102-010101 20190101-010101 20180101-010101 1-2 notes; do
		[ -e "$runs/$kept" ]
	done
}

@test "two at once: the second one says so" {
	mkdir -p "$runs"
	exec 8> "$runs/lock"
	flock 8
	nightly 3 8>&-
	[[ $output == *"has not ended"* ]]
	[ ! -e "$FAKE_LOG" ]
}

@test "several at once; an end by a signal ends them all" {
	FAKE_SLOW='a*' "$tree/runner/nightly" --results "$runs" --jobs 2 --cached > "$BATS_TEST_TMPDIR/out" &
	nightly=$!
	for ((i = 0; i < 600; i++)); do
		[ "$(grep -c ready "$FAKE_LOG" 2> /dev/null)" = 2 ] && break
		read -r -t 0.1 _ <> <(:) || :
	done
	kill -TERM "$nightly"
	status=0
	wait "$nightly" || status=$?
	[ "$status" -eq 3 ]
	[ "$(grep -c stopped "$FAKE_LOG")" -eq 2 ]
	[ "$(grep -c '^--vm' "$FAKE_LOG")" -eq 2 ]
}

@test "wrong usage ends before anything is done" {
	nightly 64 --keep 0
	nightly 64 --targets 'ppc64-*'
	nightly 64 --frequently
	[ ! -e "$runs" ]
	[ ! -e "$FAKE_LOG" ]
}

@test "the units are right" {
	command -v systemd-analyze > /dev/null || skip "needs systemd-analyze: install the Debian package systemd"
	cp "$top"/runner/systemd/* "$BATS_TEST_TMPDIR/"
	sed -i "s|/opt/secmmu|$top|" "$BATS_TEST_TMPDIR/secmmu-nightly.service"
	run systemd-analyze verify "$BATS_TEST_TMPDIR/secmmu-nightly.service" "$BATS_TEST_TMPDIR/secmmu-nightly.timer"
	[ "$status" -eq 0 ]
	[[ $output != *secmmu-nightly* ]]
}

@test "the drivers' compatibility headers are compared first; a difference fails the night" {
	mkdir "$tree/tests"
	printf '#!/bin/sh\necho "6 kernels as expected, 1 failed, 0 skipped"\nexit 1\n' > "$tree/tests/api"
	chmod +x "$tree/tests/api"
	nightly 1 --targets 'amd64-6.12'
	grep -E '^drivers +api +FAILED +[0-9]+ s +6 kernels as expected, 1 failed, 0 skipped$' "$runs/latest/summary"
	grep -E '^amd64-6.12 +suite +ok' "$runs/latest/summary"
	nightly 0 --targets 'amd64-6.12' --cached
}
