/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest work that checks itself, for as long as it is left at it: every value
 * that it reads it knows from somewhere else, so a page that is not what it was
 * is seen by the guest itself, as a failed guest assertion.
 *
 *	list	a doubly linked list of nodes that move from place to place; each
 *		has a checksum, and its neighbours in order are known
 *	log	a ring of numbered, checksummed records; what is overwritten, and
 *		what is read again, must be as it was written
 *	counters	shared by all vCPUs, added to by atomic operations, and
 *		each vCPU keeps its own account of what it has added
 *	sort	keys that are shuffled and sorted, block by block, for ever; the
 *		sum of each block is kept elsewhere
 *	registers	vector and system registers hold what was put into them
 *		(lib/registers.h), and the clock does not go backwards
 *
 * All of it, and where it stands, is in the slots under test; nothing is in the
 * control block. The vCPUs' registers and stacks have the rest.
 */
#ifndef SECMMU_WORK_H
#define SECMMU_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "guest.h"
#include "random.h"
#include "vm.h"

/* Counters that all vCPUs share, each in a page of its own. */
#define WORK_COUNTERS 16
/* Keys of a block that has a sum. */
#define WORK_BLOCK 64

/**
 * struct work_cell - a place of the list: a node, or free
 * @next: number of the cell of the node behind
 * @previous: number of the cell of the node before
 * @value: the node's place in the list, counted from its first; or WORK_FREE
 * @check: work_check() of the cell's number and all these
 */
struct work_cell {
	uint64_t next;
	uint64_t previous;
	uint64_t value;
	uint64_t check;
};

#define WORK_FREE (~0ULL)

/**
 * struct work_record - a record of the log
 * @sequence: its number, from 1
 * @payload: anything
 * @before: check of the record before
 * @check: work_check() of these
 */
struct work_record {
	uint64_t sequence;
	uint64_t payload;
	uint64_t before;
	uint64_t check;
};

/**
 * struct work - where one vCPU stands; addresses are the guest's
 * @random: its stream of choices
 * @turns: pieces of work done; the host watches it
 * @cells: the list's places
 * @cell_stride: from one to the next, bytes
 * @cell_count: their number
 * @node_count: nodes in the list
 * @walker: the cell of the node at which the walk along the list is
 * @records: the log
 * @record_stride: from one record to the next, bytes
 * @record_count: records that it has room for
 * @sequence: number of the last record
 * @last_check: its check
 * @keys: keys to sort
 * @key_count: their number, a multiple of WORK_BLOCK
 * @sums: the sum of each block of keys
 * @added: what this vCPU has added to each counter
 * @seen: the value of each counter as this vCPU has left it last
 * @token: what its registers hold
 * @clock: the latest time that it has read
 * @clock_trusted: the clock never goes backwards on this machine
 * @interrupts: the VM has an interrupt controller
 */
struct work {
	struct random_stream random;
	volatile uint64_t turns;
	uint64_t cells;
	uint64_t cell_stride;
	uint64_t cell_count;
	uint64_t node_count;
	uint64_t walker;
	uint64_t records;
	uint64_t record_stride;
	uint64_t record_count;
	uint64_t sequence;
	uint64_t last_check;
	uint64_t keys;
	uint64_t key_count;
	uint64_t sums;
	uint64_t added[WORK_COUNTERS];
	uint64_t seen[WORK_COUNTERS];
	uint64_t token;
	uint64_t clock;
	uint64_t clock_trusted;
	uint64_t interrupts;
};

/**
 * struct work_plan - what stands at the beginning of the first slot; addresses
 *	are the guest's
 * @page_size: host page size, bytes: the unit that is logged
 * @vcpu_count: vCPUs at work
 * @counters: WORK_COUNTERS pages, a counter at the beginning of each
 * @states: struct work of each vCPU
 * @state_stride: from one to the next, bytes
 */
struct work_plan {
	uint64_t page_size;
	uint64_t vcpu_count;
	uint64_t counters;
	uint64_t states;
	uint64_t state_stride;
};

/* The checksum of four words. */
static inline uint64_t work_check(uint64_t a, uint64_t b, uint64_t c,
				  uint64_t d)
{
	uint64_t hash = 0x9e3779b97f4a7c15ULL;

	hash = (hash ^ a) * 0xbf58476d1ce4e5b9ULL;
	hash = random_rotate(hash, 29);
	hash = (hash ^ b) * 0x94d049bb133111ebULL;
	hash = random_rotate(hash, 31);
	hash = (hash ^ c) * 0xbf58476d1ce4e5b9ULL;
	hash = random_rotate(hash, 27);
	hash = (hash ^ d) * 0x94d049bb133111ebULL;
	return hash ^ hash >> 32;
}

static inline uint64_t work_cell_check(uint64_t number,
				       const struct work_cell *cell)
{
	return work_check(number, cell->next, cell->previous, cell->value);
}

static inline uint64_t work_record_check(const struct work_record *record)
{
	return work_check(record->sequence, record->payload, record->before, 0);
}

/**
 * work_lay_out() - the work as it begins, in a VM's slots
 * @vm: VM
 * @slots: the slots under test, all of the same size
 * @count: their number, at least 2
 * @vcpus: how many of its vCPUs will work, from the first
 *
 * Choices come from the case's streams.
 *
 * Return: guest address of the plan, the argument of work_run().
 */
uint64_t work_lay_out(const struct vm *vm, const struct memslot *slots,
		      unsigned int count, unsigned int vcpus);

/**
 * work_turns() - how much was done so far
 * @first: the first slot under test of the VM that works
 *
 * Return: pieces of work, all vCPUs. Context: any time.
 */
uint64_t work_turns(const struct memslot *first);

/**
 * work_judge() - the counters are what all vCPUs together have added
 * @first: the first slot under test of the VM that worked
 *
 * Context: every vCPU has ended its last piece of work (crew_complete()).
 */
void work_judge(const struct memslot *first);

/* Guest function: works until guest_vcpu.stop is set. */
void work_run(struct guest_vcpu *self, uint64_t plan);

#endif
