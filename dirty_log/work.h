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

#include "kvm/guest.h"
#include "core/random.h"
#include "kvm/vm.h"
#include "core/types.h"

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
	u64 next;
	u64 previous;
	u64 value;
	u64 check;
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
	u64 sequence;
	u64 payload;
	u64 before;
	u64 check;
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
	volatile u64 turns;
	u64 cells;
	u64 cell_stride;
	u64 cell_count;
	u64 node_count;
	u64 walker;
	u64 records;
	u64 record_stride;
	u64 record_count;
	u64 sequence;
	u64 last_check;
	u64 keys;
	u64 key_count;
	u64 sums;
	u64 added[WORK_COUNTERS];
	u64 seen[WORK_COUNTERS];
	u64 token;
	u64 clock;
	u64 clock_trusted;
	u64 interrupts;
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
	u64 page_size;
	u64 vcpu_count;
	u64 counters;
	u64 states;
	u64 state_stride;
};

/* The checksum of four words. */
static inline u64 work_check(u64 a, u64 b, u64 c, u64 d)
{
	u64 hash = 0x9e3779b97f4a7c15ULL;

	hash = (hash ^ a) * 0xbf58476d1ce4e5b9ULL;
	hash = random_rotate(hash, 29);
	hash = (hash ^ b) * 0x94d049bb133111ebULL;
	hash = random_rotate(hash, 31);
	hash = (hash ^ c) * 0xbf58476d1ce4e5b9ULL;
	hash = random_rotate(hash, 27);
	hash = (hash ^ d) * 0x94d049bb133111ebULL;
	return hash ^ hash >> 32;
}

static inline u64 work_cell_check(u64 number, const struct work_cell *cell)
{
	return work_check(number, cell->next, cell->previous, cell->value);
}

static inline u64 work_record_check(const struct work_record *record)
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
u64 work_lay_out(const struct vm *vm, const struct memslot *slots,
		 unsigned int count, unsigned int vcpus);

/**
 * work_turns() - how much was done so far
 * @first: the first slot under test of the VM that works
 *
 * Return: pieces of work, all vCPUs. Context: any time.
 */
u64 work_turns(const struct memslot *first);

/**
 * work_judge() - the counters are what all vCPUs together have added
 * @first: the first slot under test of the VM that worked
 *
 * Context: every vCPU has ended its last piece of work (vcpu_threads_complete()).
 */
void work_judge(const struct memslot *first);

/* Guest function: works until guest_vcpu.stop is set. */
void work_run(struct guest_vcpu *self, u64 plan);

#endif
