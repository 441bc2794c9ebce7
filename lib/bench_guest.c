// SPDX-License-Identifier: GPL-2.0-only
/* Guest functions of harness_bench. */
#include "bench_guest.h"

void bench_hypercalls(struct guest_vcpu *self, u64 unused)
{
	(void)unused;
	while (!self->stop) {
		self->beat++;
		guest_sync(self, self->beat, 0);
	}
}
