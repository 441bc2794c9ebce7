// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a storm does to the memory.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "mem/notifier_op.h"
#include "hmm_device.h"
#include "mem/pagemap.h"
#include "race.h"
#include "core/report.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define VICTIM_PAGES 64

/*
 * ksmd has to find a page unchanged several times before it merges it, and gets
 * little time beside the others: the first time it gets what it needs. What else a
 * storm does should not wait so long.
 */
#define REST_MIN_MS   10
#define REST_MAX_MS   400
#define REST_FIRST_MS 5000
#define REST_MIXED_MS 40
#define REST_LOOK_NS  NSEC_PER_MSEC

/* ---- the kept half ---- */

/* Some pages, all of them now and then; with RACE_HUGE all of some huge pages. */
static void choose_range(const struct race *race, struct random_stream *random,
			 struct secmmu_hmm_migrate *migrate)
{
	u64 part = race->storm & RACE_HUGE ? backing_thp_size() : race->page;
	u64 parts = race->backing.size / part;
	u64 first = random_below(random, parts);
	u64 count = random_between(random, 1, parts - first);

	if (random_chance(random, 1, 2))
		count = (count + RACE_PAGES - 1) / RACE_PAGES;
	if (random_chance(random, 1, 4)) {
		first = 0;
		count = parts;
	}
	migrate->start = (uintptr_t)race->backing.hva + first * part;
	migrate->end = migrate->start + count * part;
	if (race->storm & RACE_HUGE || random_chance(random, 1, 2))
		migrate->flags = SECMMU_HMM_HUGE;
}

/*
 * From one of three places, system and two banks, to another. What is remapped at
 * the moment is not there; what the kernel does not give stays.
 */
static void away(struct race *race, struct random_stream *random)
{
	struct secmmu_hmm_migrate migrate = {
		.from = (u32)random_below(random, 3),
	};
	int error;

	migrate.to = (migrate.from + random_between(random, 1, 2)) % 3;
	choose_range(race, random, &migrate);
	error = __hmm_call(race->device, SECMMU_HMM_MIGRATE, &migrate);
	CHECK(!error || (error == -EFAULT && race->storm & RACE_REMAP),
	      "cannot move %llu pages from %u to %u (0: the system's memory): %s",
	      (migrate.end - migrate.start) / race->page, migrate.from,
	      migrate.to, errno_name(error));
	race->moved += migrate.pages;
	race->moved_huge += migrate.whole;
	if (migrate.pages)
		race_count(&race->ops);
}

/* Notifier operations on one page of the kept half, or on all of it. */
static const struct {
	unsigned int storm;
	enum notifier_op op;
	bool all;
} kept[] = {
	{ RACE_PROTECT, NOTIFIER_PROTECT, false },
	{ RACE_REMAP, NOTIFIER_REMAP, false },
	{ RACE_PAGEOUT, NOTIFIER_PAGE_OUT, false },
	{ RACE_COLLAPSE, NOTIFIER_COLLAPSE, true },
	{ RACE_FORK, NOTIFIER_FORK, true },
	{ RACE_CLEAR_REFS, NOTIFIER_CLEAR_REFS, true },
	{ RACE_KSM, NOTIFIER_MERGE, true },
	{ RACE_UFFD, NOTIFIER_WRITE_PROTECT, false },
	{ RACE_SPLIT, NOTIFIER_SPLIT, true },
};
#define KEPT (ARRAY_SIZE(kept))

static void must_advise(void *start, u64 size, int advice)
{
	CHECK(!madvise(start, size, advice), "madvise %d failed: %s", advice,
	      errno_name(errno));
}

static void prepare_twins(struct race *race)
{
	unsigned int i;

	race->pagemap = pagemap_open();
	race->twins = mmap(NULL, RACE_PAGES * race->page,
			   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	CHECK(race->twins != MAP_FAILED, "no memory for twins: %s",
	      errno_name(errno));
	must_advise(race->twins, RACE_PAGES * race->page, MADV_MERGEABLE);
	if (race->storm != RACE_KSM)
		return;
	/* Only what is worked on: ksmd would be busy with a thousand others. */
	must_advise(race->kept.hva, race->kept.size, MADV_UNMERGEABLE);
	for (i = 0; i < RACE_PAGES; i++)
		must_advise(race_keep_word(race, i), race->page,
			    MADV_MERGEABLE);
}

void race_storm_prepare(struct race *race)
{
	unsigned int set = 0;
	size_t i;

	for (i = 0; i < KEPT; i++)
		if (race->storm & kept[i].storm)
			set |= NOTIFIER_BIT(kept[i].op);
	race->kept = race->backing;
	race->kept.size /= 2;
	race->kept.map_size = race->kept.size;
	notifier_trigger_prepare(&race->trigger, set);
	notifier_trigger_begin(&race->trigger, &race->kept);
	if (race->storm & RACE_KSM)
		prepare_twins(race);
}

static bool is_merged(const struct race *race, unsigned int number)
{
	u64 page, twin;

	pagemap_read(race->pagemap, race_keep_word(race, number), &page, 1);
	pagemap_read(race->pagemap, race->twins + number * race->page, &twin,
		     1);
	return page & PAGEMAP_PRESENT &&
	       !((page ^ twin) & (PAGEMAP_PRESENT | PAGEMAP_PFN_MASK));
}

/*
 * A page that is added to all the time is never merged: leave it alone, with one
 * beside it that is equal, for about as long as ksmd needs.
 */
static void rest_and_merge(struct race *race, struct random_stream *random)
{
	unsigned int number = random_below(random, RACE_PAGES);
	bool alone = race->storm == RACE_KSM;
	u64 rest = random_between(random, REST_MIN_MS,
				  alone ? REST_MAX_MS : REST_MIXED_MS);
	const struct timespec look = { .tv_nsec = REST_LOOK_NS };
	struct deadline end = deadline_in_ms(
		alone && !race->merged ? REST_FIRST_MS : rest);

	__atomic_store_n(&race->resting, number, __ATOMIC_SEQ_CST);
	memcpy(race->twins + number * race->page, race_keep_word(race, number),
	       race->page);
	while (!is_merged(race, number) && !deadline_passed(end) &&
	       !thread_wanted(thread_self()))
		nanosleep(&look, NULL);
	if (is_merged(race, number))
		race_count(&race->merged);
	__atomic_store_n(&race->resting, RACE_PAGES, __ATOMIC_SEQ_CST);
}

static void notifier_trigger_kept(struct race *race,
				  struct random_stream *random, size_t i)
{
	u64 offset = random_below(random, RACE_PAGES) * race->stride;
	int error;

	thread_doing(thread_self(), notifier_op_info(kept[i].op)->name);
	error = notifier_trigger(&race->trigger, kept[i].op, random,
				 kept[i].all ? 0 : offset,
				 kept[i].all ? race->kept.size : race->page);
	/*
	 * That nothing could be paged out or collapsed at the moment is all right.
	 * copy_nonpresent_pte() cannot give back exclusive access to a page that
	 * the device has locked just now: EBUSY, which copy_pmd_range() makes
	 * ENOMEM of.
	 */
	CHECK(kept[i].op != NOTIFIER_FORK || !error ||
		      (error == -ENOMEM && race->storm & RACE_EXCLUSIVE),
	      "cannot have a child: %s", errno_name(-error));
	if (kept[i].storm == RACE_KSM)
		rest_and_merge(race, random);
	if (!error)
		race_count(&race->ops);
}

bool race_triggers(const struct race *race)
{
	unsigned int storms = RACE_MOVE | RACE_AWAY;
	size_t i;

	for (i = 0; i < KEPT; i++)
		storms |= kept[i].storm;
	return race->storm & storms;
}

void race_storm(struct thread *thread, void *argument)
{
	struct random_stream *random = thread_random(thread);
	struct race *race = argument;

	while (!thread_should_stop(thread)) {
		/* Two that are not of that table, or not of a half. */
		u64 i = random_below(random, KEPT + 2);
		int error;

		if (i < KEPT && race->storm & kept[i].storm) {
			notifier_trigger_kept(race, random, i);
		} else if (i == KEPT && race->storm & RACE_MOVE) {
			thread_doing(thread, "moving to another node");
			/* Some that are in use at the moment stay: EIO. */
			error = backing_move(&race->backing,
					     random_below(random,
							  backing_nodes()));
			if (!error || error == -EIO)
				race_count(&race->ops);
		} else if (i > KEPT && race->storm & RACE_AWAY) {
			thread_doing(thread,
				     "moving to memory of a device or back");
			away(race, random);
		}
	}
}

/* ---- the dropped half ---- */

static void must_find(struct race *race, unsigned int number, u64 wanted,
		      const char *when)
{
	u64 *word = race_drop_word(race, number);
	u64 device = hmm_read(race->device, race->mirror, word);
	u64 cpu = *(volatile u64 *)word;

	CHECK(device == wanted && cpu == wanted,
	      "page %u, %s: expected %llu, got %llu by the device and %llu by the CPU",
	      number, when, wanted, device, cpu);
}

/* A new generation, written by the CPU or the device. */
static void give_birth(struct race *race, unsigned int number, bool by_device)
{
	struct race_drop *drop = &race->drop[number];
	u64 *word = race_drop_word(race, number);
	u64 born = drop->born + 1;

	__atomic_store_n(&drop->born, born, __ATOMIC_SEQ_CST);
	if (by_device)
		hmm_store(race->device, race->mirror, word, born);
	else
		*(volatile u64 *)word = born;
	must_find(race, number, born, "just written");
}

static void drop_page(struct race *race, unsigned int number)
{
	u64 offset = (RACE_PAGES + number) * race->stride;
	int error = backing_discard(&race->backing, offset, race->page);

	CHECK(!error, "cannot discard a page: %s", errno_name(error));
}

static void replace_page(struct race *race, unsigned int number)
{
	void *page = race_drop_word(race, number);

	CHECK(mmap(page, race->page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page,
	      "cannot map over a page: %s", errno_name(errno));
}

/* It may stay or go; what is written afterwards stays. */
static void free_page(struct race *race, unsigned int number)
{
	void *page = race_drop_word(race, number);

	CHECK(!madvise(page, race->page, MADV_FREE), "MADV_FREE failed: %s",
	      errno_name(errno));
	give_birth(race, number, true);
	madvise(page, race->page, MADV_PAGEOUT);
	must_find(race, number, race->drop[number].born,
		  "freed lazily, then written by the device, then paged out");
}

void race_owner(struct thread *thread, void *argument)
{
	struct random_stream *random = thread_random(thread);
	struct race *race = argument;

	while (!thread_should_stop(thread)) {
		unsigned int number = random_below(random, RACE_PAGES);
		struct race_drop *drop = &race->drop[number];

		thread_doing(thread, "giving birth to a page");
		give_birth(race, number, random_chance(random, 1, 2));
		if (race->storm & RACE_FREE) {
			thread_doing(thread, "freeing a page lazily");
			free_page(race, number);
		}
		if (!(race->storm & (RACE_DROP | RACE_REPLACE)))
			continue;
		thread_doing(thread, "dropping a page");
		if ((race->storm & RACE_REPLACE) &&
		    (!(race->storm & RACE_DROP) || random_chance(random, 1, 2)))
			replace_page(race, number);
		else
			drop_page(race, number);
		__atomic_store_n(&drop->dead, drop->born, __ATOMIC_SEQ_CST);
		must_find(race, number, 0, "just dropped");
	}
}

/* ---- who gets the pages that were dropped ---- */

static void be_victim(struct race *race)
{
	const u64 words = VICTIM_PAGES * race->page / sizeof(u64);
	const u64 own = 0x0123456789abcdefULL;
	struct race_victim *victim = race->victim;

	while (!__atomic_load_n(&victim->stop, __ATOMIC_ACQUIRE)) {
		volatile u64 *memory = mmap(NULL, words * sizeof(*memory),
					    PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		u64 i;

		if (memory == MAP_FAILED)
			_exit(1);
		for (i = 0; i < words; i++)
			memory[i] = own;
		sched_yield();
		for (i = 0; i < words; i++)
			if (memory[i] != own)
				__atomic_store_n(&victim->found, memory[i],
						 __ATOMIC_RELEASE);
		munmap((void *)memory, words * sizeof(*memory));
		victim->rounds++;
	}
	_exit(0);
}

pid_t race_victim_start(struct race *race)
{
	pid_t child;

	race->victim = mmap(NULL, sizeof(*race->victim), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(race->victim != MAP_FAILED, "no memory to share: %s",
	      errno_name(errno));
	/* Or each huge page would be shared, and the first write would split it. */
	CHECK(!madvise(race->backing.hva, race->backing.size, MADV_DONTFORK),
	      "MADV_DONTFORK failed: %s", errno_name(errno));
	child = fork();
	CHECK(child >= 0, "cannot fork: %s", errno_name(errno));
	if (!child)
		be_victim(race);
	CHECK(!madvise(race->backing.hva, race->backing.size, MADV_DOFORK),
	      "MADV_DOFORK failed: %s", errno_name(errno));
	return child;
}

void race_victim_end(struct race *race, pid_t child)
{
	int status;

	__atomic_store_n(&race->victim->stop, true, __ATOMIC_RELEASE);
	CHECK(waitpid(child, &status, 0) == child && !status,
	      "the process that gets dropped pages has failed (wait status %#x)",
	      status);
	CHECK(!race->victim->found,
	      "another process's memory was written to: it has %#llx%s",
	      race->victim->found,
	      race->victim->found == RACE_MARK ?
		      ", which the device stores into pages that this process had" :
		      "");
}
