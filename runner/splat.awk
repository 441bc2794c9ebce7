# SPDX-License-Identifier: GPL-2.0-only
#
# A name for what a kernel complained of that is the same on another day and in
# another build: the kind of complaint and the functions on top of the stack, as
# "WARNING in stage2_map_walker < __kvm_pgtable_walk < kvm_pgtable_stage2_map".
# For digest.awk.

BEGIN {
	# Told from each other by the first that is found in a line.
	kinds = split("KASAN|KCSAN|UBSAN|kmemleak|lockdep|NULL pointer|general protection|soft lockup|" \
		"hard LOCKUP|stall|blocked for|Bad page|refcount_t|Oops|Internal error|Unable to handle|" \
		"kernel BUG|BUG:|WARNING|Kernel panic", kind_text, "|")
	lockdep = "circular locking|inconsistent lock state|suspicious RCU|Invalid wait context|recursive locking"
}

# How a kernel's stack begins before it comes to the code that is at fault.
function frame_of_reporting(name) {
	return name ~ /^(dump_stack|show_stack|dump_backtrace|__warn|warn_slowpath|report_bug|handle_bug|panic|die)/ || \
		name ~ /^(exc_|asm_|oops_|page_fault_oops|kasan_|__kasan|print_|check_noncircular|__lock_acquire|lock_acquire)/ || \
		name ~ /^(bug_handler|brk_handler|do_debug_exception|el1|el1h|do_mem_abort|die_kernel_fault|__die|arm64_notify)/ || \
		name ~ /^(do_translation_fault|do_page_fault|__do_kernel_fault|nmi_panic|watchdog|lockup|refcount_warn|kfence_)/
}

# The name of what is in splat[1] to splat[splat_lines]; "" if nothing is.
function splat_name(    i, k, line, kind, name, frames, last, out) {
	for (i = 1; i <= splat_lines && frames < 3; i++) {
		line = splat[i]
		if (kind == "") {
			if (line ~ lockdep)
				kind = "lockdep"
			for (k = 1; k <= kinds && kind == ""; k++)
				if (index(line, kind_text[k]))
					kind = kind_text[k]
			if (kind == "")
				continue
			sub(/:$/, "", kind)
		}
		# Of a stack: not what a register or the stack's memory happens to hold.
		if (line ~ /\? [A-Za-z_]/ || line ~ /(lr|Comm|comm|Workqueue) ?:/)
			continue
		if (!match(line, /[A-Za-z_][A-Za-z0-9_.]*\+0x[0-9a-f]+\/0x[0-9a-f]+/))
			continue
		name = substr(line, RSTART, RLENGTH)
		sub(/\+.*/, "", name)
		sub(/\.(constprop|part|isra|cold|llvm).*/, "", name)
		if (name == last || frame_of_reporting(name))
			continue
		last = name
		out = out (frames++ ? " < " : "") name
	}
	return kind == "" ? "" : kind (out == "" ? "" : " in " out)
}
