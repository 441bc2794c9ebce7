/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that counts in memory: whatever happens to the memory meanwhile, the
 * counts must add up to what it did.
 */
#ifndef SECMMU_TALLY_GUEST_H
#define SECMMU_TALLY_GUEST_H

#include "kvm/guest.h"
#include "core/random.h"
#include "core/types.h"

/**
 * struct tally - what tally_run() is to do; lies over guest_vcpu.test
 * @gva: guest virtual address of the memory's first page
 * @pages: its pages
 * @page_size: bytes of each
 * @random: the vCPU's own stream
 * @count: additions so far: one of these may be in memory and not in here yet
 *
 * In each page, each vCPU has a word of its own, number guest_vcpu.index.
 */
struct tally {
	u64 gva;
	u64 pages;
	u64 page_size;
	struct random_stream random;
	volatile u64 count;
};

static inline struct tally *tally_of(struct guest_vcpu *guest)
{
	return (struct tally *)guest->test;
}

_Static_assert(sizeof(struct tally) <= GUEST_TEST_AREA, "test area too small");

/* Guest function: adds 1 to a word in one page after the other, at random. */
void tally_run(struct guest_vcpu *self, u64 unused);

#endif
