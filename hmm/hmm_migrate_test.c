// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages move to memory that only a device can reach, and come back: because they
 * are told to, or because a CPU touches them. Nothing is lost on the way, and at
 * any moment each page is where it is said to be. cargo.h has the oracle.
 */
#include "cargo.h"
#include "cases.h"
#include "report.h"

#define BANK HMM_IN_BANK(0)

/* To the device, looked at there, and back as they are told. */
static void test_there_and_back(const struct test_case *test)
{
	uint64_t pages = test->number[0];
	struct cargo cargo;

	cargo_new_written(&cargo, pages);
	cargo_move(&cargo, 0, pages, HMM_SYSTEM, BANK);
	cargo_judge_away(&cargo, 0, pages, false);
	cargo_judge_used(&cargo, pages);
	cargo_device_check(&cargo, 0, pages);
	cargo_judge_used(&cargo, pages);
	cargo_move(&cargo, 0, pages, BANK, HMM_SYSTEM);
	cargo_judge_here(&cargo, 0, pages);
	cargo_judge_used(&cargo, 0);
	cargo_check(&cargo, 0, pages);
}

static const struct test_case cases[] = {
	{ .name = "one_page", .run = test_there_and_back, .number = { 1 } },
	{ .name = "there_and_back",
	  .run = test_there_and_back,
	  .number = { CARGO_PAGES } },
};

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "hmm_migrate_test",
		.summary =
			"pages move to a device's memory and back, and nothing is lost",
		.table = cases,
		.table_size = sizeof(cases) / sizeof(cases[0]),
		.needs = HMM_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
