// SPDX-License-Identifier: GPL-2.0-only
/* Disturbing memory: each of the ways. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "disturb.h"
#include "kernel_file.h"
#include "reclaim.h"
#include "report.h"
#include "swap.h"
#include "uffd.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

#define SPLIT "/sys/kernel/debug/split_huge_pages"
/* How much may be swapped out of it, and how much is reclaimed at a time. */
#define SWAP_BYTES    (64ULL << 20)
#define RECLAIM_BYTES (256ULL << 10)
/* Pages that a case takes off line: the machine does not get them back. */
#define OFFLINE_PAGES 8
/* What a call for a disturbance that goes on by itself takes. */
#define BY_ITSELF_US 2000

/**
 * struct range - what is disturbed, by whom
 */
struct range {
	struct disturber *disturber;
	struct random_stream *random;
	u64 offset;
	u64 size;
	unsigned char *start;
};

/* A pace: nothing is waited for. */
static void pass(u64 us)
{
	const struct timespec wait = {
		.tv_nsec = (long)(us * NSEC_PER_USEC),
	};

	nanosleep(&wait, NULL);
}

/* So that somebody comes to what is away: mostly not at all, or long. */
static void dwell(const struct range *range)
{
	if (range->disturber->dwell_us && random_chance(range->random, 1, 2))
		pass(random_below(range->random, range->disturber->dwell_us));
}

static int advise(const struct range *range, int advice)
{
	return madvise(range->start, range->size, advice) ? -errno : 0;
}

static int discard(const struct range *range)
{
	int error = backing_discard(range->disturber->backing, range->offset,
				    range->size);

	CHECK(!error, "cannot discard %llu bytes of memory: %s", range->size,
	      errno_name(-error));
	return 0;
}

static int zero(const struct range *range)
{
	volatile u64 *word = (volatile u64 *)range->start;
	u64 i;

	for (i = 0; i < range->size / sizeof(*word); i++)
		word[i] = 0;
	return 0;
}

static int page_out(const struct range *range)
{
	return advise(range, MADV_PAGEOUT);
}

static int reclaim(const struct range *range)
{
	(void)range;
	reclaim_some(RECLAIM_BYTES);
	return 0;
}

static int protect(const struct range *range)
{
	int error = 0;

	/* ENOMEM: more mappings than there may be, or no memory for one. */
	if (mprotect(range->start, range->size, PROT_READ))
		error = errno;
	CHECK(!error || error == ENOMEM, "mprotect(PROT_READ) failed: %s",
	      errno_name(error));
	dwell(range);
	CHECK(!mprotect(range->start, range->size, PROT_READ | PROT_WRITE),
	      "mprotect(PROT_READ | PROT_WRITE) failed: %s", errno_name(errno));
	return -error;
}

/* EFAULT: the range is of several mappings, by their policies or advice. */
static int remap(const struct range *range)
{
	unsigned char *spare = range->disturber->spare + range->offset;

	if (mremap(range->start, range->size, range->size,
		   MREMAP_MAYMOVE | MREMAP_FIXED, spare) == MAP_FAILED) {
		CHECK(errno == EFAULT || errno == ENOMEM,
		      "mremap of %llu bytes failed: %s", range->size,
		      errno_name(errno));
		return -errno;
	}
	dwell(range);
	CHECK(mremap(spare, range->size, range->size,
		     MREMAP_MAYMOVE | MREMAP_FIXED,
		     range->start) == range->start,
	      "mremap of %llu bytes back failed: %s", range->size,
	      errno_name(errno));
	return 0;
}

static int replace(const struct range *range)
{
	int error;

	if (random_chance(range->random, 1, 2)) {
		CHECK(!munmap(range->start, range->size), "munmap failed: %s",
		      errno_name(errno));
		dwell(range);
	}
	error = backing_map_again(range->disturber->backing, range->offset,
				  range->size);
	CHECK(!error, "cannot map %llu bytes of memory again: %s", range->size,
	      errno_name(-error));
	if (range->disturber->set & DISTURB_BIT(DISTURB_MERGE))
		advise(range, MADV_MERGEABLE);
	return 0;
}

static int have_child(const struct range *range)
{
	return disturb_by_fork(range->disturber, range->random, range->start,
			       range->size);
}

static int clear_refs(const struct range *range)
{
	(void)range;
	/* 4: make pages clean and read-only, to see who writes. */
	kernel_file_must_write("/proc/self/clear_refs", "4");
	return 0;
}

static int by_itself(const struct range *range)
{
	pass(random_below(range->random, BY_ITSELF_US));
	return 0;
}

static int unmerge(const struct range *range)
{
	int error = advise(range, MADV_UNMERGEABLE);

	dwell(range);
	return error ? error : advise(range, MADV_MERGEABLE);
}

/* Only whole huge pages can be (madvise_collapse()): all that the range is part of. */
static int collapse(const struct range *range)
{
	const struct backing *backing = range->disturber->backing;
	uintptr_t low = (uintptr_t)backing->hva, high = low + backing->size;
	uintptr_t first = (uintptr_t)range->start, last = first + range->size;
	u64 huge = backing_thp_size();

	first -= first % huge;
	last += huge - 1;
	last -= last % huge;
	if (first < low)
		first += huge;
	if (last > high)
		last -= huge;
	if (first >= last)
		return -EINVAL;
	return madvise((void *)first, last - first, MADV_COLLAPSE) ? -errno : 0;
}

/* Not all of them can be at any moment: who else has a reference is in the way. */
static int split(const struct range *range)
{
	char text[64];

	snprintf(text, sizeof(text), "%d,%#lx,%#lx", getpid(),
		 (unsigned long)range->start,
		 (unsigned long)(range->start + range->size));
	return kernel_file_write(SPLIT, text, 0);
}

static int no_huge(const struct range *range)
{
	int error = advise(range, MADV_NOHUGEPAGE);

	dwell(range);
	return error ? error : advise(range, MADV_HUGEPAGE);
}

static unsigned int some_node(const struct range *range)
{
	return (unsigned int)random_below(range->random, backing_nodes());
}

static int bind_to_node(const struct range *range)
{
	return backing_move(range->disturber->backing, some_node(range));
}

static int move_to_node(const struct range *range)
{
	int moved = backing_move_pages(range->disturber->backing, range->offset,
				       range->size, some_node(range));

	return moved < 0 ? moved : moved ? 0 : -EBUSY;
}

static int migrate(const struct range *range)
{
	return backing_migrate_process(some_node(range));
}

static int compact(const struct range *range)
{
	(void)range;
	return kernel_file_write("/proc/sys/vm/compact_memory", "1", 0);
}

/* Who comes to it gets it back from the userfaultfd's server. */
static int miss(const struct range *range)
{
	int error = discard(range);

	dwell(range);
	return error;
}

/* Of shared memory that takes the mapping away only, and not the pages. */
static int unmap(const struct range *range)
{
	int error = advise(range, MADV_DONTNEED);

	dwell(range);
	return error;
}

/* Who writes meanwhile waits in the kernel, until the page may be written again. */
static int write_protect(const struct range *range)
{
	uffd_protect(range->disturber->uffd, range->start, range->size);
	dwell(range);
	uffd_unprotect(range->disturber->uffd, range->start, range->size);
	return 0;
}

/* EBUSY, EIO and others: it could not be isolated, or migrated, just now. */
static int take_off_line(const struct range *range)
{
	struct disturber *disturber = range->disturber;
	int error;

	if (!disturber->offline) {
		pass(BY_ITSELF_US);
		return -EBUSY;
	}
	error = madvise(range->start, disturber->page, MADV_SOFT_OFFLINE) ?
			-errno :
			0;
	if (!error)
		disturber->offline--;
	return error;
}

static int (*const ways[DISTURBANCES])(const struct range *range) = {
	[DISTURB_DISCARD] = discard,
	[DISTURB_ZERO] = zero,
	[DISTURB_PAGE_OUT] = page_out,
	[DISTURB_RECLAIM] = reclaim,
	[DISTURB_PROTECT] = protect,
	[DISTURB_REMAP] = remap,
	[DISTURB_REPLACE] = replace,
	[DISTURB_FORK] = have_child,
	[DISTURB_CLEAR_REFS] = clear_refs,
	[DISTURB_MERGE] = by_itself,
	[DISTURB_UNMERGE] = unmerge,
	[DISTURB_COLLAPSE] = collapse,
	[DISTURB_KHUGEPAGED] = by_itself,
	[DISTURB_SPLIT] = split,
	[DISTURB_NO_HUGE] = no_huge,
	[DISTURB_BIND] = bind_to_node,
	[DISTURB_MOVE_PAGES] = move_to_node,
	[DISTURB_MIGRATE] = migrate,
	[DISTURB_BALANCE] = by_itself,
	[DISTURB_COMPACT] = compact,
	[DISTURB_MISSING] = miss,
	[DISTURB_MINOR] = unmap,
	[DISTURB_WRITE_PROTECT] = write_protect,
	[DISTURB_OFFLINE] = take_off_line,
};

int disturb(struct disturber *disturber, enum disturbance disturbance,
	    struct random_stream *random, u64 offset, u64 size)
{
	const struct range range = {
		.disturber = disturber,
		.random = random,
		.offset = offset,
		.size = size,
		.start = (unsigned char *)disturber->backing->hva + offset,
	};

	return ways[disturbance](&range);
}

static bool has(const struct disturber *disturber, enum disturbance disturbance)
{
	return disturber->set & DISTURB_BIT(disturbance);
}

void disturb_prepare(struct disturber *disturber, unsigned int set)
{
	unsigned int flags = 0, i;

	*disturber = (struct disturber){ .set = set, .uffd = -1 };
	for (i = 0; i < DISTURBANCES; i++)
		if (has(disturber, i))
			flags |= disturbance_info(i)->flags;
	CHECK(!(flags & DISTURB_BY_UFFD) || !(flags & DISTURB_LOSES_UFFD),
	      "memory cannot have a userfaultfd and be mapped anew: a fault of the test");
	if (has(disturber, DISTURB_PAGE_OUT) || has(disturber, DISTURB_RECLAIM))
		swap_need();
	if (has(disturber, DISTURB_RECLAIM))
		reclaim_enter(SWAP_BYTES);
	if (has(disturber, DISTURB_SPLIT) && access(SPLIT, W_OK))
		skip("CONFIG_DEBUG_FS=y with CONFIG_TRANSPARENT_HUGEPAGE=y",
		     "run it on a kernel built with these options, with debugfs mounted");
	if (!has(disturber, DISTURB_OFFLINE))
		return;
	if (!getenv("SECMMU_DESTRUCTIVE"))
		skip("a machine that may lose pages of memory",
		     "set SECMMU_DESTRUCTIVE=1, or run it in a target: ./run_all.sh --vm");
	disturber->offline = OFFLINE_PAGES;
}

static void register_uffd(struct disturber *disturber)
{
	struct backing *backing = disturber->backing;
	unsigned int modes = 0;

	if (has(disturber, DISTURB_MISSING))
		modes |= UFFD_MISSING;
	if (has(disturber, DISTURB_MINOR))
		modes |= UFFD_MINOR;
	if (has(disturber, DISTURB_WRITE_PROTECT))
		modes |= UFFD_WRITE_PROTECT;
	if (!modes)
		return;
	disturber->uffd = uffd_open();
	uffd_register(disturber->uffd, backing->map, backing->map_size, modes);
	disturber->server = uffd_serve(disturber->uffd, disturber->page);
	uffd_server_spare(disturber->server);
}

static void reserve_spare(struct disturber *disturber)
{
	const struct backing *backing = disturber->backing;
	u64 align = backing->huge ? backing->page_size : disturber->page;
	u64 shift = (uintptr_t)backing->hva % align;
	unsigned char *at;

	disturber->spare_size = backing->map_size + 2 * align;
	at = backing_reserve(disturber->spare_size);
	CHECK(at != MAP_FAILED, "no addresses for %llu bytes: %s",
	      disturber->spare_size, errno_name(errno));
	/* As aligned as the memory itself. */
	disturber->spare = at + (align - (uintptr_t)at % align) + shift;
}

void disturb_begin(struct disturber *disturber, struct backing *backing)
{
	disturber->backing = backing;
	disturber->page = backing_is_hugetlb(backing->kind) ?
				  backing->page_size :
				  (u64)getpagesize();
	if (has(disturber, DISTURB_REMAP))
		reserve_spare(disturber);
	if (has(disturber, DISTURB_REMAP) || has(disturber, DISTURB_REPLACE))
		backing_leave_room();
	if (has(disturber, DISTURB_MERGE) || has(disturber, DISTURB_UNMERGE))
		CHECK(!madvise(backing->map, backing->map_size, MADV_MERGEABLE),
		      "MADV_MERGEABLE failed: %s", errno_name(errno));
	disturb_settings_set(disturber);
	register_uffd(disturber);
}

void disturb_end(struct disturber *disturber)
{
	if (disturber->server)
		uffd_serve_end(disturber->server);
	if (disturber->uffd >= 0)
		close(disturber->uffd);
	disturb_settings_restore(disturber);
	if (has(disturber, DISTURB_RECLAIM))
		reclaim_leave();
}
