// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm64: the abort for an address beyond the IPA space tells the guest the
 * intermediate physical address in FAR_EL1 (arm64-abort-tells-ipa.md).
 *
 *	aarch64-linux-gnu-gcc -O2 -static arm64-abort-tells-ipa.c -o arm64-abort-tells-ipa
 *
 * For whoever may open /dev/kvm, not with kvm-arm.mode=protected. Exit status: 0
 * FAR_EL1 is the virtual address, 1 it is not, 4 cannot be tried.
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

#define GPA_MMIO 0x30000000UL
#define GPA_ROOT 0x8000UL
#define IPA_BITS 32
#define VA	 (1UL << 30)
#define IPA	 (1UL << 34)
#define CORE(name)                                             \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	 KVM_REG_ARM_CORE_REG(name))

static int vcpu;

static void set_register(uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	if (ioctl(vcpu, KVM_SET_ONE_REG, &reg))
		err(4, "KVM_SET_ONE_REG");
}

int main(void)
{
	/* At 0: ldr x1, [x0]. At 0x200, a vector: far_el1 to [x2], an exit. */
	static const uint32_t load[] = { 0xf9400001 },
			      vector[] = { 0xd5386001, 0xf9000041 };
	struct kvm_userspace_memory_region region = { .memory_size = 65536 };
	int kvm = open("/dev/kvm", O_RDWR), vm;
	struct kvm_vcpu_init init;
	struct kvm_run *run;
	uint64_t *root, far;
	char *memory;

	memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(memory, load, sizeof(load));
	memcpy(memory + 0x200, vector, sizeof(vector));
	/* Blocks of 1 GiB: all below as it is, and one beyond the IPA space. */
	root = (uint64_t *)(memory + GPA_ROOT);
	root[0] = 0x701;
	root[VA >> 30] = IPA | 0x701;

	region.userspace_addr = (uintptr_t)memory;
	vm = ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(IPA_BITS));
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ||
	    ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) ||
	    ioctl(vcpu, KVM_ARM_VCPU_INIT, &init))
		err(4, "/dev/kvm");
	run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	set_register(ARM64_SYS_REG(3, 0, 10, 2, 0), 0xff); /* MAIR_EL1 */
	/* TCR_EL1: 39 bits of addresses, granule 4 KiB, IPS 40 bits, no TTBR1 */
	set_register(ARM64_SYS_REG(3, 0, 2, 0, 2), 25 | 1UL << 23 | 2UL << 32);
	set_register(ARM64_SYS_REG(3, 0, 2, 0, 0), GPA_ROOT);	/* TTBR0_EL1 */
	set_register(ARM64_SYS_REG(3, 0, 12, 0, 0), 0);		/* VBAR_EL1 */
	set_register(ARM64_SYS_REG(3, 0, 1, 0, 0), 0x30d00801); /* SCTLR_EL1 */
	set_register(CORE(regs.pc), 0);
	set_register(CORE(regs.regs[0]), VA);
	set_register(CORE(regs.regs[2]), GPA_MMIO);
	if (ioctl(vcpu, KVM_RUN, 0) || run->exit_reason != KVM_EXIT_MMIO)
		err(4, "KVM_RUN, exit reason %u", run->exit_reason);
	memcpy(&far, run->mmio.data, sizeof(far));
	printf("the guest loaded from %#lx, which it maps to %#lx: FAR_EL1 is %#lx\n",
	       VA, IPA, (unsigned long)far);
	return far != VA;
}
