// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows of stage2_ops_test's table in which the kernel takes the guest's memory
 * away, or thinks of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "core/bitmap.h"
#include "core/cases.h"
#include "plan.h"
#include "mem/reclaim.h"
#include "core/report.h"
#include "mem/swap.h"

/* Where a slot is moved to. */
#define GPA_MOVED (GPA_TEST + (1ULL << 30))
/*
 * So many pages are looked at, and so many of them can be paged out: more than
 * MIN_LRU_BATCH, else the kernel looks at none (get_swappiness()).
 */
#define AGED_PAGES    512
#define SWAPPED_PAGES 128
#define RECLAIM_TURNS 10

void plan_build(struct stage2_vm *fixture, struct stage2_vm_config config)
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
	stage2_vm_create(fixture, &config);
	if (fixture->backing.huge && !config.empty &&
	    backing_host_huge_bytes(&fixture->backing) < config.bytes)
		skip("free huge pages, which the host did not give",
		     "give the machine more memory, or compact it");
}

u64 plan_block_pages(const struct stage2_vm *fixture)
{
	return fixture->huge / fixture->page;
}

/* ---- unmap --------------------------------------------------------------- */

static void map_all(struct stage2_vm *fixture)
{
	plan_build(fixture, (struct stage2_vm_config){ 0 });
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
	operations_forget(&fixture->watch);
}

void run_unmap_discard(struct stage2_vm *fixture)
{
	int error;

	map_all(fixture);
	error = backing_discard(&fixture->backing, 0, fixture->slot.size);
	CHECK(!error, "cannot give the memory back: %s", errno_name(-error));
	/* Were it still mapped, the guest would read what was there. */
	stage2_vm_expect_words(fixture, -1, 0, fixture->pages, 1);
	stage2_vm_reached(fixture, OPERATION_UNMAP, 0, fixture->pages, 1);
}

void run_unmap_replace(struct stage2_vm *fixture)
{
	void *memory;

	map_all(fixture);
	memory = mmap(fixture->backing.hva, fixture->slot.size,
		      PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(memory != MAP_FAILED, "mmap failed: %s", errno_name(errno));
	stage2_vm_fill(fixture, 1);
	stage2_vm_expect_words(fixture, 1, 0, fixture->pages, 1);
	stage2_vm_reached(fixture, OPERATION_UNMAP, 0, fixture->pages, 1);
}

static void protect_host(struct stage2_vm *fixture, int protection)
{
	CHECK(!mprotect(fixture->backing.hva, fixture->slot.size, protection),
	      "mprotect failed: %s", errno_name(errno));
}

void run_unmap_none(struct stage2_vm *fixture)
{
	enum vcpu_event event;

	map_all(fixture);
	protect_host(fixture, PROT_NONE);
	event = stage2_vm_try(fixture, WRITER_LOAD, STRIDE, 1, 1);
	CHECK(event == VCPU_FAULT,
	      "the guest read memory that the host may not read");
	stage2_vm_reached(fixture, OPERATION_UNMAP, 0, fixture->pages, 1);
	protect_host(fixture, PROT_READ | PROT_WRITE);
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
}

void run_unmap_read_only(struct stage2_vm *fixture)
{
	enum vcpu_event event;

	map_all(fixture);
	protect_host(fixture, PROT_READ);
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
	event = stage2_vm_try(fixture, WRITER_STORE, STRIDE, 1, 1);
	CHECK(event == VCPU_FAULT,
	      "the guest wrote memory that the host may not write");
	stage2_vm_reached(fixture, OPERATION_UNMAP, 0, fixture->pages, 1);
	protect_host(fixture, PROT_READ | PROT_WRITE);
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
}

void run_unmap_part(struct stage2_vm *fixture)
{
	u64 hole;
	int error;

	map_all(fixture);
	hole = plan_block_pages(fixture) / 2 + 1;
	error = backing_discard(&fixture->backing, hole * fixture->page,
				fixture->page);
	CHECK(!error, "cannot give a page back: %s", errno_name(-error));
	stage2_vm_expect_words(fixture, -1, hole, 1, 1);
	stage2_vm_reached(fixture, OPERATION_UNMAP, hole, 1, 1);
	stage2_vm_expect_words(fixture, 0, 0, hole, 1);
	stage2_vm_expect_words(fixture, 0, hole + 1, fixture->pages - hole - 1,
			       1);
}

static void expect_no_memory(struct stage2_vm *fixture)
{
	enum vcpu_event event = stage2_vm_try(fixture, WRITER_LOAD, 0, 1, 1);

	CHECK(event == VCPU_OTHER,
	      "the guest reads memory at %#llx, where no slot is any more",
	      fixture->gpa);
}

void run_unmap_delete(struct stage2_vm *fixture)
{
	u64 size;

	map_all(fixture);
	size = fixture->slot.size;
	slot_delete(&fixture->slot);
	expect_no_memory(fixture);
	stage2_vm_reached(fixture, OPERATION_UNMAP, 0, fixture->pages, 1);
	fixture->slot.size = size;
	slot_set(&fixture->slot);
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
}

void run_unmap_move(struct stage2_vm *fixture)
{
	map_all(fixture);
	vm_map(fixture->vm, GPA_MOVED, GPA_MOVED, fixture->slot.size,
	       fixture->huge);
	fixture->slot.gpa = GPA_MOVED;
	slot_set(&fixture->slot);
	expect_no_memory(fixture);
	stage2_vm_reached(fixture, OPERATION_UNMAP, 0, fixture->pages, 1);
	fixture->gpa = GPA_MOVED;
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
}

/* ---- age, make young ------------------------------------------------------ */

/*
 * Which pages the kernel has aged and left mapped; returns how many. It looks at
 * some and pages some out: which ones is its own business.
 */
static size_t find_aged(struct stage2_vm *fixture, unsigned long *aged)
{
	u64 page;

	operations_collect(&fixture->watch);
	for (page = 0; page < fixture->pages; page++)
		if (operations_last(&fixture->watch,
				    fixture->gpa + page * fixture->page) ==
		    OPERATION_AGE)
			bitmap_set(aged, page);
	return bitmap_count(aged, fixture->pages);
}

void run_age(struct stage2_vm *fixture)
{
	unsigned long *aged;
	u64 page;
	size_t count;
	unsigned int turn;

	swap_need();
	reclaim_enter(SWAPPED_PAGES * backing_page_size(BACKING_ANONYMOUS));
	plan_build(fixture, (struct stage2_vm_config){ .bytes = AGED_PAGES });
	aged = bitmap_new(fixture->pages);
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
	operations_forget(&fixture->watch);
	for (turn = 0, count = 0; !count && turn < RECLAIM_TURNS; turn++) {
		reclaim_some(fixture->page);
		count = find_aged(fixture, aged);
	}
	CHECK(operations_count(&fixture->watch, OPERATION_AGE, fixture->gpa,
			       fixture->slot.size),
	      "the kernel reclaimed memory of the guest %u times and never asked whether it had been accessed",
	      turn);
	report_info("reached: age, %zu calls; %zu of %llu pages aged and kept",
		    operations_count(&fixture->watch, OPERATION_AGE,
				     fixture->gpa, fixture->slot.size),
		    count, fixture->pages);
	CHECK(count, "no page was kept in %u turns though all were accessed",
	      turn);
	operations_forget(&fixture->watch);
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
	if (!arch_has_operation(OPERATION_MAKE_YOUNG)) {
		reclaim_leave();
		return;
	}
	if (arch_notes_accesses(fixture->vm)) {
		stage2_vm_not_reached(fixture, OPERATION_MAKE_YOUNG,
				      "this CPU notes accesses itself");
		reclaim_leave();
		return;
	}
	operations_collect(&fixture->watch);
	for (page = 0; page < fixture->pages; page++) {
		bool young = operations_count(&fixture->watch,
					      OPERATION_MAKE_YOUNG,
					      fixture->gpa +
						      page * fixture->page,
					      fixture->page);

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
