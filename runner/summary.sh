#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # shared with the files beside it
#
# The results folder, and what is said at the end.

# Something that is no fault of the kernel under test.
infrastructure_failed()
{
	local text changed

	follow_clear
	text=$(printable "$1")
	changed=$(suite_changed) && text+=" ($changed: that may be why)"
	infrastructure+="${infrastructure:+$'\n'}$target: $text"
	printf '%s\t%s\n' "$target" "$text" >> "$results/not-run"
	printf '# %s: %s\n' "$target" "$text" | tee -a "$results/ktap"
}

# suite_changed: says what of the suite has changed since this run began, as by a
# git pull; 1 if nothing has. Parts of it are read only when they are wanted.
suite_changed()
{
	local area
	local -a parts=(run_all.sh known-failures Makefile config build lib prove runner vm)

	# By name: a folder may be another run's results.
	while read -r area; do
		parts+=("$area")
	done < <(suite_list sources | cut -d ' ' -f 1 | sort -u)
	# What is not there makes find fail.
	{ find "${parts[@]/#/$top/}" -name __pycache__ -prune -o -type f -newer "$results/began" -print 2> /dev/null || :; } |
		awk -v top="$top/" 'NR == 1 { first = substr($0, length(top) + 1) }
			END { if (!NR) exit 1; print "the suite was changed while this ran, " first (NR > 1 ? " and " NR - 1 " more" : "") }'
}

suite_version()
{
	git -C "$top" describe --always --dirty 2> /dev/null || echo unknown
}

# paint: colours for what is read, on a terminal that has them and whose user has
# not declined (no-color.org).
paint()
{
	if [[ ! -t 1 || ${NO_COLOR:-} || ${TERM:-dumb} == dumb ]]; then
		cat
		return
	fi
	sed -E -e 's/^not ok .* # TODO .*/\x1b[33m&\x1b[m/; t' -e 's/^ok .* # SKIP .*/\x1b[2m&\x1b[m/; t' \
		-e 's/^(ok )/\x1b[32m\1\x1b[m/; t' -e 's/^(not ok .*|# (FAIL|CRASH|TIMEOUT): .*)/\x1b[31m\1\x1b[m/; t' \
		-e 's/^(FAIL|CRASH|TIMEOUT|FAILED|REGRESSION|SKIP \(unexpected\)|regression|crashed)/\x1b[31m\1\x1b[m/; t' \
		-e 's/^(KNOWN|STALE|flaky|INCOMPLETE|NOTHING RAN|no regression)/\x1b[33m\1\x1b[m/; t' \
		-e 's/^(fixed|ok:)/\x1b[32m\1\x1b[m/'
}

start_results()
{
	local folder

	tap_count=0 ran=()
	if [[ $resume ]]; then
		rm -f "$results/not-run"
		touch "$results/began"
		trim_results
		tap_count=$(wc -l < "$results/results.jsonl")
		echo "# going on with $results, which has $tap_count results"
		return
	fi
	base_seed=$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')
	if [[ $dry ]]; then
		# Of its own, below no folder that the user named: it goes in the end.
		results=$(mktemp -d) || stop_with 3 "cannot create a temporary folder"
		dry_folder=$results
	elif [[ ! $results ]]; then
		for folder in "$top" "$PWD"; do
			results=$folder/results/$(date +%Y%m%d-%H%M%S)
			# Two runs in one second.
			[[ ! -e $results ]] || results+=-$$
			mkdir -p "$results" 2> /dev/null && break
			results=
		done
		# Below /tmp a name that is known may be somebody else's.
		[[ $results ]] || results=$(mktemp -d "${TMPDIR:-/tmp}/secmmu-results.XXXXXX") || results=/nowhere
	fi
	mkdir -p "$results" || stop_with 3 "cannot create the results folder $results"
	results=$(cd "$results" && pwd)
	: > "$results/results.jsonl" || stop_with 3 "cannot write to $results"
	{
		printf 'command='
		printf ' %q' "${invocation[@]}"
		printf '\ndate=%s\nmachine=%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(uname -srm)"
		printf 'seed=%s\n' "$(round_seed 1)"
		printf 'suite=%s\n' "$(suite_version)"
	} > "$results/environment"
	save_options
	touch "$results/began"
	echo "TAP version 13" | tee "$results/ktap"
	echo "# seed: $(round_seed 1)"
}

end_results()
{
	local changed

	follow_clear
	if [[ $dry ]]; then
		exit_code=0
		[[ ! $infrastructure ]] || exit_code=3
		return
	fi
	echo "1..$tap_count" | tee -a "$results/ktap"
	awk -f "$top/runner/text.awk" -f "$top/runner/summary.awk" -v "results=$results" \
		"$results/results.jsonl" > "$results/summary"
	{
		[[ ! $infrastructure ]] || printf '\nnot run:\n%s\n' "$infrastructure"
		[[ ! $baseline ]] || print_transitions
		! changed=$(suite_changed) || printf '\n%s: the results may be of both\n' "$changed"
		[[ ! $interrupted ]] || printf '\ninterrupted: what is missing was not run\n'
		printf '\n%s\n' "$(judge)"
	} >> "$results/summary"
	paint < "$results/summary"
	judge > /dev/null
	echo "results: $results"
}

# Sets $exit_code and says why.
judge()
{
	local passed=0 bad=0 skipped=0 programs_skipped=0 known=0 other=0

	for target in "${ran[@]}"; do
		target_folder=$results/$(printf '%s' "$target" | tr -c 'A-Za-z0-9._=+-' _)
		passed=$((passed + $(state_number count_PASS)))
		bad=$((bad + $(state_number count_bad)))
		other=$((other + $(state_number count_other)))
		skipped=$((skipped + $(state_number count_SKIP)))
		known=$((known + $(state_number count_KNOWN)))
		programs_skipped=$((programs_skipped + $(state_number count_programs_skipped)))
	done
	if [[ $bisect ]]; then
		# A skip is neither good nor bad.
		if [[ $((bad - $(unexpected_skips))) -gt 0 ]]; then
			exit_code=1
			echo "bad"
		elif [[ $other -gt 0 ]]; then
			exit_code=125
			echo "cannot tell: $other failures, but none that looks like '$fingerprint'"
		elif [[ $infrastructure || $interrupted || $passed -eq 0 ||
			$programs_skipped -gt 0 || $(unexpected_skips) -gt 0 ]]; then
			exit_code=125
			echo "cannot tell: $passed passed, $skipped skipped"
		else
			exit_code=0
			echo "good"
		fi
	elif [[ $baseline && $(transitions 'regression|crashed|new failure|slower') -gt 0 ]]; then
		exit_code=1
		echo "REGRESSION: $(transitions 'regression|crashed|new failure|slower'), of $bad not as expected"
	elif [[ $baseline && $bad -gt 0 ]]; then
		exit_code=2
		echo "no regression: of $bad not as expected, $(transitions flaky) did not come again, the others are in the baseline"
	elif [[ $bad -gt 0 ]]; then
		exit_code=1
		echo "FAILED: $bad not as expected"
	elif [[ $infrastructure || $interrupted ]]; then
		exit_code=3
		echo "INCOMPLETE: nothing failed, but not everything was run"
	elif [[ $((passed + known)) -eq 0 ]]; then
		exit_code=3
		echo "NOTHING RAN: $skipped skipped"
	else
		exit_code=0
		echo "ok: all as expected"
	fi
}

unexpected_skips()
{
	grep -c '"expected": false' "$results/results.jsonl"
}
