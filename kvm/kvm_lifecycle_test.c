// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM is freed when the last reference to it is dropped, in any order of
 * closing, not earlier and not later; and when its process is killed, whatever
 * the process was doing.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem/backing.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "core/io.h"
#include "core/report.h"
#include "core/kill_loop.h"
#include "core/variant.h"
#include "kvm/vm.h"
#include "tally_guest.h"

#define SLOT_BYTES (4UL << 20)
/* Orders of closing in a check; --all has every order of four references. */
#define ORDERS_CHECK 6
#define ORDERS	     24
/* Longest wait for a vCPU to count, milliseconds. */
#define LIFE_MS 10000

struct variant {
	enum backing_kind backing;
};

static void expect_vms(unsigned int expected, const char *when)
{
	unsigned int count = vms_of(getpid());

	CHECK(count == expected, "%s: expected %u VMs of this process, got %u",
	      when, expected, count);
}

static struct vm *new_vm(unsigned int vcpus, struct backing *backing,
			 struct memslot *slot, enum backing_kind kind)
{
	const struct vm_config config = { .vcpus = vcpus };
	const struct backing_request request = {
		.kind = kind,
		.size = SLOT_BYTES,
		.flags = BACKING_POPULATE,
		.fd = -1,
	};
	unsigned int i;
	struct vm *vm;

	backing_create(backing, &request);
	vm = vm_create(&config);
	slot_add(vm, slot, SLOT_TEST_FIRST, GPA_TEST, backing, 0);
	vm_map(vm, GPA_TEST, GPA_TEST, SLOT_BYTES, backing_thp_size());
	/* Every vCPU counts in the slot's first page. */
	for (i = 0; i < vcpus; i++)
		*tally_of(vm->vcpus[i].guest) = (struct tally){
			.gva = GPA_TEST,
			.pages = 1,
			.page_size = vm->page_size,
		};
	return vm;
}

/* A VM whose vCPU has run, so that it has page tables to free. */
static struct vm *lived_vm(struct backing *backing, struct memslot *slot)
{
	struct vm *vm = new_vm(1, backing, slot, BACKING_ANONYMOUS_THP);

	vcpu_start(&vm->vcpus[0], tally_run, 0);
	/* The guest returns at once, with its page tables mapped. */
	vm->vcpus[0].guest->stop = 1;
	vcpu_run(&vm->vcpus[0], VCPU_DONE);
	return vm;
}

/*
 * ---- references to a VM
 * ----------------------------------------------------------
 */

/* References to a VM. */
enum { HOLD_VM, HOLD_VCPU, HOLD_RUN, HOLD_STATS, HOLDS };

static const char *const hold_names[HOLDS] = {
	[HOLD_VM] = "the VM's file",
	[HOLD_VCPU] = "the vCPU's file",
	[HOLD_RUN] = "the mapped kvm_run",
	[HOLD_STATS] = "the statistics file",
};

static void let_go(struct vm *vm, unsigned int hold)
{
	switch (hold) {
	case HOLD_VM:
		close(vm->fd);
		vm->fd = -1;
		break;
	case HOLD_VCPU:
		close(vm->vcpus[0].fd);
		vm->vcpus[0].fd = -1;
		break;
	case HOLD_RUN:
		munmap(vm->vcpus[0].run, kvm_ioctl(KVM_GET_VCPU_MMAP_SIZE, 0));
		break;
	default:
		evidence_stats_close(vm->stats);
		vm->stats = NULL;
	}
}

/* Order number @number: each digit in factorial base chooses a reference. */
static void order_of(unsigned int number, unsigned int order[HOLDS])
{
	unsigned int left[HOLDS], count = HOLDS, i, j;

	for (i = 0; i < HOLDS; i++)
		left[i] = i;
	for (i = 0; i < HOLDS; i++, count--) {
		unsigned int choice = number % count;

		number /= count;
		order[i] = left[choice];
		for (j = choice; j + 1 < count; j++)
			left[j] = left[j + 1];
	}
}

static void try_order(unsigned int number)
{
	unsigned int order[HOLDS], i;
	struct backing backing;
	struct memslot slot;
	struct vm *vm;
	char when[96];

	order_of(number, order);
	vm = lived_vm(&backing, &slot);
	if (!vm->stats)
		skip("KVM_GET_STATS_FD", "use a kernel from 5.14 on");
	expect_vms(1, "with everything open");
	for (i = 0; i < HOLDS; i++) {
		let_go(vm, order[i]);
		snprintf(when, sizeof(when),
			 "order %u, after closing %s as number %u", number,
			 hold_names[order[i]], i + 1);
		expect_vms(i + 1 < HOLDS, when);
	}
	munmap(vm->system, vm->system_size);
	munmap(vm->control, vm->control_size);
	backing_destroy(&backing);
}

static void test_orders(void)
{
	struct random_stream random;
	unsigned int i;

	case_random(&random, "orders", 0);
	if (options()->mode == MODE_CHECK) {
		for (i = 0; i < ORDERS_CHECK; i++)
			try_order((unsigned int)random_below(&random, ORDERS));
		return;
	}
	for (i = 0; i < ORDERS; i++)
		try_order(i);
}

/* A vCPU keeps running when the VM's file is closed. */
static void test_running(void)
{
	const struct vcpu_threads_config config = {
		.function = tally_run,
	};
	struct deadline deadline;
	struct backing backing;
	struct memslot slot;
	struct vcpu_threads *threads;
	u64 seen;
	struct vm *vm;

	vm = new_vm(2, &backing, &slot, BACKING_ANONYMOUS_THP);
	threads = vcpu_threads_new(vm, &config);
	vcpu_threads_start(threads);
	close(vm->fd);
	vm->fd = -1;
	seen = vm->vcpus[1].guest->beat;
	deadline = deadline_in_ms(LIFE_MS);
	while (vm->vcpus[1].guest->beat == seen)
		CHECK(!deadline_passed(deadline),
		      "vCPU 1 stopped counting when the VM's file was closed");
	expect_vms(1, "the VM's file closed, vCPUs running");
	vcpu_threads_pause(threads);
	vcpu_threads_resume(threads);
	vcpu_threads_finish(threads);
	vm_destroy(vm);
	expect_vms(0, "all files closed");
	backing_destroy(&backing);
}

/* ---- other processes --------------------------------------------------------- */

/*
 * Child that inherited the VM: exits with 0 if its ioctls fail with EIO. It
 * waits until the parent closes the other end of the socket.
 */
static void __noreturn heir(struct vm *vm, int end)
{
	struct vcpu *vcpu = &vm->vcpus[0];
	int error, code = 0;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/*
	 * kvm_vcpu_ioctl(), kvm_vm_ioctl(): only the process that created the
	 * VM may use it.
	 */
	error = __vcpu_ioctl(vcpu, KVM_RUN, 0);
	if (error != -EIO)
		code |= 1;
	error = __vm_ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);
	if (error != -EIO)
		code |= 2;
	if (write(end, "", 1) != 1 || read(end, &byte, 1) != 0)
		code |= 4;
	_exit(code);
}

static void test_fork(void)
{
	int ends[2], status;
	struct backing backing;
	struct memslot slot;
	struct vm *vm;
	pid_t child;
	char byte;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
	      "socketpair failed: %s", errno_name(errno));
	vm = lived_vm(&backing, &slot);
	child = fork();
	CHECK(child >= 0, "fork failed: %s", errno_name(errno));
	if (!child) {
		close(ends[0]);
		heir(vm, ends[1]);
	}
	close(ends[1]);
	CHECK(io_read(ends[0], &byte, 1, IO_NEXT) == 1,
	      "the child exited early");
	/* The parent's vCPU still runs. */
	vcpu_start(&vm->vcpus[0], tally_run, 0);
	vm->vcpus[0].guest->stop = 1;
	vcpu_run(&vm->vcpus[0], VCPU_DONE);
	vm_destroy(vm);
	expect_vms(1, "closed in the parent, open in the child");
	close(ends[0]);
	CHECK(waitpid(child, &status, 0) == child, "waitpid failed: %s",
	      errno_name(errno));
	CHECK(WIFEXITED(status) && !(WEXITSTATUS(status) & 1),
	      "KVM_RUN in a child that inherited the vCPU: expected EIO, got another result");
	CHECK(!(WEXITSTATUS(status) & 2),
	      "KVM_CHECK_EXTENSION in a child that inherited the VM: expected EIO, got another result");
	CHECK(!WEXITSTATUS(status), "the child exited with %d",
	      WEXITSTATUS(status));
	expect_vms(0, "the child has exited");
	backing_destroy(&backing);
}

/* A file in flight in a socket, which no process receives, keeps the VM. */
static void test_in_flight(void)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char byte = 0;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct backing backing;
	struct memslot slot;
	struct vm *vm;
	int ends[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
	      "socketpair failed: %s", errno_name(errno));
	vm = lived_vm(&backing, &slot);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &vm->vcpus[0].fd, sizeof(int));
	io_must_transfer("sendmsg", sendmsg(ends[0], &message, 0), 1);
	vm_destroy(vm);
	expect_vms(1, "closed, the vCPU's file in flight in a socket");
	close(ends[0]);
	expect_vms(1, "the sender's socket closed as well");
	close(ends[1]);
	expect_vms(0, "both sockets closed");
	backing_destroy(&backing);
}

/*
 * ---- immediate_exit, and processes that are killed
 * ------------------------------
 */

static void test_immediate_exit(void)
{
	struct backing backing;
	struct memslot slot;
	struct vcpu *vcpu;
	struct vm *vm;
	u64 beat;
	int error;

	vm = new_vm(1, &backing, &slot, BACKING_ANONYMOUS);
	vcpu = &vm->vcpus[0];
	vcpu_start(vcpu, tally_run, 0);
	beat = vcpu->guest->beat;
	vcpu->run->immediate_exit = 1;
	error = __vcpu_ioctl(vcpu, KVM_RUN, 0);
	CHECK(error == -EINTR,
	      "KVM_RUN with immediate_exit: expected EINTR, got %s",
	      error ? errno_name(-error) : "success");
	CHECK(vcpu->guest->beat == beat,
	      "KVM_RUN with immediate_exit: the guest has run");
	vcpu->run->immediate_exit = 0;
	vcpu->guest->stop = 1;
	vcpu_run(vcpu, VCPU_DONE);
	vm_destroy(vm);
	expect_vms(0, "all files closed");
	backing_destroy(&backing);
}

/* Body of a process to kill: vCPUs run while logging is toggled. */
static void live(const void *argument)
{
	const enum backing_kind *kind = argument;
	const struct vcpu_threads_config config = {
		.function = tally_run,
	};
	struct backing backing;
	struct memslot slot;
	struct vm *vm;

	vm = new_vm(2, &backing, &slot, *kind);
	vcpu_threads_start(vcpu_threads_new(vm, &config));
	for (;;) {
		slot_set_flags(&slot, KVM_MEM_LOG_DIRTY_PAGES);
		slot_set_flags(&slot, 0);
	}
}

static unsigned long free_huge_pages(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long count = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "HugePages_Free: %lu", &count);
	if (file)
		fclose(file);
	return count;
}

static unsigned long huge_pages_before;

static void judge_huge_pages(pid_t child)
{
	CHECK(free_huge_pages() == huge_pages_before,
	      "after process %d was killed: expected %lu free huge pages, got %lu",
	      child, huge_pages_before, free_huge_pages());
}

static void test_killed(const struct variant *variant)
{
	const enum backing_kind kind = variant->backing;
	const struct kill_loop kills = {
		.live = live,
		.argument = &kind,
		.judge = judge_huge_pages,
	};
	struct shortage shortage;

	if (!backing_available(kind, SLOT_BYTES, &shortage))
		skip_for(&shortage);
	huge_pages_before = free_huge_pages();
	kill_loop_run(&kills, case_duration_ns());
}

static const struct choice killed_backings[] = {
	CHOICE("anonymous_thp", BACKING_ANONYMOUS_THP),
	CHOICE("hugetlb_2m", BACKING_HUGETLB_2M),
};

static const struct dimension killed_dimensions[] = {
	DIMENSION_TABLE(struct variant, backing, killed_backings),
};

static const struct scenario scenarios[] = {
	{ .name = "closed/orders",
	  .plan = "the VM is freed with the last file or mapping, in any order",
	  .run_alone = test_orders },
	{ .name = "closed/running",
	  .plan = "vCPUs keep running when the VM's file is closed",
	  .run_alone = test_running },
	{ .name = "inherited/fork",
	  .plan = "a child's ioctls fail with EIO, and its files keep the VM",
	  .run_alone = test_fork },
	{ .name = "inherited/in_flight",
	  .plan = "a file in flight in a socket keeps the VM",
	  .run_alone = test_in_flight },
	{ .name = "immediate_exit",
	  .plan = "KVM_RUN fails with EINTR before the guest runs",
	  .run_alone = test_immediate_exit },
	SCENARIO("killed", test_killed, struct variant, killed_dimensions,
		 .sampling = SAMPLE_ALL,
		 .plan = "a process killed at any moment leaves no VM and no huge page"),
};

TEST_PROGRAM("kvm_lifecycle_test",
	     "a VM is freed with its last reference or its process, not earlier",
	     scenarios, .needs = { .root = true, .kvm = true })
