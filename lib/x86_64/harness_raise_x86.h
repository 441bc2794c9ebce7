/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest functions that raise exceptions that only x86 has. */
#ifndef SECMMU_HARNESS_RAISE_X86_H
#define SECMMU_HARNESS_RAISE_X86_H

#include "kvm/guest.h"

void harness_divide(struct guest_vcpu *self, u64 unused);

#endif
