// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a storm does to the memory.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hmm_device.h"
#include "kernel_file.h"
#include "race.h"
#include "report.h"
#include "uffd.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define VICTIM_PAGES 64
#define SPLIT	     "/sys/kernel/debug/split_huge_pages"
#define CHILD_ROUNDS 8

/* ---- the kept half ---- */

static void *page_of(const struct race *race, unsigned int number)
{
	return race_keep_word(race, number);
}

static void protect(struct race *race, unsigned int number)
{
	void *page = page_of(race, number);

	CHECK(!mprotect(page, race->page, PROT_READ), "mprotect failed: %s",
	      errno_name(errno));
	CHECK(!mprotect(page, race->page, PROT_READ | PROT_WRITE),
	      "mprotect failed: %s", errno_name(errno));
}

/*
 * Nobody maps anything anywhere while the storm lasts, so the page's own address
 * is free until it is back.
 */
static void remap(struct race *race, unsigned int number)
{
	void *page = page_of(race, number);

	CHECK(mremap(page, race->page, race->page,
		     MREMAP_MAYMOVE | MREMAP_FIXED, race->spare) == race->spare,
	      "mremap failed: %s", errno_name(errno));
	CHECK(mremap(race->spare, race->page, race->page,
		     MREMAP_MAYMOVE | MREMAP_FIXED, page) == page,
	      "mremap back failed: %s", errno_name(errno));
}

/* That nothing could be paged out, collapsed or moved at the moment is all right. */
static void page_out(struct race *race, unsigned int number)
{
	madvise(page_of(race, number), race->page, MADV_PAGEOUT);
}

static void collapse(struct race *race, unsigned int number)
{
	madvise(race->backing.hva, race->backing.size / 2, MADV_COLLAPSE);
}

static void move(struct race *race, unsigned int number)
{
	backing_move(&race->backing, number % backing_nodes());
}

static void clear_refs(struct race *race, unsigned int number)
{
	/* 4: make pages clean and read-only, to see who writes. */
	kernel_file_must_write("/proc/self/clear_refs", "4");
}

/* Some pages, all of them now and then; with RACE_WHOLE all of some huge pages. */
static void choose_range(const struct race *race, struct random_stream *random,
			 struct secmmu_hmm_migrate *migrate)
{
	uint64_t part = race->storm & RACE_WHOLE ? backing_thp_size() :
						   race->page;
	uint64_t parts = race->backing.size / part;
	uint64_t first = random_below(random, parts);
	uint64_t count = random_between(random, 1, parts - first);

	if (random_chance(random, 1, 2))
		count = (count + RACE_PAGES - 1) / RACE_PAGES;
	if (random_chance(random, 1, 4)) {
		first = 0;
		count = parts;
	}
	migrate->start = (uintptr_t)race->backing.hva + first * part;
	migrate->end = migrate->start + count * part;
	if (race->storm & RACE_WHOLE || random_chance(random, 1, 2))
		migrate->flags = SECMMU_HMM_WHOLE;
}

/*
 * From one of three places, system and two banks, to another. What is remapped at
 * the moment is not there; what the kernel does not give stays.
 */
static void away(struct race *race, unsigned int number)
{
	struct random_stream *random = worker_random(worker_self());
	struct secmmu_hmm_migrate migrate = {
		.from = (uint32_t)random_below(random, 3),
	};
	int error;

	migrate.to = (migrate.from + random_between(random, 1, 2)) % 3;
	choose_range(race, random, &migrate);
	error = __hmm_call(race->device, SECMMU_HMM_MIGRATE, &migrate);
	CHECK(!error || (error == -EFAULT && race->storm & RACE_REMAP),
	      "cannot move %llu pages from %u to %u (0: the system's memory): %s",
	      (unsigned long long)((migrate.end - migrate.start) / race->page),
	      migrate.from, migrate.to, errno_name(error));
	race->moved += migrate.pages;
	race->moved_whole += migrate.whole;
}

/* The runner puts the settings back. */
static void merge(struct race *race, unsigned int number)
{
	kernel_file_must_write("/sys/kernel/mm/ksm/sleep_millisecs", "1");
	kernel_file_must_write("/sys/kernel/mm/ksm/run", "1");
	CHECK(!madvise(race->backing.hva, race->backing.size / 2,
		       MADV_MERGEABLE),
	      "MADV_MERGEABLE failed: %s", errno_name(errno));
}

/* Who writes meanwhile waits in the kernel, until the page may be written again. */
static void write_protect(struct race *race, unsigned int number)
{
	void *page = page_of(race, number);

	uffd_protect(race->uffd, page, race->page);
	uffd_unprotect(race->uffd, page, race->page);
}

/* Not all of them can be at any moment: who else has a reference is in the way. */
static void split(struct race *race, unsigned int number)
{
	const unsigned char *start = race->backing.hva;
	char text[64];

	snprintf(text, sizeof(text), "%d,%#lx,%#lx", getpid(),
		 (unsigned long)start,
		 (unsigned long)(start + race->backing.size / 2));
	kernel_file_must_write(SPLIT, text);
}

/*
 * What the child has does not change by what the parent and the parent's device
 * do, and what it writes is its own. Only calls that are safe between fork()
 * and _exit() of a process with threads.
 */
static void be_child(const struct race *race)
{
	uint64_t seen[RACE_PAGES];
	unsigned int i, round;

	for (i = 0; i < RACE_PAGES; i++)
		seen[i] = *(volatile uint64_t *)race_keep_word(race, i);
	for (round = 0; round < CHILD_ROUNDS; round++) {
		sched_yield();
		for (i = 0; i < RACE_PAGES; i++) {
			volatile uint64_t *word = race_keep_word(race, i);

			if (*word != seen[i])
				_exit(1);
			/* A page that it never writes stays shared. */
			if (i % 2)
				seen[i] = *word = seen[i] + (1ULL << 40);
		}
	}
	_exit(0);
}

static void have_child(struct race *race, unsigned int number)
{
	pid_t child = fork();
	int status;

	if (!child) {
		if (race_is_shared(race))
			_exit(0);
		be_child(race);
	}
	/*
	 * copy_nonpresent_pte() cannot give back exclusive access to a page that
	 * the device has locked just now: EBUSY, which copy_pmd_range() makes
	 * ENOMEM of.
	 */
	if (child < 0 && errno == ENOMEM && race->storm & RACE_ALONE)
		return;
	CHECK(child > 0 && waitpid(child, &status, 0) == child,
	      "cannot have a child: %s", errno_name(errno));
	CHECK(!status,
	      "a child's private memory was changed by its parent, or by the parent's device (wait status %#x)",
	      status);
}

static const struct {
	unsigned int storm;
	void (*act)(struct race *race, unsigned int number);
	const char *doing;
} kept[] = {
	{ RACE_PROTECT, protect, "mprotect" },
	{ RACE_REMAP, remap, "mremap" },
	{ RACE_PAGEOUT, page_out, "MADV_PAGEOUT" },
	{ RACE_COLLAPSE, collapse, "MADV_COLLAPSE" },
	{ RACE_FORK, have_child, "fork" },
	{ RACE_MOVE, move, "moving to another node" },
	{ RACE_CLEAR_REFS, clear_refs, "clear_refs" },
	{ RACE_KSM, merge, "MADV_MERGEABLE" },
	{ RACE_AWAY, away, "moving to memory of a device or back" },
	{ RACE_UFFD, write_protect, "write-protecting by userfaultfd" },
	{ RACE_SPLIT, split, "splitting huge pages" },
};
#define KEPT (sizeof(kept) / sizeof(kept[0]))

void race_storm_prepare(struct race *race)
{
	if (race->storm & RACE_UFFD) {
		race->uffd = uffd_open();
		uffd_register(race->uffd, race->backing.hva,
			      race->backing.size / 2, UFFD_WRITE_PROTECT);
	}
	if ((race->storm & RACE_SPLIT) && access(SPLIT, W_OK))
		skip("CONFIG_DEBUG_FS=y with CONFIG_TRANSPARENT_HUGEPAGE=y",
		     "run it on a kernel built with these options, with debugfs mounted");
}

void race_storm(struct worker *worker, void *argument)
{
	struct random_stream *random = worker_random(worker);
	struct race *race = argument;

	while (!worker_should_stop(worker)) {
		uint64_t i = random_below(random, KEPT);

		if (!(race->storm & kept[i].storm))
			continue;
		worker_doing(worker, kept[i].doing);
		kept[i].act(race, random_below(random, RACE_PAGES));
	}
}

/* ---- the dropped half ---- */

static void must_find(struct race *race, unsigned int number, uint64_t wanted,
		      const char *when)
{
	uint64_t *word = race_drop_word(race, number);
	uint64_t device = hmm_read(race->device, race->mirror, word);
	uint64_t cpu = *(volatile uint64_t *)word;

	CHECK(device == wanted && cpu == wanted,
	      "page %u, %s: the device finds %llu and the CPU %llu, where %llu belongs",
	      number, when, (unsigned long long)device, (unsigned long long)cpu,
	      (unsigned long long)wanted);
}

/* A new generation, written by the CPU or the device. */
static void give_birth(struct race *race, unsigned int number, bool by_device)
{
	struct race_drop *drop = &race->drop[number];
	uint64_t *word = race_drop_word(race, number);
	uint64_t born = drop->born + 1;

	__atomic_store_n(&drop->born, born, __ATOMIC_SEQ_CST);
	if (by_device)
		hmm_store(race->device, race->mirror, word, born);
	else
		*(volatile uint64_t *)word = born;
	must_find(race, number, born, "just written");
}

static void drop_page(struct race *race, unsigned int number)
{
	uint64_t offset = (RACE_PAGES + number) * race->stride;
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

void race_owner(struct worker *worker, void *argument)
{
	struct random_stream *random = worker_random(worker);
	struct race *race = argument;

	while (!worker_should_stop(worker)) {
		unsigned int number = random_below(random, RACE_PAGES);
		struct race_drop *drop = &race->drop[number];

		worker_doing(worker, "giving birth to a page");
		give_birth(race, number, random_chance(random, 1, 2));
		if (race->storm & RACE_FREE) {
			worker_doing(worker, "freeing a page lazily");
			free_page(race, number);
		}
		if (!(race->storm & (RACE_DROP | RACE_REPLACE)))
			continue;
		worker_doing(worker, "dropping a page");
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
	const uint64_t words = VICTIM_PAGES * race->page / sizeof(uint64_t);
	const uint64_t own = 0x0123456789abcdefULL;
	struct race_victim *victim = race->victim;

	while (!__atomic_load_n(&victim->stop, __ATOMIC_ACQUIRE)) {
		volatile uint64_t *memory = mmap(NULL, words * sizeof(*memory),
						 PROT_READ | PROT_WRITE,
						 MAP_PRIVATE | MAP_ANONYMOUS,
						 -1, 0);
		uint64_t i;

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
	      (unsigned long long)race->victim->found,
	      race->victim->found == RACE_MARK ?
		      ", which the device stores into pages that this process had" :
		      "");
}
