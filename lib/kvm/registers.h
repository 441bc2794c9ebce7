/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers that compiled guest code does not use, so that a guest can store a
 * value and check later that it is still there: vector and floating-point
 * registers with their control words, system registers without effect unless
 * their feature is used and, with an interrupt controller (x86: the local APIC,
 * in a VM with vm_config.interrupts), its registers and an interrupt that stays
 * pending. Also the guest's clock.
 *
 * For *_guest.c files only.
 */
#ifndef SECMMU_REGISTERS_H
#define SECMMU_REGISTERS_H

#include <stdbool.h>

#include "kvm/guest.h"
#include "core/random.h"
#include "core/types.h"

/**
 * registers_begin() - enable this vCPU's vector registers
 * @self: the calling vCPU's block
 * @interrupts: the VM has an interrupt controller that no other code uses
 */
void registers_begin(struct guest_vcpu *self, bool interrupts);

/**
 * registers_fill() - write all these registers
 * @token: seed of the values, which differ for each register
 * @interrupts: as for registers_begin()
 */
void registers_fill(u64 token, bool interrupts);

/**
 * registers_check() - compare all these registers
 * @token: as for registers_fill()
 * @interrupts: as registers_begin() was given
 *
 * Return: 0 if all hold their values; else 1 plus the number of the first that
 * does not: vector registers first, then the others in the source's order.
 */
u64 registers_check(u64 token, bool interrupts);

/**
 * registers_clock() - read the clock that needs no exit
 *
 * Return: x86: TSC; arm64: CNTVCT_EL0.
 */
u64 registers_clock(void);

/* The value of register @number. */
static inline u64 registers_value(u64 token, u64 number)
{
	u64 mix = token + number;

	return random_splitmix(&mix);
}

#endif
