/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that differs between architectures, in one list. lib/x86_64/ and
 * lib/arm64/ implement it; no test but the harness's own calls it.
 */
#ifndef SECMMU_ARCH_H
#define SECMMU_ARCH_H

#include "kvm/vm.h"

/**
 * arch_vm_type() - the argument of KVM_CREATE_VM
 * @config: the VM that is wanted
 *
 * Return: what this machine's KVM has that is nearest to the default, and what
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
 * arch_vm_init() - what a new VM needs before it has vCPUs
 * @vm: VM; system slot and control block are there
 */
void arch_vm_init(struct vm *vm);

/**
 * arch_tables_init() - choose the VM's granule, and begin its page tables
 * @vm: VM; its vCPUs are there, but not initialised
 *
 * Sets vm->granule and vm->table_root, and maps what only the architecture
 * knows of. Skips the test case where the CPU lacks the granule that is asked
 * for.
 */
void arch_tables_init(struct vm *vm);

/**
 * arch_vcpu_init() - bring a new vCPU to where it can run guest C code
 * @vcpu: vCPU; its cpu_page and stack are there
 */
void arch_vcpu_init(struct vcpu *vcpu);

/**
 * arch_vcpu_start() - set the registers that begin a guest function
 * @vcpu: vCPU
 * @function: guest function
 * @argument: its second argument
 */
void arch_vcpu_start(struct vcpu *vcpu, guest_function function, u64 argument);

/**
 * arch_is_hypercall() - was this exit our hypercall
 * @vcpu: vCPU
 *
 * Return: true if it was (the call itself is in the control block).
 */
bool arch_is_hypercall(struct vcpu *vcpu);

/**
 * arch_map_page() - put one leaf into the guest's page tables
 * @vm: VM
 * @gva: guest virtual address
 * @gpa: guest physical address
 * @page_size: bytes, one of arch_page_sizes(); @gva and @gpa are aligned to it
 */
void arch_map_page(struct vm *vm, u64 gva, u64 gpa, u64 page_size);

/**
 * vm_map_size() - by what page the beginning of a range is best mapped
 * @sizes: sizes that page tables can map, bytes, ascending
 * @count: number of sizes
 * @from: address that is mapped
 * @to: what it is mapped to
 * @size: of the range, bytes
 * @limit: no larger page than this, bytes
 *
 * Return: bytes: the largest of them that fits, or the smallest.
 */
u64 vm_map_size(const u64 *sizes, size_t count, u64 from, u64 to, u64 size,
		u64 limit);

/**
 * arch_page_sizes() - sizes that the guest's page tables can map on this CPU
 * @vm: VM
 * @count: number of sizes
 *
 * Return: bytes, ascending; the first is the VM's granule.
 */
const u64 *arch_page_sizes(const struct vm *vm, size_t *count);

/**
 * arch_maps_huge() - does KVM here map huge pages at all
 *
 * Return: false where a module without hardware virtualization serves /dev/kvm
 * (x86: neither kvm_amd nor kvm_intel): it maps small pages only, and the sizes
 * of its mappings tell nothing.
 */
bool arch_maps_huge(void);

/**
 * arch_dirty_log_size() - does the CPU itself keep a log of dirty pages
 *
 * Return: how many pages it notes before KVM sees them (x86: Intel's page
 * modification log, kvm_cpu_dirty_log_size()); 0: none, every first write to a
 * protected page is a fault.
 */
u32 arch_dirty_log_size(void);

/**
 * arch_has_ring() - can KVM of this architecture have a kind of dirty ring
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
 * arch_program_counter() - where the vCPU stands
 * @vcpu: vCPU; not in KVM_RUN
 *
 * Return: guest virtual address of its next instruction.
 */
u64 arch_program_counter(struct vcpu *vcpu);

/**
 * arch_return_instruction() - code of a function that does nothing
 * @size: its bytes
 *
 * For memory that a guest is to execute, at any address.
 *
 * Return: the code.
 */
const void *arch_return_instruction(size_t *size);

/* Bytes that arch_value_code() takes at most. */
#define ARCH_VALUE_CODE_MAX 20

/**
 * arch_value_code() - code of a function that returns a value
 * @value: the value
 * @code: filled in; runs at any address
 *
 * Return: its bytes.
 */
size_t arch_value_code(u64 value, u8 code[ARCH_VALUE_CODE_MAX]);

/**
 * arch_exception_text() - the exception in the vCPU's control block, in words
 * @guest: the vCPU's part of the control block
 * @buffer: where to put it
 * @size: bytes in @buffer
 *
 * All but where it happened, which __vcpu_run() adds.
 */
void arch_exception_text(const struct guest_vcpu *guest, char *buffer,
			 size_t size);

#endif
