// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows of stage2_ops_test's table in which the kernel takes the guest's memory
 * away, or thinks of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bitmap.h"
#include "cases.h"
#include "plan.h"
#include "reclaim.h"
#include "report.h"
#include "swap.h"

/* Where a slot is moved to. */
#define GPA_MOVED (GPA_TEST + (1ULL << 30))
/*
 * So many pages are looked at, and so many of them can be paged out: more than
 * MIN_LRU_BATCH, else the kernel looks at none (get_swappiness()).
 */
#define AGED_PAGES    512
#define SWAPPED_PAGES 128
#define RECLAIM_TURNS 10

void plan_build(struct stage *stage, struct stage_config config)
{
	const struct plan *plan = case_current()->data;

	config.backing = plan->backing;
	config.operations = 1U << plan->operation | plan->also;
	if (config.bytes)
		config.bytes *= backing_page_size(plan->backing);
	else if (backing_page_size(plan->backing) >= backing_thp_size())
		config.bytes = BLOCKS * backing_page_size(plan->backing);
	else
		config.bytes = PAGES * backing_page_size(plan->backing);
	stage_create(stage, &config);
	if (stage->backing.huge && !config.empty &&
	    backing_host_huge_bytes(&stage->backing) < config.bytes)
		skip("free huge pages, which the host did not give",
		     "give the machine more memory, or compact it");
}

u64 plan_block_pages(const struct stage *stage)
{
	return stage->huge / stage->page;
}

/* ---- unmap --------------------------------------------------------------- */

static void map_all(struct stage *stage)
{
	plan_build(stage, (struct stage_config){ 0 });
	stage_expect_words(stage, 0, 0, stage->pages, 1);
	operations_forget(&stage->watch);
}

void run_unmap_discard(struct stage *stage)
{
	int error;

	map_all(stage);
	error = backing_discard(&stage->backing, 0, stage->slot.size);
	CHECK(!error, "cannot give the memory back: %s", errno_name(-error));
	/* Were it still mapped, the guest would read what was there. */
	stage_expect_words(stage, -1, 0, stage->pages, 1);
	stage_reached(stage, OPERATION_UNMAP, 0, stage->pages, 1);
}

void run_unmap_replace(struct stage *stage)
{
	void *memory;

	map_all(stage);
	memory = mmap(stage->backing.hva, stage->slot.size,
		      PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(memory != MAP_FAILED, "mmap failed: %s", errno_name(errno));
	stage_fill(stage, 1);
	stage_expect_words(stage, 1, 0, stage->pages, 1);
	stage_reached(stage, OPERATION_UNMAP, 0, stage->pages, 1);
}

static void protect_host(struct stage *stage, int protection)
{
	CHECK(!mprotect(stage->backing.hva, stage->slot.size, protection),
	      "mprotect failed: %s", errno_name(errno));
}

void run_unmap_none(struct stage *stage)
{
	enum vcpu_event event;

	map_all(stage);
	protect_host(stage, PROT_NONE);
	event = stage_try(stage, WRITER_LOAD, STRIDE, 1, 1);
	CHECK(event == VCPU_FAULT,
	      "the guest read memory that the host may not read");
	stage_reached(stage, OPERATION_UNMAP, 0, stage->pages, 1);
	protect_host(stage, PROT_READ | PROT_WRITE);
	stage_expect_words(stage, 0, 0, stage->pages, 1);
}

void run_unmap_read_only(struct stage *stage)
{
	enum vcpu_event event;

	map_all(stage);
	protect_host(stage, PROT_READ);
	stage_expect_words(stage, 0, 0, stage->pages, 1);
	event = stage_try(stage, WRITER_STORE, STRIDE, 1, 1);
	CHECK(event == VCPU_FAULT,
	      "the guest wrote memory that the host may not write");
	stage_reached(stage, OPERATION_UNMAP, 0, stage->pages, 1);
	protect_host(stage, PROT_READ | PROT_WRITE);
	stage_expect_words(stage, 0, 0, stage->pages, 1);
}

void run_unmap_part(struct stage *stage)
{
	u64 hole;
	int error;

	map_all(stage);
	hole = plan_block_pages(stage) / 2 + 1;
	error = backing_discard(&stage->backing, hole * stage->page,
				stage->page);
	CHECK(!error, "cannot give a page back: %s", errno_name(-error));
	stage_expect_words(stage, -1, hole, 1, 1);
	stage_reached(stage, OPERATION_UNMAP, hole, 1, 1);
	stage_expect_words(stage, 0, 0, hole, 1);
	stage_expect_words(stage, 0, hole + 1, stage->pages - hole - 1, 1);
}

static void expect_no_memory(struct stage *stage)
{
	enum vcpu_event event = stage_try(stage, WRITER_LOAD, 0, 1, 1);

	CHECK(event == VCPU_OTHER,
	      "the guest reads memory at %#llx, where no slot is any more",
	      stage->gpa);
}

void run_unmap_delete(struct stage *stage)
{
	u64 size;

	map_all(stage);
	size = stage->slot.size;
	slot_delete(&stage->slot);
	expect_no_memory(stage);
	stage_reached(stage, OPERATION_UNMAP, 0, stage->pages, 1);
	stage->slot.size = size;
	slot_set(&stage->slot);
	stage_expect_words(stage, 0, 0, stage->pages, 1);
}

void run_unmap_move(struct stage *stage)
{
	map_all(stage);
	vm_map(stage->vm, GPA_MOVED, GPA_MOVED, stage->slot.size, stage->huge);
	stage->slot.gpa = GPA_MOVED;
	slot_set(&stage->slot);
	expect_no_memory(stage);
	stage_reached(stage, OPERATION_UNMAP, 0, stage->pages, 1);
	stage->gpa = GPA_MOVED;
	stage_expect_words(stage, 0, 0, stage->pages, 1);
}

/* ---- age, make young ------------------------------------------------------ */

/*
 * Which pages the kernel has aged and left mapped; returns how many. It looks at
 * some and pages some out: which ones is its own business.
 */
static size_t find_aged(struct stage *stage, unsigned long *aged)
{
	u64 page;

	operations_collect(&stage->watch);
	for (page = 0; page < stage->pages; page++)
		if (operations_last(&stage->watch,
				    stage->gpa + page * stage->page) ==
		    OPERATION_AGE)
			bitmap_set(aged, page);
	return bitmap_count(aged, stage->pages);
}

void run_age(struct stage *stage)
{
	unsigned long *aged;
	u64 page;
	size_t count;
	unsigned int turn;

	swap_need();
	reclaim_enter(SWAPPED_PAGES * backing_page_size(BACKING_ANONYMOUS));
	plan_build(stage, (struct stage_config){ .bytes = AGED_PAGES });
	aged = bitmap_new(stage->pages);
	stage_expect_words(stage, 0, 0, stage->pages, 1);
	operations_forget(&stage->watch);
	for (turn = 0, count = 0; !count && turn < RECLAIM_TURNS; turn++) {
		reclaim_some(stage->page);
		count = find_aged(stage, aged);
	}
	CHECK(operations_count(&stage->watch, OPERATION_AGE, stage->gpa,
			       stage->slot.size),
	      "the kernel reclaimed memory of the guest %u times and never asked whether it had been accessed",
	      turn);
	report_info("reached: age, %zu calls; %zu of %llu pages aged and kept",
		    operations_count(&stage->watch, OPERATION_AGE, stage->gpa,
				     stage->slot.size),
		    count, stage->pages);
	CHECK(count, "no page was kept in %u turns though all were accessed",
	      turn);
	operations_forget(&stage->watch);
	stage_expect_words(stage, 0, 0, stage->pages, 1);
	if (!arch_has_operation(OPERATION_MAKE_YOUNG)) {
		reclaim_leave();
		return;
	}
	if (arch_notes_accesses(stage->vm)) {
		stage_not_reached(stage, OPERATION_MAKE_YOUNG,
				  "this CPU notes accesses itself");
		reclaim_leave();
		return;
	}
	operations_collect(&stage->watch);
	for (page = 0; page < stage->pages; page++) {
		bool young = operations_count(&stage->watch,
					      OPERATION_MAKE_YOUNG,
					      stage->gpa + page * stage->page,
					      stage->page);

		CHECK(young == bitmap_test(aged, page),
		      "page %llu was %saged and left mapped, and its next access %s",
		      page, bitmap_test(aged, page) ? "" : "not ",
		      young ? "was noted by a fault" :
			      "was noted by no access-flag fault");
	}
	report_info("reached: make_young, %zu calls", count);
	reclaim_leave();
	free(aged);
}
