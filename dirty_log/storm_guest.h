/* SPDX-License-Identifier: GPL-2.0-only */
/* What vCPUs do to memory in a storm. */
#ifndef SECMMU_STORM_GUEST_H
#define SECMMU_STORM_GUEST_H

#include "kvm/guest.h"
#include "dirty/ledger.h"
#include "core/random.h"

/**
 * struct storm_work - what storm_store() is to do; lies over guest_vcpu.test
 * @gva: the slot, guest virtual address
 * @pages: its host pages
 * @turn: the address of a page is @gva and so many pages less than its number, or
 *	as many pages from the end: what nested page tables turn (x86's l2.h)
 * @page_size: host page size, bytes
 * @block: pages of a huge page, a power of two
 * @entries: this vCPU's entries of the ledger, by page
 * @near: pages that are written again and again before others are chosen
 * @random: the vCPU's own stream
 * @sequence: stores so far
 */
struct storm_work {
	u64 gva;
	u64 pages;
	u64 turn;
	u64 page_size;
	u64 block;
	struct ledger_entry *entries;
	u64 near;
	struct random_stream random;
	volatile u64 sequence;
};

_Static_assert(sizeof(struct storm_work) <= GUEST_TEST_AREA,
	       "test area too small");

static inline struct storm_work *storm_work_of(struct guest_vcpu *guest)
{
	return (struct storm_work *)guest->test;
}

/* Guest function: store until asked to stop, and judge what was there before. */
void storm_store(struct guest_vcpu *self, u64 unused);

#endif
