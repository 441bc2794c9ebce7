/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest that only lives. */
#ifndef SECMMU_LIFECYCLE_GUEST_H
#define SECMMU_LIFECYCLE_GUEST_H

#include "kvm/guest.h"

/* Count beats, and store into the page at @page, until told to stop. */
void lifecycle_live(struct guest_vcpu *self, u64 page);

#endif
