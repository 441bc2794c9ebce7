// SPDX-License-Identifier: GPL-2.0-only
/*
 * pKVM: an interrupt line that user space sets does not reach the guest
 * (pkvm-interrupt-lines-lost.md).
 *
 *	aarch64-linux-gnu-gcc -O2 -static pkvm-interrupt-lines-lost.c -o pkvm-interrupt-lines-lost
 *
 * As root on arm64. Exit status: 0 the guest took the interrupt, 1 it did not in 5 s,
 * 4 cannot be tried.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define GPA_MMIO 0x30000000UL
/* Offset of the vector for an IRQ from the current EL with SP_ELx. */
#define VECTOR_IRQ 0x280
#define VECTORS	   0x1000
#define REG(name)                                              \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	 KVM_REG_ARM_CORE_REG(name))

static void set_register(int vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	if (ioctl(vcpu, KVM_SET_ONE_REG, &reg))
		err(4, "KVM_SET_ONE_REG");
}

static void note_alarm(int signal)
{
	(void)signal;
}

int main(void)
{
	/* msr vbar_el1, x1; isb; msr daifclr, #2; b . */
	static const uint32_t code[] = { 0xd518c001, 0xd5033fdf, 0xd50342ff,
					 0x14000000 };
	/* str wzr, [x2] (an exit) */
	static const uint32_t handler[] = { 0xb900005f };
	struct kvm_userspace_memory_region region = { .memory_size = 65536 };
	struct kvm_irq_level line = {
		.irq = KVM_ARM_IRQ_TYPE_CPU << KVM_ARM_IRQ_TYPE_SHIFT |
		       KVM_ARM_IRQ_CPU_IRQ,
		.level = 1,
	};
	struct sigaction action = { .sa_handler = note_alarm };
	int kvm = open("/dev/kvm", O_RDWR), vm, vcpu;
	struct kvm_vcpu_init init;
	struct kvm_run *run;
	char *memory;

	memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(memory, code, sizeof(code));
	memcpy(memory + VECTORS + VECTOR_IRQ, handler, sizeof(handler));
	region.userspace_addr = (uintptr_t)memory;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ||
	    ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) ||
	    ioctl(vcpu, KVM_ARM_VCPU_INIT, &init))
		err(4, "/dev/kvm");
	run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	set_register(vcpu, REG(regs.pc), 0);
	set_register(vcpu, REG(regs.regs[1]), VECTORS);
	set_register(vcpu, REG(regs.regs[2]), GPA_MMIO);

	if (ioctl(vm, KVM_IRQ_LINE, &line))
		err(4, "KVM_IRQ_LINE");
	sigaction(SIGALRM, &action, NULL);
	alarm(5);
	if (ioctl(vcpu, KVM_RUN, 0) && errno != EINTR)
		err(4, "KVM_RUN");
	if (run->exit_reason == KVM_EXIT_MMIO) {
		puts("the guest took the interrupt");
		return 0;
	}
	puts("the line was set for 5 s, and the guest took no interrupt");
	return 1;
}
