// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every way by which a guest's page can be written is logged: by the guest's
 * instructions, by KVM's emulation of them, by the walk of page tables, and by
 * what KVM writes for the guest. What is no write, or not the guest's, is not.
 */
#include <stdio.h>

#include "core/cases.h"
#include "core/options.h"
#include "core/random.h"
#include "core/report.h"
#include "dirty/dirty_vm.h"
#include "write_vm.h"

/* A stress run's cases have so many seconds at least. */
#define STRESS_CASE_S 1

/* Small pages, huge ones that come and go, huge ones that stay. */
#define MAIN_BACKINGS                                            \
	(1U << BACKING_ANONYMOUS | 1U << BACKING_ANONYMOUS_THP | \
	 1U << BACKING_HUGETLB_2M)
#define CHOICES_MAX (DIRTY_MODE_COUNT * BACKING_GUEST_MEMFD)

/* A harvester and a kind of memory. */
struct choice {
	enum dirty_mode mode;
	enum backing_kind backing;
};

static size_t list_choices(bool ring, bool main, struct choice *choices)
{
	unsigned int mode, backing;
	size_t count = 0;

	for (backing = 0; backing < BACKING_GUEST_MEMFD; backing++) {
		unsigned int tuple[DIRTY_VM_DIMENSIONS] = {
			[DIRTY_VM_BACKING] = backing,
		};

		if (!(MAIN_BACKINGS & 1U << backing) == main ||
		    !dirty_vm_wanted(tuple, NULL))
			continue;
		for (mode = 0; mode < DIRTY_MODE_COUNT; mode++)
			if (dirty_mode_exists(mode) &&
			    dirty_mode_is_ring(mode) == ring)
				choices[count++] = (struct choice){
					.mode = mode,
					.backing = backing,
				};
	}
	return count;
}

static void fill_case(struct test_case *test, const struct write_method *method,
		      const struct choice *choice)
{
	test->plan = method->plan;
	test->data = method;
	snprintf(test->name, sizeof(test->name), "%s/%s/%s/aligned",
		 method->name, dirty_mode_name(choice->mode),
		 backing_name(choice->backing));
	test->number[DIRTY_VM_MODE] = choice->mode;
	test->number[DIRTY_VM_BACKING] = choice->backing;
	test->number[DIRTY_VM_GEOMETRY] = GEOMETRY_ALIGNED;
}

/* Every so many of the choices for a way, from the one that is dealt to it. */
static size_t add_method(const struct write_method *method,
			 const struct choice *choices, size_t choice_count,
			 size_t dealt, size_t every, struct test_case *cases,
			 size_t max)
{
	size_t count = 0, i;

	for (i = 0; i < choice_count; i++) {
		if (i % every != dealt % every)
			continue;
		fill_case(case_add(cases, &count, max, stage_run_method),
			  method, &choices[i]);
	}
	return count;
}

/*
 * Of each table's ways, those that have their turn: in check mode one choice of the
 * main ones, else all of these, and a harvester with each other kind of memory. What
 * is named by --case is found whatever the turn.
 */
static size_t add_table(const struct write_method_table *table,
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
			count += add_method(&table->methods[i], choices,
					    choice_count,
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
			count += add_table(common_methods(), options, ring,
					   main, cases + count, max - count);
			for (i = 0; arch_methods[i]; i++)
				count += add_table(arch_methods[i](), options,
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
