/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nested virtualization with AMD's SVM: a guest (L1) runs a guest (L2) in its
 * own virtual address space. With nested paging, L2's physical addresses are
 * L1's as well.
 *
 * See the AMD64 Architecture Programmer's Manual, volume 2, chapter 15 and
 * appendix B.
 */
#ifndef SECMMU_SVM_H
#define SECMMU_SVM_H

#include <stdbool.h>
#include <asm/svm.h>

#include "kvm/guest.h"
#include "kvm/vm.h"
#include "core/types.h"

/* CPUID 8000_000A EDX. */
#define SVM_FEATURE_PAGING (1U << 0)
#define SVM_FEATURE_AVIC   (1U << 13)

/* AVIC fields of the VMCB: appendix B. */
#define SVM_AVIC_ENABLE	  0x060 /* 32 bits; bit 31 */
#define SVM_AVIC_BAR	  0x098
#define SVM_AVIC_BACKING  0x0e0
#define SVM_AVIC_LOGICAL  0x0f0
#define SVM_AVIC_PHYSICAL 0x0f8 /* and, below, the highest number of an entry */

/**
 * struct svm_nested - a vCPU's L2; may lie in guest_vcpu.test
 * @vmcb: its VMCB, guest address
 * @save: host save area of L1 (VM_HSAVE_PA), guest address
 * @stack: top of its stack, guest address
 * @tables: its nested page tables, guest physical address; 0: none
 * @registers: its general registers except RAX and RSP, in svm_enter()'s order
 */
struct svm_nested {
	u64 vmcb;
	u64 save;
	u64 stack;
	u64 tables;
	u64 registers[14];
};

/* Functions for the host. */

/**
 * svm_features() - SVM features that KVM offers to guests
 *
 * Return: CPUID 8000_000A EDX; 0 if guests have no SVM.
 */
u32 svm_features(void);

/**
 * svm_need() - skip the case if guests have no SVM
 */
void svm_need(void);

/**
 * svm_page() - allocate a zeroed page, mapped one to one in the guest
 * @vm: VM; none of its vCPUs may run
 *
 * Return: its guest address, virtual and physical.
 */
u64 svm_page(struct vm *vm);

/**
 * svm_stack() - allocate a stack for an L2, mapped one to one in the guest
 * @vm: VM; none of its vCPUs may run
 *
 * Return: its top, guest address.
 */
u64 svm_stack(struct vm *vm);

/**
 * svm_prepare() - allocate memory for an L2
 * @vm: VM; none of its vCPUs may run
 * @nested: filled in
 *
 * Skips the case if guests have no SVM.
 */
void svm_prepare(struct vm *vm, struct svm_nested *nested);

/**
 * svm_prepare_tables() - allocate empty nested page tables for an L2
 * @vm: VM; none of its vCPUs may run
 * @nested: svm_prepare() was called
 *
 * Other vCPUs' L2 may share them: copy nested.tables. Skips the case if guests
 * have no nested paging.
 */
void svm_prepare_tables(struct vm *vm, struct svm_nested *nested);

/**
 * svm_map() - map L2's physical memory in its nested page tables
 * @vm: VM
 * @nested: svm_prepare_tables() was called
 * @l2: L2's physical address, page aligned
 * @l1: guest physical address that it maps to
 * @size: bytes
 * @page_size: mappings of this size in bytes where they fit, else smaller ones
 *
 * Context: no vCPU that uses these tables may run.
 */
void svm_map(struct vm *vm, struct svm_nested *nested, u64 l2, u64 l1, u64 size,
	     u64 page_size);

/**
 * svm_prepare_paging() - give an L2 nested page tables that map the first 512
 *	GiB one to one
 * @vm: VM; none of its vCPUs may run
 * @nested: svm_prepare() was called
 *
 * Skips the case if guests have no nested paging or no pages of 1 GiB.
 */
void svm_prepare_paging(struct vm *vm, struct svm_nested *nested);

/* Functions for guest code. */

/**
 * svm_begin() - enable SVM and set L2 to the start of a function
 * @self: the calling vCPU's block
 * @nested: prepared by svm_prepare()
 * @function: L2's function
 * @argument: its second argument
 *
 * L2 exits on interrupts, NMI and svm_call().
 */
void svm_begin(struct guest_vcpu *self, struct svm_nested *nested,
	       guest_function function, u64 argument);

/**
 * svm_run() - run L2 until it exits
 * @nested: started by svm_begin()
 *
 * L1 takes its interrupts before this returns, if it has interrupts enabled.
 * The next call continues L2 after svm_call().
 *
 * Return: SVM_EXIT_*. L2's function has returned if it is SVM_EXIT_VMMCALL and
 * svm_done() is true.
 */
u64 svm_run(struct svm_nested *nested);

/**
 * svm_run_only() - as svm_run(), without a write by L1 to the VMCB
 * @nested: started by svm_begin()
 *
 * L2 does not advance: it executes its last svm_call() again.
 *
 * Return: SVM_EXIT_*.
 */
u64 svm_run_only(struct svm_nested *nested);

/**
 * svm_save() - VMSAVE: store L1's segment state to a VMCB
 * @vmcb: its guest address
 *
 * After svm_begin().
 */
static inline void svm_save(u64 vmcb)
{
	asm volatile("vmsave %%rax" : : "a"(vmcb) : "memory");
}

/**
 * svm_done() - has L2's function returned?
 * @nested: started by svm_begin()
 *
 * Return: true if it has.
 */
bool svm_done(const struct svm_nested *nested);

/**
 * svm_field() - a field of the VMCB
 * @nested: L2
 * @offset: offset of the field, bytes
 *
 * Return: its address.
 */
static inline volatile void *svm_field(const struct svm_nested *nested,
				       unsigned int offset)
{
	return (volatile void *)(uintptr_t)(nested->vmcb + offset);
}

/**
 * svm_call() - L2 calls L1
 */
static inline void svm_call(void)
{
	asm volatile("vmmcall" : : "a"(0) : "memory");
}

#endif /* SECMMU_SVM_H */
