// SPDX-License-Identifier: GPL-2.0-only
/* One slot that is deleted, created again, moved and resized, and its aliases. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/bitmap.h"
#include "dirty/exact.h"
#include "exact_vm.h"
#include "core/report.h"
#include "slot_cases.h"
#include "dirty/write_sets.h"

/* A set of stores has so many pages. */
#define SET_PAGES 24
/* How far a slot is moved by pages only: gpa and hva are skewed then. */
#define SKEW_PAGES 3
/* Room behind the slot that the guest has mapped, in huge pages. */
#define ROOM 2

static void setup(struct exact *exact, const struct test_case *test)
{
	const struct memslot *slot;
	u64 end;

	exact_setup(exact, test);
	/* Either way is right: each seed takes one. */
	if (random_chance(&exact->random, 1, 2))
		vm_unmap_slots_alone(exact->fixture.vm);
	slot = exact->watched->slot;
	end = slot->gpa + slot->size;
	vm_map(exact->fixture.vm, end, end, ROOM * exact->fixture.huge_size,
	       exact->fixture.huge_size);
	exact_store_whole(exact);
}

/* Stores at random pages of @slot; @pages gets them. */
static void store_some(struct exact *exact, const struct memslot *slot,
		       unsigned long *pages)
{
	u64 size = slot->vm->page_size;
	struct writer_list list = { .count = SET_PAGES };
	unsigned int i;

	for (i = 0; i < SET_PAGES; i++)
		list.store[i] = (struct writer_store){
			.gva = slot->gpa +
			       random_below(&exact->random, slot->size / size) *
				       size,
			.stride = 8,
			.count = 2,
		};
	write_set_pages(&list, slot, pages);
	exact_store(exact, &list);
}

/*
 * Stores at the first and the last page, so that neither is protected; @pages gets
 * them. Who looks later whether a store there comes to user space knows then that
 * no mapping was left behind: by way of one, a store to a protected page would
 * come there all the same.
 */
static void store_ends(struct exact *exact, unsigned long *pages)
{
	const struct memslot *slot = exact->watched->slot;
	struct writer_list list = {
		.count = 2,
		.store = {
			{ .gva = slot->gpa, .count = 1 },
			{ .gva = slot->gpa + slot->size - slot->vm->page_size,
			  .count = 1 },
		},
	};

	write_set_pages(&list, slot, pages);
	exact_store(exact, &list);
}

static void expect_some(struct exact *exact, const char *what)
{
	bitmap_zero(exact->written, exact->watched->pages);
	store_some(exact, exact->watched->slot, exact->written);
	exact_expect(exact, what);
}

/* A store at @gpa must come to user space: no slot is there. */
static void expect_nowhere(struct exact *exact, u64 gpa, const char *when)
{
	struct vcpu *vcpu = &exact->fixture.vm->vcpus[0];
	struct writer_list *list = writer_list_of(vcpu->guest);
	enum vcpu_event event;
	u64 where = 0;

	*list = (struct writer_list){
		.count = 1,
		.store = { { .gva = gpa, .count = 1 } },
	};
	vcpu_start(vcpu, writer_store, 0);
	event = vcpu_run_one_of(vcpu, 1U << VCPU_OTHER | 1U << VCPU_DONE);
	CHECK(event == VCPU_OTHER && vcpu_mmio(vcpu, &where) && where == gpa,
	      "%s: a store at gpa %#llx, where no slot is, did not come to user space (exit reason %u at %#llx)",
	      when, gpa, vcpu->run->exit_reason, where);
	vcpu_run(vcpu, VCPU_DONE);
}

/* There is no log to read. Rings belong to vCPUs, not to slots. */
static void expect_no_log(struct exact *exact, struct dirty_slot *watched,
			  const char *when)
{
	if (!dirty_mode_is_ring(exact->fixture.config.mode))
		dirty_expect_no_log(watched, when);
}

/* Delete the slot. What was not harvested is legally lost. */
static void delete_slot(struct exact *exact)
{
	slot_delete(exact->watched->slot);
	exact->watched->logging = false;
	if (!dirty_mode_is_ring(exact->fixture.config.mode))
		return;
	dirty_ring_collect(exact->fixture.dirty);
	dirty_harvest_queued(exact->watched);
}

static void create_again(struct exact *exact, const struct memslot *as,
			 u32 flags)
{
	struct memslot *slot = exact->watched->slot;

	slot->gpa = as->gpa;
	slot->size = as->size;
	slot->flags = flags;
	slot_set(slot);
	exact->watched->logging = flags & KVM_MEM_LOG_DIRTY_PAGES;
	if (!exact->watched->logging)
		return;
	if (exact->fixture.config.mode == DIRTY_MODE_CLEAR_INITIALLY_SET) {
		bitmap_fill(exact->written, exact->watched->pages);
		exact_expect(exact, "created again logged, first clear");
	}
	exact_expect_nothing(exact, "before any write to the new slot");
}

void slot_recreate(const struct test_case *test)
{
	struct exact exact;
	struct memslot original;
	unsigned long *unseen;
	unsigned int round;

	setup(&exact, test);
	original = *exact.watched->slot;
	unseen = bitmap_new(exact.watched->pages);
	exact_enable(&exact);
	for (round = 0; round < 2; round++) {
		expect_some(&exact, "before the slot is deleted");
		/* And some that are still dirty when it is. */
		store_some(&exact, exact.watched->slot, unseen);
		store_ends(&exact, unseen);
		delete_slot(&exact);
		expect_no_log(&exact, exact.watched, "deleted");
		expect_nowhere(&exact, original.gpa, "deleted");
		expect_nowhere(&exact,
			       original.gpa + original.size - sizeof(u64),
			       "deleted");

		create_again(&exact, &original, KVM_MEM_LOG_DIRTY_PAGES);
		expect_some(&exact, "created again logged");
		expect_some(&exact, "created again logged, once more");

		delete_slot(&exact);
		create_again(&exact, &original, 0);
		expect_no_log(&exact, exact.watched,
			      "created again, not logged");
		store_some(&exact, exact.watched->slot, unseen);
		exact_enable(&exact);
		exact_expect_nothing(&exact, "written before logging began");
	}
	expect_some(&exact, "logged at last");
	free(unseen);
	exact_teardown(&exact);
}

void slot_move_logged(const struct test_case *test)
{
	struct exact exact;
	struct memslot *slot;
	u64 page, home, huge;
	unsigned int i;

	setup(&exact, test);
	slot = exact.watched->slot;
	page = exact.fixture.vm->page_size;
	huge = exact.fixture.huge_size;
	home = slot->gpa;
	exact_enable(&exact);

	const u64 places[] = {
		home + page,
		home + huge + SKEW_PAGES * page,
		home + huge,
		home,
	};

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		u64 from = slot->gpa;

		bitmap_zero(exact.written, exact.watched->pages);
		store_some(&exact, slot, exact.written);
		store_ends(&exact, exact.written);
		/*
		 * The slot keeps its dirty bitmap (kvm_prepare_memory_region()),
		 * and ring entries name pages by their offset in it.
		 */
		slot_move(slot, places[i]);
		store_some(&exact, slot, exact.written);
		exact_expect(&exact, "written before and after the slot moved");
		exact_expect_nothing(&exact, "after the slot moved");
		expect_nowhere(&exact,
			       from < slot->gpa ?
				       from :
				       from + slot->size - sizeof(u64),
			       "moved");
	}
	dirty_disable(exact.fixture.dirty, exact.watched);
	slot_move(slot, home + huge);
	exact_store_whole(&exact);
	exact_enable(&exact);
	exact_expect_nothing(&exact, "moved before logging began");
	expect_some(&exact, "moved, then logged");
	exact_teardown(&exact);
}

/* Another size: only a new log fits it. */
static void watch_again(struct exact *exact)
{
	struct memslot *slot = exact->watched->slot;

	dirty_free(exact->fixture.dirty);
	exact->fixture.dirty = dirty_new(exact->fixture.vm,
					 exact->fixture.config.mode);
	exact->watched = dirty_watch(exact->fixture.dirty, slot);
	exact->fixture.watched[0] = exact->watched;
}

/* Grown and shrunk by deleting it and creating it again. */
void slot_resize(const struct test_case *test)
{
	struct exact exact;
	struct memslot original, as;
	u64 page, half;
	unsigned int i;

	setup(&exact, test);
	original = *exact.watched->slot;
	page = exact.fixture.vm->page_size;
	half = exact.watched->pages / 2;

	/* Bitmap words that are whole, are not, and a single bit. */
	const u64 sizes[] = {
		64 * page, original.size, 65 * page,	 page,
		63 * page, half * page,	  original.size,
	};

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		bool logged = i % 2;

		/* No page is protected, as store_ends() has it. */
		exact_store_whole(&exact);
		delete_slot(&exact);
		as = original;
		as.size = sizes[i];
		exact.watched->slot->size = as.size;
		watch_again(&exact);
		create_again(&exact, &as, logged ? KVM_MEM_LOG_DIRTY_PAGES : 0);
		if (!logged)
			exact_enable(&exact);
		expect_some(&exact, "another size");
		if (as.size == original.size)
			continue;
		bitmap_fill(exact.written, exact.watched->pages);
		exact_store_whole(&exact);
		exact_expect(&exact, "every page of another size");
		expect_nowhere(&exact, as.gpa + as.size, "shrunk");
	}
	exact_teardown(&exact);
}

static struct dirty_slot *add_alias(struct exact *exact, struct memslot *alias,
				    u64 skip, u64 gpa)
{
	const struct memslot *slot = exact->watched->slot;
	struct vm *vm = exact->fixture.vm;

	*alias = *slot;
	alias->id = slot->id + (skip ? 2 : 1);
	alias->hva = (char *)slot->hva + skip;
	alias->size = slot->size - skip;
	alias->gpa = gpa;
	alias->flags = 0;
	slot_set(alias);
	vm_map(vm, gpa, gpa, alias->size, exact->fixture.huge_size);
	return dirty_watch(exact->fixture.dirty, alias);
}

static void begin_alias(struct exact *exact, struct dirty_slot *watched)
{
	dirty_enable(exact->fixture.dirty, watched);
	if (exact->fixture.config.mode == DIRTY_MODE_CLEAR_INITIALLY_SET)
		dirty_harvest(exact->fixture.dirty, watched, NULL);
}

static void expect_of(struct exact *exact, const char *what,
		      struct dirty_slot *watched, const unsigned long *written)
{
	dirty_harvest(exact->fixture.dirty, watched, NULL);
	exact_judge(what, written, watched->fresh, watched->pages);
}

/*
 * Three slots with the same memory behind: the log is of guest physical pages,
 * so each has what was written by way of it. Together they have all.
 */
void slot_alias(const struct test_case *test)
{
	enum { ALIASES = 2 };
	unsigned long *written[ALIASES], *none;
	struct dirty_slot *watched[ALIASES];
	struct memslot alias[ALIASES];
	struct writer_list list = { .count = 1, .store = { { .count = 1 } } };
	u64 page, far, half, gone;
	struct exact exact;
	unsigned int i;

	setup(&exact, test);
	page = exact.fixture.vm->page_size;
	half = exact.watched->pages / 2 * page;
	/* Behind what is mapped, the second one skewed. */
	far = GPA_TEST +
	      16 * (exact.watched->slot->size + ROOM * exact.fixture.huge_size);
	far -= far % exact.fixture.huge_size;
	watched[0] = add_alias(&exact, &alias[0], 0,
			       far + exact.watched->slot->gpa - GPA_TEST);
	watched[1] = add_alias(&exact, &alias[1], half,
			       2 * far + SKEW_PAGES * page);
	none = bitmap_new(exact.watched->pages);
	for (i = 0; i < ALIASES; i++) {
		written[i] = bitmap_new(watched[i]->pages);
		store_some(&exact, &alias[i], written[i]);
		bitmap_zero(written[i], watched[i]->pages);
	}
	exact_enable(&exact);
	for (i = 0; i < ALIASES; i++)
		begin_alias(&exact, watched[i]);
	exact_expect_nothing(&exact, "aliases, before any write");

	bitmap_zero(exact.written, exact.watched->pages);
	store_some(&exact, exact.watched->slot, exact.written);
	for (i = 0; i < ALIASES; i++)
		store_some(&exact, &alias[i], written[i]);
	for (i = 0; i < ALIASES; i++)
		expect_of(&exact, "an alias", watched[i], written[i]);
	exact_expect(&exact, "the slot that has aliases");
	expect_of(&exact, "an alias, nothing more", watched[0], none);

	/* One goes with what is dirty in it, another is not logged any more. */
	bitmap_zero(exact.written, exact.watched->pages);
	store_some(&exact, exact.watched->slot, exact.written);
	store_some(&exact, &alias[0], written[0]);
	store_some(&exact, &alias[1], written[1]);
	dirty_disable(exact.fixture.dirty, watched[1]);
	store_some(&exact, &alias[1], written[1]);
	/* Entries of its ring come while the slot is there. */
	if (dirty_mode_is_ring(exact.fixture.config.mode))
		dirty_ring_collect(exact.fixture.dirty);
	dirty_harvest_queued(watched[0]);
	expect_no_log(&exact, watched[1], "an alias that is not logged");
	/* As store_ends() has it. */
	list.store[0].gva = gone = alias[0].gpa;
	exact_store(&exact, &list);
	slot_delete(&alias[0]);
	expect_nowhere(&exact, gone, "an alias, deleted");
	exact_expect(&exact, "the slot whose alias was deleted");
	expect_some(&exact, "the slot that remains");
	exact_expect_nothing(&exact, "the slot that remains");
	for (i = 0; i < ALIASES; i++)
		free(written[i]);
	free(none);
	exact_teardown(&exact);
}
