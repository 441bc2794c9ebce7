// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every operation on a stage 2 / NPT: a trigger reaches it, kprobes show that
 * it was reached, and its effect is right. A case fails if its operation is not
 * reached. In all cases, functions that a mode of KVM must never call are
 * watched.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/bitmap.h"
#include "core/clock.h"
#include "core/random.h"
#include "core/report.h"
#include "core/variant.h"
#include "mem/pci.h"
#include "mem/reclaim.h"
#include "mem/swap.h"
#include "stage2_vm.h"

#define PAGES 16
/* Pages that are written: the first and every fifth. */
#define STRIDE 5
#define SOME   ((PAGES + STRIDE - 1) / STRIDE)
#define BLOCKS 2

/**
 * struct plan - one row of the table
 * @name: name of the operation and of the trigger
 * @text: trigger and effect
 * @operation: operation that must be reached
 * @backing: kind of memory
 * @also: other operations to record, as bits
 * @run: sets up, acts and checks
 */
struct plan {
	const char *name;
	const char *text;
	enum operation operation;
	enum backing_kind backing;
	unsigned int also;
	void (*run)(struct stage2_vm *fixture);
};

/* Tables are freed after an RCU grace period (stage2_free_unlinked_table()). */
#define GRACE_MS 5000

/* Address to which a slot is moved. */
#define GPA_MOVED (GPA_TEST + (1ULL << 30))
/*
 * Pages of the age case, and how many of these may be swapped out: more than
 * MIN_LRU_BATCH, else the kernel scans none (get_swappiness()).
 */
#define AGED_PAGES    512
#define SWAPPED_PAGES 128
#define RECLAIM_TURNS 10

/* Address of a second slot. */
#define GPA_FRAMES (GPA_TEST + (1ULL << 30))
/* Words to compare, and how many of these must be unchanged and not zero. */
#define WORDS	  64
#define WORDS_DUE 1

struct variant {
	const struct plan *plan;
};

/* The row of the running case. */
static const struct plan *running;

static void plan_build(struct stage2_vm *fixture,
		       struct stage2_vm_config config)
{
	config.backing = running->backing;
	config.operations = 1U << running->operation | running->also;
	if (config.bytes)
		config.bytes *= backing_page_size(running->backing);
	else if (backing_page_size(running->backing) >= backing_thp_size())
		config.bytes = BLOCKS * backing_page_size(running->backing);
	else
		config.bytes = PAGES * backing_page_size(running->backing);
	stage2_vm_create(fixture, &config);
	if (fixture->backing.huge && !config.empty &&
	    backing_host_huge_bytes(&fixture->backing) < config.bytes)
		skip("free huge pages, which the host did not give",
		     "give the machine more memory, or compact it");
}

static u64 plan_block_pages(const struct stage2_vm *fixture)
{
	return fixture->huge / fixture->page;
}

/* ---- init, destroy ------------------------------------------------------- */

static void run_create(struct stage2_vm *fixture)
{
	struct operation_watch *watch = &fixture->watch;

	operations_watch(watch, 1U << running->operation | running->also);
	fixture->vm = vm_create(NULL);
	operations_collect(watch);
	CHECK(operations_count(watch, OPERATION_INIT, 0, U64_MAX) == 1,
	      "KVM_CREATE_VM: expected 1 page table initialized, got %zu",
	      operations_count(watch, OPERATION_INIT, 0, U64_MAX));
	CHECK(!operations_count(watch, OPERATION_DESTROY, 0, U64_MAX),
	      "KVM_CREATE_VM destroyed a page table");
	vm_destroy(fixture->vm);
	fixture->vm = NULL;
	operations_collect(watch);
	CHECK(operations_count(watch, OPERATION_DESTROY, 0, U64_MAX) == 1,
	      "closing a VM: expected 1 page table destroyed, got %zu",
	      operations_count(watch, OPERATION_DESTROY, 0, U64_MAX));
	report_info("reached: init and destroy, once each");
}

/* ---- map ----------------------------------------------------------------- */

static void run_map_read(struct stage2_vm *fixture)
{
	plan_build(fixture, (struct stage2_vm_config){ 0 });
	stage2_vm_expect_words(fixture, 0, 0, PAGES, 1);
	stage2_vm_reached(fixture, OPERATION_MAP, 0, PAGES, 1);
	stage2_vm_mapped_by(fixture, fixture->page, 0, PAGES, 1);
	operations_forget(&fixture->watch);
	stage2_vm_expect_words(fixture, 0, 0, PAGES, 1);
	stage2_vm_not_reached(fixture, OPERATION_MAP, "it is mapped already");
}

static void run_map_write(struct stage2_vm *fixture)
{
	plan_build(fixture, (struct stage2_vm_config){ .empty = true });
	stage2_vm_store(fixture, 0, PAGES, 1);
	stage2_vm_reached(fixture, OPERATION_MAP, 0, PAGES, 1);
	stage2_vm_mapped_by(fixture, fixture->page, 0, PAGES, 1);
	operations_forget(&fixture->watch);
	stage2_vm_store(fixture, 0, PAGES, 1);
	stage2_vm_not_reached(fixture, OPERATION_MAP, "it is mapped already");
}

static void run_map_exec(struct stage2_vm *fixture)
{
	plan_build(fixture, (struct stage2_vm_config){ 0 });
	writer_lay_code(fixture->backing.hva, fixture->slot.size,
			fixture->page);
	stage2_vm_access(fixture, WRITER_FETCH, 0, PAGES, 1);
	stage2_vm_reached(fixture, OPERATION_MAP, 0, PAGES, 1);
	operations_forget(&fixture->watch);
	stage2_vm_access(fixture, WRITER_FETCH, 0, PAGES, 1);
	stage2_vm_not_reached(fixture, OPERATION_MAP, "it is mapped already");
}

static void run_map_block(struct stage2_vm *fixture)
{
	unsigned int block;
	size_t calls;

	plan_build(fixture, (struct stage2_vm_config){ 0 });
	/* Not the first page of a block: KVM maps the whole block. */
	stage2_vm_expect_words(fixture, 0, STRIDE, BLOCKS,
			       plan_block_pages(fixture));
	operations_collect(&fixture->watch);
	/*
	 * Shadow paging records the start of the block, other modes the
	 * faulting address.
	 */
	for (block = 0; block < BLOCKS; block++) {
		calls = operations_count(&fixture->watch, OPERATION_MAP,
					 fixture->gpa + block * fixture->huge,
					 fixture->huge);
		CHECK(calls, "the operation map was not reached for block %u",
		      block);
	}
	report_info("reached: map, for each of %d blocks", BLOCKS);
	stage2_vm_mapped_by(fixture, fixture->huge, 0, BLOCKS,
			    plan_block_pages(fixture));
	operations_forget(&fixture->watch);
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
	operations_collect(&fixture->watch);
	calls = operations_count(&fixture->watch, OPERATION_MAP, fixture->gpa,
				 fixture->slot.size);
	CHECK(!calls,
	      "%d blocks of %llu KiB: expected no further mapping, got %zu",
	      BLOCKS, fixture->huge >> 10, calls);
}

/* ---- relax --------------------------------------------------------------- */

static void run_relax_write(struct stage2_vm *fixture)
{
	plan_build(fixture, (struct stage2_vm_config){ 0 });
	/* A read fault on a logged slot maps the page read-only. */
	dirty_enable(fixture->dirty, fixture->watched);
	stage2_vm_expect_words(fixture, 0, 0, PAGES, 1);
	operations_forget(&fixture->watch);
	stage2_vm_store(fixture, 0, SOME, STRIDE);
	stage2_vm_reached(fixture, OPERATION_RELAX, 0, SOME, STRIDE);
	stage2_vm_not_reached(fixture, OPERATION_MAP, "it is mapped already");
	stage2_vm_expect_dirty(fixture, 0, SOME, STRIDE,
			       "written after it was read");
}

static void run_relax_exec(struct stage2_vm *fixture)
{
	plan_build(fixture, (struct stage2_vm_config){ 0 });
	writer_lay_code(fixture->backing.hva, fixture->slot.size,
			fixture->page);
	stage2_vm_access(fixture, WRITER_LOAD, 0, PAGES, 1);
	operations_forget(&fixture->watch);
	stage2_vm_access(fixture, WRITER_FETCH, 0, SOME, STRIDE);
	if (arch_maps_executable())
		stage2_vm_not_reached(
			fixture, OPERATION_RELAX,
			"this CPU maps pages executable on any access");
	else
		stage2_vm_reached(fixture, OPERATION_RELAX, 0, SOME, STRIDE);
	stage2_vm_not_reached(fixture, OPERATION_MAP, "it is mapped already");
}

/* ---- write-protect ------------------------------------------------------- */

static void run_protect_enable(struct stage2_vm *fixture)
{
	plan_build(fixture, (struct stage2_vm_config){ 0 });
	stage2_vm_store(fixture, 0, PAGES, 1);
	operations_forget(&fixture->watch);
	dirty_enable(fixture->dirty, fixture->watched);
	stage2_vm_store(fixture, 0, SOME, STRIDE);
	stage2_vm_expect_dirty(fixture, 0, SOME, STRIDE,
			       "written after logging began");
	stage2_vm_reached(fixture, OPERATION_WRITE_PROTECT, 0, PAGES, 1);
}

static void protect_again(struct stage2_vm *fixture)
{
	stage2_vm_store(fixture, 0, SOME, STRIDE);
	operations_forget(&fixture->watch);
	stage2_vm_expect_dirty(fixture, 0, SOME, STRIDE,
			       "written after logging began");
	stage2_vm_store(fixture, 0, SOME - 1, STRIDE);
	stage2_vm_expect_dirty(fixture, 0, SOME - 1, STRIDE,
			       "written after a harvest");
	stage2_vm_reached(fixture, OPERATION_WRITE_PROTECT, 0, SOME, STRIDE);
}

static void run_protect_harvest(struct stage2_vm *fixture)
{
	plan_build(fixture,
		   (struct stage2_vm_config){ .mode = DIRTY_MODE_LOG });
	dirty_enable(fixture->dirty, fixture->watched);
	protect_again(fixture);
}

static void run_protect_clear(struct stage2_vm *fixture)
{
	plan_build(fixture,
		   (struct stage2_vm_config){ .mode = DIRTY_MODE_CLEAR });
	dirty_enable(fixture->dirty, fixture->watched);
	protect_again(fixture);
}

static void run_protect_block(struct stage2_vm *fixture)
{
	plan_build(fixture, (struct stage2_vm_config){ 0 });
	stage2_vm_store(fixture, 0, BLOCKS, plan_block_pages(fixture));
	operations_forget(&fixture->watch);
	dirty_enable(fixture->dirty, fixture->watched);
	stage2_vm_store(fixture, STRIDE, BLOCKS, plan_block_pages(fixture));
	stage2_vm_expect_dirty(fixture, STRIDE, BLOCKS,
			       plan_block_pages(fixture),
			       "written after a block was protected");
	stage2_vm_reached(fixture, OPERATION_WRITE_PROTECT, 0, BLOCKS,
			  plan_block_pages(fixture));
}

/*
 * ---- split, free_unlinked
 * -----------------------------------------------------
 */

static void run_split(struct stage2_vm *fixture)
{
	bool never = operation_is_never(OPERATION_SPLIT);

	plan_build(fixture, (struct stage2_vm_config){ .eager_split = !never });
	stage2_vm_store(fixture, 0, BLOCKS, plan_block_pages(fixture));
	operations_forget(&fixture->watch);
	dirty_enable(fixture->dirty, fixture->watched);
	if (never) {
		stage2_vm_store(fixture, STRIDE, BLOCKS,
				plan_block_pages(fixture));
		stage2_vm_expect_dirty(fixture, STRIDE, BLOCKS,
				       plan_block_pages(fixture),
				       "written after logging began over blocks");
		operations_collect(&fixture->watch);
		report_info("not reached: this mode of KVM never does it");
		return;
	}
	stage2_vm_reached(fixture, OPERATION_SPLIT, 0, BLOCKS,
			  plan_block_pages(fixture));
	operations_forget(&fixture->watch);
	/* All pages are mapped and write-protected. */
	stage2_vm_store(fixture, STRIDE, BLOCKS, plan_block_pages(fixture));
	stage2_vm_not_reached(fixture, OPERATION_MAP,
			      "the block was split before");
	stage2_vm_expect_dirty(fixture, STRIDE, BLOCKS,
			       plan_block_pages(fixture),
			       "written after the block was split");
}

static void run_free_unlinked(struct stage2_vm *fixture)
{
	struct deadline deadline;
	bool never = operation_is_never(OPERATION_FREE_UNLINKED);

	plan_build(fixture, (struct stage2_vm_config){ 0 });
	stage2_vm_store(fixture, 0, BLOCKS, plan_block_pages(fixture));
	dirty_enable(fixture->dirty, fixture->watched);
	stage2_vm_store(fixture, STRIDE, BLOCKS, plan_block_pages(fixture));
	stage2_vm_expect_dirty(fixture, STRIDE, BLOCKS,
			       plan_block_pages(fixture), "written to a block");
	dirty_disable(fixture->dirty, fixture->watched);
	operations_forget(&fixture->watch);
	/* KVM maps a block, which replaces the table of pages. */
	stage2_vm_store(fixture, STRIDE, BLOCKS, plan_block_pages(fixture));
	stage2_vm_reached(fixture, OPERATION_MAP, 0, BLOCKS,
			  plan_block_pages(fixture));
	stage2_vm_mapped_by(fixture, fixture->huge, 0, BLOCKS,
			    plan_block_pages(fixture));
	if (never) {
		/*
		 * stage2_vm_destroy() checks that it is not called until the VM
		 * is destroyed either.
		 */
		report_info("not reached: this mode of KVM never does it");
		return;
	}
	deadline = deadline_in_ms(GRACE_MS);
	while (operations_count(&fixture->watch, OPERATION_FREE_UNLINKED, 0,
				U64_MAX) < BLOCKS &&
	       !deadline_passed(deadline)) {
		nanosleep(&(struct timespec){ .tv_nsec = NSEC_PER_MSEC }, NULL);
		operations_collect(&fixture->watch);
	}
	CHECK(operations_count(&fixture->watch, OPERATION_FREE_UNLINKED, 0,
			       U64_MAX) == BLOCKS,
	      "expected %d tables freed, which blocks have replaced, got %zu",
	      BLOCKS,
	      operations_count(&fixture->watch, OPERATION_FREE_UNLINKED, 0,
			       U64_MAX));
}

/* ---- map: memory without struct page ------------------------------------------ */

/* The first page of [vvar], which the kernel maps into every process. */
static void *kernel_page(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	void *page = NULL;

	while (maps && !page && fgets(line, sizeof(line), maps)) {
		unsigned long long start;

		if (strstr(line, "[vvar]") &&
		    sscanf(line, "%llx-", &start) == 1)
			page = (void *)(uintptr_t)start;
	}
	if (maps)
		fclose(maps);
	if (!page)
		skip("a page that the kernel maps into each process ([vvar])",
		     "use a kernel with a vDSO");
	return page;
}

/*
 * The guest reads what the host reads, in words that are the same before and
 * after.
 */
static void expect_same(struct stage2_vm *fixture, const volatile u64 *host)
{
	struct writer_list *list = writer_list_of(fixture->vm->vcpus[0].guest);
	unsigned int steady = 0, i;

	for (i = 0; i < WORDS; i++) {
		u64 before = host[i], after, digest;

		*list = (struct writer_list){
			.count = 1,
			.access = WRITER_LOAD,
			.store = { { .gva = fixture->gpa + i * sizeof(before),
				     .count = 1 } },
		};
		vcpu_start(&fixture->vm->vcpus[0], writer_store, 0);
		vcpu_run(&fixture->vm->vcpus[0], VCPU_DONE);
		digest = list->digest;
		after = host[i];
		if (before != after)
			continue;
		CHECK(digest == writer_digest(0, before),
		      "the guest reads another value than %#llx in word %u of the page",
		      before, i);
		/* A zero proves nothing: other pages have zeroes too. */
		steady += before != 0;
	}
	CHECK(steady >= WORDS_DUE,
	      "%u words of the page are unchanged and not zero: nothing to check",
	      steady);
	report_info("%u words of the page compared", steady);
}

static void run_frames(struct stage2_vm *fixture, void *memory, u32 flags)
{
	struct memslot slot;

	plan_build(fixture, (struct stage2_vm_config){ 0 });
	slot = (struct memslot){
		.vm = fixture->vm,
		.id = SLOT_TEST_FIRST + 1,
		.gpa = GPA_FRAMES,
		.size = fixture->page,
		.hva = memory,
		.flags = flags,
		.guest_memfd = -1,
	};
	slot_set(&slot);
	vm_map(fixture->vm, GPA_FRAMES, GPA_FRAMES, fixture->page,
	       fixture->page);
	fixture->gpa = GPA_FRAMES;
	operations_forget(&fixture->watch);
	expect_same(fixture, memory);
	stage2_vm_reached(fixture, OPERATION_MAP, 0, 1, 1);
	operations_forget(&fixture->watch);
	expect_same(fixture, memory);
	stage2_vm_not_reached(fixture, OPERATION_MAP, "it is mapped already");
	slot_delete(&slot);
}

static void run_map_kernel_page(struct stage2_vm *fixture)
{
	run_frames(fixture, kernel_page(), KVM_MEM_READONLY);
}

static void run_map_device(struct stage2_vm *fixture)
{
	u64 size;
	void *memory = pci_map_unused(&size);

	run_frames(fixture, memory, 0);
	munmap(memory, size);
}

/* ---- unmap --------------------------------------------------------------- */

static void map_all(struct stage2_vm *fixture)
{
	plan_build(fixture, (struct stage2_vm_config){ 0 });
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
	operations_forget(&fixture->watch);
}

static void run_unmap_discard(struct stage2_vm *fixture)
{
	int error;

	map_all(fixture);
	error = backing_discard(&fixture->backing, 0, fixture->slot.size);
	CHECK(!error, "cannot discard the memory: %s", errno_name(-error));
	/* A stale mapping would still show the old contents. */
	stage2_vm_expect_words(fixture, -1, 0, fixture->pages, 1);
	stage2_vm_reached(fixture, OPERATION_UNMAP, 0, fixture->pages, 1);
}

static void run_unmap_replace(struct stage2_vm *fixture)
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

static void run_unmap_none(struct stage2_vm *fixture)
{
	enum vcpu_event event;

	map_all(fixture);
	protect_host(fixture, PROT_NONE);
	event = stage2_vm_try(fixture, WRITER_LOAD, STRIDE, 1, 1);
	CHECK(event == VCPU_FAULT,
	      "a load from PROT_NONE memory: expected KVM_RUN to fail with EFAULT, got success");
	stage2_vm_reached(fixture, OPERATION_UNMAP, 0, fixture->pages, 1);
	protect_host(fixture, PROT_READ | PROT_WRITE);
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
}

static void run_unmap_read_only(struct stage2_vm *fixture)
{
	enum vcpu_event event;

	map_all(fixture);
	protect_host(fixture, PROT_READ);
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
	event = stage2_vm_try(fixture, WRITER_STORE, STRIDE, 1, 1);
	CHECK(event == VCPU_FAULT,
	      "a store to PROT_READ memory: expected KVM_RUN to fail with EFAULT, got success");
	stage2_vm_reached(fixture, OPERATION_UNMAP, 0, fixture->pages, 1);
	protect_host(fixture, PROT_READ | PROT_WRITE);
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
}

static void run_unmap_part(struct stage2_vm *fixture)
{
	u64 hole;
	int error;

	map_all(fixture);
	hole = plan_block_pages(fixture) / 2 + 1;
	error = backing_discard(&fixture->backing, hole * fixture->page,
				fixture->page);
	CHECK(!error, "cannot discard a page: %s", errno_name(-error));
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
	      "a load at %#llx, where the slot was removed: expected an exit to user space, got memory",
	      fixture->gpa);
}

static void run_unmap_delete(struct stage2_vm *fixture)
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

static void run_unmap_move(struct stage2_vm *fixture)
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
 * Set the bits of pages that the kernel has aged and left mapped; return their
 * number. The kernel chooses which pages it scans and which it swaps out.
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

static void run_age(struct stage2_vm *fixture)
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
	      "reclaim of guest memory, %u times: kvm_age_gfn() was never called",
	      turn);
	report_info("reached: age, %zu calls; %zu of %llu pages aged and kept",
		    operations_count(&fixture->watch, OPERATION_AGE,
				     fixture->gpa, fixture->slot.size),
		    count, fixture->pages);
	CHECK(count,
	      "%u rounds of reclaim kept no page, although all were accessed",
	      turn);
	operations_forget(&fixture->watch);
	stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
	if (!arch_has_operation(OPERATION_MAKE_YOUNG)) {
		reclaim_leave();
		return;
	}
	if (arch_notes_accesses(fixture->vm)) {
		stage2_vm_not_reached(fixture, OPERATION_MAKE_YOUNG,
				      "this CPU sets the access flag itself");
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
		      young ? "took an access-flag fault" :
			      "took no access-flag fault");
	}
	report_info("reached: make_young, %zu calls", count);
	reclaim_leave();
	free(aged);
}

/* ---- the table --------------------------------------------------------------- */

#define MAP   (1U << OPERATION_MAP)
#define UNMAP (1U << OPERATION_UNMAP)
#define YOUNG (1U << OPERATION_MAKE_YOUNG)
#define PAGE  BACKING_ANONYMOUS
#define BLOCK BACKING_ANONYMOUS_THP

static const struct plan plans[] = {
	{ "init/create", "a VM is created and closed: one table, once",
	  OPERATION_INIT, PAGE, 1U << OPERATION_DESTROY, run_create },
	{ "map/read", "first reads: each page, with its contents, once",
	  OPERATION_MAP, PAGE, 0, run_map_read },
	{ "map/write", "first writes: the host sees them", OPERATION_MAP, PAGE,
	  0, run_map_write },
	{ "map/exec", "first fetches: the code runs", OPERATION_MAP, PAGE, 0,
	  run_map_exec },
	{ "map/block", "a read in each huge page: all of it is mapped",
	  OPERATION_MAP, BLOCK, 0, run_map_block },
	{ "relax/write", "writes to what was mapped by reads while logged",
	  OPERATION_RELAX, PAGE, MAP, run_relax_write },
	{ "relax/exec", "fetches from what was mapped by reads",
	  OPERATION_RELAX, PAGE, MAP, run_relax_exec },
	{ "write_protect/enable", "logging begins: writes are reported again",
	  OPERATION_WRITE_PROTECT, PAGE, 0, run_protect_enable },
	{ "write_protect/harvest", "KVM_GET_DIRTY_LOG: the same",
	  OPERATION_WRITE_PROTECT, PAGE, 0, run_protect_harvest },
	{ "write_protect/clear", "KVM_CLEAR_DIRTY_LOG: the same",
	  OPERATION_WRITE_PROTECT, PAGE, 0, run_protect_clear },
	{ "write_protect/block", "logging begins over blocks: pages come back",
	  OPERATION_WRITE_PROTECT, BLOCK, 0, run_protect_block },
	{ "map/guest_memfd", "the same out of a guest_memfd", OPERATION_MAP,
	  BACKING_GUEST_MEMFD, 0, run_map_write },
	{ "map/kernel_page", "a read of a page that has a frame number only",
	  OPERATION_MAP, PAGE, 0, run_map_kernel_page },
	{ "map/device", "reads of a device's registers, as the host has them",
	  OPERATION_MAP, PAGE, 0, run_map_device },
	{ "unmap/discard", "MADV_DONTNEED: the guest reads zeroes",
	  OPERATION_UNMAP, PAGE, 0, run_unmap_discard },
	{ "unmap/discard_block", "the same with huge pages", OPERATION_UNMAP,
	  BLOCK, 0, run_unmap_discard },
	{ "unmap/discard_memfd", "a hole in a guest_memfd: the same",
	  OPERATION_UNMAP, BACKING_GUEST_MEMFD, 0, run_unmap_discard },
	{ "unmap/replace", "mmap() over it: the guest reads what is there now",
	  OPERATION_UNMAP, PAGE, 0, run_unmap_replace },
	{ "unmap/none", "mprotect(PROT_NONE): KVM_RUN fails, and later not",
	  OPERATION_UNMAP, PAGE, 0, run_unmap_none },
	{ "unmap/read_only", "mprotect(PROT_READ): reads work, writes do not",
	  OPERATION_UNMAP, PAGE, 0, run_unmap_read_only },
	{ "unmap/part", "one page of a block is given back: only that is lost",
	  OPERATION_UNMAP, BLOCK, 0, run_unmap_part },
	{ "unmap/delete", "the slot is deleted: no memory there",
	  OPERATION_UNMAP, PAGE, 0, run_unmap_delete },
	{ "unmap/move", "the slot is moved: memory there, and not here",
	  OPERATION_UNMAP, PAGE, 0, run_unmap_move },
	{ "age/reclaim", "reclaim: accessed pages are kept, next access noted",
	  OPERATION_AGE, PAGE, UNMAP | YOUNG, run_age },
	{ "split/eager", "logging begins, blocks are split: no mapping is lost",
	  OPERATION_SPLIT, BLOCK, MAP, run_split },
	{ "free_unlinked/block", "pages become a block again: tables are freed",
	  OPERATION_FREE_UNLINKED, BLOCK, MAP, run_free_unlinked },
};

static void run_plan(const struct variant *variant)
{
	struct stage2_vm fixture = { 0 };

	running = variant->plan;
	running->run(&fixture);
	stage2_vm_destroy(&fixture);
}

static bool has_operation(const struct variant *variant)
{
	return arch_has_operation(variant->plan->operation);
}

static void complete(const struct variant *variant, struct test_case *test)
{
	test->plan = variant->plan->text;
}

/*
 * Where closing a VM is slow, a check has one row of each operation, which the
 * seed chooses; --all has all rows.
 */
static bool is_sampled(const struct variant *variant)
{
	enum operation operation = variant->plan->operation;
	struct random_stream random;
	size_t same = 0, before = 0, i;

	if (!arch_vms_end_slowly() || options()->mode != MODE_CHECK)
		return true;
	for (i = 0; i < ARRAY_SIZE(plans); i++) {
		if (plans[i].operation != operation)
			continue;
		before += &plans[i] < variant->plan;
		same++;
	}
	random_init(&random, options()->seed,
		    random_number(operation_name(operation), 0));
	return random_below(&random, same) == before;
}

static const struct dimension dimensions[] = {
	DIMENSION_ROWS(struct variant, plan, plans),
};

static const struct scenario scenarios[] = {
	SCENARIO("", run_plan, struct variant, dimensions,
		 .sampling = SAMPLE_ALL,
		 .allowed = VARIANT_IF(struct variant, has_operation),
		 .sampled = VARIANT_IF(struct variant, is_sampled),
		 .complete = VARIANT_COMPLETE(struct variant, complete)),
};

TEST_PROGRAM(
	"stage2_ops_test",
	"each operation on a guest's page tables is reached and has its effect",
	scenarios, .needs = { .root = true, .kvm = true })
