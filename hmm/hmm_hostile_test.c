// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver survives hostile callers: random and malformed calls from several
 * threads, files closed under them, processes that exit, exec or fork during a
 * call, attempts to remove the module. Afterwards it works as before and can be
 * removed. Each other case tests one rule that a driver must keep.
 *
 * No line in prove/matrix: this judges the suite's own driver, not the kernel. What
 * it would notice, a splat or a hang, ends every program of the suite.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/clock.h"
#include "hmm_device.h"
#include "core/hang.h"
#include "core/hostile.h"
#include "core/io.h"
#include "core/kernel_file.h"
#include "core/options.h"
#include "core/report.h"
#include "core/thread.h"
#include "dma.h"
#include "helper_thread.h"
#include "mem/reclaim.h"
#include "mem/uffd.h"

#define NOBODY	      65534
#define DEVICES	      4
#define THREADS	      4
#define SCRATCH_PAGES 64
#define CHECK_S	      5
#define JOIN_MS	      30000
#define AWAIT_MS      5000
#define RELOADS	      50
/* 16384 words, each of which the device delays by 2 ms. */
#define SLOW_BYTES (128 * 1024)
#define SLOW_MS	   2000

/**
 * struct hostile - what the threads share
 * @device: files; any of them may be closed and opened again at any moment
 * @mutator: a file that stays open
 * @memory: what is mirrored, walked and written to
 * @buffer: where results go
 * @no_access: addresses without access
 * @read_only: a page that cannot be written to
 * @page: bytes of a page
 * @calls: how many were made
 * @good: how many of them were not refused
 */
struct hostile {
	int device[DEVICES];
	int mutator;
	unsigned char *memory;
	unsigned char *buffer;
	unsigned char *no_access;
	unsigned char *read_only;
	u64 page;
	u64 calls;
	u64 good;
};

static unsigned char *map(u64 bytes, int protection)
{
	unsigned char *memory = mmap(NULL, bytes, protection,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED, "no memory: %s", errno_name(errno));
	return memory;
}

/* An address for results: what is there may be overwritten. */
static u64 any_buffer(const struct hostile *hostile,
		      struct random_stream *random)
{
	switch (random_below(random, 8)) {
	case 0:
		return 0;
	case 1:
		return (uintptr_t)hostile->no_access;
	case 2:
		return (uintptr_t)hostile->read_only;
	case 3:
		return ~0ULL << 47 | random_u64(random) >> 20;
	default:
		return (uintptr_t)hostile->buffer;
	}
}

/*
 * Mostly in the scratch memory, or close to it: a device that stores elsewhere
 * would only destroy this process.
 */
static void any_range(const struct hostile *hostile,
		      struct random_stream *random, __u64 *start, __u64 *end)
{
	u64 first = random_below(random, SCRATCH_PAGES);

	*start = (uintptr_t)hostile->memory + first * hostile->page;
	*end = *start +
	       random_between(random, 1, SCRATCH_PAGES - first) * hostile->page;
	switch (random_below(random, 12)) {
	case 0:
		*start = (uintptr_t)hostile->no_access;
		*end = *start + 4 * hostile->page;
		break;
	case 1:
		*end = hostile_number(random) & ~(uintptr_t)0xfff;
		*start = *end - hostile->page;
		if (*start < 1ULL << 56)
			*start = *end;
		break;
	case 2:
		*start += random_below(random, 4096);
		break;
	case 3:
		*end = *start;
		break;
	}
}

/* One call with a well-formed structure whose fields may be anything. */
static int any_call(struct hostile *hostile, struct random_stream *random,
		    int device)
{
	u32 mirror = random_below(random, 6);
	u32 reserved = random_chance(random, 1, 16);
	struct secmmu_hmm_walk walk = {
		.entries = any_buffer(hostile, random),
		.default_flags = random_below(random, 5) |
				 (random_chance(random, 1, 4) ?
					  SECMMU_HMM_ALIKE :
					  0),
		.flags_mask = random_below(random, 5),
	};
	struct secmmu_hmm_mirror new = { .reserved = reserved };
	struct secmmu_hmm_number number = { mirror, reserved };
	struct secmmu_hmm_access access = {
		.length = 8 * random_below(random, 1024),
		.buffer = any_buffer(hostile, random),
		.mirror = mirror,
		.operation = random_below(random, SECMMU_HMM_OPERATIONS + 1),
	};
	struct secmmu_hmm_table table = {
		.entries = any_buffer(hostile, random),
		.mirror = mirror,
		.reserved = reserved,
	};
	struct secmmu_hmm_counters counters = { .mirror = mirror,
						.reserved = reserved };
	struct secmmu_hmm_pause pause = {
		.point = random_below(random, SECMMU_HMM_POINTS + 1),
		.timeout_ms = random_below(random, 20),
	};
	struct secmmu_hmm_migrate migrate = {
		.from = random_below(random, SECMMU_HMM_DEVMEMS + 2),
		.to = random_below(random, SECMMU_HMM_DEVMEMS + 2),
		.flags = random_below(random, 3),
		.reserved = reserved,
	};
	struct secmmu_hmm_devmem devmem = {
		.devmem = random_below(random, SECMMU_HMM_DEVMEMS + 1),
		.reserved = reserved,
	};
	struct secmmu_hmm_fail failures = {
		.devmem = devmem.devmem,
		.what = random_below(random, SECMMU_HMM_FAIL_KINDS + 1),
		.skip = random_below(random, 100),
		.count = random_below(random, 10),
	};
	struct secmmu_hmm_range range = { .flags = reserved };
	__u64 end;

	switch (random_below(random, 15)) {
	case 0:
		any_range(hostile, random, &walk.start, &walk.end);
		return __hmm_call(device, SECMMU_HMM_WALK, &walk);
	case 1:
		any_range(hostile, random, &new.start, &new.end);
		return __hmm_call(device, SECMMU_HMM_MIRROR, &new);
	case 2:
		return __hmm_call(device, SECMMU_HMM_UNMIRROR, &number);
	case 3:
		any_range(hostile, random, &table.start, &table.end);
		return __hmm_call(device, SECMMU_HMM_TABLE, &table);
	case 4:
		return __hmm_call(device, SECMMU_HMM_COUNTERS, &counters);
	case 5:
		pause.delay_us = random_chance(random, 1, 2) ?
					 random_below(random, 100) :
					 0;
		return __hmm_call(device, SECMMU_HMM_ARM, &pause);
	case 6:
		return __hmm_call(device, SECMMU_HMM_WAIT, &pause);
	case 7:
		pause.timeout_ms = 0;
		return __hmm_call(device, SECMMU_HMM_RELEASE, &pause);
	case 8:
		any_range(hostile, random, &range.start, &range.end);
		return __hmm_call(device, SECMMU_HMM_HOLD_MIGRATION, &range);
	case 9:
	case 10:
		any_range(hostile, random, &migrate.start, &migrate.end);
		return __hmm_call(device, SECMMU_HMM_MIGRATE, &migrate);
	case 11:
		return __hmm_call(device, SECMMU_HMM_DEVMEM, &devmem);
	case 12:
		number.mirror = devmem.devmem;
		return __hmm_call(device, SECMMU_HMM_OWNER, &number);
	case 13:
		return __hmm_call(device, SECMMU_HMM_FAIL, &failures);
	default:
		any_range(hostile, random, &access.address, &end);
		return __hmm_call(device, SECMMU_HMM_ACCESS, &access);
	}
}

/* The same of those for DMA, by a device without an IOMMU. */
static int any_dma_call(struct hostile *hostile, struct random_stream *random,
			int device)
{
	struct secmmu_hmm_dma_alloc alloc = {
		.function = "platform",
		.mask_bits = random_chance(random, 1, 4) ?
				     random_below(random, 80) :
				     64,
	};
	struct secmmu_hmm_dma_map map = {
		.entries = any_buffer(hostile, random),
		.addresses = any_buffer(hostile, random),
		.requests = random_below(random, 5),
	};
	struct secmmu_hmm_dma_range range = {
		.entries = any_buffer(hostile, random),
		.reserved = random_chance(random, 1, 16),
	};
	struct secmmu_hmm_dma_copy copy = {
		.buffer = any_buffer(hostile, random),
		.length = random_below(random, 4096),
		.operation = random_below(random, SECMMU_HMM_OPERATIONS + 1),
		.flags = random_below(random, 3),
	};
	__u64 end;

	switch (random_below(random, 8)) {
	case 0:
		any_range(hostile, random, &alloc.start, &alloc.end);
		return __hmm_call(device, SECMMU_HMM_DMA_ALLOC, &alloc);
	case 1:
		return __hmm_call(device, SECMMU_HMM_DMA_FREE, NULL);
	case 2:
		any_range(hostile, random, &copy.address, &end);
		return __hmm_call(device, SECMMU_HMM_DMA_COPY, &copy);
	case 3:
	case 4:
		any_range(hostile, random, &range.start, &range.end);
		return __hmm_call(device,
				  random_chance(random, 1, 2) ?
					  SECMMU_HMM_DMA_UNMAP :
					  SECMMU_HMM_DMA_LOOK,
				  &range);
	default:
		any_range(hostile, random, &map.start, &map.end);
		return __hmm_call(device, SECMMU_HMM_DMA_MAP, &map);
	}
}

/* A call that does not exist, or one with an argument that is not there. */
static int malformed_call(struct hostile *hostile, struct random_stream *random,
			  int device)
{
	unsigned long command = SECMMU_HMM_INFO + random_below(random, 48);
	void *argument;

	if (random_chance(random, 1, 2))
		command = random_u64(random) & ~(1UL << 31);
	/* What is written there is of no use to anybody. */
	argument = (void *)(uintptr_t)any_buffer(hostile, random);
	return __hmm_call(device, command, argument);
}

static void judge_error(int error)
{
	static const int allowed[] = {
		0,	     -EFAULT, -EINVAL, -ENOTTY, -ESRCH,	    -EINTR,
		-ENOENT,     -EBUSY,  -ENOSPC, -ENOMEM, -ETIMEDOUT, -EIO,
		-EOPNOTSUPP, -EBADF,  -ENXIO,  -ENODEV,
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

		switch (random_below(random, 4)) {
		case 0:
			error = malformed_call(hostile, random, device);
			break;
		case 1:
			error = any_dma_call(hostile, random, device);
			break;
		default:
			error = any_call(hostile, random, device);
		}
		judge_error(error);
		__atomic_fetch_add(&hostile->calls, 1, __ATOMIC_RELAXED);
		if (!error)
			__atomic_fetch_add(&hostile->good, 1, __ATOMIC_RELAXED);
	}
}

/* Memory comes and goes, files are closed, the module is to be removed. */
static void notifier_trigger(struct thread *thread, void *argument)
{
	struct random_stream *random = thread_random(thread);
	struct hostile *hostile = argument;

	while (!thread_should_stop(thread)) {
		int device = hostile->device[random_below(random, DEVICES)];
		u64 first = random_below(random, SCRATCH_PAGES);
		int new;

		switch (random_below(random, 4)) {
		case 0:
			madvise(hostile->memory + first * hostile->page,
				hostile->page, MADV_DONTNEED);
			break;
		case 1:
			mprotect(hostile->memory + first * hostile->page,
				 hostile->page, (int)random_below(random, 4));
			break;
		case 2:
			/* At the same number, so that no other file gets it. */
			new = open(SECMMU_HMM_DEVICE, O_RDWR | O_CLOEXEC);
			CHECK(new >= 0 &&
				      dup3(new, device, O_CLOEXEC) == device,
			      "cannot open the device again: %s",
			      errno_name(errno));
			close(new);
			break;
		default:
			hostile_remove_refused("secmmu_hmm");
			break;
		}
		sched_yield();
	}
}

/*
 * A process of its own that uses a device, and then exits, execs or is killed,
 * with a thread of its parent possibly inside.
 */
static void __noreturn be_child(void *argument, u64 choice)
{
	struct hostile *hostile = argument;
	int device = open(SECMMU_HMM_DEVICE, O_RDWR);
	struct secmmu_hmm_pause pause = { .point = choice % SECMMU_HMM_POINTS,
					  .timeout_ms = 5 };
	struct secmmu_hmm_mirror new = {
		.start = (uintptr_t)hostile->buffer,
		.end = (uintptr_t)hostile->buffer + hostile->page,
	};
	struct secmmu_hmm_access access = {
		.address = new.start,
		.length = 8,
		.buffer = new.start + 8,
		.operation = SECMMU_HMM_STORE,
	};

	__hmm_call(device, SECMMU_HMM_ARM, &pause);
	__hmm_call(device, SECMMU_HMM_MIRROR, &new);
	access.mirror = new.mirror;
	__hmm_call(device, SECMMU_HMM_ACCESS, &access);
	/* Inherited ones are of the parent's address space. */
	__hmm_call(hostile->mutator, SECMMU_HMM_ACCESS, &access);
	hostile_end_child(choice / SECMMU_HMM_POINTS);
}

static void have_children(struct thread *thread, void *argument)
{
	hostile_have_children(thread, be_child, argument);
}

/* What was moved to a bank is given back with the memory that it was part of. */
static void judge_devmems(const struct hostile *hostile)
{
	unsigned int i;

	/* All that any_range() gives; what cannot be accessed can be moved. */
	CHECK(!munmap(hostile->memory, SCRATCH_PAGES * hostile->page) &&
		      !munmap(hostile->no_access, 4 * hostile->page),
	      "munmap failed: %s", errno_name(errno));
	if (!(hmm_features(hostile->mutator) & SECMMU_HMM_HAS_MEMORY))
		return;
	for (i = 0; i < SECMMU_HMM_DEVMEMS; i++) {
		u64 used = hmm_devmem(hostile->mutator, i).used;

		CHECK(!used,
		      "after hostile calls %llu pages of bank %u are in use by nobody",
		      used, i);
	}
}

/* It works as it did, for who behaves. */
static void judge_alive(void)
{
	u64 page = (u64)getpagesize();
	u64 *word = (u64 *)map(page, PROT_READ | PROT_WRITE);
	int device = hmm_open();
	unsigned int mirror = hmm_mirror(device, word, page);

	*word = 42;
	CHECK(hmm_read(device, mirror, word) == 42,
	      "after hostile calls the device reads what is not there");
	hmm_store(device, mirror, word, 43);
	CHECK(*(volatile u64 *)word == 43,
	      "after hostile calls a store of the device is lost");
	hmm_unmirror(device, mirror);
	close(device);
}

static void test_hostile(const struct test_case *test)
{
	struct thread_group *group = thread_group_new("hostile");
	struct hostile hostile = { .page = (u64)getpagesize() };
	u64 until, duration = case_duration_ns();
	unsigned int i;

	if (!options()->duration_s && duration > CHECK_S * NSEC_PER_SEC)
		duration = CHECK_S * NSEC_PER_SEC;
	hostile.memory = map(SCRATCH_PAGES * hostile.page,
			     PROT_READ | PROT_WRITE);
	hostile.buffer = map(SCRATCH_PAGES * hostile.page,
			     PROT_READ | PROT_WRITE);
	hostile.no_access = map(4 * hostile.page, PROT_NONE);
	hostile.read_only = map(hostile.page, PROT_READ);
	hostile.mutator = hmm_open();
	for (i = 0; i < DEVICES; i++)
		hostile.device[i] = hmm_open();
	for (i = 0; i < THREADS; i++)
		thread_add(group, "caller", call_at_random, &hostile);
	thread_add(group, "notifier", notifier_trigger, &hostile);
	thread_add(group, "parent", have_children, &hostile);

	until = clock_ns() + duration;
	thread_group_start(group);
	while (clock_ns() < until)
		sched_yield();
	thread_group_stop(group);
	thread_group_join(group, JOIN_MS);
	report_info("%llu calls, of which %llu were not refused", hostile.calls,
		    hostile.good);
	CHECK(hostile.good, "not one of %llu calls was good", hostile.calls);
	judge_alive();
	for (i = 0; i < DEVICES; i++)
		close(hostile.device[i]);
	judge_devmems(&hostile);
	close(hostile.mutator);
	hostile_judge_removal("secmmu_hmm");
}

/* An open device is useless to a process without privileges. */
static void test_leaked(const struct test_case *test)
{
	struct secmmu_hmm_walk walk = { 0 };
	int device = hmm_open(), status;
	pid_t child;

	(void)test;
	CHECK(__hmm_call(device, SECMMU_HMM_WALK, &walk) == -EINVAL,
	      "an empty walk by the process that opened the device: expected EINVAL");
	child = fork();
	CHECK(child >= 0, "cannot fork: %s", errno_name(errno));
	if (!child) {
		if (setresuid(NOBODY, NOBODY, NOBODY))
			_exit(2);
		if (__hmm_call(device, SECMMU_HMM_WALK, &walk) != -EPERM)
			_exit(1);
		_exit(mmap(NULL, (size_t)getpagesize(), PROT_READ, MAP_SHARED,
			   device, 0) != MAP_FAILED ||
		      errno != EPERM);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
		      WEXITSTATUS(status) != 2,
	      "cannot start a child without privileges (wait status %#x)",
	      status);
	CHECK(!WEXITSTATUS(status),
	      "a process without privileges may use the device");
	close(device);
}

static void test_kernel_open(const struct test_case *test)
{
	(void)test;
	hostile_judge_kernel_open("secmmu_hmm");
}

/* A call whose result cannot be written has created nothing. */
static void test_copy_out(const struct test_case *test)
{
	u64 page = (u64)getpagesize();
	struct secmmu_hmm_mirror *new = (void *)map(page,
						    PROT_READ | PROT_WRITE);
	int device = hmm_open(), error;
	unsigned int i;

	(void)test;
	new->start = (uintptr_t) new;
	new->end = new->start + page;
	CHECK(!mprotect(new, page, PROT_READ), "mprotect failed: %s",
	      errno_name(errno));
	for (i = 0; i <= SECMMU_HMM_MIRRORS; i++) {
		error = __hmm_call(device, SECMMU_HMM_MIRROR, new);
		CHECK(error == -EFAULT,
		      "SECMMU_HMM_MIRROR with a result that cannot be written: expected EFAULT, got %s",
		      errno_name(error));
	}
	hmm_unmirror(device, hmm_mirror(device, new, page));
	close(device);
}

/* Pages of a file have other users: they are not held under migration. */
static void test_hold_file(const struct test_case *test)
{
	u64 page = (u64)getpagesize();
	int device = hmm_open(), file = open("/proc/self/exe", O_RDONLY);
	struct secmmu_hmm_range range = { 0 };
	volatile unsigned char *text;
	int error;

	(void)test;
	if (!(hmm_features(device) & SECMMU_HMM_HAS_MIGRATION))
		skip("CONFIG_DEVICE_MIGRATION=y",
		     "run it on a kernel built with this option");
	text = mmap(NULL, page, PROT_READ, MAP_PRIVATE, file, 0);
	CHECK(text != MAP_FAILED, "cannot map the program: %s",
	      errno_name(errno));
	CHECK(text[0] == 0x7f, "the program is no ELF file");
	range.start = (uintptr_t)text;
	range.end = range.start + page;
	error = __hmm_call(device, SECMMU_HMM_HOLD_MIGRATION, &range);
	CHECK(error == -EINVAL,
	      "holding a page of a file under migration: expected EINVAL, got %s",
	      error ? errno_name(error) : "no error");
	close(device);
}

static u64 charged(void)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.current",
		 reclaim_group());
	return kernel_file_number(path, "");
}

/*
 * What a caller makes the driver allocate is charged to the caller's cgroup, and
 * bounded: the tables of a file's mirrors.
 */
static void test_charged(const struct test_case *test)
{
	struct secmmu_hmm_mirror new = { .start = 1ULL << 32 };
	u64 table = SECMMU_HMM_MIRROR_PAGES * sizeof(u64), before, now;
	u64 fit = SECMMU_HMM_FILE_PAGES / SECMMU_HMM_MIRROR_PAGES;
	int device = hmm_open(), error;
	u64 i;

	(void)test;
	reclaim_enter(0);
	before = charged();
	new.end = new.start + SECMMU_HMM_MIRROR_PAGES *(u64)getpagesize();
	for (i = 0; i < fit; i++) {
		new.mirror = 0;
		error = __hmm_call(device, SECMMU_HMM_MIRROR, &new);
		CHECK(!error, "mirror %llu of %llu: %s", i, fit,
		      errno_name(error));
	}
	now = charged();
	/* Each CPU may have charged some pages in advance before. */
	CHECK(now >= before + fit * table * 3 / 4,
	      "%llu mirrors need %llu bytes of tables: expected the cgroup's memory to grow by that, from %llu, and it is %llu",
	      fit, fit * table, before, now);
	new.mirror = 0;
	error = __hmm_call(device, SECMMU_HMM_MIRROR, &new);
	CHECK(error == -ENOSPC,
	      "mirrors of more than %u pages in one file: expected ENOSPC, got %s",
	      SECMMU_HMM_FILE_PAGES, error ? errno_name(error) : "no error");
	close(device);
	reclaim_leave();
}

static void add(int device, unsigned int mirror,
		enum secmmu_hmm_operation operation, u64 *word)
{
	u64 value = 1;
	struct secmmu_hmm_access access = {
		.address = (uintptr_t)word,
		.length = sizeof(value),
		.buffer = (uintptr_t)&value,
		.mirror = mirror,
		.operation = operation,
	};
	int error = __hmm_access(device, &access);

	CHECK(!error, "the device cannot add through mirror %u: %s", mirror,
	      errno_name(error));
}

/* Exclusive access by one mirror keeps the device's other mirrors out. */
static void test_two_mirrors(const struct test_case *test)
{
	u64 page = (u64)getpagesize(), *word, entry;
	struct helper_thread exclusive, plain;
	struct device_act first = { .word = 1 }, second = { .word = 1 };
	int device = hmm_open();

	(void)test;
	hmm_need_memory(device);
	word = (u64 *)map(page, PROT_READ | PROT_WRITE);
	*word = 100;
	CHECK(!hmm_mirror(device, word, page) &&
		      hmm_mirror(device, word, page) == 1,
	      "a new device's mirrors do not have the numbers 0 and 1");
	device_helper(&exclusive, &first, device, 0, SECMMU_HMM_ADD_EXCLUSIVE,
		      word);
	device_helper(&plain, &second, device, 1, SECMMU_HMM_ADD, word);
	add(device, 1, SECMMU_HMM_ADD, word);
	add(device, 0, SECMMU_HMM_ADD_EXCLUSIVE, word);
	entry = hmm_entry(device, 1, word);
	CHECK(!entry,
	      "mirror 0 has exclusive access: expected no entry in mirror 1, got %#llx",
	      entry);
	hmm_arm(device, SECMMU_HMM_AT_EXCLUSIVE);
	helper_thread_cue(&exclusive);
	hmm_await(device, SECMMU_HMM_AT_EXCLUSIVE);
	helper_thread_cue(&plain);
	hang_await(plain.thread, "hmm_mirror_invalidate", AWAIT_MS);
	CHECK(!helper_thread_is_done(&plain),
	      "mirror 1 adds while mirror 0 has exclusive access");
	hmm_release(device, SECMMU_HMM_AT_EXCLUSIVE);
	helper_thread_join(&exclusive);
	helper_thread_join(&plain);
	CHECK(!first.error && !second.error,
	      "the device's additions fail: %s, %s", errno_name(first.error),
	      errno_name(second.error));
	CHECK(*word == 104, "4 additions to 100: expected 104, got %llu",
	      *word);
	close(device);
}

/**
 * struct slow - a child whose device is delayed at each of many words
 * @device: of the child
 * @memory: SLOW_BYTES that the device adds to
 * @pipe: the nanoseconds that an munmap() of a page took
 */
struct slow {
	int device;
	unsigned char *memory;
	int pipe[2];
};

/* munmap() while the device is at its third word at least. */
static void *unmap_meanwhile(void *argument)
{
	struct secmmu_hmm_pause pause = {
		.point = SECMMU_HMM_AT_EXCLUSIVE,
		.delay_us = SECMMU_HMM_DELAY_US,
	};
	struct slow *slow = argument;
	u64 page = (u64)getpagesize(), start;

	do {
		if (__hmm_call(slow->device, SECMMU_HMM_ARM, &pause))
			_exit(1);
		sched_yield();
	} while (pause.arrived < 3);
	start = clock_ns();
	munmap(slow->memory + SLOW_BYTES - page, page);
	start = clock_ns() - start;
	if (io_write(slow->pipe[1], &start, sizeof(start), IO_NEXT) !=
	    sizeof(start))
		_exit(1);
	return NULL;
}

static void __noreturn be_slow(struct slow *slow)
{
	struct secmmu_hmm_access access = {
		.length = SLOW_BYTES,
		.operation = SECMMU_HMM_ADD_EXCLUSIVE,
	};
	pthread_t thread;

	slow->device = hmm_open();
	slow->memory = map(SLOW_BYTES, PROT_READ | PROT_WRITE);
	access.buffer = (uintptr_t)map(SLOW_BYTES, PROT_READ | PROT_WRITE);
	access.address = (uintptr_t)slow->memory;
	access.mirror = hmm_mirror(slow->device, slow->memory, SLOW_BYTES);
	/* The page that is unmapped must be in the table. */
	add(slow->device, access.mirror, SECMMU_HMM_ADD_EXCLUSIVE,
	    (u64 *)(slow->memory + SLOW_BYTES - (u64)getpagesize()));
	hmm_delay(slow->device, SECMMU_HMM_AT_EXCLUSIVE, SECMMU_HMM_DELAY_US);
	if (!pthread_create(&thread, NULL, unmap_meanwhile, slow))
		__hmm_call(slow->device, SECMMU_HMM_ACCESS, &access);
	/* A quarter of a minute later at least, if it was not killed. */
	_exit(0);
}

/*
 * An access that lasts long ends with a fatal signal, and others do not have to
 * wait for all of it.
 */
static void test_killed(const struct test_case *test)
{
	struct slow slow;
	u64 unmap_ns, end_ns;
	int device = hmm_open();
	pid_t child;
	int status;

	(void)test;
	hmm_need_memory(device);
	close(device);
	CHECK(!pipe(slow.pipe), "pipe failed: %s", errno_name(errno));
	child = fork();
	CHECK(child >= 0, "cannot fork: %s", errno_name(errno));
	if (!child)
		be_slow(&slow);
	close(slow.pipe[1]);
	CHECK(io_read(slow.pipe[0], &unmap_ns, sizeof(unmap_ns), IO_NEXT) ==
		      sizeof(unmap_ns),
	      "the child ended before its munmap()");
	end_ns = clock_ns();
	kill(child, SIGKILL);
	CHECK(waitpid(child, &status, 0) == child, "waitpid failed: %s",
	      errno_name(errno));
	end_ns = clock_ns() - end_ns;
	CHECK(WIFSIGNALED(status),
	      "the child's access ended before it was killed (wait status %#x)",
	      status);
	report_info("munmap() took %llu us, SIGKILL %llu us",
		    unmap_ns / NSEC_PER_USEC, end_ns / NSEC_PER_USEC);
	CHECK(unmap_ns < SLOW_MS * NSEC_PER_MSEC,
	      "munmap() of a page that a device uses: expected at most %u ms, took %llu ms",
	      SLOW_MS, unmap_ns / NSEC_PER_MSEC);
	CHECK(end_ns < SLOW_MS * NSEC_PER_MSEC,
	      "SIGKILL during an access: expected the end after at most %u ms, took %llu ms",
	      SLOW_MS, end_ns / NSEC_PER_MSEC);
}

/**
 * struct mapper - a DMA mapping whose results go to memory that is not there
 * @device: by which device
 * @memory: what is mapped
 * @results: page that a userfaultfd holds back
 * @function: what it is mapped for
 */
struct mapper {
	int device;
	unsigned char *memory;
	u64 *results;
	struct dma_function function;
};

static void map_for_dma(void *argument)
{
	struct mapper *mapper = argument;

	__dma_map(mapper->device, mapper->memory, (u64)getpagesize(),
		  SECMMU_HMM_REQ_FAULT, mapper->results, mapper->results + 1,
		  NULL);
}

static void lose_function(void *argument)
{
	struct mapper *mapper = argument;

	dma_function_lost(&mapper->function);
}

/* Removing a function does not wait for a copy to user memory. */
static void test_unbind(const struct test_case *test)
{
	u64 page = (u64)getpagesize();
	struct helper_thread mapping, unbinding;
	struct mapper mapper = { 0 };
	int uffd;

	(void)test;
	dma_function(&mapper.function, DMA_EDU);
	mapper.device = hmm_open();
	mapper.memory = map(page, PROT_READ | PROT_WRITE);
	mapper.memory[0] = 1;
	mapper.results = (u64 *)map(page, PROT_READ | PROT_WRITE);
	uffd = uffd_open();
	uffd_register(uffd, mapper.results, page, UFFD_MISSING);
	dma_alloc(mapper.device, &mapper.function, mapper.memory, page, 64);
	helper_thread_new(&mapping, "mapping", map_for_dma, &mapper);
	helper_thread_new(&unbinding, "unbinding", lose_function, &mapper);
	helper_thread_cue(&mapping);
	hang_await(mapping.thread, "handle_userfault", AWAIT_MS);
	helper_thread_cue(&unbinding);
	helper_thread_join(&unbinding);
	CHECK(!helper_thread_is_done(&mapping),
	      "the copy to user memory did not wait for the userfaultfd");
	uffd_fill(uffd, mapper.results, mapper.memory, page);
	helper_thread_join(&mapping);
	dma_free(mapper.device);
	close(mapper.device);
	close(uffd);
}

/* What a module takes on its first use: both devices' memory. */
static void use_memory(void)
{
	u64 page = (u64)getpagesize();
	unsigned char *memory = map(page, PROT_READ | PROT_WRITE);
	int device = hmm_open();
	unsigned int i;

	for (i = 0; i < SECMMU_HMM_DEVMEMS; i++) {
		memory[0] = 1;
		if (hmm_features(device) & SECMMU_HMM_HAS_MEMORY)
			hmm_migrate(device, memory, page, HMM_SYSTEM,
				    HMM_IN_DEVMEM(i), 0);
	}
	hmm_unmirror(device, hmm_mirror(device, memory, page));
	close(device);
	munmap(memory, page);
}

/* After the module was removed the machine is as it was before. */
static void test_reload(const struct test_case *test)
{
	(void)test;
	hostile_judge_reload("secmmu_hmm", RELOADS, use_memory);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "leaked", .run = test_leaked,
		  .plan = "an open device is useless without privileges" },
		{ "kernel_open", .run = test_kernel_open,
		  .plan = "a kernel thread without address space cannot open it" },
		{ "copy_out", .run = test_copy_out,
		  .plan = "a mirror whose number cannot be written is undone" },
		{ "hold_file", .run = test_hold_file,
		  .plan = "pages of files are not held under migration" },
		{ "charged", .run = test_charged,
		  .plan = "mirrors are charged to the caller, and bounded" },
		{ "two_mirrors", .run = test_two_mirrors,
		  .plan = "exclusive access keeps the device's other mirrors out" },
		{ "killed", .run = test_killed,
		  .plan = "a long access ends with SIGKILL, munmap() does not wait for it" },
		{ "unbind", .run = test_unbind,
		  .plan = "removing a PCI function does not wait for user memory" },
		{ "hostile", .run = test_hostile, .timeout_s = 90,
		  .plan = "random calls, dying processes, attempts to remove the module" },
		{ "reload", .run = test_reload, .timeout_s = 120,
		  .plan = "after 50 loads and unloads nothing of the module is left" },
	};
	static const struct program program = {
		.name = "hmm_hostile_test",
		.summary =
			"the driver survives random calls, dying processes and attempts to remove it, and keeps the rules for drivers",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
		.needs = HMM_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
