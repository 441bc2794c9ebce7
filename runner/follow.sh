#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # shared with the files beside it
#
# Starts what runs the tests, follows its stream, and turns that into results
# as they come.

# A descriptor on which nothing ever comes.
exec {pause_fd}<> <(:)

# pause SECONDS: returns early when the bell is rung or closed (run_all.sh): the run is
# interrupted.
pause()
{
	if [[ $interrupted ]]; then
		read -rt "$1" -u "$pause_fd" _
		return 0
	fi
	read -rt "$1" -u "$bell_fd" _
	[[ $? -gt 128 ]] || interrupted=1
}

# ---- processes ---------------------------------------------------------------

# start_child LOG COMMAND...
#
# The child leads a session of its own: Ctrl-C at the terminal reaches only
# this script, which then ends the child in an orderly way. If this script is
# killed, the kernel tells the child.
start_child()
{
	local log=$1
	local -a prefix=()

	shift
	if setpriv --pdeathsig TERM true 2> /dev/null; then
		prefix=(setpriv --pdeathsig TERM)
	fi
	setsid "${prefix[@]}" "$@" < /dev/null >> "$log" 2>&1 {pause_fd}<&- {bell_fd}<&- &
	child=$!
}

session_processes()
{
	cat /proc/[0-9]*/stat 2> /dev/null | awk -v session="$1" '{
		pid = $1
		sub(/^.*\) /, "")
		if ($4 == session && $1 != "Z" && $1 != "X")
			print pid
	}'
}

# Ends the child and all of its session.
end_child()
{
	local signal processes tries

	for signal in TERM KILL; do
		for ((tries = 0; tries < 50; tries++)); do
			mapfile -t processes < <(session_processes "$child")
			[[ ${#processes[@]} -gt 0 ]] || break 2
			if [[ $signal == KILL ]]; then
				kill -KILL "${processes[@]}" 2> /dev/null
			elif [[ $tries -eq 0 ]]; then
				# Its leader knows best in which order.
				kill -TERM "$child" 2> /dev/null
			elif [[ $tries -eq 30 ]]; then
				kill -TERM "${processes[@]}" 2> /dev/null
			fi
			pause 0.2
		done
	done
	wait "$child" 2> /dev/null
	child=
}

# ---- the line that shows that it works -----------------------------------------

follow_clear()
{
	# The line of a job is its parent's.
	if [[ ${heartbeat_shown:-} ]] || { [[ $in_job ]] && on_terminal; }; then
		printf '\r\033[K' >&2
		heartbeat_shown=
	fi
}

clock_text()
{
	printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

# heartbeat TEXT: what this target is doing.
heartbeat()
{
	if [[ $in_job ]]; then
		echo "$target: $1" > "$target_folder/now"
	else
		heartbeat_line "[$(clock_text $SECONDS)] $target: $1"
	fi
}

# heartbeat_due: would anybody see it?
heartbeat_due()
{
	[[ $in_job || $SECONDS -ge ${heartbeat_next:-15} ]] || on_terminal
}

# on_terminal: one on which a line can be written over.
on_terminal()
{
	[[ -t 2 && ${TERM:-dumb} != dumb ]]
}

# heartbeat_line TEXT: on a terminal one line that is written over, several times a
# second; else a line every 15 seconds.
heartbeat_line()
{
	if on_terminal; then
		printf '\r%s\033[K' "${1:0:$((${COLUMNS:-80} - 1))}" >&2
		heartbeat_shown=1
	elif [[ $SECONDS -ge ${heartbeat_next:-15} ]]; then
		echo "$1" >&2
		heartbeat_next=$((SECONDS + 15))
	fi
}

# ---- results ----------------------------------------------------------------------

# whole_number TEXT: sets $number to it; 1 if it is no decimal number. Bash expands
# what stands in an arithmetic expression, command substitutions included: text of a
# guest, or of a file of a results folder, enters one only through this.
whole_number()
{
	number=0
	[[ $1 =~ ^[0-9]{1,12}$ ]] || return 1
	number=$((10#$1))
}

# printable TEXT: prints it as one line that no terminal obeys, of at most 1000 bytes
# of ASCII. (runner/text.awk has the same for results, in UTF-8.)
printable()
{
	local text=${1:0:1000}

	printf '%s' "${text//[^ -~]/?}"
}

# The command that repeats a run of this target, without the choice of tests.
replay_command()
{
	local words="./run_all.sh" option

	case $target in
	here) ;;
	kernel:*)
		words+=" --kernel $(printf %q "$kernel")"
		[[ $modules ]] && words+=" --modules $(printf %q "$modules")"
		;;
	*) words+=" --vm $target" ;;
	esac
	[[ $append ]] && words+=" --append $(printf %q "$append")"
	[[ $memory ]] && words+=" --memory $(printf %q "$memory")"
	[[ $cpus ]] && words+=" --cpus $cpus"
	[[ $destructive ]] && words+=" --destructive"
	[[ $prove ]] && words+=" --prove"
	[[ $amplify ]] && words+=" --amplify"
	[[ $mode != check ]] && words+=" --$mode"
	[[ $duration ]] && words+=" --duration $duration"
	[[ $background ]] && words+=" --background $background"
	for option in "${program_options[@]}"; do
		words+=" --option $(printf %q "$option")"
	done
	[[ $seed ]] && words+=" --seed $seed"
	printf '%s' "$words"
}

# digest [END WHY]: takes over what is new in the stream.
digest()
{
	with_lock digest_stream "$@"
}

digest_stream()
{
	local consumed=0 size=0 line

	[[ ! -r $target_folder/state ]] || consumed=$(state_number consumed)
	# What is there now: a stream may grow faster than awk reads it.
	size=$(stat -c %s "$boot_folder/stream" 2> /dev/null) && [[ $size -gt $consumed ]] || size=$consumed
	# A NUL would end the line for some awks.
	{ tail -c "+$((consumed + 1))" "$boot_folder/stream" 2> /dev/null | head -c "$((size - consumed))" || :; } | tr '\000' '\001' |
		SECMMU_WHY="${2:-}" SECMMU_FINGERPRINT=$fingerprint SECMMU_COMMAND="$(replay_command)" awk -f "$top/runner/text.awk" -f "$top/runner/expected.awk" \
		-f "$top/runner/splat.awk" -f "$top/runner/digest.awk" -v "today=$(date +%F)" \
		-v "state=$target_folder/state" -v "state_new=$target_folder/state.new" \
		-v "output=$target_folder/news.jsonl" -v "nonce=$nonce" -v "target=$target" \
		-v "results=$results" -v "folder=$target_name/boot-$boot" -v "list=$boot_folder/job/list" \
		-v "known=$top/known-failures" -v "skips=$top/vm/expected-skips" \
		-v "console=$boot_folder/console.log" -v "end=${1:-}" -v "bisect=$bisect" -v "verbose=$verbose" |
		while IFS= read -r line; do
			case $line in
			'ok '* | 'not ok '*)
				# Numbered over all targets, as they come.
				number_line "$line"
				;;
			*) printf '%s\n' "$line" ;;
			esac
		done > "$target_folder/news" || {
		storage_failed
		return 1
	}
	commit || return
	[[ -s $target_folder/news ]] || return 0
	follow_clear
	cat "$target_folder/news" >> "$results/ktap"
	if [[ ! $quiet ]]; then
		paint < "$target_folder/news"
	else
		grep '^not ok\|^# [A-Z]* *:' "$target_folder/news" | grep -v ' # TODO ' | paint
	fi
	tap_count=$((tap_count + $(grep -c '^ok \|^not ok ' "$target_folder/news")))
	return 0
}

number_line()
{
	local word=ok rest=$1

	[[ $rest == not* ]] && word='not ok'
	rest=${rest#"$word "}
	in_news=$((${in_news:-0} + 1))
	printf '%s %d %s\n' "$word" $((tap_count + in_news)) "${rest#* }"
}

# state_get KEY: a value of the target's state, in $value; 1 if there is none.
state_get()
{
	local key

	while IFS=$'\t' read -r key value; do
		[[ $key == "$1" ]] && return 0
	done < "$target_folder/state"
	value=
	return 1
}

# state_set KEY VALUE [KEY VALUE]...: all of them, or none if this is cut short.
state_set()
{
	if ! { awk -F '\t' 'BEGIN { for (i = 1; i < ARGC; i += 2) value[ARGV[i]] = ARGV[i + 1]; ARGC = 1 }
		!($1 in value) { print }
		END { for (key in value) print key "\t" value[key] }' "$@" \
		< "$target_folder/state" > "$target_folder/state.new" &&
	       mv "$target_folder/state.new" "$target_folder/state"; } 2> /dev/null; then
		storage_failed
	fi
}

# state_number KEY: prints a value of the state that is a number; 0 if it is none.
state_number()
{
	local number

	state_get "$1"
	whole_number "$value"
	printf '%d' "$number"
}

# How many bytes a program may write: what writes more would fill the disk.
flood_limit=$((256 << 20))

# follow_child: until the child has ended (its exit code is in $child_code), somebody
# interrupted, or a program wrote without end (then $flood says so).
#
# Looks every 0.3 s, and starts no process for that: it would cost more than many a
# test.
follow_child()
{
	local line rest keyword total number at news stream_fd now_running='booting' since=$SECONDS
	local began=$SECONDS first='' left='' held='' position=0 portion start=0 written

	flood=
	total=$(wc -l < "$boot_folder/job/list")
	[[ $target != here ]] || now_running='starting'
	exec {stream_fd}< "$boot_folder/stream"
	while kill -0 "$child" 2> /dev/null; do
		[[ ! $interrupted && ! $storage && ! $flood ]] || break
		news='' portion=$position
		# In portions: a stream may grow faster than it is read here.
		while [[ $((position - portion)) -lt 524288 ]]; do
			# No more than that of a line: one without an end would never be read.
			if ! IFS= read -r -n 65536 line <&"$stream_fd" || [[ ${#line} -eq 65536 ]]; then
				position=$((position + ${#line}))
				held+=$line
				held=${held:0:65536}
				[[ ${#line} -eq 65536 ]] || break
				continue
			fi
			position=$((position + ${#line} + 1))
			line=$held$line
			held=
			[[ $line == "@$nonce "* ]] || continue
			read -r _ keyword at rest <<< "$line"
			case $keyword in
			DONE) news=1 ;;
			START)
				# What the guest says of a line that the job has.
				whole_number "$at" || continue
				[[ $number -ge 1 && $number -le $total ]] || continue
				start=$position
				at=$number
				[[ $first ]] || first=$at began=$SECONDS
				left=
				# As long for each as for those that are done in this boot.
				[[ $at -le $first ]] ||
					left=", about $(clock_text $(((SECONDS - began) * (total - at + 1) / (at - first)))) left"
				read -r now_running line _ <<< "$rest"
				now_running=$(printable "$at/$total $now_running/$line")
				since=$SECONDS
				;;
			esac
		done
		written=$position
		[[ $((position - portion)) -lt 524288 ]] || written=$(stat -c %s "$boot_folder/stream")
		[[ $((written - start)) -le $flood_limit ]] ||
			flood="more than $((flood_limit >> 20)) MiB were written: ended before the disk is full"
		[[ ! $news || $flood ]] || digest ''
		heartbeat_due && heartbeat "$now_running, $(clock_text $((SECONDS - since)))$left; $(counts_text)"
		pause 0.3
	done
	exec {stream_fd}<&-
	if [[ $interrupted || $storage || $flood ]]; then
		end_child
		child_code=130
		[[ ! $flood ]] || truncate -s "<$((start + flood_limit))" "$boot_folder/stream"
		return
	fi
	wait "$child"
	child_code=$?
	# What the child may have left of its session.
	end_child
}

counts_text()
{
	[[ -r $target_folder/state ]] || return 0
	printf '%d passed, %d failed' "$(state_number count_PASS)" "$(state_number count_bad)"
}

# start_target NAME: folder and state of a target.
start_target()
{
	target=$1
	target_name=$(printf '%s' "$target" | tr -c 'A-Za-z0-9._=+-' _)
	target_folder=$results/$target_name
	boot=0
	mkdir -p "$target_folder"
	if [[ ! $resume || ! -r $target_folder/state ]]; then
		: > "$target_folder/state"
	fi
	[[ $in_job ]] || ran+=("$target")
}

start_boot()
{
	boot=$((boot + 1))
	boot_folder=$target_folder/boot-$boot
	rm -rf "$boot_folder" # of a run that was killed just here
	mkdir -p "$boot_folder"
	: > "$boot_folder/stream"
	cp -r "$target_folder/job" "$boot_folder/"
	state_set consumed 0 hello 0 done_in_boot 0 stop '' ended 0 boot "$boot" \
		boot_id "$([[ $target != here ]] || boot_id)"
}
