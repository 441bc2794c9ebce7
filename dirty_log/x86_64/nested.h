/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guest does with a guest of its own, to have KVM write its memory. */
#ifndef SECMMU_NESTED_H
#define SECMMU_NESTED_H

#include "kvm/guest.h"
#include "core/types.h"

/* Guest functions by SVM; struct svm_nested lies over the test area. */
void nested_begin(struct guest_vcpu *self, u64 unused);
void nested_mark(struct guest_vcpu *self, u64 unused);
void nested_enter(struct guest_vcpu *self, u64 unused);
/* The argument is the address. */
void nested_save(struct guest_vcpu *self, u64 address);

/* Guest functions by VMX; struct vmx_nested lies over the test area. */
void nested_vmx_begin(struct guest_vcpu *self, u64 unused);
void nested_vmx_mark(struct guest_vcpu *self, u64 unused);
void nested_vmx_clear(struct guest_vcpu *self, u64 unused);
/* The argument is the address. */
void nested_vmx_pointer(struct guest_vcpu *self, u64 address);
void nested_vmx_field(struct guest_vcpu *self, u64 address);

#endif
