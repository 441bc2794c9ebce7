// SPDX-License-Identifier: GPL-2.0-only
/*
 * Places that the kernel's own threads, or what it does at a timer's tick, make:
 * merged pages, and pages under NUMA hinting.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mem/backing.h"
#include "core/clock.h"
#include "hmm_device.h"
#include "core/kernel_file.h"
#include "mem/pagemap.h"
#include "mapping_state.h"
#include "core/report.h"
#include "core/settings.h"

#define FEW	8
#define WAIT_MS 20000
#define KSM	"/sys/kernel/mm/ksm/"
#define NUMA	"/sys/kernel/debug/sched/numa_balancing/"

/* Since Linux 5.15, in newer headers than some. */
#ifndef MPOL_F_NUMA_BALANCING
#define MPOL_F_NUMA_BALANCING (1 << 13)
#endif

/* Equal pages, which ksmd has made one: private, so read-only. */
static void merged(struct mapping_state *state)
{
	struct setting settings[] = {
		{ .file = KSM "pages_to_scan", .value = "1000" },
		{ .file = KSM "sleep_millisecs", .value = "1" },
		{ .file = KSM "run", .value = "1" },
	};
	const size_t count = ARRAY_SIZE(settings);
	static const char merging[] = "/proc/self/ksm_merging_pages";
	struct deadline deadline = deadline_in_ms(WAIT_MS);
	u64 i;

	mapping_state_anonymous(state, FEW);
	for (i = 0; i < FEW; i++)
		memset(state->start + i * state->page, 0x5e, state->page);
	if (madvise(state->start, FEW * state->page, MADV_MERGEABLE) ||
	    access(merging, R_OK))
		skip("CONFIG_KSM=y",
		     "run it on a kernel built with this option");
	CHECK(settings_set(settings, count), "cannot set ksmd going");
	while (kernel_file_number(merging, "") < FEW &&
	       !deadline_passed(deadline))
		usleep(1000);
	settings_restore(settings, count);
	CHECK(kernel_file_number(merging, "") == FEW,
	      "ksmd has merged %llu of %u equal pages in %u s",
	      kernel_file_number(merging, ""), FEW, WAIT_MS / 1000);
}

/* A node's CPUs, for this thread alone. */
static void run_on_node(unsigned int node)
{
	cpu_set_t set;
	unsigned int cpu, on, at;

	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			continue;
		CHECK(!syscall(SYS_getcpu, &at, &on, NULL), "getcpu failed: %s",
		      errno_name(errno));
		if (on == node)
			return;
	}
	skip("a CPU in the first NUMA node", "run it in a target");
}

/* Whether hmm_range_fault() finds none of the pages, asking for nothing. */
static bool none_is_found(const struct mapping_state *state)
{
	u64 *entries = calloc(state->pages, 2 * sizeof(*entries)), i;
	struct secmmu_hmm_walk walk = {
		.start = (uintptr_t)state->start,
		.end = (uintptr_t)state->start + state->pages * state->page,
		.entries = (uintptr_t)entries,
	};
	int error;

	CHECK(entries, "no memory for entries");
	error = hmm_walk(state->device, &walk, entries + state->pages);
	CHECK(!error, "a snapshot failed: %s", errno_name(error));
	for (i = 0; i < state->pages; i++)
		if (entries[i] & SECMMU_HMM_VALID)
			break;
	free(entries);
	return i == state->pages;
}

static void must_be_present(const struct mapping_state *state)
{
	u64 *entries = calloc(state->pages, sizeof(*entries)), i;
	struct pagemap *pagemap = pagemap_open();

	CHECK(entries, "no memory for entries");
	pagemap_read(pagemap, state->start, entries, state->pages);
	pagemap_close(pagemap);
	for (i = 0; i < state->pages; i++)
		CHECK(entries[i] & PAGEMAP_PRESENT,
		      "page %llu is gone, not only inaccessible", i);
	free(entries);
}

/*
 * Have the scanner of NUMA balancing make pages inaccessible, to see who uses them:
 * of this process it scans only what has MPOL_F_NUMA_BALANCING (vma_policy_mof()),
 * and of a process with one thread no page on the node where that is running
 * (change_pte_range()). Nothing but hmm_range_fault() tells such pages from others;
 * the page map goes on saying that they are present.
 */
static void hint(const struct mapping_state *state)
{
	struct setting settings[] = {
		{ .file = NUMA "scan_delay_ms", .value = "0" },
		{ .file = NUMA "scan_period_min_ms", .value = "1" },
		{ .file = NUMA "scan_period_max_ms", .value = "1" },
		{ .file = "/proc/sys/kernel/numa_balancing", .value = "1" },
	};
	const size_t count = ARRAY_SIZE(settings);
	const unsigned long other = 1UL << 1;
	struct deadline deadline = deadline_in_ms(WAIT_MS);
	volatile u64 spin = 0;
	bool gone = false;

	if (!settings_set(settings, count))
		skip("CONFIG_NUMA_BALANCING=y and debugfs",
		     "run it on a kernel built with this option");
	CHECK(!syscall(SYS_mbind, state->start, state->pages * state->page,
		       MPOL_BIND | MPOL_F_NUMA_BALANCING, &other, 64,
		       MPOL_MF_MOVE),
	      "mbind failed: %s", errno_name(errno));
	/* Its work is done for who runs, at a tick, when he returns to user space. */
	while (!gone && !deadline_passed(deadline)) {
		unsigned int i;

		for (i = 0; i < 1000000; i++)
			spin++;
		gone = none_is_found(state);
	}
	settings_restore(settings, count);
	CHECK(gone,
	      "NUMA balancing makes pages inaccessible for %u s, and hmm_range_fault() still finds some",
	      WAIT_MS / 1000);
	must_be_present(state);
}

static void need_nodes(void)
{
	if (backing_nodes() < 2)
		skip("2 NUMA nodes with memory",
		     "run it on a NUMA machine, or in a target: ./run_all.sh --vm");
	run_on_node(0);
}

static void hinted(struct mapping_state *state)
{
	need_nodes();
	mapping_state_anonymous(state, FEW);
	mapping_state_write(state, 0, FEW);
	hint(state);
}

static void hinted_thp(struct mapping_state *state)
{
	need_nodes();
	mapping_state_kind_of("thp")->prepare(state);
	hint(state);
}

const struct mapping_state_kind mapping_state_daemon_kinds[] = {
	{ .name = "merged", .prepare = merged },
	{ .name = "hinted", .prepare = hinted },
	{ .name = "hinted_thp", .prepare = hinted_thp },
};
const size_t mapping_state_daemon_kind_count = ARRAY_SIZE(
	mapping_state_daemon_kinds);
