// SPDX-License-Identifier: GPL-2.0-only
/* Ways by which pages are written, or are not, on every architecture. */
#include <stdlib.h>

#include "core/bitmap.h"
#include "dirty/exact.h"
#include "core/report.h"
#include "write_vm.h"
#include "kvm/walk.h"
#include "write_methods_guest.h"

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
static void act_host(struct write_vm *fixture)
{
	size_t first[TARGETS_MAX], count, i;
	unsigned long *pages = bitmap_new(fixture->pages);
	size_t changed;

	count = write_vm_targets(fixture, 1, first, TARGETS_MAX);
	for (i = 0; i < count; i++) {
		volatile u64 *word =
			(volatile u64 *)((char *)fixture->slot->hva +
					 first[i] * fixture->page_size);

		*word += 1;
		bitmap_set(pages, first[i]);
	}
	changed = mirror_take(fixture->mirror, pages);
	CHECK(changed == bitmap_count(pages, fixture->pages),
	      "the host wrote %zu pages, %zu have changed",
	      bitmap_count(pages, fixture->pages), changed);
	free(pages);
}

static void need_read_only(struct write_vm *fixture)
{
	if (!vm_check_extension(fixture->exact.fixture.vm,
				KVM_CAP_READONLY_MEM))
		skip("KVM_CAP_READONLY_MEM", "use x86 or arm64");
}

static void prepare_read_only(struct write_vm *fixture)
{
	u64 gpa = fixture->slot->gpa;

	/* The flag cannot be changed (kvm_set_memory_region()). */
	slot_delete(fixture->slot);
	slot_add(fixture->exact.fixture.vm, fixture->slot, SLOT_TEST_FIRST, gpa,
		 &fixture->exact.fixture.backing[0], KVM_MEM_READONLY);
}

static void expect_mmio_write(struct write_vm *fixture, enum vcpu_event event)
{
	char text[256];
	u64 gpa;

	CHECK(event == VCPU_OTHER && vcpu_mmio(fixture->vcpu, &gpa) &&
		      fixture->vcpu->run->mmio.is_write &&
		      gpa >= fixture->slot->gpa &&
		      gpa < fixture->slot->gpa + fixture->slot->size,
	      "a store to a read-only slot is no exit for MMIO: %s",
	      vcpu_exit_text(fixture->vcpu, text, sizeof(text)));
}

/* Stores to pages that are not mapped, and to pages that are mapped for reading. */
static void act_read_only(struct write_vm *fixture)
{
	size_t first[TARGETS_MAX], count, i;
	unsigned int exits, mapped;

	for (mapped = 0; mapped < 2; mapped++) {
		if (mapped)
			write_vm_access(fixture, WRITER_LOAD, 0, fixture->pages,
					0);
		count = write_vm_targets(fixture, 1, first, TARGETS_MAX);
		for (i = 0; i < count; i++) {
			exits = write_vm_run_exits(fixture, write_method_store,
						   write_vm_address(fixture,
								    first[i]),
						   expect_mmio_write);
			CHECK(exits == 1,
			      "a store to page %zu of a read-only slot made %u exits",
			      first[i], exits);
		}
	}
	write_vm_unmap(fixture);
}

/* Pages that were written and harvested are mapped, and write-protected. */
static void access_present(struct write_vm *fixture, enum writer_access access)
{
	unsigned int attempts = arch_reports_absent() ? PRESENT_ATTEMPTS : 1;
	unsigned int attempt;

	for (attempt = 0; attempt < attempts; attempt++) {
		write_vm_store_all(fixture);
		write_vm_access(fixture, access, 0, fixture->pages, 0);
		write_vm_harvest(fixture);
		if (bitmap_empty(fixture->exact.watched->fresh, fixture->pages))
			return;
	}
	exact_judge(fixture->method->name, fixture->exact.written,
		    fixture->exact.watched->fresh, fixture->pages);
}

static void act_load_present(struct write_vm *fixture)
{
	access_present(fixture, WRITER_LOAD);
}

static void act_fetch_present(struct write_vm *fixture)
{
	access_present(fixture, WRITER_FETCH);
}

static void need_walk(struct write_vm *fixture)
{
	walk_need(fixture->vcpu);
}

static struct walk *walk_of(struct write_vm *fixture)
{
	return (struct walk *)fixture->vcpu->guest->test;
}

static void prepare_walk(struct write_vm *fixture)
{
	struct walk *walk = walk_of(fixture);
	u64 table[WALK_LEVELS_MAX];
	unsigned int i;

	for (i = 0; i < WALK_LEVELS_MAX; i++)
		table[i] = write_vm_address(fixture, table_pages[i]);
	walk_build(fixture->vcpu, walk, fixture->slot, table,
		   write_vm_address(fixture, WALK_TARGET));
}

static void must_tables(struct write_vm *fixture, unsigned int first_level)
{
	const struct walk *walk = walk_of(fixture);
	unsigned int i;

	for (i = first_level; i < walk->levels; i++)
		write_vm_must(fixture, table_pages[i]);
}

/*
 * KVM: FNAME(update_accessed_dirty_bits)() where it walks itself; else the CPU's
 * walk is a write to the tables' pages, or a stage 2 fault on one (arm64,
 * kvm_is_write_fault()).
 */
static void act_walk_accessed(struct write_vm *fixture)
{
	const struct walk *walk = walk_of(fixture);

	must_tables(fixture, walk->accessed_from);
	write_vm_run(fixture, walk_reset, 0);
	write_vm_judge(fixture, "the guest has taken the flags away", true);
	must_tables(fixture, walk->accessed_from);
	write_vm_run(fixture, walk_read, 0);
}

static void act_walk_dirty(struct write_vm *fixture)
{
	const struct walk *walk = walk_of(fixture);
	unsigned int i;

	act_walk_accessed(fixture);
	write_vm_judge(fixture, "accessed flags", false);
	must_tables(fixture, walk->levels - 1);
	write_vm_must(fixture, WALK_TARGET);
	/* AMD: a nested walk is a write to every table (APM volume 2, 15.25.5). */
	for (i = 0; walk->walk_writes && i < walk->levels; i++)
		write_vm_may(fixture, table_pages[i]);
	write_vm_run(fixture, walk_write, 0);
}

static const struct write_method methods[] = {
	{ .name = "plain",
	  .plan = "a plain store",
	  .function = write_method_store,
	  .pages = 1,
	  .offset = 8 },
	{ .name = "plain_straddle",
	  .plan = "a plain store across pages, bitmap words and huge pages",
	  .function = write_method_store,
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
	  .prepare = write_vm_lay_code,
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

const struct write_method_table *common_methods(void)
{
	static const struct write_method_table table = WRITE_METHOD_TABLE(
		methods);

	return &table;
}
