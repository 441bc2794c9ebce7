// SPDX-License-Identifier: GPL-2.0-only
/* Guest functions for cache maintenance that KVM traps. */
#include "cache_guest.h"

#define SCTLR_C (1ULL << 2)

void cache_toggle(struct guest_vcpu *self, u64 unused)
{
	u64 control;

	(void)self;
	(void)unused;
	/* No access in between, so cached data stays as it is. */
	asm volatile("mrs	%0, sctlr_el1\n"
		     "bic	%0, %0, %1\n"
		     "msr	sctlr_el1, %0\n"
		     "isb\n"
		     "orr	%0, %0, %1\n"
		     "msr	sctlr_el1, %0\n"
		     "isb\n"
		     : "=&r"(control)
		     : "r"(SCTLR_C)
		     : "memory");
}

void cache_set_way(struct guest_vcpu *self, u64 unused)
{
	(void)self;
	(void)unused;
	/* Level 1, set 0, way 0. */
	asm volatile("dc	cisw, xzr\n"
		     "dsb	sy\n"
		     :
		     :
		     : "memory");
}
