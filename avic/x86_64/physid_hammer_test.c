// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many vCPUs hammer one physical-ID table, while the host syncs, uses and grows
 * its shadow, takes slots and pages away and moves vCPUs: whenever all is quiet
 * the shadow is what memory says, and never does it name a page that was none of
 * the table's.
 */
#include "core/background.h"
#include "core/cases.h"
#include "core/clock.h"
#include "hammer.h"
#include "core/options.h"

/* A round ends with the longest call that a thread is in: see hammer.c */
#define TIMEOUT_S    240
#define VCPUS	     4
#define VCPUS_MANY   16
#define ROUND_NS     (150 * NSEC_PER_MSEC)
#define ROUND_RFC_NS (20 * NSEC_PER_MSEC)
/* What is enough in check mode. */
#define CHECK_NS (1500 * NSEC_PER_MSEC)

/* Places in test_case.number. */
enum {
	NUMBER_HOST,
	NUMBER_VCPUS,
};

static struct hammer_config config_of(const struct test_case *test,
				      u64 round_ns)
{
	struct hammer_config config = {
		.vcpus = (unsigned int)test->number[NUMBER_VCPUS],
		.duration_ns = case_duration_ns(),
		.round_ns = round_ns,
		.host = test->number[NUMBER_HOST],
	};

	if (options()->vcpus)
		config.vcpus = options()->vcpus;
	return config;
}

static void test_fixed(const struct test_case *test)
{
	static const char *const switches[] = { "--switch", "1", "--cpu", "1",
						NULL };
	const struct background_request request = { .arguments = switches };
	struct hammer_config config = config_of(test, ROUND_NS);
	struct background *background = NULL;

	if (options()->mode == MODE_CHECK && !options()->duration_s &&
	    config.duration_ns > CHECK_NS)
		config.duration_ns = CHECK_NS;
	if (options()->mode == MODE_STRESS)
		background = background_start(&request);
	hammer(&config);
	if (background)
		background_end(background);
}

static void test_rfc(const struct test_case *test)
{
	const struct hammer_config config = config_of(test, ROUND_RFC_NS);

	hammer_find_lost_order(&config);
}

static const struct test_case cases[] = {
	{ .name = "fixed/vcpus",
	  .run = test_fixed,
	  .number = { 0, VCPUS },
	  .timeout_s = TIMEOUT_S },
	{ .name = "fixed/host",
	  .run = test_fixed,
	  .number = { 1, VCPUS },
	  .timeout_s = TIMEOUT_S },
	{ .name = "fixed/many",
	  .run = test_fixed,
	  .number = { 1, VCPUS_MANY },
	  .timeout_s = TIMEOUT_S },
	{ .name = "rfc/lost_order",
	  .run = test_rfc,
	  .number = { 0, VCPUS },
	  .timeout_s = TIMEOUT_S },
};

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "physid_hammer_test",
		.summary =
			"whatever vCPUs and host do, the shadow is right when all is quiet",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
		.needs = AVIC_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
