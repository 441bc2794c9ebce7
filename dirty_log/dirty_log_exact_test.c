// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log reports exactly the pages that the guest has written, for known sets
 * of stores. Huge mappings are split while logged, and come back afterwards.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/bitmap.h"
#include "core/options.h"
#include "core/report.h"
#include "core/variant.h"
#include "dirty/dirty_vm.h"
#include "dirty/write_sets.h"

/* Sets of a check's second run, from the end of the list. */
#define CHECK_SETS	3
#define PARTIAL_CLEARS	4
#define GRANULE_CHOICES 3

/* The last @only sets, or all of them if it is 0; each by another vCPU. */
static void run_sets(struct dirty_vm *vm, struct random_stream *random,
		     size_t only)
{
	const struct write_set *sets;
	size_t count, i;

	sets = write_sets(&count);
	for (i = only ? count - only : 0; i < count; i++) {
		struct writer_list list = { 0 };

		sets[i].fill(&list, &vm->slot[0], random);
		dirty_vm_store(vm, i % vm->vm->vcpu_count, &list);
		dirty_vm_expect_exactly(vm, &list, sets[i].name);
	}
	dirty_vm_expect_exactly(vm, NULL, "second harvest");
}

static void test_sets(const struct dirty_vm_config *config)
{
	struct dirty_vm *vm = dirty_vm_create(config);
	struct random_stream random;

	case_random(&random, "write sets", 0);
	/* Stores to every page: no fault on an absent page later. */
	dirty_vm_measure_sizes(vm, 0, WRITER_STORE, vm->vm->page_size);
	dirty_vm_enable(vm);
	dirty_vm_expect_exactly(vm, NULL, "stores before logging");
	run_sets(vm, &random, 0);

	/*
	 * With every page written, no store faults after logging, unless because of
	 * what the end of logging does (kvm_mmu_zap_collapsible_sptes()).
	 */
	dirty_vm_check_split(vm);
	dirty_vm_disable(vm);
	dirty_vm_check_recovered(vm);

	/* Once more: stores while logging was disabled are not reported. */
	dirty_vm_enable(vm);
	dirty_vm_expect_exactly(vm, NULL, "stores while logging was disabled");
	run_sets(vm, &random, options()->mode == MODE_CHECK ? CHECK_SETS : 0);
	dirty_vm_check_split(vm);
	dirty_vm_expect_exactly(vm, &vm->touch, "every page");
	dirty_vm_check_stopped(vm);
}

static void test_eager_split(const struct dirty_vm_config *config)
{
	struct dirty_vm_config split = *config;

	split.eager_split = backing_thp_size();
	test_sets(&split);
}

/* Pages that are not cleared stay dirty, and each page is reported once. */
static void test_partial_clear(const struct dirty_vm_config *config)
{
	struct dirty_vm *vm = dirty_vm_create(config);
	struct writer_list all = dirty_vm_list_every(vm, 0, vm->vm->page_size);
	struct random_stream random;
	size_t reports = 0;
	int i;

	case_random(&random, "write sets", 0);
	dirty_vm_store(vm, 0, &all);
	dirty_vm_enable(vm);
	dirty_vm_expect_exactly(vm, NULL, "stores before logging");

	dirty_vm_store(vm, 0, &all);
	for (i = 0; i < PARTIAL_CLEARS; i++)
		reports += dirty_vm_collect(vm, &random);
	reports += dirty_vm_collect(vm, NULL);
	CHECK(reports == vm->watched[0]->pages,
	      "partial clears reported %zu pages, expected each of the %zu written pages once",
	      reports, vm->watched[0]->pages);
	dirty_vm_expect_exactly(vm, &all, "all partial clears together");
	dirty_vm_expect_exactly(vm, NULL, "after all partial clears");
	dirty_vm_check_stopped(vm);
}

/* Invalid arguments are rejected with their errno (api.rst 4.117) and change nothing. */
static void test_clear_arguments(const struct dirty_vm_config *config)
{
	struct dirty_vm *vm = dirty_vm_create(config);
	struct writer_list all = dirty_vm_list_every(vm, 0, vm->vm->page_size);
	u64 pages = vm->watched[0]->pages, beyond = (pages + 127) / 64 * 64;
	unsigned long *ones = bitmap_new(pages + 256);
	u32 id = vm->slot[0].id;
	size_t i;
	const struct {
		const char *what;
		u32 slot;
		u64 first;
		u64 count;
		int error;
	} invalid[] = {
		{ "first page 1", id, 1, 64, -EINVAL },
		{ "first page 63", id, 63, 64, -EINVAL },
		{ "63 pages, not at the end", id, 0, 63, -EINVAL },
		{ "1 page, not at the end", id, 64, 1, -EINVAL },
		{ "65 pages, not at the end", id, 0, 65, -EINVAL },
		{ "one word beyond the slot", id, 0, beyond, -EINVAL },
		{ "first page behind the slot", id, beyond, 64, -EINVAL },
		{ "first page far away", id, 1ULL << 60, 64, -EINVAL },
		{ "a slot that does not exist", id + 100, 0, 64, -ENOENT },
		{ "a slot that is not logged", SLOT_CONTROL, 0, 64, -ENOENT },
		{ "a slot number out of range", 0xffff, 0, 64, -EINVAL },
		{ "an address space that does not exist", 0x70000 | id, 0, 64,
		  -EINVAL },
	};

	bitmap_fill(ones, pages + 256);
	dirty_vm_store(vm, 0, &all);
	dirty_vm_enable(vm);
	dirty_vm_store(vm, 0, &all);
	for (i = 0; i < ARRAY_SIZE(invalid); i++) {
		int error = __dirty_clear(vm->vm, invalid[i].slot,
					  invalid[i].first, invalid[i].count,
					  ones);

		CHECK(error == invalid[i].error,
		      "KVM_CLEAR_DIRTY_LOG with %s: expected %s, got %s",
		      invalid[i].what, errno_name(-invalid[i].error),
		      error ? errno_name(-error) : "success");
	}
	dirty_vm_expect_exactly(vm, &all, "after rejected clears");
	dirty_vm_check_stopped(vm);
}

/* While logging is disabled, there is no log to read. */
static void test_not_logged(const struct dirty_vm_config *config)
{
	struct dirty_vm *vm = dirty_vm_create(config);

	dirty_expect_no_log(vm->watched[0], "before logging was enabled");
	dirty_vm_enable(vm);
	dirty_vm_disable(vm);
	dirty_expect_no_log(vm->watched[0], "after logging was disabled");
}

static const struct dimension dimensions[] = {
	DIMENSION(struct dirty_vm_config, mode, &dirty_modes),
	DIMENSION(struct dirty_vm_config, backing, &backings),
	DIMENSION(struct dirty_vm_config, geometry, &geometries),
};

static const struct dimension partial_dimensions[] = {
	DIMENSION_SOME(struct dirty_vm_config, mode, &dirty_modes,
		       DIRTY_MODE_CLEAR, DIRTY_MODE_CLEAR_INITIALLY_SET),
	DIMENSION(struct dirty_vm_config, geometry, &geometries),
};

static const struct dimension argument_dimensions[] = {
	DIMENSION_SOME(struct dirty_vm_config, geometry, &geometries,
		       GEOMETRY_ALIGNED, GEOMETRY_SHIFTED),
};

/* Architectures whose guests can have only one granule have no case of it. */
static const struct choice *list_granules(size_t *count)
{
	static struct choice choices[GRANULE_CHOICES];
	static char names[GRANULE_CHOICES][24];
	const u64 *granules = vm_granules(count);
	size_t i;

	if (*count > GRANULE_CHOICES)
		fail("%zu granules", *count);
	if (*count == 1)
		*count = 0;
	for (i = 0; i < *count; i++) {
		snprintf(names[i], sizeof(names[i]), "%lluk",
			 granules[i] >> 10);
		choices[i] = (struct choice)CHOICE(names[i], granules[i]);
	}
	return choices;
}

static const struct choices granules = { .generate = list_granules };

static const struct dimension granule_dimensions[] = {
	DIMENSION(struct dirty_vm_config, granule, &granules),
	DIMENSION_SOME(struct dirty_vm_config, mode, &dirty_modes,
		       DIRTY_MODE_LOG, DIRTY_MODE_CLEAR),
	DIMENSION_SOME(struct dirty_vm_config, backing, &backings,
		       BACKING_ANONYMOUS_THP, BACKING_ANONYMOUS),
};

/* Mode and memory alternate: stage 2 does not depend on the guest's tables. */
static bool granule_allowed(const struct dirty_vm_config *config)
{
	size_t count, i;
	const u64 *all = vm_granules(&count);

	for (i = 0; all[i] != config->granule; i++)
		;
	return config->mode == (i % 2 ? DIRTY_MODE_CLEAR : DIRTY_MODE_LOG) &&
	       config->backing ==
		       (i % 2 ? BACKING_ANONYMOUS : BACKING_ANONYMOUS_THP);
}

static const struct dimension split_dimensions[] = {
	DIMENSION_SOME(struct dirty_vm_config, mode, &dirty_modes,
		       DIRTY_MODE_LOG, DIRTY_MODE_CLEAR_INITIALLY_SET,
		       DIRTY_MODE_RING_BITMAP),
	DIMENSION_SOME(struct dirty_vm_config, backing, &backings,
		       BACKING_ANONYMOUS_THP),
};

static bool split_allowed(const struct dirty_vm_config *config)
{
	(void)config;
	return vm_can_split_eagerly();
}

static const struct scenario scenarios[] = {
	SCENARIO("sets", test_sets, struct dirty_vm_config, dimensions,
		 .plan = "known sets of stores are reported to the page"),
	SCENARIO("partial_clear", test_partial_clear, struct dirty_vm_config,
		 partial_dimensions,
		 FIXED(struct dirty_vm_config,
		       .backing = BACKING_ANONYMOUS_THP),
		 .sampling = SAMPLE_ALL,
		 .plan = "pages that are not cleared stay dirty"),
	SCENARIO("clear_arguments", test_clear_arguments,
		 struct dirty_vm_config, argument_dimensions,
		 FIXED(struct dirty_vm_config, .mode = DIRTY_MODE_CLEAR),
		 .sampling = SAMPLE_ALL,
		 .plan = "invalid arguments of KVM_CLEAR_DIRTY_LOG are rejected and change nothing"),
	SCENARIO("granule", test_sets, struct dirty_vm_config,
		 granule_dimensions,
		 .allowed = VARIANT_IF(struct dirty_vm_config, granule_allowed),
		 .sampling = SAMPLE_ALL,
		 .plan = "known sets of stores, whatever the page size of the guest's tables"),
	/* kvm_mmu_split_memory_region(), kvm_arch_mmu_enable_log_dirty_pt_masked() */
	SCENARIO("eager_split", test_eager_split, struct dirty_vm_config,
		 split_dimensions,
		 .allowed = VARIANT_IF(struct dirty_vm_config, split_allowed),
		 .sampling = SAMPLE_ALL,
		 .plan = "known sets of stores to huge mappings that are split when logging starts"),
	SCENARIO_ONE(
		"not_logged", test_not_logged, struct dirty_vm_config,
		FIXED(struct dirty_vm_config, .mode = DIRTY_MODE_LOG),
		.plan = "KVM_GET_DIRTY_LOG of a slot that is not logged returns ENOENT"),
};

TEST_PROGRAM(
	"dirty_log_exact_test",
	"the dirty log reports exactly the pages that the guest has written",
	scenarios, .needs = { .kvm = true })
