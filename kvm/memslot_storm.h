/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memslots change while vCPUs access them: what host and guest share, and the
 * oracle.
 *
 * The VM has STORM_POSITIONS positions in guest physical memory, each with at
 * most one slot. The expected map, which the guest reads in place, says what is
 * at each of them. The sequence of a position is odd while a mutator changes it.
 * The vCPU judges an access if the sequence was even before the access and is
 * the same after it. Then the map says what the access must have found:
 *
 *	a slot		the canary of the memory's page and generation; a store is
 *			visible to later loads; a fetch runs the code of that page
 *	a read-only slot loads and fetches as above; a store exits to user space
 *	no slot		a load or a store exits to user space with its address; a
 *			fetch is refused
 *
 * vCPUs also access positions whose sequence is odd; these accesses are counted
 * and not judged. Memory without a writable slot must not change.
 */
#ifndef SECMMU_MEMSLOT_STORM_H
#define SECMMU_MEMSLOT_STORM_H

#include <stdbool.h>

#include "mem/backing.h"
#include "kvm/guest.h"
#include "core/random.h"
#include "core/types.h"

#define STORM_POSITIONS 6
/* Offsets in each accessed page, bytes. */
#define STORM_CANARY 0
#define STORM_CODE   64
#define STORM_WORDS  256
#define STORM_VCPUS  64

/**
 * enum storm_mark - the kind of a word, in its highest byte
 * @STORM_MARK_CANARY: first word of a page that has a slot
 * @STORM_MARK_DEAD: first word of a page without a slot
 * @STORM_MARK_FROZEN: a vCPU's word in memory without a writable slot
 * @STORM_MARK_CODE: return value of the code in a page
 * @STORM_MARK_HOLE: user space's answer to a load outside every slot
 */
enum storm_mark {
	STORM_MARK_CANARY = 0xca,
	STORM_MARK_DEAD = 0xde,
	STORM_MARK_FROZEN = 0xf0,
	STORM_MARK_CODE = 0xc0,
	STORM_MARK_HOLE = 0xee,
};

/* A word of memory: its kind, the memory's number and generation, the unit. */
static inline u64 storm_word(enum storm_mark mark, u64 memory, u64 generation,
			     u64 unit)
{
	return (u64)mark << 56 | (memory & 0xff) << 48 |
	       (generation & 0xffffff) << 24 | (unit & 0xffffff);
}

/* User space's answer to a load at @gpa. */
static inline u64 storm_hole_word(u64 gpa)
{
	return (u64)STORM_MARK_HOLE << 56 | gpa >> 3;
}

/**
 * struct storm_position - entry of the expected map
 * @sequence: odd while the entry changes
 * @memory: number of the slot's memory; -1: no slot
 * @generation: how often the memory has got its first slot
 * @start: where the slot begins in the position, units
 * @units: size of the slot, units
 * @offset: where the slot begins in the memory, units
 * @read_only: the slot has KVM_MEM_READONLY
 */
struct storm_position {
	volatile u64 sequence;
	s64 memory;
	u64 generation;
	u64 start;
	u64 units;
	u64 offset;
	u64 read_only;
};

/**
 * struct storm_expected_map - all positions; lies in the control block
 * @positions: number of positions
 * @position_units: size of each, units; a slot need not fill it
 * @unit_size: bytes; vCPUs access the first page of each unit
 * @gpa: address of the first position; the guest maps it one to one
 * @pitch: from one position to the next, bytes
 * @fetches: vCPUs fetch as well
 * @position: the positions
 */
struct storm_expected_map {
	u64 positions;
	u64 position_units;
	u64 unit_size;
	u64 gpa;
	u64 pitch;
	u64 fetches;
	struct storm_position position[STORM_POSITIONS];
};

/* Does the position's slot cover @unit of the position? */
static inline bool storm_covers(const struct storm_position *position, u64 unit)
{
	return position->memory >= 0 && unit >= position->start &&
	       unit - position->start < position->units;
}

/* The unit of the memory that is visible at @unit of the position. */
static inline u64 storm_unit(const struct storm_position *position, u64 unit)
{
	return unit - position->start + position->offset;
}

/* Guest physical address of @unit of a position. */
static inline u64 storm_gpa(const struct storm_expected_map *map, u64 position,
			    u64 unit)
{
	return map->gpa + position * map->pitch + unit * map->unit_size;
}

/* What a load of the canary must find, if @view is what the map says. */
static inline u64 storm_expected(const struct storm_expected_map *map,
				 const struct storm_position *view,
				 u64 position, u64 unit)
{
	if (!storm_covers(view, unit))
		return storm_hole_word(storm_gpa(map, position, unit) +
				       STORM_CANARY);
	return storm_word(STORM_MARK_CANARY, (u64)view->memory,
			  view->generation, storm_unit(view, unit));
}

/**
 * enum storm_wrong - what a vCPU has found wrong
 * @STORM_WRONG_LOAD: a load found another word
 * @STORM_WRONG_LOST: a load after a store into a slot did not find the store
 * @STORM_WRONG_KEPT: a store to a read-only slot changed memory
 * @STORM_WRONG_EXIT: a store exited to user space and should not have, or did
 *	not and should have, or exited with another address or value
 * @STORM_WRONG_ALIAS: a store is not visible in another slot of the same memory
 * @STORM_WRONG_FETCH: a fetch ran other code
 * @STORM_WRONG_REFUSED: KVM refused an access to a slot
 */
enum storm_wrong {
	STORM_WRONG_LOAD,
	STORM_WRONG_LOST,
	STORM_WRONG_KEPT,
	STORM_WRONG_EXIT,
	STORM_WRONG_ALIAS,
	STORM_WRONG_FETCH,
	STORM_WRONG_REFUSED,
};

/**
 * enum storm_count - kinds of accesses; all but STORM_RACING are judged
 * @STORM_LOADS: loads from slots
 * @STORM_STORES: stores to writable slots
 * @STORM_FETCHES: fetches from slots
 * @STORM_ALIASES: stores that were found again in another slot of the memory
 * @STORM_READ_ONLY: stores to read-only slots
 * @STORM_HOLES: loads and stores outside every slot
 * @STORM_REFUSED: fetches outside every slot
 * @STORM_RACING: the position changed during the access
 * @STORM_COUNTS: number of kinds
 */
enum storm_count {
	STORM_LOADS,
	STORM_STORES,
	STORM_FETCHES,
	STORM_ALIASES,
	STORM_READ_ONLY,
	STORM_HOLES,
	STORM_REFUSED,
	STORM_RACING,
	STORM_COUNTS,
};

/**
 * struct storm_vcpu - state of a vCPU; lies over guest_vcpu.test
 * @random: its random stream
 * @count: accesses so far, by kind
 * @steps: accesses that it has started
 * @stores: stores so far
 * @fetching: 0, or a fetch is in progress: 1, or 2 if @view.sequence was even
 * @position: position of the current access
 * @unit: unit of the position
 * @view: the expected map's entry before the access; its sequence may be odd
 * @exits: accesses of this vCPU that exited to user space
 * @exit_gpa: address of the last exit
 * @exit_value: value that the last exit stored
 * @wrong: enum storm_wrong, set before the vCPU calls the host
 * @seen: what the vCPU found
 * @expected: what it expected
 */
struct storm_vcpu {
	struct random_stream random;
	u64 count[STORM_COUNTS];
	volatile u64 steps;
	u64 stores;
	volatile u64 fetching;
	u64 position;
	u64 unit;
	struct storm_position view;
	volatile u64 exits;
	volatile u64 exit_gpa;
	volatile u64 exit_value;
	u64 wrong;
	u64 seen;
	u64 expected;
};

/* The expected map lies behind the first vCPU's state. */
#define STORM_EXPECTED_OFFSET 1024
_Static_assert(sizeof(struct storm_vcpu) <= STORM_EXPECTED_OFFSET,
	       "test area too small");
_Static_assert(STORM_EXPECTED_OFFSET + sizeof(struct storm_expected_map) <=
		       GUEST_TEST_AREA,
	       "test area too small");

static inline struct storm_vcpu *storm_vcpu_of(struct guest_vcpu *guest)
{
	return (struct storm_vcpu *)guest->test;
}

/* Guest function; @map is the address of the expected map. */
void memslot_storm_guest(struct guest_vcpu *self, u64 map);

/**
 * struct memslot_storm_config - parameters of a run
 * @backing: kind of memory
 * @skewed: gpa and hva differ modulo a huge page, so no huge mapping fits
 * @vcpus: number of vCPUs, up to STORM_VCPUS
 * @units: size of each memory, units; at least 1
 * @fetches: vCPUs fetch as well. Then logging is toggled on small pages only:
 *	doc/findings/fetch-from-logged-block.md
 * @duration_ns: how long the mutators change slots
 * @pace_ms: longest time between two changes of a mutator
 */
struct memslot_storm_config {
	enum backing_kind backing;
	bool skewed;
	unsigned int vcpus;
	u64 units;
	bool fetches;
	u64 duration_ns;
	unsigned int pace_ms;
};

/**
 * memslot_storm_run() - change memslots under running vCPUs, and judge
 * @config: parameters
 *
 * Fails the case if a vCPU or a mutator finds something wrong, or if an access
 * or a change that the configuration allows never happened.
 */
void memslot_storm_run(const struct memslot_storm_config *config);

#endif
