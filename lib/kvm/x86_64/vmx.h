/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nested virtualization by Intel's VMX: a guest (L1) that runs a guest of its own
 * (L2) in the address space that it has itself, as svm.h has it for AMD's. With
 * extended page tables (EPT) L2's physical addresses are L1's, too.
 *
 * Rules and layouts are those of the Intel 64 and IA-32 Architectures Software
 * Developer's Manual (SDM), volume 3, chapters 24 to 31 and appendices A to C.
 */
#ifndef SECMMU_VMX_H
#define SECMMU_VMX_H

#include <stdbool.h>

#include "kvm/guest.h"
#include "kvm/vm.h"
#include "core/types.h"

/* Exit reasons (SDM appendix C). */
#define VMX_EXIT_VMCALL 18

/**
 * struct vmx_nested - a vCPU's L2; may lie in guest_vcpu.test
 * @vmcs: its control structure (VMCS), guest address
 * @on: the region of VMXON, guest address
 * @msrs: the bitmap of registers that exit: none does; guest address
 * @stack: the end of its stack, guest address
 * @tables: its extended page tables, guest physical address; 0: none
 * @is_on: VMXON was executed
 * @launched: VMLAUNCH was executed since VMCLEAR
 * @registers: its general registers but RSP, as vmx_enter() has them
 */
struct vmx_nested {
	u64 vmcs;
	u64 on;
	u64 msrs;
	u64 stack;
	u64 tables;
	u32 is_on;
	u32 launched;
	u64 registers[15];
};

/* Words for the host. */

/**
 * vmx_there() - does KVM let guests have VMX
 *
 * Return: whether (kvm_intel.nested=1).
 */
bool vmx_there(void);

/**
 * vmx_need() - skip the case where guests have no VMX
 */
void vmx_need(void);

/**
 * vmx_prepare() - make room for an L2
 * @vm: VM, none of whose vCPUs runs
 * @nested: to be filled
 *
 * Skips the case where guests have no VMX.
 */
void vmx_prepare(struct vm *vm, struct vmx_nested *nested);

/**
 * vmx_prepare_tables() - give an L2 empty extended page tables
 * @vm: VM, none of whose vCPUs runs
 * @nested: vmx_prepare() was called
 *
 * Another vCPU's L2 may have the same: nested.tables can be copied. Skips the case
 * where guests have no EPT.
 */
void vmx_prepare_tables(struct vm *vm, struct vmx_nested *nested);

/**
 * vmx_need_page_size() - skip the case where EPT has no such mappings
 * @size: bytes: 4 KiB, 2 MiB or 1 GiB
 */
void vmx_need_page_size(u64 size);

/**
 * vmx_map() - map L2's physical memory in its extended page tables
 * @vm: VM
 * @nested: vmx_prepare_tables() was called
 * @l2: L2's physical address, page aligned
 * @l1: guest physical address that it is to be
 * @size: bytes
 * @page_size: mappings of this size in bytes where they fit and the CPU's EPT has
 *             them, else smaller ones
 *
 * Context: no vCPU that has these tables may run.
 */
void vmx_map(struct vm *vm, struct vmx_nested *nested, u64 l2, u64 l1, u64 size,
	     u64 page_size);

/* Words for guest code. */

/**
 * vmx_begin() - enter VMX operation, and have an L2 ready to begin
 * @self: the calling vCPU's block
 * @nested: filled by vmx_prepare()
 * @function: what it runs
 * @argument: its second argument
 *
 * L1 gets back what is sent to it: interrupts, NMI; and vmx_call(). L2 may not use
 * CPUID, nor whatever else exits always (SDM 26.1.2).
 */
void vmx_begin(struct guest_vcpu *self, struct vmx_nested *nested,
	       guest_function function, u64 argument);

/**
 * vmx_run() - run L2 until it exits
 * @nested: begun
 *
 * The next call goes on behind vmx_call(). Fails the guest where VM entry does.
 *
 * Return: the basic exit reason; L2's function has returned if it is
 * VMX_EXIT_VMCALL and vmx_done() says so.
 */
u64 vmx_run(struct vmx_nested *nested);

/**
 * vmx_clear() - VMCLEAR: what the CPU keeps of L2 goes to its control structure
 * @nested: begun
 *
 * KVM writes the page then, not when L2 exits (handle_vmclear(),
 * nested_release_vmcs12()). vmx_load() must come before the next vmx_run().
 */
void vmx_clear(struct vmx_nested *nested);

/**
 * vmx_load() - VMPTRLD: take L2's control structure again
 * @nested: vmx_clear() was called
 */
void vmx_load(struct vmx_nested *nested);

/**
 * vmx_store_pointer() - VMPTRST: store the current control structure's address
 * @address: guest address, of 8 bytes
 *
 * KVM writes them (handle_vmptrst()).
 */
void vmx_store_pointer(u64 address);

/**
 * vmx_store_field() - VMREAD with a memory operand: store a field
 * @address: guest address, of 8 bytes
 *
 * KVM writes them (handle_vmread()).
 */
void vmx_store_field(u64 address);

/**
 * vmx_done() - has L2's function returned?
 * @nested: begun, and current
 *
 * Return: whether it has.
 */
bool vmx_done(const struct vmx_nested *nested);

/**
 * vmx_call() - L2 calls L1
 */
static inline void vmx_call(void)
{
	asm volatile("vmcall" : : "a"(0) : "memory");
}

#endif /* SECMMU_VMX_H */
