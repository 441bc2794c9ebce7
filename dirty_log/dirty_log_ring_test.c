// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty rings that become full, are harvested whole and in parts, and are reset by
 * other threads than the one that harvests: each index is harvested and reset once,
 * and no written page is missing.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bitmap.h"
#include "core/clock.h"
#include "core/options.h"
#include "core/report.h"
#include "core/thread.h"
#include "core/variant.h"
#include "dirty/dirty_vm.h"
#include "dirty/exact.h"

#define SLOT_ALIGN (2UL << 20)
/* Each vCPU writes all of its pages this number of times. */
#define LAPS 4

/* Harvests while vCPUs write: slots that a ring can follow, and the pace. */
#define RUNNING_SLOT_BYTES (4UL << 20)
#define FULL_HARVESTS	   3
#define FULL_PACE_MS	   1000
#define ROUNDS_MIN	   2
/* A run in which nothing was shown does not pass: it goes on up to these limits. */
#define ROUNDS_MAX  100
#define VERIFIED_MS 30000
#define STOP_MS	    30000

struct variant {
	enum dirty_mode mode;
	enum backing_kind backing;
	enum geometry geometry;
	unsigned int vcpus;
	bool partial;
};

/* One vCPU's part of the slot, and the progress in it. */
struct part {
	struct vcpu *vcpu;
	u64 first_page;
	u64 beat_before;
	u64 judged;
	bool done;
};

struct full {
	struct dirty_vm *vm;
	struct dirty_slot *watched;
	struct part *parts;
	unsigned long *written;
	u64 pages_each;
	u64 full_exits;
	struct random_stream random;
};

static void setup_full(struct full *full, const struct variant *variant)
{
	u32 entries = dirty_mode_smallest_ring(variant->mode);
	struct dirty_vm_config config = {
		.mode = variant->mode,
		.backing = BACKING_ANONYMOUS,
		.vcpus = variant->vcpus,
		.ring_entries = entries,
	};
	unsigned int i;

	memset(full, 0, sizeof(*full));
	/* A page is written again only after its entry has left the ring. */
	full->pages_each = entries + entries / 2;
	config.slot_bytes = (config.vcpus * full->pages_each * getpagesize() +
			     SLOT_ALIGN - 1) &
			    ~(SLOT_ALIGN - 1);
	full->vm = dirty_vm_create(&config);
	full->watched = full->vm->watched[0];
	full->written = bitmap_new(full->watched->pages);
	full->parts = calloc(config.vcpus, sizeof(*full->parts));
	if (!full->parts)
		fail("out of memory for %u vCPUs", config.vcpus);
	for (i = 0; i < config.vcpus; i++) {
		full->parts[i].vcpu = &full->vm->vm->vcpus[i];
		full->parts[i].first_page = i * full->pages_each;
	}
	case_random(&full->random, "partial harvests", 0);
}

/* Let a vCPU start to write its part from first to last page, @laps times. */
static void start_laps(struct full *full, struct part *part, unsigned int laps)
{
	struct writer_list list = { .count = laps };
	u64 size = full->vm->vm->page_size;
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

/* Run until the ring is full or the vCPU is done, and check when that was. */
static void run_part(struct full *full, struct part *part)
{
	u32 soft = dirty_ring_soft_limit(full->vm->vm);
	u32 most = dirty_ring_most(full->vm->vm);
	enum vcpu_event event;
	u32 pending;
	u64 stores;

	event = vcpu_run_one_of(part->vcpu,
				1U << VCPU_RING_FULL | 1U << VCPU_DONE);
	part->done = event == VCPU_DONE;
	pending = dirty_ring_pending(part->vcpu);
	CHECK(pending <= most,
	      "vCPU %u exited with %u entries in its ring of %u, expected at most %u",
	      part->vcpu->index, pending, full->vm->vm->config.ring_entries,
	      most);
	if (part->done)
		return;
	full->full_exits++;
	CHECK(pending >= soft,
	      "vCPU %u exited because of a full ring with %u entries, expected at least %u of %u",
	      part->vcpu->index, pending, soft,
	      full->vm->vm->config.ring_entries);

	/* KVM_RUN does not enter the guest before entries are reset. */
	stores = stores_of(part);
	vcpu_run(part->vcpu, VCPU_RING_FULL);
	CHECK(stores_of(part) == stores &&
		      dirty_ring_pending(part->vcpu) == pending,
	      "vCPU %u entered the guest with a full ring: %llu stores and %u entries before, then %llu and %u",
	      part->vcpu->index, stores, pending, stores_of(part),
	      dirty_ring_pending(part->vcpu));
}

static void check_whole(struct full *full)
{
	unsigned int i;

	dirty_vm_collect(full->vm, NULL);
	bitmap_zero(full->written, full->watched->pages);
	for (i = 0; i < full->vm->vm->vcpu_count; i++) {
		struct part *part = &full->parts[i];
		u64 stores = stores_of(part), n;
		u64 next = page_of(full, part, stores);

		for (n = part->judged; n < stores; n++)
			bitmap_set(full->written, page_of(full, part, n));
		/*
		 * The fault of the next store has filled the ring; the store
		 * itself is made when the guest is entered again.
		 */
		if (!part->done && bitmap_test(full->watched->fresh, next))
			bitmap_set(full->written, next);
		part->judged = stores;
	}
	exact_judge("full rings", full->written, full->watched->fresh,
		    full->watched->pages);
	for (i = 0; i < full->vm->vm->vcpu_count; i++)
		CHECK(!dirty_ring_used(full->parts[i].vcpu),
		      "%u entries of vCPU %u's ring are not free, expected 0 after all were harvested and reset",
		      dirty_ring_used(full->parts[i].vcpu), i);
}

static void take_partly(struct full *full)
{
	u32 soft = dirty_ring_soft_limit(full->vm->vm);
	unsigned int i;

	dirty_ring_collect_some(full->vm->dirty,
				random_between(&full->random, 1, soft));
	dirty_harvest_queued(full->watched);
	mirror_take(full->vm->mirror[0], full->watched->fresh);
	for (i = 0; i < full->vm->vm->vcpu_count; i++) {
		const struct vcpu *vcpu = full->parts[i].vcpu;

		CHECK(dirty_ring_used(vcpu) == dirty_ring_pending(vcpu),
		      "%u entries of vCPU %u's ring are not free, expected the %u that were not harvested yet",
		      dirty_ring_used(vcpu), i, dirty_ring_pending(vcpu));
	}
}

static bool all_done(const struct full *full)
{
	unsigned int i;

	for (i = 0; i < full->vm->vm->vcpu_count; i++)
		if (!full->parts[i].done)
			return false;
	return true;
}

static void test_full(const struct variant *variant)
{
	u64 stores, entries;
	struct full full;
	unsigned int i;

	setup_full(&full, variant);
	/* All pages are mapped before logging: no fault of another kind. */
	for (i = 0; i < full.vm->vm->vcpu_count; i++) {
		start_laps(&full, &full.parts[i], 1);
		vcpu_run(full.parts[i].vcpu, VCPU_DONE);
	}
	dirty_vm_enable(full.vm);
	dirty_vm_expect_exactly(full.vm, NULL, "stores before logging");

	for (i = 0; i < full.vm->vm->vcpu_count; i++)
		start_laps(&full, &full.parts[i], LAPS);
	while (!all_done(&full)) {
		for (i = 0; i < full.vm->vm->vcpu_count; i++)
			if (!full.parts[i].done)
				run_part(&full, &full.parts[i]);
		if (variant->partial)
			take_partly(&full);
		else
			check_whole(&full);
	}
	dirty_vm_check_stopped(full.vm);

	/* Between two writes of a page its entry was harvested and reset. */
	stores = full.vm->vm->vcpu_count * full.pages_each * LAPS;
	entries = full.vm->dirty->ring_entries;
	CHECK(entries >= stores,
	      "%llu ring entries, expected one for each of %llu writes to a protected page",
	      entries, stores);
	report_info("%llu full rings of %u entries, %llu entries for %llu written pages",
		    full.full_exits, full.vm->vm->config.ring_entries, entries,
		    stores);
}

/* The smallest rings become full repeatedly under the mirror oracle. */
static void test_full_running(const struct variant *variant)
{
	u32 entries = dirty_mode_smallest_ring(variant->mode);
	/* More pages than a ring has entries, whatever the size of a page. */
	u64 bytes = 2UL * entries * getpagesize(), rounds, i;
	struct dirty_vm_config config = {
		.mode = variant->mode,
		.backing = variant->backing,
		.spare_vcpus = 1,
		.slot_bytes = options()->memory		 ? options()->memory :
			      bytes > RUNNING_SLOT_BYTES ? bytes :
							   RUNNING_SLOT_BYTES,
		.ring_entries = entries,
	};
	u64 end = clock_ns() + case_duration_ns(), full = 0;
	struct dirty_vm *vm = dirty_vm_create(&config);
	struct random_stream random;

	case_random(&random, "full rings", 0);
	dirty_vm_measure_sizes(vm, vm->config.vcpus, WRITER_STORE, 0);
	dirty_vm_run_writers(vm);
	for (rounds = 0;
	     rounds < ROUNDS_MIN || clock_ns() < end ||
	     ((!full || !vm->count.verified) && rounds < ROUNDS_MAX);
	     rounds++) {
		dirty_vm_set_pattern(vm, WRITER_PATTERNS, &random);
		dirty_vm_enable(vm);
		for (i = random_below(&random, FULL_HARVESTS + 1); i; i--) {
			dirty_vm_let_fill(vm, FULL_PACE_MS);
			dirty_vm_collect(vm, NULL);
			if (random_chance(&random, 1, 4)) {
				dirty_vm_check_stopped(vm);
				dirty_vm_resume(vm);
			}
		}
		dirty_vm_let_fill(vm, FULL_PACE_MS);
		/* Else writes that are not collected are legally lost. */
		if (!rounds || random_chance(&random, 2, 3)) {
			dirty_vm_check_stopped(vm);
			if (random_chance(&random, 1, 2))
				dirty_vm_check_split(vm);
			if (random_chance(&random, 1, 2))
				dirty_vm_resume(vm);
		}
		dirty_vm_disable(vm);
		if (!vm->count.recoveries || random_chance(&random, 1, 2))
			dirty_vm_check_recovered(vm);
		dirty_vm_resume(vm);
		full = vcpu_threads_ring_full_exits(vm->threads);
	}
	CHECK(full,
	      "no ring became full in %llu rounds: the guest made %llu stores",
	      rounds, dirty_vm_accesses(vm));
	dirty_vm_check_verified(vm);
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
 * A signal ends a reset early (kvm_dirty_ring_reset(), from 6.16 on): the rest is
 * left to the next one. The vCPU threads have installed a handler for it.
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
 * vCPUs write and are never stopped; one thread harvests, another one resets what the
 * first has harvested, which at times resets, too. A third one may interrupt the
 * second.
 */
static void run_resets(const struct variant *variant, bool signals)
{
	const struct dirty_vm_config config = {
		.mode = variant->mode,
		.backing = variant->backing,
		.slot_bytes = options()->memory ? options()->memory :
						  RUNNING_SLOT_BYTES,
	};
	u64 end = clock_ns() + case_duration_ns();
	struct deadline deadline = deadline_in_ms(VERIFIED_MS);
	struct dirty_vm *vm = dirty_vm_create(&config);
	struct thread_group *resetters = thread_group_new("resetter");
	struct resetter resetter = { .dirty = vm->dirty };
	struct random_stream random;

	case_random(&random, "who resets", 0);
	thread_add(resetters, "resets", reset_rings, &resetter);
	if (signals)
		thread_add(resetters, "interrupts", interrupt_reset, &resetter);
	dirty_vm_run_writers(vm);
	dirty_vm_enable(vm);
	thread_group_start(resetters);

	while (clock_ns() < end ||
	       (!vm->count.verified && !deadline_passed(deadline))) {
		vm->dirty->reset_elsewhere = random_chance(&random, 1, 2);
		/* Nothing was dirty: leave the CPU to the writers. */
		if (!dirty_vm_collect(vm, NULL))
			poll(NULL, 0, 1);
	}
	thread_group_stop(resetters);
	thread_group_join(resetters, STOP_MS);
	vm->dirty->reset_elsewhere = false;

	dirty_vm_check_stopped(vm);
	report_info("ring entries %llu", vm->dirty->ring_entries);
	dirty_vm_check_verified(vm);
}

static void test_reset_running(const struct variant *variant)
{
	run_resets(variant, false);
}

static void test_reset_signalled(const struct variant *variant)
{
	run_resets(variant, true);
}

static const struct choice vcpu_counts[] = {
	CHOICE("1_vcpu", 1),
	CHOICE("2_vcpus", 2),
	CHOICE("3_vcpus", 3),
};

static const struct choice parts[] = {
	CHOICE("whole", false),
	CHOICE("partial", true),
};

static const struct dimension full_dimensions[] = {
	DIMENSION(struct variant, mode, &dirty_ring_modes),
	DIMENSION_TABLE(struct variant, vcpus, vcpu_counts),
	DIMENSION_TABLE(struct variant, partial, parts),
};

/* Usually on anonymous memory ... */
static const struct dimension running_dimensions[] = {
	DIMENSION(struct variant, mode, &dirty_ring_modes),
	DIMENSION_FIXED(struct variant, backing, &backings, BACKING_ANONYMOUS),
};

/* ... and on every other kind with --all. */
static const struct dimension other_dimensions[] = {
	DIMENSION(struct variant, mode, &dirty_ring_modes),
	DIMENSION(struct variant, backing, &backings),
	DIMENSION_SOME(struct variant, geometry, &geometries, GEOMETRY_ALIGNED),
};

static bool is_other(const struct variant *variant)
{
	return variant->backing != BACKING_ANONYMOUS;
}

static bool never(const struct variant *variant)
{
	(void)variant;
	return false;
}

#define SCENARIO_RUNNING(name, function, text)                             \
	SCENARIO(name, function, struct variant, running_dimensions,       \
		 .sampling = SAMPLE_ALL, .plan = text),                    \
		SCENARIO(name, function, struct variant, other_dimensions, \
			 .allowed = VARIANT_IF(struct variant, is_other),  \
			 .sampled = VARIANT_IF(struct variant, never),     \
			 .plan = text)

static const struct scenario scenarios[] = {
	SCENARIO("ring_full", test_full, struct variant, full_dimensions,
		 .plan = "a vCPU exits when its ring is full, and each entry is harvested and reset once"),
	SCENARIO_RUNNING(
		"full_running", test_full_running,
		"no write is lost while small rings become full repeatedly"),
	SCENARIO_RUNNING("reset_running", test_reset_running,
			 "no write is lost while a second thread resets the rings"),
	SCENARIO_RUNNING(
		"reset_signalled", test_reset_signalled,
		"no write is lost while signals interrupt a thread that resets the rings"),
};

TEST_PROGRAM(
	"dirty_log_ring_test",
	"full dirty rings, and rings that other threads reset, lose no entry and repeat none",
	scenarios, .needs = { .kvm = true })
