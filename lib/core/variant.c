// SPDX-License-Identifier: GPL-2.0-only
/* Makes cases of scenarios, dimensions and choices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "core/variant.h"

/* Rows of a matrix, and cases of a program. */
#define TUPLES_MAX 100000

/**
 * struct levels - the choices of a dimension that are cases here
 * @list: the choices
 * @count: their number
 */
struct levels {
	struct choice *list;
	unsigned int count;
};

/**
 * struct expansion - a scenario and the choices of its dimensions
 * @scenario: the scenario
 * @levels: per dimension
 * @variant: the variant of the tuple in question
 * @sample: leave out what scenario.sampled() refuses
 */
struct expansion {
	const struct scenario *scenario;
	struct levels levels[CASE_DIMENSIONS];
	void *variant;
	bool sample;
};

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size ? size : 1);

	if (!memory)
		fail("no memory for the list of cases");
	return memory;
}

static void add_text(const char **text, const char *more)
{
	char *sum;

	if (!more || !*more)
		return;
	if (*text && **text) {
		if (asprintf(&sum, "%s %s", *text, more) < 0)
			fail("no memory for the list of cases");
		*text = sum;
	} else {
		*text = more;
	}
}

static void add_one(const char **name, const char *more, const char *what)
{
	if (*name && more && strcmp(*name, more))
		fail("a case needs two %ss: %s and %s", what, *name, more);
	if (more)
		*name = more;
}

#define ADD_MAX(sum, more)              \
	do {                            \
		if ((sum) < (more))     \
			(sum) = (more); \
	} while (0)

void needs_add(struct needs *needs, const struct needs *more)
{
	needs->root |= more->root;
	needs->kvm |= more->kvm;
	ADD_MAX(needs->kernel_min, more->kernel_min);
	add_text(&needs->config, more->config);
	add_one(&needs->module, more->module, "module");
	add_one(&needs->device, more->device, "device");
	ADD_MAX(needs->free_memory, more->free_memory);
	ADD_MAX(needs->cpus, more->cpus);
	ADD_MAX(needs->nodes, more->nodes);
}

/* Store a value in a member of 1, 2, 4 or 8 bytes. */
static void store(void *member, size_t size, u64 value)
{
	u8 byte = (u8)value;
	u16 half = (u16)value;
	u32 word = (u32)value;
	u64 fits = size == 8 ? value :
		   size == 4 ? word :
		   size == 2 ? half :
			       byte;

	/* A negative number is all ones above. */
	if (fits != value && ~value >> (8 * size - 1))
		fail("the value 0x%llx of a choice does not fit into %zu bytes",
		     value, size);
	switch (size) {
	case 1:
		memcpy(member, &byte, size);
		break;
	case 2:
		memcpy(member, &half, size);
		break;
	case 4:
		memcpy(member, &word, size);
		break;
	case 8:
		memcpy(member, &value, size);
		break;
	default:
		fail("a dimension of %zu bytes: 1, 2, 4 and 8 are possible",
		     size);
	}
}

static const struct choice *choice_of(const struct choice *list, size_t count,
				      u64 value)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i].value == value)
			return &list[i];
	fail("no choice has the value 0x%llx", value);
}

static void levels_init(struct levels *levels,
			const struct dimension *dimension)
{
	const struct choices *choices = dimension->choices;
	const struct choice *list = dimension->table;
	size_t list_count = dimension->table_count, count, i;

	if (choices && choices->generate)
		list = choices->generate(&list_count);
	else if (choices)
		list = choices->list, list_count = choices->count;
	count = dimension->rows ? dimension->row_count :
		dimension->only ? dimension->only_count :
				  list_count;
	levels->list = allocate(count, sizeof(*levels->list));
	levels->count = 0;
	for (i = 0; i < count; i++) {
		struct choice *choice = &levels->list[levels->count];

		if (dimension->rows) {
			const void *row = (const char *)dimension->rows +
					  i * dimension->row_size;

			choice->value = (uintptr_t)row;
			memcpy(&choice->name, row, sizeof(choice->name));
		} else if (dimension->only) {
			*choice = *choice_of(list, list_count,
					     dimension->only[i]);
		} else {
			*choice = list[i];
		}
		if (dimension->unnamed)
			choice->name = "";
		if (!choices || !choices->exists ||
		    choices->exists(choice->value))
			levels->count++;
	}
}

static void fill_variant(const struct expansion *expansion,
			 const unsigned int *tuple, void *variant)
{
	const struct scenario *scenario = expansion->scenario;
	size_t i;

	if (scenario->fixed)
		memcpy(variant, scenario->fixed, scenario->variant_size);
	else
		memset(variant, 0, scenario->variant_size);
	for (i = 0; i < scenario->dimension_count; i++) {
		const struct dimension *dimension = &scenario->dimensions[i];

		if (dimension->offset + dimension->size >
		    scenario->variant_size)
			fail("a dimension of scenario %s is outside its variant",
			     scenario->name);
		store((char *)variant + dimension->offset, dimension->size,
		      expansion->levels[i].list[tuple[i]].value);
	}
}

static bool tuple_allowed(const unsigned int *tuple, const void *context)
{
	const struct expansion *expansion = context;
	const struct scenario *scenario = expansion->scenario;

	fill_variant(expansion, tuple, expansion->variant);
	if (scenario->allowed && !scenario->allowed(expansion->variant))
		return false;
	return !expansion->sample || !scenario->sampled ||
	       scenario->sampled(expansion->variant);
}

static void name_case(struct test_case *test, const struct expansion *expansion,
		      const unsigned int *tuple)
{
	const struct scenario *scenario = expansion->scenario;
	size_t used = 0, i;

	used = (size_t)snprintf(test->name, CASE_NAME_MAX, "%s",
				scenario->name);
	for (i = 0; i < scenario->dimension_count; i++) {
		const char *name = expansion->levels[i].list[tuple[i]].name;

		if (used < CASE_NAME_MAX && *name)
			used += (size_t)snprintf(test->name + used,
						 CASE_NAME_MAX - used, "%s%s",
						 used ? "/" : "", name);
	}
	if (used >= CASE_NAME_MAX)
		fail("the name of case %s... is longer than %u", test->name,
		     CASE_NAME_MAX - 1);
}

static void fill_case(struct test_case *test, const struct expansion *expansion,
		      const unsigned int *tuple)
{
	const struct scenario *scenario = expansion->scenario;
	void *variant = allocate(1, scenario->variant_size);
	size_t i;

	*test = (struct test_case){
		.plan = scenario->plan,
		.scenario = scenario,
		.variant = variant,
		.timeout_s = scenario->timeout_s,
		.needs = scenario->needs,
	};
	fill_variant(expansion, tuple, variant);
	name_case(test, expansion, tuple);
	for (i = 0; i < scenario->dimension_count; i++) {
		const struct choice *choice =
			&expansion->levels[i].list[tuple[i]];

		if (choice->plan)
			test->plan = choice->plan;
		if (choice->needs)
			needs_add(&test->needs, choice->needs);
		ADD_MAX(test->timeout_s, choice->timeout_s);
	}
	if (scenario->complete)
		scenario->complete(variant, test);
}

/* Leave @keep of the cases, chosen by the seed, in their order. */
static size_t keep_some(const struct options *options, const char *why,
			struct test_case *cases, size_t count, size_t keep)
{
	struct random_stream random;
	size_t kept = 0, i;

	random_init(&random, options->seed, random_number(why, 0));
	for (i = 0; i < count; i++)
		if (random_below(&random, count - i) + kept < keep)
			cases[kept++] = cases[i];
	return kept;
}

static size_t add_scenario(const struct scenario *scenario,
			   const struct options *options,
			   struct test_case *cases, size_t max)
{
	bool whole = options->mode == MODE_ALL || options->list ||
		     options->case_glob;
	struct expansion expansion = {
		.scenario = scenario,
		.variant = allocate(1, scenario->variant_size),
		.sample = !whole,
	};
	struct case_matrix matrix = {
		.dimensions = (unsigned int)scenario->dimension_count,
		.allowed = tuple_allowed,
		.context = &expansion,
	};
	struct case_tuple *tuples = allocate(TUPLES_MAX, sizeof(*tuples));
	size_t count, i, limit;
	u64 seed;

	if (!scenario->run == !scenario->run_alone)
		fail("scenario %s needs one of run and run_alone",
		     scenario->name);
	if (matrix.dimensions > CASE_DIMENSIONS)
		fail("scenario %s has %u dimensions: %u are possible",
		     scenario->name, matrix.dimensions, CASE_DIMENSIONS);
	for (i = 0; i < matrix.dimensions; i++) {
		levels_init(&expansion.levels[i], &scenario->dimensions[i]);
		matrix.levels[i] = expansion.levels[i].count;
	}

	if (!matrix.dimensions) {
		count = tuple_allowed(tuples[0].level, &expansion);
	} else if (whole || scenario->sampling == SAMPLE_ALL) {
		count = cases_every_tuple(&matrix, tuples, TUPLES_MAX);
	} else {
		seed = options->seed ^ random_number(scenario->name, 0);
		count = cases_sample(&matrix, seed,
				     scenario->sampling == SAMPLE_PAIRS ? 2 : 1,
				     tuples, TUPLES_MAX);
	}
	if (!whole && options->mode == MODE_STRESS && scenario->no_stress)
		count = 0;
	if (count > max)
		fail("scenario %s makes the program's cases too many by %zu",
		     scenario->name, count - max);
	for (i = 0; i < count; i++)
		fill_case(&cases[i], &expansion, tuples[i].level);

	limit = scenario->check_max ? scenario->check_max() : 0;
	if (!whole && options->mode == MODE_CHECK && limit)
		count = keep_some(options, scenario->name, cases, count, limit);

	for (i = 0; i < matrix.dimensions; i++)
		free(expansion.levels[i].list);
	free(expansion.variant);
	free(tuples);
	return count;
}

/*
 * A stress run goes deep where check mode goes wide: few cases for long, chosen
 * by the seed. Cases of scenarios without a stress_s all stay.
 */
static size_t keep_for_stress(const struct options *options,
			      struct test_case *cases, size_t count)
{
	u64 left_s = options->duration_s ? options->duration_s : CASES_STRESS_S;
	bool *keep = allocate(count, sizeof(*keep));
	size_t *order = allocate(count, sizeof(*order));
	size_t shared = 0, kept = 0, i;
	struct random_stream random;
	bool any = false;

	for (i = 0; i < count; i++) {
		keep[i] = !cases[i].scenario->stress_s;
		if (!keep[i])
			order[shared++] = i;
	}
	random_init(&random, options->seed, random_number("stress sample", 0));
	for (i = 0; i < shared; i++) {
		size_t other = random_between(&random, i, shared - 1);
		size_t chosen = order[other];
		unsigned int wanted_s = cases[chosen].scenario->stress_s;

		order[other] = order[i];
		if (any && wanted_s > left_s)
			break;
		keep[chosen] = true;
		any = true;
		left_s -= wanted_s < left_s ? wanted_s : left_s;
	}
	for (i = 0; i < count; i++)
		if (keep[i])
			cases[kept++] = cases[i];
	free(order);
	free(keep);
	return kept;
}

size_t variant_cases(const struct program *program,
		     const struct options *options, struct test_case *cases,
		     size_t max)
{
	size_t count = 0, i;
	int first;

	for (first = 1; first >= 0; first--)
		for (i = 0; i < program->scenario_count; i++)
			if (program->scenarios[i].first == first)
				count += add_scenario(&program->scenarios[i],
						      options, cases + count,
						      max - count);
	if (options->mode == MODE_STRESS && !options->case_glob &&
	    !options->list)
		count = keep_for_stress(options, cases, count);
	return count;
}
