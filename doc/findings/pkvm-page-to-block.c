// SPDX-License-Identifier: GPL-2.0-only
/*
 * With kvm-arm.mode=protected: a write to a write-protected page of a huge page,
 * after dirty logging has ended, ends the host kernel (pkvm-page-to-block.md).
 *
 *	aarch64-linux-gnu-gcc -O2 -static pkvm-page-to-block.c -o pkvm-page-to-block
 *
 * As root on arm64, on a machine that may crash. A good kernel: "survived", 0.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define HUGE_SIZE (2UL << 20)
#define GPA	  0x100000000UL
#define GPA_MMIO  0x30000000UL
#define REG(name)                                              \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	 KVM_REG_ARM_CORE_REG(name))

static int vm, vcpu;
static struct kvm_run *run;

static void set_register(uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	ioctl(vcpu, KVM_SET_ONE_REG, &reg);
}

static void set_slot(int slot, uint64_t gpa, void *hva, size_t size, int flags)
{
	struct kvm_userspace_memory_region region = { slot, flags, gpa, size,
						      (uintptr_t)hva };

	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		err(1, "KVM_SET_USER_MEMORY_REGION");
}

static void guest_writes(const char *when)
{
	printf("%s\n", when);
	fflush(stdout);
	set_register(REG(regs.pc), 0);
	set_register(REG(regs.regs[0]), GPA);
	set_register(REG(regs.regs[2]), GPA_MMIO);
	if (ioctl(vcpu, KVM_RUN, 0) || run->exit_reason != KVM_EXIT_MMIO)
		err(1, "KVM_RUN");
	/* Completes the store to MMIO, so that the next run begins anew. */
	run->immediate_exit = 1;
	ioctl(vcpu, KVM_RUN, 0);
	run->immediate_exit = 0;
}

static char *memory(size_t size)
{
	char *area = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	area = (char *)(((uintptr_t)area + size - 1) & ~(size - 1));
	madvise(area, size, MADV_HUGEPAGE);
	return memset(area, 0, size);
}

int main(void)
{
	/* str x1, [x0]; str wzr, [x2] (an exit to us) */
	static const uint32_t code[] = { 0xf9000001, 0xb900005f };
	static unsigned long bitmap[HUGE_SIZE / 4096 / 64];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };
	int kvm = open("/dev/kvm", O_RDWR);
	char *text = memory(65536), *area = memory(HUGE_SIZE);
	struct kvm_vcpu_init init;

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) ||
	    ioctl(vcpu, KVM_ARM_VCPU_INIT, &init))
		err(4, "/dev/kvm");
	run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	set_slot(0, 0, memcpy(text, code, sizeof(code)), 65536, 0);
	set_slot(1, GPA, area, HUGE_SIZE, 0);
	guest_writes("not logged: the guest's write maps a block");
	set_slot(1, GPA, area, HUGE_SIZE, KVM_MEM_LOG_DIRTY_PAGES);
	guest_writes("logged: its write replaces the block by a page");
	if (ioctl(vm, KVM_GET_DIRTY_LOG, &log) || bitmap[0] != 1)
		err(1, "KVM_GET_DIRTY_LOG says %#lx", bitmap[0]);
	set_slot(1, GPA, area, HUGE_SIZE, 0);
	guest_writes("logging ended: its write replaces the page by a block");
	printf("survived\n");
	return 0;
}
