// SPDX-License-Identifier: GPL-2.0-only
/* A storm of memslots under running vCPUs: who takes part, and what is wrong. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "slot_mutator.h"
#include "core/report.h"
#include "core/round.h"
#include "kvm/stamp.h"

#define STOP_MS 30000
/* Until all that is to be shown was shown; an emulator may be slow. */
#define SHOWN_MS 40000

const char *storm_word_text(u64 word, char *buffer, size_t size)
{
	unsigned int memory = word >> 48 & 0xff;
	unsigned long long generation = word >> 24 & 0xffffff;
	unsigned long long unit = word & 0xffffff;

	switch (word >> 56) {
	case STORM_MARK_CANARY:
		snprintf(buffer, size, "memory %u's unit %llu, in life %llu",
			 memory, unit, generation);
		break;
	case STORM_MARK_DEAD:
		snprintf(buffer, size,
			 "memory %u's unit %llu, of no slot since life %llu",
			 memory, unit, generation);
		break;
	case STORM_MARK_FROZEN:
		snprintf(buffer, size,
			 "a word of memory %u's unit %llu that nobody can write",
			 memory, unit);
		break;
	case STORM_MARK_CODE:
		snprintf(buffer, size, "code of memory %u's unit %llu", memory,
			 unit);
		break;
	case STORM_MARK_HOLE:
		snprintf(buffer, size,
			 "user space's answer for %#llx, so no memory",
			 word << 8 >> 5);
		break;
	default:
		if (stamp_vcpu(word) >= 0 && stamp_vcpu(word) < STORM_VCPUS)
			snprintf(buffer, size, "vCPU %d's store %llu",
				 stamp_vcpu(word), stamp_sequence(word));
		else
			snprintf(buffer, size, "%#llx", word);
	}
	return buffer;
}

u64 storm_steps(const struct storm *storm)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < storm->vm->vcpu_count; i++)
		sum += storm_vcpu_of(storm->vm->vcpus[i].guest)->steps;
	return sum;
}

/* ---- what is wrong --------------------------------------------------------- */

static const char *place_text(const struct storm_vcpu *own, char *buffer,
			      size_t size)
{
	const struct storm_place *view = &own->view;

	if (!storm_has(view, own->unit))
		snprintf(buffer, size, "no slot is");
	else
		snprintf(buffer, size,
			 "a %sslot has memory %lld's unit %llu, in life %llu",
			 view->read_only ? "read-only " : "",
			 (long long)view->memory, storm_unit(view, own->unit),
			 view->generation);
	return buffer;
}

static void __noreturn fail_wrong(struct storm *storm, const struct vcpu *vcpu,
				  enum storm_wrong wrong)
{
	static const char *const texts[] = {
		[STORM_WRONG_LOAD] = "a load finds",
		[STORM_WRONG_LOST] = "a store is lost, a load behind it finds",
		[STORM_WRONG_KEPT] =
			"a store to what is read-only has been done:",
		[STORM_WRONG_ALIAS] =
			"a store does not show in another slot of the same memory, a load there finds",
		[STORM_WRONG_FETCH] = "a fetch runs",
	};
	const struct storm_vcpu *own = storm_vcpu_of(vcpu->guest);
	unsigned long long gpa = storm_gpa(storm->expected_map, own->place,
					   own->unit);
	char place[128], seen[128], due[128], exit[256];
	unsigned int i;

	for (i = 0; i < MUTATORS; i++)
		slot_mutator_report_notes(&storm->mutator[i]);
	place_text(own, place, sizeof(place));
	if (wrong == STORM_WRONG_REFUSED)
		fail("vCPU %u, at %#llx (place %llu), where %s: refused: %s",
		     vcpu->index, gpa, own->place, place,
		     vcpu_exit_text((struct vcpu *)vcpu, exit, sizeof(exit)));
	if (wrong == STORM_WRONG_EXIT && own->seen <= 1)
		fail("vCPU %u, at %#llx (place %llu), where %s: user space saw %llu accesses at a store, where %llu are due",
		     vcpu->index, gpa, own->place, place, own->seen, own->due);
	if (wrong == STORM_WRONG_EXIT)
		fail("vCPU %u, at %#llx (place %llu), where %s: user space saw a store of %#llx to %#llx, where vCPU %u's store %llu to %#llx is due",
		     vcpu->index, gpa, own->place, place, own->exit_value,
		     own->seen, vcpu->index, own->stores, own->due);
	fail("vCPU %u, at %#llx (place %llu), where %s: %s %s; due is %s",
	     vcpu->index, gpa, own->place, place, texts[wrong],
	     storm_word_text(own->seen, seen, sizeof(seen)),
	     wrong == STORM_WRONG_KEPT ?
		     "an exit to user space" :
		     storm_word_text(own->due, due, sizeof(due)));
}

static void on_wrong(struct vcpu *vcpu, void *context)
{
	fail_wrong(context, vcpu, storm_vcpu_of(vcpu->guest)->wrong);
}

/* ---- what comes to user space ----------------------------------------------- */

static bool in_places(const struct storm *storm, u64 gpa)
{
	const struct storm_expected_map *expected_map = storm->expected_map;

	return gpa >= expected_map->gpa &&
	       gpa - expected_map->gpa <
		       expected_map->places * expected_map->pitch;
}

/*
 * A fetch from where no memory is: arm64 gives the guest an abort, x86 leaves
 * an instruction to user space that it cannot emulate. Where a slot was before
 * and is still, that is wrong.
 */
static bool refused(struct storm *storm, struct vcpu *vcpu)
{
	struct storm_vcpu *own = storm_vcpu_of(vcpu->guest);
	const struct storm_place *place =
		&storm->expected_map->place[own->place];
	bool known = own->fetching == 2;

	if (!own->fetching)
		return false;
	own->fetching = 0;
	if (!known || place->sequence != own->view.sequence)
		own->count.racing++;
	else if (storm_has(&own->view, own->unit))
		fail_wrong(storm, vcpu, STORM_WRONG_REFUSED);
	else
		own->count.refused++;
	vcpu_start(vcpu, storm_guest, (u64)(uintptr_t)storm->expected_map);
	return true;
}

static bool on_exit_to_user(struct vcpu *vcpu, enum vcpu_event event,
			    void *context)
{
	struct storm_vcpu *own = storm_vcpu_of(vcpu->guest);
	struct storm *storm = context;
	struct vcpu_access access;

	if (event == VCPU_REFUSED)
		return refused(storm, vcpu);
	if (!vcpu_access(vcpu, &access) || !in_places(storm, access.gpa) ||
	    access.bytes != sizeof(u64))
		return false;
	own->exits++;
	own->exit_gpa = access.gpa;
	own->exit_value = access.value;
	if (!access.is_store)
		vcpu_answer(vcpu, storm_hole_word(access.gpa));
	return true;
}

/* ---- the whole -------------------------------------------------------------- */

static void build(struct storm *storm, const struct storm_config *config)
{
	const struct vm_config vm_config = { .vcpus = config->vcpus };
	u64 huge = backing_thp_size(), page_size, place;
	struct random_stream random;
	struct storm_expected_map *expected_map;
	unsigned int i;

	memset(storm, 0, sizeof(*storm));
	storm->config = config;
	storm->vm = vm_create(&vm_config);
	page_size = backing_page_size(config->backing);
	storm->units = config->units;
	storm->fixed = config->backing == BACKING_GUEST_MEMFD;
	storm->flips = !storm->fixed && (!config->fetches || page_size < huge);
	expected_map = (struct storm_expected_map
				*)((char *)storm->vm->control->vcpu[0].test +
				   STORM_EXPECTED_OFFSET);
	storm->expected_map = expected_map;
	memset(expected_map, 0, sizeof(*expected_map));
	expected_map->places = STORM_PLACES;
	/*
	 * Two huge pages; of larger ones, of which there are few, a half, so
	 * that it is one page wherever it begins.
	 */
	if (page_size == huge)
		expected_map->unit_size = 2 * page_size / storm->units;
	else if (page_size > huge)
		expected_map->unit_size = page_size / 2 / storm->units;
	if (expected_map->unit_size < storm->vm->page_size)
		expected_map->unit_size = storm->vm->page_size;
	expected_map->place_units = storm->units + storm->units / 2;
	expected_map->gpa = GPA_TEST;
	place = expected_map->place_units * expected_map->unit_size;
	expected_map->pitch = round_up(place, huge) + huge;
	expected_map->fetches = config->fetches;
	case_random(&random, "storm", 0);
	if (random_chance(&random, 1, 2) && vm_unmap_slots_alone(storm->vm))
		report_info("a slot that goes takes its own mappings only");
	for (i = 0; i < MUTATORS; i++)
		slot_mutator_begin(&storm->mutator[i], storm, i);
	for (i = 0; i < STORM_PLACES; i++)
		vm_map(storm->vm, storm_gpa(expected_map, i, 0),
		       storm_gpa(expected_map, i, 0), round_up(place, huge),
		       huge);
	for (i = 0; i < storm->vm->vcpu_count; i++) {
		struct vcpu *vcpu = &storm->vm->vcpus[i];
		struct storm_vcpu *own = storm_vcpu_of(vcpu->guest);

		memset(own, 0, sizeof(*own));
		case_random(&own->random, "storm vCPU", i);
		vcpu->refusal_allowed = config->fetches;
	}
}

static void add_up(const struct storm *storm, struct storm_count *sum)
{
	unsigned int i;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < storm->vm->vcpu_count; i++) {
		const struct storm_count *count =
			&storm_vcpu_of(storm->vm->vcpus[i].guest)->count;

		sum->loads += count->loads;
		sum->stores += count->stores;
		sum->fetches += count->fetches;
		sum->aliases += count->aliases;
		sum->read_only += count->read_only;
		sum->holes += count->holes;
		sum->refused += count->refused;
		sum->racing += count->racing;
	}
}

static void add_up_changes(const struct storm *storm,
			   u64 changes[MUTATOR_CHANGES])
{
	unsigned int i, j;

	for (j = 0; j < MUTATOR_CHANGES; j++)
		for (i = 0, changes[j] = 0; i < MUTATORS; i++)
			changes[j] += storm->mutator[i].done[j];
}

/* Has everything that is to be shown been seen once? */
static bool all_shown(const struct storm *storm)
{
	u64 changes[MUTATOR_CHANGES];
	struct storm_count sum;
	unsigned int i;

	add_up(storm, &sum);
	if (!sum.loads || !sum.stores || !sum.holes)
		return false;
	if (!storm->fixed && (!sum.read_only || !sum.aliases))
		return false;
	if (storm->config->fetches && (!sum.fetches || !sum.refused))
		return false;
	add_up_changes(storm, changes);
	for (i = 0; i < MUTATOR_CHANGES; i++)
		if (!changes[i] && (i != MUTATOR_FLIP || storm->flips) &&
		    (i != MUTATOR_MOVE || !storm->fixed))
			return false;
	return true;
}

static void tell(const struct storm *storm)
{
	u64 changes[MUTATOR_CHANGES];
	struct storm_count sum;

	add_up(storm, &sum);
	add_up_changes(storm, changes);
	report_info("judged: loads %llu stores %llu aliases %llu fetches %llu, to read-only slots %llu; where no slot is: %llu, fetches %llu; not judged: %llu",
		    sum.loads, sum.stores, sum.aliases, sum.fetches,
		    sum.read_only, sum.holes, sum.refused, sum.racing);
	report_info("slots created %llu deleted %llu replaced %llu moved %llu, flags changed %llu, changes refused %llu",
		    changes[MUTATOR_CREATE], changes[MUTATOR_DELETE],
		    changes[MUTATOR_REPLACE], changes[MUTATOR_MOVE],
		    changes[MUTATOR_FLIP], changes[MUTATOR_REFUSED]);
}

void storm_run(const struct storm_config *config)
{
	static struct storm storm;
	struct vcpu_threads_config vcpu_threads_config = {
		.function = storm_guest,
		.on_sync = on_wrong,
		.on_exit = on_exit_to_user,
		.context = &storm,
	};
	u64 end = clock_ns() + config->duration_ns;
	struct deadline shown = deadline_in_ms(
		config->duration_ns / NSEC_PER_MSEC + SHOWN_MS);
	struct thread_group *mutators;
	struct vcpu_threads *threads;
	unsigned int i;

	build(&storm, config);
	vcpu_threads_config.argument = (u64)(uintptr_t)storm.expected_map;
	threads = vcpu_threads_new(storm.vm, &vcpu_threads_config);
	mutators = thread_group_new("keepers");
	thread_group_silence_ms(mutators, STOP_MS);
	for (i = 0; i < MUTATORS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "keeper %u", i);
		thread_add(mutators, name, slot_mutator_run, &storm.mutator[i]);
	}
	vcpu_threads_start(threads);
	thread_group_start(mutators);
	while (clock_ns() < end ||
	       (!all_shown(&storm) && !deadline_passed(shown)))
		poll(NULL, 0, 5);
	thread_group_stop(mutators);
	thread_group_join(mutators, STOP_MS);
	/* vCPUs run on while the last slots go. */
	for (i = 0; i < MUTATORS; i++)
		slot_mutator_end(&storm.mutator[i]);
	tell(&storm);
	CHECK(all_shown(&storm),
	      "the storm ended before all was shown: the figures above tell what is missing");
	vcpu_threads_finish(threads);
	vm_destroy(storm.vm);
	for (i = 0; i < MUTATORS * MUTATOR_MEMORIES; i++) {
		struct storm_memory *memory =
			&storm.mutator[i / MUTATOR_MEMORIES]
				 .memory[i % MUTATOR_MEMORIES];

		backing_destroy(&memory->backing);
		if (memory->file >= 0)
			close(memory->file);
	}
}
