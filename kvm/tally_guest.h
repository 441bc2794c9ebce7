/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that counts in memory. Whatever happens to the memory meanwhile, the
 * counts in memory must add up to the additions that the guest made.
 */
#ifndef SECMMU_TALLY_GUEST_H
#define SECMMU_TALLY_GUEST_H

#include "kvm/guest.h"
#include "core/random.h"
#include "core/types.h"

/**
 * struct tally - what tally_run() does; lies over guest_vcpu.test
 * @gva: guest virtual address of the memory's first page
 * @pages: number of pages
 * @page_size: bytes
 * @random: the vCPU's random stream
 * @count: additions so far; memory may hold one more
 *
 * Each vCPU has a word in each page, number guest_vcpu.index.
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

/*
 * Guest function: add 1 to the vCPU's word in a random page, until told to
 * stop.
 */
void tally_run(struct guest_vcpu *self, u64 unused);

#endif
