#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # shared with the files beside it
#
# One target after the other, or --jobs N of them at once.
#
# Each job is a process of its own, with a bell of its own (run_all.sh says what a
# bell is). What all of them write is written under a lock.

run_targets()
{
	local target

	if [[ $jobs -eq 1 || ${#targets[@]} -eq 1 || $dry ]]; then
		for target in "${targets[@]}"; do
			[[ $interrupted || $storage ]] && break
			run_one_target "$target"
		done
	else
		run_jobs
	fi
}

# The targets, what took longest the last time first: it would be waited for at the
# end. What was never run may take longest of all.
longest_first()
{
	local name

	for name in "${targets[@]}"; do
		printf '%s\t%s\n' "$(awk -F '\t' -v name="$name" -v mode="$mode" '
			$1 == name && $2 == mode { seconds = $3 }
			END { print seconds == "" ? 999999 : seconds }' "${cache:-/nowhere}/times" 2> /dev/null || echo 999999)" "$name"
	done | sort -s -k 1,1rn | cut -f 2
}

# remember_time TARGET SECONDS: for the next time.
remember_time()
{
	local lock

	[[ $cache ]] && mkdir -p "$cache" 2> /dev/null && exec {lock}>> "$cache/times.lock" && flock "$lock" || return 0
	{
		awk -F '\t' -v name="$1" -v mode="$mode" '$1 != name || $2 != mode' "$cache/times" 2> /dev/null
		printf '%s\t%s\t%s\n' "$1" "$mode" "$2"
	} > "$cache/times.new" && mv "$cache/times.new" "$cache/times"
	exec {lock}>&-
}

run_jobs()
{
	local fd target process
	local -A bell_of=()
	local -a waiting

	mapfile -t waiting < <(longest_first)
	while [[ ${#waiting[@]} -gt 0 || ${#bell_of[@]} -gt 0 ]]; do
		while [[ ${#waiting[@]} -gt 0 && ${#bell_of[@]} -lt $jobs && ! $interrupted && ! $storage ]]; do
			target=${waiting[0]}
			waiting=("${waiting[@]:1}")
			ran+=("$target")
			exec {fd}> >(target_job "$target" "${bell_of[@]}")
			bell_of[$!]=$fd
		done
		for process in "${!bell_of[@]}"; do
			kill -0 "$process" 2> /dev/null && continue
			wait "$process"
			[[ $? -ne 4 ]] || storage=1
			fd=${bell_of[$process]}
			exec {fd}>&-
			unset "bell_of[$process]"
		done
		[[ ${#bell_of[@]} -gt 0 ]] || { [[ $interrupted || $storage ]] && break; continue; }
		jobs_heartbeat
		pause 0.3
		if [[ $interrupted || $storage ]]; then
			for fd in "${bell_of[@]}"; do
				echo >&"$fd"
			done 2> /dev/null
			waiting=()
		fi
	done
	[[ ! -s $results/not-run ]] || infrastructure=$(sed 's/\t/: /' "$results/not-run")
	tap_count=$(grep -c '^ok \|^not ok ' "$results/ktap")
}

# target_job TARGET FD...: one target, in a process of its own; the FDs are the
# bells of others. Its exit code is 4 if nothing could be written.
target_job()
{
	local fd name=$1

	trap - EXIT
	trap '' INT
	trap : TERM HUP
	exec {bell_fd}<&0 0< /dev/null
	shift
	for fd in "$@"; do
		exec {fd}>&-
	done
	in_job=1
	run_one_target "$name"
	rm -f "$target_folder/now"
	trap - EXIT
	[[ ! $storage ]] || exit 4
	exit 0
}

# with_lock COMMAND...: nothing else writes meanwhile.
with_lock()
{
	local lock code

	if [[ ! $in_job ]]; then
		"$@"
		return
	fi
	exec {lock}>> "$results/lock"
	flock "$lock"
	tap_count=$(grep -c '^ok \|^not ok ' "$results/ktap")
	"$@"
	code=$?
	exec {lock}>&-
	return $code
}

# The line that shows that it works, of all jobs.
jobs_heartbeat()
{
	local text file now

	text=
	for file in "$results"/*/now; do
		[[ -r $file ]] && IFS= read -r now < "$file" && text+="${text:+ | }$now"
	done
	[[ ! $text ]] || heartbeat_line "[$(clock_text $SECONDS)] $text"
}
