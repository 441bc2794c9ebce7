/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SECMMU_VECTORS_H
#define SECMMU_VECTORS_H

#include <stdbool.h>

#include "kvm/vm.h"

/**
 * vectors_enable() - let a guest use vector instructions
 * @vcpu: vCPU, not in KVM_RUN
 * @avx: AVX and XSAVE, too, which the guest's CPU has to have
 *
 * From outside: QEMU's own emulation of SVM does not intercept XSETBV, so that
 * KVM would not learn of it.
 */
void vectors_enable(struct vcpu *vcpu, bool avx);

#endif
