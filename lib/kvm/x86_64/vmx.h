/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nested virtualization with Intel's VMX: a guest (L1) runs a guest (L2) in its
 * own virtual address space, as in svm.h. With extended page tables (EPT), L2's
 * physical addresses are L1's as well.
 *
 * See the Intel 64 and IA-32 Architectures Software Developer's Manual (SDM),
 * volume 3, chapters 24 to 31 and appendices A to C.
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
 * @vmcs: its VMCS, guest address
 * @on: its VMXON region, guest address
 * @msrs: its MSR bitmap, all zero, so no MSR access exits; guest address
 * @stack: top of its stack, guest address
 * @tables: its extended page tables, guest physical address; 0: none
 * @is_on: VMXON has been executed
 * @launched: VMLAUNCH has been executed since VMCLEAR
 * @registers: its general registers except RSP, in vmx_enter()'s order
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

/* Functions for the host. */

/**
 * vmx_there() - does KVM offer VMX to guests?
 *
 * Return: true if it does (kvm_intel.nested=1).
 */
bool vmx_there(void);

/**
 * vmx_need() - skip the case if guests have no VMX
 */
void vmx_need(void);

/**
 * vmx_prepare() - allocate memory for an L2
 * @vm: VM; none of its vCPUs may run
 * @nested: filled in
 *
 * Skips the case if guests have no VMX.
 */
void vmx_prepare(struct vm *vm, struct vmx_nested *nested);

/**
 * vmx_prepare_tables() - allocate empty extended page tables for an L2
 * @vm: VM; none of its vCPUs may run
 * @nested: vmx_prepare() was called
 *
 * Other vCPUs' L2 may share them: copy nested.tables. Skips the case if guests
 * have no EPT.
 */
void vmx_prepare_tables(struct vm *vm, struct vmx_nested *nested);

/**
 * vmx_need_page_size() - skip the case if guests' EPT does not support a
 *	mapping size
 * @size: bytes: 4 KiB, 2 MiB or 1 GiB
 */
void vmx_need_page_size(u64 size);

/**
 * vmx_map() - map L2's physical memory in its extended page tables
 * @vm: VM
 * @nested: vmx_prepare_tables() was called
 * @l2: L2's physical address, page aligned
 * @l1: guest physical address that it maps to
 * @size: bytes
 * @page_size: size of mappings, bytes; smaller ones where it does not fit or
 *	the CPU's EPT does not support it
 *             them, else smaller ones
 *
 * Context: no vCPU that uses these tables may run.
 */
void vmx_map(struct vm *vm, struct vmx_nested *nested, u64 l2, u64 l1, u64 size,
	     u64 page_size);

/* Functions for guest code. */

/**
 * vmx_begin() - enter VMX operation and set L2 to the start of a function
 * @self: the calling vCPU's block
 * @nested: prepared by vmx_prepare()
 * @function: L2's function
 * @argument: its second argument
 *
 * L2 exits on interrupts, NMI and vmx_call(). L2 must not use CPUID or other
 * instructions that exit unconditionally (SDM 26.1.2).
 */
void vmx_begin(struct guest_vcpu *self, struct vmx_nested *nested,
	       guest_function function, u64 argument);

/**
 * vmx_run() - run L2 until it exits
 * @nested: started by vmx_begin()
 *
 * The next call continues L2 after vmx_call(). Fails the case if VM entry
 * fails.
 *
 * Return: the basic exit reason. L2's function has returned if it is
 * VMX_EXIT_VMCALL and vmx_done() is true.
 */
u64 vmx_run(struct vmx_nested *nested);

/**
 * vmx_clear() - VMCLEAR: write the VMCS to memory
 * @nested: started by vmx_begin()
 *
 * KVM writes the page at VMCLEAR, not when L2 exits (handle_vmclear(),
 * nested_release_vmcs12()). Call vmx_load() before the next vmx_run().
 */
void vmx_clear(struct vmx_nested *nested);

/**
 * vmx_load() - VMPTRLD: make the VMCS current again
 * @nested: vmx_clear() was called
 */
void vmx_load(struct vmx_nested *nested);

/**
 * vmx_store_pointer() - VMPTRST: store the current VMCS's address
 * @address: guest address, of 8 bytes
 *
 * KVM writes them (handle_vmptrst()).
 */
void vmx_store_pointer(u64 address);

/**
 * vmx_store_field() - VMREAD with a memory operand: store a field of the VMCS
 * @address: guest address, of 8 bytes
 *
 * KVM writes them (handle_vmread()).
 */
void vmx_store_field(u64 address);

/**
 * vmx_done() - has L2's function returned?
 * @nested: begun, and current
 *
 * Return: true if it has.
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
