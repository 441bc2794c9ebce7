// SPDX-License-Identifier: GPL-2.0-only
#include "core/cases.h"
#include "core/clock.h"

static void moves_on(const struct test_case *test)
{
	u64 before = clock_ns(), now = before;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		now = clock_ns();
		CHECK(now >= before, "the clock went back by %llu ns",
		      before - now);
		before = now;
	}
}

static void deadlines(const struct test_case *test)
{
	struct deadline past = deadline_in_ms(0);
	struct deadline far = deadline_in_ms(3600 * 1000);
	struct deadline soon = deadline_in_ms(5);
	u64 began = clock_ns(), left;

	CHECK(deadline_passed(past), "a deadline of 0 ms has not passed");
	CHECK(!deadline_left_ms(past), "a passed deadline has %llu ms left",
	      deadline_left_ms(past));
	CHECK(!deadline_passed(far), "a deadline in an hour has passed");
	left = deadline_left_ms(far);
	CHECK(left <= 3600 * 1000, "an hour has %llu ms left", left);

	/* Time left is rounded up, so a wait for it ends behind the deadline. */
	while (deadline_left_ms(soon))
		;
	CHECK(deadline_passed(soon), "no time left, but not passed");
	CHECK(clock_ns() - began >= 4 * NSEC_PER_MSEC,
	      "a deadline of 5 ms was over after %llu ns", clock_ns() - began);
	soon.at_ns = clock_ns() + NSEC_PER_SEC;
	left = deadline_left_ms(soon);
	CHECK(left && left <= 1000, "a second has %llu ms left", left);
}

/* Sums that do not fit into 64 bits are far away, not in the past. */
static void never(const struct test_case *test)
{
	CHECK(!deadline_passed(deadline_in_ms(U64_MAX)),
	      "a deadline of U64_MAX ms has passed");
	CHECK(!deadline_passed(deadline_in_ms(U64_MAX / NSEC_PER_MSEC)),
	      "a deadline of nearly 2^64 ns has passed");
}

static const struct test_case table[] = {
	{ .name = "moves_on", .run = moves_on },
	{ .name = "deadlines", .run = deadlines },
	{ .name = "never", .run = never },
};

int main(int argc, char **argv)
{
	const struct program program = {
		.name = "clock_test",
		.summary = "Unit test of lib/clock.h.",
		.table = table,
		.table_size = ARRAY_SIZE(table),
	};

	return cases_main(argc, argv, &program);
}
