// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "core/cases.h"
#include "core/random.h"

/* The first numbers that the authors' own code gives for this state. */
static void reference(const struct test_case *test)
{
	static const u64 expected[] = { 11520, 0, 1509978240,
					1215971899390074240ULL };
	struct random_stream stream = { .state = { 1, 2, 3, 4 } };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		u64 got = random_u64(&stream);

		CHECK(got == expected[i], "number %zu is %llu instead of %llu",
		      i, got, expected[i]);
	}
}

static bool same(u64 seed_a, u64 number_a, u64 seed_b, u64 number_b)
{
	struct random_stream a, b;
	unsigned int i, equal = 0;

	random_init(&a, seed_a, number_a);
	random_init(&b, seed_b, number_b);
	for (i = 0; i < 64; i++)
		equal += random_u64(&a) == random_u64(&b);
	CHECK(!equal || equal == 64,
	      "two streams share %u of their first 64 numbers", equal);
	return equal;
}

static void streams(const struct test_case *test)
{
	CHECK(same(7, 1, 7, 1), "one seed and stream, but other numbers");
	CHECK(!same(7, 1, 8, 1), "two seeds, but the same numbers");
	CHECK(!same(7, 1, 7, 2), "two streams, but the same numbers");
	CHECK(!same(1, 2, 2, 1), "seed and stream can be exchanged");
	CHECK(!same(0, 0, 0, 1), "seed 0: two streams, but the same numbers");
}

static void names(const struct test_case *test)
{
	CHECK(random_number("a", 0) == random_number("a", 0),
	      "one name, but two streams");
	CHECK(random_number("a", 0) != random_number("a", 1),
	      "two of one name have the same stream");
	CHECK(random_number("a", 0) != random_number("b", 0),
	      "two names have the same stream");
	CHECK(random_number("", 0) != random_number("a", 0),
	      "a name and none have the same stream");
}

static void ranges(const struct test_case *test)
{
	static const u64 bounds[] = { 1, 2, 3, 7, 10, 64 };
	struct random_stream stream;
	size_t b;

	random_init(&stream, 5, 5);
	for (b = 0; b < ARRAY_SIZE(bounds); b++) {
		unsigned int seen[64] = { 0 }, i;
		u64 value;

		for (i = 0; i < 1000 * bounds[b]; i++) {
			value = random_below(&stream, bounds[b]);
			CHECK(value < bounds[b], "%llu is not below %llu",
			      value, bounds[b]);
			seen[value]++;
		}
		/* 1000 expected each; five standard deviations are 160. */
		for (value = 0; value < bounds[b]; value++)
			CHECK(seen[value] > 840 && seen[value] < 1160,
			      "%llu of %llu came %u times in 1000", value,
			      bounds[b], seen[value]);
	}
	CHECK(random_below(&stream, 0) == 0, "a number below 0 is not 0");
	CHECK(random_between(&stream, 9, 9) == 9, "9 to 9 is not 9");
	for (b = 0; b < 1000; b++) {
		u64 value = random_between(&stream, 10, 12);

		CHECK(value >= 10 && value <= 12, "%llu is not 10 to 12",
		      value);
		/* Bounds where nearly half of all draws must be repeated. */
		value = random_below(&stream, (1ULL << 63) + 1);
		CHECK(value <= 1ULL << 63, "%llx is not below 2^63 + 1", value);
		random_between(&stream, 0, U64_MAX);
	}
}

static void chances(const struct test_case *test)
{
	struct random_stream stream;
	unsigned int i, hits = 0;

	random_init(&stream, 11, 0);
	for (i = 0; i < 10000; i++) {
		hits += random_chance(&stream, 1, 4);
		CHECK(!random_chance(&stream, 0, 4), "0 of 4 came true");
		CHECK(random_chance(&stream, 4, 4), "4 of 4 did not");
	}
	CHECK(hits > 2284 && hits < 2716, "1 of 4 came %u times in 10000",
	      hits);
}

/* What a case draws depends on the seed and its name, not on its company. */
static void cases_streams(const struct test_case *test)
{
	struct random_stream a, b;
	struct options options_now = *options();

	options_now.seed = 1;
	options_set(&options_now);
	case_random(&a, "x", 0);
	case_random(&b, "x", 0);
	CHECK(random_u64(&a) == random_u64(&b),
	      "the same stream of a case begins with two numbers");
	case_random(&b, "y", 0);
	CHECK(random_u64(&a) != random_u64(&b),
	      "two streams of a case are the same");
	options_now.seed = 2;
	options_set(&options_now);
	case_random(&a, "x", 0);
	options_now.seed = 1;
	options_set(&options_now);
	case_random(&b, "x", 0);
	CHECK(random_u64(&a) != random_u64(&b),
	      "another seed gives a case the same numbers");
}

static const struct test_case table[] = {
	{ .name = "reference", .run = reference },
	{ .name = "streams", .run = streams },
	{ .name = "names", .run = names },
	{ .name = "ranges", .run = ranges },
	{ .name = "chances", .run = chances },
	{ .name = "case_streams", .run = cases_streams },
};

int main(int argc, char **argv)
{
	const struct program program = {
		.name = "random_test",
		.summary = "Unit test of lib/random.h.",
		.table = table,
		.table_size = ARRAY_SIZE(table),
	};

	return cases_main(argc, argv, &program);
}
