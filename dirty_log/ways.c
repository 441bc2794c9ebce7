// SPDX-License-Identifier: GPL-2.0-only
/* Ways by which pages are written, or are not, on every architecture. */
#include <stdlib.h>

#include "bitmap.h"
#include "exact.h"
#include "report.h"
#include "stage.h"
#include "walk.h"
#include "ways_guest.h"

#define TARGETS_MAX 8
/*
 * An MMU notifier may take a mapping away in between, so often at most: it matters
 * where absent pages are reported.
 */
#define PRESENT_ATTEMPTS 3

/* Pages for the guest's page tables, one in each word of the bitmap and more. */
static const size_t table_pages[WALK_LEVELS_MAX] = { 8, 63, 64, 130 };
#define WALK_TARGET 200

/* The dirty log is of what guests write: api.rst 4.8 and mark_page_dirty(). */
static void act_host(struct stage *stage)
{
	size_t first[TARGETS_MAX], count, i;
	unsigned long *pages = bitmap_new(stage->pages);
	size_t changed;

	count = stage_targets(stage, 1, first, TARGETS_MAX);
	for (i = 0; i < count; i++) {
		volatile u64 *word = (volatile u64 *)((char *)stage->slot->hva +
						      first[i] *
							      stage->page_size);

		*word += 1;
		bitmap_set(pages, first[i]);
	}
	changed = mirror_take(stage->mirror, pages);
	CHECK(changed == bitmap_count(pages, stage->pages),
	      "the host wrote %zu pages, %zu have changed",
	      bitmap_count(pages, stage->pages), changed);
	free(pages);
}

static void need_read_only(struct stage *stage)
{
	if (!vm_check_extension(stage->exact.scene.vm, KVM_CAP_READONLY_MEM))
		skip("KVM_CAP_READONLY_MEM", "use x86 or arm64");
}

static void prepare_read_only(struct stage *stage)
{
	u64 gpa = stage->slot->gpa;

	/* The flag cannot be changed (kvm_set_memory_region()). */
	slot_delete(stage->slot);
	slot_add(stage->exact.scene.vm, stage->slot, SLOT_TEST_FIRST, gpa,
		 &stage->exact.scene.backing[0], KVM_MEM_READONLY);
}

static void expect_mmio_write(struct stage *stage, enum vcpu_event event)
{
	char text[256];
	u64 gpa;

	CHECK(event == VCPU_OTHER && vcpu_mmio(stage->vcpu, &gpa) &&
		      stage->vcpu->run->mmio.is_write &&
		      gpa >= stage->slot->gpa &&
		      gpa < stage->slot->gpa + stage->slot->size,
	      "a store to a read-only slot is no exit for MMIO: %s",
	      vcpu_exit_text(stage->vcpu, text, sizeof(text)));
}

/* Stores to pages that are not mapped, and to pages that are mapped for reading. */
static void act_read_only(struct stage *stage)
{
	size_t first[TARGETS_MAX], count, i;
	unsigned int exits, mapped;

	for (mapped = 0; mapped < 2; mapped++) {
		if (mapped)
			stage_access(stage, WRITER_LOAD, 0, stage->pages, 0);
		count = stage_targets(stage, 1, first, TARGETS_MAX);
		for (i = 0; i < count; i++) {
			exits = stage_run_exits(stage, way_store,
						stage_address(stage, first[i]),
						expect_mmio_write);
			CHECK(exits == 1,
			      "a store to page %zu of a read-only slot made %u exits",
			      first[i], exits);
		}
	}
	stage_unmap(stage);
}

/* Pages that were written and harvested are mapped, and write-protected. */
static void access_present(struct stage *stage, enum writer_access access)
{
	unsigned int attempts = arch_reports_absent() ? PRESENT_ATTEMPTS : 1;
	unsigned int attempt;

	for (attempt = 0; attempt < attempts; attempt++) {
		stage_store_all(stage);
		stage_access(stage, access, 0, stage->pages, 0);
		stage_harvest(stage);
		if (bitmap_empty(stage->exact.watched->fresh, stage->pages))
			return;
	}
	exact_judge(stage->way->name, stage->exact.written,
		    stage->exact.watched->fresh, stage->pages);
}

static void act_load_present(struct stage *stage)
{
	access_present(stage, WRITER_LOAD);
}

static void act_fetch_present(struct stage *stage)
{
	access_present(stage, WRITER_FETCH);
}

static void need_walk(struct stage *stage)
{
	walk_need(stage->vcpu);
}

static struct walk *walk_of(struct stage *stage)
{
	return (struct walk *)stage->vcpu->guest->test;
}

static void prepare_walk(struct stage *stage)
{
	struct walk *walk = walk_of(stage);
	u64 table[WALK_LEVELS_MAX];
	unsigned int i;

	for (i = 0; i < WALK_LEVELS_MAX; i++)
		table[i] = stage_address(stage, table_pages[i]);
	walk_build(stage->vcpu, walk, stage->slot, table,
		   stage_address(stage, WALK_TARGET));
}

static void must_tables(struct stage *stage, unsigned int first_level)
{
	const struct walk *walk = walk_of(stage);
	unsigned int i;

	for (i = first_level; i < walk->levels; i++)
		stage_must(stage, table_pages[i]);
}

/*
 * KVM: FNAME(update_accessed_dirty_bits)() where it walks itself; else the CPU's
 * walk is a write to the tables' pages, or a stage 2 fault on one (arm64,
 * kvm_is_write_fault()).
 */
static void act_walk_accessed(struct stage *stage)
{
	const struct walk *walk = walk_of(stage);

	must_tables(stage, walk->accessed_from);
	stage_run(stage, walk_reset, 0);
	stage_judge(stage, "the guest has taken the flags away", true);
	must_tables(stage, walk->accessed_from);
	stage_run(stage, walk_read, 0);
}

static void act_walk_dirty(struct stage *stage)
{
	const struct walk *walk = walk_of(stage);
	unsigned int i;

	act_walk_accessed(stage);
	stage_judge(stage, "accessed flags", false);
	must_tables(stage, walk->levels - 1);
	stage_must(stage, WALK_TARGET);
	/* AMD: a nested walk is a write to every table (APM volume 2, 15.25.5). */
	for (i = 0; walk->walk_writes && i < walk->levels; i++)
		stage_may(stage, table_pages[i]);
	stage_run(stage, walk_write, 0);
}

static const struct way ways[] = {
	{ .name = "plain",
	  .plan = "a plain store",
	  .function = way_store,
	  .pages = 1,
	  .offset = 8 },
	{ .name = "plain_straddle",
	  .plan = "a plain store across pages, bitmap words and huge pages",
	  .function = way_store,
	  .pages = 2,
	  .offset = -4 },
	{ .name = "host",
	  .plan = "what the host's user space writes is not logged",
	  .act = act_host },
	{ .name = "read_only",
	  .plan = "a store to a read-only slot is an exit, and is not logged",
	  .need = need_read_only,
	  .prepare = prepare_read_only,
	  .act = act_read_only },
	{ .name = "load_present",
	  .plan = "a load from a mapped page is not logged",
	  .act = act_load_present },
	{ .name = "fetch_present",
	  .plan = "executing from a mapped page is not logged",
	  .prepare = stage_lay_code,
	  .act = act_fetch_present },
	{ .name = "walker_accessed",
	  .plan = "accessed flags in the guest's page tables",
	  .need = need_walk,
	  .prepare = prepare_walk,
	  .act = act_walk_accessed },
	{ .name = "walker_dirty",
	  .plan = "dirty flags in the guest's page tables",
	  .need = need_walk,
	  .prepare = prepare_walk,
	  .act = act_walk_dirty },
};

const struct way_table *common_ways(void)
{
	static const struct way_table table = WAY_TABLE(ways);

	return &table;
}
