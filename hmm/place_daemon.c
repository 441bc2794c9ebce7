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

#include "backing.h"
#include "clock.h"
#include "hmm_device.h"
#include "kernel_file.h"
#include "pagemap.h"
#include "place.h"
#include "report.h"
#include "settings.h"

#define FEW	8
#define WAIT_MS 20000
#define KSM	"/sys/kernel/mm/ksm/"
#define NUMA	"/sys/kernel/debug/sched/numa_balancing/"

/* Since Linux 5.15, in newer headers than some. */
#ifndef MPOL_F_NUMA_BALANCING
#define MPOL_F_NUMA_BALANCING (1 << 13)
#endif

/* Equal pages, which ksmd has made one: private, so read-only. */
static void merged(struct place *place)
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

	place_anonymous(place, FEW);
	for (i = 0; i < FEW; i++)
		memset(place->start + i * place->page, 0x5e, place->page);
	if (madvise(place->start, FEW * place->page, MADV_MERGEABLE) ||
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
static bool none_is_found(const struct place *place)
{
	u64 *entries = calloc(place->pages, 2 * sizeof(*entries)), i;
	struct secmmu_hmm_walk walk = {
		.start = (uintptr_t)place->start,
		.end = (uintptr_t)place->start + place->pages * place->page,
		.entries = (uintptr_t)entries,
	};
	int error;

	CHECK(entries, "no memory for entries");
	error = hmm_walk(place->device, &walk, entries + place->pages);
	CHECK(!error, "a snapshot failed: %s", errno_name(error));
	for (i = 0; i < place->pages; i++)
		if (entries[i] & SECMMU_HMM_VALID)
			break;
	free(entries);
	return i == place->pages;
}

static void must_be_present(const struct place *place)
{
	u64 *entries = calloc(place->pages, sizeof(*entries)), i;
	struct pagemap *pagemap = pagemap_open();

	CHECK(entries, "no memory for entries");
	pagemap_read(pagemap, place->start, entries, place->pages);
	pagemap_close(pagemap);
	for (i = 0; i < place->pages; i++)
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
static void hint(const struct place *place)
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
	CHECK(!syscall(SYS_mbind, place->start, place->pages * place->page,
		       MPOL_BIND | MPOL_F_NUMA_BALANCING, &other, 64,
		       MPOL_MF_MOVE),
	      "mbind failed: %s", errno_name(errno));
	/* Its work is done for who runs, at a tick, when he returns to user space. */
	while (!gone && !deadline_passed(deadline)) {
		unsigned int i;

		for (i = 0; i < 1000000; i++)
			spin++;
		gone = none_is_found(place);
	}
	settings_restore(settings, count);
	CHECK(gone,
	      "NUMA balancing makes pages inaccessible for %u s, and hmm_range_fault() still finds some",
	      WAIT_MS / 1000);
	must_be_present(place);
}

static void need_nodes(void)
{
	if (backing_nodes() < 2)
		skip("2 NUMA nodes with memory",
		     "run it on a NUMA machine, or in a target: ./run_all.sh --vm");
	run_on_node(0);
}

static void hinted(struct place *place)
{
	need_nodes();
	place_anonymous(place, FEW);
	place_write(place, 0, FEW);
	hint(place);
}

static void hinted_thp(struct place *place)
{
	need_nodes();
	place_kind_of("thp")->prepare(place);
	hint(place);
}

const struct place_kind place_daemon_kinds[] = {
	{ .name = "merged", .prepare = merged },
	{ .name = "hinted", .prepare = hinted },
	{ .name = "hinted_thp", .prepare = hinted_thp },
};
const size_t place_daemon_kind_count = ARRAY_SIZE(place_daemon_kinds);
