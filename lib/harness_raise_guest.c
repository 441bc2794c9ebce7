// SPDX-License-Identifier: GPL-2.0-only
/* Guest functions that raise exceptions on every architecture. */
#include "harness_raise.h"

void harness_load(struct guest_vcpu *self, u64 address)
{
	(void)self;
	(void)*(volatile u64 *)(uintptr_t)address;
}

void harness_store_to(struct guest_vcpu *self, u64 address)
{
	(void)self;
	*(volatile u64 *)(uintptr_t)address = 1;
}

void harness_call(struct guest_vcpu *self, u64 address)
{
	(void)self;
	((void (*)(void))(uintptr_t)address)();
}
