/* SPDX-License-Identifier: GPL-2.0-only */
/* Model-specific registers of a vCPU, for the host. */
#ifndef SECMMU_VCPU_MSR_H
#define SECMMU_VCPU_MSR_H

#include "kvm/vm.h"
#include "core/types.h"

/**
 * vcpu_set_msr() - KVM_SET_MSRS of one register, must succeed
 * @vcpu: vCPU, not in KVM_RUN
 * @number: the register's
 * @value: its value
 */
void vcpu_set_msr(struct vcpu *vcpu, u32 number, u64 value);

#endif
