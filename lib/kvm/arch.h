/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an architecture provides. lib/kvm/x86_64/ and lib/kvm/arm64/ implement
 * it; of the tests, only the harness's call it.
 */
#ifndef SECMMU_ARCH_H
#define SECMMU_ARCH_H

#include "kvm/vm.h"

/**
 * arch_vm_type() - the argument of KVM_CREATE_VM
 * @config: the VM's parameters
 *
 * Return: the argument that is nearest to the default on this machine, with
 * what @config asks for.
 * @config asks for beside it.
 */
unsigned long arch_vm_type(const struct vm_config *config);

/**
 * arch_physical_bits() - size of guest physical addresses
 * @config: the VM; NULL: the largest that a VM can have
 *
 * Return: bits.
 */
unsigned int arch_physical_bits(const struct vm_config *config);

/**
 * arch_vm_init() - prepare a new VM before its vCPUs are created
 * @vm: VM with system slot and control block
 */
void arch_vm_init(struct vm *vm);

/**
 * arch_tables_init() - choose the VM's granule and create its page tables
 * @vm: VM with vCPUs that are not initialized
 *
 * Sets vm->granule and vm->table_root, and maps addresses that only the
 * architecture has. Skips the case if the CPU lacks the requested granule.
 */
void arch_tables_init(struct vm *vm);

/**
 * arch_vcpu_init() - prepare a new vCPU to run guest C code
 * @vcpu: vCPU with cpu_page and stack
 */
void arch_vcpu_init(struct vcpu *vcpu);

/**
 * arch_vcpu_start() - set the registers to the start of a guest function
 * @vcpu: vCPU
 * @function: guest function
 * @argument: its second argument
 */
void arch_vcpu_start(struct vcpu *vcpu, guest_function function, u64 argument);

/**
 * arch_is_hypercall() - was this exit a hypercall?
 * @vcpu: vCPU
 *
 * Return: true if it was; the call is in the control block.
 */
bool arch_is_hypercall(struct vcpu *vcpu);

/**
 * arch_map_page() - add a leaf to the guest's page tables
 * @vm: VM
 * @gva: guest virtual address
 * @gpa: guest physical address
 * @page_size: bytes, one of arch_page_sizes(); @gva and @gpa are aligned to it
 */
void arch_map_page(struct vm *vm, u64 gva, u64 gpa, u64 page_size);

/**
 * vm_map_size() - size of the first mapping of a range
 * @sizes: supported mapping sizes, bytes, ascending
 * @count: number of sizes
 * @from: address to map
 * @to: address that it maps to
 * @size: of the range, bytes
 * @limit: largest size to use, bytes
 *
 * Return: the largest size that fits, else the smallest, bytes.
 */
u64 vm_map_size(const u64 *sizes, size_t count, u64 from, u64 to, u64 size,
		u64 limit);

/**
 * arch_page_sizes() - mapping sizes of the guest's page tables on this CPU
 * @vm: VM
 * @count: number of sizes
 *
 * Return: bytes, ascending; the first is the VM's granule.
 */
const u64 *arch_page_sizes(const struct vm *vm, size_t *count);

/**
 * arch_maps_huge() - does this KVM map huge pages?
 *
 * Return: false if a module without hardware virtualization serves /dev/kvm
 * (x86: neither kvm_amd nor kvm_intel). Then it maps small pages only, and
 * mapping sizes tell nothing.
 */
bool arch_maps_huge(void);

/**
 * arch_dirty_log_size() - size of the CPU's own log of dirty pages
 *
 * Return: pages that the CPU logs before KVM sees them (x86: Intel's page
 * modification log, kvm_cpu_dirty_log_size()); 0: none, the first write to a
 * protected page is a fault.
 */
u32 arch_dirty_log_size(void);

/**
 * arch_has_ring() - can KVM of this architecture have a kind of dirty ring?
 * @capability: KVM_CAP_DIRTY_LOG_RING, KVM_CAP_DIRTY_LOG_RING_ACQ_REL or
 *	KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP
 *
 * In any release: HAVE_KVM_DIRTY_RING_TSO is x86's, and
 * NEED_KVM_DIRTY_RING_WITH_BITMAP is arm64's.
 *
 * Return: false if no kernel has the capability.
 */
bool arch_has_ring(unsigned int capability);

/**
 * arch_program_counter() - the vCPU's program counter
 * @vcpu: vCPU; not in KVM_RUN
 *
 * Return: guest virtual address of its next instruction.
 */
u64 arch_program_counter(struct vcpu *vcpu);

/**
 * arch_return_instruction() - code of a function that returns at once
 * @size: size of the code, bytes
 *
 * The code runs at any address.
 *
 * Return: the code.
 */
const void *arch_return_instruction(size_t *size);

/* Largest code of arch_value_code(), bytes. */
#define ARCH_VALUE_CODE_MAX 20

/**
 * arch_value_code() - code of a function that returns a value
 * @value: the value
 * @code: filled in; runs at any address
 *
 * Return: size of the code, bytes.
 */
size_t arch_value_code(u64 value, u8 code[ARCH_VALUE_CODE_MAX]);

/**
 * arch_exception_text() - describe the exception in the control block
 * @guest: the vCPU's part of the control block
 * @buffer: filled in
 * @size: size of @buffer, bytes
 *
 * Without the address of the instruction, which __vcpu_run() adds.
 */
void arch_exception_text(const struct guest_vcpu *guest, char *buffer,
			 size_t size);

#endif
