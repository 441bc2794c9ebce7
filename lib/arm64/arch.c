// SPDX-License-Identifier: GPL-2.0-only
/* arm64: EL1 with the MMU on, 4 KiB granule, ready for C code. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <string.h>

#include "arch.h"
#include "report.h"

#define DESC_VALID	 (1ULL << 0)
#define DESC_TABLE	 (1ULL << 1)
#define DESC_ATTR_DEVICE (1ULL << 2)
#define DESC_SHARED	 (3ULL << 8)
#define DESC_ACCESSED	 (1ULL << 10)
#define DESC_ADDRESS	 0x0000fffffffff000ULL

/* MAIR_EL1: attribute 0 is normal write-back, 1 is device nGnRnE. */
#define MAIR_VALUE 0x00ffULL

#define TCR_T0SZ       16ULL
#define TCR_WRITE_BACK (1ULL << 8 | 1ULL << 10)
#define TCR_SHARED     (3ULL << 12)
#define TCR_NO_TTBR1   (1ULL << 23)
#define TCR_IPS_40     (2ULL << 32)

#define SCTLR_M	  (1ULL << 0)
#define SCTLR_A	  (1ULL << 1)
#define SCTLR_C	  (1ULL << 2)
#define SCTLR_I	  (1ULL << 12)
#define SCTLR_WXN (1ULL << 19)

/* EL1 with its own stack pointer, all interrupts masked. */
#define PSTATE_EL1H 0x3c5ULL

#define REG_SCTLR ARM64_SYS_REG(3, 0, 1, 0, 0)
#define REG_TTBR0 ARM64_SYS_REG(3, 0, 2, 0, 0)
#define REG_TCR	  ARM64_SYS_REG(3, 0, 2, 0, 2)
#define REG_MAIR  ARM64_SYS_REG(3, 0, 10, 2, 0)
#define REG_VBAR  ARM64_SYS_REG(3, 0, 12, 0, 0)
#define REG_TPIDR ARM64_SYS_REG(3, 0, 13, 0, 4)
#define REG_CORE(field)                                        \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	 KVM_REG_ARM_CORE_REG(field))

extern char guest_vectors[];

const uint64_t *arch_page_sizes(size_t *count)
{
	static const uint64_t sizes[] = { 1UL << 12, 1UL << 21, 1UL << 30 };

	*count = sizeof(sizes) / sizeof(sizes[0]);
	return sizes;
}

void arch_vm_init(struct vm *vm)
{
	vm->table_root = vm_alloc_table(vm, 4096);
	vm_map(vm, GPA_HYPERCALL, GPA_HYPERCALL, 4096, 4096);
}

void arch_map_page(struct vm *vm, uint64_t gva, uint64_t gpa,
		   uint64_t page_size)
{
	uint64_t table = vm->table_root;
	unsigned int shift = 39;

	if (gva >> 48)
		fail("guest address %#llx is beyond 48 bits",
		     (unsigned long long)gva);
	for (;; shift -= 9) {
		uint64_t *entry = (uint64_t *)((char *)vm->system + table) +
				  ((gva >> shift) & 511);

		if (1ULL << shift == page_size) {
			*entry = gpa | DESC_VALID | DESC_ACCESSED |
				 DESC_SHARED | (shift == 12 ? DESC_TABLE : 0);
			if (gpa == GPA_HYPERCALL)
				*entry |= DESC_ATTR_DEVICE;
			return;
		}
		if ((*entry & DESC_VALID) && !(*entry & DESC_TABLE))
			fail("guest address %#llx is already mapped by a block",
			     (unsigned long long)gva);
		if (!(*entry & DESC_VALID))
			*entry = (GPA_SYSTEM + vm_alloc_table(vm, 4096)) |
				 DESC_VALID | DESC_TABLE;
		table = (*entry & DESC_ADDRESS) - GPA_SYSTEM;
	}
}

static void set_register(struct vcpu *vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = {
		.id = id,
		.addr = (uint64_t)(uintptr_t)&value,
	};

	vcpu_ioctl(vcpu, KVM_SET_ONE_REG, &reg);
}

static uint64_t get_register(struct vcpu *vcpu, uint64_t id)
{
	uint64_t value = 0;
	struct kvm_one_reg reg = {
		.id = id,
		.addr = (uint64_t)(uintptr_t)&value,
	};

	if (__vcpu_ioctl(vcpu, KVM_GET_ONE_REG, &reg))
		return 0;
	return value;
}

void arch_vcpu_init(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct kvm_vcpu_init init;
	uint64_t control;

	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &init);
	set_register(vcpu, REG_MAIR, MAIR_VALUE);
	set_register(vcpu, REG_TCR,
		     TCR_T0SZ | TCR_WRITE_BACK | TCR_SHARED | TCR_NO_TTBR1 |
			     TCR_IPS_40);
	set_register(vcpu, REG_TTBR0, GPA_SYSTEM + vm->table_root);
	set_register(vcpu, REG_VBAR, (uint64_t)(uintptr_t)guest_vectors);
	set_register(vcpu, REG_TPIDR, (uint64_t)(uintptr_t)vcpu->guest);
	control = get_register(vcpu, REG_SCTLR);
	control |= SCTLR_M | SCTLR_C | SCTLR_I;
	control &= ~(SCTLR_A | SCTLR_WXN);
	set_register(vcpu, REG_SCTLR, control);
}

void arch_vcpu_start(struct vcpu *vcpu, guest_function function,
		     uint64_t argument)
{
	set_register(vcpu, REG_CORE(regs.pc), (uint64_t)(uintptr_t)function);
	set_register(vcpu, REG_CORE(regs.pstate), PSTATE_EL1H);
	set_register(vcpu, REG_CORE(sp_el1), vcpu->stack);
	set_register(vcpu, REG_CORE(regs.regs[0]),
		     (uint64_t)(uintptr_t)vcpu->guest);
	set_register(vcpu, REG_CORE(regs.regs[1]), argument);
	set_register(vcpu, REG_CORE(regs.regs[30]),
		     (uint64_t)(uintptr_t)guest_return);
}

bool arch_maps_huge(void)
{
	return true;
}

uint32_t arch_dirty_log_size(void)
{
	return 0;
}

bool arch_is_hypercall(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	return run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write &&
	       run->mmio.phys_addr == GPA_HYPERCALL;
}

uint64_t arch_program_counter(struct vcpu *vcpu)
{
	return get_register(vcpu, REG_CORE(regs.pc));
}

const void *arch_return_instruction(size_t *size)
{
	static const uint32_t code[] = { 0xd65f03c0 };

	*size = sizeof(code);
	return code;
}

void arch_exception_text(const struct guest_vcpu *guest, char *buffer,
			 size_t size)
{
	const struct guest_exception *exception = &guest->exception;

	snprintf(buffer, size,
		 "vector table entry %llu ESR_EL1 %#llx FAR_EL1 %#llx at pc %#llx",
		 (unsigned long long)exception->vector,
		 (unsigned long long)exception->code,
		 (unsigned long long)exception->address,
		 (unsigned long long)exception->program_counter);
}
