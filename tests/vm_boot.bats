#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # output and status are bats' own
#
# vm/boot with a real kernel in a real QEMU: what it says of guests that end in
# every way there is, and how soon. An agent of its own runs the job's `do`.

bats_require_minimum_version 1.5.0

setup_file()
{
	local top root=$BATS_FILE_TMPDIR/root

	top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	command -v qemu-system-x86_64 > /dev/null || skip "needs qemu-system-x86_64: apt-get install qemu-system-x86"
	mkdir -p "$root/secmmu/vm"
	cat > "$root/secmmu/vm/agent" <<- 'END'
	exec 3> "$4"
	printf '\n@0 HELLO 1 release=%s device=%s\n' "$(uname -r)" "$4" >&3
	. /job/do
	printf '\n@0 END\n' >&3
	END
	"$top/vm/fetch" amd64-6.12 > "$BATS_FILE_TMPDIR/facts"
	KERNEL=$(sed -n 's/^KERNEL=//p' "$BATS_FILE_TMPDIR/facts")
	IMAGE=$BATS_FILE_TMPDIR/image
	export KERNEL IMAGE
	"$top/vm/image" --target amd64-6.12 --extra-dir "$root" --out "$IMAGE"
}

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	results=$BATS_TEST_TMPDIR/results
	job=$BATS_TEST_TMPDIR/job
	mkdir -p "$job"
	pids=()
	# Deaths that are meant are no record of the emulator's.
	export SECMMU_BOOT_RECORD=/dev/null
}

# No test may leave a machine behind.
teardown()
{
	local pid

	for pid in "${pids[@]}"; do
		kill "$pid" 2> /dev/null || true
	done
	run ! machine_pid
}

# machine_pid: prints the process of this test's machine.
machine_pid()
{
	pgrep -f -- "path=$results/console.log"
}

# boot COMMANDS [OPTION...]: has the guest run them.
boot()
{
	printf '%s\n' "$1" > "$job/do"
	shift
	run "$top/vm/boot" --kernel "$KERNEL" --initrd "$IMAGE" --job "$job" --results "$results" --target amd64-6.12 "$@"
	verdict=$(cat "$results/verdict")
	echo "status $status, verdict: $verdict"
}

# since_said TEXT: seconds from that line on the stream, which the guest wrote
# as it happened, to the verdict.
since_said()
{
	echo $(($(stat -c %Y "$results/verdict") - $(stat -c %Y "$results/stream")))
}

@test "a job that ends" {
	boot 'echo "it ran" >&3; cat /proc/cmdline >&3; ls /dev/kvm /sys/kernel/tracing/events /sys/kernel/debug/kvm -d >&3
		cat /sys/module/kvm_amd/parameters/npt /sys/devices/system/node/online /proc/sys/kernel/tainted >&3'
	[ "$status" -eq 0 ]
	[ "$verdict" = ended ]
	grep -qx 'it ran' "$results/stream"
	grep -qx /dev/kvm "$results/stream"
	grep -qx Y "$results/stream"
	grep -qx 0-1 "$results/stream"
	# The machine itself gives the kernel nothing to warn of.
	grep -qx 0 "$results/stream"
	grep -q '@0 HELLO 1 release=6.12.*device=/dev/vport' "$results/stream"
}

@test "a guest that fills the disk by its stream or its console is ended" {
	boot 'yes fills the disk >&3' --most 1
	[ "$status" -eq 10 ]
	[[ $verdict == "the guest wrote more than 1 MiB to its stream" ]]
	[ "$(stat -c %s "$results/stream")" -le $((65 << 20)) ]
	boot 'yes fills the console > /dev/console' --most 1
	[ "$status" -eq 10 ]
	[[ $verdict == "the guest wrote more than 0 MiB to its console.log" ]]
}

@test "options: memory, vCPUs, nodes, huge pages, words for the kernel, npt=0" {
	boot 'cat /proc/cmdline /sys/devices/system/node/online /proc/sys/vm/nr_hugepages /sys/module/kvm_amd/parameters/npt >&3; nproc >&3
		sed -n "s/^MemTotal: *\([0-9]*\).*/memory \1/p" /proc/meminfo >&3' \
		--memory 768 --cpus 3 --nodes 1 --hugepages 7 --append 'some.word=1' --target amd64-6.12:npt=0
	[ "$status" -eq 0 ]
	grep -q 'some.word=1' "$results/stream"
	grep -qx 0 "$results/stream"
	grep -qx 7 "$results/stream"
	grep -qx N "$results/stream"
	grep -qx 3 "$results/stream"
	memory=$(sed -n 's/^memory //p' "$results/stream")
	[ "$memory" -gt 600000 ] && [ "$memory" -lt 786432 ]
}

@test "what a guest writes arrives whole, also just before it dies" {
	boot 'i=0; while [ $i -lt 5000 ]; do echo "line $i of five thousand"; i=$((i + 1)); done >&3; echo c > /proc/sysrq-trigger'
	[ "$status" -eq 10 ]
	[ "$(grep -cx 'line [0-9]* of five thousand' "$results/stream")" -eq 5000 ]
}

@test "a panic, at once" {
	boot 'echo now >&3; echo c > /proc/sysrq-trigger'
	[ "$status" -eq 10 ]
	[[ $verdict == "kernel died: "*"sysrq triggered crash"* ]]
	[ "$(since_said)" -le 5 ]
	grep -q 'Call Trace' "$results/console.log"
}

@test "a reset, at once" {
	boot 'echo now >&3; echo b > /proc/sysrq-trigger'
	[ "$status" -eq 10 ]
	[[ $verdict == *reset* ]]
	[ "$(since_said)" -le 5 ]
}

@test "a power-off before the end is not an end" {
	boot 'poweroff -f'
	[ "$status" -eq 10 ]
	[[ $verdict == *"powered off before"* ]]
}

@test "a guest that falls silent" {
	boot 'echo now >&3; while :; do sleep 1000; done' --silence 4
	[ "$status" -eq 10 ]
	[[ $verdict == "hang: "* ]]
	[ "$(since_said)" -ge 4 ]
	grep -q RIP= "$results/registers"
	# The kernel itself said where it was.
	grep -q "Kernel panic - not syncing: NMI" "$results/console.log"
}

@test "a guest that speaks is not silent; its whole time is limited all the same" {
	boot '(while :; do sleep 1; echo beat >&3; done) & while :; do sleep 1000; done' --silence 4 --timeout 25
	[ "$status" -eq 10 ]
	[[ $verdict == "timeout: "* ]]
	[ "$(grep -cx beat "$results/stream")" -gt 2 ]
}

@test "a QEMU that stands still" {
	printf 'while :; do sleep 1; echo beat >&3; done\n' > "$job/do"
	"$top/vm/boot" --kernel "$KERNEL" --initrd "$IMAGE" --job "$job" --results "$results" --silence 4 3>&- &
	pids+=($!)
	until grep -q beat "$results/stream" 2> /dev/null; do
		kill -0 $! || return 1
	done
	kill -STOP "$(machine_pid)"
	status=0
	wait $! || status=$?
	[ "$status" -eq 10 ]
	[[ $(cat "$results/verdict") == "hang: "* ]]
}

@test "a kernel that dies before the job begins did not boot" {
	boot : --append rdinit=/nope
	[ "$status" -eq 12 ]
	[[ $verdict == "no boot: kernel died: Kernel panic"* ]]
}

@test "a kernel that is none, an initrd that is not there" {
	run "$top/vm/boot" --kernel "$top/README.md" --initrd "$IMAGE" --results "$results"
	[ "$status" -eq 12 ]
	run "$top/vm/boot" --kernel "$KERNEL" --initrd /nonexistent --results "$results"
	[ "$status" -eq 12 ]
}

@test "no QEMU: says which package" {
	SECMMU_QEMU=qemu-none boot :
	[ "$status" -eq 13 ]
	[[ $verdict == *apt-get* ]]
}

@test "SIGTERM ends the machine too" {
	printf 'while :; do sleep 1; echo beat >&3; done\n' > "$job/do"
	"$top/vm/boot" --kernel "$KERNEL" --initrd "$IMAGE" --job "$job" --results "$results" 3>&- &
	pids+=($!)
	until grep -q beat "$results/stream" 2> /dev/null; do
		kill -0 $! || return 1
	done
	kill -TERM $!
	status=0
	wait $! || status=$?
	[ "$status" -eq 130 ]
	[ "$(cat "$results/verdict")" = interrupted ]
	run ! machine_pid
}

@test "SIGKILL ends the machine too" {
	printf 'while :; do sleep 1; echo beat >&3; done\n' > "$job/do"
	"$top/vm/boot" --kernel "$KERNEL" --initrd "$IMAGE" --job "$job" --results "$results" 3>&- &
	pids+=($!)
	until grep -q beat "$results/stream" 2> /dev/null; do
		kill -0 $! || return 1
	done
	machine=$(machine_pid)
	kill -KILL $!
	wait $! || true
	timeout 10 tail --pid="$machine" -f /dev/null
}
