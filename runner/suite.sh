#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # shared with the files beside it
#
# Which programs there are, and which of them are run with what.

# suite_list SUITE: prints "AREA PROGRAM [bench]" for every program, of a suite
# that is built, or else from the sources, which have those of every architecture;
# with "sources" from those if they are there, however old a suite beside them is.
suite_list()
{
	local folder file
	local -a folders=("$1" "${SECMMU_SUITE:-}" "$top" "$top/out")

	[[ $1 != sources || ! -r $top/Makefile ]] || folders=("${SECMMU_SUITE:-}")
	for folder in "${folders[@]}"; do
		if [[ $folder && -r $folder/secmmu-tests.list ]]; then
			cat "$folder/secmmu-tests.list"
			return
		fi
	done
	for file in "$top"/*/{,x86_64/,arm64/}*_{test,bench}.c; do
		[[ -e $file && $file != "$top"/tests/* ]] || continue
		folder=${file%/*}
		folder=${folder%/x86_64}
		folder=${folder%/arm64}
		file=${file##*/}
		case $file in
		*_bench.c) echo "${folder##*/} ${file%.c} bench" ;;
		*) echo "${folder##*/} ${file%.c}" ;;
		esac
	done
}

# matches_any NAME PATTERN...
matches_any()
{
	local name=$1 pattern

	shift
	for pattern in "$@"; do
		# shellcheck disable=SC2053 # a glob is meant
		[[ $name == $pattern ]] && return 0
	done
	return 1
}

# The options that every program gets, but for the seed.
common_options()
{
	local words="--mode $mode"

	[[ $duration ]] && words+=" --duration $duration"
	[[ ${program_options[*]} ]] && words+=" ${program_options[*]}"
	printf '%s' "$words"
}

# The first seed, and those of later rounds: from one to the next by adding, so
# that round n of a run can be told from what the run printed.
round_seed()
{
	if [[ $seed ]]; then
		printf '%s' "$seed"
	else
		printf '0x%x' $((base_seed + $1 - 1))
	fi
}

# Prints the job list of one round: "AREA PROGRAM OPTIONS...". A program with
# several case globs is run once for each.
round_list()
{
	local round=$1 suite=$2 area program kind pattern name options cases case_glob

	options="$(common_options) --seed $(round_seed "$round")"
	suite_list "$suite" | while read -r area program kind; do
		[[ $program ]] || continue
		name=$area/$program
		if [[ ${areas[*]} ]] && ! matches_any "$area" "${areas[@]}"; then
			continue
		fi
		if [[ ${unwanted[*]} ]] &&
		   { matches_any "$program" "${unwanted[@]}" || matches_any "$name" "${unwanted[@]}"; }; then
			continue
		fi
		# A benchmark judges nothing: only for those who name it.
		if [[ ! ${wanted[*]} ]]; then
			[[ $kind == bench ]] || echo "$name" "$options"
			continue
		fi
		cases=()
		for pattern in "${wanted[@]}"; do
			if matches_any "$program" "${pattern%%:*}" || matches_any "$name" "${pattern%%:*}"; then
				case_glob=
				[[ $pattern == *:* ]] && case_glob=${pattern#*:}
				cases+=("$case_glob")
			fi
		done
		[[ ${#cases[@]} -gt 0 ]] || continue
		if matches_any '' "${cases[@]}"; then
			echo "$name" "$options"
		else
			for case_glob in "${cases[@]}"; do
				echo "$name" "$options --case $case_glob"
			done
		fi
	done | sed 's,/, ,'
}

# Must modules of ours be built for the target's kernel? What was asked for says
# so; or a chosen program is of an area that has a driver (lib/needs.c inserts it).
modules_wanted()
{
	local area

	[[ ! $with_modules ]] || return 0
	# Of one's own kernel only modules_install says where it was built.
	[[ ! $kernel || -r $modules/build/.config ]] || return 1
	while read -r area _; do
		[[ ! -r $top/$area/driver/Kbuild ]] || return 0
	done < <(round_list 1 sources)
	return 1
}

# make_job FOLDER SUITE MACHINE: writes the job of a whole target; returns 1 if
# there is nothing in it.
make_job()
{
	local job=$1 suite=$2 round

	mkdir -p "$job"
	if [[ $prove && ! $selection ]]; then
		prove_list > "$job/list.new"
	else
		for ((round = 1; round <= rounds; round++)); do
			# One list is enough for rounds that differ in the seed only.
			if [[ $round -eq 1 ]]; then
				if [[ $selection ]]; then
					selection_list > "$job/list.new"
				else
					round_list 1 "$suite" > "$job/list.new"
				fi
				cp "$job/list.new" "$job/round"
			else
				sed "s/ --seed [^ ]*/ --seed $(round_seed $round)/" "$job/round" >> "$job/list.new"
			fi
		done
		rm -f "$job/round"
	fi
	# Every n-th: programs of one area, which take about as long, are divided.
	[[ ! $shard ]] || sed -i -n "${shard%/*}~${shard#*/}p" "$job/list.new"
	# Whole: --resume goes on with what it finds.
	mv "$job/list.new" "$job/list"
	new_nonce
	job_settings "$job" 1 "$3"
	[[ -s $job/list ]]
}

new_nonce()
{
	nonce=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
}

# job_settings JOB FROM MACHINE
job_settings()
{
	{
		printf 'nonce=%s\nfrom=%s\n' "$nonce" "$2"
		printf 'timeout=%s\nmachine=%s\n' "$(program_timeout)" "$3"
		printf 'stop_on_fail=%s\namplify=%s\n' "${until_fail:-0}" "${amplify:-0}"
		[[ ! $background ]] ||
			printf 'background=%s\nbackground_seed=%d\n' "$background" "$(($(round_seed 1) & 0x7fffffff))"
		if [[ $prove ]]; then
			printf 'target=%s\n' "$target"
			prove_boot "$1" "$2"
		fi
	} > "$1/settings"
}

# Seconds for one program. A program ends its own cases long before; this is
# for one that cannot.
program_timeout()
{
	if [[ $time_limit ]]; then
		echo "$time_limit"
	elif [[ $mode == all ]]; then
		echo $((${duration:-0} + 3600))
	elif grep -qs '_bench ' "$target_folder/job/list"; then
		echo $((${duration:-0} + 900))
	elif [[ ${built:-} ]]; then
		# A debug kernel takes five to ten times as long.
		echo $((${duration:-0} + 1200))
	else
		# Check mode is 20 s; under pKVM, emulated, on a busy host, that was 190 s.
		echo $((${duration:-0} + 400))
	fi
}

list_tests()
{
	mode=check base_seed=0 seed=0
	round_list 1 '' | while read -r area program _; do
		echo "$area/$program"
	done | uniq
}
