// SPDX-License-Identifier: GPL-2.0-only
#include "ways_guest.h"

void way_store(struct guest_vcpu *self, uint64_t address)
{
	*(volatile uint64_t *)(uintptr_t)address = next_value(self);
}

void way_enter(struct guest_vcpu *self, uint64_t unused)
{
	(void)self;
	(void)unused;
}
