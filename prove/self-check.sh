#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154
#
# Does secmmu_prove.ko do what it says? Needs no KVM. Read by prove.sh, whose
# functions and open device (descriptor 3) it uses. umask and renice show what
# the kernel made of them, so that every action can be seen from a shell.

case $(uname -m) in
aarch64) system_call=__arm64_sys_umask ;;
*) system_call=__x64_sys_umask ;;
esac
checks=0
failures=0

# expect WHAT WANTED GOT
expect() {
	checks=$((checks + 1))
	if [ "$2" = "$3" ]; then
		printf 'ok %d %s\n' "$checks" "$1"
	else
		failures=$((failures + 1))
		printf 'not ok %d %s\n# wanted %s, got %s\n' "$checks" "$1" "$2" "$3"
	fi
}

forget() { printf 'clear\n' >&3; }

rule_word() { word "$1" "$(report | grep '^rule=1 ')"; }

# Must be armed, or nothing that follows means anything.
must_arm() {
	forget
	arm "$1" || fail "self-check: '$1' was refused: $refused"
}

# The niceness that a process gets that asks for $1: field 19 of its stat.
niceness() {
	# shellcheck disable=SC2016
	sh -c 'renice -n "$0" -p $$ >/dev/null; read -r line </proc/$$/stat
		set -- $line; shift 18; echo "$1"' "$1" 3>&-
}

mask() { (
	umask 077
	sh -c umask 3>&-
); }

# expect_refused RULE PART_OF_THE_REASON
expect_refused() {
	forget
	if arm "$1"; then
		expect "refused: $1" refused armed
		return
	fi
	case $refused in
	*"$2"*) expect "refused: $1" yes yes ;;
	*) expect "refused: $1" "$2" "$refused" ;;
	esac
}

must_arm "function=$system_call action=count"
expect "count changes nothing" 0077 "$(mask)"
expect "count never applies" 0 "$(rule_word applied)"
matched=$(rule_word matched)
expect "count sees the calls" yes "$([ "$matched" -ge 2 ] && echo yes)"

must_arm "function=$system_call action=skip value=0123"
expect "skip returns the value" 0123 "$(mask)"
expect "skip is counted" yes "$([ "$(rule_word applied)" -ge 2 ] && echo yes)"
expect "skip misses none" 0 "$(rule_word missed)"

# The shell's umask is two calls, one to ask and one to put back. The first
# umask of mask() is call 1, so the one that is printed is call 2.
must_arm "function=$system_call action=skip value=0123 every=2"
expect "every second call is skipped" 0123 "$(mask)"
must_arm "function=$system_call action=skip value=0123 after=1000"
expect "after= lets calls pass" 0077 "$(mask)"
must_arm "function=$system_call action=skip value=0123 limit=1"
expect "limit= ends the rule" 0077 "$(mask)"
expect "limit=1 applied once" 1 "$(rule_word applied)"

must_arm "function=$system_call action=return value=0111"
expect "return sets the value" 0111 "$(mask)"
must_arm "function=$system_call action=return max=022 bits=32"
expect "return clamps to the maximum" 0022 "$(mask)"
must_arm "function=$system_call action=return min=0177"
expect "return clamps to the minimum" 0177 "$(mask)"
must_arm "function=$system_call action=return max=0777"
expect "return leaves what is in bounds" 0077 "$(mask)"
expect "an unchanged value is not counted" 0 "$(rule_word applied)"

must_arm "function=set_user_nice action=argument argument=2 max=3"
expect "an argument is clamped" 3 "$(niceness 7)"
must_arm "function=set_user_nice action=argument argument=2 value=5 when=2:6"
expect "when= lets other calls be" 7 "$(niceness 7)"
expect "when= takes the right calls" 5 "$(niceness 6)"

# The caller is set_one_prio(), or the system call if that is inlined.
must_arm "function=set_user_nice action=argument argument=2 value=5 from=get_task_cred"
expect "from= lets other callers be" 7 "$(niceness 7)"
expect "from= does not match other callers" 0 "$(rule_word matched)"

many_masks() {
	i=0
	while [ "$i" -lt 50 ]; do
		umask >/dev/null
		i=$((i + 1))
	done
}
for end in entry return; do
	must_arm "function=$system_call action=delay microseconds=2000 at=$end"
	before=$(report | head -n 1)
	many_masks
	after=$(report | head -n 1)
	spent=$(($(word now_ns "$after") - $(word now_ns "$before")))
	expect "100 delays of 2 ms at $end take 200 ms" yes \
		"$([ "$spent" -ge 200000000 ] && echo yes || echo "$spent ns")"
done

# A task and a number are taken for a VM, a memslot, a range of guest memory. The rule
# is for any process: for one, a call without a VM would not even match.
for wrong in "unlog argument=2 kvm=1" "unlog argument=1 kvm=2" "unlog argument=1 vcpu=1" \
	"keeplog argument=1" "shorten argument=1" "shorten argument=2"; do
	forget
	printf 'function=set_user_nice action=%s owner=any\n' "$wrong" >&3 ||
		fail "self-check: 'action=$wrong' was refused: $(report)"
	expect "a wrong argument changes nothing: $wrong" 7 "$(niceness 7)"
	expect "a wrong argument matches: $wrong" yes "$([ "$(rule_word matched)" -ge 1 ] && echo yes)"
	expect "a wrong argument never applies: $wrong" 0 "$(rule_word applied)"
done

# Another process, which is no ancestor of ours.
sleep 60 3>&- &
stranger=$!
forget
printf 'function=%s action=skip value=0123 owner=%d\n' "$system_call" "$stranger" >&3
expect "another process's rule leaves us alone" 0077 "$(mask)"
expect "another process's calls do not match" 0 "$(rule_word matched)"
kill "$stranger"
wait "$stranger" 2>/dev/null

must_arm "function=secmmu_no_such_function,$system_call action=skip value=0123"
expect "the second name is taken" "$system_call" "$(rule_word function)"

forget
arm "function=$system_call action=skip value=0123" &&
	arm "function=set_user_nice action=argument argument=2 max=3"
expect "two rules at once: the first" 0123 "$(mask)"
expect "two rules at once: the second" 3 "$(niceness 7)"

expect_refused "function=secmmu_no_such_function action=skip" "no such function"
expect_refused "function=set_user_nice from=secmmu_no_such_function" "no such function"
expect_refused "function=get_kprobe action=skip" "may not be probed"
expect_refused "action=skip" "function= is missing"
expect_refused "function=$system_call action=explode" "must be count, skip"
expect_refused "function=$system_call action=delay" "needs microseconds="
expect_refused "function=$system_call action=delay microseconds=2001" "from 1 to 2000"
expect_refused "function=$system_call action=return" "needs value="
expect_refused "function=$system_call action=return min=2 max=1" "greater than"
expect_refused "function=$system_call action=argument argument=9 value=1" "from 1 to"
expect_refused "function=$system_call action=skip every=0" "from 1 to"
expect_refused "function=$system_call every" "key=value"
expect_refused "function=$system_call colour=red" "no such key"
expect_refused "function=$system_call action=unlog" "needs argument="
expect_refused "function=$system_call action=keeplog" "needs argument="
expect_refused "function=$system_call action=shorten" "needs argument="

# A rule does not outlive the open file.
must_arm "function=$system_call action=skip value=0123"
exec 3>&-
expect "closing the device ends its rules" 0077 "$(mask)"
exec 3<>"$device" || exit 1
expect "a new session has no rules" 0 "$(word rules "$(report | head -n 1)")"

printf '1..%d\n' "$checks"
[ "$failures" -eq 0 ] || fail "self-check: $failures of $checks checks failed"
say "self-check: $checks checks passed"
exit 0
