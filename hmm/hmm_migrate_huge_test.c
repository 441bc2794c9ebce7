// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages move to a device's memory as such, and come back as such; and when
 * the process does something to a part of one that is away, it is mapped in small
 * pages, and nothing is lost.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "buffer.h"
#include "core/cases.h"
#include "core/report.h"

#define DEVMEM HMM_IN_DEVMEM(0)
#define OTHER  HMM_IN_DEVMEM(1)

static void away(struct device_buffer *buffer)
{
	buffer_new_huge(buffer);
	buffer_move_whole(buffer, HMM_SYSTEM, DEVMEM);
	buffer_judge_away(buffer, 0, buffer->state.pages, true);
	buffer_judge_used(buffer, buffer->state.pages);
}

/* Here again, in one piece. */
static void judge_huge(struct device_buffer *buffer)
{
	u64 entry;

	buffer_walk(buffer, buffer->state.device, 1, 1, 0, &entry);
	CHECK(entry >> SECMMU_HMM_ORDER_SHIFT & SECMMU_HMM_ORDER_MASK,
	      "a huge page has come back in pieces: hmm_range_fault() says %#llx",
	      entry);
	buffer_judge_home(buffer);
}

static void test_there_and_back(const struct test_case *test)
{
	struct device_buffer buffer;

	away(&buffer);
	buffer_device_check(&buffer, 0, buffer.state.pages);
	buffer_move_whole(&buffer, DEVMEM, HMM_SYSTEM);
	judge_huge(&buffer);
}

static void test_cpu_fault(const struct test_case *test)
{
	struct device_buffer buffer;
	u64 faults;

	away(&buffer);
	faults = hmm_devmem(buffer.state.device, 0).faults;
	if (test->number[0])
		buffer_write(&buffer, buffer.state.pages / 3, 1);
	else
		buffer_check(&buffer, buffer.state.pages / 3, 1);
	faults = hmm_devmem(buffer.state.device, 0).faults - faults;
	CHECK(faults == 1, "a huge page came back by %llu faults", faults);
	judge_huge(&buffer);
}

static void test_device_writes(const struct test_case *test)
{
	struct device_buffer buffer;

	away(&buffer);
	buffer_device_write(&buffer, 0, 8);
	buffer_device_write(&buffer, buffer.state.pages - 8, 8);
	buffer_judge_away(&buffer, 0, 8, true);
	judge_huge(&buffer);
}

/* Told to move it in small pages: the kernel splits it. */
static void test_in_pieces(const struct test_case *test)
{
	struct device_buffer buffer;
	u64 pages;

	buffer_new_huge(&buffer);
	pages = buffer.state.pages;
	buffer_move(&buffer, 0, pages, HMM_SYSTEM, DEVMEM);
	buffer_judge_away(&buffer, 0, pages, false);
	buffer_judge_used(&buffer, pages);
	buffer_move(&buffer, 0, pages, DEVMEM, HMM_SYSTEM);
	buffer_judge_home(&buffer);
}

/* A part of one that is here moves. */
static void test_part_there(const struct test_case *test)
{
	struct device_buffer buffer;
	u64 pages;

	buffer_new_huge(&buffer);
	pages = buffer.state.pages;
	buffer_move(&buffer, pages / 2, 8, HMM_SYSTEM, DEVMEM);
	buffer_judge_here(&buffer, pages / 2 - 8, 8);
	buffer_judge_away(&buffer, pages / 2, 8, false);
	buffer_judge_here(&buffer, pages / 2 + 8, 8);
	buffer_judge_used(&buffer, 8);
	buffer_judge_home(&buffer);
}

/* A part of one that is away comes back. */
static void test_part_back(const struct test_case *test)
{
	struct device_buffer buffer;
	u64 pages;

	away(&buffer);
	pages = buffer.state.pages;
	buffer_move(&buffer, pages / 2, 8, DEVMEM, HMM_SYSTEM);
	buffer_judge_away(&buffer, pages / 2 - 8, 8, false);
	buffer_judge_here(&buffer, pages / 2, 8);
	buffer_judge_used(&buffer, pages - 8);
	buffer_device_check(&buffer, 0, pages);
	buffer_judge_home(&buffer);
}

/* mprotect() of a part: page table entries map it, until a CPU touches it. */
static void test_protected_part(const struct test_case *test)
{
	struct device_buffer buffer;
	u64 pages, bytes;
	void *middle;

	away(&buffer);
	pages = buffer.state.pages;
	middle = buffer_page(&buffer, pages / 2);
	bytes = 8 * buffer.state.page;
	CHECK(!mprotect(middle, bytes, PROT_READ), "mprotect failed: %s",
	      errno_name(errno));
	buffer_judge_away(&buffer, pages / 2 - 8, 24, false);
	buffer_device_check(&buffer, 0, pages);
	buffer_check(&buffer, pages / 2, 4);
	buffer_judge_here(&buffer, pages / 2, 4);
	CHECK(!mprotect(middle, bytes, PROT_READ | PROT_WRITE),
	      "mprotect failed: %s", errno_name(errno));
	buffer_write(&buffer, pages / 2 - 4, 16);
	buffer_judge_home(&buffer);
}

/* A part is dropped while it is away: the rest has its contents. */
static void test_dropped_part(const struct test_case *test)
{
	struct device_buffer buffer;
	u64 pages;

	away(&buffer);
	pages = buffer.state.pages;
	mapping_state_advise(buffer_page(&buffer, 16), 16 * buffer.state.page,
			     MADV_DONTNEED, "MADV_DONTNEED");
	buffer_forget(&buffer, 16, 16);
	buffer_judge_away(&buffer, 0, 16, false);
	buffer_device_check(&buffer, 0, pages);
	buffer_judge_home(&buffer);
}

static void test_unmapped_part(const struct test_case *test)
{
	struct device_buffer buffer;
	u64 pages;

	away(&buffer);
	pages = buffer.state.pages;
	CHECK(!munmap(buffer_page(&buffer, pages / 2),
		      pages / 2 * buffer.state.page),
	      "munmap failed: %s", errno_name(errno));
	buffer_judge_away(&buffer, 0, 8, false);
	buffer_device_check(&buffer, 0, pages / 2);
	buffer.state.pages /= 2;
	buffer_judge_home(&buffer);
}

static void test_dropped(const struct test_case *test)
{
	struct device_buffer buffer;

	away(&buffer);
	mapping_state_advise(buffer.state.start,
			     buffer.state.pages * buffer.state.page,
			     MADV_DONTNEED, "MADV_DONTNEED");
	buffer_forget(&buffer, 0, buffer.state.pages);
	buffer_judge_used(&buffer, 0);
	buffer_check(&buffer, 0, buffer.state.pages);
}

static void test_remapped(const struct test_case *test)
{
	struct device_buffer buffer;
	void *elsewhere;
	u64 bytes;

	away(&buffer);
	bytes = buffer.state.pages * buffer.state.page;
	elsewhere = mapping_state_reserve(&buffer.state, bytes);
	CHECK(mremap(buffer.state.start, bytes, bytes,
		     MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) == elsewhere,
	      "mremap failed: %s", errno_name(errno));
	buffer.state.start = elsewhere;
	buffer_judge_away(&buffer, 0, buffer.state.pages, true);
	buffer_judge_home(&buffer);
}

static void child_reads(struct device_buffer *buffer)
{
	buffer_check(buffer, 0, buffer->state.pages);
}

static void child_writes(struct device_buffer *buffer)
{
	u64 pages = buffer->state.pages;

	buffer_write(buffer, pages / 3, 4);
	buffer_check(buffer, 0, pages);
	buffer_write(buffer, 0, pages);
	buffer_check(buffer, 0, pages);
}

static void child_drops(struct device_buffer *buffer)
{
	mapping_state_advise(buffer_page(buffer, 8), 8 * buffer->state.page,
			     MADV_DONTNEED, "MADV_DONTNEED");
	buffer_forget(buffer, 8, 8);
	buffer_check(buffer, 0, buffer->state.pages);
}

static void test_fork(const struct test_case *test)
{
	struct device_buffer buffer;

	away(&buffer);
	buffer_fork(&buffer, test->data);
	buffer_device_check(&buffer, 0, buffer.state.pages);
	buffer_write(&buffer, 0, buffer.state.pages / 2);
	buffer_judge_home(&buffer);
}

/* A hole: in the device's memory it is a huge page of zeros. */
static void test_hole(const struct test_case *test)
{
	struct device_buffer buffer;

	buffer_new_huge(&buffer);
	mapping_state_advise(buffer.state.start,
			     buffer.state.pages * buffer.state.page,
			     MADV_DONTNEED, "MADV_DONTNEED");
	buffer_forget(&buffer, 0, buffer.state.pages);
	if (test->number[0])
		/* The huge zero page. */
		buffer_check(&buffer, 0, 1);
	buffer_move_whole(&buffer, HMM_SYSTEM, DEVMEM);
	buffer_judge_away(&buffer, 0, buffer.state.pages, true);
	buffer_device_check(&buffer, 0, buffer.state.pages);
	buffer_device_write(&buffer, 7, 1);
	buffer_judge_home(&buffer);
}

static void test_two_devices(const struct test_case *test)
{
	struct device_buffer buffer;

	away(&buffer);
	buffer_move_whole(&buffer, DEVMEM, HMM_SYSTEM);
	buffer_move_whole(&buffer, HMM_SYSTEM, OTHER);
	buffer_judge_used(&buffer, 0);
	buffer_move_whole(&buffer, OTHER, DEVMEM);
	buffer_judge_away(&buffer, 0, buffer.state.pages, true);
	buffer_device_check(&buffer, 0, buffer.state.pages);
	judge_huge(&buffer);
}

/* Another device's walk with a fault brings all of it back. */
static void test_foreign_walk(const struct test_case *test)
{
	struct device_buffer buffer;
	u64 entry;
	int second;

	away(&buffer);
	second = hmm_open();
	hmm_own(second, 1);
	buffer_walk(&buffer, second, 5, 1, SECMMU_HMM_REQ_FAULT, &entry);
	CHECK((entry & SECMMU_HMM_VALID) && !(entry & SECMMU_HMM_DEVICE_PAGE),
	      "a huge page was to come back, and hmm_range_fault() says %#llx",
	      entry);
	judge_huge(&buffer);
}

static const struct test_case cases[] = {
	{ .name = "there_and_back", .run = test_there_and_back },
	{ .name = "cpu_reads", .run = test_cpu_fault, .number = { false } },
	{ .name = "cpu_writes", .run = test_cpu_fault, .number = { true } },
	{ .name = "device_writes", .run = test_device_writes },
	{ .name = "in_pieces", .run = test_in_pieces },
	{ .name = "part_there", .run = test_part_there },
	{ .name = "part_back", .run = test_part_back },
	{ .name = "protected_part", .run = test_protected_part },
	{ .name = "dropped_part", .run = test_dropped_part },
	{ .name = "unmapped_part", .run = test_unmapped_part },
	{ .name = "dropped", .run = test_dropped },
	{ .name = "remapped", .run = test_remapped },
	{ .name = "fork/child_reads", .run = test_fork, .data = child_reads },
	{ .name = "fork/child_writes", .run = test_fork, .data = child_writes },
	{ .name = "fork/child_drops", .run = test_fork, .data = child_drops },
	{ .name = "hole", .run = test_hole, .number = { false } },
	{ .name = "zero_page", .run = test_hole, .number = { true } },
	{ .name = "two_devices", .run = test_two_devices },
	{ .name = "foreign_walk", .run = test_foreign_walk },
};

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "hmm_migrate_huge_test",
		.summary =
			"huge pages move to a device's memory and back, and nothing is lost when they are split there",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
		.needs = HMM_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
