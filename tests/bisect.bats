#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# vm/bisect, on a toy tree and on toy packages: what a "kernel" says of itself is
# what is wrong with it.

bats_require_minimum_version 1.5.0

setup() {
	load runner.bash
	runner_setup
	cp "$top/vm/bisect" "$tree/vm/"
	toy=$work/toy
	# Builds by copying; a tree with the word "broken" does not build.
	cat > "$tree/vm/build" <<- 'END'
	#!/bin/bash
	source=$2 out=$(mktemp -d "$BATS_TEST_TMPDIR/kernel.XXXXXX")
	grep -qs broken "$source/notes" && { echo "cannot compile" >&2; exit 3; }
	cat "$source"/mm/* > "$out/bzImage"
	mkdir "$out/modules"
	printf 'KERNEL=%s\nMODULES=%s\nRELEASE=toy\n' "$out/bzImage" "$out/modules"
	END
	# What stands in the "kernel" is what its boot and its tests see.
	cat > "$work/boot" <<- END
	#!/bin/bash
	echo "\$*" >> "$work/boots"
	while [ \$# -gt 0 ]; do
		case \$1 in
		--kernel) export TOY=\$2 ;;
		--target) export TOY=$work/packages/\$2 ;;
		esac
		words+=("\$1" "\$2")
		shift 2
	done
	grep -qs unbootable "\$TOY" && exit 12
	cp "\$TOY" "$work/running"
	exec "$top/tests/fake-boot" "\${words[@]}"
	END
	chmod +x "$tree/vm/build" "$work/boot"
	export SECMMU_VM_BOOT=$work/boot
	program demo a_test <<- END
	echo "\$4" >> $work/seeds
	printf '# seed: %s\n1..1\n' "\$4"
	if grep -q 'other bug' "$work/running"; then
		printf '# reason: slot 3 is lost\nnot ok 1 one\n'
		exit 1
	fi
	if grep -q bug "$work/running"; then
		if ! grep -q rarely "$work/running" || [ \$((\$(wc -l < $work/seeds) % 3)) = 0 ]; then
			printf '# reason: page 7 is lost\nnot ok 1 one\n'
			exit 1
		fi
	fi
	printf 'ok 1 one\n'
	END
}

# toy_tree BAD [WORD]: 16 commits on a first one; that one has the bug.
toy_tree() {
	mkdir -p "$toy/mm"
	git -C "$toy" init -q
	git -C "$toy" config user.name toy
	git -C "$toy" config user.email toy@localhost
	echo good > "$toy/mm/file0"
	git -C "$toy" add . && git -C "$toy" commit -qm "first"
	for ((i = 1; i <= 16; i++)); do
		echo "line $i" > "$toy/mm/file$i"
		[ "$i" != "$1" ] || echo "${2:-} bug" >> "$toy/mm/file$i"
		echo "${broken[$i]-}" > "$toy/notes"
		git -C "$toy" add . && git -C "$toy" commit -qm "mm: change number $i"
	done
}

bisect() {
	run "$tree/vm/bisect" --results "$work/steps" "$@"
}

@test "16 commits: the one is found, with its log, and reverting it helps" {
	toy_tree 11
	before=$(git -C "$toy" status --porcelain --branch)
	bisect --git "$toy" --good HEAD~16 --bad HEAD -t a_test
	exits 0
	says "mm: change number 11"
	says_not "mm: change number 12"
	says "the bad end without it: good"
	says "fails in 5 of 5 runs: each kernel is run 2 times"
	# Both ends, four steps, and the revert.
	[ "$(grep -cE 'good|bad' "$work/steps/steps")" -le 7 ]
	# The tree is as it was.
	[ "$(git -C "$toy" status --porcelain --branch)" = "$before" ]
	[ "$(git -C "$toy" worktree list | wc -l)" -eq 1 ]
	[ -z "$(git -C "$toy" for-each-ref refs/bisect)" ]
}

@test "a test that fails one time in three is run as often as that takes" {
	toy_tree 6 rarely
	bisect --git "$toy" --good HEAD~16 --bad HEAD -t a_test --measure 6
	exits 0
	says "fails in 2 of 6 runs: each kernel is run 11 times"
	says "mm: change number 6"
}

@test "commits that do not build are left out; another failure says nothing" {
	declare -A broken=([8]=broken [9]=broken)
	toy_tree 13
	# The middle ones have a bug of their own, mended later.
	bisect --git "$toy" --good HEAD~16 --bad HEAD -t a_test --fingerprint 'page [0-9]+ is lost'
	exits 0
	says "mm: change number 13"
	says "does not build"
	rm -r "$work/steps"
	bisect --git "$toy" --good HEAD~16 --bad HEAD -t a_test --fingerprint 'something else'
	exits 1
	says "cannot tell: .*none that looks like"
	says "nothing to look for"
}

@test "an end that is not what it should be" {
	toy_tree 3
	bisect --git "$toy" --good HEAD~2 --bad HEAD -t a_test
	exits 1
	says "the good end is not good"
	rm -r "$work/steps"
	bisect --git "$toy" --good HEAD~15 --bad HEAD~14 -t a_test
	exits 1
	says "the bad end does not fail"
	[ "$(git -C "$toy" worktree list | wc -l)" -eq 1 ]
}

# packages VERSION=TEXT...
packages() {
	mkdir -p "$work/packages"
	printf '#!/bin/sh\n' > "$tree/vm/fetch"
	for one in "$@"; do
		echo "${one#*=}" > "$work/packages/arm64-${one%%=*}:nvhe"
		printf 'printf "%%s\\t%%s\\t%%s\\n" arm64-%s r s\n' "${one%%=*}" >> "$tree/vm/fetch"
	done
	chmod +x "$tree/vm/fetch"
}

@test "packaged kernels: first the series, then the releases between" {
	packages 6.1.0-50=good 6.12.9=good 6.12.10=good 6.16.12=good 6.17.1=good 6.17.2=good 6.17.3=bug 6.17.13=bug 6.18.15=bug 7.2.9=bug 7.2.12=bug
	bisect --packages arm64 --good 6.12 --bad 7.2 -t a_test --variant nvhe
	exits 0
	says "first bad: arm64-6.17.3:nvhe"
	says "last good: arm64-6.17.2:nvhe"
	# The newest that the names mean.
	grep -q '^arm64-7.2.12:nvhe' "$work/steps/steps"
	grep -q '^arm64-6.12.10:nvhe' "$work/steps/steps"
}

@test "a packaged kernel that does not boot is left out, and said so" {
	packages 6.1=good 6.2=good 6.3=unbootable 6.4=bug 6.5=bug
	bisect --packages arm64 --good 6.1 --bad 6.5 -t a_test --variant nvhe
	exits 0
	says "first bad: arm64-6.4:nvhe"
	says "last good: arm64-6.2:nvhe"
	says "could not be judged: arm64-6.3:nvhe"
}

@test "ended by a signal: neither a build nor a machine goes on, and the tree is as it was" {
	toy_tree 3
	for what in build boot; do
		# One that would take for ever, with a child of its own.
		printf '#!/bin/bash\ntouch %s/begun\nsleep %s\n' "$work" "$NAP" > "$work/endless"
		chmod +x "$work/endless"
		case $what in
		build) cp "$work/endless" "$tree/vm/build" ;;
		boot)
			printf '#!/bin/bash\nmkdir -p %s/m; : > %s/k; printf "KERNEL=%s/k\\nMODULES=%s/m\\n"\n' "$work" "$work" "$work" "$work" > "$tree/vm/build"
			export SECMMU_VM_BOOT=$work/endless
			;;
		esac
		rm -rf "$work/begun" "$work/steps"
		"$tree/vm/bisect" --results "$work/steps" --git "$toy" --good HEAD~16 --bad HEAD -t a_test > "$work/said" 2>&1 &
		pid=$!
		wait_for "$work/begun"
		kill -TERM "$pid"
		code=0
		wait "$pid" || code=$?
		[ "$code" -eq 3 ]
		gone "sleep $NAP"
		gone "$work/steps"
		[ "$(git -C "$toy" worktree list | wc -l)" -eq 1 ]
	done
}

@test "what vm/build prints is read, not executed" {
	toy_tree 3
	sed -i 's,/kernel.XXXXXX,/kernel\\$(touch\\${IFS}pwned).XXXXXX,' "$tree/vm/build"
	grep -qF 'kernel\$(touch\${IFS}pwned)' "$tree/vm/build"
	bisect --git "$toy" --good HEAD~16 --bad HEAD -t a_test
	exits 0
	[ ! -e pwned ]
	says "mm: change number 3"
}

@test "wrong usage" {
	toy_tree 3
	for words in "" "--git $toy" "--git $toy --good HEAD --bad nowhere -t x" "--git $toy --good HEAD --bad HEAD~3 -t x" \
		"--git $toy --packages arm64 --good 1 --bad 2 -t x" "--packages mips --good 1 --bad 2 -t x" "--runs 0"; do
		bisect $words
		exits 64
	done
}
