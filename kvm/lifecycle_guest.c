// SPDX-License-Identifier: GPL-2.0-only
/* A guest that only lives. */
#include "lifecycle_guest.h"

void lifecycle_live(struct guest_vcpu *self, u64 page)
{
	volatile u64 *word = (volatile u64 *)(uintptr_t)page;

	while (!self->stop) {
		self->beat++;
		word[self->index] = self->beat;
	}
}
