// SPDX-License-Identifier: GPL-2.0-only
/* Guest functions that raise exceptions on every architecture. */
#include "harness_raise.h"

void harness_load(struct guest_vcpu *self, uint64_t address)
{
	(void)self;
	(void)*(volatile uint64_t *)(uintptr_t)address;
}

void harness_store_to(struct guest_vcpu *self, uint64_t address)
{
	(void)self;
	*(volatile uint64_t *)(uintptr_t)address = 1;
}

void harness_call(struct guest_vcpu *self, uint64_t address)
{
	(void)self;
	((void (*)(void))(uintptr_t)address)();
}
