// SPDX-License-Identifier: GPL-2.0-only
/* Slots that come and go under a table, and more than one table. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "core/bitmap.h"
#include "dirty/dirty.h"
#include "core/report.h"
#include "shadow_rules.h"

/* ---- slots ------------------------------------------------------------- */

static void test_slot_deleted(const struct test_case *test)
{
	struct shadow_fixture fixture;
	struct memslot *slot;
	u64 size;

	shadow_begin_known(&fixture, test, 4);
	slot = test->number[1] ? &fixture.backing_slot : &fixture.table_slot;
	size = slot->size;
	slot_delete(slot);
	CHECK(shadow_counters(&fixture).erased == 1,
	      "a slot went away, and the table stays");
	shadow_judge(&fixture, 0);
	if (!test->number[1])
		CHECK(__avic_sync(&fixture.avic, fixture.table, 4) == -ENXIO,
		      "a table can be shadowed that is in no slot");
	slot->size = size;
	slot_set(slot);
	avic_sync(&fixture.avic, fixture.table, 4);
	shadow_judge(&fixture, 4);
	shadow_store(&fixture, 8, 8, shadow_running(1, 0));
	shadow_judge(&fixture, 4);
	shadow_end(&fixture);
}

/* Without its backing slot, all entries are dummies; the table is followed. */
static void test_slot_gone(const struct test_case *test)
{
	struct shadow_fixture fixture;

	shadow_begin_known(&fixture, test, 4);
	slot_delete(&fixture.backing_slot);
	avic_sync(&fixture.avic, fixture.table, 4);
	shadow_judge(&fixture, 4);
	shadow_store(&fixture, 8, 8, shadow_entry(1) | 1);
	shadow_judge(&fixture, 4);
	CHECK(shadow_counters(&fixture).merged == 1,
	      "a write to a dummy entry was not merged");
	shadow_end(&fixture);
}

static void test_slot_other(const struct test_case *test)
{
	struct shadow_fixture fixture;
	struct memslot other;

	shadow_begin_known(&fixture, test, 4);
	slot_add(fixture.vm, &other, SLOT_TEST_FIRST + 2, SHADOW_NOWHERE_GPA,
		 &fixture.backing_memory, 0);
	slot_delete(&other);
	CHECK(!shadow_counters(&fixture).erased,
	      "a slot went away that the table has nothing to do with, and it was erased");
	shadow_judge(&fixture, 4);
	shadow_end(&fixture);
}

static void test_slot_moved(const struct test_case *test)
{
	struct shadow_fixture fixture;
	struct memslot *slot;
	u64 gpa;
	int error;

	shadow_begin_known(&fixture, test, 4);
	slot = test->number[1] ? &fixture.backing_slot : &fixture.table_slot;
	gpa = slot->gpa;
	slot->gpa = SHADOW_NOWHERE_GPA;
	error = __slot_set(slot);
	if (!(avic_features(&fixture.avic) & SECMMU_AVIC_HAS_MOVE)) {
		CHECK(error == -EINVAL,
		      "moving a slot while pages are tracked: %s where EINVAL is the rule",
		      errno_name(error));
		slot->gpa = gpa;
		shadow_judge(&fixture, 4);
		shadow_end(&fixture);
		return;
	}
	CHECK(!error, "cannot move a slot: %s", errno_name(error));
	CHECK(shadow_counters(&fixture).erased == 1,
	      "a slot was moved, and the table stays");
	shadow_judge(&fixture, 0);
	if (test->number[1]) {
		avic_sync(&fixture.avic, fixture.table, 4);
		shadow_judge(&fixture, 4);
	} else {
		CHECK(__avic_sync(&fixture.avic, fixture.table, 4) == -ENXIO,
		      "a table can be shadowed that is in no slot");
	}
	slot->gpa = gpa;
	slot_set(slot);
	avic_sync(&fixture.avic, fixture.table, 4);
	if (!test->number[1])
		shadow_judge(&fixture, 4);
	shadow_end(&fixture);
}

/* A page that the guest may only read is no backing page. */
static void test_slot_read_only(const struct test_case *test)
{
	struct shadow_fixture fixture;

	shadow_begin(&fixture, personality_of(test), 3);
	shadow_fill_first(&fixture, 4);
	slot_delete(&fixture.backing_slot);
	fixture.backing_slot.size = fixture.backing_memory.size;
	fixture.backing_slot.flags = KVM_MEM_READONLY;
	slot_set(&fixture.backing_slot);
	avic_sync(&fixture.avic, fixture.table, 4);
	shadow_judge(&fixture, 4);
	CHECK(!avic_read(&fixture.avic, fixture.table, NULL).pins,
	      "pages of a read-only slot are pinned");
	shadow_end(&fixture);
}

/*
 * A table that the guest may only read: what it stores there is not memory's
 * business, and the shadow stays. The RFC maps it for writing, which fails.
 */
static void test_slot_table_read_only(const struct test_case *test)
{
	struct track_list *list;
	struct shadow_fixture fixture;

	shadow_begin(&fixture, personality_of(test), 3);
	shadow_fill_first(&fixture, 4);
	slot_delete(&fixture.table_slot);
	fixture.table_slot.size = fixture.table_memory.size;
	fixture.table_slot.flags = KVM_MEM_READONLY;
	slot_set(&fixture.table_slot);
	if (personality_of(test) == SECMMU_AVIC_RFC) {
		CHECK(__avic_sync(&fixture.avic, fixture.table, 4) == -ENXIO,
		      "the RFC's rules take a table that cannot be written to");
		shadow_end(&fixture);
		return;
	}
	avic_sync(&fixture.avic, fixture.table, 4);
	shadow_judge(&fixture, 4);
	list = track_list_of(fixture.vm->vcpus[0].guest);
	list->count = 1;
	list->op[0] = (struct track_op){
		.kind = TRACK_MOV,
		.size = 8,
		.gva = SHADOW_TABLE_GPA,
		.value = { 0 },
	};
	vcpu_start(&fixture.vm->vcpus[0], track_run, 0);
	vcpu_run(&fixture.vm->vcpus[0], VCPU_OTHER);
	CHECK(!shadow_counters(&fixture).merged &&
		      !shadow_counters(&fixture).erased,
	      "KVM told of a write that has not happened");
	shadow_judge(&fixture, 4);
	shadow_end(&fixture);
}

static void test_slot_logged(const struct test_case *test)
{
	unsigned long *bitmap = bitmap_new(SHADOW_TABLE_PAGES);
	struct shadow_fixture fixture;
	unsigned int i;

	shadow_begin_known(&fixture, test, 4);
	for (i = 0; i < 4; i++) {
		slot_set_flags(&fixture.table_slot,
			       i % 2 ? 0 : KVM_MEM_LOG_DIRTY_PAGES);
		shadow_store(&fixture, 8, 8,
			     i % 2 ? shadow_entry(1) : shadow_running(1, 0));
		shadow_judge(&fixture, 4);
		if (i % 2)
			continue;
		CHECK(!__dirty_get(&fixture.table_slot, bitmap) &&
			      bitmap_test(bitmap, 0),
		      "a write to a table is not in the dirty log");
	}
	CHECK(shadow_counters(&fixture).merged == 4 &&
		      !shadow_counters(&fixture).erased,
	      "dirty logging erased the table, or hid writes to it");
	free(bitmap);
	shadow_end(&fixture);
}

/* By another guest page that has the same memory, nobody is told. */
static void test_slot_alias(const struct test_case *test)
{
	struct track_op op = {
		.kind = TRACK_MOV,
		.size = 8,
		.gva = SHADOW_NOWHERE_GPA + 8,
		.value = { shadow_running(1, 0) },
	};
	struct shadow_fixture fixture;
	struct memslot alias;

	shadow_begin_known(&fixture, test, 4);
	slot_add(fixture.vm, &alias, SLOT_TEST_FIRST + 2, SHADOW_NOWHERE_GPA,
		 &fixture.table_memory, 0);
	vm_map(fixture.vm, alias.gpa, alias.gpa, alias.size, PAGE);
	shadow_run(&fixture, 0, &op, 1);
	CHECK(shadow_entry_of(&fixture, 1, NULL).guest == shadow_entry(1) &&
		      !shadow_counters(&fixture).merged,
	      "KVM told of a write to another page than the tracked one");
	/* The next write by the tracked page is merged into what is known. */
	shadow_store(&fixture, 8, 8, shadow_entry(1));
	shadow_judge(&fixture, 4);
	slot_delete(&alias);
	shadow_judge(&fixture, 4);
	shadow_end(&fixture);
}

/* ---- tables ------------------------------------------------------------ */

/* One shadow for a page; each page its own. */
static void test_references(const struct test_case *test)
{
	struct secmmu_avic_number number;
	struct shadow_fixture fixture;
	unsigned int other;

	shadow_begin_known(&fixture, test, 4);
	CHECK(avic_get(&fixture.avic, SHADOW_TABLE_GPA) == fixture.table,
	      "there are two shadows of one page");
	other = avic_get(&fixture.avic, SHADOW_TABLE_GPA + PAGE);
	CHECK(other != fixture.table, "two pages have one shadow");
	avic_put(&fixture.avic, fixture.table);
	shadow_judge(&fixture, 4);
	avic_put(&fixture.avic, other);
	number = (struct secmmu_avic_number){ .table = other };
	CHECK(__avic_call(fixture.avic.fd, SECMMU_AVIC_PUT, &number) == -ENOENT,
	      "a table is still there that nobody has");
	avic_use(&fixture.avic, fixture.table);
	number = (struct secmmu_avic_number){ .table = fixture.table };
	CHECK(__avic_call(fixture.avic.fd, SECMMU_AVIC_PUT, &number) == -EBUSY,
	      "a table can be put that is in use");
	avic_unuse(&fixture.avic, fixture.table);
	shadow_judge(&fixture, 4);
	shadow_end(&fixture);
}

/* Two tables with the same backing pages: each has its own pins. */
static void test_two_tables(const struct test_case *test)
{
	struct shadow_fixture fixture;
	unsigned int other, i;

	shadow_begin_known(&fixture, test, 4);
	for (i = 0; i < 4; i++)
		shadow_fill(&fixture, ALL + i, shadow_entry(i));
	other = avic_get(&fixture.avic, SHADOW_TABLE_GPA + PAGE);
	avic_sync(&fixture.avic, other, 4);
	CHECK(avic_read(&fixture.avic, other, NULL).pins == 4,
	      "a table does not pin what another pins, too");
	shadow_store(&fixture, PAGE, 8, 0);
	CHECK(shadow_counters(&fixture).erased == 1 &&
		      !avic_read(&fixture.avic, other, NULL).known,
	      "a table was not erased that had to be");
	shadow_judge(&fixture, 4);
	avic_put(&fixture.avic, other);
	shadow_end(&fixture);
}

const struct shadow_rule shadow_slot_rules[] = {
	{ "slot/table_deleted", test_slot_deleted, false, NULL },
	{ "slot/backing_deleted", test_slot_deleted, true, NULL },
	{ "slot/backing_gone", test_slot_gone, 0, NULL },
	{ "slot/other_deleted", test_slot_other, 0, NULL },
	{ "slot/table_moved", test_slot_moved, false, NULL },
	{ "slot/backing_moved", test_slot_moved, true, NULL },
	{ "slot/backing_read_only", test_slot_read_only, 0, NULL },
	{ "slot/table_read_only", test_slot_table_read_only, 0, NULL },
	{ "slot/table_logged", test_slot_logged, 0, NULL },
	{ "slot/alias", test_slot_alias, 0, NULL },
	{ "tables/references", test_references, 0, NULL },
	{ "tables/two", test_two_tables, 0, NULL },
	{ NULL, NULL, 0, NULL },
};
