// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memslots change while vCPUs access them: the mutators, which create, delete,
 * replace, move and toggle logging on slots, and what user space judges. Mutators
 * keep the expected map (memslot_storm.h), by which the vCPUs judge.
 */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/clock.h"
#include "core/report.h"
#include "core/round.h"
#include "kvm/arch.h"
#include "kvm/stamp.h"
#include "kvm/vcpu_threads.h"
#include "memslot_storm.h"
#include "slot_rules.h"

#define MUTATORS	  2
#define MUTATOR_POSITIONS (STORM_POSITIONS / MUTATORS)
#define MUTATOR_MEMORIES  2
#define MUTATOR_NOTES	  12
/* Distance of a skewed memory from the start of a huge page. */
#define SKEW_PAGES 5
/* Accesses of vCPUs between two changes, at most; fewer if vCPUs are slow. */
#define STEPS_MAX 300
#define STOP_MS	  30000
/* Extra time until each kind of access and change has happened once. */
#define SHOWN_MS 40000

/* The changes that a mutator makes. */
enum mutator_change {
	MUTATOR_CREATE,
	MUTATOR_DELETE,
	MUTATOR_REPLACE,
	MUTATOR_MOVE,
	MUTATOR_FLIP,
	MUTATOR_REFUSED,
	MUTATOR_CHANGES,
};

struct memslot_storm;

/* Memory for slots. */
struct storm_memory {
	struct memslot_storm *storm;
	struct backing backing;
	int file;	       /* guest_memfd behind it, or -1 */
	unsigned int number;   /* as words carry it */
	u64 generation;	       /* how often it has got its first slot */
	unsigned int slots;    /* that have it now */
	unsigned int writable; /* of these */
};

/* A slot id and its slot, which exists if @slot.size is not 0. */
struct mutator_slot {
	struct memslot slot;
	struct storm_memory *memory;
	unsigned int position;	     /* of the mutator */
	struct storm_position entry; /* of the expected map */
};

/* A thread that changes the slots at its positions. */
struct slot_mutator {
	struct memslot_storm *storm;
	unsigned int index;
	struct random_stream *random;
	struct storm_memory memory[MUTATOR_MEMORIES];
	struct mutator_slot slot[MUTATOR_POSITIONS];
	int at[MUTATOR_POSITIONS]; /* index into @slot; -1: no slot there */
	unsigned int turns;	   /* changes tried */
	u64 done[MUTATOR_CHANGES]; /* changes made */
	char note[MUTATOR_NOTES][96];
	unsigned int notes; /* written so far */
};

/*
 * A run. KVM does not move slots of a guest_memfd, and no two slots may have the
 * same page of it (kvm_gmem_bind()).
 */
struct memslot_storm {
	const struct memslot_storm_config *config;
	struct vm *vm;
	struct storm_expected_map *map;
	struct slot_mutator mutator[MUTATORS];
	u64 units;  /* of each memory */
	bool flips; /* mutators toggle logging */
	bool fixed; /* slots are of a guest_memfd */
};

/* What a word of memory says. */
static const char *word_text(u64 word, char *buffer, size_t size)
{
	unsigned int memory = word >> 48 & 0xff;
	u64 generation = word >> 24 & 0xffffff, unit = word & 0xffffff;

	switch (word >> 56) {
	case STORM_MARK_CANARY:
	case STORM_MARK_DEAD:
		snprintf(buffer, size,
			 "memory %u, unit %llu, generation %llu%s", memory,
			 unit, generation,
			 word >> 56 == STORM_MARK_DEAD ? ", no slot" : "");
		break;
	case STORM_MARK_FROZEN:
	case STORM_MARK_CODE:
		snprintf(buffer, size, "%s of memory %u, unit %llu",
			 word >> 56 == STORM_MARK_CODE ? "code" : "frozen word",
			 memory, unit);
		break;
	case STORM_MARK_HOLE:
		snprintf(buffer, size, "user space's answer for %#llx",
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

static void __printf(3, 4)
	note(struct slot_mutator *mutator, enum mutator_change change,
	     const char *format, ...)
{
	static const char *const names[MUTATOR_CHANGES] = {
		[MUTATOR_CREATE] = "create",
		[MUTATOR_DELETE] = "delete",
		[MUTATOR_REPLACE] = "replace",
		[MUTATOR_MOVE] = "move",
		[MUTATOR_FLIP] = "toggle logging of",
		[MUTATOR_REFUSED] = "rejected",
	};
	char what[64];
	va_list values;

	va_start(values, format);
	vsnprintf(what, sizeof(what), format, values);
	va_end(values);
	snprintf(mutator->note[mutator->notes % MUTATOR_NOTES],
		 sizeof(mutator->note[0]), "%s %s", names[change], what);
	mutator->done[change]++;
	mutator->notes++;
}

static void report_notes(const struct memslot_storm *storm)
{
	const struct slot_mutator *mutator = storm->mutator;
	unsigned int i;

	for (; mutator < storm->mutator + MUTATORS; mutator++) {
		i = mutator->notes;
		i = i > MUTATOR_NOTES ? i - MUTATOR_NOTES : 0;
		for (; i < mutator->notes; i++)
			report_info("mutator %u: change %u: %s", mutator->index,
				    i, mutator->note[i % MUTATOR_NOTES]);
	}
}

static u64 *word_of(const struct storm_memory *memory, u64 unit, u64 offset)
{
	return (u64 *)((char *)memory->backing.hva +
		       unit * memory->storm->map->unit_size + offset);
}

static u64 vcpu_word(unsigned int vcpu)
{
	return STORM_WORDS + vcpu * sizeof(u64);
}

static u64 frozen_word(const struct storm_memory *memory, u64 unit)
{
	return storm_word(STORM_MARK_FROZEN, memory->number, 0, unit);
}

static u64 first_word(const struct storm_memory *memory, enum storm_mark mark,
		      u64 unit)
{
	return storm_word(mark, memory->number, memory->generation, unit);
}

static void mark(const struct storm_memory *memory, enum storm_mark mark)
{
	u64 unit;

	for (unit = 0; unit < memory->storm->units; unit++)
		*word_of(memory, unit, STORM_CANARY) = first_word(memory, mark,
								  unit);
}

/* The memory has no writable slot any more: from here on its words are known. */
static void freeze(const struct storm_memory *memory)
{
	unsigned int i;
	u64 unit;

	for (unit = 0; unit < memory->storm->units; unit++)
		for (i = 0; i < memory->storm->vm->vcpu_count; i++)
			*word_of(memory, unit,
				 vcpu_word(i)) = frozen_word(memory, unit);
}

static void expect_word(const struct storm_memory *memory, u64 unit, u64 offset,
			u64 expected)
{
	u64 seen = *(volatile u64 *)word_of(memory, unit, offset);
	char text[2][128];

	if (seen == expected)
		return;
	report_notes(memory->storm);
	fail("memory %u has %s, but its unit %llu changed: expected %s, got %s",
	     memory->number, memory->slots ? "only read-only slots" : "no slot",
	     unit, word_text(expected, text[0], sizeof(text[0])),
	     word_text(seen, text[1], sizeof(text[1])));
}

/* Memory without a writable slot is as the host has left it. */
static void verify(const struct storm_memory *memory)
{
	enum storm_mark first = memory->slots ? STORM_MARK_CANARY :
						STORM_MARK_DEAD;
	unsigned int i;
	u64 unit;

	if (memory->writable)
		return;
	for (unit = 0; unit < memory->storm->units; unit++) {
		expect_word(memory, unit, STORM_CANARY,
			    first_word(memory, first, unit));
		for (i = 0; i < memory->storm->vm->vcpu_count; i++)
			expect_word(memory, unit, vcpu_word(i),
				    frozen_word(memory, unit));
	}
}

static void make_memory(struct slot_mutator *mutator, unsigned int index)
{
	struct storm_memory *memory = &mutator->memory[index];
	struct memslot_storm *storm = mutator->storm;
	u64 page = storm->vm->page_size, unit;
	struct backing_request request = {
		.kind = storm->config->backing,
		.size = storm->units * storm->map->unit_size,
		.misalignment = storm->config->skewed ? SKEW_PAGES * page : 0,
		.flags = BACKING_POPULATE,
		.fd = -1,
	};

	memory->storm = storm;
	memory->number = mutator->index * MUTATOR_MEMORIES + index;
	if (storm->fixed) {
		request.fd_size = request.size + request.misalignment;
		request.fd = vm_guest_memfd(storm->vm, request.fd_size);
	}
	memory->file = request.fd;
	backing_create(&memory->backing, &request);
	mark(memory, STORM_MARK_DEAD);
	freeze(memory);
	for (unit = 0; unit < storm->units; unit++) {
		u64 value = storm_word(STORM_MARK_CODE, memory->number, 0,
				       unit);
		char *code = (char *)word_of(memory, unit, STORM_CODE);

		__builtin___clear_cache(code,
					code + arch_value_code(value,
							       (u8 *)code));
	}
}

/* One more slot gets the memory. */
static void take_memory(struct storm_memory *memory, bool read_only)
{
	verify(memory);
	if (!memory->slots++) {
		memory->generation++;
		mark(memory, STORM_MARK_CANARY);
	}
	memory->writable += !read_only;
}

/* One slot less has the memory; KVM has deleted it. */
static void give_memory(struct storm_memory *memory, bool read_only)
{
	if (!read_only && !--memory->writable)
		freeze(memory);
	if (!--memory->slots)
		mark(memory, STORM_MARK_DEAD);
}

/* The number of a mutator's position. */
static unsigned int number_of(struct slot_mutator *mutator,
			      unsigned int position)
{
	return mutator->index * MUTATOR_POSITIONS + position;
}

static struct storm_position *entry_of(struct slot_mutator *mutator,
				       unsigned int position)
{
	return &mutator->storm->map->position[number_of(mutator, position)];
}

/* From here on accesses to the position are not judged. */
static void begin_change(struct slot_mutator *mutator, unsigned int position)
{
	struct storm_position *entry = entry_of(mutator, position);

	__atomic_store_n(&entry->sequence, entry->sequence + 1,
			 __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* KVM has made the change: the position has @what; NULL: no slot. */
static void end_change(struct slot_mutator *mutator, unsigned int position,
		       const struct storm_position *what)
{
	struct storm_position *entry = entry_of(mutator, position);

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

/* A position with a slot if @used, else one without; -1: none. */
static int choose_position(struct slot_mutator *mutator, bool used)
{
	unsigned int first = random_below(mutator->random, MUTATOR_POSITIONS),
		     i;

	for (i = 0; i < MUTATOR_POSITIONS; i++) {
		unsigned int position = (first + i) % MUTATOR_POSITIONS;

		if ((mutator->at[position] >= 0) == used)
			return (int)position;
	}
	return -1;
}

/* A random slot of the mutator; NULL: it has none. */
static struct mutator_slot *choose_existing(struct slot_mutator *mutator)
{
	int position = choose_position(mutator, true);

	return position < 0 ? NULL : &mutator->slot[mutator->at[position]];
}

/* The start of a huge page, or anywhere. */
static u64 choose_start(struct slot_mutator *mutator, u64 units)
{
	u64 room = mutator->storm->map->position_units - units;

	if (random_chance(mutator->random, 1, 2))
		return 0;
	return random_below(mutator->random, room + 1);
}

/* Any memory; of guest_memfds, one without a slot. */
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

/* Between begin_change() and end_change() of the position, which has no slot. */
static struct mutator_slot *create_there(struct slot_mutator *mutator,
					 unsigned int position,
					 struct storm_memory *memory)
{
	struct memslot_storm *storm = mutator->storm;
	struct mutator_slot *held = NULL;
	struct storm_position *entry;
	unsigned int i;

	for (i = 0; i < MUTATOR_POSITIONS && !held; i++)
		if (!mutator->slot[i].slot.size)
			held = &mutator->slot[i];
	held->position = position;
	held->memory = memory;
	entry = &held->entry;
	*entry = (struct storm_position){
		.memory = memory->number,
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
	held->slot.gpa = storm_gpa(storm->map, number_of(mutator, position),
				   entry->start);
	held->slot.size = entry->units * storm->map->unit_size;
	held->slot.hva = word_of(memory, entry->offset, 0);
	held->slot.flags = entry->read_only ? KVM_MEM_READONLY : 0;
	if (storm->flips && random_chance(mutator->random, 1, 4))
		held->slot.flags |= KVM_MEM_LOG_DIRTY_PAGES;
	if (storm->fixed) {
		held->slot.flags = KVM_MEM_GUEST_MEMFD;
		held->slot.guest_memfd = memory->file;
		held->slot.guest_memfd_offset = memory->backing.offset;
		held->slot.guest_memfd_offset += entry->offset *
						 storm->map->unit_size;
	}
	take_memory(memory, entry->read_only);
	entry->generation = memory->generation;
	slot_set(&held->slot);
	mutator->at[position] = (int)(held - mutator->slot);
	return held;
}

static void note_slot(struct slot_mutator *mutator, enum mutator_change change,
		      const struct mutator_slot *held)
{
	note(mutator, change,
	     "slot %u: position %u+%llu, memory %u+%llu, %llu%s", held->slot.id,
	     number_of(mutator, held->position), held->entry.start,
	     held->memory->number, held->entry.offset, held->entry.units,
	     held->entry.read_only ? ", read-only" : "");
}

static void create(struct slot_mutator *mutator)
{
	struct storm_memory *memory = choose_memory(mutator);
	int position = choose_position(mutator, false);
	struct mutator_slot *held;

	if (position < 0 || !memory)
		return;
	begin_change(mutator, position);
	held = create_there(mutator, position, memory);
	end_change(mutator, position, &held->entry);
	note_slot(mutator, MUTATOR_CREATE, held);
}

static void remove_slot(struct slot_mutator *mutator, struct mutator_slot *held)
{
	if (!held)
		return;
	begin_change(mutator, held->position);
	slot_delete(&held->slot);
	mutator->at[held->position] = -1;
	end_change(mutator, held->position, NULL);
	note_slot(mutator, MUTATOR_DELETE, held);
	give_memory(held->memory, held->entry.read_only);
}

static void delete_one(struct slot_mutator *mutator)
{
	remove_slot(mutator, choose_existing(mutator));
}

/* Another slot in the same change: the map never says that no slot is there. */
static void replace(struct slot_mutator *mutator)
{
	struct mutator_slot *held = choose_existing(mutator);
	unsigned int position;

	if (!held)
		return;
	position = held->position;
	begin_change(mutator, position);
	slot_delete(&held->slot);
	give_memory(held->memory, held->entry.read_only);
	held = create_there(mutator, position, choose_memory(mutator));
	end_change(mutator, position, &held->entry);
	note_slot(mutator, MUTATOR_REPLACE, held);
}

/* To another position, or within its own, where old and new range may overlap. */
static void move(struct slot_mutator *mutator)
{
	int from = choose_position(mutator, true),
	    to = choose_position(mutator, false);
	struct mutator_slot *held;

	if (from < 0 || mutator->storm->fixed)
		return;
	if (to < 0 || random_chance(mutator->random, 1, 3))
		to = from;
	held = &mutator->slot[mutator->at[from]];
	begin_change(mutator, from);
	if (to != from)
		begin_change(mutator, to);
	held->entry.start = choose_start(mutator, held->entry.units);
	held->slot.gpa = storm_gpa(mutator->storm->map, number_of(mutator, to),
				   held->entry.start);
	held->position = to;
	slot_set(&held->slot);
	mutator->at[from] = -1;
	mutator->at[to] = (int)(held - mutator->slot);
	if (to != from)
		end_change(mutator, from, NULL);
	end_change(mutator, to, &held->entry);
	note_slot(mutator, MUTATOR_MOVE, held);
}

/* What a guest sees does not change: accesses are judged meanwhile. */
static void flip(struct slot_mutator *mutator)
{
	struct mutator_slot *held = choose_existing(mutator);

	if (!held || !mutator->storm->flips)
		return;
	slot_set_flags(&held->slot, held->slot.flags ^ KVM_MEM_LOG_DIRTY_PAGES);
	note_slot(mutator, MUTATOR_FLIP, held);
}

/* A change that KVM rejects changes nothing either. */
static void refused(struct slot_mutator *mutator)
{
	struct mutator_slot *held = choose_existing(mutator);
	const struct memslot *other = NULL;
	unsigned int rule, i;

	if (!held)
		return;
	for (i = 0; i < MUTATOR_POSITIONS; i++)
		if (mutator->slot[i].slot.size && &mutator->slot[i] != held &&
		    !mutator->storm->fixed)
			other = &mutator->slot[i].slot;
	rule = random_below(mutator->random, slot_rules_count());
	if (!slot_rule_try(&held->slot, other,
			   SLOT_TEST_FIRST + STORM_POSITIONS + mutator->index,
			   rule))
		return;
	note(mutator, MUTATOR_REFUSED, "slot %u: %s", held->slot.id,
	     slot_rule_name(rule));
}

/* Each change once at the beginning, so that short runs have all; then at random. */
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

static u64 steps_of(const struct memslot_storm *storm)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < storm->vm->vcpu_count; i++)
		sum += storm_vcpu_of(storm->vm->vcpus[i].guest)->steps;
	return sum;
}

/* This only sets the pace: vCPUs may do less. */
static void let_access(struct slot_mutator *mutator)
{
	struct memslot_storm *storm = mutator->storm;
	u64 until = steps_of(storm) + random_below(mutator->random, STEPS_MAX);
	struct deadline deadline = deadline_in_ms(storm->config->pace_ms);

	while (steps_of(storm) < until && !deadline_passed(deadline))
		poll(NULL, 0, 1);
}

static void mutator_run(struct thread *thread, void *argument)
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

static void mutator_begin(struct slot_mutator *mutator,
			  struct memslot_storm *storm, unsigned int index)
{
	unsigned int i;

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

static void mutator_end(struct slot_mutator *mutator)
{
	unsigned int i;

	for (i = 0; i < MUTATOR_POSITIONS; i++)
		if (mutator->at[i] >= 0)
			remove_slot(mutator, &mutator->slot[mutator->at[i]]);
	for (i = 0; i < MUTATOR_MEMORIES; i++)
		verify(&mutator->memory[i]);
}

/* ---- what vCPUs find wrong, and exits -------------------------------------- */

static void __noreturn fail_wrong(struct vcpu *vcpu, void *context)
{
	static const char *const texts[] = {
		[STORM_WRONG_LOAD] = "a load got",
		[STORM_WRONG_LOST] = "a store was lost: a later load got",
		[STORM_WRONG_KEPT] =
			"a store to a read-only slot changed memory: a later load got",
		[STORM_WRONG_ALIAS] =
			"a store is not visible in another slot of the memory: a load there got",
		[STORM_WRONG_FETCH] = "a fetch ran",
	};
	const struct storm_vcpu *own = storm_vcpu_of(vcpu->guest);
	const struct storm_position *view = &own->view;
	const struct memslot_storm *storm = context;
	char what[192], where[96] = "no slot", seen[256], expected[128];

	report_notes(storm);
	if (storm_covers(view, own->unit))
		snprintf(where, sizeof(where),
			 "a %sslot of memory %lld, unit %llu, generation %llu",
			 view->read_only ? "read-only " : "", view->memory,
			 storm_unit(view, own->unit), view->generation);
	snprintf(what, sizeof(what), "vCPU %u, %#llx (position %llu, %s)",
		 vcpu->index, storm_gpa(storm->map, own->position, own->unit),
		 own->position, where);
	if (own->wrong == STORM_WRONG_REFUSED)
		fail("%s: the access was refused: %s", what,
		     vcpu_exit_text(vcpu, seen, sizeof(seen)));
	if (own->wrong == STORM_WRONG_EXIT && own->seen <= 1)
		fail("%s: a store exited to user space %llu times, expected %llu",
		     what, own->seen, own->expected);
	if (own->wrong == STORM_WRONG_EXIT)
		fail("%s: user space got a store of %#llx to %#llx, expected vCPU %u's store %llu to %#llx",
		     what, own->exit_value, own->seen, vcpu->index, own->stores,
		     own->expected);
	fail("%s: %s %s, expected %s", what, texts[own->wrong],
	     word_text(own->seen, seen, sizeof(seen)),
	     own->wrong == STORM_WRONG_KEPT ?
		     "an exit to user space only" :
		     word_text(own->expected, expected, sizeof(expected)));
}

/*
 * A fetch outside every slot: arm64 injects an abort, x86 exits to user space
 * with an instruction that it cannot emulate. It is wrong only where a slot was
 * before the fetch and still is.
 */
static bool on_refused(struct memslot_storm *storm, struct vcpu *vcpu)
{
	struct storm_vcpu *own = storm_vcpu_of(vcpu->guest);
	bool known = own->fetching == 2;

	if (!own->fetching)
		return false;
	own->fetching = 0;
	own->wrong = STORM_WRONG_REFUSED;
	if (!known ||
	    storm->map->position[own->position].sequence != own->view.sequence)
		own->count[STORM_RACING]++;
	else if (!storm_covers(&own->view, own->unit))
		own->count[STORM_REFUSED]++;
	else
		fail_wrong(vcpu, storm);
	vcpu_start(vcpu, memslot_storm_guest, (u64)(uintptr_t)storm->map);
	return true;
}

static bool on_exit_to_user(struct vcpu *vcpu, enum vcpu_event event,
			    void *context)
{
	struct storm_vcpu *own = storm_vcpu_of(vcpu->guest);
	struct memslot_storm *storm = context;
	const struct storm_expected_map *map = storm->map;
	struct vcpu_access access;

	if (event == VCPU_REFUSED)
		return on_refused(storm, vcpu);
	if (!vcpu_access(vcpu, &access) || access.gpa < map->gpa ||
	    access.gpa - map->gpa >= map->positions * map->pitch ||
	    access.bytes != sizeof(u64))
		return false;
	own->exits++;
	own->exit_gpa = access.gpa;
	own->exit_value = access.value;
	if (!access.is_store)
		vcpu_answer(vcpu, storm_hole_word(access.gpa));
	return true;
}

/* ---- the run ---------------------------------------------------------------- */

static void build(struct memslot_storm *storm,
		  const struct memslot_storm_config *config)
{
	const struct vm_config vm_config = { .vcpus = config->vcpus };
	u64 huge = backing_thp_size(), page_size, bytes;
	struct random_stream random;
	struct storm_expected_map *map;
	unsigned int i;

	memset(storm, 0, sizeof(*storm));
	storm->config = config;
	storm->vm = vm_create(&vm_config);
	page_size = backing_page_size(config->backing);
	storm->units = config->units;
	storm->fixed = config->backing == BACKING_GUEST_MEMFD;
	storm->flips = !storm->fixed && (!config->fetches || page_size < huge);
	map = (void *)((char *)storm->vm->control->vcpu[0].test +
		       STORM_EXPECTED_OFFSET);
	storm->map = map;
	memset(map, 0, sizeof(*map));
	map->positions = STORM_POSITIONS;
	/*
	 * Two huge pages. Of larger pages, of which there are few, a half: it is
	 * in one page wherever it begins.
	 */
	if (page_size == huge)
		map->unit_size = 2 * page_size / storm->units;
	else if (page_size > huge)
		map->unit_size = page_size / 2 / storm->units;
	if (map->unit_size < storm->vm->page_size)
		map->unit_size = storm->vm->page_size;
	map->position_units = storm->units + storm->units / 2;
	map->gpa = GPA_TEST;
	bytes = round_up(map->position_units * map->unit_size, huge);
	map->pitch = bytes + huge;
	map->fetches = config->fetches;
	case_random(&random, "storm", 0);
	if (random_chance(&random, 1, 2) && vm_unmap_slots_alone(storm->vm))
		report_info("deleting a slot zaps only the slot's mappings");
	for (i = 0; i < MUTATORS; i++)
		mutator_begin(&storm->mutator[i], storm, i);
	for (i = 0; i < STORM_POSITIONS; i++)
		vm_map(storm->vm, storm_gpa(map, i, 0), storm_gpa(map, i, 0),
		       bytes, huge);
	for (i = 0; i < storm->vm->vcpu_count; i++) {
		struct vcpu *vcpu = &storm->vm->vcpus[i];
		struct storm_vcpu *own = storm_vcpu_of(vcpu->guest);

		memset(own, 0, sizeof(*own));
		case_random(&own->random, "storm vCPU", i);
		vcpu->refusal_allowed = config->fetches;
	}
}

static u64 accesses_of(const struct memslot_storm *storm, enum storm_count kind)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < storm->vm->vcpu_count; i++)
		sum += storm_vcpu_of(storm->vm->vcpus[i].guest)->count[kind];
	return sum;
}

static u64 changes_of(const struct memslot_storm *storm,
		      enum mutator_change change)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < MUTATORS; i++)
		sum += storm->mutator[i].done[change];
	return sum;
}

/* Has every kind of access and change happened once? */
static bool all_shown(const struct memslot_storm *storm)
{
	const bool fetches = storm->config->fetches, fixed = storm->fixed;
	const bool may_access[STORM_COUNTS] = {
		[STORM_LOADS] = true,	   [STORM_STORES] = true,
		[STORM_HOLES] = true,	   [STORM_READ_ONLY] = !fixed,
		[STORM_ALIASES] = !fixed,  [STORM_FETCHES] = fetches,
		[STORM_REFUSED] = fetches,
	};
	unsigned int i;

	for (i = 0; i < STORM_COUNTS; i++)
		if (may_access[i] && !accesses_of(storm, i))
			return false;
	for (i = 0; i < MUTATOR_CHANGES; i++)
		if (!changes_of(storm, i) &&
		    (i != MUTATOR_FLIP || storm->flips) &&
		    (i != MUTATOR_MOVE || !fixed))
			return false;
	return true;
}

static void report_counts(const struct memslot_storm *storm)
{
	report_info("judged: %llu loads, %llu stores, %llu of these in an alias too, %llu fetches, %llu stores to read-only slots, %llu accesses and %llu fetches outside slots; not judged: %llu",
		    accesses_of(storm, STORM_LOADS),
		    accesses_of(storm, STORM_STORES),
		    accesses_of(storm, STORM_ALIASES),
		    accesses_of(storm, STORM_FETCHES),
		    accesses_of(storm, STORM_READ_ONLY),
		    accesses_of(storm, STORM_HOLES),
		    accesses_of(storm, STORM_REFUSED),
		    accesses_of(storm, STORM_RACING));
	report_info("slots: %llu created, %llu deleted, %llu replaced, %llu moved, %llu with logging toggled; %llu changes rejected",
		    changes_of(storm, MUTATOR_CREATE),
		    changes_of(storm, MUTATOR_DELETE),
		    changes_of(storm, MUTATOR_REPLACE),
		    changes_of(storm, MUTATOR_MOVE),
		    changes_of(storm, MUTATOR_FLIP),
		    changes_of(storm, MUTATOR_REFUSED));
}

void memslot_storm_run(const struct memslot_storm_config *config)
{
	static struct memslot_storm storm;
	struct vcpu_threads_config vcpu_threads_config = {
		.function = memslot_storm_guest,
		.on_sync = fail_wrong,
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
	vcpu_threads_config.argument = (u64)(uintptr_t)storm.map;
	threads = vcpu_threads_new(storm.vm, &vcpu_threads_config);
	mutators = thread_group_new("mutators");
	thread_group_silence_ms(mutators, STOP_MS);
	for (i = 0; i < MUTATORS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "mutator %u", i);
		thread_add(mutators, name, mutator_run, &storm.mutator[i]);
	}
	vcpu_threads_start(threads);
	thread_group_start(mutators);
	while (clock_ns() < end ||
	       (!all_shown(&storm) && !deadline_passed(shown)))
		poll(NULL, 0, 5);
	thread_group_stop(mutators);
	thread_group_join(mutators, STOP_MS);
	/* vCPUs still run while the last slots are deleted. */
	for (i = 0; i < MUTATORS; i++)
		mutator_end(&storm.mutator[i]);
	report_counts(&storm);
	CHECK(all_shown(&storm),
	      "a kind of access or change never happened: see the counts above");
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
