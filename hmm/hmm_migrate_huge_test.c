// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages move to a device's memory as such, and come back as such; and when
 * the process does something to a part of one that is away, it is mapped in small
 * pages, and nothing is lost.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "cargo.h"
#include "cases.h"
#include "report.h"

#define BANK  HMM_IN_BANK(0)
#define OTHER HMM_IN_BANK(1)

static void away(struct cargo *cargo)
{
	cargo_new_huge(cargo);
	cargo_move_whole(cargo, HMM_SYSTEM, BANK);
	cargo_judge_away(cargo, 0, cargo->place.pages, true);
	cargo_judge_used(cargo, cargo->place.pages);
}

/* Here again, in one piece. */
static void judge_huge(struct cargo *cargo)
{
	u64 entry;

	cargo_walk(cargo, cargo->place.device, 1, 1, 0, &entry);
	CHECK(entry >> SECMMU_HMM_ORDER_SHIFT & SECMMU_HMM_ORDER_MASK,
	      "a huge page has come back in pieces: hmm_range_fault() says %#llx",
	      entry);
	cargo_judge_home(cargo);
}

static void test_there_and_back(const struct test_case *test)
{
	struct cargo cargo;

	away(&cargo);
	cargo_device_check(&cargo, 0, cargo.place.pages);
	cargo_move_whole(&cargo, BANK, HMM_SYSTEM);
	judge_huge(&cargo);
}

static void test_cpu_fault(const struct test_case *test)
{
	struct cargo cargo;
	u64 faults;

	away(&cargo);
	faults = hmm_bank(cargo.place.device, 0).faults;
	if (test->number[0])
		cargo_write(&cargo, cargo.place.pages / 3, 1);
	else
		cargo_check(&cargo, cargo.place.pages / 3, 1);
	faults = hmm_bank(cargo.place.device, 0).faults - faults;
	CHECK(faults == 1, "a huge page came back by %llu faults", faults);
	judge_huge(&cargo);
}

static void test_device_writes(const struct test_case *test)
{
	struct cargo cargo;

	away(&cargo);
	cargo_device_write(&cargo, 0, 8);
	cargo_device_write(&cargo, cargo.place.pages - 8, 8);
	cargo_judge_away(&cargo, 0, 8, true);
	judge_huge(&cargo);
}

/* Told to move it in small pages: the kernel splits it. */
static void test_in_pieces(const struct test_case *test)
{
	struct cargo cargo;
	u64 pages;

	cargo_new_huge(&cargo);
	pages = cargo.place.pages;
	cargo_move(&cargo, 0, pages, HMM_SYSTEM, BANK);
	cargo_judge_away(&cargo, 0, pages, false);
	cargo_judge_used(&cargo, pages);
	cargo_move(&cargo, 0, pages, BANK, HMM_SYSTEM);
	cargo_judge_home(&cargo);
}

/* A part of one that is here moves. */
static void test_part_there(const struct test_case *test)
{
	struct cargo cargo;
	u64 pages;

	cargo_new_huge(&cargo);
	pages = cargo.place.pages;
	cargo_move(&cargo, pages / 2, 8, HMM_SYSTEM, BANK);
	cargo_judge_here(&cargo, pages / 2 - 8, 8);
	cargo_judge_away(&cargo, pages / 2, 8, false);
	cargo_judge_here(&cargo, pages / 2 + 8, 8);
	cargo_judge_used(&cargo, 8);
	cargo_judge_home(&cargo);
}

/* A part of one that is away comes back. */
static void test_part_back(const struct test_case *test)
{
	struct cargo cargo;
	u64 pages;

	away(&cargo);
	pages = cargo.place.pages;
	cargo_move(&cargo, pages / 2, 8, BANK, HMM_SYSTEM);
	cargo_judge_away(&cargo, pages / 2 - 8, 8, false);
	cargo_judge_here(&cargo, pages / 2, 8);
	cargo_judge_used(&cargo, pages - 8);
	cargo_device_check(&cargo, 0, pages);
	cargo_judge_home(&cargo);
}

/* mprotect() of a part: page table entries map it, until a CPU touches it. */
static void test_protected_part(const struct test_case *test)
{
	struct cargo cargo;
	u64 pages, bytes;
	void *middle;

	away(&cargo);
	pages = cargo.place.pages;
	middle = cargo_page(&cargo, pages / 2);
	bytes = 8 * cargo.place.page;
	CHECK(!mprotect(middle, bytes, PROT_READ), "mprotect failed: %s",
	      errno_name(errno));
	cargo_judge_away(&cargo, pages / 2 - 8, 24, false);
	cargo_device_check(&cargo, 0, pages);
	cargo_check(&cargo, pages / 2, 4);
	cargo_judge_here(&cargo, pages / 2, 4);
	CHECK(!mprotect(middle, bytes, PROT_READ | PROT_WRITE),
	      "mprotect failed: %s", errno_name(errno));
	cargo_write(&cargo, pages / 2 - 4, 16);
	cargo_judge_home(&cargo);
}

/* A part is dropped while it is away: the rest has its contents. */
static void test_dropped_part(const struct test_case *test)
{
	struct cargo cargo;
	u64 pages;

	away(&cargo);
	pages = cargo.place.pages;
	place_advise(cargo_page(&cargo, 16), 16 * cargo.place.page,
		     MADV_DONTNEED, "MADV_DONTNEED");
	cargo_forget(&cargo, 16, 16);
	cargo_judge_away(&cargo, 0, 16, false);
	cargo_device_check(&cargo, 0, pages);
	cargo_judge_home(&cargo);
}

static void test_unmapped_part(const struct test_case *test)
{
	struct cargo cargo;
	u64 pages;

	away(&cargo);
	pages = cargo.place.pages;
	CHECK(!munmap(cargo_page(&cargo, pages / 2),
		      pages / 2 * cargo.place.page),
	      "munmap failed: %s", errno_name(errno));
	cargo_judge_away(&cargo, 0, 8, false);
	cargo_device_check(&cargo, 0, pages / 2);
	cargo.place.pages /= 2;
	cargo_judge_home(&cargo);
}

static void test_dropped(const struct test_case *test)
{
	struct cargo cargo;

	away(&cargo);
	place_advise(cargo.place.start, cargo.place.pages * cargo.place.page,
		     MADV_DONTNEED, "MADV_DONTNEED");
	cargo_forget(&cargo, 0, cargo.place.pages);
	cargo_judge_used(&cargo, 0);
	cargo_check(&cargo, 0, cargo.place.pages);
}

static void test_remapped(const struct test_case *test)
{
	struct cargo cargo;
	void *elsewhere;
	u64 bytes;

	away(&cargo);
	bytes = cargo.place.pages * cargo.place.page;
	elsewhere = place_reserve(&cargo.place, bytes);
	CHECK(mremap(cargo.place.start, bytes, bytes,
		     MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) == elsewhere,
	      "mremap failed: %s", errno_name(errno));
	cargo.place.start = elsewhere;
	cargo_judge_away(&cargo, 0, cargo.place.pages, true);
	cargo_judge_home(&cargo);
}

static void child_reads(struct cargo *cargo)
{
	cargo_check(cargo, 0, cargo->place.pages);
}

static void child_writes(struct cargo *cargo)
{
	u64 pages = cargo->place.pages;

	cargo_write(cargo, pages / 3, 4);
	cargo_check(cargo, 0, pages);
	cargo_write(cargo, 0, pages);
	cargo_check(cargo, 0, pages);
}

static void child_drops(struct cargo *cargo)
{
	place_advise(cargo_page(cargo, 8), 8 * cargo->place.page, MADV_DONTNEED,
		     "MADV_DONTNEED");
	cargo_forget(cargo, 8, 8);
	cargo_check(cargo, 0, cargo->place.pages);
}

static void test_fork(const struct test_case *test)
{
	struct cargo cargo;

	away(&cargo);
	cargo_fork(&cargo, test->data);
	cargo_device_check(&cargo, 0, cargo.place.pages);
	cargo_write(&cargo, 0, cargo.place.pages / 2);
	cargo_judge_home(&cargo);
}

/* A hole: in the device's memory it is a huge page of zeros. */
static void test_hole(const struct test_case *test)
{
	struct cargo cargo;

	cargo_new_huge(&cargo);
	place_advise(cargo.place.start, cargo.place.pages * cargo.place.page,
		     MADV_DONTNEED, "MADV_DONTNEED");
	cargo_forget(&cargo, 0, cargo.place.pages);
	if (test->number[0])
		/* The huge zero page. */
		cargo_check(&cargo, 0, 1);
	cargo_move_whole(&cargo, HMM_SYSTEM, BANK);
	cargo_judge_away(&cargo, 0, cargo.place.pages, true);
	cargo_device_check(&cargo, 0, cargo.place.pages);
	cargo_device_write(&cargo, 7, 1);
	cargo_judge_home(&cargo);
}

static void test_two_devices(const struct test_case *test)
{
	struct cargo cargo;

	away(&cargo);
	cargo_move_whole(&cargo, BANK, HMM_SYSTEM);
	cargo_move_whole(&cargo, HMM_SYSTEM, OTHER);
	cargo_judge_used(&cargo, 0);
	cargo_move_whole(&cargo, OTHER, BANK);
	cargo_judge_away(&cargo, 0, cargo.place.pages, true);
	cargo_device_check(&cargo, 0, cargo.place.pages);
	judge_huge(&cargo);
}

/* Another device's walk with a fault brings all of it back. */
static void test_foreign_walk(const struct test_case *test)
{
	struct cargo cargo;
	u64 entry;
	int second;

	away(&cargo);
	second = hmm_open();
	hmm_own(second, 1);
	cargo_walk(&cargo, second, 5, 1, SECMMU_HMM_REQ_FAULT, &entry);
	CHECK((entry & SECMMU_HMM_VALID) && !(entry & SECMMU_HMM_DEVICE_PAGE),
	      "a huge page was to come back, and hmm_range_fault() says %#llx",
	      entry);
	judge_huge(&cargo);
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
