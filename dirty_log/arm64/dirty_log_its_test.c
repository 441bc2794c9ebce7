// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM itself writes guest memory while no vCPU runs: an ITS's tables, and which
 * LPIs are pending, when they are saved for a migration. The page is in the dirty log: in the bitmap, which
 * is what a bitmap beside the rings is for. (A VM with rings and no such bitmap
 * has nowhere to note it; api.rst 7.36 says so.)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bitmap.h"
#include "core/cases.h"
#include "dirty/exact.h"
#include "its.h"
#include "dirty/mirror.h"
#include "core/report.h"
#include "kvm/writer.h"

#include "dirty/dirty_vm.h"
#include "dirty/write_sets.h"

#define SLOT_BYTES (2UL << 20)
/* The table is written so many times, by KVM and by the guest. */
#define ROUNDS 3
/* Another page, which only the guest writes. */
#define GUEST_PAGE 3

struct saved {
	struct dirty_vm fixture;
	struct its its;
	struct dirty_slot *watched;
	struct mirror *mirror;
	unsigned long *written;
	size_t table_page;
};

static void store(struct saved *saved, struct writer_list *list)
{
	dirty_vm_store(&saved->fixture, 0, list);
}

static void store_whole(struct saved *saved)
{
	struct writer_list list = { 0 };

	write_set_whole(&list, saved->watched->slot);
	store(saved, &list);
}

static void store_page(struct saved *saved, size_t page)
{
	struct writer_list list = { .count = 1 };

	list.store[0] = (struct writer_store){
		.gva = saved->watched->slot->gpa +
		       page * saved->fixture.vm->page_size,
		.count = 1,
	};
	store(saved, &list);
	bitmap_set(saved->written, page);
}

/* What was harvested is what is in saved->written; begin anew. */
static void judge(struct saved *saved, const char *what)
{
	exact_judge(what, saved->written, saved->watched->fresh,
		    saved->watched->pages);
	mirror_take(saved->mirror, saved->watched->fresh);
	bitmap_zero(saved->written, saved->watched->pages);
}

static void create(struct saved *saved, const struct test_case *test)
{
	const struct dirty_vm_config config = {
		.mode = test->number[0],
		.backing = BACKING_ANONYMOUS,
		.vcpus = 1,
		.slots = 1,
		.slot_bytes = SLOT_BYTES,
	};
	size_t page_size;

	memset(saved, 0, sizeof(*saved));
	dirty_vm_init(&saved->fixture, &config);
	its_create(saved->fixture.vm, &saved->its);
	page_size = saved->fixture.vm->page_size;
	saved->watched = saved->fixture.watched[0];
	saved->table_page = SLOT_BYTES / 2 / page_size;
	saved->mirror = mirror_new("the slot", saved->watched->slot->hva,
				   saved->watched->pages, page_size);
	saved->written = bitmap_new(saved->watched->pages);
}

static void setup(struct saved *saved, const struct test_case *test)
{
	create(saved, test);
	its_place_collections(&saved->its,
			      saved->watched->slot->gpa +
				      saved->table_page *
					      saved->fixture.vm->page_size);
}

static void teardown(struct saved *saved)
{
	free(saved->written);
	mirror_free(saved->mirror);
	its_destroy(&saved->its);
	dirty_vm_destroy(&saved->fixture);
}

static void save_tables(struct saved *saved)
{
	const volatile u64 *table =
		(const void *)((const char *)saved->watched->slot->hva +
			       saved->table_page *
				       saved->fixture.vm->page_size);

	CHECK(*table, "the guest's store has not reached the table");
	its_save_tables(&saved->its);
	CHECK(!*table,
	      "KVM_DEV_ARM_ITS_SAVE_TABLES did not end the table of collections");
	bitmap_set(saved->written, saved->table_page);
}

static void enable(struct saved *saved)
{
	dirty_enable(saved->fixture.dirty, saved->watched);
	mirror_copy_all(saved->mirror);
	if (saved->fixture.config.mode != DIRTY_MODE_CLEAR_INITIALLY_SET)
		return;
	bitmap_fill(saved->written, saved->watched->pages);
	dirty_harvest(saved->fixture.dirty, saved->watched, NULL);
	judge(saved, "KVM_DIRTY_LOG_INITIALLY_SET, first clear");
}

static void test_saved(const struct test_case *test)
{
	struct saved saved;
	unsigned int round;

	setup(&saved, test);
	store_whole(&saved);
	enable(&saved);

	for (round = 0; round < ROUNDS; round++) {
		/* The table's page was re-protected by the last harvest. */
		store_page(&saved, GUEST_PAGE);
		store_page(&saved, saved.table_page);
		dirty_harvest(saved.fixture.dirty, saved.watched, NULL);
		judge(&saved, "written by the guest");

		store_page(&saved, GUEST_PAGE);
		save_tables(&saved);
		dirty_harvest_final(saved.fixture.dirty, saved.watched);
		judge(&saved, "tables saved");
		mirror_judge(saved.mirror);
	}
	teardown(&saved);
}

/* LPIs whose bits are 4 KiB apart: two pages, where pages are that small. */
static const u32 lpis[] = { ITS_LPI_FIRST, ITS_LPI_FIRST + 8 * 4096 };

#define LPIS (ARRAY_SIZE(lpis))

/* Make them pending or not, and have that saved. */
static void save_pending(struct saved *saved, bool pending)
{
	unsigned long *commands = bitmap_new(saved->watched->pages);
	size_t page_size = saved->fixture.vm->page_size, i;
	const volatile u8 *table = (const u8 *)saved->watched->slot->hva +
				   saved->table_page * page_size + ITS_PENDING;

	for (i = 0; i < LPIS; i++) {
		its_set_pending(&saved->its, i, pending);
		bitmap_set(saved->written,
			   saved->table_page +
				   (ITS_PENDING + lpis[i] / 8) / page_size);
	}
	/* The host has written commands, which is not logged. */
	bitmap_set(commands, saved->table_page);
	mirror_take(saved->mirror, commands);
	free(commands);
	its_save_pending(&saved->its);
	for (i = 0; i < LPIS; i++)
		CHECK((table[lpis[i] / 8] >> lpis[i] % 8 & 1) == pending,
		      "KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES stored that LPI %u is %s pending",
		      lpis[i], pending ? "not" : "still");
}

static void test_pending(const struct test_case *test)
{
	struct saved saved;
	unsigned int round;
	size_t offset;

	create(&saved, test);
	store_whole(&saved);
	offset = saved.table_page * saved.fixture.vm->page_size;
	memset((char *)saved.watched->slot->hva + offset, 0, ITS_LPI_BYTES);
	its_enable_lpis(&saved.its, (char *)saved.watched->slot->hva + offset,
			saved.watched->slot->gpa + offset, lpis, LPIS);
	enable(&saved);
	for (round = 0; round < 2 * ROUNDS; round++) {
		store_page(&saved, GUEST_PAGE);
		save_pending(&saved, round % 2 == 0);
		dirty_harvest_final(saved.fixture.dirty, saved.watched);
		judge(&saved, "pending tables saved");
		mirror_judge(saved.mirror);
	}
	teardown(&saved);
}

static void add_case(struct test_case *cases, size_t *count, size_t max,
		     void (*run)(const struct test_case *), const char *name,
		     enum dirty_mode mode)
{
	struct test_case *test = case_add(cases, count, max, run);

	test->number[0] = mode;
	snprintf(test->name, sizeof(test->name), "%s/%s", name,
		 dirty_mode_name(mode));
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	static const enum dirty_mode modes[] = {
		DIRTY_MODE_LOG,
		DIRTY_MODE_CLEAR,
		DIRTY_MODE_CLEAR_INITIALLY_SET,
		DIRTY_MODE_RING_BITMAP,
	};
	size_t count = 0, i;

	(void)options;
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		add_case(cases, &count, max, test_saved, "tables_saved",
			 modes[i]);
		add_case(cases, &count, max, test_pending, "pending_saved",
			 modes[i]);
	}
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "dirty_log_its_test",
		.summary =
			"what KVM writes while no vCPU runs is in the dirty log",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
