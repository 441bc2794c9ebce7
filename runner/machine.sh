#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154,SC2016 # shared with the files beside it; bash -c
#
# Runs the tests on a target kernel in a virtual machine: kernel, suite and
# image from the cache or made now, then as many boots as it takes.

# Empty if nothing says where: a folder with a known name below /tmp may be anybody's.
cache=${SECMMU_CACHE:-${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}}
[[ ! $cache || ${SECMMU_CACHE:-} ]] || cache+=/secmmu

# Values that a program of vm/ prints as KEY=value lines, in $fetched_KEY.
read_values()
{
	local key value

	while IFS='=' read -r key value; do
		case $key in
		KERNEL) fetched_kernel=$value ;;
		MODULES) fetched_modules=$value ;;
		RELEASE) fetched_release=$value ;;
		CONFIG) fetched_config=$value ;;
		esac
	done
}

# make says ARCH as the kernel does.
arch_of_target()
{
	case $1 in
	amd64) echo x86_64 ;;
	arm64) echo arm64 ;;
	esac
}

# while_heart_beats TEXT LOG COMMAND...: runs what takes a while.
while_heart_beats()
{
	local text=$1 since=$SECONDS

	shift
	start_child "$@"
	while kill -0 "$child" 2> /dev/null && [[ ! $interrupted ]]; do
		heartbeat "$text, $(clock_text $((SECONDS - since)))"
		pause 0.2
	done
	if [[ $interrupted ]]; then
		end_child
		return 130
	fi
	wait "$child"
	local code=$?
	child=
	return $code
}

# ensure_packages NEED...: what the run needs of this machine. What is missing
# is named before anything is installed.
ensure_packages()
{
	local missing

	[[ -x $top/build/packages ]] || return 0 # an installed suite
	missing=$("$top/build/packages" "$@" 2> /dev/null) && return
	follow_clear
	echo "# $target: missing packages: $missing" | tee -a "$results/ktap"
	while_heart_beats "installing packages" "$target_folder/packages.log" \
		"$top/build/packages" --install "$@" && return
	[[ $interrupted ]] ||
		infrastructure_failed "packages are missing: $(tail -n 1 "$target_folder/packages.log")"
	return 1
}

# fetch_kernel: sets fetched_*.
fetch_kernel()
{
	fetched_kernel='' fetched_modules='' fetched_release='' fetched_config=''
	if [[ $kernel ]]; then
		fetched_kernel=$kernel
		fetched_modules=$modules
		fetched_release=${modules##*/}
		note_vmlinux
		return
	fi
	if ! while_heart_beats "getting the kernel" "$target_folder/fetch.log" \
		"$top/vm/fetch" "$target"; then
		[[ $interrupted ]] && return 1
		infrastructure_failed "no kernel: $(tail -n 1 "$target_folder/fetch.log")"
		return 1
	fi
	read_values < "$target_folder/fetch.log"
	if [[ ! -r $fetched_kernel ]]; then
		infrastructure_failed "no kernel: vm/fetch named none, see $target_folder/fetch.log"
		return 1
	fi
	# The guest has no configuration to look at.
	[[ ! -r $fetched_config ]] ||
		printf 'config=sha256:%.16s\n' "$(sha256sum < "$fetched_config")" > "$target_folder/facts"
	note_vmlinux
}

# For runner/report, to decode a stack by.
note_vmlinux()
{
	[[ ! -r $fetched_modules/build/vmlinux ]] ||
		printf 'vmlinux=%s\n' "$(realpath "$fetched_modules/build/vmlinux")" >> "$target_folder/facts"
}

# A name for the content of files and folders, and for some words.
content_key()
{
	local file

	for file in "$@"; do
		if [[ -e $file ]]; then
			find "$file" -type f -printf '%p %m\n' -exec sha256sum {} + 2> /dev/null
		else
			echo "$file"
		fi
	done | sort | sha256sum | cut -c 1-16
}

# Keeps the newest $2 of what matches $1-*, and what was used within the hour:
# it may belong to another run.
prune_cache()
{
	local -a old

	mapfile -t old < <(find "${1%/*}" -maxdepth 1 -name "${1##*/}-*" -printf '%T@ %p\n' | sort -rn |
		awk -v keep="$2" -v since="$(($(date +%s) - 3600))" 'NR > keep && $1 < since' | cut -d' ' -f 2-)
	[[ ${#old[@]} -eq 0 ]] || rm -rf "${old[@]}"
}

# build_suite ARCH: the suite for an architecture, static, in $suite; with the
# modules for the target's kernel beside the programs, if they are wanted.
#
# If nobody asked for modules and they cannot be had, it goes on without: the
# tests that need one will say so and skip.
build_suite()
{
	local with=''

	if [[ ${SECMMU_SUITE:-} ]]; then
		suite=$SECMMU_SUITE # somebody built it as he wants it
		return
	elif [[ -r $top/secmmu-tests.list && ! -r $top/Makefile ]]; then
		suite=$top # an installed suite has no sources
		return
	fi
	modules_wanted && with=modules
	make_suite "$1" "$with" && return
	[[ $with && ! $with_modules && ! $interrupted && -s $target_folder/modules.log ]] || return 1
	follow_clear
	echo "# $target: no modules of ours, so tests that need one will skip: $(tail -n 1 "$target_folder/modules.log")" |
		tee -a "$results/ktap"
	make_suite "$1" ''
}

# make_suite ARCH [modules]: what build_suite does, once.
make_suite()
{
	local arch=$1 with=$2 key build compiler='' made
	local -a sources from

	[[ $arch == "$(uname -m | sed s/aarch64/arm64/)" ]] || compiler=$([[ $arch == arm64 ]] && echo aarch64-linux-gnu- || echo x86_64-linux-gnu-)
	mapfile -t sources < <(find "$top" -mindepth 1 -maxdepth 1 ! -name '.*' ! -name out ! -name results ! -name tests ! -name doc)
	key=$(content_key "${sources[@]}" "$arch" "$compiler" "$("${compiler}gcc" --version 2>&1 | head -n 1)" \
		"${with:+modules for $fetched_modules}")
	suite=$cache/suite/$arch-$key
	if [[ -r $suite/secmmu-tests.list ]]; then
		touch "$suite"
		return
	fi
	# One build folder per source tree: two trees would take each other's
	# objects for their own.
	build=$cache/build/$arch-$(content_key "path $top")
	mkdir -p "$cache/suite" "$build"
	made=$suite.$BASHPID
	if ! while_heart_beats "building the suite for $arch" "$target_folder/build.log" \
		flock "$build.lock" make -C "$top" -j "$(nproc)" ARCH="$arch" ${compiler:+CROSS_COMPILE="$compiler"} \
		USERLDFLAGS=-static OUTPUT="$build" install INSTALL_PATH="$made"; then
		rm -rf "$made"
		[[ $interrupted ]] && return 1
		grep -iE 'error|cannot|no such|needs' "$target_folder/build.log" | head -n 5 >&2
		infrastructure_failed "the suite could not be built for $arch: see $target_folder/build.log"
		return 1
	fi
	from=("$target")
	[[ ! $kernel ]] || from=(--kdir "$fetched_modules/build")
	if [[ $with ]] && ! while_heart_beats "building the modules" "$target_folder/modules.log" \
		"$top/vm/modules" "${from[@]}" --out "$made"; then
		rm -rf "$made"
		[[ ! $interrupted && $with_modules ]] &&
			infrastructure_failed "no modules of ours: $(tail -n 1 "$target_folder/modules.log")"
		return 1
	fi
	mv -T "$made" "$suite" 2> /dev/null || rm -rf "$made" # somebody else made it
	prune_cache "$cache/suite/$arch" 4
}

# build_image: the initramfs for the fetched kernel with the suite, in $image.
build_image()
{
	local key arguments=() folder=$cache/image/${fetched_release:-$target_name}

	# Not of the target: variants of a kernel share it.
	key=$(content_key "$top/vm" "$suite/secmmu-tests.list" "suite ${suite##*/}" \
		"$fetched_kernel" "release $fetched_release" "$debian_arch")
	[[ $suite == "$cache"/* ]] || key=$(content_key "$suite" "$key")
	# A kernel that was built here again may differ in a module alone.
	[[ ! $kernel && ! $built ]] || key=$(content_key "$fetched_modules" "$key")
	image=$folder/root-$key.img
	if [[ -r $image ]]; then
		touch "$image"
		return
	fi
	mkdir -p "$folder"
	arguments=(--suite "$suite" --out "$image.$BASHPID")
	if [[ $kernel ]]; then
		arguments+=(--arch "$debian_arch" ${modules:+--modules "$modules"})
	else
		arguments+=(--target "$target")
	fi
	if ! while_heart_beats "making the image" "$target_folder/image.log" \
		"$top/vm/image" "${arguments[@]}"; then
		rm -f "$image.$BASHPID"
		[[ $interrupted ]] && return 1
		infrastructure_failed "no image: $(tail -n 1 "$target_folder/image.log")"
		return 1
	fi
	mv "$image.$BASHPID" "$image"
	prune_cache "$folder/root" 2
}

# One boot, and what came of it in $boot_code and $boot_why.
boot_once()
{
	local arguments=(--job "$boot_folder/job" --results "$boot_folder") process

	[[ $kernel ]] || arguments+=(--target "$target")
	[[ $fetched_kernel ]] && arguments+=(--kernel "$fetched_kernel")
	[[ ${image:-} ]] && arguments+=(--initrd "$image")
	[[ $append ]] && arguments+=(--append "$append")
	[[ $memory ]] && arguments+=(--memory "$memory")
	[[ $cpus ]] && arguments+=(--cpus "$cpus")
	start_child "$boot_folder/output" env ${boot_thread:+"SECMMU_THREAD=${SECMMU_THREAD:-$boot_thread}"} \
		"${SECMMU_VM_BOOT:-$top/vm/boot}" "${arguments[@]}" --timeout "$(boot_timeout)"
	process=$child
	follow_child
	# Of one that was killed.
	rm -rf "${TMPDIR:-/tmp}/secmmu-boot.$process."*
	boot_code=$child_code
	boot_why=
	if [[ $flood ]]; then
		boot_code=10 boot_why=$flood
		return
	fi
	# Much of it is what the guest's kernel said. An argument or a variable of the
	# environment of more than 128 KiB starts no process.
	[[ ! -r $boot_folder/verdict ]] || IFS= read -r -n 1000 boot_why < "$boot_folder/verdict"
	if [[ $boot_code -gt 128 && ! $interrupted ]]; then
		boot_why="vm/boot was killed by signal $((boot_code - 128))"
		boot_code=11
	fi
	[[ $boot_why ]] || boot_why=$(tail -n 1 "$boot_folder/output" 2> /dev/null | head -c 1000)
	boot_why=$(printable "$boot_why")
}

# The longest that a boot may take: all that is left, each to its own limit.
boot_timeout()
{
	local left

	left=$(($(wc -l < "$boot_folder/job/list") - $(state_number last_done)))
	echo $((300 + left * ($(program_timeout) + 60)))
}

run_target()
{
	local lines from after emulator='' emulator_faults=0 fault_at=-1 at before bad_before
	local -a needs

	image='' fetched_kernel=$kernel boot_thread='' suite=${SECMMU_SUITE:-}
	if [[ ! ${SECMMU_VM_BOOT:-} && ! $dry ]]; then
		if [[ ! $cache ]]; then
			infrastructure_failed "HOME is not set: set it, or SECMMU_CACHE to a folder for kernels and builds"
			return
		fi
		find_arch || return
		needs=("build-$target_arch" "vm-$debian_arch")
		modules_wanted && needs+=(modules)
		[[ $built ]] && needs+=("kernel-$target_arch")
		[[ $emulator ]] && needs+=("vm-$emulator")
		ensure_packages "${needs[@]}" &&
			fetch_kernel && build_suite "$target_arch" || return
	fi
	open_job "$suite" target
	case $? in
	1)
		infrastructure_failed "no program is chosen by these options (-l lists them)"
		return
		;;
	2) return ;;
	esac
	if [[ $dry ]]; then
		cat "$target_folder/job/list"
		return
	fi
	[[ ${SECMMU_VM_BOOT:-} ]] || build_image || return
	lines=$(wc -l < "$target_folder/job/list")
	while :; do
		storage_works || return
		# Another run spares what was in use within the hour (prune_cache()).
		[[ ! $image ]] || touch -c "$image"
		start_boot
		state_get after
		before="$(state_number last_done) $value"
		bad_before=$(state_number count_bad)
		boot_once
		if [[ $interrupted ]]; then
			digest interrupted
			return
		fi
		# Without room for its stream a machine seems to hang.
		storage_works || return
		case $boot_code in
		0) digest crash "the machine ended in the middle of it, and not by the agent's will" ;;
		10) digest crash "${boot_why:-the kernel died}" ;;
		11)
			digest ''
			at=$(state_number last_done)
			[[ $at -eq $fault_at ]] || emulator_faults=0
			fault_at=$at
			emulator_faults=$((emulator_faults + 1))
			follow_clear
			echo "# $target: the emulator's own fault ($boot_why): no result; $(
				[[ $emulator_faults -le 2 ]] && echo "booting again" || echo "for the third time, so the test is left out")" |
				tee -a "$results/ktap"
			if [[ $emulator_faults -gt 2 ]]; then
				infrastructure_failed "line $((at + 1)) of the job was not run: the emulator failed three times ($boot_why)"
				state_set last_done $((at + 1))
				state_set after ''
			fi
			;;
		13) infrastructure_failed "no QEMU: $boot_why"; return ;;
		*)
			digest ''
			if [[ $(state_number hello) -eq 1 ]]; then
				digest crash "${boot_why:-vm/boot gave up (code $boot_code)}"
			else
				infrastructure_failed "did not boot: ${boot_why:-vm/boot gave up (code $boot_code)}"
				return
			fi
			;;
		esac
		state_get ended
		[[ $value == 1 ]] && return
		state_get stop
		if [[ $value == *' failed' && $(state_number count_bad) -gt 0 ]]; then
			return
		fi
		if [[ $boot_code -eq 10 && $(state_number hello) -eq 0 ]]; then
			infrastructure_failed "did not boot: ${boot_why:-it died before the first test}"
			return
		fi
		# A bisection has its answer about this round: no boot for each further case.
		if [[ $bisect && $(state_number count_bad) -gt $bad_before ]] && state_get after && [[ $value ]]; then
			state_set last_done $(($(state_number last_done) + 1)) after ''
		fi
		from=$(($(state_number last_done) + 1))
		[[ $from -le $lines ]] || return
		[[ $until_fail && $(state_number count_bad) -gt 0 ]] && return
		state_get after
		after=$value
		if [[ $boot_code -ne 11 && $before == "$(state_number last_done) $after" ]]; then
			infrastructure_failed "the machine dies before it runs anything: ${boot_why:-no reason given}"
			return
		fi
		follow_clear
		[[ $boot_code -eq 11 ]] || echo "# $target: going on in a fresh boot, with line $from of $lines$(printable "${after:+, after case $after}")"
		continue_job "$from" target
	done
}

# The architecture, of a named target or of one's own kernel; in $emulator what it
# has instead of QEMU, if anything, and in $built whether vm/build makes its kernel.
find_arch()
{
	built=
	if [[ $kernel ]]; then
		debian_arch=$("$BASH" -c 'source "$1/vm/targets" && kernel_file_arch "$2"' - "$top" "$kernel") || {
			infrastructure_failed "$kernel is no kernel image that vm/ knows"
			return 1
		}
	else
		debian_arch=${target%%-*}
		IFS=, read -r built emulator < <("$BASH" -c 'source "$1/vm/targets" && target_parse "$2" && echo "$target_build,$target_emulator"' - \
			"$top" "$target" 2> /dev/null)
	fi
	target_arch=$(arch_of_target "$debian_arch")
}

# What is broken so that only CPUs which run at the same time can show it comes
# last, in a boot of its own: by default an emulated machine has one thread for
# all of them (vm/machine). Before anything else the module proves itself.
prove_list()
{
	local id

	{ echo self-check; prove_ids | sort -s -k 2; } | while read -r id _; do
		if [[ ${unwanted[*]} ]] &&
		   { matches_any "$id" "${unwanted[@]}" || matches_any "prove/$id" "${unwanted[@]}"; }; then
			continue
		fi
		if [[ ! ${wanted[*]} ]] || matches_any "$id" "${wanted[@]%%:*}" ||
		   matches_any "prove/$id" "${wanted[@]%%:*}"; then
			echo "prove $id --without"
			[[ $id == self-check ]] || echo "prove $id --with"
		fi
	done
}

# prove_ids: the lines of the matrix for the target, each with what it asks of its
# boot: "any", "damages" (nothing runs after it) or "parallel".
prove_ids()
{
	"$top/prove/prove.sh" --list --target "$target" |
		awk -F '\t' '!seen[$1]++ { print $1, $4 ? $4 : "any" }'
}

# prove_boot JOB FROM: the settings of a boot that begins with that line; and
# in $boot_thread whether its CPUs must run at the same time.
prove_boot()
{
	local last to

	read -r last to < <(prove_ids | awk -v from="$2" '
		NR == FNR { asks[$1] = $2; next }
		asks[$2] != "parallel" { last = FNR }
		asks[$2] == "damages" && / --with$/ && FNR >= from && !to { to = FNR }
		END { print last + 0, to ? to : last + 0 }' - "$1/list")
	boot_thread=
	if [[ $2 -gt $last ]]; then
		boot_thread=multi
	elif [[ $to -lt $(wc -l < "$1/list") ]]; then
		printf 'to=%s\n' "$to"
	fi
}
