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

#include "cargo.h"
#include "cases.h"
#include "report.h"

#define BANK  HMM_IN_BANK(0)
#define OTHER HMM_IN_BANK(1)

/* To the device, looked at there, and back as they are told. */
static void test_there_and_back(const struct test_case *test)
{
	u64 pages = test->number[0];
	struct cargo cargo;

	cargo_new_written(&cargo, pages);
	cargo_move(&cargo, 0, pages, HMM_SYSTEM, BANK);
	cargo_judge_away(&cargo, 0, pages, false);
	cargo_judge_used(&cargo, pages);
	cargo_device_check(&cargo, 0, pages);
	cargo_judge_used(&cargo, pages);
	cargo_move(&cargo, 0, pages, BANK, HMM_SYSTEM);
	cargo_judge_here(&cargo, 0, pages);
	cargo_judge_used(&cargo, 0);
	cargo_check(&cargo, 0, pages);
}

/* A CPU touches one page after the other: each comes back alone. */
static void test_cpu_fault(const struct test_case *test)
{
	bool writes = test->number[0];
	struct cargo cargo;
	u64 i, faults;

	cargo_new_away(&cargo);
	faults = hmm_bank(cargo.place.device, 0).faults;
	for (i = 0; i < CARGO_PAGES; i++) {
		if (writes)
			cargo_write(&cargo, i, 1);
		else
			cargo_check(&cargo, i, 1);
		cargo_judge_here(&cargo, 0, i + 1);
		cargo_judge_away(&cargo, i + 1, CARGO_PAGES - i - 1, false);
		cargo_judge_used(&cargo, CARGO_PAGES - i - 1);
	}
	faults = hmm_bank(cargo.place.device, 0).faults - faults;
	CHECK(faults == CARGO_PAGES,
	      "%u pages came back, by %llu calls of migrate_to_ram()",
	      CARGO_PAGES, faults);
	cargo_judge_home(&cargo);
}

/* What the device writes there is what the CPU finds. */
static void test_device_writes(const struct test_case *test)
{
	struct cargo cargo;

	cargo_new_away(&cargo);
	cargo_device_write(&cargo, 0, CARGO_PAGES);
	cargo_judge_away(&cargo, 0, CARGO_PAGES, false);
	cargo_device_check(&cargo, 0, CARGO_PAGES);
	cargo_judge_home(&cargo);
}

/* Pages that nobody has touched are made in the device's memory, and zero. */
static void test_holes(const struct test_case *test)
{
	struct cargo cargo;

	cargo_new(&cargo, CARGO_PAGES);
	CHECK(!hmm_migrate(cargo.place.device, cargo.place.start,
			   CARGO_PAGES * cargo.place.page, BANK, HMM_SYSTEM, 0)
		       .pages,
	      "pages came back from the device that were never there");
	cargo_move(&cargo, 0, CARGO_PAGES, HMM_SYSTEM, BANK);
	cargo_judge_away(&cargo, 0, CARGO_PAGES, false);
	cargo_judge_used(&cargo, CARGO_PAGES);
	cargo_device_check(&cargo, 0, CARGO_PAGES);
	cargo_device_write(&cargo, 4, 4);
	cargo_judge_home(&cargo);
}

/* The zero page, which is no page of this process. */
static void test_zero_page(const struct test_case *test)
{
	struct cargo cargo;

	cargo_new(&cargo, CARGO_PAGES);
	cargo_check(&cargo, 0, CARGO_PAGES);
	cargo_move(&cargo, 0, CARGO_PAGES, HMM_SYSTEM, BANK);
	cargo_judge_away(&cargo, 0, CARGO_PAGES, false);
	cargo_device_write(&cargo, 0, 4);
	cargo_judge_home(&cargo);
}

/* Some of them; the others do not notice. */
static void test_part(const struct test_case *test)
{
	const u64 first = 3, count = 7;
	struct cargo cargo;

	cargo_new_written(&cargo, CARGO_PAGES);
	cargo_move(&cargo, first, count, HMM_SYSTEM, BANK);
	cargo_judge_here(&cargo, 0, first);
	cargo_judge_away(&cargo, first, count, false);
	cargo_judge_here(&cargo, first + count, CARGO_PAGES - first - count);
	cargo_judge_used(&cargo, count);
	/* And of those again some. */
	cargo_move(&cargo, first + 2, 2, BANK, HMM_SYSTEM);
	cargo_judge_here(&cargo, first + 2, 2);
	cargo_judge_used(&cargo, count - 2);
	cargo_judge_home(&cargo);
}

static void test_read_only(const struct test_case *test)
{
	struct cargo cargo;
	u64 bytes;

	cargo_new_written(&cargo, CARGO_PAGES);
	bytes = CARGO_PAGES * cargo.place.page;
	CHECK(!mprotect(cargo.place.start, bytes, PROT_READ),
	      "mprotect failed: %s", errno_name(errno));
	cargo_move(&cargo, 0, CARGO_PAGES, HMM_SYSTEM, BANK);
	cargo_judge_away(&cargo, 0, CARGO_PAGES, false);
	cargo_device_check(&cargo, 0, CARGO_PAGES);
	cargo_check(&cargo, 0, CARGO_PAGES / 2);
	CHECK(!mprotect(cargo.place.start, bytes, PROT_READ | PROT_WRITE),
	      "mprotect failed: %s", errno_name(errno));
	cargo_write(&cargo, 0, CARGO_PAGES);
	cargo_judge_home(&cargo);
}

/* ---- what a process does to memory that is away ---- */

static void test_remapped(const struct test_case *test)
{
	struct cargo cargo;
	u64 bytes;
	void *elsewhere, *moved;

	cargo_new_away(&cargo);
	bytes = CARGO_PAGES * cargo.place.page;
	elsewhere = place_reserve(&cargo.place, bytes);
	moved = mremap(cargo.place.start, bytes, bytes,
		       MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere);
	CHECK(moved == elsewhere, "mremap failed: %s", errno_name(errno));
	cargo.place.start = elsewhere;
	cargo_judge_away(&cargo, 0, CARGO_PAGES, false);
	cargo_judge_used(&cargo, CARGO_PAGES);
	cargo_judge_home(&cargo);
}

/* Pages that are dropped are the bank's again. */
static void test_dropped(const struct test_case *test)
{
	struct cargo cargo;

	cargo_new_away(&cargo);
	place_advise(cargo_page(&cargo, 2), 5 * cargo.place.page, MADV_DONTNEED,
		     "MADV_DONTNEED");
	cargo_forget(&cargo, 2, 5);
	cargo_judge_used(&cargo, CARGO_PAGES - 5);
	cargo_device_check(&cargo, 0, CARGO_PAGES);
	cargo_check(&cargo, 0, CARGO_PAGES);
	CHECK(!munmap(cargo.place.start, CARGO_PAGES * cargo.place.page),
	      "munmap failed: %s", errno_name(errno));
	cargo_judge_used(&cargo, 0);
}

/* Another task reads and writes it: get_user_pages() brings it back. */
static void test_gup(const struct test_case *test)
{
	u64 words[2];
	struct iovec local = { words, sizeof(words) }, remote;
	struct cargo cargo;
	int ends[2];

	cargo_new_away(&cargo);
	remote = (struct iovec){ cargo_page(&cargo, 1), sizeof(words) };
	CHECK(process_vm_readv(getpid(), &local, 1, &remote, 1, 0) ==
		      sizeof(words),
	      "process_vm_readv failed: %s", errno_name(errno));
	cargo_judge_here(&cargo, 1, 1);
	CHECK(!memcmp(words, cargo_page(&cargo, 1), sizeof(words)),
	      "process_vm_readv has read %#llx, which is not there", words[0]);
	remote.iov_base = cargo_page(&cargo, 2);
	CHECK(process_vm_writev(getpid(), &local, 1, &remote, 1, 0) ==
		      sizeof(words),
	      "process_vm_writev failed: %s", errno_name(errno));
	CHECK(!memcmp(words, cargo_page(&cargo, 2), sizeof(words)),
	      "what process_vm_writev wrote is not there");
	cargo_write(&cargo, 2, 1);

	/* A page in a pipe is pinned: it comes back, and then it stays. */
	CHECK(!pipe2(ends, O_CLOEXEC), "pipe failed: %s", errno_name(errno));
	remote = (struct iovec){ cargo_page(&cargo, 4), cargo.place.page };
	CHECK(vmsplice(ends[1], &remote, 1, 0) == (ssize_t)cargo.place.page,
	      "vmsplice failed: %s", errno_name(errno));
	cargo_judge_here(&cargo, 4, 1);
	CHECK(!hmm_migrate(cargo.place.device, cargo_page(&cargo, 4),
			   cargo.place.page, HMM_SYSTEM, BANK, 0)
		       .pages,
	      "a page that a pipe has was moved to the device");
	cargo_check(&cargo, 4, 1);
	close(ends[0]);
	close(ends[1]);
	cargo_move(&cargo, 4, 1, HMM_SYSTEM, BANK);
	cargo_judge_home(&cargo);
}

/* Of memory that is not anonymous nothing moves. */
static void test_shared(const struct test_case *test)
{
	struct secmmu_hmm_migrate moved;
	struct place place;
	u64 i;

	place_prepare(&place, place_kind_of("shmem_dirty"));
	hmm_need_memory(place.device);
	moved = hmm_migrate(place.device, place.start, place.pages * place.page,
			    HMM_SYSTEM, BANK, 0);
	CHECK(!moved.pages, "%llu pages of shared memory moved to a device",
	      moved.pages);
	for (i = 0; i < place.pages; i++)
		CHECK(*(volatile u64 *)(place.start + i * place.page),
		      "page %llu of shared memory has lost its contents", i);
}

/* ---- fork ---- */

static void child_reads(struct cargo *cargo)
{
	cargo_check(cargo, 0, cargo->place.pages);
}

static void child_writes(struct cargo *cargo)
{
	u64 pages = cargo->place.pages;

	cargo_check(cargo, 0, pages / 2);
	cargo_write(cargo, 0, pages);
	cargo_check(cargo, 0, pages);
}

/* The parent's pages are what they were, whatever the child did to its own. */
static void test_fork(const struct test_case *test)
{
	struct cargo cargo;

	cargo_new_away(&cargo);
	cargo_fork(&cargo, test->data);
	cargo_device_check(&cargo, 0, CARGO_PAGES);
	cargo_write(&cargo, 0, CARGO_PAGES / 2);
	cargo_judge_home(&cargo);
}

static int stage[2];

/* Waits until the parent has written, by itself or as the device. */
static void child_waits(struct cargo *cargo)
{
	char byte;

	close(stage[1]);
	CHECK(read(stage[0], &byte, 1) == 1, "the parent is gone");
	cargo_check(cargo, 0, cargo->place.pages);
	close(stage[0]);
}

/*
 * The device writes to pages that a child shares. A device-private page that is
 * not writable is reported as it is, whatever is asked for, so it must come back
 * first, and be copied: the child keeps the old one.
 */
static void test_fork_device_writes(const struct test_case *test)
{
	struct cargo cargo;
	pid_t child;
	int status;

	cargo_new_away(&cargo);
	CHECK(!pipe2(stage, O_CLOEXEC), "pipe failed: %s", errno_name(errno));
	child = fork();
	CHECK(child >= 0, "fork failed: %s", errno_name(errno));
	if (!child) {
		child_waits(&cargo);
		_exit(0);
	}
	cargo_judge_away(&cargo, 0, CARGO_PAGES, false);
	cargo_device_write(&cargo, 0, CARGO_PAGES / 2);
	cargo_device_check(&cargo, 0, CARGO_PAGES);
	cargo_write(&cargo, CARGO_PAGES / 2, CARGO_PAGES / 2);
	CHECK(write(stage[1], "", 1) == 1, "the child is gone");
	CHECK(waitpid(child, &status, 0) == child && !status,
	      "the child ended with status %#x", status);
	cargo_judge_home(&cargo);
}

/* A process ends while pages of it are away: they are the bank's again. */
static void test_exit(const struct test_case *test)
{
	struct cargo cargo;
	pid_t child;
	int status;

	cargo_new(&cargo, 1);
	child = fork();
	CHECK(child >= 0, "fork failed: %s", errno_name(errno));
	if (!child) {
		struct cargo own;

		cargo_new_away(&own);
		cargo_judge_away(&own, 0, CARGO_PAGES, false);
		if (test->number[0])
			raise(SIGKILL);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child, "waitpid failed: %s",
	      errno_name(errno));
	CHECK(test->number[0] ? WIFSIGNALED(status) : !status,
	      "the child ended with status %#x", status);
	cargo_judge_used(&cargo, 0);
}

/* The device is closed while pages are away, and its module is to be removed. */
static void test_closed(const struct test_case *test)
{
	struct cargo cargo;

	cargo_new_away(&cargo);
	hmm_unmirror(cargo.place.device, cargo.mirror);
	close(cargo.place.device);
	CHECK(syscall(SYS_delete_module, "secmmu_hmm", O_NONBLOCK),
	      "the module was removed while pages of its memory were in use");
	CHECK(errno == EAGAIN || errno == EWOULDBLOCK || errno == EPERM,
	      "delete_module: %s, where EAGAIN belongs", errno_name(errno));
	cargo_check(&cargo, 0, CARGO_PAGES);
	cargo.place.device = hmm_open();
	cargo_judge_home(&cargo);
}

/* ---- two devices ---- */

/* From one bank to the other, on the way through the system's memory or not. */
static void test_two_devices(const struct test_case *test)
{
	bool direct = test->number[0];
	unsigned int round;
	struct cargo cargo;
	int second;

	cargo_new_written(&cargo, CARGO_PAGES);
	second = hmm_open();
	hmm_own(second, 1);
	cargo_move(&cargo, 0, CARGO_PAGES, HMM_SYSTEM, BANK);
	for (round = 0; round < 4; round++) {
		unsigned int from = round % 2 ? OTHER : BANK;
		unsigned int to = round % 2 ? BANK : OTHER;

		if (!direct)
			cargo_move(&cargo, 0, CARGO_PAGES, from, HMM_SYSTEM);
		cargo_move(&cargo, 0, CARGO_PAGES, direct ? from : HMM_SYSTEM,
			   to);
		cargo_judge_used(&cargo, to == BANK ? CARGO_PAGES : 0);
	}
	cargo_judge_away(&cargo, 0, CARGO_PAGES, false);
	cargo_device_check(&cargo, 0, CARGO_PAGES);
	cargo_judge_home(&cargo);
}

/* A device finds pages in another's memory: it does not get those, but others. */
static void test_foreign_walk(const struct test_case *test)
{
	u64 entries[CARGO_PAGES];
	struct cargo cargo;
	int second, i;

	cargo_new_away(&cargo);
	second = hmm_open();
	hmm_own(second, 1);
	cargo_walk(&cargo, second, 0, CARGO_PAGES, 0, entries);
	for (i = 0; i < CARGO_PAGES; i++)
		CHECK(!entries[i],
		      "page %d is in another device's memory, and hmm_range_fault() says %#llx without having been asked to fault",
		      i, entries[i]);
	cargo_judge_away(&cargo, 0, CARGO_PAGES, false);
	cargo_walk(&cargo, second, 0, CARGO_PAGES / 2, SECMMU_HMM_REQ_FAULT,
		   entries);
	for (i = 0; i < CARGO_PAGES / 2; i++)
		CHECK((entries[i] & SECMMU_HMM_VALID) &&
			      !(entries[i] & SECMMU_HMM_DEVICE_PAGE),
		      "page %d was to come back, and hmm_range_fault() says %#llx",
		      i, entries[i]);
	cargo_judge_here(&cargo, 0, CARGO_PAGES / 2);
	cargo_judge_away(&cargo, CARGO_PAGES / 2, CARGO_PAGES / 2, false);
	cargo_judge_used(&cargo, CARGO_PAGES / 2);
	cargo_judge_home(&cargo);
}

static const struct test_case cases[] = {
	{ .name = "one_page", .run = test_there_and_back, .number = { 1 } },
	{ .name = "there_and_back",
	  .run = test_there_and_back,
	  .number = { CARGO_PAGES } },
	{ .name = "cpu_reads", .run = test_cpu_fault, .number = { false } },
	{ .name = "cpu_writes", .run = test_cpu_fault, .number = { true } },
	{ .name = "device_writes", .run = test_device_writes },
	{ .name = "holes", .run = test_holes },
	{ .name = "zero_page", .run = test_zero_page },
	{ .name = "part", .run = test_part },
	{ .name = "read_only", .run = test_read_only },
	{ .name = "remapped", .run = test_remapped },
	{ .name = "dropped", .run = test_dropped },
	{ .name = "gup", .run = test_gup },
	{ .name = "shared", .run = test_shared },
	{ .name = "fork/child_reads", .run = test_fork, .data = child_reads },
	{ .name = "fork/child_writes", .run = test_fork, .data = child_writes },
	{ .name = "fork/device_writes", .run = test_fork_device_writes },
	{ .name = "exit", .run = test_exit, .number = { false } },
	{ .name = "killed", .run = test_exit, .number = { true } },
	{ .name = "closed", .run = test_closed },
	{ .name = "two_devices", .run = test_two_devices, .number = { false } },
	{ .name = "two_devices/direct",
	  .run = test_two_devices,
	  .number = { true } },
	{ .name = "foreign_walk", .run = test_foreign_walk },
};

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "hmm_migrate_test",
		.summary =
			"pages move to a device's memory and back, and nothing is lost",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
		.needs = HMM_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
