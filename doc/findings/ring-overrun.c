// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86: a string instruction that KVM emulates pushes an entry to the dirty ring for
 * every iteration, and nothing looks whether there is room (ring-overrun.md).
 *
 *	gcc -O2 -static ring-overrun.c -o ring-overrun
 *
 * Exit code 0: all entries can be harvested. 1: the ring was overrun.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define RING_BYTES 4096
#define ENTRIES	   (RING_BYTES / sizeof(struct kvm_dirty_gfn))
#define CODE	   0x1000
#define LOGGED	   0x10000
#define NO_MEMORY  0xa0000
#define WORDS	   1024

static int vm, vcpu;
static struct kvm_dirty_gfn *ring;
static unsigned int next;

static int must(int result, const char *what)
{
	if (result < 0)
		err(4, "%s", what);
	return result;
}

static void slot(int id, uint64_t gpa, uint64_t size, void *memory, int flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = id,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "slot");
}

static unsigned int harvest(void)
{
	unsigned int count = 0;

	for (; ring[next % ENTRIES].flags == KVM_DIRTY_GFN_F_DIRTY; count++)
		ring[next++ % ENTRIES].flags = KVM_DIRTY_GFN_F_RESET;
	must(ioctl(vm, KVM_RESET_DIRTY_RINGS, 0), "KVM_RESET_DIRTY_RINGS");
	return count;
}

int main(void)
{
	/* rep movsw; out %al, $0xe5 */
	static const uint8_t code[] = { 0xf3, 0xa5, 0xe6, 0xe5 };
	struct kvm_enable_cap cap = { .cap = 192, .args = { RING_BYTES } };
	struct kvm_regs regs = { .rip = CODE, .rflags = 2, .rcx = WORDS };
	int kvm = open("/dev/kvm", O_RDWR), full = 0;
	struct kvm_sregs sregs;
	struct kvm_run *run;
	char *memory = mmap(NULL, NO_MEMORY, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(memory + CODE, code, sizeof(code));
	vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	must(ioctl(vm, KVM_ENABLE_CAP, &cap), "KVM_CAP_DIRTY_LOG_RING");
	vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu,
		    64 * 4096);
	slot(0, 0, LOGGED, memory, 0);
	slot(1, LOGGED, NO_MEMORY - LOGGED, memory + LOGGED,
	     KVM_MEM_LOG_DIRTY_PAGES);
	must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	sregs.ds.base = NO_MEMORY;
	sregs.es.base = LOGGED;
	must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	while (full < 3) {
		must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
		if (run->exit_reason == KVM_EXIT_IO)
			break;
		if (run->exit_reason != KVM_EXIT_DIRTY_RING_FULL)
			continue; /* reads what is there: zeroes */
		full = harvest() ? 0 : full + 1;
	}
	printf("%d words copied, %u entries harvested; the ring %s\n", WORDS,
	       next + harvest(), full ? "counts as full for ever" : "is empty");
	return full || next < WORDS;
}
