// SPDX-License-Identifier: GPL-2.0-only
/* A guest that counts in memory. */
#include "tally_guest.h"

void tally_run(struct guest_vcpu *self, uint64_t unused)
{
	struct tally *tally = tally_of(self);

	(void)unused;
	while (!self->stop) {
		uint64_t page = random_below(&tally->random, tally->pages);
		volatile uint64_t *words =
			(volatile uint64_t
				 *)(uintptr_t)(tally->gva +
					       page * tally->page_size);

		words[self->index]++;
		/* After the addition: what is counted here was made. */
		tally->count++;
		self->beat = tally->count;
	}
}
