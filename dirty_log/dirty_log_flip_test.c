// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs write without pause while dirty logging is flipped on and off at random
 * moments and harvested in between. No write is ever lost, huge mappings
 * dissolve while logged, and come back when logging ends, also when it ends
 * half-way, as a cancelled migration does.
 */
#include <stdio.h>
#include <string.h>

#include "core/cases.h"
#include "flip.h"
#include "core/options.h"
#include "core/report.h"

/* A stress run goes deep: so many seconds for a case of the sample. */
#define STRESS_CASE_S 2

/* The matrix has one more dimension than the scene; hot cases are beside it. */
enum {
	NUMBER_SLOTS = DIRTY_VM_DIMENSIONS,
	DIMENSIONS,
	NUMBER_HOT = DIMENSIONS
};

/* One slot; or three of which some are logged, while a thread flips another. */
static const unsigned int slot_counts[] = { 1, 3 };
static const char *const slot_names[] = { "one_slot", "three_slots" };

static void test_flip(const struct test_case *test)
{
	struct flip_config config = {
		.fixture = {
			.mode = test->number[DIRTY_VM_MODE],
			.backing = test->number[DIRTY_VM_BACKING],
			.geometry = test->number[DIRTY_VM_GEOMETRY],
			.slots = slot_counts[test->number[NUMBER_SLOTS]],
		},
		.hot = test->number[NUMBER_HOT],
	};

	flip_configure(&config);
	flip_run(&config);
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	enum { SLOT_CHOICES = ARRAY_SIZE(slot_counts) };
	const struct case_matrix matrix = {
		.dimensions = DIMENSIONS,
		.levels = { DIRTY_MODE_COUNT, BACKING_GUEST_MEMFD,
			    GEOMETRY_COUNT, SLOT_CHOICES },
		.allowed = dirty_vm_wanted,
	};
	static struct case_tuple tuples[DIRTY_MODE_COUNT * BACKING_KINDS *
					GEOMETRY_COUNT * SLOT_CHOICES];
	size_t tuple_count = cases_choose(options, &matrix, tuples,
					  ARRAY_SIZE(tuples));
	size_t count = 0, i, j;

	tuple_count = cases_keep_for_stress(options, tuples, tuple_count,
					    sizeof(tuples[0]), STRESS_CASE_S);
	for (i = 0; i < tuple_count; i++) {
		const unsigned int *level = tuples[i].level;
		struct test_case *test = case_add(cases, &count, max,
						  test_flip);

		for (j = 0; j < matrix.dimensions; j++)
			test->number[j] = level[j];
		snprintf(test->name, sizeof(test->name), "%s/%s/%s/%s",
			 dirty_mode_name(level[DIRTY_VM_MODE]),
			 backing_name(level[DIRTY_VM_BACKING]),
			 geometry_name(level[DIRTY_VM_GEOMETRY]),
			 slot_names[level[NUMBER_SLOTS]]);
	}
	for (i = 0; i < DIRTY_MODE_COUNT; i++) {
		const unsigned int tuple[] = { i, BACKING_ANONYMOUS,
					       GEOMETRY_ALIGNED };
		struct test_case *test;

		if (!dirty_vm_wanted(tuple, NULL))
			continue;
		test = case_add(cases, &count, max, test_flip);
		test->number[DIRTY_VM_MODE] = i;
		test->number[DIRTY_VM_BACKING] = BACKING_ANONYMOUS;
		test->number[NUMBER_HOT] = 1;
		snprintf(test->name, sizeof(test->name), "hot/%s",
			 dirty_mode_name(i));
	}
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "dirty_log_flip_test",
		.summary =
			"no write is lost while dirty logging is flipped on and off under running vCPUs",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
