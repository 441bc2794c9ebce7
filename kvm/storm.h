/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A storm of memslots: places in guest physical memory where slots come, move
 * and go while vCPUs load, store and fetch there, and what the vCPUs must find.
 *
 * The oracle. The host says on a board, which the guest reads in place, what is
 * where. A place's entry is odd while KVM is asked to change it; an access that
 * began and ended under one even number must find what the entry says:
 *
 *	a slot		the memory's canary, which tells the memory, its page, and
 *			how many lives it had as memory of slots; a store stays; a
 *			fetch runs the code of that page
 *	read-only	loads and fetches as above, a store ends in user space
 *	no slot		loads and stores end in user space, with their address;
 *			a fetch is refused
 *
 * Accesses while it is odd are made as well, and judged by nobody: they are what
 * a change has to cope with. Memory that no writable slot has must not change.
 */
#ifndef SECMMU_STORM_H
#define SECMMU_STORM_H

#include <stdbool.h>

#include "mem/backing.h"
#include "kvm/guest.h"
#include "core/random.h"
#include "core/types.h"

#define STORM_PLACES 6
/* In each page that is accessed, bytes from its beginning. */
#define STORM_CANARY 0
#define STORM_CODE   64
#define STORM_WORDS  256
#define STORM_VCPUS  64

/**
 * enum storm_mark - what a word is, in its highest byte
 * @STORM_MARK_CANARY: memory of a slot
 * @STORM_MARK_DEAD: memory of no slot
 * @STORM_MARK_FROZEN: what a vCPU's word is in memory that nobody can write
 * @STORM_MARK_CODE: what code returns
 * @STORM_MARK_HOLE: what user space answers where no memory is
 */
enum storm_mark {
	STORM_MARK_CANARY = 0xca,
	STORM_MARK_DEAD = 0xde,
	STORM_MARK_FROZEN = 0xf0,
	STORM_MARK_CODE = 0xc0,
	STORM_MARK_HOLE = 0xee,
};

/* A word of memory: whose, of which life, of which unit. */
static inline u64 storm_word(enum storm_mark mark, u64 memory, u64 generation,
			     u64 unit)
{
	return (u64)mark << 56 | (memory & 0xff) << 48 |
	       (generation & 0xffffff) << 24 | (unit & 0xffffff);
}

/* What user space answers a load. */
static inline u64 storm_hole_word(u64 gpa)
{
	return (u64)STORM_MARK_HOLE << 56 | gpa >> 3;
}

/**
 * struct storm_place - what is at a place
 * @sequence: odd while it changes
 * @memory: the memory's number; -1: no slot
 * @generation: how many lives the memory had
 * @start: where in the place the slot begins, units
 * @units: its size
 * @offset: where in the memory it begins, units
 * @read_only: stores are not for it
 */
struct storm_place {
	volatile u64 sequence;
	s64 memory;
	u64 generation;
	u64 start;
	u64 units;
	u64 offset;
	u64 read_only;
};

/**
 * struct storm_expected_map - all places; in the control block
 * @places: how many there are
 * @place_units: the size of each, units; a slot need not fill it
 * @unit_size: bytes; the first page of each unit is accessed
 * @gpa: where the first place begins; mapped one to one
 * @pitch: from one place to the next, bytes
 * @fetches: vCPUs fetch, too
 * @place: the places
 */
struct storm_expected_map {
	u64 places;
	u64 place_units;
	u64 unit_size;
	u64 gpa;
	u64 pitch;
	u64 fetches;
	struct storm_place place[STORM_PLACES];
};

/* Does the slot of a place have a unit of the place. */
static inline bool storm_has(const struct storm_place *place, u64 unit)
{
	return place->memory >= 0 && unit >= place->start &&
	       unit - place->start < place->units;
}

/* The unit of the memory that is at a unit of the place. */
static inline u64 storm_unit(const struct storm_place *place, u64 unit)
{
	return unit - place->start + place->offset;
}

/* Where a place's unit is. */
static inline u64 storm_gpa(const struct storm_expected_map *expected_map,
			    u64 place, u64 unit)
{
	return expected_map->gpa + place * expected_map->pitch +
	       unit * expected_map->unit_size;
}

/* What a load of the canary must find. */
static inline u64 storm_due(const struct storm_expected_map *expected_map,
			    const struct storm_place *view, u64 place, u64 unit)
{
	if (!storm_has(view, unit))
		return storm_hole_word(storm_gpa(expected_map, place, unit) +
				       STORM_CANARY);
	return storm_word(STORM_MARK_CANARY, (u64)view->memory,
			  view->generation, storm_unit(view, unit));
}

/**
 * enum storm_wrong - what is wrong
 * @STORM_WRONG_LOAD: a load found something else
 * @STORM_WRONG_LOST: a store into a slot is not there
 * @STORM_WRONG_KEPT: a store is there that should have ended in user space
 * @STORM_WRONG_EXIT: user space saw a store that was none of its business, did
 *	not see one that was, or saw another one
 * @STORM_WRONG_ALIAS: a store is not in the other slot of the same memory
 * @STORM_WRONG_FETCH: other code ran
 * @STORM_WRONG_REFUSED: an access to memory was refused
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
 * struct storm_count - accesses that were judged, but for @racing
 * @loads: in slots
 * @stores: in slots
 * @fetches: in slots
 * @aliases: stores that were looked at by another slot
 * @read_only: stores to read-only slots
 * @holes: loads and stores where no slot is
 * @refused: fetches where no slot is
 * @racing: a change came between
 */
struct storm_count {
	u64 loads;
	u64 stores;
	u64 fetches;
	u64 aliases;
	u64 read_only;
	u64 holes;
	u64 refused;
	u64 racing;
};

/**
 * struct storm_vcpu - a vCPU's own; lies over guest_vcpu.test
 * @random: its stream
 * @count: what it has done
 * @steps: accesses that were begun
 * @stores: stores so far
 * @fetching: it is about to fetch
 * @place: where it is about to access
 * @unit: the place's unit
 * @view: what was there before; its sequence may be odd
 * @exits: accesses of this vCPU that user space saw
 * @exit_gpa: the last one's address
 * @exit_value: the word that it stored
 * @wrong: enum storm_wrong, before it calls the host
 * @seen: what it found
 * @due: what was due
 */
struct storm_vcpu {
	struct random_stream random;
	struct storm_count count;
	volatile u64 steps;
	u64 stores;
	volatile u64 fetching;
	u64 place;
	u64 unit;
	struct storm_place view;
	volatile u64 exits;
	volatile u64 exit_gpa;
	volatile u64 exit_value;
	u64 wrong;
	u64 seen;
	u64 due;
};

/* The board is behind the first vCPU's own. */
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

/* Guest function; the argument is the board's address. */
void storm_guest(struct guest_vcpu *self, u64 expected_map);

/**
 * struct storm_config - a storm
 * @backing: kind of memory
 * @skewed: gpa and hva differ modulo a huge page, so none fits
 * @vcpus: number of vCPUs, up to STORM_VCPUS
 * @units: of each memory, at least
 * @fetches: vCPUs fetch as well. Logging is then flipped on small pages only:
 *	doc/findings/fetch-from-logged-block.md
 * @duration_ns: how long
 * @pace_ms: a slot stays as it is so long at most
 */
struct storm_config {
	enum backing_kind backing;
	bool skewed;
	unsigned int vcpus;
	u64 units;
	bool fetches;
	u64 duration_ns;
	unsigned int pace_ms;
};

/**
 * storm_run() - the storm, and what came of it
 * @config: what to do
 */
void storm_run(const struct storm_config *config);

#endif
