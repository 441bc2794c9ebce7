#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # output and status are bats' own
#
# vm/boot of a target with VMX, with stand-ins for Bochs and for what makes its disc:
# what they are given, and what is said of machines that end in every way there is.

bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	work=$BATS_TEST_TMPDIR
	mkdir -p "$work/bin" "$work/job"
	export PATH=$work/bin:$PATH WORK=$work SECMMU_BOOT_RECORD=/dev/null TMPDIR=$work
	# The magic of a bzImage.
	{ head -c 514 /dev/zero; printf HdrS; head -c 100 /dev/zero; } > "$work/vmlinuz-1"
	{ printf '\x7fELF'; head -c 14 /dev/zero; printf '\x3e\0'; } > "$work/vmlinux-1"
	echo initrd > "$work/initrd"

	stand_in bochs <<- 'END'
	[ "$1" != --help ] || { echo 'Bochs x86 Emulator 2.7
	  -rc filename     execute'; exit; }
	while [ "$1" != -f ]; do shift; done
	cp "$2" "$WORK/machine"
	console=$(sed -n 's/^com1: .*dev="\(.*\)"$/\1/p' "$2")
	stream=$(sed -n 's/^com2: .*dev="\(.*\)"$/\1/p' "$2")
	. "$WORK/do"
	END
	stand_in grub-mkrescue <<- 'END'
	cp "$3/boot/grub/grub.cfg" "$3/boot/kernel" "$WORK"
	: > "$2"
	END
	stand_in zstd <<- 'END'
	cp "$5" "$4"
	END
	for tool in xorriso mformat; do
		stand_in "$tool" < /dev/null
	done
}

stand_in() # NAME, text on stdin
{
	{ echo '#!/bin/sh'; cat; } > "$work/bin/$1"
	chmod +x "$work/bin/$1"
}

boot() # TARGET OPTIONS...
{
	local target=$1

	shift
	run "$top/vm/boot" --target "$target" --kernel "$work/vmlinux-1" --initrd "$work/initrd" --job "$work/job" \
		--results "$work/results" "$@"
	verdict=$(< "$work/results/verdict")
}

@test "a machine that ends: what it was made of" {
	# shellcheck disable=SC2016,SC2028 # the stand-in expands them
	echo 'printf "\n@0 HELLO 1\n\n@0 END\n" > "$stream"; exit 1' > "$work/do"
	boot amd64-6.12:vmx,ept=0 --cpus 3 --memory 1024
	[ "$status" -eq 0 ]
	[ "$verdict" = ended ]
	grep -q 'count=1:3:1' "$work/machine"
	grep -q 'guest=1024' "$work/machine"
	grep -q 'panic=0 .* kvm_intel.ept=0' "$work/grub.cfg"
	# The one beside the unpacked kernel.
	cmp "$work/kernel" "$work/vmlinuz-1"
	[ ! "$(find "$work" -maxdepth 1 -name 'secmmu-boot*')" ]
}

@test "a panic ends a machine that would stand still" {
	# shellcheck disable=SC2016,SC2028
	echo 'printf "\n@0 HELLO 1\n" > "$stream"
	printf "[ 1.0] BUG: x\r\n[ 1.1] Kernel panic - not syncing: y\r\n" > "$console"
	echo $$ > "$WORK/pid"; exec sleep 1000' > "$work/do"
	boot amd64-6.12:vmx --silence 2
	[ "$status" -eq 10 ]
	[ "$verdict" = "kernel died: BUG: x" ]
	run ! kill -0 "$(< "$work/pid")"
}

@test "a machine that boots again was reset" {
	# shellcheck disable=SC2016,SC2028
	echo 'printf "\n@0 HELLO 1\n\n@0 START 1 a b\n\n@0 HELLO 1\n" > "$stream"; exec sleep 1000' > "$work/do"
	boot amd64-6.12:vmx --silence 2
	[ "$status" -eq 10 ]
	[[ $verdict == *"was reset"* ]]
}

@test "a machine that is silent hangs, in the time of its own" {
	# shellcheck disable=SC2016,SC2028
	echo 'printf "\n@0 HELLO 1\n" > "$stream"; exec sleep 1000' > "$work/do"
	SECONDS=0
	boot amd64-6.12:vmx --silence 1
	[ "$status" -eq 10 ]
	[[ $verdict == hang:* ]]
	[ "$SECONDS" -ge 10 ]
}

@test "Bochs that fails says why" {
	echo 'echo "no such ROM" >&2; exit 1' > "$work/do"
	boot amd64-6.12:vmx
	[ "$status" -eq 12 ]
	[[ $verdict == *"no such ROM"* ]]
}

@test "without Bochs, or without a kernel that it can boot" {
	rm "$work/vmlinuz-1"
	boot amd64-6.12:vmx
	[ "$status" -eq 12 ]
	[[ $verdict == *bzImage* ]]
	rm "$work/bin/mformat"
	mkdir "$work/few"
	for tool in bash dirname mkdir rm grep od tr sed cat gzip stat; do
		ln -s "$(command -v "$tool")" "$work/few"
	done
	PATH=$work/few:$work/bin boot amd64-6.12:vmx
	[ "$status" -eq 13 ]
	[[ $verdict == *mtools* ]]
}

@test "no shell there" {
	run "$top/vm/boot" --target amd64-6.12:vmx --kernel "$work/vmlinux-1" --initrd "$work/initrd" \
		--results "$work/results" --shell
	[ "$status" -eq 64 ]
	[[ $output == *Bochs* ]]
}
