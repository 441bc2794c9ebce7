// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pairwise sample, against a slow check that shares no code with it.
 */
#include <stdio.h>
#include <string.h>

#include "core/cases.h"

#define TUPLES_MAX 4096

static struct case_tuple every[TUPLES_MAX], sample[TUPLES_MAX];

static bool has_pair(const struct case_tuple *tuples, size_t count,
		     unsigned int a, unsigned int level_a, unsigned int b,
		     unsigned int level_b)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (tuples[i].level[a] == level_a &&
		    tuples[i].level[b] == level_b)
			return true;
	return false;
}

/* How many pairs of the full matrix do not occur in the sample. */
static size_t missing_pairs(const struct case_matrix *matrix,
			    size_t every_count, size_t sample_count)
{
	unsigned int a, b, i, j;
	size_t missing = 0;

	for (a = 0; a < matrix->dimensions; a++)
		for (b = 0; b < matrix->dimensions; b++)
			for (i = 0; i < matrix->levels[a]; i++)
				for (j = 0; j < matrix->levels[b]; j++)
					missing += has_pair(every, every_count,
							    a, i, b, j) &&
						   !has_pair(sample,
							     sample_count, a, i,
							     b, j);
	return missing;
}

/* Some matrices have tuples that make no sense: here, a third of them. */
static bool allow_some(const unsigned int *tuple, const void *context)
{
	return (tuple[0] + tuple[1]) % 3 != *(const unsigned int *)context;
}

static const unsigned int refused = 1;

static const struct case_matrix matrices[] = {
	{ .dimensions = 1, .levels = { 5 } },
	{ .dimensions = 2, .levels = { 3, 4 } },
	{ .dimensions = 3, .levels = { 4, 4, 4 } },
	{ .dimensions = 3, .levels = { 7, 10, 5 } },
	{ .dimensions = 6, .levels = { 2, 2, 2, 2, 2, 2 } },
	{ .dimensions = 6, .levels = { 6, 11, 3, 2, 2, 4 } },
	{ .dimensions = 4,
	  .levels = { 5, 6, 3, 4 },
	  .allowed = allow_some,
	  .context = &refused },
};

static void covers(const struct test_case *test)
{
	const struct case_matrix *matrix = &matrices[test->number[0]];
	size_t count = cases_every_tuple(matrix, every, TUPLES_MAX);
	size_t expected = 1, chosen, i, largest = 0, second = 0;
	unsigned int dimension;
	u64 seed;

	for (dimension = 0; dimension < matrix->dimensions; dimension++) {
		size_t levels = matrix->levels[dimension];

		expected *= levels;
		if (levels > largest) {
			second = largest;
			largest = levels;
		} else if (levels > second) {
			second = levels;
		}
	}
	CHECK(matrix->allowed ? count < expected : count == expected,
	      "the full matrix has %zu tuples of %zu", count, expected);
	for (i = 0; i < count; i++) {
		CHECK(!matrix->allowed ||
			      matrix->allowed(every[i].level, matrix->context),
		      "tuple %zu is not allowed", i);
		CHECK(!i || memcmp(&every[i - 1], &every[i], sizeof(*every)),
		      "tuple %zu comes twice", i);
	}

	for (seed = 0; seed < 5; seed++) {
		chosen = cases_sample_pairwise(matrix, seed, sample,
					       TUPLES_MAX);
		CHECK(!missing_pairs(matrix, count, chosen),
		      "seed %llu: the sample of %zu lacks %zu pairs", seed,
		      chosen, missing_pairs(matrix, count, chosen));
		for (i = 0; i < chosen; i++)
			CHECK(!matrix->allowed ||
				      matrix->allowed(sample[i].level,
						      matrix->context),
			      "the sample has a tuple that is not allowed");
		/* Greedy is not the best, but never far from it. */
		CHECK(chosen <= (second ? largest * second * 2 : largest),
		      "the sample has %zu of %zu tuples", chosen, count);
	}
}

static void same_seed(const struct test_case *test)
{
	const struct case_matrix *matrix = &matrices[5];
	size_t a = cases_sample_pairwise(matrix, 42, every, TUPLES_MAX);
	size_t b = cases_sample_pairwise(matrix, 42, sample, TUPLES_MAX);

	CHECK(a == b && !memcmp(every, sample, a * sizeof(*every)),
	      "one seed gives two samples");
	b = cases_sample_pairwise(matrix, 43, sample, TUPLES_MAX);
	CHECK(a != b || memcmp(every, sample, a * sizeof(*every)),
	      "two seeds give the same sample");
}

/* The check itself must see what is missing: here every tuple matters. */
static void check_objects(const struct test_case *test)
{
	const struct case_matrix *matrix = &matrices[1];
	size_t count = cases_every_tuple(matrix, every, TUPLES_MAX);
	size_t chosen = cases_sample_pairwise(matrix, 1, sample, TUPLES_MAX);

	CHECK(chosen == count, "two dimensions need all %zu tuples, not %zu",
	      count, chosen);
	CHECK(missing_pairs(matrix, count, chosen - 1),
	      "a sample without its last tuple counts as whole");
}

static void choose(const struct test_case *test)
{
	const struct case_matrix *matrix = &matrices[3];
	struct options wish = { .seed = 1 };
	size_t all = cases_every_tuple(matrix, every, TUPLES_MAX), some;

	some = cases_choose(&wish, matrix, sample, TUPLES_MAX);
	CHECK(some < all, "check mode takes all %zu tuples", all);
	wish.mode = MODE_STRESS;
	CHECK(cases_choose(&wish, matrix, sample, TUPLES_MAX) == some,
	      "stress mode takes another sample than check mode");
	wish.mode = MODE_ALL;
	CHECK(cases_choose(&wish, matrix, sample, TUPLES_MAX) == all,
	      "--all does not take all");
	wish.mode = MODE_CHECK;
	wish.case_glob = "x";
	CHECK(cases_choose(&wish, matrix, sample, TUPLES_MAX) == all,
	      "a case given by name may not be found");
}

static void keep(const struct test_case *test)
{
	struct options wish = { .seed = 1, .mode = MODE_STRESS };
	unsigned int items[50], seen = 0, i;
	size_t kept;

	for (i = 0; i < 50; i++)
		items[i] = i;
	wish.duration_s = 20;
	kept = cases_keep_for_stress(&wish, items, 50, sizeof(items[0]), 2);
	CHECK(kept == 10, "%zu cases of 2 s in 20 s", kept);
	for (i = 0; i < 50; i++)
		seen += items[i];
	CHECK(seen == 49 * 50 / 2, "items were lost or doubled");
	for (i = 0; i < kept && items[i] == i; i++)
		;
	CHECK(i < kept, "the first are kept, not some");
	wish.duration_s = 1;
	kept = cases_keep_for_stress(&wish, items, 50, sizeof(items[0]), 2);
	CHECK(kept == 1, "%zu cases where there is no time for one", kept);
	CHECK(!cases_keep_for_stress(&wish, items, 0, sizeof(items[0]), 2),
	      "something of nothing");
	wish.duration_s = 1000;
	CHECK(cases_keep_for_stress(&wish, items, 50, sizeof(items[0]), 2) ==
		      50,
	      "not all, with time for all");
	wish.duration_s = 1;
	wish.case_glob = "x";
	CHECK(cases_keep_for_stress(&wish, items, 50, sizeof(items[0]), 2) ==
		      50,
	      "a case given by name may not be found");
	wish.case_glob = NULL;
	wish.mode = MODE_CHECK;
	CHECK(cases_keep_for_stress(&wish, items, 50, sizeof(items[0]), 2) ==
		      50,
	      "check mode leaves cases out");
}

static size_t make_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	static const struct test_case others[] = {
		{ .name = "same_seed", .run = same_seed },
		{ .name = "check_objects", .run = check_objects },
		{ .name = "choose", .run = choose },
		{ .name = "keep", .run = keep },
	};
	size_t i, count = ARRAY_SIZE(matrices);

	for (i = 0; i < count; i++) {
		snprintf(cases[i].name, sizeof(cases[i].name), "covers/%zu", i);
		cases[i].run = covers;
		cases[i].number[0] = i;
	}
	memcpy(cases + count, others, sizeof(others));
	return count + ARRAY_SIZE(others);
}

int main(int argc, char **argv)
{
	const struct program program = {
		.name = "pairwise_test",
		.summary = "Unit test of the pairwise sample.",
		.cases = make_cases,
	};

	return cases_main(argc, argv, &program);
}
