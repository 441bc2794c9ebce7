/* SPDX-License-Identifier: GPL-2.0-only */
/* Model-specific registers by which a guest tells KVM where to write. */
#ifndef SECMMU_MSR_LIST_H
#define SECMMU_MSR_LIST_H

#include <stdint.h>

#include "../stage.h"

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
	uint64_t count;
	uint64_t number[MSR_LIST_MAX];
	uint64_t value[MSR_LIST_MAX];
	uint64_t clear;
	uint64_t seen;
};

static inline struct msr_list *msr_list_of(struct guest_vcpu *self)
{
	return (struct msr_list *)self->test;
}

/* Have the guest write one register. */
void guest_writes_msr(struct stage *stage, uint32_t number, uint64_t value);

/* The guest takes KVM's word away, and the register with it; that is judged. */
void guest_clears_word(struct stage *stage, uint32_t number);

/* Skips where KVM does not offer a guest this bit of KVM_CPUID_FEATURES. */
void need_paravirtual(unsigned int bit, const char *what);

/* Guest functions. */
void write_msrs(struct guest_vcpu *self, uint64_t unused);
void begin_apic(struct guest_vcpu *self, uint64_t unused);
void take_interrupt(struct guest_vcpu *self, uint64_t vector);

#endif
