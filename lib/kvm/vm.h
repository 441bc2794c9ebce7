/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine made by raw KVM ioctls: the VM, its vCPUs, its memslots.
 *
 * Every ioctl comes in two forms. vm_ioctl() must succeed: it ends the test
 * with the ioctl's name and the errno's name. __vm_ioctl() may fail: it returns
 * -errno, for tests that expect a certain errno.
 *
 * Guest physical layout. Only slots from SLOT_TEST_FIRST on belong to tests;
 * what the harness itself needs lives in slots that no test logs or counts.
 *
 *	image    at its own host address   guest code, read-only (lib/guest.lds)
 *	system   GPA_SYSTEM                page tables, stacks, descriptor tables
 *	control  GPA_CONTROL               the control block (lib/guest.h)
 *	hypercall GPA_HYPERCALL            never backed: a store there is an exit
 *	tests    GPA_TEST and above
 *
 * Guest virtual addresses: the image and the control block have the host's
 * own; system and test memory are mapped one to one (gva == gpa).
 */
#ifndef SECMMU_VM_H
#define SECMMU_VM_H

#include <stdbool.h>
#include <stddef.h>

#include "mem/backing.h"
#include "core/evidence.h"
#include "kvm/guest.h"
#include "kvm/kvm_compat.h"
#include "kvm/vcpu.h"
#include "core/types.h"

#define GPA_SYSTEM    0x10000000ULL
#define GPA_CONTROL   0x20000000ULL
#define GPA_HYPERCALL 0x30000000ULL
#define GPA_TEST      0x100000000ULL

/* Per vCPU in the system slot: descriptor tables, fault stack, stack; bytes. */
#define VCPU_AREA_SIZE 0x8000UL

enum {
	SLOT_IMAGE,
	SLOT_SYSTEM,
	SLOT_CONTROL,
	SLOT_TEST_FIRST = 8,
};

struct vm;

/**
 * struct memslot - one memslot of a VM, as user space last set it
 * @vm: the VM it belongs to
 * @id: slot number, 0 up to KVM_CAP_NR_MEMSLOTS - 1
 * @gpa: guest physical address of its first byte, bytes
 * @size: bytes; 0 once deleted
 * @hva: host virtual address of its first byte
 * @flags: KVM_MEM_*
 * @guest_memfd: guest_memfd file, -1 if the slot has none
 * @guest_memfd_offset: offset into @guest_memfd, bytes
 */
struct memslot {
	struct vm *vm;
	u32 id;
	u64 gpa;
	u64 size;
	void *hva;
	u32 flags;
	int guest_memfd;
	u64 guest_memfd_offset;
};

/**
 * struct vcpu - one vCPU
 * @vm: the VM it belongs to
 * @index: 0 up to vcpu_count - 1, also its KVM vCPU id
 * @fd: KVM vCPU file
 * @run: the mapped struct kvm_run
 * @guest: this vCPU's part of the control block
 * @ring: the mapped dirty ring, NULL if the VM has none
 * @ring_next: index of the next ring entry to harvest, counted without wrap
 * @stack: guest virtual address of the top of its stack
 * @cpu_page: arch data of this vCPU in the system slot, host address
 * @io_pending: the last exit is completed by the next KVM_RUN only
 * @refusal_allowed: a guest exception, or an instruction that KVM cannot emulate,
 *	is VCPU_REFUSED instead of the test's end
 */
struct vcpu {
	struct vm *vm;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	struct guest_vcpu *guest;
	struct kvm_dirty_gfn *ring;
	u32 ring_next;
	u64 stack;
	void *cpu_page;
	bool io_pending;
	bool refusal_allowed;
};

/**
 * struct vm_config - how to create a VM; zero means the default everywhere
 * @vcpus: number of vCPUs, 1 up to KVM_CAP_MAX_VCPUS; default 1
 * @table_bytes: room for guest page tables, bytes; default 16 MiB. 2 MiB of
 *	tables map 1 GiB by 4 KiB pages
 * @ring_entries: dirty ring entries per vCPU, a power of two; 0: no dirty ring
 * @ring_capability: KVM_CAP_DIRTY_LOG_RING or KVM_CAP_DIRTY_LOG_RING_ACQ_REL
 * @ring_with_bitmap: a bitmap beside the rings, for what is dirtied while no
 *	vCPU runs (KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP)
 * @manual_protect: argument of KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 0: not enabled
 * @granule: size of the guest's smallest pages and of its tables, bytes, one of
 *	vm_granules(); 0: the host's page size, or what the CPU has instead
 * @interrupts: x86: interrupt controllers in the kernel (KVM_CREATE_IRQCHIP), so
 *	that vCPUs can halt, and send interrupts to each other (lib/x86_64/apic.h)
 * @physical_bits: size of guest physical addresses, in bits; 0: the default.
 *	Only where VMs differ in that (arm64), see arch_physical_bits()
 * @protected_guest: memory and state are kept from the host (arm64: pKVM, with
 *	KVM_VM_TYPE_ARM_PROTECTED); for __vm_create_only(), since the harness
 *	shares memory with its guests
 * @eager_split: split huge mappings when logging begins, by so many bytes at a
 *	time (KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE); 0: as KVM does by itself
 */
struct vm_config {
	unsigned int vcpus;
	u64 table_bytes;
	u32 ring_entries;
	u32 ring_capability;
	bool ring_with_bitmap;
	u64 manual_protect;
	u64 granule;
	unsigned int physical_bits;
	bool protected_guest;
	u64 eager_split;
	bool interrupts;
};

/**
 * struct vm - one virtual machine
 * @fd: KVM VM file
 * @config: what it was created with
 * @vcpu_count: number of vCPUs
 * @vcpus: the vCPUs
 * @page_size: host page size in bytes: the unit of memslots and dirty bitmaps
 * @granule: size of the guest's smallest pages and of its tables, bytes
 * @control: the control block, shared with the guest
 * @control_size: its size in bytes
 * @system: host address of the system slot
 * @system_size: its size in bytes
 * @table_next: offset of the next unused page-table page in the system slot
 * @table_root: offset of the root page table in the system slot
 * @vector_table: x86: offset of the IDT in the system slot
 * @stats: KVM's binary statistics of the VM, NULL if the kernel has none
 * @harness_slots: the harness's own slots, by number
 */
struct vm {
	int fd;
	struct vm_config config;
	unsigned int vcpu_count;
	struct vcpu *vcpus;
	size_t page_size;
	u64 granule;
	struct guest_control *control;
	size_t control_size;
	void *system;
	size_t system_size;
	u64 table_next;
	u64 table_root;
	u64 vector_table;
	struct evidence_stats *stats;
	struct memslot harness_slots[SLOT_TEST_FIRST];
};

/**
 * kvm_device_fd() - the process's /dev/kvm file
 *
 * Opens /dev/kvm at the first call. Skips the test case, with the remedy, where
 * there is none or it may not be opened.
 *
 * Return: an open file descriptor. Context: any thread.
 */
int kvm_device_fd(void);

/**
 * kvm_check_extension() - KVM_CHECK_EXTENSION on /dev/kvm
 * @capability: KVM_CAP_*
 *
 * Return: the capability's value, 0 where the kernel does not know it.
 */
int kvm_check_extension(unsigned long capability);

/**
 * vm_check_extension() - KVM_CHECK_EXTENSION on a VM
 * @vm: VM
 * @capability: KVM_CAP_*
 *
 * Some capabilities depend on the VM (Documentation/virt/kvm/api.rst 4.4).
 *
 * Return: the capability's value, 0 where the kernel does not know it.
 */
int vm_check_extension(struct vm *vm, unsigned long capability);

int ioctl_may_fail(int fd, unsigned long request, unsigned long argument);
int ioctl_must(int fd, unsigned long request, unsigned long argument,
	       const char *name, const char *file, int line);

/* Return -errno on failure. */
#define __kvm_ioctl(request, argument) \
	ioctl_may_fail(kvm_device_fd(), request, (unsigned long)(argument))
#define __vm_ioctl(vm, request, argument) \
	ioctl_may_fail((vm)->fd, request, (unsigned long)(argument))
#define __vcpu_ioctl(vcpu, request, argument) \
	ioctl_may_fail((vcpu)->fd, request, (unsigned long)(argument))

/* End the test on failure. */
#define kvm_ioctl(request, argument)                                    \
	ioctl_must(kvm_device_fd(), request, (unsigned long)(argument), \
		   #request, __FILE__, __LINE__)
#define vm_ioctl(vm, request, argument)                                    \
	ioctl_must((vm)->fd, request, (unsigned long)(argument), #request, \
		   __FILE__, __LINE__)
#define vcpu_ioctl(vcpu, request, argument)                                  \
	ioctl_must((vcpu)->fd, request, (unsigned long)(argument), #request, \
		   __FILE__, __LINE__)

/**
 * vm_create() - create a VM with its vCPUs, control block and page tables
 * @config: how; NULL for all defaults
 *
 * Skips the test case where the kernel lacks what @config asks for.
 *
 * Return: the VM. Context: the process that runs the vCPUs (KVM ties a VM to
 * the mm that created it, kvm_vm_ioctl()).
 */
struct vm *vm_create(const struct vm_config *config);

/**
 * __vm_create_only() - KVM_CREATE_VM and nothing else
 * @config: only what KVM_CREATE_VM has to know of it
 *
 * Return: the VM's file, or -errno.
 */
int __vm_create_only(const struct vm_config *config);

/**
 * vm_destroy() - close a VM and free all that belongs to it
 * @vm: VM; no thread may be in KVM_RUN. Test slots' memory stays the caller's
 */
void vm_destroy(struct vm *vm);

/**
 * vm_enable_cap() - KVM_ENABLE_CAP on the VM, must succeed
 * @vm: VM
 * @capability: KVM_CAP_*
 * @argument: args[0]
 */
void vm_enable_cap(struct vm *vm, u32 capability, u64 argument);

/**
 * __vm_enable_cap() - KVM_ENABLE_CAP on the VM, may fail
 * @vm: VM
 * @capability: KVM_CAP_*
 * @argument: args[0]
 *
 * Return: 0 or -errno.
 */
int __vm_enable_cap(struct vm *vm, u32 capability, u64 argument);

/**
 * __slot_set() - KVM_SET_USER_MEMORY_REGION (or REGION2) as @slot says, may fail
 * @slot: all fields but @vm's are the caller's choice; size 0 deletes
 *
 * Return: 0 or -errno.
 */
int __slot_set(struct memslot *slot);

/**
 * slot_set() - as __slot_set(), must succeed
 * @slot: slot
 */
void slot_set(struct memslot *slot);

/**
 * slot_add() - fill in @slot and create it over a backing
 * @vm: VM
 * @slot: to fill in
 * @id: slot number, SLOT_TEST_FIRST and up
 * @gpa: guest physical address, page aligned
 * @backing: memory; the slot covers all of it
 * @flags: KVM_MEM_*
 */
void slot_add(struct vm *vm, struct memslot *slot, u32 id, u64 gpa,
	      const struct backing *backing, u32 flags);

/**
 * slot_set_flags() - change a slot's flags, must succeed
 * @slot: slot
 * @flags: KVM_MEM_*
 */
void slot_set_flags(struct memslot *slot, u32 flags);

/**
 * slot_move() - let a slot begin at another guest physical address
 * @slot: slot
 * @gpa: guest physical address, page aligned
 *
 * What is dirty in its log stays so (kvm_prepare_memory_region()).
 */
void slot_move(struct memslot *slot, u64 gpa);

/**
 * slot_delete() - delete a slot
 * @slot: slot
 */
void slot_delete(struct memslot *slot);

/**
 * vm_map() - map guest physical memory in the guest's own page tables
 * @vm: VM
 * @gva: guest virtual address
 * @gpa: guest physical address, equal to @gva modulo the VM's granule
 * @size: bytes
 * @page_size: mappings of this size in bytes where they fit, or of the largest
 *	below it that the guest's page tables have (arch_page_sizes()). Edges
 *	that are not aligned get smaller ones. Whole pages are mapped: the rest
 *	of the first and last one, too
 *
 * Context: no vCPU may run.
 */
void vm_map(struct vm *vm, u64 gva, u64 gpa, u64 size, u64 page_size);

/**
 * vm_twin() - make a VM ready to take over another one's guest
 * @to: VM, none of whose vCPUs has run yet
 * @from: VM with the same configuration; in both the same is mapped at the same
 *	addresses by vm_map(), in the same order. None of its vCPUs has run yet
 *
 * A guest has pointers into the control block, at the address where the host has
 * it. So from here on each of the two VMs has its own control block mapped at
 * both addresses, and both have the same page tables, byte for byte.
 */
void vm_twin(struct vm *to, struct vm *from);

/**
 * vm_hand_over_control() - give a VM what another's control block says
 * @to: VM, twin of @from
 * @from: VM
 *
 * The control block is no guest memory under test: it is in no log.
 *
 * Context: no vCPU of either runs.
 */
void vm_hand_over_control(struct vm *to, const struct vm *from);

/**
 * vm_granules() - granules that guests of this architecture can have
 * @count: number of granules
 *
 * Not every CPU has all of them: vm_create() skips for those it lacks.
 *
 * Return: bytes, ascending.
 */
const u64 *vm_granules(size_t *count);

/**
 * vm_can_split_eagerly() - is vm_config.eager_split for this architecture
 *
 * Return: true on arm64. x86 splits by itself (kvm.eager_page_split).
 */
bool vm_can_split_eagerly(void);

/**
 * vm_can_log_io_memory() - may a slot of memory without struct page be logged
 *
 * Return: false on arm64 (kvm_arch_prepare_memory_region(): VM_PFNMAP).
 */
bool vm_can_log_io_memory(void);

/**
 * vm_unmap_slots_alone() - when a slot goes or moves, unmap what it has mapped
 * @vm: VM
 *
 * x86 unmaps everything else with it, for some guests' sake, if this is not asked
 * for (KVM_X86_QUIRK_SLOT_ZAP_ALL, 6.12). arm64 does so anyway.
 *
 * Return: whether it is so now.
 */
bool vm_unmap_slots_alone(struct vm *vm);

/**
 * vm_guest_memfd() - a guest_memfd that the host can map
 * @vm: VM
 * @size: bytes, a multiple of the page size
 *
 * Skips the test case where the kernel has none for this VM
 * (KVM_CAP_GUEST_MEMFD_FLAGS, GUEST_MEMFD_FLAG_INIT_SHARED).
 *
 * Return: the file, for BACKING_GUEST_MEMFD; the caller's to close.
 */
int vm_guest_memfd(struct vm *vm, u64 size);

/**
 * vm_can_interrupt() - can VMs have vm_config.interrupts
 *
 * Return: whether they can, on this architecture and with this kernel.
 */
bool vm_can_interrupt(void);

/**
 * vm_clock_steady() - does the guest's clock never go backwards
 *
 * Return: false where KVM itself corrects it (x86: the host's TSC is unstable,
 * kvm_arch_vcpu_load()).
 */
bool vm_clock_steady(void);

/**
 * vm_alloc_table() - one zeroed page-table page out of the system slot
 * @vm: VM
 * @size: bytes, a power of two, the table's size and alignment
 *
 * Return: its offset in the system slot; GPA is GPA_SYSTEM plus this.
 */
u64 vm_alloc_table(struct vm *vm, u64 size);

/**
 * vm_stat() - one of the VM's binary statistics
 * @vm: VM
 * @name: e.g. "pages_2m" (Documentation/virt/kvm/api.rst 4.133)
 * @value: where to put it
 *
 * Return: true if the kernel has it.
 */
bool vm_stat(struct vm *vm, const char *name, u64 *value);

#endif
