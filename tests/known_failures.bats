#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# known-failures, and what a bisection calls good and bad.

bats_require_minimum_version 1.5.0

setup() {
	load runner.bash
	runner_setup
}

@test "known failures: KNOWN, exit 0; another failure of the same test is not hidden" {
	bad_program demo a_test
	cat > "$tree/known-failures" <<- 'END'
	# comment
	test: demo/a_test:two other/*:one
	 demo/a_test:one
	target: here
	kernel: *
	fingerprint: page [0-9]+ is missing
	function: mark_page_dirty
	reason: the log loses pages
	evidence: seen

	test: demo/a_test:one
	target: amd64-*
	kernel: 1.0..2.0
	fingerprint: .
	reason: elsewhere
	END
	runner
	exits 0
	result demo/a_test:one KNOWN 'the log loses pages'
	says "not ok 1 here demo/a_test:one # TODO known"
	sed -i 's/page \[0-9\]+/slot [0-9]+/' "$tree/known-failures"
	rm -r "$results"
	runner
	exits 1
	result demo/a_test:one FAIL
}

@test "known failures: only in their range of kernels" {
	bad_program demo a_test
	release=$(uname -r)
	version=$(echo "$release" | grep -o '^[0-9]*\.[0-9]*')
	known() {
		printf 'test: demo/*\ntarget: *\nkernel: %s\nfingerprint: page\nreason: x\n' "$1" > "$tree/known-failures"
		rm -rf "$results"
		runner
	}
	for range in "$version" "..$version" "$version.." "$version..99.0" "*"; do
		known "$range"
		exits 0
	done
	for range in 1.0 ..1.0 99.0.. 1.0..2.6.39; do
		known "$range"
		exits 1
	done
}

@test "known failures: this machine is also what a target with its kernel would be called" {
	bad_program demo a_test
	name=$(uname -m | sed -e 's/x86_64/amd64/' -e 's/aarch64/arm64/')-$(uname -r | grep -o '^[0-9]*\.[0-9]*')
	known() {
		printf 'test: demo/*\ntarget: %s\nkernel: *\nfingerprint: page\nreason: x\n' "$1" > "$tree/known-failures"
		rm -rf "$results"
		runner
	}
	for target in here "$name*" "${name%%-*}-*" "$name:here"; do
		known "$target"
		exits 0
	done
	# Not an emulated machine, nor another mode of KVM.
	for target in "$name" "$name:protected" "$name:*protected*" 'riscv64-*'; do
		known "$target"
		exits 1
	done
}

@test "known failures: the mode of a kernel of one's own is in its command line" {
	while read -r here own words; do
		run awk -v "words=$words" -f "$top/runner/text.awk" -f "$top/runner/expected.awk" -f <(cat <<- 'END'
		BEGIN {
			release = "6.12.3-custom"
			machine_arch = "arm64"
			machine_mode = mode_of(words)
			target = "here"
			print machine_name()
			target = "kernel:Image"
			print machine_name()
			target = "arm64-6.1"
			print machine_name()
		}
		END
		)
		exits 0
		[[ $output == "arm64-6.12:$here"$'\n'"arm64-6.12${own//\"/}"$'\narm64-6.1' ]]
	done <<- 'END'
	here,protected :protected quiet kvm-arm.mode=protected
	here,nvhe :nvhe kvm-arm.mode=nvhe quiet
	here "" kvm-arm.mode=none
	END
}

@test "known failures: an entry that passes is reported as stale" {
	good_program demo a_test
	printf 'test: demo/a_test:*\ntarget: here\nkernel: *\nfingerprint: x\nreason: y\n' > "$tree/known-failures"
	runner
	exits 0
	says "STALE +known-failures: demo/a_test:\*"
	# Not of a race.
	echo 'seldom: yes' >> "$tree/known-failures"
	rm -r "$results"
	runner
	exits 0
	says_not "STALE"
}

@test "--bisect: 0, 1, 125 and nothing else" {
	good_program demo good_test
	bad_program demo bad_test
	program demo skip_test <<< 'echo "1..0 # SKIP needs x: y"; exit 4'
	echo 'here *' > "$tree/vm/expected-skips"
	printf 'test: *\ntarget: *\nkernel: *\nfingerprint: page\nreason: y\n' > "$tree/known-failures"
	runner --bisect -t good_test
	exits 0
	rm -r "$results"
	# What is known is still bad.
	runner --bisect -t bad_test
	exits 1
	for words in "-t skip_test" "-t none" "-t skip_test -t good_test" "--nonsense" "-o x" "--vm nowhere-1"; do
		rm -rf "$results"
		runner --bisect $words
		exits 125
	done
	rm -rf "$results"
	SECMMU_SUITE=$work/nowhere runner --bisect
	exits 125
	rm -rf "$results"
	runner --bisect -t skip_test -t bad_test
	exits 1
	run "$tree/run_all.sh" --bisect --results /proc/no
	exits 125
}

@test "a splat has a name, by the functions on top of its stack" {
	program demo a_test <<- 'END'
	cat >> "$SECMMU_KMSG" <<- 'SPLAT'
	[ 7.0] WARNING: CPU: 1 PID: 7 at virt/kvm/x.c:417 cache_alloc+0x1/0x2 [kvm]
	[ 7.0] pc : cache_alloc+0x1/0x2
	[ 7.0] lr : somebody_else+0x1/0x2
	[ 7.0] Call trace:
	[ 7.0]  cache_alloc+0x1/0x2
	[ 7.0]  ? not_this+0x1/0x2
	[ 7.0]  walker.constprop.0+0x1/0x2
	[ 7.0]  map+0x1/0x2
	[ 7.0]  fault+0x1/0x2
	SPLAT
	printf '1..1\nok 1 one\n'
	END
	runner
	exits 1
	result demo/a_test FAIL '"fingerprint": "WARNING in cache_alloc < walker < map"'
	# Known by it.
	printf 'test: demo/*\ntarget: *\nkernel: *\nfingerprint: alloc < walker\nreason: y\n' > "$tree/known-failures"
	rm -r "$results"
	runner
	exits 0
	# Not after its date.
	echo 'expires: 2020-01-01' >> "$tree/known-failures"
	rm -r "$results"
	runner
	exits 1
	sed -i 's/2020/2999/' "$tree/known-failures"
	rm -r "$results"
	runner
	exits 0
}

@test "--bisect --fingerprint: another failure is 125" {
	bad_program demo a_test
	runner --bisect --fingerprint 'page [0-9]+ is'
	exits 1
	rm -r "$results"
	runner --bisect --fingerprint 'slot [0-9]+ is'
	exits 125
	says "none that looks like"
	run "$tree/run_all.sh" --fingerprint x
	exits 64
	run "$tree/run_all.sh" --bisect --fingerprint '('
	exits 125
}
