// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memslots come, go, move and change under running vCPUs: a guest finds the
 * memory of the slot that is there, never that of one that was, and user space
 * gets what is nobody's.
 */
#include <stdio.h>
#include <string.h>

#include "core/cases.h"
#include "operation.h"
#include "core/options.h"
#include "core/random.h"
#include "core/report.h"
#include "slot_cases.h"
#include "storm.h"

#define CHECK_VCPUS    2
#define STRESS_VCPUS   4
#define CHECK_UNITS    64
#define STRESS_UNITS   256
#define CHECK_PACE_MS  8
#define STRESS_PACE_MS 20
/* Of a check where VMs take seconds to end. */
#define SLOW_CASES 8
/* A stress run goes deep: so many seconds for a case of the sample. */
#define STRESS_CASE_S 3

/* The matrix of storms. */
enum { BACKING, LAYOUT, ACCESSES, DIMENSIONS };

static const char *const layouts[] = { "aligned", "skewed" };
static const char *const accesses[] = { "data", "code" };

static void test_storm(const struct test_case *test)
{
	const struct options *chosen = options();
	bool stress = chosen->mode == MODE_STRESS;
	struct storm_config config = {
		.backing = test->number[BACKING],
		.skewed = test->number[LAYOUT],
		.fetches = test->number[ACCESSES],
		.vcpus = stress ? STRESS_VCPUS : CHECK_VCPUS,
		.units = stress ? STRESS_UNITS : CHECK_UNITS,
		.duration_ns = case_duration_ns(),
		.pace_ms = stress ? STRESS_PACE_MS : CHECK_PACE_MS,
	};

	if (chosen->vcpus)
		config.vcpus = chosen->vcpus < STORM_VCPUS ? chosen->vcpus :
							     STORM_VCPUS;
	storm_run(&config);
}

static bool is_wanted(const unsigned int *tuple, const void *context)
{
	const char *only = options()->backing;

	(void)context;
	return backing_exists(tuple[BACKING]) &&
	       (!only || !strcmp(only, backing_name(tuple[BACKING])));
}

/* So many of them, by the seed, in their order. */
static size_t keep_some(const struct options *options, struct test_case *cases,
			size_t count, size_t wanted)
{
	struct random_stream random;
	size_t kept = 0, i;

	random_init(&random, options->seed, random_number("slow VMs", 0));
	for (i = 0; i < count && kept < wanted; i++)
		if (random_chance(&random, wanted - kept, count - i))
			cases[kept++] = cases[i];
	return kept;
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	enum { LAYOUTS = ARRAY_SIZE(layouts) };
	enum { KINDS = ARRAY_SIZE(accesses) };
	const struct case_matrix matrix = {
		.dimensions = DIMENSIONS,
		.levels = { BACKING_KINDS, LAYOUTS, KINDS },
		.allowed = is_wanted,
	};
	static struct case_tuple tuples[BACKING_KINDS * LAYOUTS * KINDS];
	size_t tuple_count = cases_choose(options, &matrix, tuples,
					  ARRAY_SIZE(tuples));
	size_t count = 0, i, j;

	/* A stress run is for storms. */
	if (options->mode != MODE_STRESS || options->case_glob)
		count = slot_cases(options, cases, max);
	tuple_count = cases_keep_for_stress(options, tuples, tuple_count,
					    sizeof(tuples[0]), STRESS_CASE_S);
	for (i = 0; i < tuple_count; i++) {
		const unsigned int *level = tuples[i].level;
		struct test_case *test = case_add(cases, &count, max,
						  test_storm);

		test->plan = "slots come, go, move and change under vCPUs";
		for (j = 0; j < matrix.dimensions; j++)
			test->number[j] = level[j];
		snprintf(test->name, sizeof(test->name), "storm/%s/%s/%s",
			 backing_name(level[BACKING]), layouts[level[LAYOUT]],
			 accesses[level[ACCESSES]]);
	}
	/* Where VMs take long to end a check has some; --all has all. */
	if (options->mode == MODE_CHECK && !options->case_glob &&
	    !options->list && arch_vms_end_slowly())
		count = keep_some(options, cases, count, SLOW_CASES);
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "memslot_storm_test",
		.summary =
			"guests find the memory of the slot that is there, never of one that was",
		.cases = list_cases,
		.needs = { .root = true, .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
