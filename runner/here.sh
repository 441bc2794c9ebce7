#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # shared with the files beside it
#
# Runs the tests on this machine's own kernel.

# Finds the built programs, in $suite; builds them if this is a source tree.
find_suite_here()
{
	local folder

	for folder in "${SECMMU_SUITE:-}" "$top"; do
		suite=$folder
		[[ $folder && -r $folder/secmmu-tests.list ]] && return
	done
	suite=$top/out
	if [[ -r $top/Makefile ]]; then
		follow_clear
		echo "# here: building (log: $results/build.log)"
		make -C "$top" -s > "$results/build.log" 2>&1 && return
		tail -n 5 "$results/build.log" >&2
		infrastructure_failed "the programs could not be built: see $results/build.log"
		return 1
	fi
	infrastructure_failed "no built programs at $top: run make, or set SECMMU_SUITE to the folder that has secmmu-tests.list"
	return 1
}

# What this machine has of what the suite can use, before anything is run.
print_capabilities()
{
	[[ -r $top/vm/facts && ! $quiet ]] || return 0
	follow_clear
	sh "$top/vm/facts" --capabilities | sed 's/^/# /' | tee -a "$results/ktap"
}

run_here()
{
	# Whatever parse_options let through: somebody's own kernel is not broken on purpose.
	if [[ $with_modules ]]; then
		infrastructure_failed "--prove and --amplify change the running kernel and are only allowed in targets (--vm)"
		return
	fi
	# Nothing is built for a dry run: the sources say what there is.
	suite=${SECMMU_SUITE:-}
	[[ $dry ]] || find_suite_here || return
	open_job "$suite" here
	case $? in
	1)
		infrastructure_failed "no program of $suite is chosen by these options (-l lists them)"
		return
		;;
	2) return ;;
	esac
	if [[ $dry ]]; then
		cat "$target_folder/job/list"
		return
	fi
	print_capabilities
	storage_works || return
	start_boot
	[[ $destructive ]] && export SECMMU_DESTRUCTIVE=1
	local from
	while :; do
		start_child "$boot_folder/output" "$top/vm/agent" --job "$boot_folder/job" \
			--stream "$boot_folder/stream" --suite "$suite"
		follow_child
		if [[ $interrupted ]]; then
			digest interrupted
			return
		fi
		storage_works || return
		digest lost "${flood:-"the runner's agent ended before its work (exit code $child_code)"}"
		state_get stop
		# With --until-fail, a failure that is known is none.
		if [[ $flood || ( $value == *' failed' && $(state_number count_bad) -eq 0 ) ]]; then
			from=$(($(state_number last_done) + 1))
			[[ $from -le $(wc -l < "$target_folder/job/list") ]] || return
			continue_job "$from" here
			start_boot
			continue
		fi
		break
	done
	state_get ended
	if [[ $value != 1 ]]; then
		state_get stop
		if [[ $value == *' failed' ]]; then
			return
		elif [[ $value ]]; then
			infrastructure_failed "the remaining tests were not run: $value"
		else
			infrastructure_failed "the agent ended early: $(tail -n 1 "$boot_folder/output")"
		fi
	fi
}
