// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm64: a vCPU that executes from a block of a logged slot finds its memory
 * cache empty, and the kernel warns (fetch-from-logged-block.md).
 *
 *	aarch64-linux-gnu-gcc -O2 -static fetch-from-logged-block.c -o fetch-from-logged-block
 *
 * As root on arm64, on a machine that may crash; the verdict is in dmesg.
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

static int vm, vcpu[2];
static struct kvm_run *run[2];

static void set_register(int i, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	ioctl(vcpu[i], KVM_SET_ONE_REG, &reg);
}

static void set_slot(int slot, uint64_t gpa, void *hva, size_t size, int flags)
{
	struct kvm_userspace_memory_region region = { slot, flags, gpa, size,
						      (uintptr_t)hva };

	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		err(1, "KVM_SET_USER_MEMORY_REGION");
}

static void guest_runs(int i, uint64_t pc, const char *what)
{
	printf("%s\n", what);
	fflush(stdout);
	set_register(i, REG(regs.pc), pc);
	set_register(i, REG(regs.regs[0]), GPA + 4096);
	set_register(i, REG(regs.regs[2]), GPA_MMIO);
	if (ioctl(vcpu[i], KVM_RUN, 0) || run[i]->exit_reason != KVM_EXIT_MMIO)
		err(1, "KVM_RUN");
}

static char *memory(size_t size)
{
	char *area = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	area = (char *)(((uintptr_t)area + size - 1) & ~(size - 1));
	madvise(area, size, MADV_HUGEPAGE);
	return memset(area, 0, size);
}

static void create_vcpu(int i)
{
	struct kvm_vcpu_init init;

	vcpu[i] = ioctl(vm, KVM_CREATE_VCPU, i);
	if (ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) ||
	    ioctl(vcpu[i], KVM_ARM_VCPU_INIT, &init))
		err(4, "/dev/kvm");
	run[i] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu[i],
		      0);
}

int main(void)
{
	/* str x1, [x0]; str wzr, [x2] (an exit to us) */
	static const uint32_t code[] = { 0xf9000001, 0xb900005f };
	int kvm = open("/dev/kvm", O_RDWR);
	char *text = memory(65536), *area = memory(HUGE_SIZE);

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	set_slot(0, 0, memcpy(text, code, sizeof(code)), 65536, 0);
	set_slot(1, GPA, memcpy(area, code + 1, 4), HUGE_SIZE, 0);
	create_vcpu(0);
	create_vcpu(1);
	guest_runs(0, 0, "not logged: vCPU 0 writes, and a block is mapped");
	set_slot(1, GPA, area, HUGE_SIZE, KVM_MEM_LOG_DIRTY_PAGES);
	guest_runs(1, GPA, "logged: vCPU 1, new to memory, executes there");
	printf("survived: is there a warning of kvm_mmu_memory_cache_alloc()?\n");
	return 0;
}
