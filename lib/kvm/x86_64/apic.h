/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * x86's interrupt controllers: what a guest does with its local APIC, and what a
 * host does about the interrupts of a VM. The VM has vm_config.interrupts.
 *
 * Rules are those of the AMD64 Architecture Programmer's Manual, volume 2,
 * chapter 16, and the Intel SDM, volume 3, chapter 11.
 */
#ifndef SECMMU_APIC_H
#define SECMMU_APIC_H

#include <stdbool.h>

#include "kvm/guest.h"
#include "kvm/vm.h"
#include "core/types.h"

/* By which way a guest reaches its local APIC: memory, or MSRs. */
enum apic_mode {
	APIC_XAPIC,
	APIC_X2APIC,
};

/* How many CPUs an xAPIC's flat logical mode can name. */
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

/* Words for the host. */

/**
 * apic_map() - let a guest reach its local APIC by memory
 * @vm: VM
 */
void apic_map(struct vm *vm);

/**
 * struct apic_state - what a local APIC has to do
 * @pending: vectors that were sent and not taken yet (IRR), a bit each
 * @in_service: vectors that were taken and not ended yet (ISR)
 */
struct apic_state {
	u64 pending[4];
	u64 in_service[4];
};

/**
 * apic_state() - look at a vCPU's local APIC
 * @vcpu: vCPU, not in KVM_RUN
 *
 * Return: its state.
 */
struct apic_state apic_state(struct vcpu *vcpu);

/**
 * apic_block_interrupts() - have KVM give a vCPU no interrupts for a while
 * @vcpu: vCPU, not in KVM_RUN
 * @block: whether it is to
 *
 * By KVM_GUESTDBG_BLOCKIRQ. What is sent meanwhile stays pending.
 */
void apic_block_interrupts(struct vcpu *vcpu, bool block);

/**
 * apic_enable_synic() - give a vCPU Hyper-V's interrupt controller
 * @vcpu: vCPU, not in KVM_RUN
 *
 * Skips the case where the kernel has none.
 */
void apic_enable_synic(struct vcpu *vcpu);

/**
 * apic_set_auto_eoi() - a vector of it needs no end of interrupt, or does again
 * @vcpu: vCPU with apic_enable_synic(), not in KVM_RUN
 * @vector: the vector
 * @automatic: whether it ends by itself
 */
void apic_set_auto_eoi(struct vcpu *vcpu, u8 vector, bool automatic);

/**
 * apic_set_virtual() - have KVM tell in memory what a vCPU's task priority is
 * @vcpu: vCPU, not in KVM_RUN
 * @gpa: where: 4 bytes that KVM writes at every entry (KVM_SET_VAPIC_ADDR); 0:
 *	nowhere
 */
void apic_set_virtual(struct vcpu *vcpu, u64 gpa);

/**
 * pic_pulse() - raise and lower a line of the two interrupt controllers of a PC
 * @vm: VM
 * @line: 0 to 15
 */
void pic_pulse(struct vm *vm, unsigned int line);

/**
 * pit_create() - give a VM the timer of a PC, which has not been started
 * @vm: VM
 */
void pit_create(struct vm *vm);

/**
 * pit_set_reinject() - what KVM does with ticks that a guest was late for
 * @vm: VM with pit_create()
 * @reinject: give them to it later; else they are lost
 */
void pit_set_reinject(struct vm *vm, bool reinject);

/**
 * apic_judge_possible() - no vCPU took an interrupt when a CPU cannot
 * @vm: VM, none of whose vCPUs runs
 *
 * While it had them off, or between STI and HLT. Fails the case for that, but in
 * an emulated machine, where it is the emulator's fault (doc/emulator.md) and
 * only said: such an interrupt was made undone.
 */
void apic_judge_possible(const struct vm *vm);

/* Words for guest code. */

/**
 * apic_begin() - a vCPU enables its local APIC
 * @self: the calling vCPU's block
 * @mode: which way
 *
 * Its logical ID is the bit with the number of the vCPU, which in x2APIC mode
 * follows from its APIC ID.
 */
void apic_begin(struct guest_vcpu *self, enum apic_mode mode);

/**
 * apic_set_logical() - change the logical ID, which only an xAPIC can
 * @bits: bits of its logical ID
 */
void apic_set_logical(u32 bits);

/**
 * apic_set_id() - change the APIC ID, which only an xAPIC can
 * @id: the new one
 */
void apic_set_id(u32 id);

/**
 * apic_send() - send an interrupt to other vCPUs, or to itself
 * @mode: the way that apic_begin() was given
 * @destination: APIC ID; bits of logical IDs with APIC_LOGICAL; or nothing with
 *	APIC_TO_*
 * @command: the vector, APIC_*
 */
void apic_send(enum apic_mode mode, u32 destination, u32 command);

/**
 * apic_send_self() - send an interrupt to itself, by an x2APIC's own register
 * @vector: the vector
 */
void apic_send_self(u32 vector);

/**
 * apic_end() - end of an interrupt
 * @mode: the way that apic_begin() was given
 */
void apic_end(enum apic_mode mode);

/**
 * apic_accept_pic() - take the interrupts of the PIC, and begin it
 * @mode: the way that apic_begin() was given
 * @vector: that of line 0, a multiple of 8. They need pic_end()
 */
void apic_accept_pic(enum apic_mode mode, u8 vector);

/**
 * pic_end() - end of an interrupt of the PIC
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

/* Let interrupts in and sleep until there is one, with nothing in between. */
void interrupts_await(void);

static inline void cpu_relax(void)
{
	asm volatile("pause" : : : "memory");
}

#endif /* SECMMU_APIC_H */
