/* SPDX-License-Identifier: GPL-2.0-only */
/* Arm DEN0057A: the time that a hypervisor took from a vCPU, told in memory. */
#ifndef SECMMU_STOLEN_TIME_H
#define SECMMU_STOLEN_TIME_H

#include "kvm/vm.h"
#include "core/types.h"

/**
 * stolen_time_need() - skip the case where KVM does not tell it
 * @vcpu: vCPU
 */
void stolen_time_need(struct vcpu *vcpu);

/**
 * stolen_time_place() - tell KVM where, once and for all
 * @vcpu: vCPU, not in KVM_RUN
 * @gpa: guest physical address of 64 bytes, aligned to 64
 *
 * From now on KVM writes there at every KVM_RUN (kvm_update_stolen_time()).
 */
void stolen_time_place(struct vcpu *vcpu, u64 gpa);

#endif
