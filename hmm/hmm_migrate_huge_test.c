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
#include "core/report.h"
#include "core/variant.h"

#define DEVMEM HMM_IN_DEVMEM(0)
#define OTHER  HMM_IN_DEVMEM(1)

/**
 * struct variant - how cases of one body differ; each body uses one member
 * @writes: the CPU writes the page instead of reading it
 * @zero_page: the huge zero page is mapped before
 * @child: the body of a forked child
 */
struct variant {
	bool writes;
	bool zero_page;
	void (*child)(struct device_buffer *buffer);
};

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

static void test_there_and_back(void)
{
	struct device_buffer buffer;

	away(&buffer);
	buffer_device_check(&buffer, 0, buffer.state.pages);
	buffer_move_whole(&buffer, DEVMEM, HMM_SYSTEM);
	judge_huge(&buffer);
}

static void test_cpu_fault(const struct variant *variant)
{
	struct device_buffer buffer;
	u64 faults;

	away(&buffer);
	faults = hmm_devmem(buffer.state.device, 0).faults;
	if (variant->writes)
		buffer_write(&buffer, buffer.state.pages / 3, 1);
	else
		buffer_check(&buffer, buffer.state.pages / 3, 1);
	faults = hmm_devmem(buffer.state.device, 0).faults - faults;
	CHECK(faults == 1, "a huge page came back by %llu faults", faults);
	judge_huge(&buffer);
}

static void test_device_writes(void)
{
	struct device_buffer buffer;

	away(&buffer);
	buffer_device_write(&buffer, 0, 8);
	buffer_device_write(&buffer, buffer.state.pages - 8, 8);
	buffer_judge_away(&buffer, 0, 8, true);
	judge_huge(&buffer);
}

/* Told to move it in small pages: the kernel splits it. */
static void test_in_pieces(void)
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
static void test_part_there(void)
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
static void test_part_back(void)
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
static void test_protected_part(void)
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
static void test_dropped_part(void)
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

static void test_unmapped_part(void)
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

static void test_dropped(void)
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

static void test_remapped(void)
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

static void test_fork(const struct variant *variant)
{
	struct device_buffer buffer;

	away(&buffer);
	buffer_fork(&buffer, variant->child);
	buffer_device_check(&buffer, 0, buffer.state.pages);
	buffer_write(&buffer, 0, buffer.state.pages / 2);
	buffer_judge_home(&buffer);
}

/* A hole: in the device's memory it is a huge page of zeros. */
static void test_hole(const struct variant *variant)
{
	struct device_buffer buffer;

	buffer_new_huge(&buffer);
	mapping_state_advise(buffer.state.start,
			     buffer.state.pages * buffer.state.page,
			     MADV_DONTNEED, "MADV_DONTNEED");
	buffer_forget(&buffer, 0, buffer.state.pages);
	if (variant->zero_page)
		/* The huge zero page. */
		buffer_check(&buffer, 0, 1);
	buffer_move_whole(&buffer, HMM_SYSTEM, DEVMEM);
	buffer_judge_away(&buffer, 0, buffer.state.pages, true);
	buffer_device_check(&buffer, 0, buffer.state.pages);
	buffer_device_write(&buffer, 7, 1);
	buffer_judge_home(&buffer);
}

static void test_two_devices(void)
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
static void test_foreign_walk(void)
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

static const struct scenario scenarios[] = {
	{ .name = "there_and_back", .run_alone = test_there_and_back },
	SCENARIO_ONE("cpu_reads", test_cpu_fault, struct variant,
		     FIXED(struct variant, .writes = false)),
	SCENARIO_ONE("cpu_writes", test_cpu_fault, struct variant,
		     FIXED(struct variant, .writes = true)),
	{ .name = "device_writes", .run_alone = test_device_writes },
	{ .name = "in_pieces", .run_alone = test_in_pieces },
	{ .name = "part_there", .run_alone = test_part_there },
	{ .name = "part_back", .run_alone = test_part_back },
	{ .name = "protected_part", .run_alone = test_protected_part },
	{ .name = "dropped_part", .run_alone = test_dropped_part },
	{ .name = "unmapped_part", .run_alone = test_unmapped_part },
	{ .name = "dropped", .run_alone = test_dropped },
	{ .name = "remapped", .run_alone = test_remapped },
	SCENARIO_ONE("fork/child_reads", test_fork, struct variant,
		     FIXED(struct variant, .child = child_reads)),
	SCENARIO_ONE("fork/child_writes", test_fork, struct variant,
		     FIXED(struct variant, .child = child_writes)),
	SCENARIO_ONE("fork/child_drops", test_fork, struct variant,
		     FIXED(struct variant, .child = child_drops)),
	SCENARIO_ONE("hole", test_hole, struct variant,
		     FIXED(struct variant, .zero_page = false)),
	SCENARIO_ONE("zero_page", test_hole, struct variant,
		     FIXED(struct variant, .zero_page = true)),
	{ .name = "two_devices", .run_alone = test_two_devices },
	{ .name = "foreign_walk", .run_alone = test_foreign_walk },
};

TEST_PROGRAM(
	"hmm_migrate_huge_test",
	"huge pages migrate to device memory, are split there, and come back without losing a store",
	scenarios, .needs = HMM_NEEDS)
