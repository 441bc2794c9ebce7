// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that checks its own work is migrated back and forth between two VMs of
 * this machine, by pre-copy, while it works. At each switch the memory of both
 * is the same, byte for byte, and the vCPUs' state reads as it was written; and
 * the guest finds all as it left it. A migration that is cancelled half-way does
 * it no harm, and huge mappings come back.
 *
 * Check mode has 4 MiB of guest memory a case (8 MiB where huge pages are), and
 * 128 MiB in one: an emulated machine takes 0.2 ms for each of 32768 first writes
 * to a page, in either VM. More is for --memory.
 */
#include <stdio.h>
#include <string.h>

#include "core/cases.h"
#include "migrate.h"
#include "core/options.h"
#include "core/report.h"

#define SLOTS		  2
#define CHECK_SLOT_BYTES  (2UL << 20)
#define STRESS_SLOT_BYTES (8UL << 20)
#define LARGE_SLOT_BYTES  (64UL << 20)
/* All that memory is copied and compared at least twice. */
#define LARGE_TIMEOUT_S 180
#define CHECK_VCPUS	2
#define STRESS_VCPUS	4
#define CHECK_ROUNDS	3
#define CHECK_PACE_MS	5
#define STRESS_ROUNDS	8
#define STRESS_PACE_MS	20

/* A stress run goes deep: so many seconds for a case of the sample. */
#define STRESS_CASE_S 2

/* The scene's dimensions, and the memory of the other VM. */
enum {
	NUMBER_OTHER = DIRTY_VM_DIMENSIONS,
	DIMENSIONS,
	NUMBER_LARGE = DIMENSIONS,
};

static const enum backing_kind others[] = {
	BACKING_ANONYMOUS,
	BACKING_ANONYMOUS_THP,
	BACKING_HUGETLB_2M,
	BACKING_TMPFS_SHARED,
};

#define OTHERS (ARRAY_SIZE(others))

static void test_migrate(const struct test_case *test)
{
	const struct options *chosen = options();
	bool stress = chosen->mode == MODE_STRESS;
	u64 slot_bytes = stress ? STRESS_SLOT_BYTES : CHECK_SLOT_BYTES;
	struct migrate_config config = {
		.fixture = {
			.mode = test->number[DIRTY_VM_MODE],
			.backing = test->number[DIRTY_VM_BACKING],
			.geometry = test->number[DIRTY_VM_GEOMETRY],
			.vcpus = stress ? STRESS_VCPUS : CHECK_VCPUS,
			.slots = SLOTS,
		},
		.other = others[test->number[NUMBER_OTHER]],
		.duration_ns = case_duration_ns(),
		.rounds_max = stress ? STRESS_ROUNDS : CHECK_ROUNDS,
		.pace_ms = stress ? STRESS_PACE_MS : CHECK_PACE_MS,
	};

	if (chosen->vcpus)
		config.fixture.vcpus = chosen->vcpus;
	if (test->number[NUMBER_LARGE])
		slot_bytes = LARGE_SLOT_BYTES;
	config.fixture.slot_bytes = chosen->memory ? chosen->memory / SLOTS :
						     slot_bytes;
	migrate_run(&config);
}

/* Memory of another kind. */
static bool makes_sense(const unsigned int *tuple)
{
	enum backing_kind other = others[tuple[NUMBER_OTHER]];

	return dirty_vm_wanted(tuple, NULL) && backing_exists(other) &&
	       tuple[DIRTY_VM_BACKING] != other;
}

/*
 * Check mode has no time for every harvester on every memory: for each harvester
 * and other memory there is one case, and the seed says which it begins with.
 * All kinds of memory come up in turn.
 */
static bool is_in_turn(const unsigned int *tuple, u64 seed)
{
	unsigned int turn = tuple[DIRTY_VM_MODE] * OTHERS + tuple[NUMBER_OTHER];
	unsigned int candidate[DIMENSIONS], kinds[BACKING_GUEST_MEMFD];
	unsigned int count = 0, i;

	memcpy(candidate, tuple, sizeof(candidate));
	for (i = 0; i < BACKING_GUEST_MEMFD; i++) {
		candidate[DIRTY_VM_BACKING] = i;
		if (dirty_vm_wanted(candidate, NULL))
			kinds[count++] = i;
	}
	i = (seed + turn) % count;
	candidate[DIRTY_VM_BACKING] = kinds[i];
	if (!makes_sense(candidate))
		candidate[DIRTY_VM_BACKING] = kinds[(i + 1) % count];
	return tuple[DIRTY_VM_BACKING] == candidate[DIRTY_VM_BACKING] &&
	       tuple[DIRTY_VM_GEOMETRY] ==
		       ((seed + turn) / count + turn) % GEOMETRY_COUNT;
}

static bool wanted(const unsigned int *tuple, const void *context)
{
	const struct options *chosen = context;

	if (!makes_sense(tuple))
		return false;
	return chosen->mode != MODE_CHECK || chosen->case_glob ||
	       chosen->backing || is_in_turn(tuple, chosen->seed);
}

static void fill_case(struct test_case *test, const unsigned int *level,
		      bool large)
{
	unsigned int i;

	for (i = 0; i < DIMENSIONS; i++)
		test->number[i] = level[i];
	test->number[NUMBER_LARGE] = large;
	if (large)
		test->timeout_s = LARGE_TIMEOUT_S;
	snprintf(test->name, sizeof(test->name), "%s%s/%s/%s/%s",
		 large ? "large/" : "", dirty_mode_name(level[DIRTY_VM_MODE]),
		 backing_name(level[DIRTY_VM_BACKING]),
		 backing_name(others[level[NUMBER_OTHER]]),
		 geometry_name(level[DIRTY_VM_GEOMETRY]));
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	/* log, from THP to small pages. */
	static const unsigned int large[DIMENSIONS] = { DIRTY_MODE_LOG,
							BACKING_ANONYMOUS_THP,
							GEOMETRY_ALIGNED, 0 };
	const struct case_matrix matrix = {
		.dimensions = DIMENSIONS,
		.levels = { DIRTY_MODE_COUNT, BACKING_GUEST_MEMFD,
			    GEOMETRY_COUNT, OTHERS },
		.allowed = wanted,
		.context = options,
	};
	static struct case_tuple tuples[DIRTY_MODE_COUNT * BACKING_KINDS *
					GEOMETRY_COUNT * OTHERS];
	size_t tuple_count = cases_choose(options, &matrix, tuples,
					  ARRAY_SIZE(tuples));
	size_t count = 0, i;

	tuple_count = cases_keep_for_stress(options, tuples, tuple_count,
					    sizeof(tuples[0]), STRESS_CASE_S);
	for (i = 0; i < tuple_count; i++)
		fill_case(case_add(cases, &count, max, test_migrate),
			  tuples[i].level, false);
	/* Much memory is copied; stress is many migrations. */
	if (dirty_vm_wanted(large, NULL) &&
	    (options->mode != MODE_STRESS || options->case_glob))
		fill_case(case_add(cases, &count, max, test_migrate), large,
			  true);
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "dirty_log_migrate_test",
		.summary =
			"a guest that checks its own work survives live migration, back and forth",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
