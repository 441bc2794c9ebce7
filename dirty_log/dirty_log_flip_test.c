// SPDX-License-Identifier: GPL-2.0-only
/*
 * No write is lost while logging is toggled under vCPUs that store without pause,
 * harvested at random moments in between, and disabled half-way, as by a cancelled
 * migration. Huge mappings are split while logged, and come back afterwards.
 */
#include "core/clock.h"
#include "core/options.h"
#include "core/report.h"
#include "core/thread.h"
#include "core/variant.h"
#include "dirty/dirty_vm.h"

#define ROUNDS_MIN 2
/* A run in which nothing was verified does not pass: it gets at most this many rounds. */
#define ROUNDS_MAX 100
#define STORES_MAX 3000
#define STOP_MS	   10000
/* Stops of a round that writes hot sets. */
#define HOT_STOPS 16
/* A stress run goes deep: at least this number of seconds for a case. */
#define STRESS_CASE_S 2

/* One slot; or three, of which some are logged while a thread may toggle the last. */
static const struct choice slot_counts[] = {
	CHOICE("one_slot", 1),
	CHOICE("three_slots", 3),
};

static const struct dimension dimensions[] = {
	DIMENSION(struct dirty_vm_config, mode, &dirty_modes),
	DIMENSION(struct dirty_vm_config, backing, &backings),
	DIMENSION(struct dirty_vm_config, geometry, &geometries),
	DIMENSION_TABLE(struct dirty_vm_config, slots, slot_counts),
};

static const struct dimension hot_dimensions[] = {
	DIMENSION(struct dirty_vm_config, mode, &dirty_modes),
	DIMENSION_FIXED(struct dirty_vm_config, backing, &backings,
			BACKING_ANONYMOUS),
};

/* Check mode: a third of a second for each case of the sample. */
static const struct dirty_vm_pace check_pace = { 4UL << 20, 2, 8 };
static const struct dirty_vm_pace stress_pace = { 16UL << 20, 6, 30 };

/**
 * struct flip - one run
 * @vm: fixture; its spare vCPU measures the sizes of mappings
 * @pace: size and speed
 * @random: stream of all choices
 * @toggler: thread that toggles the slot behind the first @slots, or NULL
 * @slots: number of slots that the main thread toggles
 * @end: when the run ends, by clock_ns()
 * @rounds: rounds so far
 * @blind: rounds that ended without a check
 */
struct flip {
	struct dirty_vm *vm;
	const struct dirty_vm_pace *pace;
	struct random_stream random;
	struct thread_group *toggler;
	unsigned int slots;
	u64 end;
	u64 rounds;
	u64 blind;
};

static void begin(struct flip *flip, struct dirty_vm_config config)
{
	*flip = (struct flip){ .end = clock_ns() + case_duration_ns() };
	flip->pace = dirty_vm_choose_pace(&config, &check_pace, &stress_pace);
	config.spare_vcpus = 1;
	case_random(&flip->random, "flip", 0);
	flip->vm = dirty_vm_create(&config);
	flip->slots = flip->vm->config.slots;
	dirty_vm_measure_sizes(flip->vm, flip->vm->config.vcpus, WRITER_STORE,
			       0);
	dirty_vm_run_writers(flip->vm);
}

static bool goes_on(const struct flip *flip)
{
	return flip->rounds < ROUNDS_MIN || clock_ns() < flip->end ||
	       (!flip->vm->count.verified && flip->rounds < ROUNDS_MAX);
}

/* Nothing below is wrong if the guest makes fewer stores, or waits for ring room. */
static void let_store(struct flip *flip)
{
	dirty_vm_let_run(flip->vm, random_below(&flip->random, STORES_MAX),
			 flip->pace->pace_ms);
}

static void maybe_pause(struct flip *flip)
{
	if (random_chance(&flip->random, 1, 3))
		dirty_vm_pause(flip->vm);
}

/* Toggles the last slot, which is not judged then. */
static void toggle_last(struct thread *thread, void *argument)
{
	struct flip *flip = argument;
	struct memslot *slot = &flip->vm->slot[flip->slots];

	while (!thread_should_stop(thread)) {
		thread_doing(thread, "toggling logging of the last slot");
		slot_set_flags(slot, slot->flags ^ KVM_MEM_LOG_DIRTY_PAGES);
	}
	if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES)
		slot_set_flags(slot, 0);
}

/* Not with rings: only the thread that collects can empty them before a disable. */
static void maybe_start_toggler(struct flip *flip)
{
	if (flip->slots == 1 || dirty_mode_is_ring(flip->vm->config.mode) ||
	    random_chance(&flip->random, 1, 2))
		return;
	flip->slots--;
	flip->toggler = thread_group_new("toggler");
	thread_add(flip->toggler, "last slot", toggle_last, flip);
	thread_group_start(flip->toggler);
}

static void enable_some(struct flip *flip)
{
	unsigned int first = random_below(&flip->random, flip->slots), i;

	for (i = 0; i < flip->slots; i++) {
		/* The first in any case, the others mostly. */
		if (i && random_chance(&flip->random, 1, 3))
			continue;
		maybe_pause(flip);
		dirty_vm_enable_slot(flip->vm, (first + i) % flip->slots,
				     DIRTY_VM_CLEAR_LATER);
		dirty_vm_resume(flip->vm);
	}
}

static void check(struct flip *flip)
{
	dirty_vm_check_stopped(flip->vm);
	if (random_chance(&flip->random, 1, 2))
		dirty_vm_check_split(flip->vm);
}

static void run_round(struct flip *flip)
{
	struct random_stream *random = &flip->random;
	u64 harvests = random_below(random, flip->pace->harvests_max + 1);

	dirty_vm_set_pattern(flip->vm, WRITER_PATTERNS, random);
	enable_some(flip);
	while (harvests--) {
		let_store(flip);
		dirty_vm_collect(flip->vm,
				 random_chance(random, 1, 2) ? random : NULL);
		/* A check need not be the end. */
		if (random_chance(random, 1, 4)) {
			check(flip);
			dirty_vm_resume(flip->vm);
		}
	}
	let_store(flip);
	if (flip->rounds && random_chance(random, 1, 3)) {
		/* Cancelled half-way: writes that are not collected are legally lost. */
		maybe_pause(flip);
		flip->blind++;
	} else {
		check(flip);
		if (random_chance(random, 1, 2))
			dirty_vm_resume(flip->vm);
	}
	dirty_vm_disable(flip->vm);
	/* The toggler may log the last slot at this moment. */
	if (!flip->toggler &&
	    (!flip->vm->count.recoveries || random_chance(random, 1, 2)))
		dirty_vm_check_recovered(flip->vm);
	dirty_vm_resume(flip->vm);
	flip->rounds++;
}

static void test_flip(const struct dirty_vm_config *config)
{
	struct flip flip;

	begin(&flip, *config);
	maybe_start_toggler(&flip);
	while (goes_on(&flip))
		run_round(&flip);
	if (flip.toggler) {
		thread_group_stop(flip.toggler);
		thread_group_join(flip.toggler, STOP_MS);
	}
	report_info("rounds %llu blind disables %llu", flip.rounds, flip.blind);
	dirty_vm_check_verified(flip.vm);
}

/*
 * Only a vCPU that stays in the guest misses the flush after a harvest
 * (kvm_flush_remote_tlbs()): with all pages that it writes in its TLB, it takes no
 * fault when they are protected, and its stores until the next exit are lost. After
 * that exit the same pages are reported again, so it is stopped at once.
 */
static void test_hot(const struct dirty_vm_config *config)
{
	struct flip flip;
	unsigned int i;

	begin(&flip, *config);
	dirty_vm_set_pattern(flip.vm, WRITER_HOT, NULL);
	for (; goes_on(&flip); flip.rounds++) {
		dirty_vm_enable_slot(flip.vm, 0, DIRTY_VM_CLEAR_LATER);
		for (i = 0; i < HOT_STOPS; i++) {
			let_store(&flip);
			dirty_vm_collect(flip.vm, NULL);
			check(&flip);
			dirty_vm_resume(flip.vm);
		}
		dirty_vm_disable(flip.vm);
	}
	dirty_vm_check_verified(flip.vm);
}

static const struct scenario scenarios[] = {
	SCENARIO("", test_flip, struct dirty_vm_config, dimensions,
		 .stress_s = STRESS_CASE_S,
		 .plan = "no write is lost while logging is toggled under running vCPUs"),
	SCENARIO("hot", test_hot, struct dirty_vm_config, hot_dimensions,
		 FIXED(struct dirty_vm_config, .slots = 1),
		 .sampling = SAMPLE_ALL,
		 .plan = "no write is lost by vCPUs that stay in the guest after a harvest"),
};

TEST_PROGRAM("dirty_log_flip_test",
	     "no write is lost while logging is toggled under running vCPUs",
	     scenarios, .needs = { .kvm = true })
