// SPDX-License-Identifier: GPL-2.0-only
#include "write_methods_guest.h"

void write_method_store(struct guest_vcpu *self, u64 address)
{
	*(volatile u64 *)(uintptr_t)address = next_value(self);
}

void write_method_enter(struct guest_vcpu *self, u64 unused)
{
	(void)self;
	(void)unused;
}
