// SPDX-License-Identifier: GPL-2.0-only
/* arm64: EL1 with the MMU on, ready for C code. */
#include <string.h>

#include "kvm/arch.h"
#include "core/report.h"
#include "kvm/arm64/state_arm64.h"

/* MAIR_EL1: attribute 0 is normal write-back, 1 is device nGnRnE. */
#define MAIR_VALUE 0x00ffULL

#define SCTLR_M	  (1ULL << 0)
#define SCTLR_A	  (1ULL << 1)
#define SCTLR_C	  (1ULL << 2)
#define SCTLR_I	  (1ULL << 12)
#define SCTLR_WXN (1ULL << 19)

/* EL1 with SP_EL1, all interrupts masked. */
#define PSTATE_EL1H 0x3c5ULL

/* Top of the exception stack, in a vCPU's area of the system slot. */
#define FAULT_STACK 0x2000

extern char guest_vectors[];

void arch_vm_init(struct vm *vm)
{
	if (vm->config.interrupts)
		fail("vm_config.interrupts is for x86 only");
}

void arm64_set_register(struct vcpu *vcpu, u64 id, u64 value)
{
	struct kvm_one_reg reg = {
		.id = id,
		.addr = (u64)(uintptr_t)&value,
	};

	vcpu_ioctl(vcpu, KVM_SET_ONE_REG, &reg);
}

u64 arm64_get_register(struct vcpu *vcpu, u64 id)
{
	u64 value = 0;
	struct kvm_one_reg reg = {
		.id = id,
		.addr = (u64)(uintptr_t)&value,
	};

	if (__vcpu_ioctl(vcpu, KVM_GET_ONE_REG, &reg))
		return 0;
	return value;
}

void arm64_reset(struct vcpu *vcpu)
{
	struct kvm_vcpu_init init;

	vm_ioctl(vcpu->vm, KVM_ARM_PREFERRED_TARGET, &init);
	vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &init);
}

void arch_vcpu_init(struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;
	u64 control;

	arm64_reset(vcpu);
	arm64_set_register(vcpu, REG_MAIR, MAIR_VALUE);
	arm64_set_register(vcpu, REG_TCR, arm64_tcr(vm));
	arm64_set_register(vcpu, REG_TTBR0, GPA_SYSTEM + vm->table_root);
	arm64_set_register(vcpu, REG_VBAR, (u64)(uintptr_t)guest_vectors);
	arm64_set_register(vcpu, REG_TPIDR, (u64)(uintptr_t)vcpu->guest);
	/* Stack of guest_vectors: the fault may be the stack's. */
	arm64_set_register(vcpu, REG_TPIDR_EL0,
			   vcpu->stack - VCPU_AREA_SIZE + FAULT_STACK);
	control = arm64_get_register(vcpu, REG_SCTLR);
	control |= SCTLR_M | SCTLR_C | SCTLR_I;
	control &= ~(SCTLR_A | SCTLR_WXN);
	arm64_set_register(vcpu, REG_SCTLR, control);
}

void arch_vcpu_start(struct vcpu *vcpu, guest_function function, u64 argument)
{
	arm64_set_register(vcpu, REG_CORE(regs.pc), (u64)(uintptr_t)function);
	arm64_set_register(vcpu, REG_CORE(regs.pstate), PSTATE_EL1H);
	arm64_set_register(vcpu, REG_CORE(sp_el1), vcpu->stack);
	arm64_set_register(vcpu, REG_CORE(regs.regs[0]),
			   (u64)(uintptr_t)vcpu->guest);
	arm64_set_register(vcpu, REG_CORE(regs.regs[1]), argument);
	arm64_set_register(vcpu, REG_CORE(regs.regs[30]),
			   (u64)(uintptr_t)guest_return);
}

bool arch_maps_huge(void)
{
	return true;
}

bool vm_can_interrupt(void)
{
	return false;
}

bool vm_clock_steady(void)
{
	return true;
}

u32 arch_dirty_log_size(void)
{
	return 0;
}

bool arch_has_ring(unsigned int capability)
{
	return capability != KVM_CAP_DIRTY_LOG_RING;
}

bool arch_is_hypercall(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	return run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write &&
	       run->mmio.phys_addr == GPA_HYPERCALL;
}

u64 arch_program_counter(struct vcpu *vcpu)
{
	return arm64_get_register(vcpu, REG_CORE(regs.pc));
}

const void *arch_return_instruction(size_t *size)
{
	static const u32 code[] = { 0xd65f03c0 };

	*size = sizeof(code);
	return code;
}

size_t arch_value_code(u64 value, u8 code[ARCH_VALUE_CODE_MAX])
{
	/* movz, then movk, of x0; 16 bits each. */
	static const u32 moves[] = { 0xd2800000, 0xf2a00000, 0xf2c00000,
				     0xf2e00000 };
	u32 words[5];
	size_t i;

	for (i = 0; i < 4; i++)
		words[i] = moves[i] | (u32)(value >> 16 * i & 0xffff) << 5;
	words[4] = 0xd65f03c0; /* ret */
	memcpy(code, words, sizeof(words));
	return sizeof(words);
}
