// SPDX-License-Identifier: GPL-2.0-only
/* Guest functions that use page tables in memory under test. */
#include "kvm/walk.h"
#include "walk_switch.h"

static struct walk *walk_of(struct guest_vcpu *self)
{
	return (struct walk *)self->test;
}

void walk_reset(struct guest_vcpu *self, u64 unused)
{
	struct walk *walk = walk_of(self);
	u64 i;

	(void)unused;
	for (i = walk->accessed_from; i < walk->levels; i++)
		*(volatile u64 *)(uintptr_t)walk->entry[i] = walk->fresh[i];
	walk_flush();
}

void walk_read(struct guest_vcpu *self, u64 unused)
{
	struct walk *walk = walk_of(self);
	struct walk_before before;

	(void)unused;
	walk_enter(walk, &before);
	(void)*(volatile u64 *)(uintptr_t)walk->gva;
	walk_leave(&before);
}

void walk_write(struct guest_vcpu *self, u64 unused)
{
	struct walk *walk = walk_of(self);
	struct walk_before before;

	(void)unused;
	walk_enter(walk, &before);
	*(volatile u64 *)(uintptr_t)walk->gva += 1;
	walk_leave(&before);
}
