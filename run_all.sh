#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the suite: on this machine's kernel, or on target kernels in virtual
# machines. ./run_all.sh --help says how.
# shellcheck disable=SC2154,SC2034,SC2317 # shared with runner/; called by traps

set -u -o pipefail
export LC_ALL=C
top=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 3

for part in options suite follow resume compare jobs here machine summary; do
	# shellcheck source=/dev/null # the files of runner/, checked by themselves
	source "$top/runner/$part.sh" || exit 3
done

# Bisection knows 0, 1 and 125 only; anything else would end git bisect.
finish()
{
	local code=$1

	follow_clear
	[[ $child ]] && end_child
	[[ ! $dry_folder ]] || rm -rf "$dry_folder"
	if [[ $bisect ]]; then
		case $code in
		0 | 1) ;;
		*) code=125 ;;
		esac
	fi
	trap - EXIT
	exit "$code"
}

on_exit()
{
	local code=$?

	# Only a fault of this script itself comes here with 1 or 2.
	[[ $code -eq 0 || $code -eq 64 ]] || code=3
	finish "$code"
}

# stop_with CODE TEXT: for when there is nothing to run, or nothing to run it on
stop_with()
{
	printf 'run_all: %s\n' "$2" >&2
	finish "$1"
}

run_one_target()
{
	local before=$infrastructure began=$SECONDS

	start_target "$1"
	[[ $(state_number finished) -eq 0 ]] || return
	if [[ $1 == here ]]; then
		run_here
	else
		run_target
	fi
	# Else --resume tries it again.
	[[ ! $interrupted && ! $storage && ! $dry && $infrastructure == "$before" ]] || return 0
	state_set finished 1
	[[ $resume$rerun$selection || $1 == here ]] || remember_time "$1" $((SECONDS - began))
}

# Everything, in a process of its own: standard input is the bell.
worker()
{
	trap on_exit EXIT
	trap '' INT
	trap : TERM HUP
	exec {bell_fd}<&0 0< /dev/null
	start_results
	if [[ $rerun ]]; then
		selection=$results/selection
		[[ $resume && -e $selection ]] || select_failed "$rerun" "$selection"
		check_selection "$selection"
		mapfile -t targets < <(cut -f 1 "$selection" | sort -u)
		[[ ${targets[*]} ]] || stop_with 0 "nothing failed in $rerun"
	fi
	run_targets
	[[ ! $baseline || $dry ]] || compare_with_baseline
	end_results
	finish "$exit_code"
}

child='' dry_folder='' interrupted='' suite_programs='' infrastructure='' storage='' bisect='' resume='' in_job=''
trap on_exit EXIT
parse_options "$@"
case $action in
vm_list) vm_list; finish 0 ;;
list) list_tests; finish 0 ;;
esac

# This process only waits, and closes the worker's bell at a signal, as it is closed
# if this process is killed. A trap in a script that does more than that may be lost:
# bash 5.2 cannot run one while it parses a command substitution. And a line that is
# written to the pipe may be lost: a "read -t" whose time is over when it comes takes
# it, and reports the time. Jobs (runner/jobs.sh) are rung again and again, and may
# have ended.
trap '' PIPE
exec {bell}> >(worker)
worker=$!
rang=1
trap 'rang=1; [[ ! $bell ]] || exec {bell}>&-; bell=' INT TERM HUP
while [[ $rang ]]; do
	rang=
	wait "$worker"
	exit_code=$?
done
trap - EXIT
[[ $exit_code -le 128 ]] || exit_code=3 # the worker was killed
[[ ! $bisect || $exit_code -le 1 ]] || exit_code=125
exit "$exit_code"
