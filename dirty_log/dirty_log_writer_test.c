// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every way by which a guest's page can be written is logged: by the guest's
 * instructions, by KVM's emulation of them, by the walk of page tables, and by
 * what KVM writes for the guest. What is no write, or not the guest's, is not.
 */
#include <stdio.h>

#include "cases.h"
#include "options.h"
#include "random.h"
#include "report.h"
#include "scene.h"
#include "stage.h"

/* A stress run's cases have so many seconds at least. */
#define STRESS_CASE_S 1

/* Small pages, huge ones that come and go, huge ones that stay. */
#define MAIN_BACKINGS                                            \
	(1U << BACKING_ANONYMOUS | 1U << BACKING_ANONYMOUS_THP | \
	 1U << BACKING_HUGETLB_2M)
#define CHOICES_MAX (HARVESTER_COUNT * BACKING_GUEST_MEMFD)

/* A harvester and a kind of memory. */
struct choice {
	enum harvester harvester;
	enum backing_kind backing;
};

static size_t list_choices(bool ring, bool main, struct choice *choices)
{
	unsigned int harvester, backing;
	size_t count = 0;

	for (backing = 0; backing < BACKING_GUEST_MEMFD; backing++) {
		unsigned int tuple[SCENE_DIMENSIONS] = {
			[SCENE_BACKING] = backing,
		};

		if (!(MAIN_BACKINGS & 1U << backing) == main ||
		    !scene_wanted(tuple, NULL))
			continue;
		for (harvester = 0; harvester < HARVESTER_COUNT; harvester++)
			if (harvester_exists(harvester) &&
			    harvester_is_ring(harvester) == ring)
				choices[count++] = (struct choice){
					.harvester = harvester,
					.backing = backing,
				};
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

/* Every so many of the choices for a way, from the one that is dealt to it. */
static size_t add_way(const struct way *way, const struct choice *choices,
		      size_t choice_count, size_t dealt, size_t every,
		      struct test_case *cases, size_t max)
{
	size_t count = 0, i;

	for (i = 0; i < choice_count; i++) {
		if (i % every != dealt % every)
			continue;
		fill_case(case_add(cases, &count, max, stage_run_way), way,
			  &choices[i]);
	}
	return count;
}

/*
 * Of each table's ways, those that have their turn: in check mode one choice of the
 * main ones, else all of these, and a harvester with each other kind of memory. What
 * is named by --case is found whatever the turn.
 */
static size_t add_table(const struct way_table *table,
			const struct options *options, bool ring, bool main,
			struct test_case *cases, size_t max)
{
	bool check = options->mode == MODE_CHECK && !options->case_glob;
	struct choice choices[CHOICES_MAX];
	size_t choice_count = list_choices(ring, main, choices);
	size_t count = 0, every = 1, i;
	struct random_stream random;
	u64 first;

	if (!choice_count || (check && !main))
		return 0;
	random_init(&random, options->seed, random_number("choices", ring));
	first = random_below(&random, CHOICES_MAX);
	if (check)
		every = choice_count;
	else if (!main && !options->case_glob)
		/* The harvesters of a kind are neighbours. */
		for (every = 1; every < choice_count &&
				choices[every].backing == choices[0].backing;
		     every++)
			;
	for (i = 0; i < table->count; i++)
		/* The time of a check is enough for half of it with rings. */
		if (!check || !ring || (first + i) % 2)
			count += add_way(&table->ways[i], choices, choice_count,
					 check && ring ? (first + i) / 2 :
							 first + i,
					 every, cases + count, max - count);
	return count;
}

/*
 * In check mode each way once with a bitmap and every second one with a ring:
 * harvester and memory are dealt to the ways in turn, from where the seed says.
 */
static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	size_t count = 0, i;
	int ring, main;

	for (ring = 0; ring < 2; ring++)
		for (main = 1; main >= 0; main--) {
			count += add_table(common_ways(), options, ring, main,
					   cases + count, max - count);
			for (i = 0; arch_ways[i]; i++)
				count += add_table(arch_ways[i](), options,
						   ring, main, cases + count,
						   max - count);
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
