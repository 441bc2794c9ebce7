// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logging in a storm.
 *
 * What makes it exact, beyond the order of steps that mirror.h asks for:
 *
 *   - Whoever copies into the mirror has the lock, and reads the memory within it.
 *     So of two copies of a page the later one stays, and it is not older.
 *   - A range that the host zeroes is copied as soon as the action has returned.
 *     What the guest stored meanwhile, into the old page or the new one, is in
 *     that copy or was zeroed; what it stores later is logged: the notifier took
 *     the mapping away, so a fault comes first, which marks the page.
 *   - A stop is judged with all triggers paused, so between such an action and
 *     its copy there is none. The kernel's own threads, which may still be at work,
 *     leave contents as they are.
 *   - Who takes memory away for a while so that it cannot be read has the lock, too.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "core/background.h"
#include "core/cases.h"
#include "core/clock.h"
#include "core/report.h"
#include "storm_guest.h"
#include "storm_parts.h"

#define DWELL_US 1000

/* A run that has not shown what it is for goes on for so many rounds, or so long. */
#define ROUNDS_MAX 1000
#define SHOW_MS	   20000
#define REST_MS	   300
#define STORES_MAX 3000
#define STOP_MS	   45000
/* Pages that a vCPU writes again and again. */
#define NEAR_PAGES 24
/* The slot of the ledger: no notifier operation hits it. */
#define LEDGER_SLOT (SLOT_TEST_FIRST + DIRTY_VM_SLOTS_MAX)

/* ---- who flips, harvests and judges ---- */

/*
 * Let the guest make some stores, and the host some operations. Only a pace: nothing below
 * is wrong if they did less.
 */
static void let_write(struct storm *storm)
{
	struct deadline deadline = deadline_in_ms(storm->config->pace_ms);
	u64 acts = storm_acts(storm), stores;

	stores = storm_stores(storm) + random_below(&storm->random, STORES_MAX);
	while (!deadline_passed(deadline) &&
	       (storm_stores(storm) < stores || storm_acts(storm) == acts))
		poll(NULL, 0, 1);
}

static void note(struct storm *storm, const char *what)
{
	mirror_note(storm->mirror, what, storm->rounds);
}

static void enable(struct storm *storm)
{
	dirty_enable(storm->fixture.dirty, storm->fixture.watched[0]);
	pthread_mutex_lock(&storm->copying);
	note(storm, "enable, round");
	mirror_begin(storm->mirror, storm->fixture.config.mode);
	pthread_mutex_unlock(&storm->copying);
}

static void disable(struct storm *storm)
{
	dirty_disable(storm->fixture.dirty, storm->fixture.watched[0]);
	vcpu_threads_ring_room(storm->threads);
	pthread_mutex_lock(&storm->copying);
	note(storm, "disable, round");
	pthread_mutex_unlock(&storm->copying);
}

/* What a harvest found goes into the mirror, once the memory can be read. */
static void take_harvest(struct storm *storm)
{
	vcpu_threads_ring_room(storm->threads);
	pthread_mutex_lock(&storm->copying);
	storm->verified += mirror_take(storm->mirror,
				       storm->fixture.watched[0]->fresh);
	pthread_mutex_unlock(&storm->copying);
	storm->harvests++;
}

static void harvest(struct storm *storm)
{
	struct random_stream *partial = random_chance(&storm->random, 1, 2) ?
						&storm->random :
						NULL;

	dirty_harvest(storm->fixture.dirty, storm->fixture.watched[0], partial);
	take_harvest(storm);
}

static size_t harvest_final(struct storm *storm)
{
	size_t pages = dirty_harvest_final(storm->fixture.dirty,
					   storm->fixture.watched[0]);

	take_harvest(storm);
	return pages;
}

/* Neither vCPUs nor triggers run. */
static void stop(struct storm *storm)
{
	vcpu_threads_pause(storm->threads);
	thread_group_pause(storm->triggering, STOP_MS);
}

static void go_on(struct storm *storm)
{
	thread_group_resume(storm->triggering);
	vcpu_threads_resume(storm->threads);
}

/*
 * ksmd merges what is the same in two scans, and khugepaged collapses what nobody
 * holds: neither comes to it while all of a small memory is in use.
 */
static void let_rest(struct storm *storm)
{
	if (!(storm->config->set & (NOTIFIER_BIT(NOTIFIER_MERGE) |
				    NOTIFIER_BIT(NOTIFIER_KHUGEPAGED))))
		return;
	stop(storm);
	/* Only a pace: it is tried again until there is an effect. */
	poll(NULL, 0, REST_MS);
	go_on(storm);
}

static void judge(struct storm *storm)
{
	size_t left;

	stop(storm);
	if (storm->fixture.watched[0]->logging) {
		harvest_final(storm);
		left = harvest_final(storm);
		CHECK(!left,
		      "slot %u: %zu pages are dirty again at the second harvest though no vCPU runs",
		      storm->fixture.slot[0].id, left);
		mirror_judge(storm->mirror);
	}
	storm->held = ledger_judge(storm->ledger);
	storm->judged++;
	go_on(storm);
}

static void run_round(struct storm *storm)
{
	u64 harvests = random_below(&storm->random,
				    storm->config->harvests_max + 1);
	bool quiet = random_chance(&storm->random, 1, 3);
	u64 i;

	if (quiet)
		vcpu_threads_pause(storm->threads);
	enable(storm);
	vcpu_threads_resume(storm->threads);
	for (i = 0; i < harvests; i++) {
		let_write(storm);
		harvest(storm);
	}
	let_write(storm);
	/* Cancelled half-way: what is not harvested is legally lost. */
	if (storm->rounds && random_chance(&storm->random, 1, 4)) {
		storm->blind++;
		disable(storm);
	} else {
		judge(storm);
		if (random_chance(&storm->random, 1, 2)) {
			let_write(storm);
			judge(storm);
		}
		disable(storm);
	}
	/* Without logging, memory is mapped huge, and the notifiers' is the work. */
	if (random_chance(&storm->random, 1, 2)) {
		let_write(storm);
		judge(storm);
	}
	storm->rounds++;
}

/* ---- what it needs ---- */

static void make_ledger(struct storm *storm)
{
	const struct dirty_slot *watched = storm->fixture.watched[0];
	struct vm *vm = storm->fixture.vm;
	u64 bytes = vm->vcpu_count * watched->pages *
		    sizeof(struct ledger_entry);
	const struct backing_request request = {
		.kind = BACKING_SHMEM,
		.size = (bytes + vm->page_size - 1) / vm->page_size *
			vm->page_size,
		.flags = BACKING_POPULATE,
		.fd = -1,
	};
	char name[32];
	unsigned int i;

	backing_create(&storm->entries, &request);
	CHECK(request.size <= STORM_LEDGER_SIZE,
	      "a storm's ledger of %llu bytes has no room: take less memory, or fewer vCPUs",
	      request.size);
	slot_add(vm, &storm->entries_slot, LEDGER_SLOT, STORM_LEDGER_GPA,
		 &storm->entries, 0);
	vm_map(vm, STORM_LEDGER_GPA, STORM_LEDGER_GPA, request.size,
	       vm->page_size);
	snprintf(name, sizeof(name), "slot %u", watched->slot->id);
	storm->ledger = ledger_new(name, watched->slot->hva, watched->pages,
				   vm->page_size, vm->vcpu_count,
				   storm->entries.hva);
	storm->mirror = mirror_new(name, watched->slot->hva, watched->pages,
				   vm->page_size);
	for (i = 0; i < vm->vcpu_count; i++) {
		struct storm_work *work = storm_work_of(vm->vcpus[i].guest);
		u64 entries = STORM_LEDGER_GPA +
			      i * watched->pages * sizeof(struct ledger_entry);

		*work = (struct storm_work){
			.gva = watched->slot->gpa,
			.pages = watched->pages,
			.page_size = vm->page_size,
			.block = storm->fixture.huge_size / vm->page_size,
			.entries = (struct ledger_entry *)(uintptr_t)entries,
			.near = NEAR_PAGES,
		};
		case_random(&work->random, "guest", i);
	}
}

static void setup(struct storm *storm, const struct storm_config *config)
{
	struct vcpu_threads_config vcpu_threads_config = {
		.function = storm_store
	};

	memset(storm, 0, sizeof(*storm));
	storm->config = config;
	pthread_mutex_init(&storm->copying, NULL);
	case_random(&storm->random, "storm", 0);
	notifier_trigger_prepare(&storm->trigger, config->set);
	storm->trigger.dwell_us = config->dwell_us;
	dirty_vm_init(&storm->fixture, &config->fixture);
	make_ledger(storm);
	if (config->prepare)
		config->prepare(&storm->fixture, config->how);
	notifier_trigger_begin(&storm->trigger, &storm->fixture.backing[0]);
	storm->triggering = thread_group_new("storm");
	thread_group_silence_ms(storm->triggering, STOP_MS);
	storm_make_parts(storm);
	if (storm->fixture.through) {
		vcpu_threads_config.function = storm->fixture.through;
		vcpu_threads_config.argument = (u64)(uintptr_t)storm_store;
	}
	storm->threads = vcpu_threads_new(storm->fixture.vm,
					  &vcpu_threads_config);
	vcpu_threads_start(storm->threads);
	thread_group_start(storm->triggering);
}

static void teardown(struct storm *storm)
{
	thread_group_stop(storm->triggering);
	thread_group_join(storm->triggering, STOP_MS);
	vcpu_threads_finish(storm->threads);
	notifier_trigger_end(&storm->trigger);
	storm_free_parts(storm);
	ledger_free(storm->ledger);
	mirror_free(storm->mirror);
	dirty_vm_destroy(&storm->fixture);
	backing_destroy(&storm->entries);
}

/*
 * A storm without an effect has shown nothing. What the kernel does by itself, or
 * cannot do on a machine that has other work, is no fault of the kernel's.
 */
static void lacks_effect(enum notifier_op what, const char *lack)
{
	char text[160];

	snprintf(text, sizeof(text),
		 "a machine where \"%s\" has an effect within %u s: it %s",
		 notifier_op_info(what)->name, SHOW_MS / 1000, lack);
	skip(text, "run it again, with less beside it");
}

void storm_configure(struct storm_config *config)
{
	static const struct dirty_vm_pace check = {
		.slot_bytes = 2UL << 20,
		.harvests_max = 2,
		.pace_ms = 10,
	};
	static const struct dirty_vm_pace stress = {
		.slot_bytes = 8UL << 20,
		.harvests_max = 6,
		.pace_ms = 40,
	};
	const struct dirty_vm_pace *pace =
		dirty_vm_choose_pace(&config->fixture, &check, &stress);

	config->duration_ns = case_duration_ns();
	config->harvests_max = pace->harvests_max;
	config->pace_ms = pace->pace_ms;
	config->dwell_us = DWELL_US;
}

void storm_run(const struct storm_config *config)
{
	struct background *background = NULL;
	struct deadline end, latest;
	enum notifier_op what;
	const char *lack;
	struct storm storm;

	if (config->background) {
		const struct background_request request = {
			.arguments = config->background,
		};

		background = background_start(&request);
	}
	setup(&storm, config);
	end = deadline_in_ms(config->duration_ns / NSEC_PER_MSEC);
	latest = deadline_in_ms(config->duration_ns / NSEC_PER_MSEC + SHOW_MS);
	while (!storm.rounds || !deadline_passed(end) ||
	       ((!storm.verified || !storm_acts(&storm) ||
		 storm_lacks(&storm, &what)) &&
		storm.rounds < ROUNDS_MAX && !deadline_passed(latest))) {
		if (storm.rounds && deadline_passed(end))
			let_rest(&storm);
		run_round(&storm);
	}
	storm_tell(&storm);
	lack = storm_lacks(&storm, &what);
	teardown(&storm);
	if (background)
		background_end(background);
	CHECK(storm.verified, "no page write was verified in %llu rounds",
	      storm.rounds);
	CHECK(storm_acts(&storm),
	      "no notifier operation was done in %llu rounds", storm.rounds);
	if (lack)
		lacks_effect(what, lack);
}
