// SPDX-License-Identifier: GPL-2.0-only
/* The notifier operations. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "mem/notifier_op.h"
#include "core/kernel_file.h"
#include "mem/reclaim.h"
#include "core/report.h"
#include "mem/swap.h"
#include "mem/uffd.h"

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
/* Limit of swapped-out memory, and amount of one reclaim, in bytes. */
#define SWAP_BYTES    (64ULL << 20)
#define RECLAIM_BYTES (256ULL << 10)
/* Pages that a case offlines: the machine has lost them. */
#define OFFLINE_PAGES 8
/* Duration of a call for an operation that a kernel thread does by itself. */
#define BY_ITSELF_US 2000

/**
 * struct range - the range of an operation, and its trigger
 */
struct range {
	struct notifier_trigger *trigger;
	struct random_stream *random;
	u64 offset;
	u64 size;
	unsigned char *start;
};

/* This sets a pace, and synchronises nothing. */
static void pass(u64 us)
{
	const struct timespec wait = {
		.tv_nsec = (long)(us * NSEC_PER_USEC),
	};

	nanosleep(&wait, NULL);
}

/* Give other threads time to access the missing memory: mostly none, or much. */
static void dwell(const struct range *range)
{
	if (range->trigger->dwell_us && random_chance(range->random, 1, 2))
		pass(random_below(range->random, range->trigger->dwell_us));
}

static int advise(const struct range *range, int advice)
{
	return madvise(range->start, range->size, advice) ? -errno : 0;
}

static int discard(const struct range *range)
{
	int error = backing_discard(range->trigger->backing, range->offset,
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

	/* ENOMEM: vm.max_map_count mappings, or no memory for one. */
	if (mprotect(range->start, range->size, PROT_READ))
		error = errno;
	CHECK(!error || error == ENOMEM, "mprotect(PROT_READ) failed: %s",
	      errno_name(error));
	dwell(range);
	CHECK(!mprotect(range->start, range->size, PROT_READ | PROT_WRITE),
	      "mprotect(PROT_READ | PROT_WRITE) failed: %s", errno_name(errno));
	return -error;
}

/* EFAULT: policies or advice split the range into several mappings. */
static int remap(const struct range *range)
{
	unsigned char *spare = range->trigger->spare + range->offset;

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
	error = backing_map_again(range->trigger->backing, range->offset,
				  range->size);
	CHECK(!error, "cannot map %llu bytes of memory again: %s", range->size,
	      errno_name(-error));
	if (range->trigger->set & NOTIFIER_BIT(NOTIFIER_MERGE))
		advise(range, MADV_MERGEABLE);
	return 0;
}

static int have_child(const struct range *range)
{
	return notifier_trigger_by_fork(range->trigger, range->random,
					range->start, range->size);
}

static int clear_refs(const struct range *range)
{
	(void)range;
	/* 4: make pages clean and read-only, to track writes (soft-dirty). */
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

/* madvise_collapse() takes whole huge pages: all that the range overlaps. */
static int collapse(const struct range *range)
{
	const struct backing *backing = range->trigger->backing;
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

/* A page with another reference cannot be split at the moment. */
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
	return backing_move(range->trigger->backing, some_node(range));
}

static int move_to_node(const struct range *range)
{
	int moved = backing_move_pages(range->trigger->backing, range->offset,
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

/* An access gets the memory back from the userfaultfd's thread. */
static int miss(const struct range *range)
{
	int error = discard(range);

	dwell(range);
	return error;
}

/* For shared memory this removes the mapping and keeps the pages. */
static int unmap(const struct range *range)
{
	int error = advise(range, MADV_DONTNEED);

	dwell(range);
	return error;
}

/* A writer waits in the kernel until the write protection is removed. */
static int write_protect(const struct range *range)
{
	uffd_protect(range->trigger->uffd, range->start, range->size);
	dwell(range);
	uffd_unprotect(range->trigger->uffd, range->start, range->size);
	return 0;
}

/* EBUSY, EIO and others: the page could not be isolated or migrated at the moment. */
static int take_off_line(const struct range *range)
{
	struct notifier_trigger *trigger = range->trigger;
	int error;

	if (!trigger->offline) {
		pass(BY_ITSELF_US);
		return -EBUSY;
	}
	error = madvise(range->start, trigger->page, MADV_SOFT_OFFLINE) ?
			-errno :
			0;
	if (!error)
		trigger->offline--;
	return error;
}

static int (*const methods[NOTIFIER_OPS])(const struct range *range) = {
	[NOTIFIER_DISCARD] = discard,
	[NOTIFIER_ZERO] = zero,
	[NOTIFIER_PAGE_OUT] = page_out,
	[NOTIFIER_RECLAIM] = reclaim,
	[NOTIFIER_PROTECT] = protect,
	[NOTIFIER_REMAP] = remap,
	[NOTIFIER_REPLACE] = replace,
	[NOTIFIER_FORK] = have_child,
	[NOTIFIER_CLEAR_REFS] = clear_refs,
	[NOTIFIER_MERGE] = by_itself,
	[NOTIFIER_UNMERGE] = unmerge,
	[NOTIFIER_COLLAPSE] = collapse,
	[NOTIFIER_KHUGEPAGED] = by_itself,
	[NOTIFIER_SPLIT] = split,
	[NOTIFIER_NO_HUGE] = no_huge,
	[NOTIFIER_BIND] = bind_to_node,
	[NOTIFIER_MOVE_PAGES] = move_to_node,
	[NOTIFIER_MIGRATE] = migrate,
	[NOTIFIER_BALANCE] = by_itself,
	[NOTIFIER_COMPACT] = compact,
	[NOTIFIER_MISSING] = miss,
	[NOTIFIER_MINOR] = unmap,
	[NOTIFIER_WRITE_PROTECT] = write_protect,
	[NOTIFIER_OFFLINE] = take_off_line,
};

int notifier_trigger(struct notifier_trigger *trigger, enum notifier_op op,
		     struct random_stream *random, u64 offset, u64 size)
{
	const struct range range = {
		.trigger = trigger,
		.random = random,
		.offset = offset,
		.size = size,
		.start = (unsigned char *)trigger->backing->hva + offset,
	};

	return methods[op](&range);
}

static bool has(const struct notifier_trigger *trigger, enum notifier_op op)
{
	return trigger->set & NOTIFIER_BIT(op);
}

void notifier_trigger_prepare(struct notifier_trigger *trigger,
			      unsigned int set)
{
	unsigned int flags = 0, i;

	*trigger = (struct notifier_trigger){ .set = set, .uffd = -1 };
	for (i = 0; i < NOTIFIER_OPS; i++)
		if (has(trigger, i))
			flags |= notifier_op_info(i)->flags;
	CHECK(!(flags & NOTIFIER_BY_UFFD) || !(flags & NOTIFIER_LOSES_UFFD),
	      "a bug of the test: memory with a userfaultfd cannot be mapped again");
	if (has(trigger, NOTIFIER_PAGE_OUT) || has(trigger, NOTIFIER_RECLAIM))
		swap_need();
	if (has(trigger, NOTIFIER_RECLAIM))
		reclaim_enter(SWAP_BYTES);
	if (has(trigger, NOTIFIER_SPLIT) && access(SPLIT, W_OK))
		skip("CONFIG_DEBUG_FS=y with CONFIG_TRANSPARENT_HUGEPAGE=y",
		     "run it on a kernel built with these options, with debugfs mounted");
	if (!has(trigger, NOTIFIER_OFFLINE))
		return;
	if (!getenv("SECMMU_DESTRUCTIVE"))
		skip("permission to offline pages of this machine's memory",
		     "set SECMMU_DESTRUCTIVE=1, or run it in a target: ./run_all.sh --vm");
	trigger->offline = OFFLINE_PAGES;
}

static void register_uffd(struct notifier_trigger *trigger)
{
	struct backing *backing = trigger->backing;
	unsigned int modes = 0;

	if (has(trigger, NOTIFIER_MISSING))
		modes |= UFFD_MISSING;
	if (has(trigger, NOTIFIER_MINOR))
		modes |= UFFD_MINOR;
	if (has(trigger, NOTIFIER_WRITE_PROTECT))
		modes |= UFFD_WRITE_PROTECT;
	if (!modes)
		return;
	trigger->uffd = uffd_open();
	uffd_register(trigger->uffd, backing->map, backing->map_size, modes);
	trigger->server = uffd_serve(trigger->uffd, trigger->page);
	uffd_server_spare(trigger->server);
}

static void reserve_spare(struct notifier_trigger *trigger)
{
	const struct backing *backing = trigger->backing;
	u64 align = backing->huge ? backing->page_size : trigger->page;
	u64 shift = (uintptr_t)backing->hva % align;
	unsigned char *at;

	trigger->spare_size = backing->map_size + 2 * align;
	at = backing_reserve(trigger->spare_size);
	CHECK(at != MAP_FAILED, "no addresses for %llu bytes: %s",
	      trigger->spare_size, errno_name(errno));
	/* With the alignment of the memory. */
	trigger->spare = at + (align - (uintptr_t)at % align) + shift;
}

void notifier_trigger_begin(struct notifier_trigger *trigger,
			    struct backing *backing)
{
	trigger->backing = backing;
	trigger->page = backing_is_hugetlb(backing->kind) ? backing->page_size :
							    (u64)getpagesize();
	if (has(trigger, NOTIFIER_REMAP))
		reserve_spare(trigger);
	if (has(trigger, NOTIFIER_REMAP) || has(trigger, NOTIFIER_REPLACE))
		backing_leave_room();
	if (has(trigger, NOTIFIER_MERGE) || has(trigger, NOTIFIER_UNMERGE))
		CHECK(!madvise(backing->map, backing->map_size, MADV_MERGEABLE),
		      "MADV_MERGEABLE failed: %s", errno_name(errno));
	notifier_trigger_settings_set(trigger);
	register_uffd(trigger);
}

void notifier_trigger_end(struct notifier_trigger *trigger)
{
	if (trigger->server)
		uffd_serve_end(trigger->server);
	if (trigger->uffd >= 0)
		close(trigger->uffd);
	notifier_trigger_settings_restore(trigger);
	if (has(trigger, NOTIFIER_RECLAIM))
		reclaim_leave();
}
