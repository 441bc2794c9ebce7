/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM's own prefix of instructions: UD2 and "kvm", which has it emulate what
 * follows (handle_ud()), where its module's parameter force_emulation_prefix is
 * on.
 */
#ifndef SECMMU_PREFIX_H
#define SECMMU_PREFIX_H

/* For inline assembly of guest code. */
#define EMULATION_PREFIX "ud2\n\t.ascii \"kvm\"\n\t"

/**
 * emulation_prefix_need() - have KVM understand the prefix, until the case ends
 *
 * Skips the case where it cannot be switched on, or where this machine is not to
 * be thrown away (no SECMMU_DESTRUCTIVE in the environment).
 */
void emulation_prefix_need(void);

#endif
