// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages move to memory that only a device can reach, and come back: because they
 * are told to, or because a CPU touches them. Nothing is lost on the way, and at
 * any moment each page is where it is said to be. cargo.h has the oracle.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "core/io.h"
#include "core/report.h"
#include "core/variant.h"

#define DEVMEM HMM_IN_DEVMEM(0)
#define OTHER  HMM_IN_DEVMEM(1)

/**
 * struct variant - how cases of one body differ; each body uses one member
 * @pages: number of pages that migrate
 * @writes: the CPU writes the page instead of reading it
 * @killed: the process is killed instead of exiting
 * @direct: pages migrate from device to device instead of through system memory
 * @child: the body of a forked child
 */
struct variant {
	u64 pages;
	bool writes;
	bool killed;
	bool direct;
	void (*child)(struct device_buffer *buffer);
};

/* To the device, looked at there, and back as they are told. */
static void test_there_and_back(const struct variant *variant)
{
	u64 pages = variant->pages;
	struct device_buffer buffer;

	buffer_new_written(&buffer, pages);
	buffer_move(&buffer, 0, pages, HMM_SYSTEM, DEVMEM);
	buffer_judge_away(&buffer, 0, pages, false);
	buffer_judge_used(&buffer, pages);
	buffer_device_check(&buffer, 0, pages);
	buffer_judge_used(&buffer, pages);
	buffer_move(&buffer, 0, pages, DEVMEM, HMM_SYSTEM);
	buffer_judge_here(&buffer, 0, pages);
	buffer_judge_used(&buffer, 0);
	buffer_check(&buffer, 0, pages);
}

/* A CPU touches one page after the other: each comes back alone. */
static void test_cpu_fault(const struct variant *variant)
{
	bool writes = variant->writes;
	struct device_buffer buffer;
	u64 i, faults;

	buffer_new_away(&buffer);
	faults = hmm_devmem(buffer.state.device, 0).faults;
	for (i = 0; i < BUFFER_PAGES; i++) {
		if (writes)
			buffer_write(&buffer, i, 1);
		else
			buffer_check(&buffer, i, 1);
		buffer_judge_here(&buffer, 0, i + 1);
		buffer_judge_away(&buffer, i + 1, BUFFER_PAGES - i - 1, false);
		buffer_judge_used(&buffer, BUFFER_PAGES - i - 1);
	}
	faults = hmm_devmem(buffer.state.device, 0).faults - faults;
	CHECK(faults == BUFFER_PAGES,
	      "%u pages came back, by %llu calls of migrate_to_ram()",
	      BUFFER_PAGES, faults);
	buffer_judge_home(&buffer);
}

/* What the device writes there is what the CPU finds. */
static void test_device_writes(void)
{
	struct device_buffer buffer;

	buffer_new_away(&buffer);
	buffer_device_write(&buffer, 0, BUFFER_PAGES);
	buffer_judge_away(&buffer, 0, BUFFER_PAGES, false);
	buffer_device_check(&buffer, 0, BUFFER_PAGES);
	buffer_judge_home(&buffer);
}

/* Pages that nobody has touched are made in the device's memory, and zero. */
static void test_holes(void)
{
	struct device_buffer buffer;

	buffer_new(&buffer, BUFFER_PAGES);
	CHECK(!hmm_migrate(buffer.state.device, buffer.state.start,
			   BUFFER_PAGES * buffer.state.page, DEVMEM, HMM_SYSTEM,
			   0)
		       .pages,
	      "pages came back from the device that were never there");
	buffer_move(&buffer, 0, BUFFER_PAGES, HMM_SYSTEM, DEVMEM);
	buffer_judge_away(&buffer, 0, BUFFER_PAGES, false);
	buffer_judge_used(&buffer, BUFFER_PAGES);
	buffer_device_check(&buffer, 0, BUFFER_PAGES);
	buffer_device_write(&buffer, 4, 4);
	buffer_judge_home(&buffer);
}

/* The zero page, which is no page of this process. */
static void test_zero_page(void)
{
	struct device_buffer buffer;

	buffer_new(&buffer, BUFFER_PAGES);
	buffer_check(&buffer, 0, BUFFER_PAGES);
	buffer_move(&buffer, 0, BUFFER_PAGES, HMM_SYSTEM, DEVMEM);
	buffer_judge_away(&buffer, 0, BUFFER_PAGES, false);
	buffer_device_write(&buffer, 0, 4);
	buffer_judge_home(&buffer);
}

/* Some of them; the others do not notice. */
static void test_part(void)
{
	const u64 first = 3, count = 7;
	struct device_buffer buffer;

	buffer_new_written(&buffer, BUFFER_PAGES);
	buffer_move(&buffer, first, count, HMM_SYSTEM, DEVMEM);
	buffer_judge_here(&buffer, 0, first);
	buffer_judge_away(&buffer, first, count, false);
	buffer_judge_here(&buffer, first + count, BUFFER_PAGES - first - count);
	buffer_judge_used(&buffer, count);
	/* And of those again some. */
	buffer_move(&buffer, first + 2, 2, DEVMEM, HMM_SYSTEM);
	buffer_judge_here(&buffer, first + 2, 2);
	buffer_judge_used(&buffer, count - 2);
	buffer_judge_home(&buffer);
}

static void test_read_only(void)
{
	struct device_buffer buffer;
	u64 bytes;

	buffer_new_written(&buffer, BUFFER_PAGES);
	bytes = BUFFER_PAGES * buffer.state.page;
	CHECK(!mprotect(buffer.state.start, bytes, PROT_READ),
	      "mprotect failed: %s", errno_name(errno));
	buffer_move(&buffer, 0, BUFFER_PAGES, HMM_SYSTEM, DEVMEM);
	buffer_judge_away(&buffer, 0, BUFFER_PAGES, false);
	buffer_device_check(&buffer, 0, BUFFER_PAGES);
	buffer_check(&buffer, 0, BUFFER_PAGES / 2);
	CHECK(!mprotect(buffer.state.start, bytes, PROT_READ | PROT_WRITE),
	      "mprotect failed: %s", errno_name(errno));
	buffer_write(&buffer, 0, BUFFER_PAGES);
	buffer_judge_home(&buffer);
}

/* ---- what a process does to memory that is away ---- */

static void test_remapped(void)
{
	struct device_buffer buffer;
	u64 bytes;
	void *elsewhere, *moved;

	buffer_new_away(&buffer);
	bytes = BUFFER_PAGES * buffer.state.page;
	elsewhere = mapping_state_reserve(&buffer.state, bytes);
	moved = mremap(buffer.state.start, bytes, bytes,
		       MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere);
	CHECK(moved == elsewhere, "mremap failed: %s", errno_name(errno));
	buffer.state.start = elsewhere;
	buffer_judge_away(&buffer, 0, BUFFER_PAGES, false);
	buffer_judge_used(&buffer, BUFFER_PAGES);
	buffer_judge_home(&buffer);
}

/* Pages that are dropped are the bank's again. */
static void test_dropped(void)
{
	struct device_buffer buffer;

	buffer_new_away(&buffer);
	mapping_state_advise(buffer_page(&buffer, 2), 5 * buffer.state.page,
			     MADV_DONTNEED, "MADV_DONTNEED");
	buffer_forget(&buffer, 2, 5);
	buffer_judge_used(&buffer, BUFFER_PAGES - 5);
	buffer_device_check(&buffer, 0, BUFFER_PAGES);
	buffer_check(&buffer, 0, BUFFER_PAGES);
	CHECK(!munmap(buffer.state.start, BUFFER_PAGES * buffer.state.page),
	      "munmap failed: %s", errno_name(errno));
	buffer_judge_used(&buffer, 0);
}

/* Another task reads and writes it: get_user_pages() brings it back. */
static void test_gup(void)
{
	u64 words[2];
	struct iovec local = { words, sizeof(words) }, remote;
	struct device_buffer buffer;
	int ends[2];

	buffer_new_away(&buffer);
	remote = (struct iovec){ buffer_page(&buffer, 1), sizeof(words) };
	io_must_transfer("process_vm_readv",
			 process_vm_readv(getpid(), &local, 1, &remote, 1, 0),
			 sizeof(words));
	buffer_judge_here(&buffer, 1, 1);
	CHECK(!memcmp(words, buffer_page(&buffer, 1), sizeof(words)),
	      "process_vm_readv has read %#llx, which is not there", words[0]);
	remote.iov_base = buffer_page(&buffer, 2);
	io_must_transfer("process_vm_writev",
			 process_vm_writev(getpid(), &local, 1, &remote, 1, 0),
			 sizeof(words));
	CHECK(!memcmp(words, buffer_page(&buffer, 2), sizeof(words)),
	      "what process_vm_writev wrote is not there");
	buffer_write(&buffer, 2, 1);

	/* A page in a pipe is pinned: it comes back, and then it stays. */
	CHECK(!pipe2(ends, O_CLOEXEC), "pipe failed: %s", errno_name(errno));
	remote = (struct iovec){ buffer_page(&buffer, 4), buffer.state.page };
	io_must_transfer("vmsplice", vmsplice(ends[1], &remote, 1, 0),
			 buffer.state.page);
	buffer_judge_here(&buffer, 4, 1);
	CHECK(!hmm_migrate(buffer.state.device, buffer_page(&buffer, 4),
			   buffer.state.page, HMM_SYSTEM, DEVMEM, 0)
		       .pages,
	      "a page that a pipe has was moved to the device");
	buffer_check(&buffer, 4, 1);
	close(ends[0]);
	close(ends[1]);
	buffer_move(&buffer, 4, 1, HMM_SYSTEM, DEVMEM);
	buffer_judge_home(&buffer);
}

/* Of memory that is not anonymous nothing moves. */
static void test_shared(void)
{
	struct secmmu_hmm_migrate moved;
	struct mapping_state state;
	u64 i;

	mapping_state_prepare(&state, mapping_state_kind_of("shmem_dirty"));
	hmm_need_memory(state.device);
	moved = hmm_migrate(state.device, state.start, state.pages * state.page,
			    HMM_SYSTEM, DEVMEM, 0);
	CHECK(!moved.pages, "%llu pages of shared memory moved to a device",
	      moved.pages);
	for (i = 0; i < state.pages; i++)
		CHECK(*(volatile u64 *)(state.start + i * state.page),
		      "page %llu of shared memory has lost its contents", i);
}

/* ---- fork ---- */

static void child_reads(struct device_buffer *buffer)
{
	buffer_check(buffer, 0, buffer->state.pages);
}

static void child_writes(struct device_buffer *buffer)
{
	u64 pages = buffer->state.pages;

	buffer_check(buffer, 0, pages / 2);
	buffer_write(buffer, 0, pages);
	buffer_check(buffer, 0, pages);
}

/* The parent's pages are what they were, whatever the child did to its own. */
static void test_fork(const struct variant *variant)
{
	struct device_buffer buffer;

	buffer_new_away(&buffer);
	buffer_fork(&buffer, variant->child);
	buffer_device_check(&buffer, 0, BUFFER_PAGES);
	buffer_write(&buffer, 0, BUFFER_PAGES / 2);
	buffer_judge_home(&buffer);
}

static int stage[2];

/* Waits until the parent has written, by itself or as the device. */
static void child_waits(struct device_buffer *buffer)
{
	char byte;

	close(stage[1]);
	CHECK(read(stage[0], &byte, 1) == 1, "the parent is gone");
	buffer_check(buffer, 0, buffer->state.pages);
	close(stage[0]);
}

/*
 * The device writes to pages that a child shares. A device-private page that is
 * not writable is reported as it is, whatever is asked for, so it must come back
 * first, and be copied: the child keeps the old one.
 */
static void test_fork_device_writes(void)
{
	struct device_buffer buffer;
	pid_t child;
	int status;

	buffer_new_away(&buffer);
	CHECK(!pipe2(stage, O_CLOEXEC), "pipe failed: %s", errno_name(errno));
	child = fork();
	CHECK(child >= 0, "fork failed: %s", errno_name(errno));
	if (!child) {
		child_waits(&buffer);
		_exit(0);
	}
	buffer_judge_away(&buffer, 0, BUFFER_PAGES, false);
	buffer_device_write(&buffer, 0, BUFFER_PAGES / 2);
	buffer_device_check(&buffer, 0, BUFFER_PAGES);
	buffer_write(&buffer, BUFFER_PAGES / 2, BUFFER_PAGES / 2);
	CHECK(write(stage[1], "", 1) == 1, "the child is gone");
	CHECK(waitpid(child, &status, 0) == child && !status,
	      "the child ended with status %#x", status);
	buffer_judge_home(&buffer);
}

/* A process ends while pages of it are away: they are the bank's again. */
static void test_exit(const struct variant *variant)
{
	struct device_buffer buffer;
	pid_t child;
	int status;

	buffer_new(&buffer, 1);
	child = fork();
	CHECK(child >= 0, "fork failed: %s", errno_name(errno));
	if (!child) {
		struct device_buffer own;

		buffer_new_away(&own);
		buffer_judge_away(&own, 0, BUFFER_PAGES, false);
		if (variant->killed)
			raise(SIGKILL);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child, "waitpid failed: %s",
	      errno_name(errno));
	CHECK(variant->killed ? WIFSIGNALED(status) : !status,
	      "the child ended with status %#x", status);
	buffer_judge_used(&buffer, 0);
}

/* The device is closed while pages are away, and its module is to be removed. */
static void test_closed(void)
{
	struct device_buffer buffer;

	buffer_new_away(&buffer);
	hmm_unmirror(buffer.state.device, buffer.mirror);
	close(buffer.state.device);
	CHECK(syscall(SYS_delete_module, "secmmu_hmm", O_NONBLOCK),
	      "the module was removed while pages of its memory were in use");
	CHECK(errno == EAGAIN || errno == EWOULDBLOCK || errno == EPERM,
	      "delete_module: expected EAGAIN, got %s", errno_name(errno));
	buffer_check(&buffer, 0, BUFFER_PAGES);
	buffer.state.device = hmm_open();
	buffer_judge_home(&buffer);
}

/* ---- two devices ---- */

/* From one bank to the other, on the way through the system's memory or not. */
static void test_two_devices(const struct variant *variant)
{
	bool direct = variant->direct;
	unsigned int round;
	struct device_buffer buffer;
	int second;

	buffer_new_written(&buffer, BUFFER_PAGES);
	second = hmm_open();
	hmm_own(second, 1);
	buffer_move(&buffer, 0, BUFFER_PAGES, HMM_SYSTEM, DEVMEM);
	for (round = 0; round < 4; round++) {
		unsigned int from = round % 2 ? OTHER : DEVMEM;
		unsigned int to = round % 2 ? DEVMEM : OTHER;

		if (!direct)
			buffer_move(&buffer, 0, BUFFER_PAGES, from, HMM_SYSTEM);
		buffer_move(&buffer, 0, BUFFER_PAGES,
			    direct ? from : HMM_SYSTEM, to);
		buffer_judge_used(&buffer, to == DEVMEM ? BUFFER_PAGES : 0);
	}
	buffer_judge_away(&buffer, 0, BUFFER_PAGES, false);
	buffer_device_check(&buffer, 0, BUFFER_PAGES);
	buffer_judge_home(&buffer);
}

/* A device finds pages in another's memory: it does not get those, but others. */
static void test_foreign_walk(void)
{
	u64 entries[BUFFER_PAGES];
	struct device_buffer buffer;
	int second, i;

	buffer_new_away(&buffer);
	second = hmm_open();
	hmm_own(second, 1);
	buffer_walk(&buffer, second, 0, BUFFER_PAGES, 0, entries);
	for (i = 0; i < BUFFER_PAGES; i++)
		CHECK(!entries[i],
		      "page %d is in another device's memory, and hmm_range_fault() says %#llx without having been asked to fault",
		      i, entries[i]);
	buffer_judge_away(&buffer, 0, BUFFER_PAGES, false);
	buffer_walk(&buffer, second, 0, BUFFER_PAGES / 2, SECMMU_HMM_REQ_FAULT,
		    entries);
	for (i = 0; i < BUFFER_PAGES / 2; i++)
		CHECK((entries[i] & SECMMU_HMM_VALID) &&
			      !(entries[i] & SECMMU_HMM_DEVICE_PAGE),
		      "page %d was to come back, and hmm_range_fault() says %#llx",
		      i, entries[i]);
	buffer_judge_here(&buffer, 0, BUFFER_PAGES / 2);
	buffer_judge_away(&buffer, BUFFER_PAGES / 2, BUFFER_PAGES / 2, false);
	buffer_judge_used(&buffer, BUFFER_PAGES / 2);
	buffer_judge_home(&buffer);
}

static const struct scenario scenarios[] = {
	SCENARIO_ONE("one_page", test_there_and_back, struct variant,
		     FIXED(struct variant, .pages = 1)),
	SCENARIO_ONE("there_and_back", test_there_and_back, struct variant,
		     FIXED(struct variant, .pages = BUFFER_PAGES)),
	SCENARIO_ONE("cpu_reads", test_cpu_fault, struct variant,
		     FIXED(struct variant, .writes = false)),
	SCENARIO_ONE("cpu_writes", test_cpu_fault, struct variant,
		     FIXED(struct variant, .writes = true)),
	{ .name = "device_writes", .run_alone = test_device_writes },
	{ .name = "holes", .run_alone = test_holes },
	{ .name = "zero_page", .run_alone = test_zero_page },
	{ .name = "part", .run_alone = test_part },
	{ .name = "read_only", .run_alone = test_read_only },
	{ .name = "remapped", .run_alone = test_remapped },
	{ .name = "dropped", .run_alone = test_dropped },
	{ .name = "gup", .run_alone = test_gup },
	{ .name = "shared", .run_alone = test_shared },
	SCENARIO_ONE("fork/child_reads", test_fork, struct variant,
		     FIXED(struct variant, .child = child_reads)),
	SCENARIO_ONE("fork/child_writes", test_fork, struct variant,
		     FIXED(struct variant, .child = child_writes)),
	{ .name = "fork/device_writes", .run_alone = test_fork_device_writes },
	SCENARIO_ONE("exit", test_exit, struct variant,
		     FIXED(struct variant, .killed = false)),
	SCENARIO_ONE("killed", test_exit, struct variant,
		     FIXED(struct variant, .killed = true)),
	{ .name = "closed", .run_alone = test_closed },
	SCENARIO_ONE("two_devices", test_two_devices, struct variant,
		     FIXED(struct variant, .direct = false)),
	SCENARIO_ONE("two_devices/direct", test_two_devices, struct variant,
		     FIXED(struct variant, .direct = true)),
	{ .name = "foreign_walk", .run_alone = test_foreign_walk },
};

TEST_PROGRAM("hmm_migrate_test",
	     "pages migrate to device memory and back without losing a store",
	     scenarios, .needs = HMM_NEEDS)
