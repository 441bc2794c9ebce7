/* SPDX-License-Identifier: GPL-2.0-only */
/* Who creates, deletes, moves and changes slots in a storm; between its parts. */
#ifndef SECMMU_SLOT_MUTATOR_H
#define SECMMU_SLOT_MUTATOR_H

#include "storm.h"
#include "kvm/vm.h"
#include "core/thread.h"

#define MUTATORS	  2
#define MUTATOR_POSITIONS (STORM_PLACES / MUTATORS)
#define MUTATOR_MEMORIES  2
#define MUTATOR_NOTES	  12

struct storm;

/**
 * struct storm_memory - memory for slots
 * @backing: the memory
 * @file: the guest_memfd behind it, or -1
 * @number: which, as words have it
 * @generation: how many lives it had as memory of slots
 * @slots: slots that have it now
 * @writable: how many of these can be written
 */
struct storm_memory {
	struct backing backing;
	int file;
	unsigned int number;
	u64 generation;
	unsigned int slots;
	unsigned int writable;
};

/**
 * struct slot_mutator_slot - a slot, or a slot that could be
 * @slot: as KVM has it; @slot.size is 0 if it does not exist
 * @memory: whose memory
 * @place: where; the board's number
 * @entry: what the board says of it
 */
struct slot_mutator_slot {
	struct memslot slot;
	struct storm_memory *memory;
	unsigned int place;
	struct storm_place entry;
};

/**
 * struct slot_mutator - a thread that changes the slots of its own places
 * @storm: the storm
 * @index: which one
 * @random: its stream
 * @memory: its memory
 * @slot: its slots
 * @at: of its places: the slot there; -1: none
 * @turns: changes that it has tried
 * @done: changes so far, by slot_mutator_change_name()
 * @note: its last changes, in words
 * @notes: how many there were
 */
struct slot_mutator {
	struct storm *storm;
	unsigned int index;
	struct random_stream *random;
	struct storm_memory memory[MUTATOR_MEMORIES];
	struct slot_mutator_slot slot[MUTATOR_POSITIONS];
	int at[MUTATOR_POSITIONS];
	unsigned int turns;
	u64 done[8];
	char note[MUTATOR_NOTES][96];
	unsigned int notes;
};

/**
 * struct storm - all of it
 * @config: what was asked for
 * @vm: VM
 * @expected_map: what is where
 * @mutator: who changes it
 * @units: of each memory
 * @flips: logging may be flipped
 * @fixed: slots cannot be changed, and no two have the same memory (guest_memfd)
 */
struct storm {
	const struct storm_config *config;
	struct vm *vm;
	struct storm_expected_map *expected_map;
	struct slot_mutator mutator[MUTATORS];
	u64 units;
	bool flips;
	bool fixed;
};

/* Changes that a keeper makes; the numbers of keeper.done. */
enum slot_mutator_change {
	MUTATOR_CREATE,
	MUTATOR_DELETE,
	MUTATOR_REPLACE,
	MUTATOR_MOVE,
	MUTATOR_FLIP,
	MUTATOR_REFUSED,
	MUTATOR_CHANGES,
};

/* A change's name. */
const char *slot_mutator_change_name(enum slot_mutator_change change);

/**
 * slot_mutator_begin() - its memory, and no slot yet
 * @mutator: filled in
 * @storm: with @units and the board
 * @index: which one
 */
void slot_mutator_begin(struct slot_mutator *mutator, struct storm *storm,
			unsigned int index);

/**
 * slot_mutator_run() - a worker's body: changes until it is to stop
 * @thread: itself
 * @argument: the keeper
 */
void slot_mutator_run(struct thread *thread, void *argument);

/**
 * slot_mutator_end() - delete all slots, and look at the memory for the last time
 * @mutator: begun; its worker has ended
 */
void slot_mutator_end(struct slot_mutator *mutator);

/**
 * slot_mutator_report_notes() - its last changes, for a failure
 * @mutator: keeper; may be at work
 */
void slot_mutator_report_notes(const struct slot_mutator *mutator);

/* Words in words; @buffer is returned. */
const char *storm_word_text(u64 word, char *buffer, size_t size);

/* Accesses so far, of all vCPUs. */
u64 storm_steps(const struct storm *storm);

#endif
