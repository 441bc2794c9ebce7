/* SPDX-License-Identifier: GPL-2.0-only */
/* Who creates, deletes, moves and changes slots in a storm; between its parts. */
#ifndef SECMMU_KEEPER_H
#define SECMMU_KEEPER_H

#include "storm.h"
#include "vm.h"
#include "worker.h"

#define KEEPERS		2
#define KEEPER_PLACES	(STORM_PLACES / KEEPERS)
#define KEEPER_MEMORIES 2
#define KEEPER_NOTES	12

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
 * struct keeper_slot - a slot, or a slot that could be
 * @slot: as KVM has it; @slot.size is 0 if it does not exist
 * @memory: whose memory
 * @place: where; the board's number
 * @entry: what the board says of it
 */
struct keeper_slot {
	struct memslot slot;
	struct storm_memory *memory;
	unsigned int place;
	struct storm_place entry;
};

/**
 * struct keeper - a thread that changes the slots of its own places
 * @storm: the storm
 * @index: which one
 * @random: its stream
 * @memory: its memory
 * @slot: its slots
 * @at: of its places: the slot there; -1: none
 * @turns: changes that it has tried
 * @done: changes so far, by keeper_change_name()
 * @note: its last changes, in words
 * @notes: how many there were
 */
struct keeper {
	struct storm *storm;
	unsigned int index;
	struct random_stream *random;
	struct storm_memory memory[KEEPER_MEMORIES];
	struct keeper_slot slot[KEEPER_PLACES];
	int at[KEEPER_PLACES];
	unsigned int turns;
	u64 done[8];
	char note[KEEPER_NOTES][96];
	unsigned int notes;
};

/**
 * struct storm - all of it
 * @config: what was asked for
 * @vm: VM
 * @board: what is where
 * @keeper: who changes it
 * @units: of each memory
 * @flips: logging may be flipped
 * @fixed: slots cannot be changed, and no two have the same memory (guest_memfd)
 */
struct storm {
	const struct storm_config *config;
	struct vm *vm;
	struct storm_board *board;
	struct keeper keeper[KEEPERS];
	u64 units;
	bool flips;
	bool fixed;
};

/* Changes that a keeper makes; the numbers of keeper.done. */
enum keeper_change {
	KEEPER_CREATE,
	KEEPER_DELETE,
	KEEPER_REPLACE,
	KEEPER_MOVE,
	KEEPER_FLIP,
	KEEPER_REFUSED,
	KEEPER_CHANGES,
};

/* A change's name. */
const char *keeper_change_name(enum keeper_change change);

/**
 * keeper_begin() - its memory, and no slot yet
 * @keeper: filled in
 * @storm: with @units and the board
 * @index: which one
 */
void keeper_begin(struct keeper *keeper, struct storm *storm,
		  unsigned int index);

/**
 * keeper_run() - a worker's body: changes until it is to stop
 * @worker: itself
 * @argument: the keeper
 */
void keeper_run(struct worker *worker, void *argument);

/**
 * keeper_end() - delete all slots, and look at the memory for the last time
 * @keeper: begun; its worker has ended
 */
void keeper_end(struct keeper *keeper);

/**
 * keeper_report_notes() - its last changes, for a failure
 * @keeper: keeper; may be at work
 */
void keeper_report_notes(const struct keeper *keeper);

/* Words in words; @buffer is returned. */
const char *storm_word_text(u64 word, char *buffer, size_t size);

/* Accesses so far, of all vCPUs. */
u64 storm_steps(const struct storm *storm);

#endif
