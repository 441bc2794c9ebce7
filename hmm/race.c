// SPDX-License-Identifier: GPL-2.0-only
/*
 * The storm's threads that add and look, and the judgement.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/background.h"
#include "core/cases.h"
#include "core/clock.h"
#include "hmm_device.h"
#include "core/options.h"
#include "race.h"
#include "core/report.h"
#include "mem/swap.h"

#define SMALL_BYTES (2 * RACE_PAGES * 16384UL)
#define STOP_MS	    15000
/* Who moves pages while a load takes memory waits for reclaim. */
#define LOADED_MS    45000
#define WINDOWS_NS   (50 * NSEC_PER_MSEC)
#define LATE_NS	     (10 * NSEC_PER_SEC)
#define DELAY_MAX_US 200

/*
 * There are more threads than CPUs, and those that never sleep would keep the
 * others out for a whole time slice: once in so many things they let go.
 */
#define YIELD 16

/* What takes memory that is as large as a huge page. */
#define HUGE_ONLY (RACE_SPLIT | RACE_COLLAPSE)

/* For the signal handler. */
static const struct race *current;

static bool is_huge(enum backing_kind kind)
{
	return kind == BACKING_ANONYMOUS_THP || kind == BACKING_SHMEM_THP;
}

bool race_allows(unsigned int storm, enum backing_kind kind)
{
	/* Without huge pages, what is left of these is the storm "drop". */
	if (!is_huge(kind) && storm & HUGE_ONLY &&
	    !(storm & ~(HUGE_ONLY | RACE_DROP)))
		return false;
	switch (kind) {
	case BACKING_ANONYMOUS:
	case BACKING_ANONYMOUS_THP:
		return true;
	case BACKING_SHMEM:
	case BACKING_SHMEM_THP:
		/*
		 * What these do is for private memory; userfaultfd protects
		 * shared memory since 5.19 only, and not everywhere. fork()
		 * alone leaves it as it is (copy_page_range()).
		 */
		return storm != RACE_FORK &&
		       !(storm & (RACE_FREE | RACE_KSM | RACE_REPLACE |
				  RACE_AWAY | RACE_EXCLUSIVE | RACE_UFFD));
	default:
		return false;
	}
}

/*
 * Memory that the storm has protected or moved away comes back: the instruction
 * is tried again until it has.
 */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	const unsigned char *at = info->si_addr;
	const unsigned char *start = current->backing.hva;

	if (at >= start && at < start + current->backing.size &&
	    current->storm & (RACE_PROTECT | RACE_REMAP)) {
		sched_yield();
		return;
	}
	/* The same fault again, and this time it kills. */
	(void)sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL },
			NULL);
}

/* What was found in a kept page's counter, between two looks at its book. */
static void judge_counter(const struct race *race, unsigned int number,
			  const char *who, u64 before, u64 found, u64 after)
{
	CHECK(found >= before,
	      "page %u: %s finds %llu in its counter, but %llu had been added before it looked: %s",
	      number, who, found, before,
	      "a write is lost, or the page is stale");
	CHECK(found <= after,
	      "page %u: %s finds %llu in its counter, but no more than %llu can have been added",
	      number, who, found, after);
}

static u64 load(const u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* The device does one thing; false if the storm has the memory just now. */
static bool device_do(const struct race *race,
		      enum secmmu_hmm_operation operation, u64 *address,
		      u64 *word)
{
	struct secmmu_hmm_access access = {
		.address = (uintptr_t)address,
		.length = sizeof(*word),
		.buffer = (uintptr_t)word,
		.mirror = race->mirror,
		.operation = operation,
	};
	int error = __hmm_access(race->device, &access);

	if ((error == -EPERM && race->storm & RACE_PROTECT) ||
	    /* handle_userfault(): hmm cannot wait there. */
	    (error == -EFAULT && race->storm & (RACE_REMAP | RACE_UFFD)) ||
	    /* What get_user_pages() says of read-only memory. */
	    (error == -EFAULT && race->storm & RACE_PROTECT &&
	     operation == SECMMU_HMM_ADD_EXCLUSIVE))
		return false;
	CHECK(!error, "the device cannot %s memory: %s",
	      operation == SECMMU_HMM_READ ? "read" : "write",
	      errno_name(error));
	return true;
}

static void device_add(struct race *race, unsigned int number)
{
	struct race_keep *keep = &race->keep[number];
	u64 before = load(&keep->added), word = 1;
	bool alone = race->storm & RACE_EXCLUSIVE && number % 2;

	__atomic_fetch_add(&keep->begun, 1, __ATOMIC_SEQ_CST);
	if (!device_do(race, alone ? SECMMU_HMM_ADD_EXCLUSIVE : SECMMU_HMM_ADD,
		       race_keep_word(race, number), &word)) {
		__atomic_fetch_sub(&keep->begun, 1, __ATOMIC_SEQ_CST);
		return;
	}
	__atomic_fetch_add(&keep->added, 1, __ATOMIC_SEQ_CST);
	judge_counter(race, number, "the device, which adds,", before, word,
		      load(&keep->begun));
}

static void device_look(struct race *race, unsigned int number)
{
	struct race_keep *keep = &race->keep[number];
	u64 before = load(&keep->added), word;

	if (device_do(race, SECMMU_HMM_READ, race_keep_word(race, number),
		      &word))
		judge_counter(race, number, "the device", before, word,
			      load(&keep->begun));
}

static void device_look_at_dropped(struct race *race, unsigned int number)
{
	struct race_drop *drop = &race->drop[number];
	u64 dead = load(&drop->dead), word, born;

	if (!device_do(race, SECMMU_HMM_READ, race_drop_word(race, number),
		       &word))
		return;
	born = load(&drop->born);
	CHECK(!word || (word > dead && word <= born),
	      "page %u: the device finds generation %llu; generation %llu had been dropped before it looked, and %llu is the last that there was",
	      number, word, dead, born);
}

static void device_mark(struct race *race, unsigned int number)
{
	u64 mark = RACE_MARK;

	device_do(race, SECMMU_HMM_STORE, race_drop_word(race, number) + 1,
		  &mark);
}

static bool rests(const struct race *race, unsigned int number)
{
	return __atomic_load_n(&race->resting, __ATOMIC_RELAXED) == number;
}

void race_device(struct thread *thread, void *argument)
{
	static void (*const actions[])(struct race * race,
				       unsigned int number) = {
		device_add,  device_add, device_look, device_look_at_dropped,
		device_mark,
	};
	struct random_stream *random = thread_random(thread);
	struct race *race = argument;

	while (!thread_should_stop(thread)) {
		u64 action = random_below(random,
					  sizeof(actions) / sizeof(*actions));
		unsigned int number = random_below(random, RACE_PAGES);

		if (!rests(race, number)) {
			actions[action](race, number);
			race_count(&race->operations);
		}
		if (random_chance(random, 1, YIELD))
			sched_yield();
	}
}

void race_cpu(struct thread *thread, void *argument)
{
	struct random_stream *random = thread_random(thread);
	struct race *race = argument;

	while (!thread_should_stop(thread)) {
		unsigned int number = random_below(random, RACE_PAGES);
		struct race_keep *keep = &race->keep[number];
		u64 before = load(&keep->added), found;

		if (rests(race, number))
			continue;
		__atomic_fetch_add(&keep->begun, 1, __ATOMIC_SEQ_CST);
		found = __atomic_fetch_add(race_keep_word(race, number), 1,
					   __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&keep->added, 1, __ATOMIC_SEQ_CST);
		judge_counter(race, number, "a CPU", before, found,
			      load(&keep->begun));
		race_count(&race->additions);
		if (random_chance(random, 1, YIELD))
			sched_yield();
	}
}

/* Nothing runs any more: now it is exact. */
static void judge_end(struct race *race)
{
	unsigned int i;

	for (i = 0; i < RACE_PAGES; i++) {
		u64 added = race->keep[i].added;
		u64 memory = *race_keep_word(race, i);
		u64 device = hmm_read(race->device, race->mirror,
				      race_keep_word(race, i));

		CHECK(memory == added,
		      "page %u has %llu in its counter, and %llu was added: a write is %s",
		      i, memory, added,
		      memory < added ? "lost" : "there twice");
		CHECK(device == memory,
		      "page %u: the device reads %llu, where memory has %llu",
		      i, device, memory);
	}
}

/*
 * What else the storm does may leave no huge page for a while; and under a load
 * that takes memory, none can be had for what was split once.
 */
static bool must_move_huge(const struct race *race)
{
	return race->storm == (RACE_AWAY | RACE_HUGE) && !race->loaded;
}

/* Who has not yet had a part in it, NULL if all have. */
static const char *missing(const struct race *race)
{
	u64 born = 0;
	unsigned int i;

	for (i = 0; i < RACE_PAGES; i++)
		born += load(&race->drop[i].born);
	if (!load(&race->operations))
		return "device";
	if (!load(&race->additions))
		return "CPU";
	if (!born)
		return "owner of the dropped half";
	if (!load(&race->victim->rounds))
		return "process that gets dropped pages";
	if (race_triggers(race) && !load(&race->ops))
		return "storm";
	if (!hmm_counters(race->device, race->mirror).dropped)
		return "notifier (it has dropped no entry of the device)";
	if (must_move_huge(race) && !load(&race->moved_huge))
		return "huge page (none has moved in one)";
	return NULL;
}

static void tell(struct race *race)
{
	struct secmmu_hmm_counters counters = hmm_counters(race->device,
							   race->mirror);
	const char *idle = missing(race);
	u64 told = 0;
	unsigned int i;

	for (i = 0; i < SECMMU_HMM_EVENTS; i++)
		told += counters.invalidations[i];
	report_info("device: %llu accesses, %llu faults, %llu of them EBUSY, %llu refused, %llu invalidations, %llu entries dropped",
		    race->operations, counters.faults, counters.busy,
		    counters.retries, told, counters.dropped);
	CHECK(!idle, "no %s had a part in this race: it says nothing", idle);
	if (race->storm & RACE_KSM)
		report_info("%llu pages merged with their equals",
			    race->merged);
	if (race->storm & RACE_AWAY)
		report_info("%llu pages moved to devices' memory, between them, or back; %llu of them in huge pages",
			    race->moved, race->moved_huge);
}

static void set(struct race *race, enum backing_kind kind)
{
	struct backing_request request = {
		.kind = kind,
		.size = SMALL_BYTES,
		.flags = BACKING_POPULATE,
	};
	struct sigaction action = { .sa_sigaction = on_fault,
				    .sa_flags = SA_SIGINFO };

	if (race->storm & RACE_FREE)
		swap_need();
	if ((race->storm & RACE_MOVE) && backing_nodes() < 2)
		race->storm &= ~RACE_MOVE;
	if (!race->storm)
		skip("2 NUMA nodes with memory",
		     "run it on a NUMA machine, or in a target: ./run_all.sh --vm");
	race->page = (u64)getpagesize();
	if (!is_huge(kind))
		race->storm &= ~HUGE_ONLY;
	else
		request.size = 4 * backing_thp_size();
	backing_create(&race->backing, &request);
	race->stride = request.size / (2 * RACE_PAGES);
	race_storm_prepare(race);
	race->device = hmm_open();
	if (race->storm & (RACE_AWAY | RACE_EXCLUSIVE))
		hmm_need_memory(race->device);
	if (race->storm & RACE_HUGE)
		hmm_need_huge(race->device);
	race->mirror = hmm_mirror(race->device, race->backing.hva,
				  request.size);
	current = race;
	CHECK(!sigaction(SIGSEGV, &action, NULL), "sigaction failed: %s",
	      errno_name(errno));
}

/*
 * Makes windows of the protocol wider than they are by themselves, each time
 * others of them. Nobody waits for anything to happen here: each time is a part
 * of how long the race lasts.
 */
static void widen_windows(const struct race *race, struct random_stream *random)
{
	static const enum secmmu_hmm_point points[] = {
		SECMMU_HMM_AT_WALK,	  SECMMU_HMM_AT_LOCK,
		SECMMU_HMM_AT_INVALIDATE, SECMMU_HMM_AT_MIGRATION,
		SECMMU_HMM_AT_EXCLUSIVE,
	};
	const struct timespec wait = { .tv_nsec = WINDOWS_NS };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(points); i++)
		hmm_delay(race->device, points[i],
			  random_chance(random, 1, 2) ?
				  random_between(random, 1, DELAY_MAX_US) :
				  0);
	nanosleep(&wait, NULL);
}

/* A slow machine may not have come to what must happen when the time is over. */
static bool is_over(const struct race *race, u64 until)
{
	u64 now = clock_ns();

	if (load(&race->victim->found) || now >= until + LATE_NS)
		return true;
	return now >= until && !missing(race);
}

void race_run(unsigned int storm, enum backing_kind kind, u64 duration_ns,
	      unsigned int devices)
{
	struct race *race = calloc(1, sizeof(*race));
	struct thread_group *group = thread_group_new("race");
	struct random_stream random;
	u64 until;
	unsigned int i;
	static const char *const pressure[] = { "--vm", "1", "--vm-bytes",
						"25%", NULL };
	const struct background_request request = { .arguments = pressure };
	struct background *background = NULL;
	pid_t victim;

	CHECK(race, "no memory for a race");
	race->storm = storm;
	race->resting = RACE_PAGES;
	set(race, kind);
	victim = race_victim_start(race);
	if (options()->mode == MODE_STRESS)
		background = background_start(&request);
	race->loaded = background && background_running(background);
	for (i = 0; i < devices; i++)
		thread_add(group, "device", race_device, race);
	thread_add(group, "cpu", race_cpu, race);
	thread_add(group, "storm", race_storm, race);
	thread_add(group, "owner", race_owner, race);

	case_random(&random, "windows", 0);
	until = clock_ns() + duration_ns;
	if (race->loaded)
		thread_group_silence_ms(group, LOADED_MS);
	thread_group_start(group);
	while (!is_over(race, until))
		widen_windows(race, &random);
	thread_group_stop(group);
	thread_group_join(group, race->loaded ? LOADED_MS : STOP_MS);
	if (background)
		background_end(background);
	race_victim_end(race, victim);
	notifier_trigger_end(&race->trigger);
	judge_end(race);
	tell(race);
}
