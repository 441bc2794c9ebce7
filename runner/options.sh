#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154,SC2016 # shared with the files beside it; bash -c
#
# The options of run_all.sh.

usage()
{
	cat <<'END'
Usage: run_all.sh [options]            run the tests on this machine's kernel
       run_all.sh --vm TARGET[,...]    run them on target kernels, in QEMU

which tests:
  -l             list the tests       -d  print what would run, and run nothing
  -t TEST        run only PROGRAM, AREA/PROGRAM, or either with :CASE; globs;
                 may be repeated      -S TEST  skip these programs
  -c AREA        run only this area (dirty_log, kvm, hmm, avic, lib); globs
how:
  --all          full matrices        --stress  for --duration, under load
  --duration S   seconds for each program
  --seed N       the seed of all random choices (every run prints it)
  --repeat N     run everything N times, each round with another seed
                 (with --seed, always the same)
  --until-fail   repeat until a test fails (at most --repeat times, or 1000)
  --background P stress-ng beside each program: memory, numa, scheduler, reclaim
  --option "X"   further options for the programs, such as "--backing shmem"
  -o SECONDS     time limit of one program
  --destructive  on this machine: also tests that may panic or starve it
where:
  --vm TARGET    target kernels, separated by commas but for the variants of
                 one: amd64-6.12 or arm64-7.2:nvhe,16k; --vm list lists the
                 supported ones, and any other Debian kernel works, too
  --kernel FILE  a custom kernel; with --modules DIR, its lib/modules/RELEASE
  --append "X"   add X to the target's kernel command line
  --memory MIB   the target's memory     --cpus N  its CPUs
  --jobs N       run N targets in parallel    --shard I/N  every N-th program
  --prove        in targets: break the kernel on purpose, line by line of
                 prove/matrix; each must fail its program (-t, -S: lines)
  --amplify      in targets: delay kernel functions, to widen race windows
results:
  --results DIR  a new or empty folder (default: results/DATE-TIME)
  --baseline DIR compare with an earlier run: a test that fails now and passed
                 then is run again, with its seed and --replays N others (3),
                 before it is reported as a regression
  --rerun-failed DIR  run what failed in that run, with its options and seeds;
                 options given here are added to them
  --resume DIR   continue a run that was interrupted, killed, or ended by a
                 crash of this machine (no other option is allowed)
  --bisect       for git bisect run: exit code 0 good, 1 bad, 125 cannot tell;
                 known failures are bad; with --fingerprint ERE, only a failure
                 that matches is bad
  -q  print no line for each case   -v  print the programs' output, too
  -h  print this text

exit code: 0 all as expected; 1 a test failed (with --baseline: 1 for a regression,
2 if all failures are old); 3 nothing could be run (no kernel, no QEMU, no boot,
no test, interrupted); 64 wrong usage
END
}

usage_error()
{
	printf 'run_all: %s\n(see run_all.sh --help)\n' "$1" >&2
	finish 64
}

# A number of the given kind, or the usage is wrong.
need_number()
{
	[[ $2 =~ ^[0-9]{1,9}$ && $((10#$2)) -ge 1 ]] || usage_error "$1 needs a number above 0, and got '$2'"
}

# "amd64-6.1:npt=0,x,arm64-6.1": a word without ARCH- in front is one more
# variant of the target before it.
split_targets()
{
	local word words

	[[ ,$1, != *,,* ]] || usage_error "an empty name in --vm '$1'"
	IFS=, read -r -a words <<< "$1"
	for word in "${words[@]}"; do
		# Names of ours for what is no machine of vm/: past every check of a target.
		[[ $word != here && $word != here:* && $word != kernel:* ]] ||
			usage_error "'$word' in --vm is no target: without --vm this machine is used, and a custom kernel is run by --kernel"
		if [[ $word =~ ^[a-z0-9]+-[0-9] || ! ${targets[*]} || $word == list ]]; then
			targets+=("$word")
		elif [[ ${targets[-1]} == *:* ]]; then
			targets[-1]+=",$word"
		else
			usage_error "'$word' in --vm is no target: --vm list lists them"
		fi
	done
}

# expand_rerun --rerun-failed DIR WORD...: sets expanded to that run's options and
# behind them those given here, asked to what stands for both, and rerun to DIR. That
# run may have been such a one itself.
expand_rerun()
{
	local folder from=$PWD kept=${base_seed-} i before
	local -a words

	while [[ ${1-} == --rerun-failed || ${1-} == --rerun-failed=* ]]; do
		folder=${1#--rerun-failed}
		folder=${folder#=}
		shift
		[[ $folder ]] || { folder=${1-}; shift; }
		folder=$(cd "${folder:-/nowhere}" 2> /dev/null && pwd) || usage_error "--rerun-failed needs a results folder"
		words=("$@")
		if [[ ! $rerun ]]; then
			rerun=$folder
			# From here on we are where that run was begun.
			before=
			for ((i = 0; i < ${#words[@]}; i++)); do
				case $before=${words[i]} in
				--results=[!/]* | --baseline=[!/]* | --kernel=[!/]* | --modules=[!/]*)
					words[i]=$from/${words[i]} ;;
				*=--results=[!/]* | *=--baseline=[!/]* | *=--kernel=[!/]* | *=--modules=[!/]*)
					words[i]=${words[i]%%=*}=$from/${words[i]#*=} ;;
				esac
				before=${words[i]}
			done
			asked=(--rerun-failed "$rerun" "${words[@]}")
		fi
		load_options "$folder"
		[[ $resume ]] || kept=${kept:-$base_seed}
		set -- "${invocation[@]}" --results '' "${words[@]}"
	done
	base_seed=$kept
	expanded=("$@")
}

parse_options()
{
	local option value known resumed='' i
	local -a asked expanded

	action=run
	targets=() wanted=() unwanted=() areas=() program_options=()
	mode=check duration='' seed='' rounds=1 rounds_given='' until_fail='' time_limit=''
	dry='' kernel='' modules='' append='' memory='' cpus='' prove='' amplify='' with_modules='' quiet='' destructive=''
	results='' fingerprint='' baseline='' replays=3 selection='' shard='' rerun='' jobs=1 background='' verbose=''
	if [[ ${1-} == --resume || ${1-} == --resume=* ]]; then
		resumed=${1#--resume}
		resumed=${resumed#=}
		shift
		[[ $resumed ]] || { resumed=${1-}; shift; }
		[[ $resumed && $# -eq 0 ]] || usage_error "--resume needs a results folder and no other option: it uses that run's"
		resumed=$(cd "$resumed" 2> /dev/null && pwd) || usage_error "--resume: no such folder"
		check_folder "$resumed"
		load_options "$resumed"
		set -- "${invocation[@]}"
		resume=1
	fi
	asked=("$@")
	for ((i = 1; i <= $#; i++)); do
		case ${!i} in
		--resume | --resume=*) usage_error "--resume takes no other option: it uses that run's" ;;
		--rerun-failed) set -- "${@:i:2}" "${@:1:i - 1}" "${@:i + 2}" ;;
		--rerun-failed=*) set -- "${@:i:1}" "${@:1:i - 1}" "${@:i + 1}" ;;
		*) continue ;;
		esac
		expand_rerun "$@"
		set -- "${expanded[@]}"
		break
	done
	# Wrong usage is 125 in a bisection, so look for that first.
	for option in "$@"; do
		[[ $option == --bisect ]] && bisect=1
	done
	invocation=("${asked[@]}")
	known=' -t -S -c --duration --seed --repeat --option -o --vm --kernel --modules --append --memory --cpus --results --fingerprint --baseline --replays --shard --jobs --background '
	while [[ $# -gt 0 ]]; do
		option=$1
		shift
		value=
		if [[ $option == --*=* ]]; then
			set -- "${option#*=}" "$@"
			option=${option%%=*}
			[[ $known == *" $option "* ]] || usage_error "option $option takes no value"
		fi
		if [[ $known == *" $option "* ]]; then
			[[ $# -gt 0 ]] || usage_error "option $option needs a value"
			value=$1
			shift
		fi
		case $option in
		-h | --help) usage; finish 0 ;;
		-l | --list) action=list ;;
		-d | --dry-run) dry=1 ;;
		-t) wanted+=("$value") ;;
		-S)
			[[ $value != *:* ]] || usage_error "-S leaves out programs, not cases: '$value'"
			unwanted+=("$value")
			;;
		-c) areas+=("$value") ;;
		-o) need_number "$option" "$value"; time_limit=$value ;;
		-q | --quiet) quiet=1 verbose='' ;;
		-v | --verbose) verbose=1 quiet='' ;;
		--version) echo "run_all.sh (secmmu) $(suite_version)"; finish 0 ;;
		--all) mode=all ;;
		--stress) mode=stress ;;
		--duration) need_number "$option" "$value"; duration=$value ;;
		--seed)
			[[ $value =~ ^(0x[0-9a-fA-F]{1,16}|[0-9]{1,19})$ ]] ||
				usage_error "--seed needs a number (decimal, or 0x...), and got '$value'"
			seed=$value
			;;
		--repeat) need_number "$option" "$value"; rounds=$value rounds_given=1 ;;
		--until-fail) until_fail=1 ;;
		--option)
			[[ $value != *$'\n'* ]] || usage_error "--option cannot have a line break"
			program_options+=("$value")
			;;
		--destructive) destructive=1 ;;
		--vm) split_targets "$value" ;;
		--kernel) kernel=$value ;;
		--modules) modules=$value ;;
		--append) append=$value ;;
		--memory) need_number "$option" "$value"; memory=$value ;;
		--cpus) need_number "$option" "$value"; cpus=$value ;;
		--prove) prove=1 with_modules=1 ;;
		--amplify) amplify=1 with_modules=1 ;;
		--results) results=$value ;;
		--bisect) ;;
		--baseline)
			baseline=$(cd "$value" 2> /dev/null && pwd)
			[[ -r $baseline/results.jsonl ]] || usage_error "--baseline $value: not a results folder of run_all.sh"
			;;
		--replays)
			[[ $value =~ ^[0-9]{1,4}$ ]] || usage_error "--replays needs a number, and got '$value'"
			replays=$((10#$value))
			;;
		--background)
			[[ " memory numa scheduler reclaim " == *" $value "* ]] ||
				usage_error "--background is memory, numa, scheduler or reclaim, and not '$value'"
			background=$value
			;;
		--jobs) need_number "$option" "$value"; jobs=$value ;;
		--shard)
			[[ $value =~ ^([1-9][0-9]{0,3})/([1-9][0-9]{0,3})$ && ${BASH_REMATCH[1]} -le ${BASH_REMATCH[2]} ]] ||
				usage_error "--shard needs i/n, as 1/4, and got '$value'"
			shard=$value
			;;
		--fingerprint)
			{ printf '' | grep -qE -e "$value"; } 2> /dev/null
			[[ $? -le 1 && $value ]] || usage_error "--fingerprint '$value' is no extended regular expression"
			fingerprint=$value
			;;
		*) usage_error "unknown option '$option'" ;;
		esac
	done
	if [[ ${targets[*]} == list ]]; then
		action=vm_list
		return
	fi
	[[ $mode != stress || $duration ]] || duration=10
	[[ ! $until_fail || $rounds_given ]] || rounds=1000
	if [[ $kernel ]]; then
		[[ ! ${targets[*]} ]] || usage_error "--kernel and --vm exclude each other"
		[[ -r $kernel ]] || usage_error "--kernel $kernel: no such file, or not readable"
		[[ ! $modules || -d $modules ]] || usage_error "--modules $modules: no such folder"
		targets=("kernel:${kernel##*/}")
	else
		[[ ! $modules ]] || usage_error "--modules needs --kernel"
	fi
	if [[ ! ${targets[*]} ]]; then
		[[ ! $append && ! $memory && ! $cpus ]] ||
			usage_error "--append, --memory and --cpus are for targets (--vm, --kernel)"
		[[ ! $with_modules ]] || usage_error "--prove and --amplify change the running kernel and are only allowed in targets (--vm)"
		targets=(here)
	fi
	[[ ! $prove || ! $amplify ]] || usage_error "--prove and --amplify exclude each other"
	[[ ! $with_modules || ! $kernel ]] ||
		usage_error "--prove and --amplify need a module built for the kernel, which only --vm has"
	if [[ $resume ]]; then
		results=$resumed
	elif [[ $results && -e $results/results.jsonl ]]; then
		usage_error "--results $results already has results"
	elif [[ $results && ! $dry && ( -e $results || -L $results ) && ! -d $results ]]; then
		usage_error "--results $results is not a folder"
	elif [[ $results && ! $dry && $(find "$results" -mindepth 1 -print -quit 2> /dev/null) ]]; then
		usage_error "--results $results is not empty: name a new or an empty folder"
	fi
	[[ ! $baseline || ! $bisect ]] || usage_error "--baseline and --bisect exclude each other"
	[[ ! $shard || ! $prove ]] || usage_error "--shard and --prove exclude each other"
	[[ ! $fingerprint || $bisect ]] || usage_error "--fingerprint needs --bisect"
	check_targets
}

# Names of targets must be right before anything is fetched.
check_targets()
{
	local name

	[[ ! ${SECMMU_VM_BOOT:-} ]] || return 0
	for name in "${targets[@]}"; do
		[[ $name != here && $name != kernel:* ]] || continue
		name=$("$BASH" -c 'source "$1/vm/targets" && target_parse "$2"' - "$top" "$name" 2>&1) ||
			usage_error "$name"
	done
}

vm_list()
{
	"$BASH" -c 'source "$1/vm/targets" && target_list' - "$top"
}
