#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # shared with the files beside it
#
# Only some tests again, each with its seed (a selection: a file of lines "TARGET
# TEST SEED", with tabs between), and what changed since another run.

# select_failed DIR FILE: a selection of what failed in that run.
select_failed()
{
	awk -v "renamed=$top/runner/renamed" -f "$top/runner/text.awk" -f - "$1/results.jsonl" > "$2.all" <<- 'END'
	{
		status = json_get($0, "status")
		if (status != "FAIL" && status != "CRASH" && status != "TIMEOUT" && \
		    !(status == "SKIP" && json_get($0, "expected") == "false"))
			next
		line = printable(json_get($0, "target")) "\t" current_name(printable(json_get($0, "name")))
		if (!seen[line]++)
			print line "\t" printable(json_get($0, "seed"))
	}
	END
	mv "$2.all" "$2"
}

# check_selection FILE: leaves in it what this run can run: tests of the suite, on the
# targets of its options, with a number for a seed.
check_selection()
{
	local on name seed case area known left_out=0
	local number='^(0x[0-9a-fA-F]{1,16}|[0-9]{1,20})$'

	known=$'\n'$(printf '%s\n' "${targets[@]}")$'\n'

	while IFS=$'\t' read -r on name seed; do
		case=
		[[ $name != *:* ]] || case=${name#*:}
		area=${name%%/*}
		name=${name%%:*}
		if [[ $known != *$'\n'"$on"$'\n'* ]] || ! in_suite "$area" "${name#*/}" "--${case:-without}"; then
			left_out=$((left_out + 1))
			continue
		fi
		[[ $seed =~ $number ]] || seed=null
		printf '%s\t%s%s\t%s\n' "$on" "$name" "${case:+:$case}" "$seed"
	done < "$1" > "$1.new"
	mv "$1.new" "$1"
	[[ $left_out -eq 0 ]] || echo "# left out: $left_out results of tests or targets that this run does not have"
}

# selection_list: prints the job of this target.
selection_list()
{
	local on name its_seed case area

	while IFS=$'\t' read -r on name its_seed; do
		[[ $on == "$target" ]] || continue
		# A case is a glob for its program, and one word.
		case=
		[[ $name != *:* ]] || case=${name#*:}
		name=${name%%:*}
		area=${name%%/*}
		if [[ $area == prove ]]; then
			echo "prove ${name#*/} --${case:-without}"
		else
			[[ $its_seed && $its_seed != null ]] || its_seed=$(round_seed 1)
			echo "$area ${name#*/} $(common_options) --seed $its_seed${case:+ --case ${case//[[:space:]]/?}}"
		fi
	done < "$selection"
}

# compare_with_baseline: writes $results/transitions; new failures are run again,
# with the same seed and with others, before they are called regressions.
compare_with_baseline()
{
	local news=$results/transitions.new partial=''

	[[ ! ${wanted[*]}${areas[*]}${unwanted[*]}$shard$selection && ! $interrupted ]] || partial=1
	awk -v "renamed=$top/runner/renamed" -f "$top/runner/text.awk" -f "$top/runner/compare.awk" -v "partial=$partial" \
		"$baseline/results.jsonl" "$results/results.jsonl" > "$news"
	if [[ $replays -gt 0 && ! $interrupted && ! $storage ]] && grep -qE '^(new failure|crashed|flaky)	' "$news"; then
		replay_failures "$news"
		awk -f "$top/runner/text.awk" -f "$top/runner/replay.awk" -v "transitions=$news" \
			"$results/replay/results.jsonl" "$news" > "$results/transitions"
	else
		cp "$news" "$results/transitions"
	fi
	rm "$news"
	[[ ! -s $results/not-run ]] || awk -F '\t' '{ print "infrastructure\t" $1 "\t\t" $2 }' "$results/not-run" >> "$results/transitions"
}

# replay_failures TRANSITIONS: results go into a folder of their own.
replay_failures()
{
	local all=$results selection=$results/replay/selection results=$results/replay
	local rounds=$((replays + 1)) seed='' quiet=1 until_fail='' resume='' infrastructure=''
	local -a ran=() names

	mkdir -p "$results"
	: > "$results/results.jsonl"
	: > "$results/ktap"
	# Seeds by name, from what failed.
	select_failed "$all" "$results/failed"
	# A crash of this machine is not asked for twice.
	awk -F '\t' -v OFS='\t' 'NR == FNR { seed[$1, $2] = $3; next }
		/^(new failure|crashed|flaky)\t/ && !($1 == "crashed" && $2 == "here") { print $2, $3, seed[$2, $3] }' \
		"$results/failed" "$1" > "$selection"
	follow_clear
	echo "# replaying $(wc -l < "$selection") new failures, each with its seed and $replays others"
	mapfile -t names < <(cut -f 1 "$selection" | sort -u)
	for target in "${names[@]}"; do
		[[ ! $interrupted && ! $storage ]] || break
		run_one_target "$target"
	done
}

# How many transitions of these kinds there are.
transitions()
{
	grep -cE "^($1)	" "$results/transitions"
}

print_transitions()
{
	local what on name text

	printf '\nsince %s:\n' "$baseline"
	if [[ ! -s $results/transitions ]]; then
		echo "  nothing has changed"
		return
	fi
	while IFS=$'\t' read -r what on name text; do
		printf '%-14s %s  %s\n    %s\n' "$what" "$on" "$name" "$text"
	done < "$results/transitions"
}
