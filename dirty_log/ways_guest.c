// SPDX-License-Identifier: GPL-2.0-only
#include "ways_guest.h"

void way_store(struct guest_vcpu *self, u64 address)
{
	*(volatile u64 *)(uintptr_t)address = next_value(self);
}

void way_enter(struct guest_vcpu *self, u64 unused)
{
	(void)self;
	(void)unused;
}
