// SPDX-License-Identifier: GPL-2.0-only
/*
 * There is no room for pages that move to a device's memory, or for those that
 * come back: because the memory is full, or because an allocation fails. Then they
 * stay where they are, with all that is in them, or they are moved in small pieces.
 */
#include <sys/mman.h>

#include "buffer.h"
#include "core/cases.h"
#include "mem/pagemap.h"
#include "core/report.h"

#define DEVMEM HMM_IN_DEVMEM(0)

/* More pages than the bank has: what has no room there stays. */
static void test_full(const struct test_case *test)
{
	u64 room, bytes, i, wrong = 0;
	struct secmmu_hmm_migrate moved;
	struct secmmu_hmm_devmem devmem;
	volatile unsigned char *big;
	struct device_buffer buffer;

	buffer_new(&buffer, 1);
	devmem = hmm_devmem(buffer.state.device, 0);
	room = devmem.pages - devmem.used;
	bytes = (room + BUFFER_PAGES) * buffer.state.page;
	big = mapping_state_reserve(&buffer.state, bytes);
	mapping_state_map((void *)big, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1);
	mapping_state_advise((void *)big, bytes, MADV_NOHUGEPAGE,
			     "MADV_NOHUGEPAGE");
	for (i = 0; i < room + BUFFER_PAGES; i++)
		*(volatile u64 *)(big + i * buffer.state.page) = buffer.seed ^
								 i;
	moved = hmm_migrate(buffer.state.device, (void *)big, bytes, HMM_SYSTEM,
			    DEVMEM, 0);
	devmem = hmm_devmem(buffer.state.device, 0);
	CHECK(moved.pages == devmem.used - buffer.used,
	      "the driver says that %llu pages were moved, and the bank has %llu",
	      moved.pages, devmem.used - buffer.used);
	CHECK(devmem.used == devmem.pages && moved.refused >= BUFFER_PAGES,
	      "%llu pages were to move to a bank with room for %llu: it has %llu, and %llu were refused",
	      room + BUFFER_PAGES, room, devmem.used, moved.refused);
	for (i = 0; i < room + BUFFER_PAGES; i++)
		wrong += *(volatile u64 *)(big + i * buffer.state.page) !=
			 (buffer.seed ^ i);
	CHECK(!wrong, "%llu pages have lost their contents", wrong);
	buffer_judge_used(&buffer, 0);
}

/* Allocations fail, of pages there: exactly these stay, untouched. */
static void test_no_page_there(const struct test_case *test)
{
	u64 before[BUFFER_PAGES], after[BUFFER_PAGES];
	struct pagemap *pagemap = pagemap_open();
	struct secmmu_hmm_migrate moved;
	struct device_buffer buffer;
	int i, same = 0;

	buffer_new_written(&buffer, BUFFER_PAGES);
	pagemap_read(pagemap, buffer.state.start, before, BUFFER_PAGES);
	hmm_fail_allocations(buffer.state.device, 0, SECMMU_HMM_FAIL_DEVMEM, 2,
			     3);
	moved = hmm_migrate(buffer.state.device, buffer.state.start,
			    BUFFER_PAGES * buffer.state.page, HMM_SYSTEM,
			    DEVMEM, 0);
	CHECK(moved.refused == 3,
	      "3 allocations were to fail, and %llu pages were refused",
	      moved.refused);
	pagemap_read(pagemap, buffer.state.start, after, BUFFER_PAGES);
	for (i = 0; i < BUFFER_PAGES; i++)
		same += (before[i] & PAGEMAP_PFN_MASK) ==
				(after[i] & PAGEMAP_PFN_MASK) &&
			after[i] & PAGEMAP_PRESENT;
	CHECK(same == BUFFER_PAGES - (int)moved.pages,
	      "%llu of %u pages were moved, and %d are where they were",
	      moved.pages, BUFFER_PAGES, same);
	buffer_judge_used(&buffer, moved.pages);
	buffer_device_check(&buffer, 0, BUFFER_PAGES);
	pagemap_close(pagemap);
	buffer_judge_home(&buffer);
}

/* Of pages here: what was told to come back stays there. */
static void test_no_page_here(const struct test_case *test)
{
	struct secmmu_hmm_migrate moved;
	struct device_buffer buffer;

	buffer_new_away(&buffer);
	hmm_fail_allocations(buffer.state.device, 0, SECMMU_HMM_FAIL_SYSTEM, 4,
			     5);
	moved = hmm_migrate(buffer.state.device, buffer.state.start,
			    BUFFER_PAGES * buffer.state.page, DEVMEM,
			    HMM_SYSTEM, 0);
	CHECK(moved.refused == 5 && moved.pages == BUFFER_PAGES - 5,
	      "5 of %u allocations were to fail: %llu pages came back, and %llu were refused",
	      BUFFER_PAGES, moved.pages, moved.refused);
	buffer_judge_here(&buffer, 0, 4);
	buffer_judge_away(&buffer, 4, 5, false);
	buffer_judge_here(&buffer, 9, BUFFER_PAGES - 9);
	buffer_judge_used(&buffer, 5);
	buffer_judge_home(&buffer);
}

/* A CPU's fault finds no memory: it is tried again, until there is some. */
static void test_no_page_for_fault(const struct test_case *test)
{
	struct device_buffer buffer;
	u64 faults;

	buffer_new_away(&buffer);
	faults = hmm_devmem(buffer.state.device, 0).faults;
	hmm_fail_allocations(buffer.state.device, 0, SECMMU_HMM_FAIL_SYSTEM, 0,
			     3);
	buffer_check(&buffer, 0, 1);
	faults = hmm_devmem(buffer.state.device, 0).faults - faults;
	CHECK(faults == 4,
	      "a page came back after 3 failed allocations, by %llu calls of migrate_to_ram()",
	      faults);
	buffer_judge_here(&buffer, 0, 1);
	buffer_judge_away(&buffer, 1, BUFFER_PAGES - 1, false);
	buffer_judge_home(&buffer);
}

/* ---- huge pages ---- */

/* Nothing in one piece there: it moves in small pages. */
static void test_huge_no_piece_there(const struct test_case *test)
{
	struct secmmu_hmm_migrate moved;
	struct device_buffer buffer;
	u64 pages;

	buffer_new_huge(&buffer);
	pages = buffer.state.pages;
	hmm_fail_allocations(buffer.state.device, 0,
			     SECMMU_HMM_FAIL_DEVMEM_WHOLE, 0, 1);
	moved = hmm_migrate(buffer.state.device, buffer.state.start,
			    pages * buffer.state.page, HMM_SYSTEM, DEVMEM,
			    SECMMU_HMM_HUGE);
	CHECK(moved.pages == pages && !moved.whole && !moved.refused,
	      "a huge page of %llu pages was to move in small ones: %llu moved, %llu of them as one, %llu were refused",
	      pages, moved.pages, moved.whole, moved.refused);
	buffer_judge_away(&buffer, 0, pages, false);
	buffer_judge_used(&buffer, pages);
	buffer_device_check(&buffer, 0, pages);
	buffer_judge_home(&buffer);
}

/* Neither in one piece nor in small ones: it stays, huge as it is. */
static void test_huge_no_page_there(const struct test_case *test)
{
	struct secmmu_hmm_migrate moved;
	struct device_buffer buffer;
	u64 pages;

	buffer_new_huge(&buffer);
	pages = buffer.state.pages;
	hmm_fail_allocations(buffer.state.device, 0,
			     SECMMU_HMM_FAIL_DEVMEM_WHOLE, 0, 1);
	hmm_fail_allocations(buffer.state.device, 0, SECMMU_HMM_FAIL_DEVMEM,
			     (unsigned int)pages / 2, 1);
	moved = hmm_migrate(buffer.state.device, buffer.state.start,
			    pages * buffer.state.page, HMM_SYSTEM, DEVMEM,
			    SECMMU_HMM_HUGE);
	CHECK(!moved.pages && moved.refused == pages,
	      "there was no room for a huge page: %llu of %llu pages moved, and %llu were refused",
	      moved.pages, pages, moved.refused);
	buffer_judge_used(&buffer, 0);
	buffer_judge_home(&buffer);
	/* Later there is. */
	buffer_move_whole(&buffer, HMM_SYSTEM, DEVMEM);
	buffer_judge_away(&buffer, 0, pages, true);
	buffer_judge_home(&buffer);
}

/*
 * Nothing in one piece here: it comes back in small pages. Not by one fault: the
 * fault's own reference is in the way of the split (folio_split_unmapped()), so it
 * ends with the huge page mapped by page table entries, by which it then comes.
 */
static void test_huge_no_piece_here(const struct test_case *test)
{
	struct device_buffer buffer;
	u64 pages;

	buffer_new_huge(&buffer);
	pages = buffer.state.pages;
	buffer_move_whole(&buffer, HMM_SYSTEM, DEVMEM);
	hmm_fail_allocations(buffer.state.device, 0,
			     SECMMU_HMM_FAIL_SYSTEM_HUGE, 0, 1);
	buffer_check(&buffer, pages / 3, 1);
	buffer_judge_here(&buffer, pages / 3, 1);
	buffer_judge_away(&buffer, 0, pages / 3, false);
	buffer_judge_away(&buffer, pages / 3 + 1, pages - pages / 3 - 1, false);
	buffer_device_check(&buffer, 0, pages);
	buffer_judge_home(&buffer);
}

/* Neither: it stays there until there is memory. */
static void test_huge_no_page_here(const struct test_case *test)
{
	struct device_buffer buffer;
	u64 pages, faults;

	buffer_new_huge(&buffer);
	pages = buffer.state.pages;
	buffer_move_whole(&buffer, HMM_SYSTEM, DEVMEM);
	faults = hmm_devmem(buffer.state.device, 0).faults;
	hmm_fail_allocations(buffer.state.device, 0,
			     SECMMU_HMM_FAIL_SYSTEM_HUGE, 0, 1);
	hmm_fail_allocations(buffer.state.device, 0, SECMMU_HMM_FAIL_SYSTEM,
			     (unsigned int)pages / 2, 1);
	buffer_check(&buffer, pages / 3, 1);
	faults = hmm_devmem(buffer.state.device, 0).faults - faults;
	CHECK(faults == 2, "a huge page came back by %llu faults, not by 2",
	      faults);
	buffer_judge_home(&buffer);
}

/* A hole as large as a huge page, and no room for it. */
static void test_huge_hole(const struct test_case *test)
{
	struct secmmu_hmm_migrate moved;
	struct device_buffer buffer;
	u64 pages, bytes;

	buffer_new_huge(&buffer);
	pages = buffer.state.pages;
	bytes = pages * buffer.state.page;
	mapping_state_advise(buffer.state.start, bytes, MADV_DONTNEED,
			     "MADV_DONTNEED");
	buffer_forget(&buffer, 0, pages);
	hmm_fail_allocations(buffer.state.device, 0,
			     SECMMU_HMM_FAIL_DEVMEM_WHOLE, 0, 2);
	hmm_fail_allocations(buffer.state.device, 0, SECMMU_HMM_FAIL_DEVMEM,
			     (unsigned int)pages / 2, 1);
	moved = hmm_migrate(buffer.state.device, buffer.state.start, bytes,
			    HMM_SYSTEM, DEVMEM, SECMMU_HMM_HUGE);
	CHECK(!moved.pages && moved.refused == pages,
	      "there was no room for a huge page: %llu of %llu pages moved, and %llu were refused",
	      moved.pages, pages, moved.refused);
	buffer_judge_used(&buffer, 0);
	/* Then in small pages. */
	buffer_move(&buffer, 0, pages, HMM_SYSTEM, DEVMEM);
	buffer_judge_away(&buffer, 0, pages, false);
	buffer_device_check(&buffer, 0, pages);
	buffer_judge_home(&buffer);
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
