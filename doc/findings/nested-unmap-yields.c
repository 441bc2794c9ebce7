// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86: a page that goes away while its huge mapping is split early stays mapped
 * for a guest's guest (nested-unmap-yields.md). (targets: amd64*)
 *
 *	gcc -O2 -static -pthread nested-unmap-yields.c -o nested-unmap-yields
 *
 * As root on AMD; L2 then writes to free memory. Takes 60 s, or the argument's.
 * Exit code 0: L2's stores are all in its memory. 1: not. 4: cannot be tried.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE	   (2UL << 20)
#define MUST(call) ((call) < 0 ? err(4, #call) : (void)0)

/* Addresses, and what is there: a page table, a VMCB, L1 (its first instruction jumps
 * to VMRUN's set-up); L2: 0: inc %eax; mov %eax, 0x200000; out %al, $0; jmp 0
 */
static const unsigned int memory[] = {
	0x01000, 0x000000e7, 0x02010, 0x00000001, 0x02058, 0x00000001,
	0x02090, 0x00000001, 0x020b0, 0x00001000, 0x02410, 0x0c9b0000,
	0x02414, 0xffffffff, 0x02430, 0x0c930000, 0x02434, 0xffffffff,
	0x024d0, 0x00001000, 0x02558, 0x00000001, 0x0fff0, 0x00010de9,
	0x00100, 0x0117b966, 0x00104, 0xb866c001, 0x00108, 0x00002000,
	0x0010c, 0x300fd231, 0x00110, 0xd8010f67, 0x00114, 0x000000f4,
	0x00000, 0x0000a340, 0x00004, 0x00e60020, 0x00008, 0x0000f6eb,
};
static unsigned int cpuid[22] = {
	2, 0, 0x80000001, [7] = 4, [12] = 0x8000000a, [18] = 1
}; /* SVM, NPT */
static unsigned int cap[26] = { KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, [2] = 3 };
static sem_t go;
static int vm, vcpu;

/* Splits after a while, on main()'s CPU, and before it once that yields. */
static void *split(void *arg)
{
	unsigned long pages = 2; /* not page 0: it shall stay writable */
	struct kvm_clear_dirty_log log = { 0, 64, 512, { &pages } };

	for (; !sem_wait(&go); ioctl(vm, KVM_CLEAR_DIRTY_LOG, &log))
		usleep(rand() % (2000 >> rand() % 10));
	return arg;
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 60);
	unsigned int *map = aligned_alloc(SIZE, 3 * SIZE), i;
	unsigned int *area = map + SIZE / 4, *other = area + SIZE / 4;
	struct kvm_userspace_memory_region slot = { 0, 0, 0, 2 * SIZE,
						    (long)map };
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	pthread_t thread;

	for (i = 0; i < sizeof(memory) / 4; i += 2)
		map[memory[i] / 4] = memory[i + 1];
	MUST(madvise(area, 2 * SIZE, MADV_HUGEPAGE));
	MUST(vm = ioctl(open("/dev/kvm", O_RDWR), KVM_CREATE_VM, 0));
	MUST(ioctl(vm, KVM_ENABLE_CAP, cap));
	MUST(vcpu = ioctl(vm, KVM_CREATE_VCPU, 0));
	MUST(ioctl(vcpu, KVM_SET_CPUID2, cpuid));
	MUST(ioctl(vcpu, KVM_GET_SREGS, &sregs));
	sregs.cs.base = 0;
	sregs.cr0 = 0x80000001;
	sregs.cr3 = sregs.efer = 0x1000;
	sregs.cr4 = 0x10;
	MUST(ioctl(vcpu, KVM_SET_SREGS, &sregs));
	sched_setaffinity(0, sizeof(cpu_set_t), &(cpu_set_t){ { 1 } });
	pthread_create(&thread, NULL, split, NULL);
	pthread_setschedparam(thread, SCHED_FIFO, &(struct sched_param){ 1 });
	for (i = 1; time(NULL) < end; i++) {
		MUST(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot));
		if (slot.flags) {
			sem_post(&go);
			madvise(area, SIZE, MADV_DONTNEED);
			*other = 1; /* takes the page that is free now */
			area[1] = 1;
		}
		MUST(ioctl(vcpu, KVM_RUN, 0));
		MUST(ioctl(vcpu, KVM_GET_REGS, &regs));
		if (regs.rax != i || *area != i)
			errx(regs.rax != i ? 4 : 1, "L2's store %u is not seen",
			     i);
		madvise(other, SIZE, MADV_DONTNEED);
		slot.flags ^= KVM_MEM_LOG_DIRTY_PAGES; /* splits nothing */
	}
	errx(0, "all %u stores of L2 are in its memory", i);
}
