#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # output and status are bats' own
#
# vm/ without a machine: names of targets, sources of packages, what becomes of
# an interrupted or offline fetch, and whose fault a crash is.

bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	work=$BATS_TEST_TMPDIR
	export SECMMU_CACHE=$work/cache
	# shellcheck source=vm/targets
	. "$top/vm/targets"
	# shellcheck source=vm/apt
	. "$top/vm/apt"
	# shellcheck source=vm/machine
	. "$top/vm/machine"
	# shellcheck disable=SC2034 # machine_fault's
	here=$top/vm
}

@test "every listed target is a target" {
	while read -r name; do
		target_parse "$name"
	done < <(target_list)
	[ "$(target_list | wc -l)" -ge 15 ]
}

# parsed NAME: what target_parse makes of a name, in a line.
parsed()
{
	target_parse "$1" && echo "$target_arch|$target_version|$target_flavour|$target_append|$target_cpu|$target_build"
}

@test "a name is taken to pieces" {
	[ "$(parsed amd64-6.12:npt=0)" = "amd64|6.12|amd64|kvm_amd.npt=0||" ]
	[ "$(parsed arm64-6.1)" = "arm64|6.1|arm64|||" ]
	[ "$(parsed amd64-6.1.0-50)" = "amd64|6.1.0-50|amd64|||" ]
	[ "$(parsed arm64-7.2.9+deb13:vhe)" = "arm64|7.2.9+deb13|arm64|||" ]
	[ "$(parsed arm64-7.2:protected,16k)" = "arm64|7.2|arm64-16k|kvm-arm.mode=protected||" ]
	[ "$(parsed arm64-7.2:cortex-a72,nvhe)" = "arm64|7.2|arm64|kvm-arm.mode=nvhe|cortex-a72|" ]
	[ "$(parsed amd64-7.2:debug,npt=0)" = "amd64|7.2|amd64|kvm_amd.npt=0||debug" ]
}

@test "names that are none are refused, and say what there is" {
	for name in amd64 amd64- amd64-6 amd64-6.x amd64-6.12- 'amd64-6.12*' -6.12 riscv64-6.12 amd64-6.12: amd64-6.12:nosuch \
		amd64-6.12:npt=0, arm64-6.1:npt=0 amd64-6.12:16k ''; do
		run target_parse "$name"
		[ "$status" -eq 1 ] || { echo "accepted: $name"; return 1; }
		[ "$output" ]
	done
	run "$top/vm/fetch" amd64-6.12:nosuch
	[ "$status" -eq 64 ]
	[[ $output == *npt=0* ]]
}

@test "variants that settle the same thing do not go together" {
	for variants in nvhe,protected nvhe,vhe vhe,protected vhe,cortex-a72 cortex-a72,16k 16k,debug nvhe,nvhe; do
		run target_parse "arm64-7.2:$variants"
		[ "$status" -eq 1 ] || { echo "accepted: $variants"; return 1; }
		[[ $output == *"do not go together"* ]]
	done
}

@test "bad usage is 64 everywhere" {
	for words in fetch "fetch --nosuch" "fetch a b" "fetch --tools riscv64" image "image --target amd64-6.12" "image --out" boot \
		"boot --kernel x" "boot --memory"; do
		# shellcheck disable=SC2086 # words
		run "$top/vm/"$words
		[ "$status" -eq 64 ] || { echo "$words: $status"; return 1; }
	done
}

@test "the machine's source: one line, with and without options" {
	mkdir -p "$work/etc/sources.list.d"
	printf '# deb http://no.example/debian bookworm main\ndeb-src http://no.example/debian bookworm main\ndeb http://one.example/debian/ bookworm main contrib\n' \
		> "$work/etc/sources.list"
	run apt_entry bookworm "$work/etc"
	[ "${lines[0]}" = http://one.example/debian/ ]
	printf 'deb http://no.example/debian-security bookworm-security main\ndeb [ arch=amd64 signed-by=/a.gpg ] http://two.example/debian trixie contrib main # x\n' \
		> "$work/etc/sources.list"
	run apt_entry bookworm "$work/etc"
	[ "$output" = $'http://two.example/debian\n/a.gpg' ]
}

@test "the machine's source: deb822, disabled ones and embedded keys" {
	mkdir -p "$work/etc/sources.list.d"
	printf 'Enabled: no\nTypes: deb\nURIs: http://no.example/debian\nSuites: trixie\nComponents: main\n\nTypes: deb deb-src\nURIs: http://yes.example/debian\nSuites: trixie trixie-updates\nComponents: main\nSigned-By:\n -----BEGIN\n .\n abc\n' \
		> "$work/etc/sources.list.d/debian.sources"
	run apt_entry bookworm "$work/etc"
	[ "$output" = $'http://yes.example/debian\n\n -----BEGIN\n .\n abc' ]
}

@test "the machine's source: none, or another distribution's" {
	run ! apt_entry bookworm "$work/etc"
	mkdir -p "$work/etc"
	echo 'deb http://no.example/ubuntu jammy main' > "$work/etc/sources.list"
	run ! apt_entry bookworm "$work/etc"
}

# fake_apt: an apt with two kernels in it; its calls are counted in $work/calls.
# A file $work/cut makes it die in the middle of a download.
fake_apt()
{
	local version root

	mkdir -p "$work/bin" "$work/pool"
	for version in 6.12.9 6.12.10; do
		root=$work/build-$version
		mkdir -p "$root"/{DEBIAN,boot,"lib/modules/$version+deb12-amd64/kernel"}
		echo kernel > "$root/boot/vmlinuz-$version+deb12-amd64"
		printf 'Package: linux-image-%s+deb12-amd64\nVersion: 1\nArchitecture: amd64\nMaintainer: x\nDescription: x\n' "$version" \
			> "$root/DEBIAN/control"
		dpkg-deb -b "$root" "$work/pool/linux-image-$version+deb12-amd64.deb" > /dev/null
	done
	cat > "$work/bin/apt-get" <<- END
	#!/bin/bash
	echo "\$*" >> $work/calls
	[[ -e $work/offline ]] && exit 100
	case "\$*" in
	*--print-uris*) exit 0 ;;
	*download*)
		if [[ -e $work/cut ]]; then
			head -c 100 "$work/pool/\${!#}.deb" > "\${!#}.deb"
			kill -KILL \$PPID
			exit 1
		fi
		cp "$work/pool/\${!#}.deb" .
		;;
	esac
	END
	cat > "$work/bin/apt-cache" <<- END
	#!/bin/sh
	echo "\$*" >> $work/calls
	printf '%s\n' linux-image-6.12.9+deb12-amd64 linux-image-6.12.10+deb12-amd64 linux-image-6.12.10+deb12-cloud-amd64 \
		linux-image-6.12.10+deb12-amd64-dbg linux-image-6.1.0-9-amd64
	END
	chmod +x "$work/bin"/*
	PATH=$work/bin:$PATH
}

@test "fetch takes the newest version, and asks nobody the second time" {
	fake_apt
	run --separate-stderr "$top/vm/fetch" amd64-6.12
	[ "$status" -eq 0 ]
	[[ $output == *"RELEASE=6.12.10+deb12-amd64"* ]]
	[[ $stderr == *linux-image-6.12.10+deb12-amd64* ]]
	rm "$work/calls"
	touch "$work/offline"
	run --separate-stderr "$top/vm/fetch" amd64-6.12:npt=0
	[ "$status" -eq 0 ]
	[[ $output == *"RELEASE=6.12.10+deb12-amd64"* ]]
	[ ! -e "$work/calls" ]
	kernel=$(sed -n 's/^KERNEL=//p' <<< "$output")
	[ -s "$kernel" ]
}

@test "a fetch that is killed half-way leaves nothing that counts as whole" {
	fake_apt
	touch "$work/cut"
	run "$top/vm/fetch" amd64-6.12
	[ "$status" -ne 0 ]
	[ ! -e "$SECMMU_CACHE/kernel" ]
	rm "$work/cut"
	run --separate-stderr "$top/vm/fetch" amd64-6.12
	[ "$status" -eq 0 ]
	[ -s "$(sed -n 's/^KERNEL=//p' <<< "$output")" ]
	[ ! "$(find "$SECMMU_CACHE" -name ".new.*")" ]
}

@test "no network and a cold cache: says so" {
	fake_apt
	touch "$work/offline"
	run "$top/vm/fetch" amd64-6.12
	[ "$status" -eq 3 ]
	[[ $output == *network* ]]
}

@test "two fetches at once: one does the work, the other waits for it" {
	fake_apt
	"$top/vm/fetch" amd64-6.12 > "$work/one" 2>&1 &
	run --separate-stderr "$top/vm/fetch" amd64-6.12
	[ "$status" -eq 0 ]
	wait $!
	[ "$(grep -c 'download linux' "$work/calls")" -eq 1 ]
}

# oops CODE: what a kernel writes when it oopses at an int3.
oops()
{
	printf '[    9.60] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\r\n[    9.61] RIP: 0010:try_to_wake_up+0xeb/0x680\r\n[    9.61] Code: 48 8b 45 %s <20> 02 00 00 8b\r\n' "$1"
}

@test "an int3 that is not in memory is the emulator's fault" {
	oops e9 > "$work/console"
	run machine_fault "$work/console"
	[ "$output" = "stale int3: Oops: int3: 0000 [#1] PREEMPT SMP NOPTI" ]
	# 6.1 says it so:
	oops 0f | sed 's/Oops: //' > "$work/console"
	run machine_fault "$work/console"
	[ "$output" ]
}

@test "an int3 that is in memory is the kernel's" {
	oops cc > "$work/console"
	run machine_fault "$work/console"
	[ ! "$output" ]
}

@test "what comes after another splat is not the emulator's fault" {
	for first in 'WARNING: CPU: 1 PID: 5 at arch/x86/kvm/mmu/mmu.c:1 f+0x1/0x2 [kvm]' \
		'BUG: unable to handle page fault for address: 0' 'rcu: INFO: rcu_preempt detected stalls on CPUs'; do
		{ printf '[    8.00] %s\r\n' "$first"; oops e9; } > "$work/console"
		run machine_fault "$work/console"
		[ ! "$output" ] || { echo "hidden: $first"; return 1; }
	done
}

@test "no splat at all is nobody's fault" {
	: > "$work/console"
	run machine_fault "$work/console"
	[ ! "$output" ]
	printf '[    3.19] reboot: Power down\r\n' > "$work/console"
	run machine_fault "$work/console"
	[ ! "$output" ]
}
