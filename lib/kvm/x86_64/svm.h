/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nested virtualization by AMD's SVM: a guest (L1) that runs a guest of its own
 * (L2) in the address space that it has itself. With nested paging L2's physical
 * addresses are L1's, too.
 *
 * Rules and layouts are those of the AMD64 Architecture Programmer's Manual,
 * volume 2, chapter 15 and appendix B.
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

/* Fields of the control block for AVIC: appendix B. */
#define SVM_AVIC_ENABLE	  0x060 /* 32 bits; bit 31 */
#define SVM_AVIC_BAR	  0x098
#define SVM_AVIC_BACKING  0x0e0
#define SVM_AVIC_LOGICAL  0x0f0
#define SVM_AVIC_PHYSICAL 0x0f8 /* and, below, the highest number of an entry */

/**
 * struct svm_nested - a vCPU's L2; may lie in guest_vcpu.test
 * @vmcb: its control block, guest address
 * @save: where L1's state is kept meanwhile (VM_HSAVE_PA), guest address
 * @stack: the end of its stack, guest address
 * @tables: its nested page tables, guest physical address; 0: none
 * @registers: its general registers but RAX and RSP, as svm_enter() has them
 */
struct svm_nested {
	u64 vmcb;
	u64 save;
	u64 stack;
	u64 tables;
	u64 registers[14];
};

/* Words for the host. */

/**
 * svm_features() - what KVM lets a guest's own SVM have
 *
 * Return: CPUID 8000_000A EDX, 0 if a guest has no SVM.
 */
u32 svm_features(void);

/**
 * svm_need() - skip the case where guests have no SVM
 */
void svm_need(void);

/**
 * svm_page() - a zeroed page, mapped at its own address in the guest
 * @vm: VM, none of whose vCPUs runs
 *
 * Return: its guest address, virtual and physical.
 */
u64 svm_page(struct vm *vm);

/**
 * svm_stack() - a stack for an L2, mapped at its own address in the guest
 * @vm: VM, none of whose vCPUs runs
 *
 * Return: its end, guest address.
 */
u64 svm_stack(struct vm *vm);

/**
 * svm_prepare() - make room for an L2
 * @vm: VM, none of whose vCPUs runs
 * @nested: to be filled
 *
 * Skips the case where guests have no SVM.
 */
void svm_prepare(struct vm *vm, struct svm_nested *nested);

/**
 * svm_prepare_tables() - give an L2 empty nested page tables
 * @vm: VM, none of whose vCPUs runs
 * @nested: svm_prepare() was called
 *
 * Another vCPU's L2 may have the same: nested.tables can be copied. Skips the case
 * where guests have no nested paging.
 */
void svm_prepare_tables(struct vm *vm, struct svm_nested *nested);

/**
 * svm_map() - map L2's physical memory in its nested page tables
 * @vm: VM
 * @nested: svm_prepare_tables() was called
 * @l2: L2's physical address, page aligned
 * @l1: guest physical address that it is to be
 * @size: bytes
 * @page_size: mappings of this size in bytes where they fit, else smaller ones
 *
 * Context: no vCPU that has these tables may run.
 */
void svm_map(struct vm *vm, struct svm_nested *nested, u64 l2, u64 l1, u64 size,
	     u64 page_size);

/**
 * svm_prepare_paging() - give an L2 nested page tables
 * @vm: VM, none of whose vCPUs runs
 * @nested: svm_prepare() was called
 *
 * One to one, for the first 512 GiB. Skips the case where guests have none, or no
 * pages of 1 GiB.
 */
void svm_prepare_paging(struct vm *vm, struct svm_nested *nested);

/* Words for guest code. */

/**
 * svm_begin() - enable SVM, and have an L2 ready to begin
 * @self: the calling vCPU's block
 * @nested: filled by svm_prepare()
 * @function: what it runs
 * @argument: its second argument
 *
 * L1 gets back what is sent to it: interrupts, NMI; and svm_call().
 */
void svm_begin(struct guest_vcpu *self, struct svm_nested *nested,
	       guest_function function, u64 argument);

/**
 * svm_run() - run L2 until it exits
 * @nested: begun
 *
 * What was sent to L1 is taken by L1 before this returns, if it has interrupts
 * on. The next call goes on behind svm_call().
 *
 * Return: SVM_EXIT_*; L2's function has returned if it is SVM_EXIT_VMMCALL and
 * svm_done() says so.
 */
u64 svm_run(struct svm_nested *nested);

/**
 * svm_run_only() - as svm_run(), but L1 itself writes nothing to the control block
 * @nested: begun
 *
 * L2 is where it was: it makes its last svm_call() once more.
 *
 * Return: SVM_EXIT_*.
 */
u64 svm_run_only(struct svm_nested *nested);

/**
 * svm_save() - VMSAVE: store L1's segment state into a control block
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
 * @nested: begun
 *
 * Return: whether it has.
 */
bool svm_done(const struct svm_nested *nested);

/**
 * svm_field() - a field of the control block
 * @nested: L2
 * @offset: bytes
 *
 * Return: where it is.
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
