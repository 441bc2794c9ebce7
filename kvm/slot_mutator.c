// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that creates, deletes, replaces, moves and flips slots, says on the
 * board what is where, and looks after the memory that no slot has.
 */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kvm/arch.h"
#include "core/clock.h"
#include "slot_mutator.h"
#include "core/report.h"
#include "slot_rules.h"

/* Of a skewed memory, behind a huge page's start. */
#define SKEW_PAGES 5
/* vCPUs get so many accesses between two changes, unless they are too slow. */
#define STEPS_MAX 300

const char *slot_mutator_change_name(enum slot_mutator_change change)
{
	static const char *const names[MUTATOR_CHANGES] = {
		[MUTATOR_CREATE] = "create",
		[MUTATOR_DELETE] = "delete",
		[MUTATOR_REPLACE] = "replace",
		[MUTATOR_MOVE] = "move",
		[MUTATOR_FLIP] = "flip logging of",
		[MUTATOR_REFUSED] = "refused",
	};

	return names[change];
}

static void __printf(3, 4)
	note(struct slot_mutator *mutator, enum slot_mutator_change change,
	     const char *format, ...)
{
	char *text = mutator->note[mutator->notes % MUTATOR_NOTES], what[64];
	va_list values;

	va_start(values, format);
	vsnprintf(what, sizeof(what), format, values);
	va_end(values);
	snprintf(text, sizeof(mutator->note[0]), "%s %s",
		 slot_mutator_change_name(change), what);
	mutator->done[change]++;
	mutator->notes++;
}

void slot_mutator_report_notes(const struct slot_mutator *mutator)
{
	unsigned int i = mutator->notes > MUTATOR_NOTES ?
				 mutator->notes - MUTATOR_NOTES :
				 0;

	for (; i < mutator->notes; i++)
		report_info("keeper %u: change %u: %s", mutator->index, i,
			    mutator->note[i % MUTATOR_NOTES]);
}

/* ---- memory -------------------------------------------------------------- */

static u64 *word_of(const struct slot_mutator *mutator,
		    const struct storm_memory *memory, u64 unit, u64 offset)
{
	return (u64 *)((char *)memory->backing.hva +
		       unit * mutator->storm->expected_map->unit_size + offset);
}

static u64 vcpu_word(unsigned int vcpu)
{
	return STORM_WORDS + vcpu * sizeof(u64);
}

static void mark(const struct slot_mutator *mutator,
		 const struct storm_memory *memory, enum storm_mark mark)
{
	u64 unit;

	for (unit = 0; unit < mutator->storm->units; unit++)
		*word_of(mutator, memory, unit,
			 STORM_CANARY) = storm_word(mark, memory->number,
						    memory->generation, unit);
}

/* Nobody can write it any more: what vCPUs have there is known from now on. */
static void freeze(const struct slot_mutator *mutator,
		   const struct storm_memory *memory)
{
	unsigned int vcpus = mutator->storm->vm->vcpu_count, i;
	u64 unit;

	for (unit = 0; unit < mutator->storm->units; unit++)
		for (i = 0; i < vcpus; i++)
			*word_of(mutator, memory, unit,
				 vcpu_word(i)) = storm_word(STORM_MARK_FROZEN,
							    memory->number, 0,
							    unit);
}

static void expect_word(const struct slot_mutator *mutator,
			const struct storm_memory *memory, u64 unit, u64 offset,
			u64 due)
{
	u64 seen = *(volatile u64 *)word_of(mutator, memory, unit, offset);
	char text[2][128];

	if (seen == due)
		return;
	slot_mutator_report_notes(mutator);
	fail("memory %u, which %s, has changed in unit %llu: %s, where the host had put %s",
	     memory->number,
	     memory->slots ? "only read-only slots have" : "no slot has", unit,
	     storm_word_text(seen, text[0], sizeof(text[0])),
	     storm_word_text(due, text[1], sizeof(text[1])));
}

/* Memory that no writable slot has is as the host has left it. */
static void verify(const struct slot_mutator *mutator,
		   const struct storm_memory *memory)
{
	unsigned int vcpus = mutator->storm->vm->vcpu_count, i;
	u64 unit;

	if (memory->writable)
		return;
	for (unit = 0; unit < mutator->storm->units; unit++) {
		expect_word(mutator, memory, unit, STORM_CANARY,
			    storm_word(memory->slots ? STORM_MARK_CANARY :
						       STORM_MARK_DEAD,
				       memory->number, memory->generation,
				       unit));
		for (i = 0; i < vcpus; i++)
			expect_word(mutator, memory, unit, vcpu_word(i),
				    storm_word(STORM_MARK_FROZEN,
					       memory->number, 0, unit));
	}
}

static void make_memory(struct slot_mutator *mutator, unsigned int index)
{
	struct storm_memory *memory = &mutator->memory[index];
	struct storm *storm = mutator->storm;
	u64 page = storm->vm->page_size, unit;
	struct backing_request request = {
		.kind = storm->config->backing,
		.size = storm->units * storm->expected_map->unit_size,
		.misalignment = storm->config->skewed ? SKEW_PAGES * page : 0,
		.flags = BACKING_POPULATE,
		.fd = -1,
	};

	memory->number = mutator->index * MUTATOR_MEMORIES + index;
	if (storm->fixed) {
		request.fd_size = request.size + request.misalignment;
		request.fd = vm_guest_memfd(storm->vm, request.fd_size);
	}
	memory->file = request.fd;
	backing_create(&memory->backing, &request);
	mark(mutator, memory, STORM_MARK_DEAD);
	freeze(mutator, memory);
	for (unit = 0; unit < storm->units; unit++) {
		char *code = (char *)word_of(mutator, memory, unit, STORM_CODE);
		size_t bytes = arch_value_code(storm_word(STORM_MARK_CODE,
							  memory->number, 0,
							  unit),
					       (u8 *)code);

		__builtin___clear_cache(code, code + bytes);
	}
}

/* A slot more has it. */
static void take_memory(struct slot_mutator *mutator,
			struct storm_memory *memory, bool read_only)
{
	verify(mutator, memory);
	if (!memory->slots++) {
		memory->generation++;
		mark(mutator, memory, STORM_MARK_CANARY);
	}
	memory->writable += !read_only;
}

/* A slot less; KVM has said that it is gone. */
static void give_memory(struct slot_mutator *mutator,
			struct storm_memory *memory, bool read_only)
{
	if (!read_only && !--memory->writable)
		freeze(mutator, memory);
	if (!--memory->slots)
		mark(mutator, memory, STORM_MARK_DEAD);
}

/* ---- the board ------------------------------------------------------------ */

static struct storm_place *entry_of(struct slot_mutator *mutator,
				    unsigned int place)
{
	return &mutator->storm->expected_map
			->place[mutator->index * MUTATOR_POSITIONS + place];
}

/* From here on nobody judges what is there. */
static void begin_change(struct slot_mutator *mutator, unsigned int place)
{
	struct storm_place *entry = entry_of(mutator, place);

	__atomic_store_n(&entry->sequence, entry->sequence + 1,
			 __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* KVM has done it: @what is there; NULL: nothing. */
static void end_change(struct slot_mutator *mutator, unsigned int place,
		       const struct storm_place *what)
{
	struct storm_place *entry = entry_of(mutator, place);

	entry->memory = what ? what->memory : -1;
	if (what) {
		entry->generation = what->generation;
		entry->start = what->start;
		entry->units = what->units;
		entry->offset = what->offset;
		entry->read_only = what->read_only;
	}
	__atomic_store_n(&entry->sequence, entry->sequence + 1,
			 __ATOMIC_SEQ_CST);
}

/* ---- changes -------------------------------------------------------------- */

static u64 gpa_of(struct slot_mutator *mutator, unsigned int place, u64 start)
{
	return storm_gpa(mutator->storm->expected_map,
			 mutator->index * MUTATOR_POSITIONS + place, start);
}

/* One of its places that has a slot, or has none; -1: there is no such. */
static int choose_place(struct slot_mutator *mutator, bool used)
{
	unsigned int first = random_below(mutator->random, MUTATOR_POSITIONS),
		     i;

	for (i = 0; i < MUTATOR_POSITIONS; i++) {
		unsigned int place = (first + i) % MUTATOR_POSITIONS;

		if ((mutator->at[place] >= 0) == used)
			return (int)place;
	}
	return -1;
}

static u64 choose_start(struct slot_mutator *mutator, u64 units)
{
	u64 room = mutator->storm->expected_map->place_units - units;

	/* A huge page's start; or anywhere. */
	return random_chance(mutator->random, 1, 2) ?
		       0 :
		       random_below(mutator->random, room + 1);
}

/* Any memory; of a guest_memfd no two slots can have a page (kvm_gmem_bind()). */
static struct storm_memory *choose_memory(struct slot_mutator *mutator)
{
	unsigned int first = random_below(mutator->random, MUTATOR_MEMORIES), i;

	for (i = 0; i < MUTATOR_MEMORIES; i++) {
		struct storm_memory *memory =
			&mutator->memory[(first + i) % MUTATOR_MEMORIES];

		if (!mutator->storm->fixed || !memory->slots)
			return memory;
	}
	return NULL;
}

/* A slot that does not exist, as it shall be. */
static struct slot_mutator_slot *choose_slot(struct slot_mutator *mutator,
					     unsigned int place,
					     struct storm_memory *memory)
{
	struct storm *storm = mutator->storm;
	struct slot_mutator_slot *held = NULL;
	struct storm_place *entry;
	unsigned int i;

	for (i = 0; i < MUTATOR_POSITIONS && !held; i++)
		if (!mutator->slot[i].slot.size)
			held = &mutator->slot[i];
	held->place = place;
	held->memory = memory;
	entry = &held->entry;
	*entry = (struct storm_place){
		.memory = held->memory->number,
		.units = storm->units,
		.read_only = !storm->fixed &&
			     random_chance(mutator->random, 1, 3),
	};
	if (random_chance(mutator->random, 1, 2)) {
		entry->units = random_between(mutator->random, 1, storm->units);
		entry->offset = random_below(mutator->random,
					     storm->units - entry->units + 1);
	}
	entry->start = choose_start(mutator, entry->units);
	held->slot.gpa = gpa_of(mutator, place, entry->start);
	held->slot.size = entry->units * storm->expected_map->unit_size;
	held->slot.hva = word_of(mutator, held->memory, entry->offset, 0);
	held->slot.flags = entry->read_only ? KVM_MEM_READONLY : 0;
	if (storm->flips && random_chance(mutator->random, 1, 4))
		held->slot.flags |= KVM_MEM_LOG_DIRTY_PAGES;
	if (storm->fixed) {
		held->slot.flags = KVM_MEM_GUEST_MEMFD;
		held->slot.guest_memfd = memory->file;
		held->slot.guest_memfd_offset =
			(u64)memory->backing.offset +
			entry->offset * storm->expected_map->unit_size;
	}
	return held;
}

static void note_slot(struct slot_mutator *mutator,
		      enum slot_mutator_change change,
		      const struct slot_mutator_slot *held)
{
	note(mutator, change, "slot %u: place %u+%llu, memory %u+%llu, %llu%s",
	     held->slot.id, mutator->index * MUTATOR_POSITIONS + held->place,
	     held->entry.start, held->memory->number, held->entry.offset,
	     held->entry.units, held->entry.read_only ? ", read-only" : "");
}

/* Inside a change of its place. */
static struct slot_mutator_slot *create_there(struct slot_mutator *mutator,
					      unsigned int place,
					      struct storm_memory *memory)
{
	struct slot_mutator_slot *held = choose_slot(mutator, place, memory);

	take_memory(mutator, held->memory, held->entry.read_only);
	held->entry.generation = held->memory->generation;
	slot_set(&held->slot);
	mutator->at[place] = (int)(held - mutator->slot);
	return held;
}

static void create(struct slot_mutator *mutator)
{
	struct storm_memory *memory = choose_memory(mutator);
	int place = choose_place(mutator, false);
	struct slot_mutator_slot *held;

	if (place < 0 || !memory)
		return;
	begin_change(mutator, place);
	held = create_there(mutator, place, memory);
	end_change(mutator, place, &held->entry);
	note_slot(mutator, MUTATOR_CREATE, held);
}

static void delete_at(struct slot_mutator *mutator, unsigned int place)
{
	struct slot_mutator_slot *held = &mutator->slot[mutator->at[place]];

	begin_change(mutator, place);
	slot_delete(&held->slot);
	mutator->at[place] = -1;
	end_change(mutator, place, NULL);
	note_slot(mutator, MUTATOR_DELETE, held);
	give_memory(mutator, held->memory, held->entry.read_only);
}

static void delete_one(struct slot_mutator *mutator)
{
	int place = choose_place(mutator, true);

	if (place >= 0)
		delete_at(mutator, place);
}

/* One slot for another, before anybody has seen that there is none. */
static void replace(struct slot_mutator *mutator)
{
	int place = choose_place(mutator, true);
	struct slot_mutator_slot *held;

	if (place < 0)
		return;
	held = &mutator->slot[mutator->at[place]];
	begin_change(mutator, place);
	slot_delete(&held->slot);
	give_memory(mutator, held->memory, held->entry.read_only);
	held = create_there(mutator, place, choose_memory(mutator));
	end_change(mutator, place, &held->entry);
	note_slot(mutator, MUTATOR_REPLACE, held);
}

/* To another place, or within its own, where it may overlap with itself. */
static void move(struct slot_mutator *mutator)
{
	int from = choose_place(mutator, true),
	    to = choose_place(mutator, false);
	struct slot_mutator_slot *held;

	if (from < 0 || mutator->storm->fixed)
		return;
	if (to < 0 || random_chance(mutator->random, 1, 3))
		to = from;
	held = &mutator->slot[mutator->at[from]];
	begin_change(mutator, from);
	if (to != from)
		begin_change(mutator, to);
	held->entry.start = choose_start(mutator, held->entry.units);
	held->slot.gpa = gpa_of(mutator, to, held->entry.start);
	held->place = to;
	slot_set(&held->slot);
	mutator->at[from] = -1;
	mutator->at[to] = (int)(held - mutator->slot);
	if (to != from)
		end_change(mutator, from, NULL);
	end_change(mutator, to, &held->entry);
	note_slot(mutator, MUTATOR_MOVE, held);
}

/* Changes nothing of what a guest may see: accesses are judged all the time. */
static void flip(struct slot_mutator *mutator)
{
	int place = choose_place(mutator, true);
	struct slot_mutator_slot *held;

	if (place < 0 || !mutator->storm->flips)
		return;
	held = &mutator->slot[mutator->at[place]];
	slot_set_flags(&held->slot, held->slot.flags ^ KVM_MEM_LOG_DIRTY_PAGES);
	note_slot(mutator, MUTATOR_FLIP, held);
}

/* Nor does what KVM refuses. */
static void refused(struct slot_mutator *mutator)
{
	int place = choose_place(mutator, true);
	const struct memslot *other = NULL;
	struct slot_mutator_slot *held;
	unsigned int rule, i;

	if (place < 0)
		return;
	held = &mutator->slot[mutator->at[place]];
	for (i = 0; i < MUTATOR_POSITIONS; i++)
		if (mutator->slot[i].slot.size && &mutator->slot[i] != held &&
		    !mutator->storm->fixed)
			other = &mutator->slot[i].slot;
	rule = random_below(mutator->random, slot_rules_count());
	if (!slot_rule_try(&held->slot, other,
			   SLOT_TEST_FIRST + STORM_PLACES + mutator->index,
			   rule))
		return;
	note(mutator, MUTATOR_REFUSED, "slot %u: %s", held->slot.id,
	     slot_rule_name(rule));
}

/* Each of them at the beginning, so that a short storm has all; then by chance. */
static void change(struct slot_mutator *mutator)
{
	static void (*const changes[])(struct slot_mutator * mutator) = {
		create, create,	    flip,   refused,	move, replace,
		create, delete_one, create, delete_one, move,
	};
	const unsigned int count = ARRAY_SIZE(changes);
	unsigned int choice = mutator->turns++;

	if (choice >= count)
		choice = random_below(mutator->random, count);
	changes[choice](mutator);
}

/* Only a pace: nothing is wrong if vCPUs did less. */
static void let_access(struct slot_mutator *mutator)
{
	struct storm *storm = mutator->storm;
	u64 until = storm_steps(storm) +
		    random_below(mutator->random, STEPS_MAX);
	struct deadline deadline = deadline_in_ms(storm->config->pace_ms);

	while (storm_steps(storm) < until && !deadline_passed(deadline))
		poll(NULL, 0, 1);
}

void slot_mutator_run(struct thread *thread, void *argument)
{
	struct slot_mutator *mutator = argument;

	mutator->random = thread_random(thread);
	while (!thread_should_stop(thread)) {
		thread_doing_value(thread, "changing a slot; changes so far",
				   mutator->notes);
		change(mutator);
		thread_doing(thread, "letting vCPUs access it");
		let_access(mutator);
	}
}

void slot_mutator_begin(struct slot_mutator *mutator, struct storm *storm,
			unsigned int index)
{
	unsigned int i;

	memset(mutator, 0, sizeof(*mutator));
	mutator->storm = storm;
	mutator->index = index;
	for (i = 0; i < MUTATOR_MEMORIES; i++)
		make_memory(mutator, i);
	for (i = 0; i < MUTATOR_POSITIONS; i++) {
		mutator->at[i] = -1;
		mutator->slot[i].slot = (struct memslot){
			.vm = storm->vm,
			.id = SLOT_TEST_FIRST + index * MUTATOR_POSITIONS + i,
			.guest_memfd = -1,
		};
		entry_of(mutator, i)->memory = -1;
	}
}

void slot_mutator_end(struct slot_mutator *mutator)
{
	unsigned int i;

	for (i = 0; i < MUTATOR_POSITIONS; i++)
		if (mutator->at[i] >= 0)
			delete_at(mutator, i);
	for (i = 0; i < MUTATOR_MEMORIES; i++)
		verify(mutator, &mutator->memory[i]);
}
