/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A storm over memory that a device and CPUs work on at the same time, and the
 * oracle for it.
 *
 * Half of the memory is kept: whatever the storm does to its pages, their
 * contents stay. Each has a counter that CPUs and the device add to. What is
 * found in it is never less than what had been added before the look began, and
 * never more than what anybody had begun to add when it ended; in the end it is
 * exactly what was added. A lost write of either side, a write to a page that was
 * copied meanwhile, or a read of a stale page breaks that.
 *
 * The other half is dropped, again and again: each page has an owner, who gives
 * it a new generation, drops it, and then says that this generation is dead.
 * Whoever looks at it afterwards must not see a dead generation. The device also
 * stores a mark beside it, all the time; pages that were dropped and belong to
 * somebody else then must never have that mark (race_victim()).
 */
#ifndef SECMMU_RACE_H
#define SECMMU_RACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "mem/backing.h"
#include "mem/notifier_op.h"
#include "core/thread.h"
#include "core/types.h"

/*
 * Pages of each half that are worked on: few, so that two who come at the same
 * moment come to the same page often enough.
 */
#define RACE_PAGES 16

/* What a storm is made of. */
#define RACE_PROTECT	(1U << 0) /* mprotect() read-only and back */
#define RACE_REMAP	(1U << 1) /* mremap() away and back */
#define RACE_PAGEOUT	(1U << 2) /* MADV_PAGEOUT */
#define RACE_COLLAPSE	(1U << 3) /* MADV_COLLAPSE */
#define RACE_FORK	(1U << 4) /* fork(); parent and child write */
#define RACE_MOVE	(1U << 5) /* to another NUMA node */
#define RACE_CLEAR_REFS (1U << 6) /* /proc/self/clear_refs: soft-dirty */
#define RACE_KSM	(1U << 7) /* merged with equal pages, and not again */
#define RACE_DROP	(1U << 8) /* the dropped half: MADV_DONTNEED or a hole */
#define RACE_REPLACE	(1U << 9) /* the dropped half: a new mapping over it */
#define RACE_FREE	(1U << 10) /* the dropped half: MADV_FREE, then a store */
#define RACE_AWAY	(1U << 11) /* to memory of devices, and back */
#define RACE_EXCLUSIVE	(1U << 12) /* the device adds by exclusive access, too */
#define RACE_UFFD	(1U << 13) /* write-protected by userfaultfd, and back */
#define RACE_SPLIT	(1U << 14) /* huge pages split in place */
#define RACE_HUGE	(1U << 15) /* RACE_AWAY moves nothing but whole huge pages */

/**
 * struct race_keep - a kept page's book
 * @begun: what somebody has begun to add
 * @added: what was added
 */
struct race_keep {
	u64 begun;
	u64 added;
};

/**
 * struct race_drop - a dropped page's book
 * @born: generation that was given to it last
 * @dead: generation that was dropped last
 */
struct race_drop {
	u64 born;
	u64 dead;
};

/**
 * struct race - a storm
 * @storm: RACE_*
 * @backing: the memory; the first half of it is kept
 * @kept: the first half
 * @trigger: of the kept half
 * @page: bytes of a page
 * @stride: bytes from one page that is worked on to the next
 * @device: the device that mirrors it
 * @mirror: of all of it
 * @keep: by page
 * @drop: by page
 * @victim: what race_victim() shares with its parent
 * @twins: private pages that are made equal to kept ones, with RACE_KSM
 * @resting: kept page that is left alone for a while, RACE_PAGES if none is
 * @merged: how often one was merged with its twin
 * @pagemap: to see that
 * @moved: pages that went to devices' memory and back
 * @moved_huge: of them, in huge pages
 * @loaded: stress-ng takes memory beside it
 * @operations: how much devices did
 * @additions: how much CPUs did
 * @ops: how much the storm did to the kept half, without an error
 */
struct race {
	unsigned int storm;
	struct backing backing;
	struct backing kept;
	struct notifier_trigger trigger;
	u64 page;
	u64 stride;
	int device;
	unsigned int mirror;
	struct race_keep keep[RACE_PAGES];
	struct race_drop drop[RACE_PAGES];
	struct race_victim *victim;
	unsigned char *twins;
	unsigned int resting;
	u64 merged;
	struct pagemap *pagemap;
	u64 moved;
	u64 moved_huge;
	bool loaded;
	u64 operations;
	u64 additions;
	u64 ops;
};

/**
 * struct race_victim - what a child that gets others' pages tells its parent
 * @stop: the parent wants it to end
 * @rounds: how often it has looked
 * @found: a word that is not its own; 0: none
 */
struct race_victim {
	bool stop;
	u64 rounds;
	u64 found;
};

/**
 * race_allows() - does a storm make sense on this kind of memory?
 * @storm: RACE_*
 * @kind: the kind
 *
 * Return: whether it does.
 */
bool race_allows(unsigned int storm, enum backing_kind kind);

/**
 * race_run() - a storm, judged
 * @storm: RACE_*
 * @kind: kind of memory
 * @duration_ns: how long
 * @devices: threads that are the device
 */
void race_run(unsigned int storm, enum backing_kind kind, u64 duration_ns,
	      unsigned int devices);

/*
 * The rest is between race*.c.
 */

/* Pages by number; the kept half begins the memory, the dropped half ends it. */
static inline u64 *race_keep_word(const struct race *race, unsigned int number)
{
	return (u64 *)((unsigned char *)race->backing.hva +
		       number * race->stride);
}

static inline u64 *race_drop_word(const struct race *race, unsigned int number)
{
	return race_keep_word(race, RACE_PAGES + number);
}

/* One more; any thread may look meanwhile. */
static inline void race_count(u64 *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* Does the storm do anything to the kept half? */
bool race_triggers(const struct race *race);

/* What takes a storm a setting of the kernel, or a file; skips if it is not there. */
void race_storm_prepare(struct race *race);

/* Do something of the storm to some pages of the kept half. */
void race_storm(struct thread *thread, void *race);

/* Give generations to pages of the dropped half, and drop them. */
void race_owner(struct thread *thread, void *race);

/* Add, look and store as the device; add and look as a CPU. */
void race_device(struct thread *thread, void *race);
void race_cpu(struct thread *thread, void *race);

/* A child process that gets pages which others had, and looks after them. */
pid_t race_victim_start(struct race *race);
void race_victim_end(struct race *race, pid_t child);

/* The mark that the device stores into dropped pages. */
#define RACE_MARK 0x5ec3a25ed0c5dedbULL

#endif /* SECMMU_RACE_H */
