/* SPDX-License-Identifier: GPL-2.0-only */
/* An L2 with AVIC, whose tables other vCPUs of L1 write to. */
#ifndef AVIC_NESTED_H
#define AVIC_NESTED_H

#include "kvm/x86_64/svm.h"
#include "core/types.h"

#define NESTED_VECTOR 0x51

/**
 * struct nested_guest - L1's; lies over guest_vcpu.test
 * @svm: its L2
 * @backing: L2's virtual APIC page, guest address, as the others are
 * @physical: the physical-ID table
 * @logical: the logical-ID table
 * @highest: the highest entry of @physical
 * @rounds: how many interrupts L2 is to send to itself
 * @taken: how many it has taken
 */
struct nested_guest {
	struct svm_nested svm;
	u64 backing;
	u64 physical;
	u64 logical;
	u64 highest;
	u64 rounds;
	volatile u64 taken;
};

static inline struct nested_guest *nested_of(struct guest_vcpu *guest)
{
	return (struct nested_guest *)guest->test;
}

/* Guest function. */
void nested_run(struct guest_vcpu *self, u64 unused);

#endif /* AVIC_NESTED_H */
