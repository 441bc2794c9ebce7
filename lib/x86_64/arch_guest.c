// SPDX-License-Identifier: GPL-2.0-only
/* The guest's own words that differ by architecture: x86. */
#include "guest.h"
#include "layout_x86.h"

struct guest_vcpu *guest_self(void)
{
	struct guest_vcpu *self;

	/* GS base is the block (arch_vcpu_init()); its first field is itself. */
	asm volatile("movq %%gs:0, %0" : "=r"(self));
	return self;
}

void guest_hypercall(struct guest_vcpu *self)
{
	(void)self;
	asm volatile("outb %%al, %0"
		     :
		     : "i"(HYPERCALL_PORT), "a"(0)
		     : "memory");
}
