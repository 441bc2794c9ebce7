/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers of an arm64 vCPU, by KVM_GET_ONE_REG and KVM_SET_ONE_REG. */
#ifndef SECMMU_STATE_ARM64_H
#define SECMMU_STATE_ARM64_H

#include "kvm/vm.h"
#include "core/types.h"

#define REG_ISAR0     ARM64_SYS_REG(3, 0, 0, 6, 0)
#define REG_MMFR0     ARM64_SYS_REG(3, 0, 0, 7, 0)
#define REG_MMFR1     ARM64_SYS_REG(3, 0, 0, 7, 1)
#define REG_MMFR2     ARM64_SYS_REG(3, 0, 0, 7, 2)
#define REG_SCTLR     ARM64_SYS_REG(3, 0, 1, 0, 0)
#define REG_TTBR0     ARM64_SYS_REG(3, 0, 2, 0, 0)
#define REG_TCR	      ARM64_SYS_REG(3, 0, 2, 0, 2)
#define REG_MAIR      ARM64_SYS_REG(3, 0, 10, 2, 0)
#define REG_VBAR      ARM64_SYS_REG(3, 0, 12, 0, 0)
#define REG_TPIDR     ARM64_SYS_REG(3, 0, 13, 0, 4)
#define REG_TPIDR_EL0 ARM64_SYS_REG(3, 3, 13, 0, 2)
#define REG_CORE(field)                                        \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	 KVM_REG_ARM_CORE_REG(field))

/* KVM_ARM_VCPU_INIT: reset all registers. */
void arm64_reset(struct vcpu *vcpu);

/* KVM_SET_ONE_REG; must succeed. */
void arm64_set_register(struct vcpu *vcpu, u64 id, u64 value);

/* KVM_GET_ONE_REG; 0 if the register does not exist. */
u64 arm64_get_register(struct vcpu *vcpu, u64 id);

/* TCR_EL1 for the VM's page tables. */
u64 arm64_tcr(const struct vm *vm);

#endif
