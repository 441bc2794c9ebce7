// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver survives hostile callers: random and malformed calls from several
 * threads while guests write, files closed under them, VMs closed before and after
 * their devices, processes that exit, exec or fork, attempts to remove the module.
 * Afterwards it works as before and can be removed. Each other case tests one rule
 * that a driver must keep.
 *
 * No line in prove/matrix: this judges the suite's own driver, not the kernel. What
 * it would notice, a splat or a hang, ends every program of the suite.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "avic_device.h"
#include "core/cases.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "core/hostile.h"
#include "core/kernel_file.h"
#include "mem/reclaim.h"
#include "core/options.h"
#include "core/report.h"
#include "track_vm.h"
#include "core/thread.h"

#define PAGE	   4096ULL
#define DEVICES	   4
#define THREADS	   3
#define VCPUS	   2
#define CHECK_S	   5
#define JOIN_MS	   30000
#define CLOSE_MS   5000
#define RELOADS	   20
#define NOBODY	   65534
#define SLOT_PAGES 64
/* The guest writes in the first, the second comes and goes. */
#define FIRST_GPA   GPA_TEST
#define SECOND_GPA  (GPA_TEST + (1ULL << 30))
#define NOWHERE_GPA (GPA_TEST + (2ULL << 30))

/**
 * struct hostile - what the threads share
 * @device: files; any of them may be closed and opened again at any moment
 * @vm: a VM whose vCPUs write
 * @memory: of its two slots
 * @slot: they
 * @no_access: addresses without access
 * @calls: how many were made
 * @good: how many of them were not refused
 */
struct hostile {
	int device[DEVICES];
	struct vm *vm;
	struct backing memory[2];
	struct memslot slot[2];
	unsigned char *no_access;
	u64 calls;
	u64 good;
};

static u64 any_gpa(struct random_stream *random)
{
	switch (random_below(random, 8)) {
	case 0:
		return hostile_number(random);
	case 1:
		return NOWHERE_GPA;
	case 2:
	case 3:
		return SECOND_GPA + PAGE * random_below(random, 8);
	default:
		return FIRST_GPA + PAGE * random_below(random, 8);
	}
}

static u64 small_or_any(struct random_stream *random, u64 bound)
{
	return random_chance(random, 1, 8) ? hostile_number(random) :
					     random_below(random, bound);
}

static int any_attach(struct hostile *hostile, struct random_stream *random,
		      int device)
{
	struct secmmu_avic_attach attach = {
		.vm = hostile->vm->fd,
		.rings = (u32)small_or_any(random, 5),
		.entries = 64U << random_below(random, 4),
		.personality = (u32)small_or_any(random, 2),
	};

	switch (random_below(random, 6)) {
	case 0:
		attach.vm = device;
		break;
	case 1:
		attach.vm = (int)hostile_number(random);
		break;
	case 2:
		attach.entries = (u32)hostile_number(random);
		break;
	}
	return __avic_call(device, SECMMU_AVIC_ATTACH, &attach);
}

static int any_read(struct hostile *hostile, struct random_stream *random,
		    int device, u32 table)
{
	static __thread struct secmmu_avic_entry entry[SECMMU_AVIC_ENTRIES];
	struct secmmu_avic_read read = {
		.entry = (uintptr_t)entry,
		.table = table,
		.first = (u32)small_or_any(random, 512),
		.count = (u32)small_or_any(random, 512),
	};

	if (random_chance(random, 1, 8))
		read.entry = (uintptr_t)hostile->no_access;
	return __avic_call(device, SECMMU_AVIC_READ, &read);
}

/* Rings that anything may be written to. */
static int scribble(struct random_stream *random, int device)
{
	size_t size = PAGE * random_between(random, 1, 64);
	u64 *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
			(off_t)(PAGE * random_below(random, 2)));
	unsigned int i;

	if (map == MAP_FAILED)
		return -errno;
	for (i = 0; i < 32; i++)
		((volatile u64 *)map)[random_below(random, 16)] =
			hostile_number(random);
	munmap(map, size);
	return 0;
}

static int pause_call(struct random_stream *random, int device)
{
	struct secmmu_avic_pause pause = {
		.point = (u32)small_or_any(random, SECMMU_AVIC_POINTS),
		.timeout_ms = (u32)random_between(random, 1, 3),
	};

	switch (random_below(random, 3)) {
	case 0:
		if (random_chance(random, 1, 2))
			pause.delay_us = (u32)random_below(random, 100);
		return __avic_call(device, SECMMU_AVIC_ARM, &pause);
	case 1:
		return __avic_call(device, SECMMU_AVIC_WAIT, &pause);
	default:
		pause.timeout_ms = 0;
		return __avic_call(device, SECMMU_AVIC_RELEASE, &pause);
	}
}

/* One call with a well-formed structure whose fields may be anything. */
static int any_call(struct hostile *hostile, struct random_stream *random,
		    int device)
{
	u32 table = (u32)small_or_any(random, 6);
	u32 reserved = random_chance(random, 1, 16);
	struct secmmu_avic_page page = { .gpa = any_gpa(random),
					 .kernel = reserved };
	struct secmmu_avic_get get = { .gpa = any_gpa(random),
				       .reserved = reserved };
	struct secmmu_avic_number number = { .table = table,
					     .users = reserved };
	struct secmmu_avic_sync sync = {
		.table = table,
		.entries = (u32)small_or_any(random, 40),
		.known = reserved,
	};
	struct secmmu_avic_counters counters;

	switch (random_below(random, 12)) {
	case 0:
		return any_attach(hostile, random, device);
	case 1:
		return __avic_call(device, SECMMU_AVIC_TRACK, &page);
	case 2:
		return __avic_call(device, SECMMU_AVIC_UNTRACK, &page);
	case 3:
		return __avic_call(device, SECMMU_AVIC_COUNTERS, &counters);
	case 4:
		return __avic_call(device, SECMMU_AVIC_GET, &get);
	case 5:
		return __avic_call(device, SECMMU_AVIC_PUT, &number);
	case 6:
		return __avic_call(device, SECMMU_AVIC_USE, &number);
	case 7:
		return __avic_call(device, SECMMU_AVIC_UNUSE, &number);
	case 8:
		return any_read(hostile, random, device, table);
	case 9:
		return pause_call(random, device);
	case 10:
		return scribble(random, device);
	default:
		return __avic_call(device, SECMMU_AVIC_SYNC, &sync);
	}
}

/* A call that does not exist, or one with an argument that is not there. */
static int malformed_call(struct hostile *hostile, struct random_stream *random,
			  int device)
{
	unsigned long command = SECMMU_AVIC_INFO + random_below(random, 16);
	u64 address = random_chance(random, 1, 2) ?
			      (uintptr_t)hostile->no_access :
			      ~0ULL << 47 | random_u64(random) >> 20;

	if (random_chance(random, 1, 2))
		command = random_u64(random) & ~(1UL << 31);
	return __avic_call(device, command,
			   (void *)(uintptr_t)(random_chance(random, 1, 4) ?
						       0 :
						       address));
}

static void judge_error(int error)
{
	static const int allowed[] = {
		0,	    -EFAULT, -EINVAL, -ENOTTY, -ESRCH,
		-EINTR,	    -ENOENT, -EBUSY,  -ENOSPC, -ENOMEM,
		-ETIMEDOUT, -EIO,    -EBADF,  -ENXIO,  -ENOTCONN,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(allowed); i++)
		if (error == allowed[i])
			return;
	fail("a call of the driver fails with %s, which none may",
	     errno_name(error));
}

static void call_at_random(struct thread *thread, void *argument)
{
	struct random_stream *random = thread_random(thread);
	struct hostile *hostile = argument;

	while (!thread_should_stop(thread)) {
		int device = hostile->device[random_below(random, DEVICES)];
		int error;

		error = random_chance(random, 1, 6) ?
				malformed_call(hostile, random, device) :
				any_call(hostile, random, device);
		judge_error(error);
		__atomic_fetch_add(&hostile->calls, 1, __ATOMIC_RELAXED);
		if (!error)
			__atomic_fetch_add(&hostile->good, 1, __ATOMIC_RELAXED);
	}
}

static int open_device(void)
{
	int fd = open(SECMMU_AVIC_DEVICE, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0, "cannot open the device: %s", errno_name(errno));
	return fd;
}

/* Memory and slots come and go, files are closed, the module is to be removed. */
static void inhibit(struct thread *thread, void *argument)
{
	struct random_stream *random = thread_random(thread);
	struct hostile *hostile = argument;
	struct memslot *slot = &hostile->slot[1];
	u64 size = slot->size;

	while (!thread_should_stop(thread)) {
		struct backing *memory =
			&hostile->memory[random_below(random, 2)];
		u64 offset = PAGE * random_below(random, SLOT_PAGES);
		int device = hostile->device[random_below(random, DEVICES)];
		int new;

		switch (random_below(random, 5)) {
		case 0:
			backing_discard(memory, offset, PAGE);
			break;
		case 1:
			/* The guest must be able to write to the other one. */
			mprotect((char *)hostile->memory[1].hva + offset, PAGE,
				 (int)random_below(random, 4));
			break;
		case 2:
			if (slot->size) {
				slot_delete(slot);
			} else {
				slot->size = size;
				slot_set(slot);
			}
			break;
		case 3:
			/* At the same number, so that no other file gets it. */
			new = open_device();
			CHECK(dup3(new, device, O_CLOEXEC) == device,
			      "cannot open the device again: %s",
			      errno_name(errno));
			close(new);
			break;
		default:
			hostile_remove_refused("secmmu_avic");
		}
		sched_yield();
	}
}

/* VMs with devices, closed in either order. */
static void live_and_die(struct thread *thread, void *argument)
{
	struct random_stream *random = thread_random(thread);
	struct hostile *hostile = argument;
	struct vm_config config = { .table_bytes = 1UL << 20 };

	while (!thread_should_stop(thread)) {
		struct vm *vm = vm_create(&config);
		struct avic first, second;
		struct memslot slot;
		unsigned int table;

		slot_add(vm, &slot, SLOT_TEST_FIRST, FIRST_GPA,
			 &hostile->memory[0], 0);
		avic_attach(&first, vm, 1, 64,
			    (enum secmmu_avic_personality)random_below(random,
								       2));
		avic_attach(&second, vm, 0, 0, SECMMU_AVIC_FIXED);
		avic_track(&first, FIRST_GPA);
		avic_track(&second, FIRST_GPA);
		table = avic_get(&first, FIRST_GPA + PAGE);
		__avic_sync(&first, table,
			    (unsigned int)random_between(random, 1, 16));
		if (random_chance(random, 1, 2))
			avic_use(&first, table);
		if (random_chance(random, 1, 3))
			slot_delete(&slot);
		if (random_chance(random, 1, 2)) {
			avic_close(&first);
			vm_destroy(vm);
		} else {
			vm_destroy(vm);
			avic_close(&first);
		}
		avic_close(&second);
	}
}

/*
 * A process of its own that inherits VM and devices, and then exits, execs or is
 * killed.
 */
static void __noreturn be_child(void *argument, u64 choice)
{
	struct hostile *hostile = argument;
	struct secmmu_avic_attach attach = { .vm = hostile->vm->fd };
	struct secmmu_avic_sync sync = { .entries = 4 };
	struct secmmu_avic_page page = { .gpa = FIRST_GPA };
	int device = open(SECMMU_AVIC_DEVICE, O_RDWR);

	/* Not of the process that made the VM. */
	if (__avic_call(device, SECMMU_AVIC_ATTACH, &attach) != -ESRCH)
		_exit(1);
	__avic_call(hostile->device[choice % DEVICES], SECMMU_AVIC_SYNC, &sync);
	__avic_call(hostile->device[choice % DEVICES], SECMMU_AVIC_TRACK,
		    &page);
	hostile_end_child(choice / DEVICES);
}

static void have_children(struct thread *thread, void *argument)
{
	/* be_child() says 1 if another process can attach. */
	hostile_have_children(thread, be_child, argument);
}

/* It works as it did, for who behaves. */
static void judge_alive(void)
{
	static const struct track_vm_config config = {
		.backing = BACKING_ANONYMOUS,
		.size = 8 * PAGE,
	};
	struct track_vm fixture;

	track_begin(&fixture, &config);
	track_page(&fixture, PAGE);
	track_store(&fixture, PAGE, 42);
	track_end(&fixture);
}

static void begin(struct hostile *hostile)
{
	static const u64 gpas[] = { FIRST_GPA, SECOND_GPA };
	struct backing_request request = {
		.kind = BACKING_ANONYMOUS,
		.size = SLOT_PAGES * PAGE,
		.fd = -1,
	};
	struct vm_config config = { .vcpus = VCPUS };
	unsigned int i;

	hostile->vm = vm_create(&config);
	for (i = 0; i < 2; i++) {
		backing_create(&hostile->memory[i], &request);
		slot_add(hostile->vm, &hostile->slot[i], SLOT_TEST_FIRST + i,
			 gpas[i], &hostile->memory[i], 0);
	}
	vm_map(hostile->vm, FIRST_GPA, FIRST_GPA, SLOT_PAGES * PAGE, PAGE);
	for (i = 0; i < VCPUS; i++) {
		struct write_storm *storm = storm_of(
			hostile->vm->vcpus[i].guest);

		*storm = (struct write_storm){ .gpa = FIRST_GPA };
		case_random(&storm->random, "storm", i);
	}
	hostile->no_access = mmap(NULL, 4 * PAGE, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(hostile->no_access != MAP_FAILED, "no memory: %s",
	      errno_name(errno));
	for (i = 0; i < DEVICES; i++)
		hostile->device[i] = open_device();
}

static void test_hostile(const struct test_case *test)
{
	struct vcpu_threads_config vcpu_threads_config = {
		.function = storm_run
	};
	struct thread_group *group = thread_group_new("hostile");
	u64 until, duration = case_duration_ns();
	struct hostile hostile = { 0 };
	struct vcpu_threads *threads;
	unsigned int i;

	(void)test;
	if (!options()->duration_s && duration > CHECK_S * NSEC_PER_SEC)
		duration = CHECK_S * NSEC_PER_SEC;
	/* A debug kernel in an emulated machine makes few VMs in a minute. */
	thread_group_silence_ms(group, JOIN_MS);
	begin(&hostile);
	threads = vcpu_threads_new(hostile.vm, &vcpu_threads_config);
	for (i = 0; i < THREADS; i++)
		thread_add(group, "caller", call_at_random, &hostile);
	thread_add(group, "inhibitor", inhibit, &hostile);
	thread_add(group, "parent", have_children, &hostile);
	thread_add(group, "VMs", live_and_die, &hostile);

	until = clock_ns() + duration;
	vcpu_threads_start(threads);
	thread_group_start(group);
	while (clock_ns() < until)
		sched_yield();
	thread_group_stop(group);
	thread_group_join(group, JOIN_MS);
	vcpu_threads_finish(threads);
	report_info("%llu calls, of which %llu were not refused", hostile.calls,
		    hostile.good);
	CHECK(hostile.good, "not one of %llu calls was good", hostile.calls);
	/* The VM goes first for two of them. */
	for (i = 0; i < DEVICES / 2; i++)
		close(hostile.device[i]);
	vm_destroy(hostile.vm);
	for (; i < DEVICES; i++)
		close(hostile.device[i]);
	judge_alive();
	hostile_judge_removal("secmmu_avic");
}

static struct memslot *add_slot(struct vm *vm, struct backing *memory,
				struct memslot *slot)
{
	struct backing_request request = {
		.kind = BACKING_ANONYMOUS,
		.size = SLOT_PAGES * PAGE,
		.fd = -1,
	};

	backing_create(memory, &request);
	slot_add(vm, slot, SLOT_TEST_FIRST, FIRST_GPA, memory, 0);
	return slot;
}

/* An open device is useless to a process without privileges. */
static void test_leaked(const struct test_case *test)
{
	struct vm_config config = { .table_bytes = 1UL << 20 };
	struct vm *vm = vm_create(&config);
	struct secmmu_avic_counters counters;
	struct avic avic;
	pid_t child;
	int status;

	(void)test;
	avic_attach(&avic, vm, 1, 64, SECMMU_AVIC_FIXED);
	child = fork();
	CHECK(child >= 0, "cannot fork: %s", errno_name(errno));
	if (!child) {
		if (setresuid(NOBODY, NOBODY, NOBODY))
			_exit(2);
		if (__avic_call(avic.fd, SECMMU_AVIC_COUNTERS, &counters) !=
		    -EPERM)
			_exit(1);
		_exit(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, avic.fd, 0) !=
			      MAP_FAILED ||
		      errno != EPERM);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
		      WEXITSTATUS(status) != 2,
	      "cannot start a child without privileges (wait status %#x)",
	      status);
	CHECK(!WEXITSTATUS(status),
	      "a process without privileges may use the device");
	avic_close(&avic);
	vm_destroy(vm);
}

static void test_kernel_open(const struct test_case *test)
{
	(void)test;
	hostile_judge_kernel_open("secmmu_avic");
}

static void expect_fault(int fd, unsigned long command, void *argument,
			 const char *what)
{
	int error = __avic_call(fd, command, argument);

	CHECK(error == -EFAULT,
	      "%s with a result that cannot be written: expected EFAULT, got %s",
	      what, error ? errno_name(error) : "no error");
}

/* A call whose result cannot be written has done nothing. */
static void test_copy_out(const struct test_case *test)
{
	struct vm_config config = { .table_bytes = 1UL << 20 };
	struct secmmu_avic_attach attach = { 0 };
	struct secmmu_avic_page page = { .gpa = FIRST_GPA };
	struct secmmu_avic_get get = { .gpa = FIRST_GPA + PAGE };
	struct secmmu_avic_number number = { 0 };
	struct vm *vm = vm_create(&config);
	struct backing memory;
	struct memslot slot;
	struct avic avic;
	unsigned int table;
	char *argument;

	(void)test;
	add_slot(vm, &memory, &slot);
	argument = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(argument != MAP_FAILED, "no memory: %s", errno_name(errno));
	attach.vm = vm->fd;
	memcpy(argument, &attach, sizeof(attach));
	memcpy(argument + 256, &page, sizeof(page));
	memcpy(argument + 512, &get, sizeof(get));
	memcpy(argument + 768, &number, sizeof(number));
	CHECK(!mprotect(argument, PAGE, PROT_READ), "mprotect failed: %s",
	      errno_name(errno));

	avic.fd = open_device();
	expect_fault(avic.fd, SECMMU_AVIC_ATTACH, argument,
		     "SECMMU_AVIC_ATTACH");
	close(avic.fd);
	avic_attach(&avic, vm, 0, 0, SECMMU_AVIC_FIXED);
	expect_fault(avic.fd, SECMMU_AVIC_TRACK, argument + 256,
		     "SECMMU_AVIC_TRACK");
	CHECK(avic_track(&avic, FIRST_GPA) == 1,
	      "the page is still tracked after SECMMU_AVIC_TRACK failed");
	expect_fault(avic.fd, SECMMU_AVIC_GET, argument + 512,
		     "SECMMU_AVIC_GET");
	table = avic_get(&avic, FIRST_GPA + PAGE);
	CHECK(!table && avic_read(&avic, table, NULL).references == 1,
	      "the table still has a reference after SECMMU_AVIC_GET failed");
	expect_fault(avic.fd, SECMMU_AVIC_USE, argument + 768,
		     "SECMMU_AVIC_USE");
	CHECK(!avic_read(&avic, table, NULL).users,
	      "the table is still in use after SECMMU_AVIC_USE failed");
	avic_close(&avic);
	vm_destroy(vm);
}

/* KVM counts in 16 bits how often a page is tracked: all devices share a bound. */
static void test_tracks(const struct test_case *test)
{
	const unsigned int devices = SECMMU_AVIC_VM_TRACKS /
					     SECMMU_AVIC_TRACKS +
				     1;
	struct vm_config config = { .table_bytes = 1UL << 20 };
	struct vm *vm = vm_create(&config);
	struct avic avic[SECMMU_AVIC_VM_TRACKS / SECMMU_AVIC_TRACKS + 1];
	unsigned int tracked = 0, i, j;
	struct backing memory;
	struct memslot slot;
	int error = 0;

	(void)test;
	add_slot(vm, &memory, &slot);
	for (i = 0; i < devices; i++) {
		avic_attach(&avic[i], vm, 0, 0, SECMMU_AVIC_FIXED);
		for (j = 0; j < SECMMU_AVIC_TRACKS && !error; j++) {
			error = __avic_track(&avic[i], FIRST_GPA);
			tracked += !error;
		}
	}
	CHECK(error == -ENOSPC,
	      "%u devices track a page %u times each: expected ENOSPC, got %s",
	      devices, SECMMU_AVIC_TRACKS,
	      error ? errno_name(error) : "no error");
	CHECK(tracked == SECMMU_AVIC_VM_TRACKS,
	      "a VM's page: expected %u tracks at most, got %u",
	      SECMMU_AVIC_VM_TRACKS, tracked);
	avic_untrack(&avic[0], FIRST_GPA);
	CHECK(avic_track(&avic[devices - 1], FIRST_GPA) ==
		      SECMMU_AVIC_VM_TRACKS,
	      "one more after one less: expected %u tracks",
	      SECMMU_AVIC_VM_TRACKS);
	for (i = 0; i < devices; i++)
		avic_close(&avic[i]);
	vm_destroy(vm);
}

/* A device that is delayed at each entry is closed without the delays. */
static void test_close(const struct test_case *test)
{
	struct vm_config config = { .table_bytes = 1UL << 20 };
	struct vm *vm = vm_create(&config);
	struct backing memory;
	struct memslot slot;
	unsigned int table, i;
	struct avic avic;
	u64 start;

	(void)test;
	add_slot(vm, &memory, &slot);
	avic_attach(&avic, vm, 0, 0, SECMMU_AVIC_FIXED);
	for (table = 0; table < SECMMU_AVIC_TABLES; table++) {
		u64 *entry = (u64 *)((char *)memory.hva + table * PAGE);

		for (i = 0; i < SECMMU_AVIC_ENTRIES; i++)
			entry[i] = SECMMU_AVIC_VALID |
				   (FIRST_GPA + (SLOT_PAGES - 1) * PAGE);
		avic_sync(&avic, avic_get(&avic, FIRST_GPA + table * PAGE),
			  SECMMU_AVIC_ENTRIES);
	}
	avic_delay(&avic, SECMMU_AVIC_AT_REMOVE, SECMMU_AVIC_DELAY_US);
	start = clock_ns();
	avic_close(&avic);
	start = clock_ns() - start;
	report_info("close() took %llu ms", start / NSEC_PER_MSEC);
	CHECK(start < CLOSE_MS * NSEC_PER_MSEC,
	      "closing a device with %u full tables: expected at most %u ms, took %llu ms",
	      SECMMU_AVIC_TABLES, CLOSE_MS, start / NSEC_PER_MSEC);
	vm_destroy(vm);
}

static u64 charged(void)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.current",
		 reclaim_group());
	return kernel_file_number(path, "");
}

/* Rings are charged to the cgroup of the process that asked for them. */
static void test_charged(const struct test_case *test)
{
	const u64 expected = SECMMU_AVIC_RING_TOTAL *
			     sizeof(struct secmmu_avic_write);
	struct vm_config config = { .table_bytes = 1UL << 20 };
	struct vm *vm = vm_create(&config);
	struct avic avic;
	u64 before, now;

	(void)test;
	reclaim_enter(0);
	before = charged();
	avic_attach(&avic, vm, SECMMU_AVIC_RING_TOTAL / SECMMU_AVIC_RING_MAX,
		    SECMMU_AVIC_RING_MAX, SECMMU_AVIC_FIXED);
	now = charged();
	/* Each CPU may have charged some pages in advance before. */
	CHECK(now >= before + expected * 3 / 4,
	      "rings of %llu bytes: expected the cgroup's memory to grow by that, from %llu, and it is %llu",
	      expected, before, now);
	avic_close(&avic);
	reclaim_leave();
	vm_destroy(vm);
}

/* What a module takes on its use: a notifier of the VM and of memory, pins. */
static void use_table(void)
{
	struct vm_config config = { .table_bytes = 1UL << 20 };
	struct vm *vm = vm_create(&config);
	struct backing memory;
	struct memslot slot;
	struct avic avic;

	add_slot(vm, &memory, &slot);
	*(u64 *)memory.hva = SECMMU_AVIC_VALID | (FIRST_GPA + PAGE);
	avic_attach(&avic, vm, 1, 64, SECMMU_AVIC_FIXED);
	avic_track(&avic, FIRST_GPA);
	avic_sync(&avic, avic_get(&avic, FIRST_GPA), 1);
	CHECK(avic_read(&avic, 0, NULL).pins == 1,
	      "a table with an entry does not pin its page");
	avic_close(&avic);
	vm_destroy(vm);
	backing_destroy(&memory);
}

/* Each CPU counts on its own, and what it has not yet added would be missing. */
static u64 pinned(void)
{
	kernel_file_must_write("/proc/sys/vm/stat_refresh", "1");
	return kernel_file_number("/proc/vmstat", "nr_foll_pin_acquired ") -
	       kernel_file_number("/proc/vmstat", "nr_foll_pin_released ");
}

/* After the module was removed the machine is as it was before. */
static void test_reload(const struct test_case *test)
{
	u64 before = pinned(), now;

	(void)test;
	hostile_judge_reload("secmmu_avic", RELOADS, use_table);
	now = pinned();
	CHECK(now == before, "pinned pages: expected %llu, got %llu", before,
	      now);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "leaked", .run = test_leaked,
		  .plan = "an open device is useless without privileges" },
		{ "kernel_open", .run = test_kernel_open,
		  .plan = "a kernel thread without address space cannot open it" },
		{ "copy_out", .run = test_copy_out,
		  .plan = "a call whose result cannot be written is undone" },
		{ "tracks", .run = test_tracks, .timeout_s = 90,
		  .plan = "all devices of a VM share a bound on tracking a page" },
		{ "close", .run = test_close,
		  .plan = "closing a device does not wait for its delays" },
		{ "charged", .run = test_charged,
		  .plan = "rings are charged to the caller" },
		{ "hostile", .run = test_hostile, .timeout_s = 90,
		  .plan = "random calls, dying VMs and processes, attempts to remove the module" },
		{ "reload", .run = test_reload, .timeout_s = 120,
		  .plan = "after 20 loads and unloads nothing of the module is left" },
	};
	static const struct program program = {
		.name = "avic_hostile_test",
		.summary =
			"the driver survives random calls, dying VMs and processes, and attempts to remove it",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
		.needs = AVIC_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
