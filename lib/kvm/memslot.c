// SPDX-License-Identifier: GPL-2.0-only
/* Memslots: KVM_SET_USER_MEMORY_REGION and KVM_SET_USER_MEMORY_REGION2. */
#include "core/report.h"
#include "kvm/vm.h"

int vm_guest_memfd(struct vm *vm, u64 size)
{
	const u64 flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
	struct secmmu_create_guest_memfd create = {
		.size = size,
		.flags = flags,
	};

	if (!vm_check_extension(vm, KVM_CAP_GUEST_MEMFD) ||
	    (vm_check_extension(vm, KVM_CAP_GUEST_MEMFD_FLAGS) & flags) !=
		    flags)
		skip("KVM_CAP_GUEST_MEMFD_FLAGS, a guest_memfd that the host can map",
		     "use a kernel from 6.18 on");
	return vm_ioctl(vm, SECMMU_CREATE_GUEST_MEMFD, &create);
}

int __slot_set(struct memslot *slot)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot->id,
		.flags = slot->flags,
		.guest_phys_addr = slot->gpa,
		.memory_size = slot->size,
		.userspace_addr = (u64)(uintptr_t)slot->hva,
	};
	struct secmmu_memory_region2 region2 = {
		.slot = slot->id,
		.flags = slot->flags,
		.guest_phys_addr = slot->gpa,
		.memory_size = slot->size,
		.userspace_addr = (u64)(uintptr_t)slot->hva,
		.guest_memfd_offset = slot->guest_memfd_offset,
		.guest_memfd = (u32)slot->guest_memfd,
	};

	/* Only REGION2 has a guest_memfd field (6.8). */
	if (slot->flags & KVM_MEM_GUEST_MEMFD)
		return __vm_ioctl(slot->vm, SECMMU_SET_USER_MEMORY_REGION2,
				  &region2);
	return __vm_ioctl(slot->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

void slot_set(struct memslot *slot)
{
	int error = __slot_set(slot);

	if (error)
		fail("KVM_SET_USER_MEMORY_REGION slot %u gpa %#llx size %#llx flags %#x failed: %s",
		     slot->id, slot->gpa, slot->size, slot->flags,
		     errno_name(-error));
}

void slot_add(struct vm *vm, struct memslot *slot, u32 id, u64 gpa,
	      const struct backing *backing, u32 flags)
{
	*slot = (struct memslot){
		.vm = vm,
		.id = id,
		.gpa = gpa,
		.size = backing->size,
		.hva = backing->hva,
		.flags = flags,
		.guest_memfd = -1,
	};
	if (backing->kind == BACKING_GUEST_MEMFD) {
		slot->flags |= KVM_MEM_GUEST_MEMFD;
		slot->guest_memfd = backing->fd;
		slot->guest_memfd_offset = (u64)backing->offset;
	}
	slot_set(slot);
}

void slot_set_flags(struct memslot *slot, u32 flags)
{
	slot->flags = flags;
	slot_set(slot);
}

void slot_move(struct memslot *slot, u64 gpa)
{
	slot->gpa = gpa;
	slot_set(slot);
}

void slot_delete(struct memslot *slot)
{
	slot->size = 0;
	slot->flags = 0;
	slot_set(slot);
}
