// SPDX-License-Identifier: GPL-2.0-only
/*
 * A signal in the middle of KVM_RESET_DIRTY_RINGS: pages whose entries were taken
 * are not protected again (ring-reset-interrupted.md).
 *	gcc -O2 -static ring-reset-interrupted.c -o ring-reset-interrupted
 *
 * Exit code 0: every page that was written is in the ring. 1: not.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define RING_BYTES 65536
#define ENTRIES	   (RING_BYTES / sizeof(struct kvm_dirty_gfn))
#define CODE	   0x1000
#define LOGGED	   0x1000000
#define PAGES	   2048

static int vm, vcpu, next;
static struct kvm_dirty_gfn *ring;

static int must(int result, const char *what)
{
	if (result < 0)
		err(4, "%s", what);
	return result;
}

static void ignore(int number __attribute__((unused)))
{
}

static void slot(int id, unsigned long gpa, unsigned long size, int flags)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = { id, flags, gpa, size,
						      (unsigned long)memory };

	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "slot");
	/* 1: incl (%edi); add $4096, %edi; loop 1b; out %al, $0xe5 */
	if (!id)
		memcpy(memory + CODE,
		       "\xff\x07\x81\xc7\x00\x10\x00\x00\xe2\xf6\xe6\xe5", 12);
}

/* Pages that have entries, one or two, once the guest has stored to all. */
static int write_all(void)
{
	struct kvm_regs regs = { .rip = CODE, .rflags = 2, .rcx = PAGES };
	char seen[PAGES] = { 0 };
	int found = 0;

	regs.rdi = LOGGED;
	must(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
	for (; ring[next % ENTRIES].flags == KVM_DIRTY_GFN_F_DIRTY; next++) {
		found += !seen[ring[next % ENTRIES].offset % PAGES]++;
		ring[next % ENTRIES].flags = KVM_DIRTY_GFN_F_RESET;
	}
	return found;
}

int main(void)
{
	struct kvm_enable_cap cap = { .cap = 192, .args = { RING_BYTES } };
	int kvm = open("/dev/kvm", O_RDWR), i, found = 0;
	struct kvm_sregs sregs;

	vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	must(ioctl(vm, KVM_ENABLE_CAP, &cap), "KVM_CAP_DIRTY_LOG_RING");
	vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu,
		    64 * 4096);
	slot(0, 0, LOGGED, 0);
	slot(1, LOGGED, PAGES * 4096, KVM_MEM_LOG_DIRTY_PAGES);
	must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cr0 |= 1; /* protected mode, flat */
	sregs.cs.base = 0;
	sregs.cs.limit = sregs.ds.limit = sregs.es.limit = 0xffffffff;
	sregs.cs.g = sregs.ds.g = sregs.cs.db = sregs.ds.db = 1;
	must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	signal(SIGALRM, ignore);
	for (i = 0; i < 200 && (found = write_all()) == PAGES; i++) {
		ualarm(1 + random() % 3000, 0);
		while (ioctl(vm, KVM_RESET_DIRTY_RINGS, 0) != 0)
			;
		ualarm(0, 0);
	}
	printf("of %d pages written %d are in the ring\n", PAGES, found);
	return found != PAGES;
}
