// SPDX-License-Identifier: GPL-2.0-only
/* Guest functions that depend on the architecture: arm64. */
#include "kvm/guest.h"

struct guest_vcpu *guest_self(void)
{
	struct guest_vcpu *self;

	/* Set by arch_vcpu_init(). */
	asm volatile("mrs %0, tpidr_el1" : "=r"(self));
	return self;
}

void guest_fetch_barrier(void)
{
	asm volatile("isb" : : : "memory");
}

void guest_hypercall(struct guest_vcpu *self)
{
	/*
	 * A plain store, so that the exit has a valid instruction syndrome
	 * (ISV) and KVM passes it to user space as MMIO.
	 */
	asm volatile("str wzr, [%0]" : : "r"(self->hypercall) : "memory");
}
