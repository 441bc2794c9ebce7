/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SECMMU_BENCH_GUEST_H
#define SECMMU_BENCH_GUEST_H

#include "kvm/guest.h"

/* Hypercall after hypercall until stopped. */
void bench_hypercalls(struct guest_vcpu *self, u64 unused);

#endif
