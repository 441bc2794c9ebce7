/* SPDX-License-Identifier: GPL-2.0-only */
/* Model-specific registers by which a guest tells KVM where to write. */
#ifndef SECMMU_MSR_LIST_H
#define SECMMU_MSR_LIST_H

#include "../write_vm.h"
#include "core/types.h"

#define MSR_LIST_MAX 8
/* Page of the slot in which KVM has its word: at the seam of a bitmap's words. */
#define WORD_PAGE 63

/**
 * struct msr_list - what write_msrs() writes; lies over guest_vcpu.test
 * @count: registers
 * @number: of each
 * @value: of each
 * @clear: first a word that is set to 0, guest address; 0: none
 * @seen: for whoever looks at something else
 */
struct msr_list {
	u64 count;
	u64 number[MSR_LIST_MAX];
	u64 value[MSR_LIST_MAX];
	u64 clear;
	u64 seen;
};

static inline struct msr_list *msr_list_of(struct guest_vcpu *self)
{
	return (struct msr_list *)self->test;
}

/* Have the guest write one register. */
void guest_writes_msr(struct write_vm *fixture, u32 number, u64 value);

/* The guest takes KVM's word away, and the register with it; that is judged. */
void guest_clears_word(struct write_vm *fixture, u32 number);

/* Skips where KVM does not offer a guest this bit of KVM_CPUID_FEATURES. */
void need_paravirtual(unsigned int bit, const char *what);

/* Guest functions. */
void write_msrs(struct guest_vcpu *self, u64 unused);
void begin_apic(struct guest_vcpu *self, u64 unused);
void take_interrupt(struct guest_vcpu *self, u64 vector);

#endif
