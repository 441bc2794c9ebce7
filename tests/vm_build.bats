#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # output, stderr and status are bats' own
#
# vm/build without a kernel: what is asked for, what was dropped, what is built
# again and what is not. The kernel tree is a Makefile that has the same goals.

bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	work=$BATS_TEST_TMPDIR
	export SECMMU_CACHE=$work/cache
	# The suite's lists may be changed here.
	mkdir -p "$work/suite/build" "$work/bin"
	cp -r "$top/vm" "$top/config" "$work/suite/"
	cp "$top/build/packages" "$work/suite/build/"
	build=$work/suite/vm/build
	# shellcheck source=vm/kconfig
	. "$top/vm/kconfig"
}

# fake_tree FOLDER: a kernel tree whose build is told in $work/calls. Options
# named in $work/drop do not survive; $work/broken breaks it.
fake_tree()
{
	mkdir -p "$1/arch/x86" "$1/arch/arm64" "$1/mm"
	touch "$1/Kbuild"
	echo 'source "mm/Kconfig"' > "$1/Kconfig"
	printf 'config DAMON_PADDR\n\tbool "by address"\n\tdepends on DAMON && MMU\n' > "$1/mm/Kconfig"
	cat > "$1/Makefile" <<- END
	VERSION = 7
	PATCHLEVEL = 2
	.RECIPEPREFIX = >
	goals = \$(MAKECMDGOALS) \$(filter GCOV%,\$(MAKEOVERRIDES))
	.PHONY: allnoconfig prepare vmlinux Image modules modules_install
	prepare:
	>@touch \$(O)/tools/objtool/objtool
	allnoconfig:
	>@echo "\$(goals)" >> $work/calls
	>touch $work/drop
	>grep -vwFf $work/drop \$(KCONFIG_ALLCONFIG) > \$(O)/.config || :
	vmlinux Image:
	>@echo "\$(goals)" >> $work/calls
	>test ! -e $work/broken || { echo "mm/memory.c:1: error: broken" >&2; false; }
	>mkdir -p \$(O)/include/config && echo 7.2.99-fake > \$(O)/include/config/kernel.release
	modules:
	modules_install:
	>mkdir -p \$(INSTALL_MOD_PATH)/lib/modules/7.2.99-fake
	END
}

# A source package that is in the cache already.
fake_package()
{
	mkdir -p "$SECMMU_CACHE/source"
	fake_tree "$SECMMU_CACHE/source/linux-source-7.2_7.2.99-1"
	touch "$SECMMU_CACHE/source/linux-source-7.2_7.2.99-1/.complete"
	ln -s linux-source-7.2_7.2.99-1 "$SECMMU_CACHE/source/7.2"
}

calls()
{
	[ "$(wc -l < "$work/calls")" -eq "$1" ] || { cat "$work/calls"; return 1; }
}

@test "bad usage is 64" {
	for words in '' '--nosuch' '--target' '--target amd64-7.2:debug --source x' '--target amd64-7.2:debug --debug' \
		'--target amd64-7.2' '--target amd64-7.2:nosuch' '--source x --arch riscv64' '--source x --jobs 0' \
		'--source x --gcov hmm.o' '--source x --gcov mm/hmm.c' '--source x --config /nowhere'; do
		# shellcheck disable=SC2086 # words
		run "$build" $words
		[ "$status" -eq 64 ] || { echo "$words: $status"; return 1; }
		[ "$output" ]
	done
}

@test "what is no kernel tree is refused" {
	mkdir "$work/tree"
	run "$build" --source "$work/tree"
	[ "$status" -eq 3 ]
	[[ $output == *"$work/tree is no kernel tree"* ]]
}

@test "fragments: the last word counts, and where an option is none" {
	printf 'CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x"\n' > "$work/one"
	printf '# only x86: CONFIG_D CONFIG_E\n# only since 6.8: CONFIG_F\n# only before 6.8: CONFIG_G\nCONFIG_B=m\n# CONFIG_A is not set\nCONFIG_D=y\nCONFIG_E=y\nCONFIG_F=y\nCONFIG_G=y\n' > "$work/two"
	run kconfig_merge x86 6.12 "$work/one" "$work/two"
	[ "$output" = $'# CONFIG_A is not set\nCONFIG_B=m\nCONFIG_C="x"\nCONFIG_D=y\nCONFIG_E=y\nCONFIG_F=y\n# optional CONFIG_G\nCONFIG_G=y' ]
	run kconfig_merge arm64 6.8 "$work/two"
	[[ $output == *$'# optional CONFIG_E\n'* && $output != *'optional CONFIG_F'* && $output == *'optional CONFIG_G'* ]]
	run kconfig_merge x86 6.7 "$work/two"
	[[ $output == *'optional CONFIG_F'* && $output != *'optional CONFIG_G'* ]]
}

@test "fragments: a condition that is not understood is an error" {
	echo '# only on Sundays: CONFIG_A' > "$work/one"
	run ! kconfig_merge x86 6.12 "$work/one"
	[[ $output == *'one:1: not understood'* ]]
}

@test "dropped options: absent, another value, set though it must not be" {
	printf 'CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=m\n# CONFIG_D is not set\nCONFIG_E="x"\n# optional CONFIG_F\nCONFIG_F=y\nCONFIG_G=y\n# CONFIG_H is not set\n' > "$work/wanted"
	printf 'CONFIG_B=y\n# CONFIG_C is not set\nCONFIG_D=y\nCONFIG_E="y"\nCONFIG_G=m\n' > "$work/config"
	run ! kconfig_dropped "$work/wanted" "$work/config"
	[ "$output" = $'CONFIG_A=y is n\nCONFIG_C=m is n\nCONFIG_D=n is y\nCONFIG_E="x" is "y"\nCONFIG_G=y is m' ]
	run -0 kconfig_dropped "$work/config" "$work/config"
	[ ! "$output" ]
}

@test "every fragment of the suite is understood, for every kernel" {
	for version in 6.1 6.12 7.2 7.3; do
		for arch in x86 arm64; do
			kconfig_merge $arch $version "$top/config" "$top/vm/config/machine" "$top/vm/config/machine.$arch" \
				"$top/vm/config/debug" "$top/vm/config/gcov" "$top/vm/config/built" > "$work/merged"
			grep -q '^CONFIG_KASAN=y' "$work/merged"
		done
	done
}

@test "a tree is built, left alone, and built again by make" {
	fake_tree "$work/tree"
	(cd "$work/tree" && find . -type f -exec sha256sum {} + | sort > "$work/before")
	run --separate-stderr "$build" --source "$work/tree" --arch amd64
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	for word in KERNEL=/*/vmlinux MODULES=/*/root/lib/modules/7.2.99-fake RELEASE=7.2.99-fake CONFIG=/*/.config HEADERS=/*; do
		# shellcheck disable=SC2053 # a glob
		[[ $'\n'$output == *$'\n'$word* ]]
	done
	calls 2
	run -0 "$build" --source "$work/tree" --arch amd64
	calls 4
	(cd "$work/tree" && find . -type f -exec sha256sum {} + | sort | cmp - "$work/before")
	[ "$(find "$SECMMU_CACHE/kernel-build" -mindepth 1 -maxdepth 1 -type d | wc -l)" -eq 1 ]
}

@test "another architecture, or debugging, has a folder of its own; --out is one" {
	fake_tree "$work/tree"
	"$build" --source "$work/tree" --arch amd64
	"$build" --source "$work/tree" --arch amd64 --debug
	run --separate-stderr "$build" --source "$work/tree" --arch arm64
	[[ $output == KERNEL=/*/arch/arm64/boot/Image$'\n'* ]]
	[ "$(find "$SECMMU_CACHE/kernel-build" -mindepth 1 -maxdepth 1 -type d | wc -l)" -eq 3 ]
	run --separate-stderr "$build" --source "$work/tree" --arch amd64 --out "$work/out"
	[[ $output == "KERNEL=$work/out/vmlinux"$'\n'* ]]
}

@test "a dropped option is named with what it depends on, and nothing is built" {
	fake_tree "$work/tree"
	printf 'CONFIG_DAMON_PADDR\nCONFIG_NUMA\n' > "$work/drop"
	run "$build" --source "$work/tree" --arch amd64
	[ "$status" -eq 3 ]
	[[ $output == *'CONFIG_DAMON_PADDR=y is n: it depends on DAMON && MMU'* ]]
	[[ $output == *'CONFIG_NUMA=y is n: this tree has no such option'* ]]
	[[ $output == *'2 options that this kernel was to have'* ]]
	calls 1
}

@test "a build that breaks is 3, with the compiler's words" {
	fake_tree "$work/tree"
	touch "$work/broken"
	run "$build" --source "$work/tree" --arch amd64
	[ "$status" -eq 3 ]
	[[ $output == *'mm/memory.c:1: error: broken'* && $output == *'cannot be built: see '*/log* ]]
	rm "$work/broken"
	run -0 "$build" --source "$work/tree" --arch amd64
}

@test "one's own fragment has the last word" {
	fake_tree "$work/tree"
	printf '# CONFIG_KSM is not set\nCONFIG_MINE=y\n' > "$work/mine"
	run --separate-stderr "$build" --source "$work/tree" --arch amd64 --config "$work/mine" --configure
	[ "$status" -eq 0 ]
	[[ $output == CONFIG=* ]]
	grep -qx '# CONFIG_KSM is not set' "${output#CONFIG=}"
	grep -qx CONFIG_MINE=y "${output#CONFIG=}"
	calls 1
}

@test "coverage: the files by make's own switch, counters in the configuration" {
	fake_tree "$work/tree"
	run --separate-stderr "$build" --source "$work/tree" --arch amd64 --gcov mm/hmm.o --gcov virt/kvm/dirty_ring.o
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	grep -q 'GCOV_PROFILE_hmm.o=y' "$work/calls"
	grep -q 'GCOV_PROFILE_dirty_ring.o=y' "$work/calls"
	grep -qx CONFIG_GCOV_KERNEL=y "$(sed -n 's/^CONFIG=//p' <<< "$output")"
}

@test "a target: built once, from what is in the cache, and found again" {
	fake_package
	run --separate-stderr "$build" --target amd64-7.2:debug
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	calls 2
	first=$output
	run --separate-stderr "$build" --target amd64-7.2:debug
	[ "$output" = "$first" ]
	[ ! "$stderr" ]
	run --separate-stderr "$work/suite/vm/fetch" amd64-7.2:debug
	[ "$output" = "$first" ]
	calls 2
}

@test "a target: another configuration, coverage or compiler is another kernel" {
	fake_package
	"$build" --target amd64-7.2:debug
	echo CONFIG_MORE=y >> "$work/suite/config"
	run --separate-stderr "$build" --target amd64-7.2:debug
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	[[ $stderr == *'beginning with '* ]]
	calls 4
	"$build" --target amd64-7.2:debug --gcov mm/hmm.o
	calls 6
	printf '#!/bin/sh\necho "gcc (another) 99"\n' > "$work/bin/gcc"
	chmod +x "$work/bin/gcc"
	PATH=$work/bin:$PATH "$build" --target amd64-7.2:debug
	calls 8
	# A comment is no change.
	echo '# a comment' >> "$work/suite/config"
	"$build" --target amd64-7.2:debug --gcov mm/hmm.o
	calls 8
}

@test "a target: what was interrupted is not taken for whole" {
	fake_package
	touch "$work/broken"
	run -3 "$build" --target amd64-7.2:debug
	rm "$work/broken"
	run -0 --separate-stderr "$build" --target amd64-7.2:debug
	calls 4
}

@test "a target: a kernel without debugging, and one that counts, are other kernels" {
	fake_package
	"$build" --target amd64-7.2:debug
	run --separate-stderr "$build" --target amd64-7.2:built
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	[[ $stderr != *'beginning with '* ]]
	config=$(sed -n 's/^CONFIG=//p' <<< "$output")
	grep -qx CONFIG_GCOV_KERNEL=y "$config"
	run ! grep -q CONFIG_KASAN "$config"
	run ! grep -q 'GCOV_PROFILE' "$work/calls"
	run --separate-stderr "$build" --target amd64-7.2:gcov
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	[[ $stderr == *'beginning with '* ]]
	cmp "$config" "$(sed -n 's/^CONFIG=//p' <<< "$output")"
	grep -q 'GCOV_PROFILE_hmm.o=y' "$work/calls"
}

@test "a target: the tools of a copied folder are as old as those it was copied from" {
	fake_package
	run -0 --separate-stderr "$build" --target amd64-7.2:built
	seed=$(sed -n 's/^HEADERS=//p' <<< "$output")
	mkdir -p "$seed/tools/objtool"
	touch -d 2020-01-01 "$seed/tools/objtool/objtool"
	run -0 --separate-stderr "$build" --target amd64-7.2:gcov
	tool=$(sed -n 's/^HEADERS=//p' <<< "$output")/tools/objtool/objtool
	[ "$(stat -c %Y "$tool")" = "$(stat -c %Y "$seed/tools/objtool/objtool")" ]
}
