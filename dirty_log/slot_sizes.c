// SPDX-License-Identifier: GPL-2.0-only
/* Hundreds of slots, slots of one page, and the largest slot there can be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bitmap.h"
#include "dirty/dirty.h"
#include "dirty/exact.h"
#include "core/options.h"
#include "core/report.h"
#include "dirty/dirty_vm.h"
#include "slot_cases.h"

#define MANY 300
/* Every so many slots one that is larger than a page. */
#define LARGER 13
/* From one slot's beginning to the next's, pages. */
#define MANY_STRIDE 128

/*
 * What a page of a slot costs, at most: a reverse map of 8 bytes (x86 with shadow
 * paging), two bits of dirty bitmap, and some more bitmaps of ours.
 */
#define BYTES_PER_PAGE 16
/*
 * How much of the available memory that may be, one part of so many. Shadow paging
 * looks at each page of a slot: a check has no time for as many as there can be.
 */
#define SHARE	    4
#define CHECK_SHARE 32
/* Guest physical addresses that every machine has. */
#define LARGEST_BYTES (256ULL << 30)
#define LARGEST_RUNS  24
#define LARGEST_RUN   20

/* As struct dirty_vm, with as many slots as one likes. */
struct slots {
	struct dirty_vm fixture;
	enum dirty_mode mode;
	unsigned int count;
	struct backing backing;
	struct memslot *slot;
	struct dirty_slot **watched;
};

static void setup(struct slots *slots, const struct test_case *test,
		  unsigned int count, u64 table_bytes)
{
	struct vm_config config = { .table_bytes = table_bytes };

	memset(slots, 0, sizeof(*slots));
	slots->mode = test->number[DIRTY_VM_MODE];
	slots->count = count;
	dirty_mode_configure(slots->mode, &config, 0);
	slots->fixture.vm = vm_create(&config);
	slots->fixture.dirty = dirty_new(slots->fixture.vm, slots->mode);
	slots->slot = calloc(count, sizeof(*slots->slot));
	slots->watched = calloc(count, sizeof(struct dirty_slot *));
	if (!slots->slot || !slots->watched)
		fail("out of memory for %u slots", count);
}

static void teardown(struct slots *slots)
{
	dirty_vm_destroy(&slots->fixture);
	backing_destroy(&slots->backing);
	free(slots->watched);
	free(slots->slot);
}

static void enable(struct slots *slots, unsigned int i)
{
	struct dirty_slot *watched = slots->watched[i];
	size_t due = 0, found;

	dirty_enable(slots->fixture.dirty, watched);
	if (slots->mode == DIRTY_MODE_CLEAR_INITIALLY_SET)
		due = watched->pages;
	found = dirty_harvest(slots->fixture.dirty, watched, NULL);
	CHECK(found == due,
	      "slot %u of %zu pages: expected %zu dirty pages when logging is enabled, got %zu",
	      watched->slot->id, watched->pages, due, found);
}

static void store_all(struct slots *slots)
{
	u64 page = slots->fixture.vm->page_size;
	unsigned int i, next;

	for (i = 0; i < slots->count; i = next) {
		struct writer_list list = { 0 };

		for (next = i;
		     next < slots->count && list.count < WRITER_STORES_MAX;
		     next++)
			if (slots->slot[next].size)
				list.store[list.count++] = (struct writer_store){
					.gva = slots->slot[next].gpa,
					.stride = (s64)page,
					.count = slots->slot[next].size / page,
				};
		dirty_vm_store(&slots->fixture, 0, &list);
	}
}

/* Every page of every slot was written: of the logged ones all are reported. */
static void expect_all(struct slots *slots, const char *when)
{
	unsigned int i;

	store_all(slots);
	for (i = 0; i < slots->count; i++) {
		struct dirty_slot *watched = slots->watched[i];
		size_t due = watched->logging ? watched->pages : 0, found;

		if (!watched->logging && !dirty_mode_is_ring(slots->mode)) {
			dirty_expect_no_log(watched, when);
			continue;
		}
		found = dirty_harvest(slots->fixture.dirty, watched, NULL);
		CHECK(found == due,
		      "%s: slot %u of %zu pages, %s, reports %zu where all of it was written",
		      when, watched->slot->id, watched->pages,
		      watched->logging ? "logged" : "not logged", found);
	}
}

static u64 pages_of_slot(unsigned int i)
{
	static const u64 larger[] = { 63, 64, 65, 2 };

	return i % LARGER ? 1 : larger[i / LARGER % 4];
}

static void create_many(struct slots *slots)
{
	u64 page = slots->fixture.vm->page_size, offset = 0, pages = 0;
	struct backing_request request = {
		.kind = BACKING_ANONYMOUS,
		.flags = BACKING_POPULATE,
		.fd = -1,
	};
	unsigned int i;

	for (i = 0; i < slots->count; i++)
		pages += pages_of_slot(i);
	request.size = pages * page;
	backing_create(&slots->backing, &request);
	vm_map(slots->fixture.vm, GPA_TEST, GPA_TEST,
	       slots->count * MANY_STRIDE * page, backing_thp_size());
	for (i = 0; i < slots->count; i++) {
		slots->slot[i] = (struct memslot){
			.vm = slots->fixture.vm,
			.id = SLOT_TEST_FIRST + i,
			.gpa = GPA_TEST + i * MANY_STRIDE * page,
			.size = pages_of_slot(i) * page,
			.hva = (char *)slots->backing.hva + offset,
			.guest_memfd = -1,
		};
		slot_set(&slots->slot[i]);
		slots->watched[i] = dirty_watch(slots->fixture.dirty,
						&slots->slot[i]);
		offset += slots->slot[i].size;
	}
}

void slot_many(const struct test_case *test)
{
	struct slots slots;
	unsigned int i;

	setup(&slots, test, MANY, 0);
	create_many(&slots);
	store_all(&slots);
	for (i = 0; i < slots.count; i += 2)
		enable(&slots, i);
	expect_all(&slots, "every other slot logged");
	for (i = 1; i < slots.count; i += 2)
		enable(&slots, i);
	for (i = 0; i < slots.count; i += 3) {
		u64 size = slots.slot[i].size;

		slot_delete(&slots.slot[i]);
		if (i % 2) {
			slots.watched[i]->logging = false;
			continue;
		}
		slots.slot[i].size = size;
		enable(&slots, i);
	}
	/* Those that are away have no page that could be written. */
	expect_all(&slots, "some deleted, some of these created again");
	for (i = 0; i < slots.count; i++)
		if (slots.watched[i]->logging)
			dirty_disable(slots.fixture.dirty, slots.watched[i]);
	expect_all(&slots, "no slot logged");
	report_info("%u slots of up to %d", slots.count,
		    vm_check_extension(slots.fixture.vm, KVM_CAP_NR_MEMSLOTS));
	teardown(&slots);
}

/* Stores all over it, the first and the last page among them. */
static void store_far(struct slots *slots, struct random_stream *random,
		      unsigned long *written)
{
	const struct memslot *slot = &slots->slot[0];
	u64 page = slots->fixture.vm->page_size, pages, i, j;
	struct writer_list list = { .count = LARGEST_RUNS };

	pages = slot->size / page;
	for (i = 0; i < LARGEST_RUNS; i++) {
		u64 first = i == 0 ? 0 :
			    i == 1 ? pages - LARGEST_RUN :
				     random_below(random, pages - LARGEST_RUN);

		list.store[i] = (struct writer_store){
			.gva = slot->gpa + first * page,
			.stride = (s64)page,
			.count = LARGEST_RUN,
		};
		for (j = 0; j < LARGEST_RUN; j++)
			bitmap_set(written, first + j);
	}
	dirty_vm_store(&slots->fixture, 0, &list);
}

void slot_largest(const struct test_case *test)
{
	u64 page = getpagesize(), size;
	struct backing_request request = {
		/* What is written must not take a huge page each. */
		.kind = BACKING_ANONYMOUS,
		.flags = BACKING_SPARSE,
		.fd = -1,
	};
	struct random_stream random;
	unsigned long *written;
	struct slots slots;
	unsigned int round;

	case_random(&random, "pages", 0);
	size = memory_available() /
	       (options()->mode == MODE_CHECK ? CHECK_SHARE : SHARE) /
	       BYTES_PER_PAGE * page;
	if (size > LARGEST_BYTES)
		size = LARGEST_BYTES;
	request.size = size / backing_thp_size() * backing_thp_size();
	/* The guest's own tables: 8 bytes for a huge page, and some tables. */
	setup(&slots, test, 1,
	      (8UL << 20) + 16 * (request.size / backing_thp_size()));
	backing_create(&slots.backing, &request);
	slot_add(slots.fixture.vm, &slots.slot[0], SLOT_TEST_FIRST, GPA_TEST,
		 &slots.backing, 0);
	vm_map(slots.fixture.vm, GPA_TEST, GPA_TEST, request.size, 1UL << 30);
	slots.watched[0] = dirty_watch(slots.fixture.dirty, &slots.slot[0]);
	written = bitmap_new(slots.watched[0]->pages);
	store_far(&slots, &random, written);
	for (round = 0; round < 2; round++) {
		enable(&slots, 0);
		bitmap_zero(written, slots.watched[0]->pages);
		store_far(&slots, &random, written);
		dirty_harvest(slots.fixture.dirty, slots.watched[0], NULL);
		exact_judge("the largest slot", written,
			    slots.watched[0]->fresh, slots.watched[0]->pages);
		if (round)
			break;
		slot_delete(&slots.slot[0]);
		slots.slot[0].size = request.size;
	}
	report_info("a slot of %llu GiB, in %llu MiB of available memory",
		    request.size >> 30, memory_available() >> 20);
	free(written);
	teardown(&slots);
}
