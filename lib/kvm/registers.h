/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers that guest code compiled from C leaves alone, so that a guest can
 * keep something in them and see later that it is still there: vector and
 * floating point registers with their control words, and system registers that
 * change nothing as long as nobody uses what they are for; with an interrupt
 * controller (x86: the local APIC, in a VM with vm_config.interrupts) also its
 * registers, and an interrupt that stays pending for ever. The guest's clock.
 *
 * All may be called in *_guest.c files only.
 */
#ifndef SECMMU_REGISTERS_H
#define SECMMU_REGISTERS_H

#include <stdbool.h>

#include "kvm/guest.h"
#include "core/random.h"
#include "core/types.h"

/**
 * registers_begin() - let this vCPU use its vector registers
 * @self: the calling vCPU's block
 * @interrupts: the VM has an interrupt controller, which nobody else uses
 */
void registers_begin(struct guest_vcpu *self, bool interrupts);

/**
 * registers_fill() - put something into each of these registers
 * @token: what follows from it is different for each register
 * @interrupts: as registers_begin() was given
 */
void registers_fill(u64 token, bool interrupts);

/**
 * registers_check() - is it still there
 * @token: what registers_fill() was given
 * @interrupts: as registers_begin() was given
 *
 * Return: 0 if so; else 1 plus the number of the first register in which it is
 * not: vector registers first, then the others in the order of the source.
 */
u64 registers_check(u64 token, bool interrupts);

/**
 * registers_clock() - the clock that a guest reads without an exit
 *
 * Return: x86: TSC; arm64: CNTVCT_EL0.
 */
u64 registers_clock(void);

/* What belongs into the register with a certain number. */
static inline u64 registers_value(u64 token, u64 number)
{
	u64 mix = token + number;

	return random_splitmix(&mix);
}

#endif
