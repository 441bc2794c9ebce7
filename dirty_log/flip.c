// SPDX-License-Identifier: GPL-2.0-only
/* Flipping dirty logging under running writers. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bitmap.h"
#include "core/cases.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "flip.h"
#include "dirty/mirror.h"
#include "core/report.h"
#include "size_check.h"
#include "core/thread.h"
#include "kvm/writer.h"

#define ROUNDS_MIN 2
/* Judged stops of a round with hot sets. */
#define HOT_HARVESTS 16
/* A run in which nothing was verified is not a pass: so many rounds it has. */
#define ROUNDS_MAX 100
#define STORES_MAX 3000
#define STOP_MS	   10000

struct flip {
	const struct flip_config *config;
	struct dirty_vm fixture;
	struct vcpu_threads *threads;
	/* The crew's vCPUs; there is one more, which only sweeps. */
	unsigned int writers;
	struct mirror *mirror[DIRTY_VM_SLOTS_MAX];
	struct random_stream random;
	struct thread_group *flippers;
	struct size_check size_check;
	/* How many slots the main thread flips; the last may have its own. */
	unsigned int judged_slots;
	u64 rounds, judged, blind, harvests, verified;
};

/*
 * Let the guest make some stores, or fill a ring. Only a pace: nothing below is
 * wrong if it made fewer, or if it waits for room in its ring.
 */
static void let_write(struct flip *flip)
{
	u64 stores = random_below(&flip->random, STORES_MAX);
	u64 full = vcpu_threads_ring_full_exits(flip->threads);
	struct deadline deadline = deadline_in_ms(flip->config->pace_ms);

	if (!flip->config->full_rings)
		dirty_vm_let_write(&flip->fixture, flip->writers, stores,
				   flip->config->pace_ms);
	while (flip->config->full_rings && !deadline_passed(deadline) &&
	       vcpu_threads_ring_full_exits(flip->threads) == full)
		poll(NULL, 0, 1);
}

static void change_patterns(struct flip *flip)
{
	unsigned int i;

	for (i = 0; i < flip->writers; i++)
		writer_of(flip->fixture.vm->vcpus[i].guest)->pattern =
			random_below(&flip->random, WRITER_PATTERNS);
}

/* A thread of its own that flips the last slot, which nobody judges. */
static void flip_last_slot(struct thread *thread, void *argument)
{
	struct flip *flip = argument;
	struct memslot *slot = &flip->fixture.slot[flip->judged_slots];

	while (!thread_should_stop(thread)) {
		thread_doing(thread, "flipping logging of the last slot");
		slot_set_flags(slot, slot->flags ^ KVM_MEM_LOG_DIRTY_PAGES);
	}
	if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES)
		slot_set_flags(slot, 0);
}

static void start_flipper(struct flip *flip)
{
	flip->flippers = thread_group_new("flipper");
	thread_add(flip->flippers, "last slot", flip_last_slot, flip);
	thread_group_start(flip->flippers);
}

static void stop_flipper(struct flip *flip)
{
	if (!flip->flippers)
		return;
	thread_group_stop(flip->flippers);
	thread_group_join(flip->flippers, STOP_MS);
	flip->flippers = NULL;
}

static void enable_slot(struct flip *flip, unsigned int i)
{
	mirror_note(flip->mirror[i], "enable, round", flip->rounds);
	dirty_enable(flip->fixture.dirty, flip->fixture.watched[i]);
	mirror_begin(flip->mirror[i], flip->fixture.config.mode);
}

static void disable_slot(struct flip *flip, unsigned int i)
{
	mirror_note(flip->mirror[i], "disable, round", flip->rounds);
	dirty_disable(flip->fixture.dirty, flip->fixture.watched[i]);
	vcpu_threads_ring_room(flip->threads);
}

/* What a harvest of slot i found goes into its mirror. */
static void take_harvest(struct flip *flip, unsigned int i)
{
	struct dirty_slot *watched = flip->fixture.watched[i];

	vcpu_threads_ring_room(flip->threads);
	flip->verified += mirror_take(flip->mirror[i], watched->fresh);
	flip->harvests++;
}

static void harvest_slot(struct flip *flip, unsigned int i,
			 struct random_stream *partial)
{
	dirty_harvest(flip->fixture.dirty, flip->fixture.watched[i], partial);
	take_harvest(flip, i);
}

/* No vCPU runs. */
static size_t harvest_final(struct flip *flip, unsigned int i)
{
	size_t pages = dirty_harvest_final(flip->fixture.dirty,
					   flip->fixture.watched[i]);

	take_harvest(flip, i);
	return pages;
}

static void harvest_running(struct flip *flip)
{
	unsigned int i;

	for (i = 0; i < flip->judged_slots; i++)
		if (flip->fixture.watched[i]->logging)
			harvest_slot(flip, i,
				     random_chance(&flip->random, 1, 2) ?
					     &flip->random :
					     NULL);
}

/* Judged stop. Leaves the vCPUs paused. */
static void judge(struct flip *flip)
{
	unsigned int i;

	vcpu_threads_pause(flip->threads);
	for (i = 0; i < flip->judged_slots; i++) {
		size_t left;

		if (!flip->fixture.watched[i]->logging)
			continue;
		harvest_final(flip, i);
		left = harvest_final(flip, i);
		CHECK(!left,
		      "slot %u: %zu pages are dirty again at the second harvest though no vCPU runs",
		      i, left);
		mirror_judge(flip->mirror[i]);
	}
	if (!flip->config->prepare && random_chance(&flip->random, 1, 2))
		size_check_check_logged(&flip->size_check);
	flip->judged++;
}

static void maybe_pause(struct flip *flip)
{
	if (random_chance(&flip->random, 1, 3))
		vcpu_threads_pause(flip->threads);
}

static void enable_some(struct flip *flip)
{
	unsigned int first = random_below(&flip->random, flip->judged_slots);
	unsigned int i;

	for (i = 0; i < flip->judged_slots; i++) {
		unsigned int slot = (first + i) % flip->judged_slots;

		/* The first in any case, the others most times. */
		if (i && random_chance(&flip->random, 1, 3))
			continue;
		maybe_pause(flip);
		enable_slot(flip, slot);
		vcpu_threads_resume(flip->threads);
	}
}

static void disable_all(struct flip *flip)
{
	unsigned int i;

	for (i = 0; i < flip->judged_slots; i++)
		if (flip->fixture.watched[i]->logging)
			disable_slot(flip, i);
}

static void run_round(struct flip *flip)
{
	u64 harvests = random_below(&flip->random,
				    flip->config->harvests_max + 1);
	bool blind = flip->rounds > 0 && random_chance(&flip->random, 1, 3);
	u64 i;

	change_patterns(flip);
	enable_some(flip);
	for (i = 0; i < harvests; i++) {
		let_write(flip);
		harvest_running(flip);
		/* A judged stop need not be the end. */
		if (random_chance(&flip->random, 1, 4)) {
			judge(flip);
			vcpu_threads_resume(flip->threads);
		}
	}
	let_write(flip);
	if (blind) {
		/* Cancelled half-way: what is not harvested is legally lost. */
		maybe_pause(flip);
		flip->blind++;
	} else {
		judge(flip);
		if (random_chance(&flip->random, 1, 2))
			vcpu_threads_resume(flip->threads);
	}
	disable_all(flip);
	/* A thread of its own may log the last slot at this moment. */
	if (!flip->config->prepare && !flip->flippers &&
	    (!flip->size_check.recovered ||
	     random_chance(&flip->random, 1, 2))) {
		vcpu_threads_pause(flip->threads);
		size_check_check_recovered(&flip->size_check);
	}
	vcpu_threads_resume(flip->threads);
	flip->rounds++;
}

/*
 * kvm_flush_remote_tlbs() after a harvest is missed only by a vCPU that stays
 * in the guest: one that has all pages it writes in its TLB takes no fault when
 * they are protected, and what it writes until its next exit is lost. After
 * that exit the same pages are reported again, so stop it at once.
 */
static void run_hot_round(struct flip *flip)
{
	unsigned int i;

	for (i = 0; i < flip->writers; i++)
		writer_of(flip->fixture.vm->vcpus[i].guest)->pattern =
			WRITER_HOT;
	enable_slot(flip, 0);
	for (i = 0; i < HOT_HARVESTS; i++) {
		let_write(flip);
		harvest_slot(flip, 0, NULL);
		judge(flip);
		vcpu_threads_resume(flip->threads);
	}
	disable_all(flip);
	flip->rounds++;
}

static void setup(struct flip *flip, const struct flip_config *config)
{
	struct vcpu_threads_config vcpu_threads_config = {
		.function = writer_run,
		.vcpus = config->fixture.vcpus,
	};
	struct dirty_vm_config dirty_vm_config = config->fixture;
	unsigned int i;

	memset(flip, 0, sizeof(*flip));
	flip->config = config;
	case_random(&flip->random, "flip", 0);
	flip->writers = dirty_vm_config.vcpus++;
	dirty_vm_init(&flip->fixture, &dirty_vm_config);
	for (i = 0; i < config->fixture.slots; i++) {
		struct dirty_slot *watched = flip->fixture.watched[i];
		char name[32];

		snprintf(name, sizeof(name), "slot %u", watched->slot->id);
		flip->mirror[i] = mirror_new(name, watched->slot->hva,
					     watched->pages,
					     flip->fixture.vm->page_size);
	}
	if (!config->prepare)
		size_check_open(&flip->size_check, &flip->fixture,
				&flip->fixture.vm->vcpus[flip->writers],
				WRITER_STORE);
	if (config->prepare)
		config->prepare(&flip->fixture, config->how);
	dirty_vm_setup_writers(&flip->fixture);
	if (flip->fixture.through) {
		vcpu_threads_config.function = flip->fixture.through;
		vcpu_threads_config.argument = (u64)(uintptr_t)writer_run;
	}
	change_patterns(flip);
	flip->threads = vcpu_threads_new(flip->fixture.vm,
					 &vcpu_threads_config);
	vcpu_threads_start(flip->threads);

	/*
	 * Rings are drained before a disable, which only the thread that
	 * harvests can do: no second thread that flips there.
	 */
	flip->judged_slots = config->fixture.slots;
	if (config->fixture.slots > 1 &&
	    !dirty_mode_is_ring(config->fixture.mode) &&
	    random_chance(&flip->random, 1, 2)) {
		flip->judged_slots--;
		start_flipper(flip);
	}
}

static void teardown(struct flip *flip)
{
	unsigned int i;

	stop_flipper(flip);
	vcpu_threads_finish(flip->threads);
	for (i = 0; i < flip->fixture.config.slots; i++)
		mirror_free(flip->mirror[i]);
	if (!flip->config->prepare)
		size_check_close(&flip->size_check);
	dirty_vm_destroy(&flip->fixture);
}

/* So far the run has not done what it is for. */
static bool nothing_shown(const struct flip *flip)
{
	return !flip->verified ||
	       (flip->config->full_rings &&
		!vcpu_threads_ring_full_exits(flip->threads));
}

void flip_configure(struct flip_config *config)
{
	/* A third of a second for each case of the sample. */
	static const struct dirty_vm_pace check = {
		.slot_bytes = 4UL << 20,
		.harvests_max = 2,
		.pace_ms = 8,
	};
	static const struct dirty_vm_pace stress = {
		.slot_bytes = 16UL << 20,
		.harvests_max = 6,
		.pace_ms = 30,
	};
	const struct dirty_vm_pace *pace =
		dirty_vm_choose_pace(&config->fixture, &check, &stress);

	config->duration_ns = case_duration_ns();
	config->harvests_max = pace->harvests_max;
	config->pace_ms = pace->pace_ms;
}

void flip_run(const struct flip_config *config)
{
	u64 end = clock_ns() + config->duration_ns;
	struct flip flip;
	u64 stores;

	setup(&flip, config);
	while (flip.rounds < ROUNDS_MIN || clock_ns() < end ||
	       (nothing_shown(&flip) && flip.rounds < ROUNDS_MAX))
		(config->hot ? run_hot_round : run_round)(&flip);
	stores = dirty_vm_stores(&flip.fixture, flip.writers);
	report_info("rounds %llu judged stops %llu blind disables %llu harvests %llu recoveries %llu ring-full exits %llu",
		    flip.rounds, flip.judged, flip.blind, flip.harvests,
		    flip.size_check.recovered,
		    vcpu_threads_ring_full_exits(flip.threads));
	report_info("guest stores %llu verified page writes %llu", stores,
		    flip.verified);
	CHECK(!config->full_rings || vcpu_threads_ring_full_exits(flip.threads),
	      "no vCPU came back with a full ring in %llu rounds: the guest made %llu stores",
	      flip.rounds, stores);
	teardown(&flip);
	CHECK(flip.verified,
	      "no page write was verified in %llu rounds: the guest made %llu stores",
	      flip.rounds, stores);
}
