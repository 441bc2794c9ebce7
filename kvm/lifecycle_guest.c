// SPDX-License-Identifier: GPL-2.0-only
/* A guest that only lives. */
#include "lifecycle_guest.h"

void lifecycle_live(struct guest_vcpu *self, uint64_t page)
{
	volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)page;

	while (!self->stop) {
		self->beat++;
		word[self->index] = self->beat;
	}
}
