// SPDX-License-Identifier: GPL-2.0-only
/* A guest that counts in memory. */
#include "tally_guest.h"

void tally_run(struct guest_vcpu *self, u64 unused)
{
	struct tally *tally = tally_of(self);

	(void)unused;
	while (!self->stop) {
		u64 page = random_below(&tally->random, tally->pages);
		volatile u64 *words =
			(volatile u64 *)(uintptr_t)(tally->gva +
						    page * tally->page_size);

		words[self->index]++;
		/* After the addition: counted additions are in memory. */
		tally->count++;
		self->beat = tally->count;
	}
}
