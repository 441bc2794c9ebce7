// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that creates, deletes, replaces, moves and flips slots, says on the
 * board what is where, and looks after the memory that no slot has.
 */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arch.h"
#include "clock.h"
#include "keeper.h"
#include "report.h"
#include "slot_rules.h"

/* Of a skewed memory, behind a huge page's start. */
#define SKEW_PAGES 5
/* vCPUs get so many accesses between two changes, unless they are too slow. */
#define STEPS_MAX 300

const char *keeper_change_name(enum keeper_change change)
{
	static const char *const names[KEEPER_CHANGES] = {
		[KEEPER_CREATE] = "create",	   [KEEPER_DELETE] = "delete",
		[KEEPER_REPLACE] = "replace",	   [KEEPER_MOVE] = "move",
		[KEEPER_FLIP] = "flip logging of", [KEEPER_REFUSED] = "refused",
	};

	return names[change];
}

static void __printf(3, 4)
	note(struct keeper *keeper, enum keeper_change change,
	     const char *format, ...)
{
	char *text = keeper->note[keeper->notes % KEEPER_NOTES], what[64];
	va_list values;

	va_start(values, format);
	vsnprintf(what, sizeof(what), format, values);
	va_end(values);
	snprintf(text, sizeof(keeper->note[0]), "%s %s",
		 keeper_change_name(change), what);
	keeper->done[change]++;
	keeper->notes++;
}

void keeper_report_notes(const struct keeper *keeper)
{
	unsigned int i = keeper->notes > KEEPER_NOTES ?
				 keeper->notes - KEEPER_NOTES :
				 0;

	for (; i < keeper->notes; i++)
		report_info("keeper %u: change %u: %s", keeper->index, i,
			    keeper->note[i % KEEPER_NOTES]);
}

/* ---- memory -------------------------------------------------------------- */

static u64 *word_of(const struct keeper *keeper,
		    const struct storm_memory *memory, u64 unit, u64 offset)
{
	return (u64 *)((char *)memory->backing.hva +
		       unit * keeper->storm->board->unit_size + offset);
}

static u64 vcpu_word(unsigned int vcpu)
{
	return STORM_WORDS + vcpu * sizeof(u64);
}

static void mark(const struct keeper *keeper, const struct storm_memory *memory,
		 enum storm_mark mark)
{
	u64 unit;

	for (unit = 0; unit < keeper->storm->units; unit++)
		*word_of(keeper, memory, unit,
			 STORM_CANARY) = storm_word(mark, memory->number,
						    memory->generation, unit);
}

/* Nobody can write it any more: what vCPUs have there is known from now on. */
static void freeze(const struct keeper *keeper,
		   const struct storm_memory *memory)
{
	unsigned int vcpus = keeper->storm->vm->vcpu_count, i;
	u64 unit;

	for (unit = 0; unit < keeper->storm->units; unit++)
		for (i = 0; i < vcpus; i++)
			*word_of(keeper, memory, unit,
				 vcpu_word(i)) = storm_word(STORM_MARK_FROZEN,
							    memory->number, 0,
							    unit);
}

static void expect_word(const struct keeper *keeper,
			const struct storm_memory *memory, u64 unit, u64 offset,
			u64 due)
{
	u64 seen = *(volatile u64 *)word_of(keeper, memory, unit, offset);
	char text[2][128];

	if (seen == due)
		return;
	keeper_report_notes(keeper);
	fail("memory %u, which %s, has changed in unit %llu: %s, where the host had put %s",
	     memory->number,
	     memory->slots ? "only read-only slots have" : "no slot has", unit,
	     storm_word_text(seen, text[0], sizeof(text[0])),
	     storm_word_text(due, text[1], sizeof(text[1])));
}

/* Memory that no writable slot has is as the host has left it. */
static void verify(const struct keeper *keeper,
		   const struct storm_memory *memory)
{
	unsigned int vcpus = keeper->storm->vm->vcpu_count, i;
	u64 unit;

	if (memory->writable)
		return;
	for (unit = 0; unit < keeper->storm->units; unit++) {
		expect_word(keeper, memory, unit, STORM_CANARY,
			    storm_word(memory->slots ? STORM_MARK_CANARY :
						       STORM_MARK_DEAD,
				       memory->number, memory->generation,
				       unit));
		for (i = 0; i < vcpus; i++)
			expect_word(keeper, memory, unit, vcpu_word(i),
				    storm_word(STORM_MARK_FROZEN,
					       memory->number, 0, unit));
	}
}

static void make_memory(struct keeper *keeper, unsigned int index)
{
	struct storm_memory *memory = &keeper->memory[index];
	struct storm *storm = keeper->storm;
	u64 page = storm->vm->page_size, unit;
	struct backing_request request = {
		.kind = storm->config->backing,
		.size = storm->units * storm->board->unit_size,
		.misalignment = storm->config->skewed ? SKEW_PAGES * page : 0,
		.flags = BACKING_POPULATE,
		.fd = -1,
	};

	memory->number = keeper->index * KEEPER_MEMORIES + index;
	if (storm->fixed) {
		request.fd_size = request.size + request.misalignment;
		request.fd = vm_guest_memfd(storm->vm, request.fd_size);
	}
	memory->file = request.fd;
	backing_create(&memory->backing, &request);
	mark(keeper, memory, STORM_MARK_DEAD);
	freeze(keeper, memory);
	for (unit = 0; unit < storm->units; unit++) {
		char *code = (char *)word_of(keeper, memory, unit, STORM_CODE);
		size_t bytes = arch_value_code(storm_word(STORM_MARK_CODE,
							  memory->number, 0,
							  unit),
					       (u8 *)code);

		__builtin___clear_cache(code, code + bytes);
	}
}

/* A slot more has it. */
static void take_memory(struct keeper *keeper, struct storm_memory *memory,
			bool read_only)
{
	verify(keeper, memory);
	if (!memory->slots++) {
		memory->generation++;
		mark(keeper, memory, STORM_MARK_CANARY);
	}
	memory->writable += !read_only;
}

/* A slot less; KVM has said that it is gone. */
static void give_memory(struct keeper *keeper, struct storm_memory *memory,
			bool read_only)
{
	if (!read_only && !--memory->writable)
		freeze(keeper, memory);
	if (!--memory->slots)
		mark(keeper, memory, STORM_MARK_DEAD);
}

/* ---- the board ------------------------------------------------------------ */

static struct storm_place *entry_of(struct keeper *keeper, unsigned int place)
{
	return &keeper->storm->board
			->place[keeper->index * KEEPER_PLACES + place];
}

/* From here on nobody judges what is there. */
static void begin_change(struct keeper *keeper, unsigned int place)
{
	struct storm_place *entry = entry_of(keeper, place);

	__atomic_store_n(&entry->sequence, entry->sequence + 1,
			 __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* KVM has done it: @what is there; NULL: nothing. */
static void end_change(struct keeper *keeper, unsigned int place,
		       const struct storm_place *what)
{
	struct storm_place *entry = entry_of(keeper, place);

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

static u64 gpa_of(struct keeper *keeper, unsigned int place, u64 start)
{
	return storm_gpa(keeper->storm->board,
			 keeper->index * KEEPER_PLACES + place, start);
}

/* One of its places that has a slot, or has none; -1: there is no such. */
static int choose_place(struct keeper *keeper, bool used)
{
	unsigned int first = random_below(keeper->random, KEEPER_PLACES), i;

	for (i = 0; i < KEEPER_PLACES; i++) {
		unsigned int place = (first + i) % KEEPER_PLACES;

		if ((keeper->at[place] >= 0) == used)
			return (int)place;
	}
	return -1;
}

static u64 choose_start(struct keeper *keeper, u64 units)
{
	u64 room = keeper->storm->board->place_units - units;

	/* A huge page's start; or anywhere. */
	return random_chance(keeper->random, 1, 2) ?
		       0 :
		       random_below(keeper->random, room + 1);
}

/* Any memory; of a guest_memfd no two slots can have a page (kvm_gmem_bind()). */
static struct storm_memory *choose_memory(struct keeper *keeper)
{
	unsigned int first = random_below(keeper->random, KEEPER_MEMORIES), i;

	for (i = 0; i < KEEPER_MEMORIES; i++) {
		struct storm_memory *memory =
			&keeper->memory[(first + i) % KEEPER_MEMORIES];

		if (!keeper->storm->fixed || !memory->slots)
			return memory;
	}
	return NULL;
}

/* A slot that does not exist, as it shall be. */
static struct keeper_slot *choose_slot(struct keeper *keeper,
				       unsigned int place,
				       struct storm_memory *memory)
{
	struct storm *storm = keeper->storm;
	struct keeper_slot *held = NULL;
	struct storm_place *entry;
	unsigned int i;

	for (i = 0; i < KEEPER_PLACES && !held; i++)
		if (!keeper->slot[i].slot.size)
			held = &keeper->slot[i];
	held->place = place;
	held->memory = memory;
	entry = &held->entry;
	*entry = (struct storm_place){
		.memory = held->memory->number,
		.units = storm->units,
		.read_only = !storm->fixed &&
			     random_chance(keeper->random, 1, 3),
	};
	if (random_chance(keeper->random, 1, 2)) {
		entry->units = random_between(keeper->random, 1, storm->units);
		entry->offset = random_below(keeper->random,
					     storm->units - entry->units + 1);
	}
	entry->start = choose_start(keeper, entry->units);
	held->slot.gpa = gpa_of(keeper, place, entry->start);
	held->slot.size = entry->units * storm->board->unit_size;
	held->slot.hva = word_of(keeper, held->memory, entry->offset, 0);
	held->slot.flags = entry->read_only ? KVM_MEM_READONLY : 0;
	if (storm->flips && random_chance(keeper->random, 1, 4))
		held->slot.flags |= KVM_MEM_LOG_DIRTY_PAGES;
	if (storm->fixed) {
		held->slot.flags = KVM_MEM_GUEST_MEMFD;
		held->slot.guest_memfd = memory->file;
		held->slot.guest_memfd_offset = (u64)memory->backing.offset +
						entry->offset *
							storm->board->unit_size;
	}
	return held;
}

static void note_slot(struct keeper *keeper, enum keeper_change change,
		      const struct keeper_slot *held)
{
	note(keeper, change, "slot %u: place %u+%llu, memory %u+%llu, %llu%s",
	     held->slot.id, keeper->index * KEEPER_PLACES + held->place,
	     held->entry.start, held->memory->number, held->entry.offset,
	     held->entry.units, held->entry.read_only ? ", read-only" : "");
}

/* Inside a change of its place. */
static struct keeper_slot *create_there(struct keeper *keeper,
					unsigned int place,
					struct storm_memory *memory)
{
	struct keeper_slot *held = choose_slot(keeper, place, memory);

	take_memory(keeper, held->memory, held->entry.read_only);
	held->entry.generation = held->memory->generation;
	slot_set(&held->slot);
	keeper->at[place] = (int)(held - keeper->slot);
	return held;
}

static void create(struct keeper *keeper)
{
	struct storm_memory *memory = choose_memory(keeper);
	int place = choose_place(keeper, false);
	struct keeper_slot *held;

	if (place < 0 || !memory)
		return;
	begin_change(keeper, place);
	held = create_there(keeper, place, memory);
	end_change(keeper, place, &held->entry);
	note_slot(keeper, KEEPER_CREATE, held);
}

static void delete_at(struct keeper *keeper, unsigned int place)
{
	struct keeper_slot *held = &keeper->slot[keeper->at[place]];

	begin_change(keeper, place);
	slot_delete(&held->slot);
	keeper->at[place] = -1;
	end_change(keeper, place, NULL);
	note_slot(keeper, KEEPER_DELETE, held);
	give_memory(keeper, held->memory, held->entry.read_only);
}

static void delete_one(struct keeper *keeper)
{
	int place = choose_place(keeper, true);

	if (place >= 0)
		delete_at(keeper, place);
}

/* One slot for another, before anybody has seen that there is none. */
static void replace(struct keeper *keeper)
{
	int place = choose_place(keeper, true);
	struct keeper_slot *held;

	if (place < 0)
		return;
	held = &keeper->slot[keeper->at[place]];
	begin_change(keeper, place);
	slot_delete(&held->slot);
	give_memory(keeper, held->memory, held->entry.read_only);
	held = create_there(keeper, place, choose_memory(keeper));
	end_change(keeper, place, &held->entry);
	note_slot(keeper, KEEPER_REPLACE, held);
}

/* To another place, or within its own, where it may overlap with itself. */
static void move(struct keeper *keeper)
{
	int from = choose_place(keeper, true), to = choose_place(keeper, false);
	struct keeper_slot *held;

	if (from < 0 || keeper->storm->fixed)
		return;
	if (to < 0 || random_chance(keeper->random, 1, 3))
		to = from;
	held = &keeper->slot[keeper->at[from]];
	begin_change(keeper, from);
	if (to != from)
		begin_change(keeper, to);
	held->entry.start = choose_start(keeper, held->entry.units);
	held->slot.gpa = gpa_of(keeper, to, held->entry.start);
	held->place = to;
	slot_set(&held->slot);
	keeper->at[from] = -1;
	keeper->at[to] = (int)(held - keeper->slot);
	if (to != from)
		end_change(keeper, from, NULL);
	end_change(keeper, to, &held->entry);
	note_slot(keeper, KEEPER_MOVE, held);
}

/* Changes nothing of what a guest may see: accesses are judged all the time. */
static void flip(struct keeper *keeper)
{
	int place = choose_place(keeper, true);
	struct keeper_slot *held;

	if (place < 0 || !keeper->storm->flips)
		return;
	held = &keeper->slot[keeper->at[place]];
	slot_set_flags(&held->slot, held->slot.flags ^ KVM_MEM_LOG_DIRTY_PAGES);
	note_slot(keeper, KEEPER_FLIP, held);
}

/* Nor does what KVM refuses. */
static void refused(struct keeper *keeper)
{
	int place = choose_place(keeper, true);
	const struct memslot *other = NULL;
	struct keeper_slot *held;
	unsigned int rule, i;

	if (place < 0)
		return;
	held = &keeper->slot[keeper->at[place]];
	for (i = 0; i < KEEPER_PLACES; i++)
		if (keeper->slot[i].slot.size && &keeper->slot[i] != held &&
		    !keeper->storm->fixed)
			other = &keeper->slot[i].slot;
	rule = random_below(keeper->random, slot_rules_count());
	if (!slot_rule_try(&held->slot, other,
			   SLOT_TEST_FIRST + STORM_PLACES + keeper->index,
			   rule))
		return;
	note(keeper, KEEPER_REFUSED, "slot %u: %s", held->slot.id,
	     slot_rule_name(rule));
}

/* Each of them at the beginning, so that a short storm has all; then by chance. */
static void change(struct keeper *keeper)
{
	static void (*const changes[])(struct keeper * keeper) = {
		create, create,	    flip,   refused,	move, replace,
		create, delete_one, create, delete_one, move,
	};
	const unsigned int count = ARRAY_SIZE(changes);
	unsigned int choice = keeper->turns++;

	if (choice >= count)
		choice = random_below(keeper->random, count);
	changes[choice](keeper);
}

/* Only a pace: nothing is wrong if vCPUs did less. */
static void let_access(struct keeper *keeper)
{
	struct storm *storm = keeper->storm;
	u64 until = storm_steps(storm) +
		    random_below(keeper->random, STEPS_MAX);
	struct deadline deadline = deadline_in_ms(storm->config->pace_ms);

	while (storm_steps(storm) < until && !deadline_passed(deadline))
		poll(NULL, 0, 1);
}

void keeper_run(struct worker *worker, void *argument)
{
	struct keeper *keeper = argument;

	keeper->random = worker_random(worker);
	while (!worker_should_stop(worker)) {
		worker_doing_value(worker, "changing a slot; changes so far",
				   keeper->notes);
		change(keeper);
		worker_doing(worker, "letting vCPUs access it");
		let_access(keeper);
	}
}

void keeper_begin(struct keeper *keeper, struct storm *storm,
		  unsigned int index)
{
	unsigned int i;

	memset(keeper, 0, sizeof(*keeper));
	keeper->storm = storm;
	keeper->index = index;
	for (i = 0; i < KEEPER_MEMORIES; i++)
		make_memory(keeper, i);
	for (i = 0; i < KEEPER_PLACES; i++) {
		keeper->at[i] = -1;
		keeper->slot[i].slot = (struct memslot){
			.vm = storm->vm,
			.id = SLOT_TEST_FIRST + index * KEEPER_PLACES + i,
			.guest_memfd = -1,
		};
		entry_of(keeper, i)->memory = -1;
	}
}

void keeper_end(struct keeper *keeper)
{
	unsigned int i;

	for (i = 0; i < KEEPER_PLACES; i++)
		if (keeper->at[i] >= 0)
			delete_at(keeper, i);
	for (i = 0; i < KEEPER_MEMORIES; i++)
		verify(keeper, &keeper->memory[i]);
}
