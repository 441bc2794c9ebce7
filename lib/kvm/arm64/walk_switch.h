/* SPDX-License-Identifier: GPL-2.0-only */
/* Switching to other page tables and back, in the guest: arm64. */
#ifndef SECMMU_WALK_SWITCH_H
#define SECMMU_WALK_SWITCH_H

#include "kvm/walk.h"

struct walk_before {
	u64 root;
	u64 control;
};

static inline void walk_flush(void)
{
	asm volatile("dsb ish\n\ttlbi vmalle1\n\tdsb ish\n\tisb"
		     :
		     :
		     : "memory");
}

static inline void walk_load(u64 root, u64 control)
{
	asm volatile("dsb ish\n\t"
		     "msr tcr_el1, %0\n\t"
		     "msr ttbr0_el1, %1\n\t"
		     "isb"
		     :
		     : "r"(control), "r"(root)
		     : "memory");
	walk_flush();
}

static inline void walk_enter(const struct walk *walk,
			      struct walk_before *before)
{
	asm volatile("mrs %0, ttbr0_el1" : "=r"(before->root));
	asm volatile("mrs %0, tcr_el1" : "=r"(before->control));
	walk_load(walk->root, walk->control);
}

static inline void walk_leave(const struct walk_before *before)
{
	walk_load(before->root, before->control);
}

#endif
