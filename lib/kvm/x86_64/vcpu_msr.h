/* SPDX-License-Identifier: GPL-2.0-only */
/* Model-specific registers of a vCPU: host functions. */
#ifndef SECMMU_VCPU_MSR_H
#define SECMMU_VCPU_MSR_H

#include "kvm/vm.h"
#include "core/types.h"

/**
 * vcpu_set_msr() - write an MSR by KVM_SET_MSRS; must succeed
 * @vcpu: vCPU, not in KVM_RUN
 * @number: MSR number
 * @value: new value
 */
void vcpu_set_msr(struct vcpu *vcpu, u32 number, u64 value);

#endif
