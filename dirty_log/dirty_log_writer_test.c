// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every way by which a guest's page can be written is logged: by the guest's
 * instructions, by KVM's emulation of them, by the walk of page tables, and by
 * what KVM writes for the guest. What is no write, or not the guest's, is not.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>

#include "cases.h"
#include "options.h"
#include "random.h"
#include "report.h"
#include "scene.h"
#include "stage.h"

/* A stress run's cases have so many seconds at least. */
#define STRESS_CASE_S 1

static const enum backing_kind backings[] = {
	BACKING_ANONYMOUS,
	BACKING_ANONYMOUS_THP,
	BACKING_HUGETLB_2M,
};

#define BACKINGS (sizeof(backings) / sizeof(backings[0]))

/* A harvester and a kind of memory. */
struct choice {
	enum harvester harvester;
	enum backing_kind backing;
};

static size_t list_choices(bool ring, struct choice *choices)
{
	unsigned int harvester, i;
	size_t count = 0;

	for (harvester = 0; harvester < HARVESTER_COUNT; harvester++) {
		if (!harvester_exists(harvester) ||
		    harvester_is_ring(harvester) != ring)
			continue;
		for (i = 0; i < BACKINGS; i++) {
			unsigned int tuple[SCENE_DIMENSIONS] = {
				[SCENE_BACKING] = backings[i],
			};

			if (scene_wanted(tuple, NULL))
				choices[count++] = (struct choice){
					.harvester = harvester,
					.backing = backings[i],
				};
		}
	}
	return count;
}

static void fill_case(struct test_case *test, const struct way *way,
		      const struct choice *choice)
{
	test->plan = way->plan;
	test->data = way;
	snprintf(test->name, sizeof(test->name), "%s/%s/%s/aligned", way->name,
		 harvester_name(choice->harvester),
		 backing_name(choice->backing));
	test->number[SCENE_HARVESTER] = choice->harvester;
	test->number[SCENE_BACKING] = choice->backing;
	test->number[SCENE_GEOMETRY] = GEOMETRY_ALIGNED;
}

/* All choices for a way, or the one that is dealt to it. */
static size_t add_way(const struct way *way, const struct choice *choices,
		      size_t choice_count, size_t dealt, bool full,
		      struct test_case *cases, size_t max)
{
	size_t count = 0, i;

	for (i = 0; i < choice_count; i++) {
		if (!full && i != dealt % choice_count)
			continue;
		fill_case(case_add(cases, &count, max, stage_run_way), way,
			  &choices[i]);
	}
	return count;
}

static size_t add_table(const struct way_table *table,
			const struct options *options, bool ring,
			struct test_case *cases, size_t max)
{
	bool full = options->mode != MODE_CHECK || options->case_glob;
	struct choice choices[HARVESTER_COUNT * BACKINGS];
	size_t choice_count = list_choices(ring, choices), count = 0, i;
	struct random_stream random;
	uint64_t first;

	random_init(&random, options->seed, random_number("choices", ring));
	first = random_below(&random, HARVESTER_COUNT * BACKINGS);
	for (i = 0; i < table->count; i++)
		/* The time of a check is enough for half of it with rings. */
		if (full || !ring || (first + i) % 2)
			count += add_way(&table->ways[i], choices, choice_count,
					 ring ? (first + i) / 2 : first + i,
					 full, cases + count, max - count);
	return count;
}

/*
 * The full matrix, or each way once with a bitmap and every second one with a ring:
 * harvester and memory are dealt to the ways in turn, from where the seed says.
 */
static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	size_t count = 0, i;
	int ring;

	for (ring = 0; ring < 2; ring++) {
		count += add_table(common_ways(), options, ring, cases + count,
				   max - count);
		for (i = 0; arch_ways[i]; i++)
			count += add_table(arch_ways[i](), options, ring,
					   cases + count, max - count);
	}
	return cases_keep_for_stress(options, cases, count, sizeof(*cases),
				     STRESS_CASE_S);
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "dirty_log_writer_test",
		.summary =
			"every way by which a page can be written is logged, and what is no write is not",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
