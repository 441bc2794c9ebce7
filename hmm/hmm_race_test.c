// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device reads and writes memory through its mirror while CPUs do, and while
 * the memory is protected, moved, dropped, paged out, shared by fork and so on.
 * race.h has the oracle.
 */
#include <stdio.h>
#include <string.h>

#include "core/cases.h"
#include "hmm_device.h"
#include "core/options.h"
#include "race.h"
#include "core/report.h"

#define CHECK_DEVICES  2
#define STRESS_DEVICES 4
#define STRESS_CASE_S  2

/*
 * @quick: those that check mode runs. Each storm is in two of them: what begins
 * and ends a race takes longer than the race there, on a debug kernel twice as
 * long as a program may.
 */
static const struct {
	const char *name;
	unsigned int storm;
	bool quick;
} storms[] = {
	{ "protect", RACE_PROTECT, false },
	{ "remap", RACE_REMAP, false },
	{ "pageout", RACE_PAGEOUT, false },
	{ "collapse", RACE_COLLAPSE | RACE_DROP, false },
	{ "fork", RACE_FORK, false },
	{ "move", RACE_MOVE, false },
	{ "clear_refs", RACE_CLEAR_REFS, false },
	{ "ksm", RACE_KSM, false },
	{ "userfaultfd", RACE_UFFD, false },
	{ "split", RACE_SPLIT | RACE_COLLAPSE, false },
	{ "drop", RACE_DROP, false },
	{ "replace", RACE_REPLACE, false },
	{ "free", RACE_FREE, false },
	{ "rights", RACE_PROTECT | RACE_CLEAR_REFS | RACE_FORK, true },
	{ "places", RACE_REMAP | RACE_MOVE | RACE_COLLAPSE | RACE_SPLIT, true },
	{ "contents", RACE_PAGEOUT | RACE_KSM | RACE_UFFD, true },
	{ "drops", RACE_DROP | RACE_REPLACE | RACE_FREE, true },
	{ "all_shared",
	  RACE_PROTECT | RACE_REMAP | RACE_PAGEOUT | RACE_COLLAPSE | RACE_FORK |
		  RACE_MOVE | RACE_CLEAR_REFS | RACE_SPLIT | RACE_DROP,
	  true },
	{ "all_private",
	  RACE_PROTECT | RACE_REMAP | RACE_PAGEOUT | RACE_COLLAPSE | RACE_FORK |
		  RACE_MOVE | RACE_CLEAR_REFS | RACE_KSM | RACE_DROP |
		  RACE_REPLACE | RACE_FREE,
	  true },
};
#define STORMS (ARRAY_SIZE(storms))

static const enum backing_kind kinds[] = {
	BACKING_ANONYMOUS,
	BACKING_ANONYMOUS_THP,
	BACKING_SHMEM,
	BACKING_SHMEM_THP,
};
#define KINDS (ARRAY_SIZE(kinds))

static void test_race(const struct test_case *test)
{
	race_run(storms[test->number[0]].storm, kinds[test->number[1]],
		 case_duration_ns(),
		 options()->mode == MODE_STRESS ? STRESS_DEVICES :
						  CHECK_DEVICES);
}

/*
 * All of it, or, to be quick, a few mixed storms, each on one kind of memory, which
 * the seed chooses.
 */
static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	bool sample = options->mode == MODE_CHECK && !options->case_glob &&
		      !options->backing;
	size_t count = 0, storm, kind;
	struct random_stream random;

	random_init(&random, options->seed, random_number("race sample", 0));
	for (storm = 0; storm < STORMS; storm++) {
		size_t chosen = random_below(&random, KINDS);

		while (sample &&
		       !race_allows(storms[storm].storm, kinds[chosen]))
			chosen = (chosen + 1) % KINDS;
		for (kind = 0; kind < KINDS; kind++) {
			const char *name = backing_name(kinds[kind]);

			if (!race_allows(storms[storm].storm, kinds[kind]) ||
			    (sample &&
			     (kind != chosen || !storms[storm].quick)) ||
			    (options->backing &&
			     strcmp(options->backing, name)))
				continue;
			if (count == max)
				fail("more than %zu cases", max);
			cases[count] = (struct test_case){
				.run = test_race,
				.number = { storm, kind },
			};
			snprintf(cases[count].name, sizeof(cases[count].name),
				 "%s/%s", storms[storm].name, name);
			count++;
		}
	}
	return cases_keep_for_stress(options, cases, count, sizeof(cases[0]),
				     STRESS_CASE_S);
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "hmm_race_test",
		.summary =
			"a device and CPUs work on memory in a storm, and neither loses a write or sees a stale page",
		.cases = list_cases,
		.needs = HMM_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
