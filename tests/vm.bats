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
	[ "$(parsed arm64-7.2:gcov)" = "arm64|7.2|arm64|||gcov" ]
	[ "$(parsed amd64-6.12:vmx,ept=0)" = "amd64|6.12|amd64|kvm_intel.ept=0||" ]
}

@test "a variant may want another emulator, the next target does not have it" {
	target_parse amd64-6.12:vmx
	[ "$target_emulator" = bochs ]
	target_parse amd64-6.12
	[ ! "$target_emulator" ]
	run target_parse amd64-7.2:vmx,iommu
	[ "$status" -eq 1 ]
}

@test "devices of a variant come with the machine" {
	[ "$(parsed amd64-7.2:iommu)" = "amd64|7.2|amd64|intel_iommu=on iommu.strict=1|max,family=23|" ]
	target_parse amd64-7.2:iommu
	[ "${target_devices[*]}" = "-device intel-iommu,intremap=off -device edu,dma_mask=0xffffffffffffffff -object memory-backend-ram,id=peer,size=4M,share=on -device ivshmem-plain,memdev=peer" ]
	target_parse amd64-7.2
	[ ${#target_devices[@]} -eq 0 ]
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
		"fetch --list-versions" "fetch --list-versions riscv64" "fetch --tools amd64 amd64-6.12" \
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

@test "the machine's source of a -security suite is the one for security" {
	mkdir -p "$work/etc/sources.list.d"
	printf 'deb http://one.example/debian bookworm main\n' > "$work/etc/sources.list"
	run ! apt_entry trixie-security "$work/etc"
	printf 'Types: deb\nURIs: http://two.example/debian-security\nSuites: bookworm-security\nComponents: main\n' \
		> "$work/etc/sources.list.d/security.sources"
	run apt_entry trixie-security "$work/etc"
	[ "${lines[0]}" = http://two.example/debian-security ]
	run apt_entry trixie-backports "$work/etc"
	[ "${lines[0]}" = http://one.example/debian ]
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

# package SUITE NAME PATH...: puts a package with those files (folders, if they
# end in a slash) into the fake archive.
package()
{
	local suite=$1 name=$2 root=$work/build path

	shift 2
	rm -rf "$root"
	mkdir -p "$root/DEBIAN" "$work/pool/$suite"
	for path; do
		mkdir -p "$root/${path%/*}"
		[[ $path == */ ]] || echo "$name" > "$root/$path"
	done
	printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n' "$name" > "$root/DEBIAN/control"
	dpkg-deb -b "$root" "$work/pool/$suite/$name.deb" > /dev/null
}

# old_kernel SUITE RELEASE: a kernel in one package.
old_kernel()
{
	package "$1" "linux-image-$2" "boot/vmlinuz-$2" "boot/config-$2" "lib/modules/$2/kernel/"
}

# new_kernel SUITE RELEASE [unsigned]: one in three, and the one that names them.
new_kernel()
{
	package "$1" "linux-base-$2" "usr/lib/modules/$2/config"
	package "$1" "linux-modules-$2" "usr/lib/modules/$2/kernel/"
	package "$1" "linux-binary${3:+-$3}-$2" "usr/lib/modules/$2/vmlinuz${3:+.$3}"
	package "$1" "linux-image-$2" usr/share/doc/
}

# fake_apt: an apt on the fake archive, which has two kernels at first; its
# calls are counted in $work/calls. A file $work/cut makes it die in the middle
# of a download.
fake_apt()
{
	mkdir -p "$work/bin"
	old_kernel bookworm-backports 6.12.9+deb12-amd64
	old_kernel bookworm-backports 6.12.10+deb12-amd64
	package bookworm-backports linux-image-6.12.10+deb12-cloud-amd64
	package bookworm-backports linux-image-6.12.10+deb12-amd64-dbg
	package bookworm-backports linux-image-6.12-amd64
	package bookworm linux-image-6.1.0-9-rt-amd64
	cat > "$work/bin/apt-get" <<- END
	#!/bin/bash
	echo "\$*" >> $work/calls
	[[ -e $work/offline ]] && exit 100
	[[ "\$*" =~ /apt/([a-z-]+)-(amd64|arm64)/apt.conf ]]
	pool=$work/pool/\${BASH_REMATCH[1]}
	case "\$*" in
	*--print-uris*) exit 0 ;;
	*download*)
		if [[ -e $work/cut ]]; then
			head -c 100 "\$pool/\${!#}.deb" > "\${!#}.deb"
			kill -KILL \$PPID
			exit 1
		fi
		for package in "\${@:5}"; do
			cp "\$pool/\$package.deb" . || exit 100
		done
		;;
	esac
	END
	cat > "$work/bin/apt-cache" <<- END
	#!/bin/bash
	echo "\$*" >> $work/calls
	[[ "\$*" =~ /apt/([a-z-]+)-(amd64|arm64)/apt.conf ]]
	ls $work/pool/\${BASH_REMATCH[1]} 2> /dev/null | sed 's/\.deb\$//'
	END
	chmod +x "$work/bin"/*
	PATH=$work/bin:$PATH
}

# release_of TARGET: the release that vm/fetch takes for it.
release_of()
{
	"$top/vm/fetch" "$1" 2> "$work/stderr" | sed -n 's/^RELEASE=//p'
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

@test "an exact release is that one, and a part of a number is no version" {
	fake_apt
	[ "$(release_of amd64-6.12.9)" = 6.12.9+deb12-amd64 ]
	[ "$(release_of amd64-6.12)" = 6.12.10+deb12-amd64 ]
	run "$top/vm/fetch" amd64-6.12.1
	[ "$status" -eq 3 ]
	run "$top/vm/fetch" amd64-6.1
	[ "$status" -eq 3 ]
	[[ ${lines[-1]} == *"but 6.12 "* ]]
}

@test "the oldest Debian that has the version wins, there the highest release" {
	fake_apt
	old_kernel trixie 6.12.11+deb13-amd64
	new_kernel trixie-backports 7.2.9+deb13-amd64
	new_kernel trixie-backports 7.2.12+deb13-amd64
	new_kernel sid 7.2.13+deb14-amd64
	[ "$(release_of amd64-6.12)" = 6.12.10+deb12-amd64 ]
	[ "$(release_of amd64-6.12.11)" = 6.12.11+deb13-amd64 ]
	[ "$(release_of amd64-7.2)" = 7.2.12+deb13-amd64 ]
	[ "$(release_of amd64-7.2.13)" = 7.2.13+deb14-amd64 ]
	# A newer one on the mirror is taken when it is asked for.
	new_kernel trixie-backports 7.2.14+deb13-amd64
	[ "$(release_of amd64-7.2)" = 7.2.12+deb13-amd64 ]
	"$top/vm/fetch" --refresh amd64-7.2
	[ "$(release_of amd64-7.2:npt=0)" = 7.2.14+deb13-amd64 ]
}

@test "the -security suite of the machine's own sources counts" {
	apt_entry bookworm-security > /dev/null || skip 'this machine has no -security source'
	fake_apt
	old_kernel bookworm 6.1.0-50-amd64
	old_kernel bookworm-security 6.1.0-56-amd64
	old_kernel bookworm-security 6.1.0-9-amd64
	[ "$(release_of amd64-6.1)" = 6.1.0-56-amd64 ]
	[ "$(release_of amd64-6.1.0-50)" = 6.1.0-50-amd64 ]
}

@test "a kernel in three packages, signed or not; what is left of one is none" {
	fake_apt
	new_kernel trixie-backports 7.2.12+deb13-amd64
	new_kernel trixie-backports 7.3.4+deb13-amd64 unsigned
	new_kernel trixie-backports 7.1.13+deb13-amd64
	rm "$work/pool/trixie-backports/linux-modules-7.1.13+deb13-amd64.deb"
	new_kernel trixie-backports 7.4.1+deb13-amd64
	rm "$work/pool/trixie-backports/linux-binary-7.4.1+deb13-amd64.deb"
	for version in 7.2.12 7.3.4; do
		run --separate-stderr "$top/vm/fetch" "amd64-$version"
		[ "$status" -eq 0 ]
		eval "$output"
		[ "$RELEASE" = "$version+deb13-amd64" ]
		[[ $(< "$KERNEL") == linux-binary* && $(< "$CONFIG") == linux-base* && -d $MODULES/kernel ]]
	done
	for version in 7.1 7.4; do
		run "$top/vm/fetch" "amd64-$version"
		[ "$status" -eq 3 ]
		[[ ${lines[-1]} == *"but 6.12 7.2 7.3 "* ]]
	done
	run --separate-stderr "$top/vm/fetch" --list-versions amd64
	[ "$status" -eq 0 ]
	[ "$(awk '{ printf "%s ", $1 }' <<< "$output")" = "amd64-6.12.9 amd64-6.12.10 amd64-7.2.12 amd64-7.3.4 " ]
}

@test "flavours of one version do not take each other's place" {
	fake_apt
	new_kernel trixie-backports 7.2.12+deb13-arm64
	new_kernel trixie-backports 7.2.12+deb13-arm64-16k
	[ "$(release_of arm64-7.2:16k)" = 7.2.12+deb13-arm64-16k ]
	[ "$(release_of arm64-7.2)" = 7.2.12+deb13-arm64 ]
	[ "$(release_of arm64-7.2:protected,16k)" = 7.2.12+deb13-arm64-16k ]
	[ "$(release_of arm64-7.2:protected)" = 7.2.12+deb13-arm64 ]
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

# arm64_image FLAGS: the header of an Image with that byte of flags.
arm64_image()
{
	head -c 24 /dev/zero
	printf '%b' "\\x$1"
	head -c 31 /dev/zero
	printf 'ARM\x64'
	head -c 600 /dev/zero
}

@test "huge pages are reserved in the sizes that the kernel has" {
	memory=2048 hugepages=
	kernel=$work/Image
	arm64_image 0a > "$kernel"
	[ "$(kernel_file_arch "$kernel") $(kernel_page_kib "$kernel")" = "arm64 4" ]
	[ "$(machine_huge_pages arm64)" = " hugepagesz=2M hugepages=128 hugepagesz=64K hugepages=1024 hugepagesz=32M hugepages=4" ]
	arm64_image 0c | gzip > "$kernel"
	[ "$(kernel_file_arch "$kernel") $(kernel_page_kib "$kernel")" = "arm64 16" ]
	[ "$(machine_huge_pages arm64)" = " hugepagesz=2M hugepages=128 hugepagesz=32M hugepages=8" ]
	arm64_image 0e > "$kernel"
	[ "$(kernel_page_kib "$kernel")" = 64 ]
	memory=8192 hugepages=0
	[ "$(machine_huge_pages arm64)" = " hugepagesz=2M hugepages=0 hugepagesz=512M hugepages=2" ]
	[ "$(machine_huge_pages amd64)" = " hugepagesz=2M hugepages=0 hugepagesz=1G hugepages=2" ]
}

# machine_words TARGET: the arguments that QEMU gets for a target, in a line.
machine_words()
{
	# shellcheck disable=SC2034 # machine_command's
	local machine_program=qemu machine_version=7.2 machine_accelerator=tcg shell='' append='' hugepages='' \
		memory=2048 cpus=2 nodes=2 kernel=$work/Image initrd=$work/initrd results=$work/a,b

	target_parse "$1"
	arm64_image "$([[ $target_flavour == *-16k ]] && echo 0c || echo 0a)" > "$kernel"
	machine_command "$target_arch"
	echo " ${machine_argv[*]} "
}

@test "what a variant does to the machine" {
	[[ $(machine_words arm64-7.2) == *" -cpu max,"* && $(machine_words arm64-7.2) != *kvm-arm.mode* ]]
	[[ $(machine_words arm64-7.2:cortex-a72) == *" -cpu cortex-a72 "* ]]
	[[ $(machine_words arm64-7.2:protected) == *" kvm-arm.mode=protected "* ]]
	[[ $(machine_words arm64-7.2:16k) != *lpa2* && $(machine_words arm64-7.2:16k,protected) == *,lpa2=off* ]]
	[[ $(machine_words amd64-7.2) == *" -cpu max "* ]]
	[[ $(machine_words amd64-7.2:npt=0) == *" kvm_amd.npt=0 "* ]]
}

@test "QEMU runs in its sandbox" {
	for target in amd64-6.1 amd64-7.2:iommu arm64-7.2:protected; do
		[[ $(machine_words $target) == *" -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "* ]]
	done
}

@test "a comma in the results' place does not end QEMU's option" {
	[[ $(machine_words amd64-7.2) == *"path=$work/a,,b/console.log "* ]]
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
