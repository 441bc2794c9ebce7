// SPDX-License-Identifier: GPL-2.0-only
/*
 * There is no room for pages that move to a device's memory, or for those that
 * come back: because the memory is full, or because an allocation fails. Then they
 * stay where they are, with all that is in them, or they are moved in small pieces.
 */
#include <sys/mman.h>

#include "cargo.h"
#include "cases.h"
#include "pagemap.h"
#include "report.h"

#define BANK HMM_IN_BANK(0)

/* More pages than the bank has: what has no room there stays. */
static void test_full(const struct test_case *test)
{
	u64 room, bytes, i, wrong = 0;
	struct secmmu_hmm_migrate moved;
	struct secmmu_hmm_bank bank;
	volatile unsigned char *big;
	struct cargo cargo;

	cargo_new(&cargo, 1);
	bank = hmm_bank(cargo.place.device, 0);
	room = bank.pages - bank.used;
	bytes = (room + CARGO_PAGES) * cargo.place.page;
	big = place_reserve(&cargo.place, bytes);
	place_map((void *)big, bytes, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1);
	place_advise((void *)big, bytes, MADV_NOHUGEPAGE, "MADV_NOHUGEPAGE");
	for (i = 0; i < room + CARGO_PAGES; i++)
		*(volatile u64 *)(big + i * cargo.place.page) = cargo.seed ^ i;
	moved = hmm_migrate(cargo.place.device, (void *)big, bytes, HMM_SYSTEM,
			    BANK, 0);
	bank = hmm_bank(cargo.place.device, 0);
	CHECK(moved.pages == bank.used - cargo.used,
	      "the driver says that %llu pages were moved, and the bank has %llu",
	      moved.pages, bank.used - cargo.used);
	CHECK(bank.used == bank.pages && moved.refused >= CARGO_PAGES,
	      "%llu pages were to move to a bank with room for %llu: it has %llu, and %llu were refused",
	      room + CARGO_PAGES, room, bank.used, moved.refused);
	for (i = 0; i < room + CARGO_PAGES; i++)
		wrong += *(volatile u64 *)(big + i * cargo.place.page) !=
			 (cargo.seed ^ i);
	CHECK(!wrong, "%llu pages have lost their contents", wrong);
	cargo_judge_used(&cargo, 0);
}

/* Allocations fail, of pages there: exactly these stay, untouched. */
static void test_no_page_there(const struct test_case *test)
{
	u64 before[CARGO_PAGES], after[CARGO_PAGES];
	struct pagemap *pagemap = pagemap_open();
	struct secmmu_hmm_migrate moved;
	struct cargo cargo;
	int i, same = 0;

	cargo_new_written(&cargo, CARGO_PAGES);
	pagemap_read(pagemap, cargo.place.start, before, CARGO_PAGES);
	hmm_fail_allocations(cargo.place.device, 0, SECMMU_HMM_FAIL_BANK, 2, 3);
	moved = hmm_migrate(cargo.place.device, cargo.place.start,
			    CARGO_PAGES * cargo.place.page, HMM_SYSTEM, BANK,
			    0);
	CHECK(moved.refused == 3,
	      "3 allocations were to fail, and %llu pages were refused",
	      moved.refused);
	pagemap_read(pagemap, cargo.place.start, after, CARGO_PAGES);
	for (i = 0; i < CARGO_PAGES; i++)
		same += (before[i] & PAGEMAP_PFN_MASK) ==
				(after[i] & PAGEMAP_PFN_MASK) &&
			after[i] & PAGEMAP_PRESENT;
	CHECK(same == CARGO_PAGES - (int)moved.pages,
	      "%llu of %u pages were moved, and %d are where they were",
	      moved.pages, CARGO_PAGES, same);
	cargo_judge_used(&cargo, moved.pages);
	cargo_device_check(&cargo, 0, CARGO_PAGES);
	pagemap_close(pagemap);
	cargo_judge_home(&cargo);
}

/* Of pages here: what was told to come back stays there. */
static void test_no_page_here(const struct test_case *test)
{
	struct secmmu_hmm_migrate moved;
	struct cargo cargo;

	cargo_new_away(&cargo);
	hmm_fail_allocations(cargo.place.device, 0, SECMMU_HMM_FAIL_SYSTEM, 4,
			     5);
	moved = hmm_migrate(cargo.place.device, cargo.place.start,
			    CARGO_PAGES * cargo.place.page, BANK, HMM_SYSTEM,
			    0);
	CHECK(moved.refused == 5 && moved.pages == CARGO_PAGES - 5,
	      "5 of %u allocations were to fail: %llu pages came back, and %llu were refused",
	      CARGO_PAGES, moved.pages, moved.refused);
	cargo_judge_here(&cargo, 0, 4);
	cargo_judge_away(&cargo, 4, 5, false);
	cargo_judge_here(&cargo, 9, CARGO_PAGES - 9);
	cargo_judge_used(&cargo, 5);
	cargo_judge_home(&cargo);
}

/* A CPU's fault finds no memory: it is tried again, until there is some. */
static void test_no_page_for_fault(const struct test_case *test)
{
	struct cargo cargo;
	u64 faults;

	cargo_new_away(&cargo);
	faults = hmm_bank(cargo.place.device, 0).faults;
	hmm_fail_allocations(cargo.place.device, 0, SECMMU_HMM_FAIL_SYSTEM, 0,
			     3);
	cargo_check(&cargo, 0, 1);
	faults = hmm_bank(cargo.place.device, 0).faults - faults;
	CHECK(faults == 4,
	      "a page came back after 3 failed allocations, by %llu calls of migrate_to_ram()",
	      faults);
	cargo_judge_here(&cargo, 0, 1);
	cargo_judge_away(&cargo, 1, CARGO_PAGES - 1, false);
	cargo_judge_home(&cargo);
}

/* ---- huge pages ---- */

/* Nothing in one piece there: it moves in small pages. */
static void test_huge_no_piece_there(const struct test_case *test)
{
	struct secmmu_hmm_migrate moved;
	struct cargo cargo;
	u64 pages;

	cargo_new_huge(&cargo);
	pages = cargo.place.pages;
	hmm_fail_allocations(cargo.place.device, 0, SECMMU_HMM_FAIL_BANK_WHOLE,
			     0, 1);
	moved = hmm_migrate(cargo.place.device, cargo.place.start,
			    pages * cargo.place.page, HMM_SYSTEM, BANK,
			    SECMMU_HMM_WHOLE);
	CHECK(moved.pages == pages && !moved.whole && !moved.refused,
	      "a huge page of %llu pages was to move in small ones: %llu moved, %llu of them as one, %llu were refused",
	      pages, moved.pages, moved.whole, moved.refused);
	cargo_judge_away(&cargo, 0, pages, false);
	cargo_judge_used(&cargo, pages);
	cargo_device_check(&cargo, 0, pages);
	cargo_judge_home(&cargo);
}

/* Neither in one piece nor in small ones: it stays, huge as it is. */
static void test_huge_no_page_there(const struct test_case *test)
{
	struct secmmu_hmm_migrate moved;
	struct cargo cargo;
	u64 pages;

	cargo_new_huge(&cargo);
	pages = cargo.place.pages;
	hmm_fail_allocations(cargo.place.device, 0, SECMMU_HMM_FAIL_BANK_WHOLE,
			     0, 1);
	hmm_fail_allocations(cargo.place.device, 0, SECMMU_HMM_FAIL_BANK,
			     (unsigned int)pages / 2, 1);
	moved = hmm_migrate(cargo.place.device, cargo.place.start,
			    pages * cargo.place.page, HMM_SYSTEM, BANK,
			    SECMMU_HMM_WHOLE);
	CHECK(!moved.pages && moved.refused == pages,
	      "there was no room for a huge page: %llu of %llu pages moved, and %llu were refused",
	      moved.pages, pages, moved.refused);
	cargo_judge_used(&cargo, 0);
	cargo_judge_home(&cargo);
	/* Later there is. */
	cargo_move_whole(&cargo, HMM_SYSTEM, BANK);
	cargo_judge_away(&cargo, 0, pages, true);
	cargo_judge_home(&cargo);
}

/*
 * Nothing in one piece here: it comes back in small pages. Not by one fault: the
 * fault's own reference is in the way of the split (folio_split_unmapped()), so it
 * ends with the huge page mapped by page table entries, by which it then comes.
 */
static void test_huge_no_piece_here(const struct test_case *test)
{
	struct cargo cargo;
	u64 pages;

	cargo_new_huge(&cargo);
	pages = cargo.place.pages;
	cargo_move_whole(&cargo, HMM_SYSTEM, BANK);
	hmm_fail_allocations(cargo.place.device, 0,
			     SECMMU_HMM_FAIL_SYSTEM_WHOLE, 0, 1);
	cargo_check(&cargo, pages / 3, 1);
	cargo_judge_here(&cargo, pages / 3, 1);
	cargo_judge_away(&cargo, 0, pages / 3, false);
	cargo_judge_away(&cargo, pages / 3 + 1, pages - pages / 3 - 1, false);
	cargo_device_check(&cargo, 0, pages);
	cargo_judge_home(&cargo);
}

/* Neither: it stays there until there is memory. */
static void test_huge_no_page_here(const struct test_case *test)
{
	struct cargo cargo;
	u64 pages, faults;

	cargo_new_huge(&cargo);
	pages = cargo.place.pages;
	cargo_move_whole(&cargo, HMM_SYSTEM, BANK);
	faults = hmm_bank(cargo.place.device, 0).faults;
	hmm_fail_allocations(cargo.place.device, 0,
			     SECMMU_HMM_FAIL_SYSTEM_WHOLE, 0, 1);
	hmm_fail_allocations(cargo.place.device, 0, SECMMU_HMM_FAIL_SYSTEM,
			     (unsigned int)pages / 2, 1);
	cargo_check(&cargo, pages / 3, 1);
	faults = hmm_bank(cargo.place.device, 0).faults - faults;
	CHECK(faults == 2, "a huge page came back by %llu faults, not by 2",
	      faults);
	cargo_judge_home(&cargo);
}

/* A hole as large as a huge page, and no room for it. */
static void test_huge_hole(const struct test_case *test)
{
	struct secmmu_hmm_migrate moved;
	struct cargo cargo;
	u64 pages, bytes;

	cargo_new_huge(&cargo);
	pages = cargo.place.pages;
	bytes = pages * cargo.place.page;
	place_advise(cargo.place.start, bytes, MADV_DONTNEED, "MADV_DONTNEED");
	cargo_forget(&cargo, 0, pages);
	hmm_fail_allocations(cargo.place.device, 0, SECMMU_HMM_FAIL_BANK_WHOLE,
			     0, 2);
	hmm_fail_allocations(cargo.place.device, 0, SECMMU_HMM_FAIL_BANK,
			     (unsigned int)pages / 2, 1);
	moved = hmm_migrate(cargo.place.device, cargo.place.start, bytes,
			    HMM_SYSTEM, BANK, SECMMU_HMM_WHOLE);
	CHECK(!moved.pages && moved.refused == pages,
	      "there was no room for a huge page: %llu of %llu pages moved, and %llu were refused",
	      moved.pages, pages, moved.refused);
	cargo_judge_used(&cargo, 0);
	/* Then in small pages. */
	cargo_move(&cargo, 0, pages, HMM_SYSTEM, BANK);
	cargo_judge_away(&cargo, 0, pages, false);
	cargo_device_check(&cargo, 0, pages);
	cargo_judge_home(&cargo);
}

static const struct test_case cases[] = {
	{ .name = "full", .run = test_full },
	{ .name = "no_page/there", .run = test_no_page_there },
	{ .name = "no_page/here", .run = test_no_page_here },
	{ .name = "no_page/for_fault", .run = test_no_page_for_fault },
	{ .name = "huge/no_piece_there", .run = test_huge_no_piece_there },
	{ .name = "huge/no_page_there", .run = test_huge_no_page_there },
	{ .name = "huge/no_piece_here", .run = test_huge_no_piece_here },
	{ .name = "huge/no_page_here", .run = test_huge_no_page_here },
	{ .name = "huge/hole", .run = test_huge_hole },
};

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "hmm_migrate_full_test",
		.summary =
			"pages that have no room in a device's memory, or none to come back to, stay as they are",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
		.needs = HMM_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
