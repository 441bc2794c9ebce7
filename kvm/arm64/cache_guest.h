/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest functions for cache maintenance that KVM traps. */
#ifndef SECMMU_CACHE_GUEST_H
#define SECMMU_CACHE_GUEST_H

#include "kvm/guest.h"

/* Disable and enable the data cache (SCTLR_EL1.C). */
void cache_toggle(struct guest_vcpu *self, u64 unused);

/* Clean and invalidate a line by set and way (DC CISW). */
void cache_set_way(struct guest_vcpu *self, u64 unused);

#endif
