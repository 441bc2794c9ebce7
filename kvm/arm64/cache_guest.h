/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest functions that do to caches what KVM has to see. */
#ifndef SECMMU_CACHE_GUEST_H
#define SECMMU_CACHE_GUEST_H

#include "kvm/guest.h"

/* Switch the data cache off and on again (SCTLR_EL1.C). */
void cache_toggle(struct guest_vcpu *self, u64 unused);

/* Clean and invalidate a line by set and way (DC CISW). */
void cache_set_way(struct guest_vcpu *self, u64 unused);

#endif
