// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest executes from memory that is logged: that is no write, harms nothing,
 * and what is written there afterwards is reported.
 *
 * On arm64 a page is executable only after a fault on its first fetch
 * (kvm_s2_fault_compute_prot()), where the CPU's caches ask for that
 * (CTR_EL0.DIC): with a block mapped and logging on, a permission fault that is
 * no write has to dissolve the block.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bitmap.h"
#include "dirty/exact.h"
#include "core/options.h"
#include "core/report.h"
#include "core/variant.h"
#include "dirty/dirty_vm.h"
#include "kvm/writer.h"

/* A fetch in every huge page. */
#define STRIDE (2UL << 20)
/*
 * More huge pages than a vCPU's memory cache has objects
 * (KVM_ARCH_NR_OBJS_PER_MEMORY_CACHE): dissolving all of them takes more than
 * what an earlier fault left there.
 */
#define FETCHES 48
/* Stores leave the code alone. */
#define STORE_OFFSET 64
#define VCPUS	     2

struct variant {
	enum dirty_mode mode;
	enum backing_kind backing;
};

struct fetch {
	struct dirty_vm fixture;
	struct dirty_slot *watched;
	struct memslot *slot;
	/* One page per huge page, and what is written of them. */
	unsigned long *fetched;
	unsigned long *expected;
};

static void access_pages(struct fetch *fetch, unsigned int vcpu,
			 enum writer_access access, u64 stride)
{
	u64 offset = access == WRITER_STORE ? STORE_OFFSET : 0;
	struct guest_vcpu *guest = fetch->fixture.vm->vcpus[vcpu].guest;
	struct writer_list *list = writer_list_of(guest);

	*list = (struct writer_list){
		.count = 1,
		.access = access,
		.store = { { .gva = fetch->slot->gpa + offset,
			     .stride = stride,
			     .count = fetch->slot->size / stride } },
	};
	vcpu_start(&fetch->fixture.vm->vcpus[vcpu], writer_store, 0);
	vcpu_run(&fetch->fixture.vm->vcpus[vcpu], VCPU_DONE);
	CHECK(list->sequence == list->store[0].count,
	      "the guest says that it made %llu of %llu accesses",
	      list->sequence, list->store[0].count);
}

/*
 * An x86 fault for a fetch on a page that is not mapped may map it writable and
 * report it (kvm_mmu_faultin_pfn(), make_spte()): with shadow paging, pages are
 * not mapped after logging began. No other page may be reported.
 */
static void expect_fetched(struct fetch *fetch, const char *what)
{
	size_t pages = fetch->watched->pages;

	dirty_harvest(fetch->fixture.dirty, fetch->watched, NULL);
	bitmap_copy(fetch->expected, fetch->watched->fresh, pages);
	bitmap_and(fetch->expected, fetch->fetched, pages);
	exact_judge(what, fetch->expected, fetch->watched->fresh, pages);
}

static void expect_written(struct fetch *fetch, const char *what)
{
	dirty_harvest(fetch->fixture.dirty, fetch->watched, NULL);
	exact_judge(what, fetch->fetched, fetch->watched->fresh,
		    fetch->watched->pages);
}

static void setup(struct fetch *fetch, const struct variant *variant)
{
	struct dirty_vm_config config = {
		.mode = variant->mode,
		.backing = variant->backing,
		.geometry = GEOMETRY_ALIGNED,
		.vcpus = VCPUS,
		.slots = 1,
		.slot_bytes = FETCHES * STRIDE,
	};
	u64 offset;

	memset(fetch, 0, sizeof(*fetch));
	dirty_vm_init(&fetch->fixture, &config);
	fetch->watched = fetch->fixture.watched[0];
	fetch->slot = fetch->watched->slot;
	fetch->fetched = bitmap_new(fetch->watched->pages);
	fetch->expected = bitmap_new(fetch->watched->pages);
	for (offset = 0; offset < fetch->slot->size; offset += STRIDE)
		bitmap_set(fetch->fetched,
			   offset / fetch->fixture.vm->page_size);
	writer_lay_code(fetch->slot->hva, fetch->slot->size,
			fetch->fixture.vm->page_size);
}

static void teardown(struct fetch *fetch)
{
	free(fetch->expected);
	free(fetch->fetched);
	dirty_vm_destroy(&fetch->fixture);
}

static void test_fetch(const struct variant *variant)
{
	struct fetch fetch;

	setup(&fetch, variant);
	/* Mapped for writing by one vCPU, executed by the other. */
	access_pages(&fetch, 0, WRITER_STORE, STRIDE);
	dirty_enable(fetch.fixture.dirty, fetch.watched);
	if (fetch.fixture.config.mode == DIRTY_MODE_CLEAR_INITIALLY_SET)
		dirty_harvest(fetch.fixture.dirty, fetch.watched, NULL);

	access_pages(&fetch, 1, WRITER_FETCH, STRIDE);
	expect_fetched(&fetch, "executed while logged");
	access_pages(&fetch, 0, WRITER_STORE, STRIDE);
	expect_written(&fetch, "written after it was executed");
	access_pages(&fetch, 1, WRITER_FETCH, STRIDE);
	expect_fetched(&fetch, "executed after its harvest");
	access_pages(&fetch, 1, WRITER_STORE, STRIDE);
	access_pages(&fetch, 0, WRITER_FETCH, STRIDE);
	expect_written(&fetch, "written before it was executed");

	dirty_disable(fetch.fixture.dirty, fetch.watched);
	access_pages(&fetch, 0, WRITER_FETCH, STRIDE);
	access_pages(&fetch, 1, WRITER_STORE, STRIDE);
	teardown(&fetch);
}

static const struct dimension dimensions[] = {
	DIMENSION(struct variant, mode, &dirty_modes),
	DIMENSION_SOME(struct variant, backing, &backings,
		       BACKING_ANONYMOUS_THP, BACKING_HUGETLB_2M,
		       BACKING_SHMEM),
};

static const struct scenario scenarios[] = {
	SCENARIO("fetch", test_fetch, struct variant, dimensions,
		 .sampling = SAMPLE_ALL,
		 .plan = "fetched pages are not reported, stored pages are"),
};

TEST_PROGRAM("dirty_log_fetch_test",
	     "executing from logged memory is not a write", scenarios,
	     .needs = { .kvm = true })
