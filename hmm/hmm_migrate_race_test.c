// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages move to memory of two devices and back in a storm, while a device and CPUs
 * work on them, and a device has exclusive access to some. race.h has the oracle.
 */
#include <stdio.h>

#include "core/cases.h"
#include "core/clock.h"
#include "hmm_device.h"
#include "core/options.h"
#include "race.h"
#include "core/report.h"

#define CHECK_DEVICES  2
#define STRESS_DEVICES 4
#define STRESS_CASE_S  3
#define CHECK_CASE_MS  600

#define ALL                                                                 \
	(RACE_AWAY | RACE_EXCLUSIVE | RACE_PROTECT | RACE_REMAP |           \
	 RACE_PAGEOUT | RACE_COLLAPSE | RACE_FORK | RACE_MOVE | RACE_DROP | \
	 RACE_REPLACE | RACE_FREE)

static const struct {
	const char *name;
	unsigned int storm;
	enum backing_kind kind;
} storms[] = {
	{ "away/anonymous", RACE_AWAY, BACKING_ANONYMOUS },
	{ "away/anonymous_thp", RACE_AWAY, BACKING_ANONYMOUS_THP },
	{ "whole/anonymous_thp", RACE_AWAY | RACE_HUGE, BACKING_ANONYMOUS_THP },
	{ "whole_fork/anonymous_thp",
	  RACE_AWAY | RACE_HUGE | RACE_FORK | RACE_COLLAPSE,
	  BACKING_ANONYMOUS_THP },
	{ "whole_split/anonymous_thp",
	  RACE_AWAY | RACE_HUGE | RACE_SPLIT | RACE_COLLAPSE | RACE_DROP,
	  BACKING_ANONYMOUS_THP },
	{ "away_fork/anonymous", RACE_AWAY | RACE_FORK, BACKING_ANONYMOUS },
	{ "away_fork/anonymous_thp", RACE_AWAY | RACE_FORK,
	  BACKING_ANONYMOUS_THP },
	{ "away_protect/anonymous_thp", RACE_AWAY | RACE_PROTECT | RACE_REMAP,
	  BACKING_ANONYMOUS_THP },
	{ "away_drop/anonymous", RACE_AWAY | RACE_DROP | RACE_REPLACE,
	  BACKING_ANONYMOUS },
	{ "away_drop/anonymous_thp", RACE_AWAY | RACE_DROP | RACE_COLLAPSE,
	  BACKING_ANONYMOUS_THP },
	{ "alone/anonymous", RACE_EXCLUSIVE, BACKING_ANONYMOUS },
	{ "alone_fork/anonymous_thp", RACE_EXCLUSIVE | RACE_FORK | RACE_PROTECT,
	  BACKING_ANONYMOUS_THP },
	{ "all/anonymous", ALL, BACKING_ANONYMOUS },
	{ "all/anonymous_thp", ALL, BACKING_ANONYMOUS_THP },
};
#define STORMS (ARRAY_SIZE(storms))

/* To be quick: most of what goes wrong does so at once. */
static u64 duration_ns(void)
{
	u64 share = case_duration_ns();

	if (options()->mode != MODE_CHECK || options()->duration_s ||
	    share < CHECK_CASE_MS * NSEC_PER_MSEC)
		return share;
	return CHECK_CASE_MS * NSEC_PER_MSEC;
}

static void test_race(const struct test_case *test)
{
	race_run(storms[test->number[0]].storm, storms[test->number[0]].kind,
		 duration_ns(),
		 options()->mode == MODE_STRESS ? STRESS_DEVICES :
						  CHECK_DEVICES);
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	size_t i;

	if (max < STORMS)
		fail("more than %zu cases", max);
	for (i = 0; i < STORMS; i++) {
		cases[i] = (struct test_case){ .run = test_race,
					       .number = { i } };
		snprintf(cases[i].name, sizeof(cases[i].name), "%s",
			 storms[i].name);
	}
	return cases_keep_for_stress(options, cases, STORMS, sizeof(cases[0]),
				     STRESS_CASE_S);
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "hmm_migrate_race_test",
		.summary =
			"pages move to devices' memory and back in a storm, and no write is lost",
		.cases = list_cases,
		.needs = HMM_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
