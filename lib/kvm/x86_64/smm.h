/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System management mode: a second address space of a VM, which a vCPU uses
 * while it handles an SMI (Intel SDM volume 3, chapter 32; APM volume 2,
 * chapter 10).
 */
#ifndef SECMMU_SMM_H
#define SECMMU_SMM_H

#include "kvm/vm.h"
#include "core/types.h"

/* Id of a slot in this address space. */
#define SMM_SLOT(id) (1U << 16 | (id))

/* Offsets from SMBASE: the handler, and the saved CPU state. */
#define SMM_HANDLER 0x8000
#define SMM_STATE   0xfe00

/**
 * smm_need() - skip the case if VMs have no SMM
 * @vm: VM
 */
void smm_need(struct vm *vm);

/**
 * smm_place() - set a vCPU's SMBASE
 * @vcpu: vCPU, not in KVM_RUN
 * @base: guest physical address, a multiple of 32 KiB below 4 GiB
 */
void smm_place(struct vcpu *vcpu, u64 base);

/**
 * smm_lay_handler() - write a handler that adds 1 to a word and returns
 * @base: host address of SMBASE
 * @word: guest physical address of the word, below 4 GiB
 */
void smm_lay_handler(void *base, u32 word);

/**
 * smm_interrupt() - inject an SMI at the next KVM_RUN
 * @vcpu: vCPU, not in KVM_RUN
 */
void smm_interrupt(struct vcpu *vcpu);

#endif
