// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver survives whatever user space does with it: random and malformed
 * calls by several threads, files that are closed under them, processes that die,
 * exec or fork in the midst of it, attempts to remove the module. Afterwards it
 * works as before, and can be removed.
 *
 * No line in prove/matrix: it judges the suite's own driver, not the kernel. What
 * it would notice, a splat or a hang, ends every program of the suite.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/clock.h"
#include "hmm_device.h"
#include "core/hostile.h"
#include "core/options.h"
#include "core/report.h"
#include "core/thread.h"

#define NOBODY	      65534
#define DEVICES	      4
#define THREADS	      4
#define SCRATCH_PAGES 64
#define CHECK_S	      5
#define JOIN_MS	      30000

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
		.from = random_below(random, SECMMU_HMM_BANKS + 2),
		.to = random_below(random, SECMMU_HMM_BANKS + 2),
		.flags = random_below(random, 3),
		.reserved = reserved,
	};
	struct secmmu_hmm_devmem devmem = {
		.devmem = random_below(random, SECMMU_HMM_BANKS + 1),
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
static void judge_banks(const struct hostile *hostile)
{
	unsigned int i;

	/* All that any_range() gives; what cannot be accessed can be moved. */
	CHECK(!munmap(hostile->memory, SCRATCH_PAGES * hostile->page) &&
		      !munmap(hostile->no_access, 4 * hostile->page),
	      "munmap failed: %s", errno_name(errno));
	if (!(hmm_features(hostile->mutator) & SECMMU_HMM_HAS_MEMORY))
		return;
	for (i = 0; i < SECMMU_HMM_BANKS; i++) {
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
	thread_add(group, "disturber", notifier_trigger, &hostile);
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
	judge_banks(&hostile);
	close(hostile.mutator);
	hostile_judge_removal("secmmu_hmm");
}

/* A device that came to a process without privileges is of no use to it. */
static void test_leaked(const struct test_case *test)
{
	struct secmmu_hmm_walk walk = { 0 };
	int device = hmm_open(), status;
	pid_t child;

	(void)test;
	CHECK(__hmm_call(device, SECMMU_HMM_WALK, &walk) == -EINVAL,
	      "an empty walk is not EINVAL for who opened the device");
	child = fork();
	CHECK(child >= 0, "cannot fork: %s", errno_name(errno));
	if (!child) {
		if (setresuid(NOBODY, NOBODY, NOBODY))
			_exit(2);
		_exit(__hmm_call(device, SECMMU_HMM_WALK, &walk) != -EPERM);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
		      WEXITSTATUS(status) != 2,
	      "a child without privileges cannot be had (wait status %#x)",
	      status);
	CHECK(!WEXITSTATUS(status),
	      "a process without privileges may use the device");
	close(device);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ .name = "leaked", .run = test_leaked },
		{ .name = "hostile", .run = test_hostile, .timeout_s = 90 },
	};
	static const struct program program = {
		.name = "hmm_hostile_test",
		.summary =
			"the driver survives random calls, dying processes and attempts to remove it",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
		.needs = HMM_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
