/* SPDX-License-Identifier: GPL-2.0-only */
/* Switching to other page tables and back, in the guest: x86. */
#ifndef SECMMU_WALK_SWITCH_H
#define SECMMU_WALK_SWITCH_H

#include "kvm/walk.h"

struct walk_before {
	u64 root;
};

/* Loading CR3 flushes all translations: no page here is global. */
static inline void walk_load(u64 root)
{
	asm volatile("movq %0, %%cr3" : : "r"(root) : "memory");
}

static inline void walk_enter(const struct walk *walk,
			      struct walk_before *before)
{
	asm volatile("movq %%cr3, %0" : "=r"(before->root));
	walk_load(walk->root);
}

static inline void walk_leave(const struct walk_before *before)
{
	walk_load(before->root);
}

static inline void walk_flush(void)
{
	struct walk_before before;

	asm volatile("movq %%cr3, %0" : "=r"(before.root));
	walk_leave(&before);
}

#endif
