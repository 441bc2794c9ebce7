// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm64: with a dirty ring and no bitmap beside it a slot counts as not logged
 * when the guest faults: writes to huge pages are lost
 * (arm64-ring-without-bitmap.md).
 *
 *	aarch64-linux-gnu-gcc -O2 -static arm64-ring-without-bitmap.c -o ring-alone
 *
 * Exit code 0: both writes are in the ring. 1: not. With the argument "bitmap"
 * it asks for that, too.
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
#include <unistd.h>

#define HUGE_SIZE  (2UL << 20)
#define GPA	   0x100000000UL
#define GPA_CODE   (GPA + HUGE_SIZE - 4096)
#define GPA_MMIO   0x30000000UL
#define RING_BYTES 65536

static int vm, vcpu;
static struct kvm_run *run;

static void must(int result, const char *what)
{
	if (result)
		err(4, "%s", what);
}

static void set_register(uint64_t core, uint64_t value)
{
	struct kvm_one_reg reg = { .addr = (uintptr_t)&value };

	reg.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | core;
	must(ioctl(vcpu, KVM_SET_ONE_REG, &reg), "KVM_SET_ONE_REG");
}

static void guest_writes(unsigned int page)
{
	set_register(KVM_REG_ARM_CORE_REG(regs.pc), GPA_CODE);
	set_register(KVM_REG_ARM_CORE_REG(regs.regs[0]), GPA + page * 4096UL);
	set_register(KVM_REG_ARM_CORE_REG(regs.regs[2]), GPA_MMIO);
	must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
	/* Completes the store to MMIO, so that the next run begins anew. */
	run->immediate_exit = 1;
	ioctl(vcpu, KVM_RUN, 0);
	run->immediate_exit = 0;
}

int main(int argc, char **argv)
{
	/* str x1, [x0]; str wzr, [x2] (an exit to us) */
	static const uint32_t code[] = { 0xf9000001, 0xb900005f };
	struct kvm_enable_cap ring_cap = { .cap = 223, .args = { RING_BYTES } };
	struct kvm_enable_cap bitmap_cap = { .cap = 225 };
	struct kvm_userspace_memory_region slot = { .memory_size = HUGE_SIZE };
	int kvm = open("/dev/kvm", O_RDWR), found = 0, i;
	struct kvm_dirty_gfn *ring;
	struct kvm_vcpu_init init;
	char *area = mmap(NULL, 2 * HUGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	area = (char *)(((uintptr_t)area + HUGE_SIZE - 1) & ~(HUGE_SIZE - 1));
	madvise(area, HUGE_SIZE, MADV_HUGEPAGE);
	memcpy(area + GPA_CODE - GPA, code, sizeof(code));
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	must(ioctl(vm, KVM_ENABLE_CAP, &ring_cap), "RING_ACQ_REL");
	if (argc > 1 && !strcmp(argv[1], "bitmap"))
		must(ioctl(vm, KVM_ENABLE_CAP, &bitmap_cap), "WITH_BITMAP");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	must(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init), "PREFERRED_TARGET");
	must(ioctl(vcpu, KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT");
	run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu,
		    64 * getpagesize());
	slot.guest_phys_addr = GPA;
	slot.userspace_addr = (uintptr_t)area;
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "slot");
	guest_writes(0); /* maps a block */
	slot.flags = KVM_MEM_LOG_DIRTY_PAGES;
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "logging");
	guest_writes(5);
	guest_writes(6);
	for (i = 0; ring[i].flags & KVM_DIRTY_GFN_F_DIRTY; i++) {
		printf("ring: page %llu\n", (unsigned long long)ring[i].offset);
		found += ring[i].offset == 5 || ring[i].offset == 6;
	}
	printf("pages 5 and 6 were written, %d of them are in the ring\n",
	       found);
	return found != 2;
}
