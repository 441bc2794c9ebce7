// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which tuples of a matrix to run: all, or a sample in which every pair meets.
 */
#include <stdlib.h>
#include <string.h>

#include "core/bitmap.h"
#include "core/cases.h"
#include "core/random.h"

/* More than this is no matrix that anyone would wait for. */
#define TUPLES_MAX 100000

static size_t every_tuple(const struct case_matrix *matrix,
			  struct case_tuple *tuples, size_t max)
{
	struct case_tuple tuple = { .level = { 0 } };
	unsigned int dimension;
	size_t count = 0;

	if (!matrix->dimensions || matrix->dimensions > CASE_DIMENSIONS)
		fail("a matrix of %u dimensions: between 1 and %u are possible",
		     matrix->dimensions, CASE_DIMENSIONS);
	for (dimension = 0; dimension < matrix->dimensions; dimension++)
		if (!matrix->levels[dimension])
			return 0;

	do {
		if (!matrix->allowed ||
		    matrix->allowed(tuple.level, matrix->context)) {
			if (count == max)
				fail("a matrix has more than %zu tuples", max);
			tuples[count++] = tuple;
		}
		/* Count up, the last dimension fastest. */
		dimension = matrix->dimensions;
		while (dimension--) {
			if (++tuple.level[dimension] <
			    matrix->levels[dimension])
				break;
			tuple.level[dimension] = 0;
		}
	} while (dimension < matrix->dimensions);

	return count;
}

size_t cases_every_tuple(const struct case_matrix *matrix,
			 struct case_tuple *tuples, size_t max)
{
	return every_tuple(matrix, tuples, max);
}

/*
 * Pairs are numbered: one block for each two dimensions, in it one number for
 * each two levels. With @single, each level of each dimension is a "pair"
 * instead, and block[a][a] is where dimension a begins.
 */
struct pairs {
	const struct case_matrix *matrix;
	bool single;
	size_t block[CASE_DIMENSIONS][CASE_DIMENSIONS];
	size_t count;
	unsigned long *missing;
};

static void pairs_number(struct pairs *pairs, const struct case_matrix *matrix,
			 unsigned int strength)
{
	unsigned int a, b;

	pairs->matrix = matrix;
	pairs->single = strength == 1 || matrix->dimensions == 1;
	pairs->count = 0;
	for (a = 0; a < matrix->dimensions; a++) {
		if (pairs->single) {
			pairs->block[a][a] = pairs->count;
			pairs->count += matrix->levels[a];
			continue;
		}
		for (b = a + 1; b < matrix->dimensions; b++) {
			pairs->block[a][b] = pairs->count;
			pairs->count += (size_t)matrix->levels[a] *
					matrix->levels[b];
		}
	}
	pairs->missing = bitmap_new(pairs->count);
}

/* Is a pair missing? And mark it so if @mark is 1, or not so if it is 0. */
static unsigned int pair_of(struct pairs *pairs, size_t pair, int mark)
{
	unsigned int missing = bitmap_test(pairs->missing, pair);

	if (mark == 1)
		bitmap_set(pairs->missing, pair);
	else if (mark == 0)
		bitmap_clear(pairs->missing, pair);
	return missing;
}

/* Count the missing pairs that a tuple has, and mark them if @mark >= 0. */
static unsigned int pairs_of(struct pairs *pairs,
			     const struct case_tuple *tuple, int mark)
{
	const struct case_matrix *matrix = pairs->matrix;
	unsigned int a, b, gain = 0;

	for (a = 0; a < matrix->dimensions; a++) {
		if (pairs->single)
			gain += pair_of(pairs,
					pairs->block[a][a] + tuple->level[a],
					mark);
		for (b = a + 1; !pairs->single && b < matrix->dimensions; b++)
			gain += pair_of(pairs,
					pairs->block[a][b] +
						(size_t)tuple->level[a] *
							matrix->levels[b] +
						tuple->level[b],
					mark);
	}
	return gain;
}

static int compare_tuples(const void *a, const void *b)
{
	const struct case_tuple *one = a, *other = b;
	unsigned int dimension;

	for (dimension = 0; dimension < CASE_DIMENSIONS; dimension++)
		if (one->level[dimension] != other->level[dimension])
			return one->level[dimension] < other->level[dimension] ?
				       -1 :
				       1;
	return 0;
}

size_t cases_sample(const struct case_matrix *matrix, u64 seed,
		    unsigned int strength, struct case_tuple *tuples,
		    size_t max)
{
	struct case_tuple *left = calloc(TUPLES_MAX, sizeof(*left));
	struct random_stream random;
	struct pairs pairs;
	size_t count, chosen = 0, i;

	if (!left)
		fail("no memory for a matrix of %u tuples", TUPLES_MAX);
	count = every_tuple(matrix, left, TUPLES_MAX);
	pairs_number(&pairs, matrix, strength);
	for (i = 0; i < count; i++)
		pairs_of(&pairs, &left[i], 1);

	/* The order decides between tuples that gain the same. */
	random_init(&random, seed, random_number("pairwise", 0));
	for (i = count; i > 1; i--) {
		size_t other = random_below(&random, i);
		struct case_tuple swap = left[i - 1];

		left[i - 1] = left[other];
		left[other] = swap;
	}

	while (count) {
		unsigned int best_gain = 0;
		size_t best = 0, kept = 0;

		for (i = 0; i < count; i++) {
			unsigned int gain = pairs_of(&pairs, &left[i], -1);

			/* What gains nothing now never will. */
			if (!gain)
				continue;
			left[kept] = left[i];
			if (gain > best_gain) {
				best_gain = gain;
				best = kept;
			}
			kept++;
		}
		count = kept;
		if (!best_gain)
			break;
		if (chosen == max)
			fail("a pairwise sample has more than %zu tuples", max);
		tuples[chosen++] = left[best];
		pairs_of(&pairs, &left[best], 0);
	}

	free(pairs.missing);
	free(left);
	qsort(tuples, chosen, sizeof(*tuples), compare_tuples);
	return chosen;
}

size_t cases_sample_pairwise(const struct case_matrix *matrix, u64 seed,
			     struct case_tuple *tuples, size_t max)
{
	return cases_sample(matrix, seed, 2, tuples, max);
}

size_t cases_choose(const struct options *options,
		    const struct case_matrix *matrix, struct case_tuple *tuples,
		    size_t max)
{
	if (options->mode == MODE_ALL || options->list || options->case_glob)
		return every_tuple(matrix, tuples, max);
	return cases_sample_pairwise(matrix, options->seed, tuples, max);
}

static void swap_items(char *one, char *other, size_t size)
{
	while (size--) {
		char byte = *one;

		*one++ = *other;
		*other++ = byte;
	}
}

size_t cases_keep_for_stress(const struct options *options, void *items,
			     size_t count, size_t size, unsigned int item_s)
{
	unsigned int seconds = options->duration_s ? options->duration_s :
						     CASES_STRESS_S;
	size_t keep = seconds > item_s ? seconds / item_s : 1, i;
	struct random_stream random;
	char *item = items;

	if (options->mode != MODE_STRESS || options->case_glob || options->list)
		return count;
	random_init(&random, options->seed, random_number("stress sample", 0));
	for (i = 0; i < keep && i < count; i++)
		swap_items(item + i * size,
			   item + random_between(&random, i, count - 1) * size,
			   size);
	return i;
}
