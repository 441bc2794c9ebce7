/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One vCPU that makes known stores, and a dirty ring whose entries are these
 * pages, in that order.
 */
#ifndef SECMMU_RING_ORDER_H
#define SECMMU_RING_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "dirty/mirror.h"
#include "core/random.h"
#include "dirty/dirty_vm.h"
#include "core/types.h"

#define ORDER_SLOTS	 2
#define ORDER_STORES_MAX 66000

/* A store: a page of a slot. */
struct order_store {
	unsigned int slot;
	u64 page;
};

/**
 * struct order - a vCPU that writes, and what its ring has to say
 * @fixture: VM, slots and harvester
 * @mirror: of each slot
 * @vcpu: that writes
 * @random: the case's stream
 * @stores: what is written, in this order
 * @count: number of @stores
 * @checked: how many of them were taken out of the ring
 * @full_exits: how often the ring was full
 * @most: entries that may wait at an exit
 * @take: takes entries out of the ring, at most so many
 * @when: what a failure adds to its text, ", after ..."; empty at first
 */
struct order {
	struct dirty_vm fixture;
	struct mirror *mirror[ORDER_SLOTS];
	struct vcpu *vcpu;
	struct random_stream random;
	struct order_store *stores;
	size_t count;
	size_t checked;
	u64 full_exits;
	u32 most;
	u64 (*take)(struct dirty_log *dirty, u32 most);
	const char *when;
};

/**
 * order_begin() - make the VM
 * @order: filled in
 * @mode: a kind of ring
 * @entries: of the ring; 0: the usual size
 * @pages: of each slot, at least
 *
 * Skips the case where the machine's ring has an order of its own.
 */
void order_begin(struct order *order, enum dirty_mode mode, u32 entries,
		 u64 pages);

/**
 * order_end() - take it down
 * @order: begun
 */
void order_end(struct order *order);

/**
 * order_put() - one store more
 * @order: begun
 * @slot: 0 up to ORDER_SLOTS - 1
 * @page: of that slot
 */
void order_put(struct order *order, unsigned int slot, u64 page);

/**
 * order_enable() - all pages are written, then all slots are logged
 * @order: begun
 */
void order_enable(struct order *order);

/**
 * order_start() - have the vCPU begin with some of the stores
 * @order: enabled
 * @first: from this one on
 *
 * Return: the first one that it will not make.
 */
size_t order_start(struct order *order, size_t first);

/**
 * order_run() - run until the ring is full or the stores are made
 * @order: started
 *
 * Fails unless all that waits in the ring are the next stores, and it was full
 * when it had to be.
 *
 * Return: true if the stores are made.
 */
bool order_run(struct order *order);

/**
 * order_match() - the entries that wait are the next stores, in order
 * @order: started
 * @most: look at so many entries at most
 *
 * Return: how many stores the ring has told of, with those of earlier entries.
 */
size_t order_match(const struct order *order, u32 most);

/**
 * order_take() - harvest entries, and reset them
 * @order: started; the vCPU is not in KVM_RUN
 * @most: at most so many
 */
void order_take(struct order *order, u32 most);

/**
 * order_take_all() - harvest all entries and reset them
 * @order: started; the vCPU is not in KVM_RUN
 * @parts: in several parts of random size
 */
void order_take_all(struct order *order, bool parts);

/**
 * order_write_all() - make all stores, to pages that are protected
 * @order: enabled
 * @parts: see order_take_all()
 *
 * Fails unless each is in the ring once, and memory is as the ring tells it.
 */
void order_write_all(struct order *order, bool parts);

/**
 * order_judge_memory() - memory is as the ring has told it
 * @order: all entries were taken
 */
void order_judge_memory(struct order *order);

#endif
