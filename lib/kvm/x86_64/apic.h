/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * x86's interrupt controllers: guest functions for the local APIC, and host
 * functions for the interrupts of a VM with vm_config.interrupts.
 *
 * See the AMD64 Architecture Programmer's Manual (APM), volume 2, chapter 16,
 * and the Intel SDM, volume 3, chapter 11.
 */
#ifndef SECMMU_APIC_H
#define SECMMU_APIC_H

#include <stdbool.h>

#include "kvm/guest.h"
#include "kvm/vm.h"
#include "core/types.h"

/* How a guest accesses its local APIC: by memory or by MSRs. */
enum apic_mode {
	APIC_XAPIC,
	APIC_X2APIC,
};

/* Number of CPUs that an xAPIC's flat logical mode can address. */
#define APIC_LOGICAL_MAX 8

/* The interrupt command register. */
#define APIC_FIXED    0x00000U
#define APIC_LOWEST   0x00100U
#define APIC_NMI      0x00400U
#define APIC_LOGICAL  0x00800U
#define APIC_ASSERT   0x04000U
#define APIC_TO_SELF  0x40000U
#define APIC_TO_ALL   0x80000U
#define APIC_TO_OTHER 0xc0000U

/* Functions for the host. */

/**
 * apic_map() - map the local APIC's page in the guest
 * @vm: VM
 */
void apic_map(struct vm *vm);

/**
 * struct apic_state - interrupts of a local APIC
 * @pending: vectors that are pending (IRR), one bit each
 * @in_service: vectors that are in service (ISR), one bit each
 */
struct apic_state {
	u64 pending[4];
	u64 in_service[4];
};

/**
 * apic_state() - read the state of a vCPU's local APIC
 * @vcpu: vCPU, not in KVM_RUN
 *
 * Return: its state.
 */
struct apic_state apic_state(struct vcpu *vcpu);

/**
 * apic_block_interrupts() - have KVM inject no interrupts into a vCPU
 * @vcpu: vCPU, not in KVM_RUN
 * @block: true: block; false: allow again
 *
 * Uses KVM_GUESTDBG_BLOCKIRQ. Interrupts sent meanwhile stay pending.
 */
void apic_block_interrupts(struct vcpu *vcpu, bool block);

/**
 * apic_enable_synic() - enable Hyper-V's synthetic interrupt controller
 * @vcpu: vCPU, not in KVM_RUN
 *
 * Skips the case if the kernel does not support it.
 */
void apic_enable_synic(struct vcpu *vcpu);

/**
 * apic_set_auto_eoi() - set whether a SynIC vector needs an end of interrupt
 * @vcpu: vCPU with apic_enable_synic(), not in KVM_RUN
 * @vector: the vector
 * @automatic: true: the interrupt ends by itself
 */
void apic_set_auto_eoi(struct vcpu *vcpu, u8 vector, bool automatic);

/**
 * apic_set_virtual() - have KVM write a vCPU's task priority to memory
 * @vcpu: vCPU, not in KVM_RUN
 * @gpa: address of 4 bytes that KVM writes at every entry (KVM_SET_VAPIC_ADDR);
 *	0: none
 */
void apic_set_virtual(struct vcpu *vcpu, u64 gpa);

/**
 * pic_pulse() - raise and lower a line of the 8259A PICs
 * @vm: VM
 * @line: 0 to 15
 */
void pic_pulse(struct vm *vm, unsigned int line);

/**
 * pit_create() - add an 8254 PIT, not started
 * @vm: VM
 */
void pit_create(struct vm *vm);

/**
 * pit_set_reinject() - set what KVM does with missed ticks
 * @vm: VM with pit_create()
 * @reinject: true: inject them later; false: drop them
 */
void pit_set_reinject(struct vm *vm, bool reinject);

/**
 * apic_judge_possible() - check that no vCPU took an interrupt that no CPU
 *	would take
 * @vm: VM; none of its vCPUs may run
 *
 * That is an interrupt while interrupts are disabled, or between STI and HLT.
 * Fails the case; in an emulated machine, where this is a bug of the emulator
 * (doc/emulator.md), it only reports it: the guest has undone such interrupts.
 */
void apic_judge_possible(const struct vm *vm);

/* Functions for guest code. */

/**
 * apic_begin() - enable the calling vCPU's local APIC
 * @self: the calling vCPU's block
 * @mode: how to access it
 *
 * Its logical ID is the bit with the vCPU's index; in x2APIC mode that follows
 * from the APIC ID.
 */
void apic_begin(struct guest_vcpu *self, enum apic_mode mode);

/**
 * apic_set_logical() - change the logical ID (xAPIC only)
 * @bits: new logical ID
 */
void apic_set_logical(u32 bits);

/**
 * apic_set_id() - change the APIC ID (xAPIC only)
 * @id: new APIC ID
 */
void apic_set_id(u32 id);

/**
 * apic_send() - send an interrupt
 * @mode: as for apic_begin()
 * @destination: APIC ID; with APIC_LOGICAL, bits of logical IDs; ignored with
 *	APIC_TO_*
 * @command: vector and APIC_* bits
 */
void apic_send(enum apic_mode mode, u32 destination, u32 command);

/**
 * apic_send_self() - send a self-IPI by the x2APIC's SELF IPI register
 * @vector: the vector
 */
void apic_send_self(u32 vector);

/**
 * apic_end() - signal the end of an interrupt
 * @mode: as for apic_begin()
 */
void apic_end(enum apic_mode mode);

/**
 * apic_accept_pic() - accept interrupts of the PIC and initialize it
 * @mode: as for apic_begin()
 * @vector: vector of line 0, a multiple of 8; its interrupts need pic_end()
 */
void apic_accept_pic(enum apic_mode mode, u8 vector);

/**
 * pic_end() - signal the end of a PIC interrupt
 */
void pic_end(void);

static inline void interrupts_on(void)
{
	asm volatile("sti\n\tnop" : : : "memory");
}

static inline void interrupts_off(void)
{
	asm volatile("cli" : : : "memory");
}

/* Enable interrupts and halt until one arrives, without a gap in between. */
void interrupts_await(void);

static inline void cpu_relax(void)
{
	asm volatile("pause" : : : "memory");
}

#endif /* SECMMU_APIC_H */
