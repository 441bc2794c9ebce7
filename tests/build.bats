#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The build: what must not build, what must be said when something is missing.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	work=$BATS_TEST_TMPDIR
	unset MAKEFLAGS MFLAGS MAKELEVEL OUTPUT O KSFT ARCH CROSS_COMPILE LLVM CC USERCFLAGS USERLDFLAGS
	# A tree of its own, with the sources as they are now.
	tree=$work/tree
	mkdir "$tree"
	(cd "$top" && tar -c --exclude=./out --exclude=./obj --exclude=./.git --exclude=./results .) | tar -x -C "$tree"
	cd "$tree" || return 1
}

# Guest code GUEST.c is made part of dirty_log's guest image.
guest_image() { # SETTING...
	cat > dirty_log/extra_guest.c
	run make "O=$work/out" "$@" "$work/out/obj/${machine:-x86_64}-${compiler:-gcc}/dirty_log/guest.o"
}

need() { # TOOL PACKAGE
	command -v "$1" > /dev/null || skip "needs $1: install the Debian package $2"
}

@test "guest code as it is builds to one section, aligned and padded to 64 KiB" {
	guest_image << 'END'
unsigned long guest_extra(unsigned long x);
unsigned long guest_extra(unsigned long x)
{
	return x + 1;
}
END
	echo "$output"
	[ "$status" -eq 0 ]
	run readelf -SW "$work/out/obj/x86_64-gcc/dirty_log/guest.o"
	[[ $output =~ guest_image\ +PROGBITS\ +0+\ [0-9a-f]+\ 0*([0-9a-f]+)0000\ 00\ +AX\ +0\ +0\ 65536 ]]
}

calls_libc='
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t bytes);
int printf(const char *format, ...);
void guest_extra(void *to, const void *from);
void guest_extra(void *to, const void *from)
{
	memcpy(to, from, 4096);
	printf("hello");
}'

@test "a guest that calls libc is a build error with symbol and object" {
	guest_image <<< "$calls_libc"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"guest code refers to 'memcpy'"*"dirty_log/extra_guest.o"* ]]
	[[ $output == *"guest code refers to 'printf'"*"dirty_log/extra_guest.o"* ]]
	[ ! -e "$work/out/obj/x86_64-gcc/dirty_log/guest.o" ]
}

@test "the same by clang and for arm64" {
	need clang clang
	need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
	compiler=clang
	guest_image LLVM=1 <<< "$calls_libc"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"guest code refers to 'printf'"*"dirty_log/extra_guest.o"* ]]
	compiler=gcc machine=arm64
	guest_image ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- <<< "$calls_libc"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"guest code refers to 'printf'"*"dirty_log/extra_guest.o"* ]]
}

@test "a guest that refers to a host function is a build error" {
	guest_image << 'END'
void report_info(const char *format, ...);
void guest_extra(void);
void guest_extra(void)
{
	report_info("hello");
}
END
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"guest code refers to 'report_info'"*"dirty_log/extra_guest.o"* ]]
}

@test "a guest with a variable is a build error that names it" {
	guest_image << 'END'
unsigned long extra_count;
static unsigned long extra_initialised = 3;
unsigned long guest_extra(void);
unsigned long guest_extra(void)
{
	return extra_count++ + extra_initialised++;
}
END
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"guest code has variables:"*"extra_count"*"dirty_log/extra_guest.o"* ]]
	[[ $output == *"extra_initialised"* ]]
}

@test "a guest with code in a section that is not gathered is a build error" {
	guest_image << 'END'
void __attribute__((section("elsewhere"))) guest_extra(void);
void guest_extra(void)
{
}
END
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"sections that lib/kvm/guest.lds does not gather: elsewhere"* ]]
}

@test "a changed header rebuilds what includes it, other flags rebuild all" {
	object=$work/out/obj/x86_64-gcc/lib/kvm/core_guest.o
	make "O=$work/out" "$object"
	run make "O=$work/out" "$object"
	[[ $output != *GUEST* ]]
	touch -d '+1 minute' lib/kvm/guest.h
	run make "O=$work/out" "$object"
	echo "$output"
	[[ $output == *GUEST*core_guest.o* ]]
	run make "O=$work/out" USERCFLAGS=-DOTHER "$object"
	echo "$output"
	[[ $output == *GUEST*core_guest.o* ]]
}

@test "an architecture without tests builds nothing, says so, and is no failure" {
	run make "O=$work/out" ARCH=riscv
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"no tests for ARCH=riscv"* ]]
	[ -z "$(find "$work/out" -path '*/kselftest' -prune -o -type f -print)" ]
	run make "O=$work/out" ARCH=riscv INSTALL_PATH="$work/install" install
	[ "$status" -eq 0 ]
}

@test "two programs of one name are refused, as install is flat" {
	mkdir -p kvm
	cp dirty_log/dirty_log_exact_test.c kvm/
	run make "O=$work/out"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"two programs have one name: dirty_log_exact_test"* ]]
}

@test "without libnuma the package is named, before the first file is compiled" {
	cat > "$work/cc" << 'END'
#!/bin/sh
case " $* " in
*" -lnuma "*) echo "ld: cannot find -lnuma" >&2; exit 1 ;;
esac
exec gcc "$@"
END
	chmod +x "$work/cc"
	run make "O=$work/out" CC="$work/cc"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"install the Debian package libnuma-dev"* ]]
	[[ $output != *" CC "* ]]
}

@test "find-libnuma writes nothing where there is none" {
	cat > "$work/cc" << 'END'
#!/bin/sh
case " $* " in
*" -lnuma "*) echo "ld: cannot find -lnuma" >&2; exit 1 ;;
esac
exec gcc "$@"
END
	chmod +x "$work/cc"
	run env CC="$work/cc" build/find-libnuma x86_64 "$work/flags"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"cannot find -lnuma"* ]]
	[[ $output == *"libnuma-dev"* ]]
	[ ! -e "$work/flags.link" ]
}

@test "without a compiler for the architecture the package is named" {
	run env CC=aarch64-none-such-gcc build/find-libnuma arm64 "$work/flags"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"gcc-aarch64-linux-gnu"* ]]
}

@test "without kselftest's files, a cache and a mirror it says what to do" {
	[ ! -e /usr/src/linux-source-6.1.tar.xz ] || skip "the package linux-source-6.1 is installed here"
	mkdir "$work/bin"
	printf '#!/bin/sh\necho "E: Failed to fetch" >&2\nexit 100\n' > "$work/bin/apt-get"
	chmod +x "$work/bin/apt-get"
	run env PATH="$work/bin:$PATH" SECMMU_CACHE="$work/cache" make "O=$work/out"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"KSFT="* ]]
	[[ $output == *"linux-source-6.1"* ]]
	[ -z "$(find "$work/cache" -name '*.tar' -o -name '*.deb')" ]
}

@test "clean fetches nothing" {
	mkdir "$work/bin"
	printf '#!/bin/sh\ntouch %s/called\nexit 100\n' "$work" > "$work/bin/apt-get"
	chmod +x "$work/bin/apt-get"
	run env PATH="$work/bin:$PATH" SECMMU_CACHE="$work/cache" make "O=$work/out" clean
	echo "$output"
	[ "$status" -eq 0 ]
	[ ! -e "$work/called" ]
}

@test "modules: a KDIR that is no kernel build folder is refused, none too" {
	run make "O=$work/out" modules KDIR="$work"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"KDIR=$work is no folder of a built kernel"*"linux-headers"* ]]
	run make "O=$work/out" modules
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"needs KDIR="* ]]
}

@test "packages: what is missing is named, and installed by root only" {
	mkdir "$work/bin"
	for tool in bash sh uname sed mktemp id rm; do ln -s "$(command -v "$tool")" "$work/bin/"; done
	printf '#!/bin/sh\nexit 1\n' > "$work/bin/dpkg-query"
	printf '#!/bin/sh\necho 1000\n' > "$work/bin/id.user"
	chmod +x "$work/bin/dpkg-query" "$work/bin/id.user"
	run env PATH="$work/bin" build/packages vm-amd64 modules
	echo "$output"
	[ "$status" -eq 1 ]
	[[ " $output " == *" qemu-system-x86 "* ]]
	[[ " $output " == *" libelf1 "* ]]
	# Nothing of another need, nothing twice.
	[[ " $output " != *" qemu-system-arm "* ]]
	[ -z "$(tr ' ' '\n' <<< "$output" | sort | uniq -d)" ]
	mv "$work/bin/id.user" "$work/bin/id"
	run env PATH="$work/bin" build/packages --install vm-amd64
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"no root"*"apt-get install "*"qemu-system-x86"* ]]
	run build/packages no-such-need
	[ "$status" -eq 64 ]
}
