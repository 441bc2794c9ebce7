// SPDX-License-Identifier: GPL-2.0-only
/*
 * With kvm-arm.mode=protected: enabling dirty logging warns, if eager page
 * splitting was enabled before (pkvm-eager-split.md). No guest runs.
 *
 *	aarch64-linux-gnu-gcc -O2 -static pkvm-eager-split.c -o pkvm-eager-split
 *
 * Look into the kernel log afterwards. 0: logging was enabled, 1: an ioctl
 * failed, 4: the kernel does not offer it.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define EAGER_SPLIT_CHUNK_SIZE 228
#define SUPPORTED_BLOCK_SIZES  229

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR);
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	int sizes = ioctl(vm, KVM_CHECK_EXTENSION, SUPPORTED_BLOCK_SIZES);
	/* The lowest bit is the size of a page, the next one that of a block. */
	int blocks = sizes & (sizes - 1);
	struct kvm_enable_cap cap = { .cap = EAGER_SPLIT_CHUNK_SIZE };
	struct kvm_userspace_memory_region slot = { .memory_size = 4 << 20 };

	if (vm < 0) {
		perror("KVM_CREATE_VM");
		return 1;
	}
	if (sizes <= 0) {
		puts("no KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE");
		return 4;
	}
	cap.args[0] = (uint64_t)(blocks & -blocks);
	if (ioctl(vm, KVM_ENABLE_CAP, &cap)) {
		perror("KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE");
		return 1;
	}
	slot.userspace_addr = (uintptr_t)mmap(NULL, slot.memory_size,
					      PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1,
					      0);
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot)) {
		perror("KVM_SET_USER_MEMORY_REGION");
		return 1;
	}
	slot.flags = KVM_MEM_LOG_DIRTY_PAGES;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot)) {
		perror("KVM_MEM_LOG_DIRTY_PAGES");
		return 1;
	}
	puts("logging is enabled: look for a warning in the kernel log");
	return 0;
}
