// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty ring as such: rings that become full, harvested whole and in parts,
 * and reset by other threads than the one that harvests. Every index is
 * harvested and reset once, no written page is missing.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bitmap.h"
#include "core/cases.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "dirty/exact.h"
#include "flip.h"
#include "dirty/mirror.h"
#include "core/options.h"
#include "core/report.h"
#include "dirty/dirty_vm.h"
#include "core/thread.h"
#include "kvm/writer.h"

#define SLOT_ALIGN (2UL << 20)
/* Each vCPU writes all of its pages so many times over. */
#define LAPS 4

/* A harvest while vCPUs write: slots that a ring can follow, and its pace. */
#define RUNNING_SLOT_BYTES (4UL << 20)
#define RUNNING_VCPUS	   2
#define FULL_HARVESTS	   3
#define FULL_PACE_MS	   1000
/* A run in which no write was verified is not a pass: so long it goes on. */
#define VERIFIED_MS 30000
#define STOP_MS	    30000

enum { NUMBER_MODE, NUMBER_VCPUS, NUMBER_PARTIAL, DIMENSIONS };
/* Of a case that resets while vCPUs run: signals interrupt it; kind of memory. */
enum { NUMBER_SIGNALS = DIMENSIONS, NUMBER_BACKING };

static const unsigned int vcpu_counts[] = { 1, 2, 3 };

/* One vCPU's part of the slot, and how far it has come. */
struct part {
	struct vcpu *vcpu;
	u64 first_page;
	u64 beat_before;
	u64 judged;
	bool done;
};

struct full {
	struct dirty_vm fixture;
	struct dirty_slot *watched;
	struct mirror *mirror;
	struct part *parts;
	unsigned long *written;
	u64 pages_each;
	u64 full_exits;
	struct random_stream random;
};

static void setup_full(struct full *full, const struct test_case *test)
{
	enum dirty_mode mode = dirty_mode_rings[test->number[NUMBER_MODE]];
	unsigned int vcpus = vcpu_counts[test->number[NUMBER_VCPUS]];
	u32 entries = dirty_mode_smallest_ring(mode);
	struct dirty_vm_config config = {
		.mode = mode,
		.backing = BACKING_ANONYMOUS,
		.vcpus = vcpus,
		.slots = 1,
		.ring_entries = entries,
	};
	unsigned int i;

	memset(full, 0, sizeof(*full));
	/* A page is written again only after its entry has left the ring. */
	full->pages_each = entries + entries / 2;
	config.slot_bytes = (vcpus * full->pages_each * getpagesize() +
			     SLOT_ALIGN - 1) &
			    ~(SLOT_ALIGN - 1);
	dirty_vm_init(&full->fixture, &config);
	full->watched = full->fixture.watched[0];
	full->mirror = mirror_new("the slot", full->watched->slot->hva,
				  full->watched->pages,
				  full->fixture.vm->page_size);
	full->written = bitmap_new(full->watched->pages);
	full->parts = calloc(vcpus, sizeof(*full->parts));
	if (!full->parts)
		fail("out of memory for %u vCPUs", vcpus);
	for (i = 0; i < vcpus; i++) {
		full->parts[i].vcpu = &full->fixture.vm->vcpus[i];
		full->parts[i].first_page = i * full->pages_each;
	}
	case_random(&full->random, "partial harvests", 0);
}

static void teardown_full(struct full *full)
{
	free(full->parts);
	free(full->written);
	mirror_free(full->mirror);
	dirty_vm_destroy(&full->fixture);
}

/* Have a vCPU begin to write its part from first to last page, @laps times. */
static void start_laps(struct full *full, struct part *part, unsigned int laps)
{
	struct writer_list list = { .count = laps };
	u64 size = full->fixture.vm->page_size;
	unsigned int i;

	for (i = 0; i < laps; i++)
		list.store[i] = (struct writer_store){
			.gva = full->watched->slot->gpa +
			       part->first_page * size + i * sizeof(u64),
			.stride = (s64)size,
			.count = full->pages_each,
		};
	*writer_list_of(part->vcpu->guest) = list;
	part->beat_before = part->vcpu->guest->beat;
	part->judged = 0;
	vcpu_start(part->vcpu, writer_store, 0);
}

/* Stores that the vCPU has made since start_laps(). */
static u64 stores_of(const struct part *part)
{
	return part->vcpu->guest->beat - part->beat_before;
}

static u64 page_of(const struct full *full, const struct part *part, u64 store)
{
	return part->first_page + store % full->pages_each;
}

/* Run until the ring is full or the vCPU is done, and judge when that was. */
static void run_part(struct full *full, struct part *part)
{
	u32 soft = dirty_ring_soft_limit(full->fixture.vm);
	u32 most = dirty_ring_most(full->fixture.vm);
	enum vcpu_event event;
	u32 pending;
	u64 stores;

	event = vcpu_run_one_of(part->vcpu,
				1U << VCPU_RING_FULL | 1U << VCPU_DONE);
	part->done = event == VCPU_DONE;
	pending = dirty_ring_pending(part->vcpu);
	CHECK(pending <= most,
	      "vCPU %u came back with %u entries in its ring of %u, where it has to by %u",
	      part->vcpu->index, pending, full->fixture.vm->config.ring_entries,
	      most);
	if (part->done)
		return;
	full->full_exits++;
	CHECK(pending >= soft,
	      "vCPU %u came back with a full ring that has %u entries, where %u of %u make it full",
	      part->vcpu->index, pending, soft,
	      full->fixture.vm->config.ring_entries);

	/* It does not enter the guest again before entries are reset. */
	stores = stores_of(part);
	vcpu_run(part->vcpu, VCPU_RING_FULL);
	CHECK(stores_of(part) == stores &&
		      dirty_ring_pending(part->vcpu) == pending,
	      "vCPU %u went on with a full ring: %llu stores and %u entries, then %llu and %u",
	      part->vcpu->index, stores, pending, stores_of(part),
	      dirty_ring_pending(part->vcpu));
}

static void judge_whole(struct full *full)
{
	unsigned int i;

	dirty_harvest(full->fixture.dirty, full->watched, NULL);
	bitmap_zero(full->written, full->watched->pages);
	for (i = 0; i < full->fixture.vm->vcpu_count; i++) {
		struct part *part = &full->parts[i];
		u64 stores = stores_of(part), n;
		u64 next = page_of(full, part, stores);

		for (n = part->judged; n < stores; n++)
			bitmap_set(full->written, page_of(full, part, n));
		/*
		 * The fault of the next store has filled the ring; the store
		 * itself comes when the guest is entered again.
		 */
		if (!part->done && bitmap_test(full->watched->fresh, next))
			bitmap_set(full->written, next);
		part->judged = stores;
	}
	exact_judge("full rings", full->written, full->watched->fresh,
		    full->watched->pages);
	mirror_take(full->mirror, full->watched->fresh);
	for (i = 0; i < full->fixture.vm->vcpu_count; i++)
		CHECK(!dirty_ring_used(full->parts[i].vcpu),
		      "%u entries of vCPU %u's ring are not free after all were harvested and reset",
		      dirty_ring_used(full->parts[i].vcpu), i);
}

static void take_partly(struct full *full)
{
	u32 soft = dirty_ring_soft_limit(full->fixture.vm);
	unsigned int i;

	dirty_ring_collect_some(full->fixture.dirty,
				random_between(&full->random, 1, soft));
	dirty_harvest_queued(full->watched);
	mirror_take(full->mirror, full->watched->fresh);
	for (i = 0; i < full->fixture.vm->vcpu_count; i++) {
		const struct vcpu *vcpu = full->parts[i].vcpu;

		CHECK(dirty_ring_used(vcpu) == dirty_ring_pending(vcpu),
		      "%u entries of vCPU %u's ring are not free, where %u were not harvested yet",
		      dirty_ring_used(vcpu), i, dirty_ring_pending(vcpu));
	}
}

static bool all_done(const struct full *full)
{
	unsigned int i;

	for (i = 0; i < full->fixture.vm->vcpu_count; i++)
		if (!full->parts[i].done)
			return false;
	return true;
}

static void test_full(const struct test_case *test)
{
	bool partial = test->number[NUMBER_PARTIAL];
	u64 stores, entries;
	struct full full;
	unsigned int i;

	setup_full(&full, test);
	/* All pages are mapped before logging: no fault of another kind. */
	for (i = 0; i < full.fixture.vm->vcpu_count; i++) {
		start_laps(&full, &full.parts[i], 1);
		vcpu_run(full.parts[i].vcpu, VCPU_DONE);
	}
	dirty_enable(full.fixture.dirty, full.watched);
	mirror_copy_all(full.mirror);
	CHECK(!dirty_harvest(full.fixture.dirty, full.watched, NULL),
	      "page %zu was written before logging began and is reported",
	      bitmap_next(full.watched->fresh, full.watched->pages, 0));

	for (i = 0; i < full.fixture.vm->vcpu_count; i++)
		start_laps(&full, &full.parts[i], LAPS);
	while (!all_done(&full)) {
		for (i = 0; i < full.fixture.vm->vcpu_count; i++)
			if (!full.parts[i].done)
				run_part(&full, &full.parts[i]);
		if (partial)
			take_partly(&full);
		else
			judge_whole(&full);
	}
	dirty_harvest_final(full.fixture.dirty, full.watched);
	mirror_take(full.mirror, full.watched->fresh);
	mirror_judge(full.mirror);

	/* Between two writes of a page its entry was harvested and reset. */
	stores = full.fixture.vm->vcpu_count * full.pages_each * LAPS;
	entries = full.fixture.dirty->ring_entries;
	CHECK(entries >= stores,
	      "%llu pages were written after they were protected, %llu ring entries came",
	      stores, entries);
	report_info("%llu full rings of %u entries, %llu entries for %llu written pages",
		    full.full_exits, full.fixture.vm->config.ring_entries,
		    entries, stores);
	teardown_full(&full);
}

/* The smallest rings become full again and again under the mirror oracle. */
static void test_full_running(const struct test_case *test)
{
	enum dirty_mode mode = dirty_mode_rings[test->number[NUMBER_MODE]];
	const struct options *chosen = options();
	u32 entries = dirty_mode_smallest_ring(mode);
	/* More pages than a ring has entries, whatever the size of a page. */
	u64 bytes = 2UL * entries * getpagesize();
	struct flip_config config = {
		.fixture = {
			.mode = mode,
			.backing = test->number[NUMBER_BACKING],
			.vcpus = chosen->vcpus ? chosen->vcpus : RUNNING_VCPUS,
			.slots = 1,
			.slot_bytes = chosen->memory ? chosen->memory :
				      bytes > RUNNING_SLOT_BYTES ?
						       bytes :
						       RUNNING_SLOT_BYTES,
			.ring_entries = entries,
		},
		.duration_ns = case_duration_ns(),
		.harvests_max = FULL_HARVESTS,
		.pace_ms = FULL_PACE_MS,
		.full_rings = true,
	};

	flip_run(&config);
}

/* A thread that resets rings. */
struct resetter {
	struct dirty_log *dirty;
	pthread_t thread;
	atomic_bool runs;
};

static void reset_rings(struct thread *thread, void *argument)
{
	struct resetter *resetter = argument;

	resetter->thread = pthread_self();
	atomic_store(&resetter->runs, true);
	while (!thread_should_stop(thread)) {
		thread_doing(thread, "KVM_RESET_DIRTY_RINGS");
		dirty_ring_reset(resetter->dirty);
	}
}

/*
 * A signal ends a reset early (kvm_dirty_ring_reset(), from 6.16 on): what is
 * left is for the next one. The crew has a handler for it.
 */
static void interrupt_reset(struct thread *thread, void *argument)
{
	struct resetter *resetter = argument;

	while (!thread_should_stop(thread)) {
		thread_doing(thread, "signals");
		if (atomic_load(&resetter->runs))
			pthread_kill(resetter->thread, SIGUSR1);
		sched_yield();
	}
}

/*
 * vCPUs write and are never stopped; one thread harvests, another one resets
 * what the first has harvested, and at times the first one does it, too. A third
 * one may interrupt the second.
 */
static void test_reset_running(const struct test_case *test)
{
	const struct vcpu_threads_config vcpu_threads_config = {
		.function = writer_run
	};
	enum dirty_mode mode = dirty_mode_rings[test->number[NUMBER_MODE]];
	const struct options *chosen = options();
	struct dirty_vm_config config = {
		.mode = mode,
		.backing = test->number[NUMBER_BACKING],
		.vcpus = chosen->vcpus ? chosen->vcpus : RUNNING_VCPUS,
		.slots = 1,
		.slot_bytes = chosen->memory ? chosen->memory :
					       RUNNING_SLOT_BYTES,
	};
	u64 end = clock_ns() + case_duration_ns();
	struct deadline deadline = deadline_in_ms(VERIFIED_MS);
	u64 harvests = 0, verified = 0;
	struct random_stream random;
	struct resetter resetter = { .runs = false };
	struct thread_group *resetters;
	struct dirty_slot *watched;
	struct mirror *mirror;
	struct dirty_vm fixture;
	struct vcpu_threads *threads;

	dirty_vm_init(&fixture, &config);
	dirty_vm_setup_writers(&fixture);
	case_random(&random, "who resets", 0);
	watched = fixture.watched[0];
	mirror = mirror_new("the slot", watched->slot->hva, watched->pages,
			    fixture.vm->page_size);
	threads = vcpu_threads_new(fixture.vm, &vcpu_threads_config);
	resetters = thread_group_new("resetter");
	resetter.dirty = fixture.dirty;
	thread_add(resetters, "resets", reset_rings, &resetter);
	if (test->number[NUMBER_SIGNALS])
		thread_add(resetters, "interrupts", interrupt_reset, &resetter);
	vcpu_threads_start(threads);
	dirty_enable(fixture.dirty, watched);
	mirror_copy_all(mirror);
	thread_group_start(resetters);

	while (clock_ns() < end || (!verified && !deadline_passed(deadline))) {
		fixture.dirty->reset_elsewhere = random_chance(&random, 1, 2);
		/* Nothing there: leave the CPU to those who write. */
		if (!dirty_harvest(fixture.dirty, watched, NULL))
			poll(NULL, 0, 1);
		vcpu_threads_ring_room(threads);
		verified += mirror_take(mirror, watched->fresh);
		harvests++;
	}
	thread_group_stop(resetters);
	thread_group_join(resetters, STOP_MS);
	fixture.dirty->reset_elsewhere = false;

	vcpu_threads_pause(threads);
	dirty_harvest_final(fixture.dirty, watched);
	mirror_take(mirror, watched->fresh);
	CHECK(!dirty_harvest_final(fixture.dirty, watched),
	      "page %zu is dirty again at the second harvest though no vCPU runs",
	      bitmap_next(watched->fresh, watched->pages, 0));
	mirror_judge(mirror);
	report_info("harvests %llu entries %llu verified page writes %llu",
		    harvests, fixture.dirty->ring_entries, verified);
	CHECK(verified, "no page write was verified in %llu harvests",
	      harvests);
	vcpu_threads_finish(threads);
	mirror_free(mirror);
	dirty_vm_destroy(&fixture);
}

/* What runs with full rings, or with resets, for a while: on anonymous memory. */
static const struct running {
	const char *name;
	void (*run)(const struct test_case *test);
	bool signals;
} running[] = {
	{ "full_running", test_full_running, false },
	{ "reset_running", test_reset_running, false },
	{ "reset_signalled", test_reset_running, true },
};

static size_t add_running(const struct running *what, unsigned int ring,
			  enum backing_kind backing, struct test_case *cases,
			  size_t max)
{
	unsigned int tuple[DIRTY_VM_DIMENSIONS] = {
		[DIRTY_VM_BACKING] = backing
	};
	bool usual = backing == BACKING_ANONYMOUS;
	struct test_case *test;
	size_t count = 0;

	if (!usual && !dirty_vm_wanted(tuple, NULL))
		return 0;
	test = case_add(cases, &count, max, what->run);
	test->number[NUMBER_MODE] = ring;
	test->number[NUMBER_SIGNALS] = what->signals;
	test->number[NUMBER_BACKING] = backing;
	snprintf(test->name, sizeof(test->name), "%s/%s%s%s%s", what->name,
		 dirty_mode_name(dirty_mode_rings[ring]), usual ? "" : "/",
		 usual ? "" : backing_name(backing), usual ? "" : "/aligned");
	return count;
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	enum {
		VCPU_CHOICES = ARRAY_SIZE(vcpu_counts),
		TUPLES = DIRTY_MODE_RINGS * VCPU_CHOICES * 2,
	};
	const struct case_matrix matrix = {
		.dimensions = DIMENSIONS,
		.levels = { DIRTY_MODE_RINGS, VCPU_CHOICES, 2 },
	};
	static struct case_tuple tuples[TUPLES];
	size_t tuple_count = cases_choose(options, &matrix, tuples, TUPLES);
	bool every = options->mode == MODE_ALL || options->case_glob;
	size_t count = 0, i, j;
	unsigned int backing;
	struct test_case *test;

	for (i = 0; i < tuple_count; i++) {
		const unsigned int *level = tuples[i].level;

		test = case_add(cases, &count, max, test_full);
		for (j = 0; j < DIMENSIONS; j++)
			test->number[j] = level[j];
		snprintf(test->name, sizeof(test->name),
			 "ring_full/%s/%u_vcpu%s/%s",
			 dirty_mode_name(dirty_mode_rings[level[NUMBER_MODE]]),
			 vcpu_counts[level[NUMBER_VCPUS]],
			 vcpu_counts[level[NUMBER_VCPUS]] == 1 ? "" : "s",
			 level[NUMBER_PARTIAL] ? "partial" : "whole");
	}
	for (i = 0; i < ARRAY_SIZE(running); i++)
		for (j = 0; j < DIRTY_MODE_RINGS; j++)
			for (backing = 0; backing < BACKING_GUEST_MEMFD;
			     backing++)
				if (every || backing == BACKING_ANONYMOUS)
					count += add_running(&running[i], j,
							     backing,
							     cases + count,
							     max - count);
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "dirty_log_ring_test",
		.summary =
			"full dirty rings, and rings that other threads reset: no entry is lost or comes twice",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
