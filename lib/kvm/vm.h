/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine made by raw KVM ioctls: the VM, its vCPUs, its memslots.
 *
 * Ioctls have two forms. vm_ioctl() must succeed: on an error it fails the case
 * with the names of ioctl and errno. __vm_ioctl() may fail: it returns a
 * negative errno, for tests that expect one.
 *
 * Guest physical layout. Slots from SLOT_TEST_FIRST on belong to tests. The
 * harness's memory is in the slots below, which no test logs or counts.
 *
 *	image    its host address          guest code, read-only (lib/kvm/guest.lds)
 *	system   GPA_SYSTEM                page tables, stacks, descriptor tables
 *	control  GPA_CONTROL               the control block (lib/kvm/guest.h)
 *	hypercall GPA_HYPERCALL            never backed: a store is an exit
 *	tests    GPA_TEST and above
 *
 * Guest virtual addresses: the image and the control block have their host
 * addresses; system and test memory are mapped one to one (gva == gpa).
 */
#ifndef SECMMU_VM_H
#define SECMMU_VM_H

#include <stdbool.h>
#include <stddef.h>

#include "mem/backing.h"
#include "core/clock.h"
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
 * struct memslot - a memslot, as user space last set it
 * @vm: its VM
 * @id: slot id, 0 to KVM_CAP_NR_MEMSLOTS - 1
 * @gpa: guest physical address
 * @size: bytes; 0 once deleted
 * @hva: host virtual address
 * @flags: KVM_MEM_*
 * @guest_memfd: guest_memfd, -1: none
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
 * struct vcpu - a vCPU
 * @vm: the VM it belongs to
 * @index: 0 to vcpu_count - 1; also its KVM vCPU id
 * @fd: KVM vCPU file
 * @run: the mapped struct kvm_run
 * @guest: this vCPU's part of the control block
 * @ring: the mapped dirty ring; NULL: none
 * @ring_next: index of the next ring entry to harvest, counted without wrap
 * @stack: guest virtual address of the top of its stack
 * @cpu_page: architecture's data of this vCPU in the system slot, host address
 * @io_pending: only the next KVM_RUN completes the last exit
 * @refusal_allowed: a guest exception, or an instruction that KVM cannot
 *	emulate, is VCPU_REFUSED instead of a failure
 * @awaited: the interrupt that the guest waits for; NULL: none (vcpu_await())
 * @await_end: when waiting for it fails the case
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
	const char *awaited;
	struct deadline await_end;
};

/**
 * struct vm_config - parameters of a VM; zero is each default
 * @vcpus: number of vCPUs, 1 up to KVM_CAP_MAX_VCPUS; default 1
 * @table_bytes: room for guest page tables, bytes; default 16 MiB. 2 MiB of
 *	tables map 1 GiB by 4 KiB pages
 * @ring_entries: dirty ring entries per vCPU, a power of two; 0: no dirty ring
 * @ring_capability: KVM_CAP_DIRTY_LOG_RING or KVM_CAP_DIRTY_LOG_RING_ACQ_REL
 * @ring_with_bitmap: a bitmap in addition to the rings, for pages dirtied
 *	without a running vCPU (KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP)
 * @manual_protect: argument of KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 0: not enabled
 * @granule: size of the guest's smallest pages and of its tables, bytes, one of
 *	vm_granules(); 0: the host's page size, or another if the CPU lacks
 *	that
 * @interrupts: x86: in-kernel interrupt controllers (KVM_CREATE_IRQCHIP), so
 *	that vCPUs can halt and send each other interrupts
 *	(lib/kvm/x86_64/apic.h)
 * @physical_bits: size of guest physical addresses, bits; 0: the default. Only
 *	where VMs differ in it (arm64), see arch_physical_bits()
 * @protected_guest: keep memory and state from the host (arm64: pKVM,
 *	KVM_VM_TYPE_ARM_PROTECTED); only for __vm_create_only(), since the
 *	harness shares memory with its guests
 * @eager_split: split huge mappings when logging is enabled, in chunks of this
 *	size in bytes (KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE); 0: KVM's default
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
 * struct vm - a virtual machine
 * @fd: KVM VM file
 * @config: its parameters
 * @vcpu_count: number of vCPUs
 * @vcpus: the vCPUs
 * @page_size: host page size, bytes: unit of memslots and dirty bitmaps
 * @granule: size of the guest's smallest pages and of its tables, bytes
 * @control: the control block, shared with the guest
 * @control_size: its size in bytes
 * @system: host address of the system slot
 * @system_size: its size in bytes
 * @table_next: offset of the next unused page-table page in the system slot
 * @table_root: offset of the root page table in the system slot
 * @vector_table: x86: offset of the IDT in the system slot
 * @stats: KVM's binary statistics of the VM; NULL: the kernel has none
 * @harness_slots: the harness's slots, by id
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
 * Opens /dev/kvm in the first call. Skips the case, with the remedy, if it does
 * not exist or may not be opened.
 *
 * Return: an open file descriptor. Context: any thread.
 */
int kvm_device_fd(void);

/**
 * kvm_check_extension() - KVM_CHECK_EXTENSION on /dev/kvm
 * @capability: KVM_CAP_*
 *
 * Return: the capability's value; 0 if the kernel does not know it.
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

/* These return a negative errno on failure. */
#define __kvm_ioctl(request, argument) \
	ioctl_may_fail(kvm_device_fd(), request, (unsigned long)(argument))
#define __vm_ioctl(vm, request, argument) \
	ioctl_may_fail((vm)->fd, request, (unsigned long)(argument))
#define __vcpu_ioctl(vcpu, request, argument) \
	ioctl_may_fail((vcpu)->fd, request, (unsigned long)(argument))

/* These fail the case on failure. */
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
 * @config: parameters; NULL: all defaults
 *
 * Skips the case if the kernel lacks a feature that @config needs.
 *
 * Return: the VM. Context: the process that runs the vCPUs (KVM ties a VM to
 * the mm that created it, kvm_vm_ioctl()).
 */
struct vm *vm_create(const struct vm_config *config);

/**
 * __vm_create_only() - KVM_CREATE_VM and nothing else
 * @config: only the members that KVM_CREATE_VM depends on
 *
 * Return: the VM's file, or -errno.
 */
int __vm_create_only(const struct vm_config *config);

/**
 * vm_destroy() - close a VM and free its resources
 * @vm: VM; no thread may be in KVM_RUN. The caller keeps the memory of test
 *	slots
 */
void vm_destroy(struct vm *vm);

/**
 * vm_enable_cap() - KVM_ENABLE_CAP on the VM; must succeed
 * @vm: VM
 * @capability: KVM_CAP_*
 * @argument: args[0]
 */
void vm_enable_cap(struct vm *vm, u32 capability, u64 argument);

/**
 * __vm_enable_cap() - KVM_ENABLE_CAP on the VM; may fail
 * @vm: VM
 * @capability: KVM_CAP_*
 * @argument: args[0]
 *
 * Return: 0 or a negative errno.
 */
int __vm_enable_cap(struct vm *vm, u32 capability, u64 argument);

/**
 * __slot_set() - KVM_SET_USER_MEMORY_REGION (or REGION2); may fail
 * @slot: the slot as it shall be; size 0 deletes it
 *
 * Return: 0 or -errno.
 */
int __slot_set(struct memslot *slot);

/**
 * slot_set() - as __slot_set(); must succeed
 * @slot: slot
 */
void slot_set(struct memslot *slot);

/**
 * slot_add() - create a slot for a backing
 * @vm: VM
 * @slot: filled in
 * @id: slot id, SLOT_TEST_FIRST or above
 * @gpa: guest physical address, page aligned
 * @backing: memory; the slot covers all of it
 * @flags: KVM_MEM_*
 */
void slot_add(struct vm *vm, struct memslot *slot, u32 id, u64 gpa,
	      const struct backing *backing, u32 flags);

/**
 * slot_set_flags() - change a slot's flags; must succeed
 * @slot: slot
 * @flags: KVM_MEM_*
 */
void slot_set_flags(struct memslot *slot, u32 flags);

/**
 * slot_move() - move a slot to another guest physical address
 * @slot: slot
 * @gpa: guest physical address, page aligned
 *
 * The slot keeps its dirty log (kvm_prepare_memory_region()).
 */
void slot_move(struct memslot *slot, u64 gpa);

/**
 * slot_delete() - delete a slot
 * @slot: slot
 */
void slot_delete(struct memslot *slot);

/**
 * vm_map() - map guest physical memory in the guest's page tables
 * @vm: VM
 * @gva: guest virtual address
 * @gpa: guest physical address, equal to @gva modulo the VM's granule
 * @size: bytes
 * @page_size: size of mappings, bytes, or the largest below it that the guest's
 *	page tables support (arch_page_sizes()). Unaligned edges get smaller
 *	mappings. Whole pages are mapped, including the rest of the first and
 *	of the last one
 *
 * Context: no vCPU may run.
 */
void vm_map(struct vm *vm, u64 gva, u64 gpa, u64 size, u64 page_size);

/**
 * vm_twin() - prepare a VM to take over another VM's guest
 * @to: VM whose vCPUs have not run
 * @from: VM with the same configuration, whose vCPUs have not run; vm_map() has
 *	mapped the same addresses in both, in the same order
 *
 * A guest holds pointers into its control block, at the host's address. From
 * here on each of the two VMs maps its control block at both addresses, and
 * their page tables are identical.
 */
void vm_twin(struct vm *to, struct vm *from);

/**
 * vm_hand_over_control() - copy the control block of another VM
 * @to: VM, prepared by vm_twin() for @from
 * @from: VM
 *
 * The control block is not under test: no log contains it.
 *
 * Context: no vCPU of either runs.
 */
void vm_hand_over_control(struct vm *to, const struct vm *from);

/**
 * vm_granules() - granules of guests of this architecture
 * @count: number of granules
 *
 * A CPU may lack some: vm_create() skips then.
 *
 * Return: bytes, ascending.
 */
const u64 *vm_granules(size_t *count);

/**
 * vm_can_split_eagerly() - does the architecture support vm_config.eager_split?
 *
 * Return: true on arm64. x86 has kvm.eager_page_split instead.
 */
bool vm_can_split_eagerly(void);

/**
 * vm_can_log_io_memory() - can a slot of memory without struct page be logged?
 *
 * Return: false on arm64 (kvm_arch_prepare_memory_region(): VM_PFNMAP).
 */
bool vm_can_log_io_memory(void);

/**
 * vm_unmap_slots_alone() - unmap only the slot's memory when a slot is deleted
 *	or moved
 * @vm: VM
 *
 * By default x86 unmaps all slots (KVM_X86_QUIRK_SLOT_ZAP_ALL, 6.12). arm64
 * always unmaps only the slot.
 *
 * Return: true if KVM does so from here on.
 */
bool vm_unmap_slots_alone(struct vm *vm);

/**
 * vm_guest_memfd() - create a guest_memfd that the host can map
 * @vm: VM
 * @size: bytes, a multiple of the page size
 *
 * Skips the case if the kernel supports none for this VM
 * (KVM_CAP_GUEST_MEMFD_FLAGS, GUEST_MEMFD_FLAG_INIT_SHARED).
 *
 * Return: the file, for BACKING_GUEST_MEMFD. The caller closes it.
 */
int vm_guest_memfd(struct vm *vm, u64 size);

/**
 * vm_can_interrupt() - can VMs have vm_config.interrupts?
 *
 * Return: true if this architecture and this kernel support it.
 */
bool vm_can_interrupt(void);

/**
 * vm_clock_steady() - does the guest's clock never go backwards?
 *
 * Return: false if KVM adjusts it (x86 with an unstable host TSC,
 * kvm_arch_vcpu_load()).
 */
bool vm_clock_steady(void);

/**
 * vm_alloc_table() - allocate a zeroed page table in the system slot
 * @vm: VM
 * @size: size and alignment, bytes, a power of two
 *
 * Return: its offset in the system slot; GPA is GPA_SYSTEM plus this.
 */
u64 vm_alloc_table(struct vm *vm, u64 size);

/**
 * vm_stat() - read one of the VM's binary statistics
 * @vm: VM
 * @name: name, such as "pages_2m" (Documentation/virt/kvm/api.rst 4.133)
 * @value: filled in
 *
 * Return: true if the kernel has it.
 */
bool vm_stat(struct vm *vm, const char *name, u64 *value);

#endif
