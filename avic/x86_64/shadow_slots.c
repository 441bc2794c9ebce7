// SPDX-License-Identifier: GPL-2.0-only
/* Slots that come and go under a table, and more than one table. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "bitmap.h"
#include "dirty.h"
#include "report.h"
#include "shadow_rules.h"

/* ---- slots ------------------------------------------------------------- */

static void test_slot_deleted(const struct test_case *test)
{
	struct shadow_scene scene;
	struct memslot *slot;
	u64 size;

	shadow_begin_known(&scene, test, 4);
	slot = test->number[1] ? &scene.backing_slot : &scene.table_slot;
	size = slot->size;
	slot_delete(slot);
	CHECK(shadow_counters(&scene).erased == 1,
	      "a slot went away, and the table stays");
	shadow_judge(&scene, 0);
	if (!test->number[1])
		CHECK(__avic_sync(&scene.avic, scene.table, 4) == -ENXIO,
		      "a table can be shadowed that is in no slot");
	slot->size = size;
	slot_set(slot);
	avic_sync(&scene.avic, scene.table, 4);
	shadow_judge(&scene, 4);
	shadow_store(&scene, 8, 8, shadow_running(1, 0));
	shadow_judge(&scene, 4);
	shadow_end(&scene);
}

/* Without its backing slot, all entries are dummies; the table is followed. */
static void test_slot_gone(const struct test_case *test)
{
	struct shadow_scene scene;

	shadow_begin_known(&scene, test, 4);
	slot_delete(&scene.backing_slot);
	avic_sync(&scene.avic, scene.table, 4);
	shadow_judge(&scene, 4);
	shadow_store(&scene, 8, 8, shadow_entry(1) | 1);
	shadow_judge(&scene, 4);
	CHECK(shadow_counters(&scene).merged == 1,
	      "a write to a dummy entry was not merged");
	shadow_end(&scene);
}

static void test_slot_other(const struct test_case *test)
{
	struct shadow_scene scene;
	struct memslot other;

	shadow_begin_known(&scene, test, 4);
	slot_add(scene.vm, &other, SLOT_TEST_FIRST + 2, SHADOW_NOWHERE_GPA,
		 &scene.backing_memory, 0);
	slot_delete(&other);
	CHECK(!shadow_counters(&scene).erased,
	      "a slot went away that the table has nothing to do with, and it was erased");
	shadow_judge(&scene, 4);
	shadow_end(&scene);
}

static void test_slot_moved(const struct test_case *test)
{
	struct shadow_scene scene;
	struct memslot *slot;
	u64 gpa;
	int error;

	shadow_begin_known(&scene, test, 4);
	slot = test->number[1] ? &scene.backing_slot : &scene.table_slot;
	gpa = slot->gpa;
	slot->gpa = SHADOW_NOWHERE_GPA;
	error = __slot_set(slot);
	if (!(avic_features(&scene.avic) & SECMMU_AVIC_HAS_MOVE)) {
		CHECK(error == -EINVAL,
		      "moving a slot while pages are tracked: %s where EINVAL is the rule",
		      errno_name(error));
		slot->gpa = gpa;
		shadow_judge(&scene, 4);
		shadow_end(&scene);
		return;
	}
	CHECK(!error, "cannot move a slot: %s", errno_name(error));
	CHECK(shadow_counters(&scene).erased == 1,
	      "a slot was moved, and the table stays");
	shadow_judge(&scene, 0);
	if (test->number[1]) {
		avic_sync(&scene.avic, scene.table, 4);
		shadow_judge(&scene, 4);
	} else {
		CHECK(__avic_sync(&scene.avic, scene.table, 4) == -ENXIO,
		      "a table can be shadowed that is in no slot");
	}
	slot->gpa = gpa;
	slot_set(slot);
	avic_sync(&scene.avic, scene.table, 4);
	if (!test->number[1])
		shadow_judge(&scene, 4);
	shadow_end(&scene);
}

/* A page that the guest may only read is no backing page. */
static void test_slot_read_only(const struct test_case *test)
{
	struct shadow_scene scene;

	shadow_begin(&scene, personality_of(test), 3);
	shadow_fill_first(&scene, 4);
	slot_delete(&scene.backing_slot);
	scene.backing_slot.size = scene.backing_memory.size;
	scene.backing_slot.flags = KVM_MEM_READONLY;
	slot_set(&scene.backing_slot);
	avic_sync(&scene.avic, scene.table, 4);
	shadow_judge(&scene, 4);
	CHECK(!avic_read(&scene.avic, scene.table, NULL).pins,
	      "pages of a read-only slot are pinned");
	shadow_end(&scene);
}

/*
 * A table that the guest may only read: what it stores there is not memory's
 * business, and the shadow stays. The RFC maps it for writing, which fails.
 */
static void test_slot_table_read_only(const struct test_case *test)
{
	struct track_list *list;
	struct shadow_scene scene;

	shadow_begin(&scene, personality_of(test), 3);
	shadow_fill_first(&scene, 4);
	slot_delete(&scene.table_slot);
	scene.table_slot.size = scene.table_memory.size;
	scene.table_slot.flags = KVM_MEM_READONLY;
	slot_set(&scene.table_slot);
	if (personality_of(test) == SECMMU_AVIC_RFC) {
		CHECK(__avic_sync(&scene.avic, scene.table, 4) == -ENXIO,
		      "the RFC's rules take a table that cannot be written to");
		shadow_end(&scene);
		return;
	}
	avic_sync(&scene.avic, scene.table, 4);
	shadow_judge(&scene, 4);
	list = track_list_of(scene.vm->vcpus[0].guest);
	list->count = 1;
	list->op[0] = (struct track_op){
		.kind = TRACK_MOV,
		.size = 8,
		.gva = SHADOW_TABLE_GPA,
		.value = { 0 },
	};
	vcpu_start(&scene.vm->vcpus[0], track_run, 0);
	vcpu_run(&scene.vm->vcpus[0], VCPU_OTHER);
	CHECK(!shadow_counters(&scene).merged &&
		      !shadow_counters(&scene).erased,
	      "KVM told of a write that has not happened");
	shadow_judge(&scene, 4);
	shadow_end(&scene);
}

static void test_slot_logged(const struct test_case *test)
{
	unsigned long *bitmap = bitmap_new(SHADOW_TABLE_PAGES);
	struct shadow_scene scene;
	unsigned int i;

	shadow_begin_known(&scene, test, 4);
	for (i = 0; i < 4; i++) {
		slot_set_flags(&scene.table_slot,
			       i % 2 ? 0 : KVM_MEM_LOG_DIRTY_PAGES);
		shadow_store(&scene, 8, 8,
			     i % 2 ? shadow_entry(1) : shadow_running(1, 0));
		shadow_judge(&scene, 4);
		if (i % 2)
			continue;
		CHECK(!__dirty_get(&scene.table_slot, bitmap) &&
			      bitmap_test(bitmap, 0),
		      "a write to a table is not in the dirty log");
	}
	CHECK(shadow_counters(&scene).merged == 4 &&
		      !shadow_counters(&scene).erased,
	      "dirty logging erased the table, or hid writes to it");
	free(bitmap);
	shadow_end(&scene);
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
	struct shadow_scene scene;
	struct memslot alias;

	shadow_begin_known(&scene, test, 4);
	slot_add(scene.vm, &alias, SLOT_TEST_FIRST + 2, SHADOW_NOWHERE_GPA,
		 &scene.table_memory, 0);
	vm_map(scene.vm, alias.gpa, alias.gpa, alias.size, PAGE);
	shadow_run(&scene, 0, &op, 1);
	CHECK(shadow_entry_of(&scene, 1, NULL).guest == shadow_entry(1) &&
		      !shadow_counters(&scene).merged,
	      "KVM told of a write to another page than the tracked one");
	/* The next write by the tracked page is merged into what is known. */
	shadow_store(&scene, 8, 8, shadow_entry(1));
	shadow_judge(&scene, 4);
	slot_delete(&alias);
	shadow_judge(&scene, 4);
	shadow_end(&scene);
}

/* ---- tables ------------------------------------------------------------ */

/* One shadow for a page; each page its own. */
static void test_references(const struct test_case *test)
{
	struct secmmu_avic_number number;
	struct shadow_scene scene;
	unsigned int other;

	shadow_begin_known(&scene, test, 4);
	CHECK(avic_get(&scene.avic, SHADOW_TABLE_GPA) == scene.table,
	      "there are two shadows of one page");
	other = avic_get(&scene.avic, SHADOW_TABLE_GPA + PAGE);
	CHECK(other != scene.table, "two pages have one shadow");
	avic_put(&scene.avic, scene.table);
	shadow_judge(&scene, 4);
	avic_put(&scene.avic, other);
	number = (struct secmmu_avic_number){ .table = other };
	CHECK(__avic_call(scene.avic.fd, SECMMU_AVIC_PUT, &number) == -ENOENT,
	      "a table is still there that nobody has");
	avic_use(&scene.avic, scene.table);
	number = (struct secmmu_avic_number){ .table = scene.table };
	CHECK(__avic_call(scene.avic.fd, SECMMU_AVIC_PUT, &number) == -EBUSY,
	      "a table can be put that is in use");
	avic_unuse(&scene.avic, scene.table);
	shadow_judge(&scene, 4);
	shadow_end(&scene);
}

/* Two tables with the same backing pages: each has its own pins. */
static void test_two_tables(const struct test_case *test)
{
	struct shadow_scene scene;
	unsigned int other, i;

	shadow_begin_known(&scene, test, 4);
	for (i = 0; i < 4; i++)
		shadow_fill(&scene, ALL + i, shadow_entry(i));
	other = avic_get(&scene.avic, SHADOW_TABLE_GPA + PAGE);
	avic_sync(&scene.avic, other, 4);
	CHECK(avic_read(&scene.avic, other, NULL).pins == 4,
	      "a table does not pin what another pins, too");
	shadow_store(&scene, PAGE, 8, 0);
	CHECK(shadow_counters(&scene).erased == 1 &&
		      !avic_read(&scene.avic, other, NULL).known,
	      "a table was not erased that had to be");
	shadow_judge(&scene, 4);
	avic_put(&scene.avic, other);
	shadow_end(&scene);
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
