/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest functions that raise exceptions that only arm64 has. */
#ifndef SECMMU_HARNESS_RAISE_ARM64_H
#define SECMMU_HARNESS_RAISE_ARM64_H

#include "kvm/guest.h"

/* A load-exclusive three bytes behind the vCPU's own block. */
void harness_misaligned(struct guest_vcpu *self, u64 unused);
void harness_break(struct guest_vcpu *self, u64 unused);
void harness_supervisor_call(struct guest_vcpu *self, u64 unused);
/* An undefined instruction while SP is SP_EL0. */
void harness_other_stack(struct guest_vcpu *self, u64 unused);
/* Unmasks IRQ, FIQ and SError, and waits. */
void harness_unmask(struct guest_vcpu *self, u64 unused);

#endif
