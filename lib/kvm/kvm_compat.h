/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Constants that <linux/kvm.h> has gained since 6.1, for older headers.
 *
 * The suite is built once and runs on kernels from 6.1 on, so it needs
 * constants that the build machine's headers may lack. The values are user
 * space ABI (Documentation/virt/kvm/api.rst) and cannot change.
 */
#ifndef SECMMU_KVM_COMPAT_H
#define SECMMU_KVM_COMPAT_H

#include <linux/kvm.h>

#include "core/types.h"

#ifndef KVM_CAP_DIRTY_LOG_RING_ACQ_REL
#define KVM_CAP_DIRTY_LOG_RING_ACQ_REL 223
#endif

/*
 * Headers of architectures without dirty rings define 0, the page of struct
 * kvm_run: arm64's before 6.2. All architectures with rings map them at page 64
 * of the vCPU.
 */
#if KVM_DIRTY_LOG_PAGE_OFFSET == 0
#undef KVM_DIRTY_LOG_PAGE_OFFSET
#define KVM_DIRTY_LOG_PAGE_OFFSET 64
#endif

#ifndef KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP
#define KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP 225
#endif

#ifndef KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE
#define KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE 228
#endif

#ifndef KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES
#define KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES 229
#endif

#ifndef KVM_VM_TYPE_ARM_PROTECTED
#define KVM_VM_TYPE_ARM_PROTECTED (1UL << 31)
#endif

#ifndef KVM_CAP_DISABLE_QUIRKS2
#define KVM_CAP_DISABLE_QUIRKS2 213
#endif

#ifndef KVM_CAP_GUEST_MEMFD
#define KVM_CAP_GUEST_MEMFD 234
#endif

/* 6.17 has this number under another name; bit 0 has the same meaning there. */
#ifndef KVM_CAP_GUEST_MEMFD_FLAGS
#define KVM_CAP_GUEST_MEMFD_FLAGS 244
#endif

#ifndef GUEST_MEMFD_FLAG_MMAP
#define GUEST_MEMFD_FLAG_MMAP (1ULL << 0)
#endif

/* x86, 6.12 */
#define SECMMU_QUIRK_SLOT_ZAP_ALL (1U << 7)

#ifndef GUEST_MEMFD_FLAG_INIT_SHARED
#define GUEST_MEMFD_FLAG_INIT_SHARED (1ULL << 1)
#endif

#ifndef KVM_MEM_GUEST_MEMFD
#define KVM_MEM_GUEST_MEMFD (1UL << 2)
#endif

/* Separate names: the headers may or may not define these structures. */
struct secmmu_memory_region2 {
	u32 slot;
	u32 flags;
	u64 guest_phys_addr;
	u64 memory_size;
	u64 userspace_addr;
	u64 guest_memfd_offset;
	u32 guest_memfd;
	u32 pad1;
	u64 pad2[14];
};

struct secmmu_create_guest_memfd {
	u64 size;
	u64 flags;
	u64 reserved[6];
};

#define SECMMU_SET_USER_MEMORY_REGION2 \
	_IOW(KVMIO, 0x49, struct secmmu_memory_region2)
#define SECMMU_CREATE_GUEST_MEMFD \
	_IOWR(KVMIO, 0xd4, struct secmmu_create_guest_memfd)

#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39
#endif

#endif
