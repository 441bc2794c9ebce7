#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # output and status are bats' own
#
# Building modules for a target's kernel: with which compiler, and where.

bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	work=$BATS_TEST_TMPDIR
	export SECMMU_CACHE=$work/cache
	mkdir "$work/bin"
	PATH=$work/bin:$PATH
}

# built_kernel COMPILER: the folder of a kernel that it built, in $work/kernel.
built_kernel()
{
	mkdir -p "$work/kernel/include/generated"
	printf 'CONFIG_CC_VERSION_TEXT="%s (Debian 9.9) 9.9"\nCONFIG_X86_64=y\n' "$1" > "$work/kernel/.config"
	echo '#define UTS_RELEASE "9.9.9"' > "$work/kernel/include/generated/utsrelease.h"
}

# program NAME LINE...: puts a script into PATH.
program()
{
	printf '%s\n' '#!/bin/bash' "${@:2}" > "$work/bin/$1"
	chmod +x "$work/bin/$1"
}

# fake_mmdebstrap: it makes a tree of nothing, and counts its calls. With a
# file $work/cut it dies half-way.
fake_mmdebstrap()
{
	program mmdebstrap "echo \"\$*\" >> $work/calls" "cat >> $work/sources" \
		"mkdir -p \"\${!#}/usr/bin\"" "[[ ! -e $work/cut ]] || kill -KILL \$PPID"
}

@test "bad usage is 64" {
	for words in modules "modules amd64-6.12" "modules --out x" "modules --kdir x --out y amd64-6.12" "modules nosuch --out x" \
		buildroot "buildroot --suite" "buildroot --suite trixie --bind relative"; do
		# shellcheck disable=SC2086 # words
		run "$top/vm/"$words
		[ "$status" -eq 64 ] || { echo "$words: $status"; return 1; }
	done
}

@test "a folder in which no kernel was built is refused" {
	run "$top/vm/modules" --kdir "$work" --out "$work/out"
	[ "$status" -eq 3 ]
	[[ $output == *"no folder of a built kernel"* ]]
}

@test "one's own kernel is for the compiler that it was built by" {
	built_kernel gcc-99
	run "$top/vm/modules" --kdir "$work/kernel" --out "$work/out"
	[ "$status" -eq 3 ]
	[[ $output == *"built by gcc-99, which is not on this machine"* ]]
	built_kernel clang
	run "$top/vm/modules" --kdir "$work/kernel" --out "$work/out"
	[ "$status" -eq 3 ]
	[[ $output == *"built by clang"* ]]
}

@test "a compiler of this machine is used here, and what it makes is taken" {
	[ "$(uname -m)" = x86_64 ] || skip 'the kernel of this test is x86'
	built_kernel gcc-99
	program gcc-99
	# The suite's own make, which has KDIR= and no command to run it under.
	program make "printf '%s\n' \"\$@\" > $work/words" \
		"folder=$work/build/modules/9.9.9" 'mkdir -p $folder && touch $folder/secmmu_x.ko'
	run "$top/vm/modules" --kdir "$work/kernel" --build "$work/build" --out "$work/out"
	echo "$output"
	[ "$status" -eq 0 ]
	[ -e "$work/out/secmmu_x.ko" ]
	grep -qx "KDIR=$work/kernel" "$work/words"
	grep -qx MODULE_RUN= "$work/words"
}

@test "a target's kernel is for the compiler of its Debian, in a root of that" {
	fake_mmdebstrap
	built_kernel gcc-99
	mkdir -p "$work/suite/vm"
	cp "$top/vm/"* "$work/suite/vm" 2> /dev/null || :
	touch "$work/suite/Makefile"
	printf '%s\n' '#!/bin/sh' "printf 'HEADERS=%s\nSUITE=trixie-backports\n' $work/kernel" > "$work/suite/vm/fetch"
	program make "printf '%s\n' \"\$@\" > $work/words; exit 1"
	run "$work/suite/vm/modules" amd64-9.9 --build "$work/build" --out "$work/out"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $(< "$work/calls") == *,gcc-99* ]]
	grep -q '^MODULE_RUN=.*/vm/buildroot --suite trixie --package gcc-99.* --bind '"$work/kernel --bind $work/build --\$" "$work/words"
}

@test "a root is made once, of the machine's own source" {
	fake_mmdebstrap
	run "$top/vm/buildroot" --suite trixie --package gcc-99
	echo "$output"
	[ "$status" -eq 0 ]
	grep -qx 'Suites: trixie' "$work/sources"
	"$top/vm/buildroot" --suite trixie --package gcc-99
	[ "$(wc -l < "$work/calls")" -eq 1 ]
	"$top/vm/buildroot" --suite trixie --package gcc-98
	[ "$(wc -l < "$work/calls")" -eq 2 ]
}

@test "a root that is killed half-way does not count" {
	fake_mmdebstrap
	touch "$work/cut"
	run "$top/vm/buildroot" --suite trixie
	[ "$status" -ne 0 ]
	rm "$work/cut"
	run "$top/vm/buildroot" --suite trixie
	[ "$status" -eq 0 ]
	[ "$(wc -l < "$work/calls")" -eq 2 ]
	[ -z "$(find "$SECMMU_CACHE" -maxdepth 1 -name '.new.*')" ]
}
