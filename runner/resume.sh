#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # shared with the files beside it
#
# Going on with a run that did not come to its end, and what it takes that no
# result is lost or counted twice.
#
# A target's file `state` says how far it is. It is only ever replaced as a
# whole, and behind the results that it knows of: what results.jsonl has beyond
# the number in it was written by a process that died before it could say so.

# commit: takes over what digest.awk has made, results first.
commit()
{
	local size

	size=$(stat -c %s "$results/results.jsonl")
	if ! { cat "$target_folder/news.jsonl" >> "$results/results.jsonl" &&
	       mv "$target_folder/state.new" "$target_folder/state"; } 2> /dev/null; then
		truncate -s "$size" "$results/results.jsonl"
		storage_failed
		return 1
	fi
	# This machine may be the one that crashes next.
	[[ $target != here ]] || sync "$results/results.jsonl" "$target_folder/state" 2> /dev/null
	return 0
}

# storage_failed: nothing can be written any more; the run ends.
storage_failed()
{
	[[ ! $storage ]] || return 0
	storage="nothing more can be written to $results (disk full?)"
	infrastructure_failed "$storage: make room, then run_all.sh --resume $(printf %q "$results")"
}

# storage_works: is there room for what the next boot will write?
storage_works()
{
	[[ ! $storage ]] || return 1
	if head -c 262144 /dev/zero 2> /dev/null > "$target_folder/room" && rm "$target_folder/room"; then
		return 0
	fi 2> /dev/null
	rm -f "$target_folder/room"
	storage_failed
	return 1
}

boot_id()
{
	cat /proc/sys/kernel/random/boot_id 2> /dev/null
}

# save_options: what --resume and --rerun-failed need to know of this run. All of it
# or nothing: half of the words would be another run, perhaps on another machine.
save_options()
{
	{
		printf 'folder %q\n' "$PWD"
		printf 'base_seed %q\n' "$base_seed"
		printf 'word %q\n' "${invocation[@]}"
	} > "$results/options.new" && mv "$results/options.new" "$results/options"
}

# unquote TEXT: sets $value to what printf %q made TEXT of. Text is read here, while
# eval would run the commands that a folder from elsewhere may have in it.
unquote()
{
	local text=$1

	value=
	case $text in
	"''") return ;;
	"\$'"*"'")
		text=${text:2:-1}
		printf -v value %b "${text//"\\'"/"'"}"
		return
		;;
	esac
	while [[ $text == *\\* ]]; do
		value+=${text%%\\*}
		text=${text#*\\}
		value+=${text:0:1}
		text=${text:1}
	done
	value+=$text
}

# load_options DIR: sets invocation and base_seed to those of that run, and goes
# to where it was begun.
load_options()
{
	local line value

	[[ -r $1/options ]] || usage_error "$1 is not a results folder of run_all.sh: it has no file 'options'"
	invocation=()
	while IFS= read -r line; do
		unquote "${line#* }"
		case $line in
		'folder '*)
			[[ $value == /* ]] || usage_error "$1/options: the folder of that run is no absolute path: '$value'"
			cd "$value" || stop_with 3 "the folder in which that run was started no longer exists: $value"
			;;
		'base_seed '*)
			[[ $value =~ ^[0-9]{0,15}$ ]] || usage_error "$1/options: the seed of that run is no number: '$value'"
			base_seed=$value
			;;
		'word '*) invocation+=("$value") ;;
		esac
	done < "$1/options"
}

# check_folder DIR: can a run go on in there? It has files and folders only: through
# a symbolic link the run would write to a file elsewhere.
check_folder()
{
	local odd

	odd=$(find "$1" ! -type f ! -type d -print -quit)
	[[ ! $odd ]] || usage_error "$odd is neither a file nor a folder, so run_all.sh did not make this results folder"
}

# in_suite AREA PROGRAM OPTION: is that a line for this run's job? A list from a folder
# names programs by text; only those of the suite are run.
in_suite()
{
	if [[ $1 == prove ]]; then
		[[ $prove && $2 != */* && $2 != .* && $3 =~ ^--with(out)?$ ]]
		return
	fi
	[[ $suite_programs ]] || suite_programs=$(suite_list sources | cut -d ' ' -f 1,2)
	[[ $1$2 != *[[:space:]]* && $'\n'$suite_programs$'\n' == *$'\n'"$1 $2"$'\n'* ]]
}

# trim_results: throws away what no state knows of, and a line that was cut.
trim_results()
{
	local -a states

	mapfile -t states < <(find "$results" -mindepth 2 -maxdepth 2 -name state)
	if ! { awk -f "$top/runner/text.awk" -f "$top/runner/trim.awk" "${states[@]}" results="$results" \
		"$results/results.jsonl" > "$results/results.new" &&
	       mv "$results/results.new" "$results/results.jsonl" &&
	       awk -f "$top/runner/text.awk" -f "$top/runner/ktap.awk" "$results/results.jsonl" > "$results/ktap"; }; then
		stop_with 3 "cannot write to $results"
	fi
}

# take_over: the results of the boot that was running when the run ended. On this
# machine, whose kernel is the one under test, it may have ended by a crash.
take_over()
{
	boot=$(state_number boot)
	[[ $boot -gt 0 ]] || return 0
	boot_folder=$target_folder/boot-$boot
	nonce=$(sed -n 's/^nonce=//p' "$boot_folder/job/settings")
	state_get boot_id
	if [[ $value && $value != "$(boot_id)" ]]; then
		digest crash "the machine went down while this ran: it was booted anew since"
	else
		digest interrupted
	fi
}

# open_job SUITE MACHINE: the target's job, without what a run that is resumed has
# done of it. Returns 1 if there is nothing in it, 2 if nothing of it is left.
open_job()
{
	local from lines area program option

	if [[ ! $resume || ! -s $target_folder/job/list ]]; then
		make_job "$target_folder/job" "$1" "$2"
		return
	fi
	while read -r area program option _; do
		in_suite "$area" "$program" "$option" && continue
		infrastructure_failed "line '$area $program' of $target_folder/job/list is no program of this suite"
		return 2
	done < "$target_folder/job/list"
	take_over
	lines=$(wc -l < "$target_folder/job/list")
	from=$(($(state_number last_done) + 1))
	[[ $from -le $lines ]] || return 2
	new_nonce
	continue_job "$from" "$2"
	echo "# $target: going on with line $from of $lines$(state_get after && printable "${value:+, after case $value}")"
}

# continue_job FROM MACHINE: the settings of a boot that begins with that line.
continue_job()
{
	job_settings "$target_folder/job" "$1" "$2"
	state_get after
	[[ ! $value ]] || printf 'after=%s\n' "$value" >> "$target_folder/job/settings"
}
