/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests that find Hyper-V below them. Numbers are those of the Hypervisor Top
 * Level Functional Specification (TLFS), chapters 3, 11 and 12.
 */
#ifndef SECMMU_HYPERV_H
#define SECMMU_HYPERV_H

#include "kvm/vm.h"
#include "core/types.h"

#define HYPERV_MSR_GUEST_OS_ID	  0x40000000U
#define HYPERV_MSR_HYPERCALL	  0x40000001U
#define HYPERV_MSR_REFERENCE_TSC  0x40000021U
#define HYPERV_MSR_VP_ASSIST	  0x40000073U
#define HYPERV_MSR_EVENTS	  0x40000082U
#define HYPERV_MSR_MESSAGES	  0x40000083U
#define HYPERV_MSR_SINT0	  0x40000090U
#define HYPERV_MSR_TIMER0_CONFIG  0x400000b0U
#define HYPERV_MSR_TIMER0_COUNT	  0x400000b1U
#define HYPERV_TIMER_ENABLE	  (1ULL << 0)
#define HYPERV_TIMER_SINT(source) ((u64)(source) << 16)

/**
 * hyperv_enable() - let a vCPU find Hyper-V
 * @vcpu: vCPU that has not run yet
 *
 * Skips the case where the kernel cannot be one.
 */
void hyperv_enable(struct vcpu *vcpu);

/**
 * hyperv_enable_synic() - its interrupt controller, which clears its pages
 * @vcpu: vCPU, not in KVM_RUN; the VM has vm_config.interrupts
 *
 * By KVM_CAP_HYPERV_SYNIC: what KVM_CAP_HYPERV_SYNIC2 gives does not clear what a
 * guest names as its pages.
 */
void hyperv_enable_synic(struct vcpu *vcpu);

#endif /* SECMMU_HYPERV_H */
