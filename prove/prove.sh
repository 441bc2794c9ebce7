#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Breaks the running kernel by a line of prove/matrix, and shows whether the
# program that should notice does. Runs on the machine under test, which is
# thrown away afterwards. POSIX shell; busybox is enough.
#
# Exit: 0 the expectation held, 1 it did not, 4 it cannot be tried here.
set -u
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd) || exit 1
matrix=$here/matrix
amplify_rules=$here/amplify
suite=
module=
target=${SECMMU_TARGET:-}
destructive=${SECMMU_DESTRUCTIVE:-}
device=/dev/secmmu_prove
work=
inserted=

usage() {
	cat <<EOF
usage: prove.sh --list [--target NAME]
       prove.sh [--line] ID --without | --with [options]
       prove.sh --amplify [options] -- PROGRAM [ARGUMENTS]
       prove.sh --self-check [options]

  --list          the lines of the matrix that are for the target: id, program,
                  why, and "parallel" or "damages" as in the matrix
  --line ID       take this line of the matrix
    --without       its functions are only watched: the program must pass
    --with          they are broken: the program must fail, and in time
  --amplify       delay the functions listed in prove/amplify while PROGRAM
                  runs: a correct kernel still passes
  --self-check    does the module itself do what it says? (--line self-check
                  is the same)

options:
  --suite DIR     where the test programs are (default: beside this folder)
  --module FILE   secmmu_prove.ko, built for the running kernel
  --matrix FILE   another matrix
  --target NAME   name of this machine, as in vm/targets (default: guessed)
  --destructive   this machine may be damaged (SECMMU_DESTRUCTIVE=1 says the
                  same, and is set in the suite's own virtual machines)
EOF
}

say() { printf '# prove: %s\n' "$*"; }

# The expectation did not hold.
fail() {
	say "$*"
	exit 1
}

# It cannot be tried here: what is missing, and how to get it.
cannot() {
	say "cannot: $*"
	exit 4
}

bad_usage() {
	printf 'prove.sh: %s\n' "$*" >&2
	usage >&2
	exit 1
}

clean_up() {
	status=$?
	trap '' INT TERM
	stop_program
	# The rules end with the last open descriptor of the device.
	exec 3>&-
	[ -z "$inserted" ] || rmmod secmmu_prove
	[ -z "$work" ] || rm -rf "$work"
	exit "$status"
}

stop_program() {
	[ -n "$work" ] && [ -s "$work/pid" ] && [ ! -s "$work/status" ] || return 0
	kill -TERM "$(cat "$work/pid")" 2>/dev/null || :
}

# The name that vm/targets gives this machine, as well as it can be told.
guess_target() {
	case $(uname -m) in
	x86_64) arch=amd64 ;;
	aarch64) arch=arm64 ;;
	*) arch=$(uname -m) ;;
	esac
	release=$(uname -r)
	version=${release%%[!0-9.]*}
	major=${version%%.*}
	minor=${version#*.}
	minor=${minor%%.*}
	variants=
	parameter=/sys/module/kvm_amd/parameters/npt
	if [ -r "$parameter" ]; then
		case $(cat "$parameter") in
		0 | N) variants=,npt=0 ;;
		esac
	fi
	# arm64: what the kernel was told to be, its pages, and Cortex-A72 by its
	# number (arch/arm64/include/asm/cputype.h).
	# shellcheck disable=SC2013	# the words of one line
	for word in $(cat /proc/cmdline); do
		case $word in
		kvm-arm.mode=nvhe | kvm-arm.mode=protected) variants=$variants,${word#*=} ;;
		esac
	done
	case $release in
	*-arm64-16k) variants=$variants,16k ;;
	esac
	grep -qs '^CPU part.*0xd08$' /proc/cpuinfo && variants=$variants,cortex-a72
	printf '%s-%s.%s%s\n' "$arch" "$major" "$minor" "${variants:+:${variants#,}}"
}

# target_matches "GLOB [!GLOB]...": some glob, and none with a '!', fits.
target_matches() {
	set -f
	matched=no
	for glob in $1; do
		# The globs are meant as patterns.
		# shellcheck disable=SC2254
		case $glob in
		!*)
			case $target in
			${glob#!}) matched=never ;;
			esac
			;;
		*)
			case $target in
			$glob) [ "$matched" = never ] || matched=yes ;;
			esac
			;;
		esac
	done
	set +f
	[ "$matched" = yes ]
}

trim() {
	text=$1
	text=${text#"${text%%[![:space:]]*}"}
	text=${text%"${text##*[![:space:]]}"}
	printf '%s\n' "$text"
}

# each_line COMMAND: calls it for every line that is for the target, with
# $id $rules $command $limit $boot $why set; stops when it returns non-zero.
each_line() {
	while IFS='|' read -r id targets rules command limit why; do
		id=$(trim "$id")
		case $id in
		'' | '#'*) continue ;;
		esac
		target_matches "$targets" || continue
		rules=$(trim "$rules")
		command=$(trim "$command")
		limit=$(trim "$limit")
		boot=
		case $limit in
		*' parallel' | *' damages')
			boot=${limit##* }
			limit=${limit%% *}
			;;
		esac
		why=$(trim "$why")
		"$1" || return 0
	done <"$matrix"
}

print_line() { printf '%s\t%s\t%s\t%s\n' "$id" "$command" "$why" "$boot"; }

found=
take_line() {
	[ "$id" = "$wanted" ] || return 0
	found=yes
	return 1
}

# What a broken function becomes when it is only to be watched: the words that
# say which calls are meant stay.
watched() {
	for word in $1; do
		case $word in
		function=* | from=* | kvm=* | vcpu=* | when=*) printf '%s ' "$word" ;;
		esac
	done
	printf 'action=count\n'
}

find_module() {
	[ -z "$module" ] || return 0
	for module in "$suite/secmmu_prove.ko" "$suite/modules/$(uname -r)/secmmu_prove.ko" \
		"$here/secmmu_prove.ko" "$here/driver/secmmu_prove.ko"; do
		[ ! -f "$module" ] || return 0
	done
	cannot "secmmu_prove.ko is not here; build it for this kernel: make -C prove/driver KDIR=/lib/modules/$(uname -r)/build"
}

prepare() {
	[ "$(id -u)" = 0 ] || cannot "needs root, to insert secmmu_prove.ko"
	[ -n "$destructive" ] ||
		cannot "this breaks the running kernel on purpose; say --destructive if this machine may be damaged"
	if [ -z "$suite" ]; then
		suite=$(cd "$here/.." && pwd)
	fi
	work=$(mktemp -d "${TMPDIR:-/tmp}/prove.XXXXXX") || exit 1
	trap clean_up EXIT
	trap 'exit 1' INT TERM HUP
	if [ ! -d /sys/module/secmmu_prove ]; then
		find_module
		if ! insmod "$module" break_this_kernel=1 2>"$work/insmod"; then
			cannot "insmod $module: $(cat "$work/insmod"); is it built for $(uname -r)?"
		fi
		inserted=yes
	fi
	if [ ! -c "$device" ]; then
		numbers=$(cat /sys/class/misc/secmmu_prove/dev) ||
			cannot "/sys/class/misc/secmmu_prove/dev is missing: mount sysfs"
		mknod -m 600 "$device" c "${numbers%:*}" "${numbers#*:}" || exit 1
	fi
	exec 3<>"$device" || exit 1
}

report() { cat <&3; }

# arm RULE: returns 1 if the kernel refuses, with the reason in $refused.
arm() {
	if printf '%s owner=%s\n' "$1" "$$" 2>/dev/null >&3; then
		return 0
	fi
	refused=$(report | sed -n 's/^refused: //p')
	return 1
}

# word KEY TEXT: the value of KEY= in a line of the module's report.
word() {
	for pair in $2; do
		case $pair in
		"$1="*)
			printf '%s\n' "${pair#*=}"
			return 0
			;;
		esac
	done
	printf '0\n'
}

# sum KEY FILE: added up over all rules of a report.
sum() {
	total=0
	while read -r line; do
		case $line in
		rule=*) total=$((total + $(word "$1" "$line"))) ;;
		esac
	done <"$2"
	printf '%s\n' "$total"
}

# first_application FILE: the earliest first_applied_ns of a report, or 0.
first_application() {
	earliest=0
	while read -r line; do
		at=$(word first_applied_ns "$line")
		[ "$at" -eq 0 ] && continue
		if [ "$earliest" -eq 0 ] || [ "$at" -lt "$earliest" ]; then
			earliest=$at
		fi
	done <"$1"
	printf '%s\n' "$earliest"
}

now_of() { word now_ns "$(head -n 1 "$1")"; }

# Nanoseconds to seconds with two digits behind the point.
seconds() {
	hundredths=$(($1 / 10000000))
	printf '%d.%02d\n' $((hundredths / 100)) $((hundredths % 100))
}

# run SECONDS STOP PROGRAM [ARGUMENTS]: runs it, lets its output through, and
# leaves in $work: start and end (reports), first (report at the first case
# that failed, if any), reason, and status. STOP=yes: ends it there, since
# what was to be shown is shown.
run() {
	time_limit=$1
	stop=$2
	shift 2
	rm -f "$work/pid" "$work/status" "$work/first" "$work/reason"
	report >"$work/start"
	{
		# shellcheck disable=SC2016
		sh -c 'echo $$ >"$0/pid"; exec timeout -k 5 "$@"' "$work" \
			"$time_limit" "$@" 3>&- 2>&1
		echo $? >"$work/status"
	} | while IFS= read -r line; do
		printf '%s\n' "$line"
		case $line in
		'# reason: '*)
			[ -f "$work/reason" ] || printf '%s\n' "${line#\# reason: }" >"$work/reason"
			;;
		'not ok '*)
			[ ! -f "$work/first" ] || continue
			report >"$work/first"
			[ -f "$work/reason" ] || printf '%s\n' "$line" >"$work/reason"
			[ "$stop" = no ] || stop_program
			;;
		esac
	done
	report >"$work/end"
	program_status=$(cat "$work/status")
}

print_rules() {
	while read -r line; do
		case $line in
		rule=*) say "$line" ;;
		esac
	done <"$1"
}

# The program of the line, as a path.
find_program() {
	program=$suite/$1
	[ -x "$program" ] || program=$here/$1
	[ -x "$program" ] || cannot "no program $1 in $suite: make install, and --suite"
}

# The suite's modules that programs would insert when they begin: a rule can
# only name a function that is there.
insert_modules() {
	for file in "$suite"/secmmu_*.ko "$suite/modules/$(uname -r)"/secmmu_*.ko; do
		name=${file##*/}
		name=${name%.ko}
		if [ ! -f "$file" ] || [ "$name" = secmmu_prove ] || [ -d "/sys/module/$name" ]; then
			continue
		fi
		insmod "$file" 2>"$work/insmod" || say "cannot insert $file: $(cat "$work/insmod")"
	done
}

judge_line() {
	insert_modules
	old_ifs=$IFS
	IFS=';'
	set -f
	# shellcheck disable=SC2086
	set -- $rules
	IFS=$old_ifs
	for rule; do
		rule=$(trim "$rule")
		[ "$mode" = with ] || rule=$(watched "$rule")
		arm "$rule" || cannot "id=$id rule '$rule': $refused"
	done

	# shellcheck disable=SC2086
	set -- $command
	set +f
	find_program "$1"
	shift
	say "id=$id mode=$mode target=$target program=$command limit=$limit"
	if [ "$mode" = with ]; then
		run $((limit + 20)) yes "$program" "$@"
	else
		run 120 no "$program" "$@"
	fi
	print_rules "$work/end"

	started=$(now_of "$work/start")
	if [ -f "$work/first" ]; then
		last=$work/first
	else
		last=$work/end
	fi
	noticed=$(now_of "$last")
	elapsed=$(seconds $((noticed - started)))
	applied=$(sum applied "$last")
	since=none
	if [ "$applied" -gt 0 ]; then
		since=$(seconds $((noticed - $(first_application "$last"))))
	fi
	reason=$([ -f "$work/reason" ] && cat "$work/reason")

	detected=no
	if [ -f "$work/first" ]; then
		detected=yes
	else
		case $program_status in
		0 | 4 | 124 | 137 | 143) ;;
		*) detected=yes ;;
		esac
	fi
	verdict="id=$id mode=$mode applied=$applied matched=$(sum matched "$last") detected=$detected seconds=$elapsed since_applied=$since status=$program_status"
	say "$verdict"

	if [ "$program_status" = 4 ]; then
		cannot "id=$id: the program skipped everything"
	fi
	if [ "$mode" = without ]; then
		[ "$program_status" = 0 ] ||
			fail "id=$id: the program fails without sabotage: ${reason:-exit status $program_status}"
		exit 0
	fi
	[ "$applied" -gt 0 ] ||
		fail "id=$id: the sabotage was never applied: the program does not reach the function"
	[ "$detected" = yes ] ||
		fail "id=$id: the program did not notice (exit status $program_status)"
	[ $((noticed - started)) -le $((limit * 1000000000)) ] ||
		fail "id=$id: noticed too late: after $elapsed s, allowed are $limit s"
	say "id=$id noticed: ${reason:-exit status $program_status}"
	exit 0
}

amplify() {
	armed=0
	while IFS= read -r rule; do
		rule=$(trim "$rule")
		case $rule in
		'' | '#'*) continue ;;
		esac
		if arm "$rule"; then
			armed=$((armed + 1))
		else
			say "not delayed: $refused"
		fi
	done <"$amplify_rules"
	[ "$armed" -gt 0 ] || cannot "none of the functions in $amplify_rules can be probed here"
	find_program "$1"
	shift
	run 3600 no "$program" "$@"
	print_rules "$work/end"
	say "amplify rules=$armed applied=$(sum applied "$work/end") status=$program_status"
	case $program_status in
	0) exit 0 ;;
	4) exit 4 ;;
	*) exit 1 ;;
	esac
}

action=
mode=
wanted=
while [ $# -gt 0 ]; do
	case $1 in
	--list | --amplify | --self-check) action=${1#--} ;;
	--without | --with) mode=${1#--} ;;
	--destructive) destructive=yes ;;
	--line | --suite | --module | --matrix | --target)
		[ $# -ge 2 ] || bad_usage "$1 needs a value"
		case $1 in
		--line)
			action=line
			wanted=$2
			;;
		--suite) suite=$2 ;;
		--module) module=$2 ;;
		--matrix) matrix=$2 ;;
		--target) target=$2 ;;
		esac
		shift
		;;
	-h | --help)
		usage
		exit 0
		;;
	--)
		shift
		break
		;;
	-*) bad_usage "$1: no such option" ;;
	*)
		[ -z "$action" ] || bad_usage "$1: what is that?"
		action=line
		wanted=$1
		;;
	esac
	shift
done

[ -n "$target" ] || target=$(guess_target)
# So that a list of lines can begin with the module itself.
if [ "$action-$wanted" = line-self-check ]; then
	action=self-check
fi
case $action in
list)
	each_line print_line
	;;
line)
	[ -n "$mode" ] || bad_usage "--line needs --without or --with"
	each_line take_line
	[ -n "$found" ] || cannot "$matrix has no line $wanted for $target"
	prepare
	judge_line
	;;
amplify)
	[ $# -ge 1 ] || bad_usage "--amplify needs a program"
	prepare
	amplify "$@"
	;;
self-check)
	prepare
	# shellcheck source-path=SCRIPTDIR source=self-check.sh
	. "$here/self-check.sh"
	;;
*)
	bad_usage "nothing to do"
	;;
esac
