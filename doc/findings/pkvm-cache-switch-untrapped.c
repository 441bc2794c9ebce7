// SPDX-License-Identifier: GPL-2.0-only
/*
 * pKVM: a guest switches its caches, and KVM does not see it
 * (pkvm-cache-switch-untrapped.md).
 *
 *	aarch64-linux-gnu-gcc -O2 -static pkvm-cache-switch-untrapped.c -o pkvm-cache-switch-untrapped
 *
 * As root on arm64 with a CPU that has no FEAT_S2FWB, such as a Cortex-A72, with
 * tracefs mounted (targets: *:*cortex-a72*). Exit status: 0 KVM saw it, 1 it did not, 4 cannot be tried.
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

#define GPA_MMIO 0x30000000UL
#define TRACING	 "/sys/kernel/tracing/"
#define REG(name)                                              \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	 KVM_REG_ARM_CORE_REG(name))

static void set_register(int vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	ioctl(vcpu, KVM_SET_ONE_REG, &reg);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(4, "%s", path);
	close(fd);
}

int main(void)
{
	/* mrs x0, sctlr_el1; msr sctlr_el1, x0; isb; str wzr, [x2] (an exit) */
	static const uint32_t code[] = { 0xd5381000, 0xd5181000, 0xd5033fdf,
					 0xb900005f };
	struct kvm_userspace_memory_region region = { .memory_size = 65536 };
	int kvm = open("/dev/kvm", O_RDWR), vm, vcpu, seen = 0;
	struct kvm_vcpu_init init;
	struct kvm_run *run;
	char line[512];
	FILE *trace;
	void *text;

	text = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	region.userspace_addr = (uintptr_t)memcpy(text, code, sizeof(code));
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ||
	    ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) ||
	    ioctl(vcpu, KVM_ARM_VCPU_INIT, &init))
		err(4, "/dev/kvm");
	run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	set_register(vcpu, REG(regs.pc), 0);
	set_register(vcpu, REG(regs.regs[2]), GPA_MMIO);

	put(TRACING "trace", "");
	put(TRACING "events/kvm/kvm_toggle_cache/enable", "1");
	if (ioctl(vcpu, KVM_RUN, 0) || run->exit_reason != KVM_EXIT_MMIO)
		err(4, "KVM_RUN");
	put(TRACING "events/kvm/kvm_toggle_cache/enable", "0");
	trace = fopen(TRACING "trace", "r");
	while (trace && fgets(line, sizeof(line), trace))
		seen += line[0] != '#' && strstr(line, "kvm_toggle_cache");
	printf("the guest wrote SCTLR_EL1 once, KVM saw it %d times\n", seen);
	return !seen;
}
