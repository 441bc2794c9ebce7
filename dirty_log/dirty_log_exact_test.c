// SPDX-License-Identifier: GPL-2.0-only
/*
 * Known write sets come back from the dirty log to the page: nothing missing,
 * nothing extra, on every backing, for every harvester. And huge mappings
 * dissolve while logged and come back afterwards.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bitmap.h"
#include "core/cases.h"
#include "dirty/exact.h"
#include "exact_vm.h"
#include "dirty/mapping.h"
#include "core/options.h"
#include "core/report.h"
#include "dirty/write_sets.h"

#define SLOT_BYTES (4UL << 20)
/* The sets of a check's second run, from the end of the list. */
#define CHECK_SETS 3

/* Touches until huge mappings must be back. */
#define RECOVERY_ATTEMPTS 3

/* Write every page, and see by what mappings. */
static void measure(struct exact *exact, struct mapping_sizes *sizes)
{
	mapping_probe_begin(&exact->probe);
	exact_store_whole(exact);
	mapping_probe_end(&exact->probe, exact->watched->slot, 1,
			  exact->fixture.vm->page_size, sizes);
}

/* Where faults tell the sizes of mappings, every page has to fault. */
static void protect(struct exact *exact)
{
	if (!exact->probe.by_faults)
		return;
	dirty_enable(exact->fixture.dirty, exact->watched);
	dirty_harvest(exact->fixture.dirty, exact->watched, NULL);
	dirty_disable(exact->fixture.dirty, exact->watched);
}

/* Writes every page for the first time: no fault of another kind later. */
static void check_before(struct exact *exact, struct mapping_sizes *sizes)
{
	const struct dirty_vm *fixture = &exact->fixture;
	char text[128];

	measure(exact, sizes);
	if (!sizes->known || !fixture->host_huge[0])
		return;
	if (mapping_huge_pages(sizes) < fixture->huge_pages[0]) {
		/* As in check_recovered(): once more. */
		protect(exact);
		measure(exact, sizes);
	}
	/* Else the mapping-size oracle below would judge nothing. */
	CHECK(mapping_huge_pages(sizes) >= fixture->huge_pages[0],
	      "the host maps all %llu huge pages of the slot huge, but not the guest: %s",
	      fixture->huge_pages[0], mapping_text(sizes, text, sizeof(text)));
}

/* Writes every page; before that, all were harvested and so protected. */
static void check_logged(struct exact *exact)
{
	const struct dirty_vm *fixture = &exact->fixture;
	struct mapping_sizes sizes;
	char text[128];

	measure(exact, &sizes);
	CHECK(mapping_logged_ok(&sizes, fixture->huge_pages[0],
				fixture->huge_pages[0]),
	      "every page was written while logged, but the slot has %s",
	      mapping_text(&sizes, text, sizeof(text)));
}

static void check_recovered(struct exact *exact,
			    const struct mapping_sizes *before)
{
	struct mapping_sizes after;
	char text[2][128];
	unsigned int attempt;

	/*
	 * An MMU notifier may take a mapping away at any moment: with two nodes
	 * NUMA balancing does (change_prot_numa()). So touch again; where huge
	 * mappings have not come back, no touch brings them.
	 */
	for (attempt = 0; attempt < RECOVERY_ATTEMPTS; attempt++) {
		if (attempt)
			protect(exact);
		measure(exact, &after);
		if (mapping_recovered(before, &after))
			break;
	}
	CHECK(mapping_recovered(before, &after),
	      "huge mappings did not come back after logging: before %s; after %s",
	      mapping_text(before, text[0], sizeof(text[0])),
	      mapping_text(&after, text[1], sizeof(text[1])));
}

/* All sets, or so many from the end of the list. */
static void run_sets(struct exact *exact, size_t only)
{
	const struct write_set *sets;
	size_t count, i;

	sets = write_sets(&count);
	for (i = only && only < count ? count - only : 0; i < count; i++) {
		struct writer_list list = { 0 };

		sets[i].fill(&list, exact->watched->slot, &exact->random);
		bitmap_zero(exact->written, exact->watched->pages);
		write_set_pages(&list, exact->watched->slot, exact->written);
		exact_store(exact, &list);
		exact_expect(exact, sets[i].name);
	}
	exact_expect_nothing(exact, "second harvest");
	/*
	 * A bitmap beside the ring is for what no vCPU wrote
	 * (mark_page_dirty_in_slot()), and here vCPUs wrote everything.
	 */
	dirty_harvest_final(exact->fixture.dirty, exact->watched);
	exact_judge("final harvest", exact->written, exact->watched->fresh,
		    exact->watched->pages);
}

static void test_sets(const struct test_case *test)
{
	struct mapping_sizes before;
	struct exact exact;

	exact_setup(&exact, test);
	check_before(&exact, &before);

	exact_enable(&exact);
	exact_expect_nothing(&exact, "written before logging began");
	run_sets(&exact, 0);
	check_logged(&exact);

	/*
	 * With every page written, nothing faults after logging but for what
	 * the end of logging did (kvm_mmu_zap_collapsible_sptes()). Where it
	 * does nothing, all must fault: every page harvested, none written.
	 */
	if (exact.probe.by_faults) {
		bitmap_fill(exact.written, exact.watched->pages);
		exact_expect(&exact, "every page before logging ends");
	}
	dirty_disable(exact.fixture.dirty, exact.watched);
	check_recovered(&exact, &before);

	/* And once more: what was written in between is not reported. */
	exact_enable(&exact);
	exact_expect_nothing(&exact, "written while logging was off");
	run_sets(&exact, options()->mode == MODE_CHECK ? CHECK_SETS : 0);
	check_logged(&exact);
	exact_teardown(&exact);
}

/*
 * Partial clears: what is not cleared stays dirty, what is cleared is gone, and
 * the whole is what was written.
 */
static void test_partial_clear(const struct test_case *test)
{
	unsigned long *seen, *all;
	struct writer_list list = { 0 };
	struct exact exact;
	size_t pages;
	int round;

	exact_setup(&exact, test);
	pages = exact.watched->pages;
	seen = bitmap_new(pages);
	all = bitmap_new(pages);
	exact_store_whole(&exact);
	exact_enable(&exact);
	exact_expect_nothing(&exact, "written before logging began");

	exact_store_whole(&exact);
	write_set_whole(&list, exact.watched->slot);
	write_set_pages(&list, exact.watched->slot, all);
	for (round = 0; round < 4; round++) {
		dirty_harvest(exact.fixture.dirty, exact.watched,
			      &exact.random);
		bitmap_zero(exact.written, pages);
		bitmap_or(exact.written, seen, pages);
		bitmap_and(exact.written, exact.watched->fresh, pages);
		CHECK(bitmap_empty(exact.written, pages),
		      "page %zu was cleared and is dirty again though nobody wrote it",
		      bitmap_next(exact.written, pages, 0));
		bitmap_or(seen, exact.watched->fresh, pages);
	}
	dirty_harvest(exact.fixture.dirty, exact.watched, NULL);
	bitmap_or(seen, exact.watched->fresh, pages);
	exact_judge("all partial clears together", all, seen, pages);
	exact_expect_nothing(&exact, "after all partial clears");
	free(all);
	free(seen);
	exact_teardown(&exact);
}

/* Wrong arguments get their errno (api.rst 4.117) and change nothing. */
static void test_clear_arguments(const struct test_case *test)
{
	struct writer_list list = { 0 };
	unsigned long *ones;
	struct exact exact;
	struct memslot *slot;
	size_t pages, i;

	exact_setup(&exact, test);
	slot = exact.watched->slot;
	pages = exact.watched->pages;
	ones = bitmap_new(pages + 256);
	bitmap_fill(ones, pages + 256);
	exact_store_whole(&exact);
	exact_enable(&exact);
	exact_store_whole(&exact);

	const struct {
		const char *what;
		u32 slot;
		u64 first;
		u64 count;
		int error;
	} wrong[] = {
		{ "first page 1", slot->id, 1, 64, -EINVAL },
		{ "first page 63", slot->id, 63, 64, -EINVAL },
		{ "63 pages, not at the end", slot->id, 0, 63, -EINVAL },
		{ "1 page, not at the end", slot->id, 64, 1, -EINVAL },
		{ "65 pages, not at the end", slot->id, 0, 65, -EINVAL },
		{ "one word beyond the slot", slot->id, 0,
		  (pages + 127) / 64 * 64, -EINVAL },
		{ "first page behind the slot", slot->id,
		  (pages + 127) / 64 * 64, 64, -EINVAL },
		{ "first page far away", slot->id, 1ULL << 60, 64, -EINVAL },
		{ "a slot that does not exist", slot->id + 100, 0, 64,
		  -ENOENT },
		{ "a slot that is not logged", SLOT_CONTROL, 0, 64, -ENOENT },
		{ "a slot number out of range", 0xffff, 0, 64, -EINVAL },
		{ "an address space that does not exist", 0x70000 | slot->id, 0,
		  64, -EINVAL },
	};

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		int error = __dirty_clear(exact.fixture.vm, wrong[i].slot,
					  wrong[i].first, wrong[i].count, ones);

		CHECK(error == wrong[i].error,
		      "KVM_CLEAR_DIRTY_LOG with %s: %s where %s is documented",
		      wrong[i].what, error ? errno_name(-error) : "success",
		      errno_name(-wrong[i].error));
	}
	/* Every page is still dirty. */
	write_set_whole(&list, slot);
	bitmap_zero(exact.written, pages);
	write_set_pages(&list, slot, exact.written);
	exact_expect(&exact, "after refused clears");
	free(ones);
	exact_teardown(&exact);
}

/* Logging off: there is no log to read or to clear. */
static void test_not_logged(const struct test_case *test)
{
	unsigned long *bitmap;
	struct exact exact;
	int error;

	exact_setup(&exact, test);
	bitmap = bitmap_new(exact.watched->pages);
	error = __dirty_get(exact.watched->slot, bitmap);
	CHECK(error == -ENOENT,
	      "KVM_GET_DIRTY_LOG of a slot that is not logged: %s where ENOENT is documented",
	      error ? errno_name(-error) : "success");
	exact_enable(&exact);
	dirty_disable(exact.fixture.dirty, exact.watched);
	error = __dirty_get(exact.watched->slot, bitmap);
	CHECK(error == -ENOENT,
	      "KVM_GET_DIRTY_LOG after logging was disabled: %s where ENOENT is documented",
	      error ? errno_name(-error) : "success");
	free(bitmap);
	exact_teardown(&exact);
}

static struct test_case *add_case(struct test_case *cases, size_t *count,
				  size_t max,
				  void (*run)(const struct test_case *),
				  const char *name)
{
	struct test_case *test = case_add(cases, count, max, run);

	snprintf(test->name, sizeof(test->name), "%s", name);
	return test;
}

/*
 * Stage 2 does not care by what tables the guest comes to an address: the sets
 * once more with each granule that the guest can have.
 */
static void add_granules(struct test_case *cases, size_t *count, size_t max)
{
	static const enum backing_kind kinds[] = { BACKING_ANONYMOUS_THP,
						   BACKING_ANONYMOUS };
	size_t granules, i;
	const u64 *granule = vm_granules(&granules);

	for (i = 0; granules > 1 && i < granules; i++) {
		enum dirty_mode mode = i % 2 ? DIRTY_MODE_CLEAR :
					       DIRTY_MODE_LOG;
		enum backing_kind kind = kinds[i % 2];
		char name[CASE_NAME_MAX];
		struct test_case *test;

		snprintf(name, sizeof(name), "granule/%lluk/%s/%s",
			 granule[i] >> 10, dirty_mode_name(mode),
			 backing_name(kind));
		test = add_case(cases, count, max, test_sets, name);
		test->number[DIRTY_VM_MODE] = mode;
		test->number[DIRTY_VM_BACKING] = kind;
		test->number[DIRTY_VM_GEOMETRY] = GEOMETRY_ALIGNED;
		test->number[EXACT_GRANULE] = granule[i];
	}
}

/*
 * Huge mappings that are split when logging begins, or by the first clear
 * (kvm_mmu_split_memory_region(), kvm_arch_mmu_enable_log_dirty_pt_masked()).
 */
static void add_eager_splits(struct test_case *cases, size_t *count, size_t max)
{
	static const enum dirty_mode modes[] = {
		DIRTY_MODE_LOG,
		DIRTY_MODE_CLEAR_INITIALLY_SET,
		DIRTY_MODE_RING_BITMAP,
	};
	size_t i;

	if (!vm_can_split_eagerly())
		return;
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		char name[CASE_NAME_MAX];
		struct test_case *test;

		snprintf(name, sizeof(name), "eager_split/%s/%s",
			 dirty_mode_name(modes[i]),
			 backing_name(BACKING_ANONYMOUS_THP));
		test = add_case(cases, count, max, test_sets, name);
		test->number[DIRTY_VM_MODE] = modes[i];
		test->number[DIRTY_VM_BACKING] = BACKING_ANONYMOUS_THP;
		test->number[DIRTY_VM_GEOMETRY] = GEOMETRY_ALIGNED;
		test->number[EXACT_SPLIT] = 1;
	}
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	const struct case_matrix matrix = {
		.dimensions = DIRTY_VM_DIMENSIONS,
		.levels = { DIRTY_MODE_COUNT, BACKING_GUEST_MEMFD,
			    GEOMETRY_COUNT },
		.allowed = dirty_vm_wanted,
	};
	static struct case_tuple
		tuples[DIRTY_MODE_COUNT * BACKING_KINDS * GEOMETRY_COUNT];
	size_t tuple_count = cases_choose(options, &matrix, tuples,
					  ARRAY_SIZE(tuples));
	size_t count = 0, i;
	struct test_case *test;

	for (i = 0; i < tuple_count; i++) {
		char name[CASE_NAME_MAX];

		snprintf(name, sizeof(name), "sets/%s/%s/%s",
			 dirty_mode_name(tuples[i].level[DIRTY_VM_MODE]),
			 backing_name(tuples[i].level[DIRTY_VM_BACKING]),
			 geometry_name(tuples[i].level[DIRTY_VM_GEOMETRY]));
		test = add_case(cases, &count, max, test_sets, name);
		test->number[DIRTY_VM_MODE] = tuples[i].level[DIRTY_VM_MODE];
		test->number[DIRTY_VM_BACKING] =
			tuples[i].level[DIRTY_VM_BACKING];
		test->number[DIRTY_VM_GEOMETRY] =
			tuples[i].level[DIRTY_VM_GEOMETRY];
	}
	for (i = 0; i < 2 * GEOMETRY_COUNT; i++) {
		enum dirty_mode mode = i < GEOMETRY_COUNT ?
					       DIRTY_MODE_CLEAR :
					       DIRTY_MODE_CLEAR_INITIALLY_SET;
		char name[CASE_NAME_MAX];

		snprintf(name, sizeof(name), "partial_clear/%s/%s",
			 dirty_mode_name(mode),
			 geometry_name(i % GEOMETRY_COUNT));
		test = add_case(cases, &count, max, test_partial_clear, name);
		test->number[DIRTY_VM_MODE] = mode;
		test->number[DIRTY_VM_BACKING] = BACKING_ANONYMOUS_THP;
		test->number[DIRTY_VM_GEOMETRY] = i % GEOMETRY_COUNT;
	}
	test = add_case(cases, &count, max, test_clear_arguments,
			"clear_arguments/aligned");
	test->number[DIRTY_VM_MODE] = DIRTY_MODE_CLEAR;
	test = add_case(cases, &count, max, test_clear_arguments,
			"clear_arguments/shifted");
	test->number[DIRTY_VM_MODE] = DIRTY_MODE_CLEAR;
	test->number[DIRTY_VM_GEOMETRY] = GEOMETRY_SHIFTED;
	add_granules(cases, &count, max);
	add_eager_splits(cases, &count, max);
	add_case(cases, &count, max, test_not_logged, "not_logged");
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "dirty_log_exact_test",
		.summary =
			"known guest writes come back from the dirty log to the page",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
