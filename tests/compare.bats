#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# run_all.sh --baseline, --rerun-failed and --shard.

bats_require_minimum_version 1.5.0

setup() {
	load runner.bash
	runner_setup
	base=$work/base
}

# told NAME: a program whose case does what the file NAME says: pass, fail, kill,
# skip, or several of them, one for each run.
told() {
	echo "$2" > "$work/$1.now"
	program demo "${1}_test" <<- END
	set -- \$(cat $work/$1.now)
	[ \$# -le 1 ] || { first=\$1; shift; echo "\$*" > $work/$1.now; set -- \$first; }
	printf '# seed: 0x5\n1..1\n# case: one\n'
	case \$1 in
	pass) printf 'ok 1 one\n' ;;
	fail) printf '# reason: page 7\nnot ok 1 one\n'; exit 1 ;;
	kill) echo '10 kernel died: BUG: bad' > $work/die; sleep $NAP ;;
	skip) printf 'ok 1 one # SKIP needs a lake\n' ;;
	esac
	END
}

now() {
	echo "$2" > "$work/$1.now"
}

baseline() {
	results=$base runner "$@"
}

transition() {
	grep -E "^$1" "$results/transitions" || {
		cat "$results/transitions"
		return 1
	}
}

@test "nothing changed: 0, and it says so" {
	told a pass
	baseline
	runner --baseline "$base"
	exits 0
	says "nothing has changed"
	[ ! -s "$results/transitions" ]
}

@test "a case that was renamed is compared, and run again, by its new name" {
	program demo a_test <<- 'END'
	printf '1..1\n# case: old/one\n# reason: page 7\nnot ok 1 old/one\n'
	exit 1
	END
	baseline
	printf 'demo/a_test\t:old/\t:new/\n' > "$tree/runner/renamed"
	program demo a_test <<- 'END'
	case "$*" in *"--case old"*) exit 4 ;; esac
	printf '1..1\n# case: new/one\nok 1 new/one\n'
	END
	runner --baseline "$base"
	exits 0
	transition "fixed	here	demo/a_test:new/one"
	rm -r "$results"
	runner --rerun-failed "$base"
	exits 0
	result demo/a_test:new/one PASS
}

@test "a failure that comes again is a regression: 1; with its pass rate" {
	told a pass
	told b pass
	baseline
	now a "fail fail pass pass fail fail"
	runner --baseline "$base"
	exits 1
	transition "regression	here	demo/a_test:one	passes 2 of 4 replays, 50 % \(15 to 85\), fails again with the same seed: page 7"
	[ "$(wc -l < "$results/transitions")" -eq 1 ]
	says "REGRESSION: 1"
	# The run's own results have it once.
	[ "$(count_results)" -eq 2 ]
	grep -c . "$results/replay/results.jsonl" | grep -qx 4
}

@test "one that does not is flaky: 2" {
	told a pass
	baseline
	now a "fail pass pass pass pass pass"
	runner --baseline "$base" --replays 5
	exits 2
	transition "flaky	here	demo/a_test:one	passes 5|flaky	here	demo/a_test:one	passes 6 of 6 replays, 100 % \(61 to 100\)"
	says "no regression"
}

@test "replays: first the same seed, then others" {
	told a pass
	sed -i '2i echo "$4" >> seeds' "$SECMMU_SUITE/a_test"
	baseline
	now a fail
	rm "$SECMMU_SUITE/seeds"
	runner --baseline "$base" --replays 2
	exits 1
	# The run's own; then the seed that the program said, and two more.
	[ "$(sed -n 2p "$SECMMU_SUITE/seeds")" = 0x5 ]
	[ "$(wc -l < "$SECMMU_SUITE/seeds")" -eq 4 ]
	[ "$(sort -u "$SECMMU_SUITE/seeds" | wc -l)" -eq 4 ]
}

@test "what failed already does not count: 2; what is mended, new or gone is told" {
	told a fail
	told b fail
	told c pass
	told d pass
	echo 'here *' > "$tree/vm/expected-skips"
	baseline
	exits 1
	now b pass
	now c skip
	sed -i /d_test/d "$SECMMU_SUITE/secmmu-tests.list"
	told e pass
	runner --baseline "$base"
	exits 2
	transition "fixed	here	demo/b_test:one"
	transition "gone	here	demo/c_test:one	skips now: needs a lake"
	transition "gone	here	demo/d_test	was not run"
	transition "new	here	demo/e_test	1 results"
	[ "$(wc -l < "$results/transitions")" -eq 4 ]
	# Of a run of some tests, the others are not gone.
	rm -r "$results"
	runner --baseline "$base" -t a_test
	exits 2
	says "nothing has changed"
}

@test "a crash of a target, that comes again; a target that does not boot" {
	told a pass
	export SECMMU_VM_BOOT=$top/tests/fake-boot
	baseline --vm amd64-6.12
	now a kill
	runner --vm amd64-6.12 --baseline "$base" --replays 1
	exits 1
	transition "crashed	amd64-6.12	demo/a_test:one	passes 0 of 2 replays"
	rm -r "$results"
	now a pass
	FAKE_CODE=12 runner --vm amd64-6.12 --baseline "$base"
	exits 3
	transition "infrastructure	amd64-6.12"
}

@test "a known failure is no regression" {
	told a pass
	baseline
	now a fail
	printf 'test: demo/*\ntarget: *\nkernel: *\nfingerprint: page\nreason: y\n' > "$tree/known-failures"
	runner --baseline "$base"
	exits 0
}

# bench VALUE...: one round of a benchmark for each.
bench() {
	echo "$*" > "$work/values"
	rounds=$#
}

@test "benchmarks: a change beyond the noise, and none within it" {
	program demo a_bench <<- END
	set -- \$(cat $work/values)
	first=\$1
	shift
	echo "\$*" > $work/values
	printf '1..1\n# json: {"bench": "speed", "unit": "1/s", "rate": %s}\nok 1 one\n' "\$first"
	END
	bench 100 102 98 101 99
	baseline -t a_bench --repeat 5
	bench 99 101 100 97 103
	runner -t a_bench --repeat 5 --baseline "$base"
	exits 0
	[ ! -s "$results/transitions" ]
	rm -r "$results"
	bench 81 80 79 82 78
	runner -t a_bench --repeat 5 --baseline "$base"
	exits 1
	transition 'slower	here	demo/a_bench:one \(speed\)	median 80, was 100 1/s \(-20 %\)'
	rm -r "$results"
	bench 120 121 122 123 124
	runner -t a_bench --repeat 5 --baseline "$base"
	exits 0
	transition faster
	# The same change in a run whose own noise is as large.
	rm -r "$results"
	bench 60 130 80 70 140
	runner -t a_bench --repeat 5 --baseline "$base"
	exits 0
}

@test "benchmarks: each point of a series is compared with itself" {
	program demo a_bench <<- END
	set -- \$(cat $work/values)
	first=\$1
	shift
	echo "\$*" > $work/values
	printf '1..1\n# json: {"bench": "cost", "against": "mib", "mib": 1, "unit": "us", "median": 5.%s}\n' "\$first"
	printf '# json: {"bench": "cost", "against": "mib", "mib": 2, "unit": "us", "median": %s}\nok 1 one\n' "\$first"
	printf '# json: {"bench": "cost", "growth_with": "mib", "power": %s, "faster_than_linear": true}\n' "\$first"
	END
	bench 10 11 12
	baseline -t a_bench --repeat 3
	bench 50 51 52
	runner -t a_bench --repeat 3 --baseline "$base"
	exits 1
	transition 'slower	here	demo/a_bench:one \(cost mib=2\)	median 51, was 11 us'
	[ "$(grep -c '' "$results/transitions")" -eq 2 ]
}

@test "--rerun-failed: only what failed, with its seed and the run's options" {
	told a fail
	told b pass
	told c fail
	runner --stress --duration 3
	exits 1
	now c pass
	run "$tree/run_all.sh" --rerun-failed "$results" --results "$work/again"
	exits 1
	results=$work/again
	[ "$(count_results)" -eq 2 ]
	result demo/a_test:one FAIL
	result demo/c_test:one PASS
	grep -q 'demo a_test --mode stress --duration 3 --seed 0x5 --case one' "$results/here/job/list"
	now a pass
	run "$tree/run_all.sh" --rerun-failed "$work/again" --results "$work/third"
	exits 0
	run "$tree/run_all.sh" --rerun-failed "$work/third" --results "$work/fourth"
	exits 0
	says "nothing failed"
}

@test "--rerun-failed: anywhere among the options, with paths from where it is called, and resumed" {
	told a fail
	told b pass
	runner --duration 3
	exits 1
	mkdir "$work/elsewhere"
	cd "$work/elsewhere"
	for words in "-q --results one --rerun-failed $results" "-q --rerun-failed=$results --results=two"; do
		run "$tree/run_all.sh" $words
		exits 1
	done
	cd "$top"
	for results in "$work/elsewhere/one" "$work/elsewhere/two"; do
		[ "$(count_results)" -eq 1 ]
	done
	# As if it had been interrupted before it began.
	rm -r "$results/here"
	: > "$results/results.jsonl"
	run "$tree/run_all.sh" --resume "$results"
	exits 1
	[ "$(count_results)" -eq 1 ]
	result demo/a_test:one FAIL
	grep -q 'demo a_test .*--duration 3' "$results/here/job/list"
	run "$tree/run_all.sh" -q --resume "$results"
	exits 64
}

@test "--shard: together the whole, no program twice" {
	for name in a b c d e; do
		told $name pass
	done
	for i in 1 2 3; do
		results=$work/shard$i runner --shard $i/3
		exits 0
	done
	[ "$(cat "$work"/shard*/results.jsonl | wc -l)" -eq 5 ]
	[ "$(cat "$work"/shard*/results.jsonl | sort -u | wc -l)" -eq 5 ]
}

@test "wrong usage" {
	told a pass
	for words in "--baseline $work/nowhere" "--baseline $work" "--replays x --all" "--shard 0/3" "--shard 4/3" "--shard x" \
		"--rerun-failed" "--rerun-failed $work"; do
		run "$tree/run_all.sh" $words
		exits 64
	done
}
