// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scenarios and dimensions become exactly the cases that they declare; samples
 * cover all pairs, whatever the seed, and --list and --case see all cases.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/variant.h"

#define CASES_MAX 4096

static struct test_case cases[CASES_MAX], others[CASES_MAX];

enum colour {
	RED,
	GREEN,
	BLUE,
	COLOURS,
};

/**
 * struct row - a row of a table that a variant points to
 * @name: part of the case's name
 * @limit_s: time limit, in seconds
 */
struct row {
	const char *name;
	unsigned int limit_s;
};

static const struct row rows[] = { { "left", 11 }, { "right", 222 } };

/* A member of each size, and one that no dimension sets. */
struct variant {
	u8 before;
	enum colour colour;
	bool flag;
	u16 half;
	u64 wide;
	const struct row *row;
	int number;
	unsigned int rest;
};

/* Blue exists on no machine. */
static bool colour_exists(u64 value)
{
	return value != BLUE;
}

static const struct choice colour_list[] = {
	CHOICE("red", RED),
	CHOICE("green", GREEN),
	CHOICE("blue", BLUE),
};

static const struct choices colours = {
	.list = colour_list,
	.count = COLOURS,
	.exists = colour_exists,
};

static const struct choice *make_numbers(size_t *count)
{
	static const struct choice list[] = {
		CHOICE("minus", -5ULL),
		CHOICE("plus", 7),
	};

	*count = ARRAY_SIZE(list);
	return list;
}

static const struct choices numbers = { .generate = make_numbers };

static const struct needs needs_root = { .root = true,
					 .config = "CONFIG_A=y",
					 .cpus = 2 };
static const struct needs needs_nodes = { .nodes = 2,
					  .config = "CONFIG_B",
					  .cpus = 3 };

static const struct choice halves[] = {
	CHOICE("none", 0),
	CHOICE("all", 0xffff, .plan = "every bit is set", .needs = &needs_root,
	       .timeout_s = 100),
	CHOICE("some", 0x1234, .needs = &needs_nodes),
};

static const struct choice flags[] = { CHOICE("no", false),
				       CHOICE("yes", true) };

static const struct choice wides[] = {
	CHOICE("w0", 1ULL << 40),
	CHOICE("w1", ~0ULL),
	CHOICE("w2", 2),
	CHOICE("w3", 3),
};

static void body(const struct variant *variant)
{
}

static void alone(void)
{
}

static size_t expand(const struct scenario *scenarios, size_t count,
		     const struct options *options, struct test_case *to)
{
	const struct program program = {
		.scenarios = scenarios,
		.scenario_count = count,
	};

	return variant_cases(&program, options, to, CASES_MAX);
}

static const struct test_case *find(size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(cases[i].name, name))
			return &cases[i];
	fail("there is no case %s", name);
}

static void expect_name(size_t index, const char *name)
{
	CHECK(!strcmp(cases[index].name, name),
	      "case %zu: expected the name %s, got %s", index, name,
	      cases[index].name);
}

static const struct options list_all = { .list = true, .seed = 1 };

static const struct dimension named[] = {
	DIMENSION_SOME(struct variant, colour, &colours, GREEN, BLUE, RED),
	DIMENSION_FIXED(struct variant, number, &numbers, -5ULL),
	DIMENSION_TABLE(struct variant, flag, flags),
};

static const struct scenario named_scenarios[] = {
	SCENARIO("", body, struct variant, named),
	SCENARIO("deep/er", body, struct variant, named),
	{ .name = "alone", .run_alone = alone },
	SCENARIO_ONE("one", body, struct variant,
		     FIXED(struct variant, .rest = 5, .half = 6)),
};

/* In the order of their declaration, the last dimension fastest. */
static void names(void)
{
	const struct variant *variant;
	size_t count = expand(named_scenarios, 4, &list_all, cases);

	CHECK(count == 10, "expected 10 cases, got %zu", count);
	expect_name(0, "green/no");
	expect_name(1, "green/yes");
	expect_name(2, "red/no");
	expect_name(3, "red/yes");
	expect_name(4, "deep/er/green/no");
	expect_name(7, "deep/er/red/yes");
	expect_name(8, "alone");
	expect_name(9, "one");
	variant = cases[9].variant;
	CHECK(variant->rest == 5 && variant->half == 6 && !variant->colour,
	      "the fixed values are not those of the scenario");
	variant = cases[1].variant;
	CHECK(variant->number == -5, "the fixed member is %d, expected -5",
	      variant->number);
}

static const struct dimension every_member[] = {
	DIMENSION(struct variant, colour, &colours),
	DIMENSION_TABLE(struct variant, flag, flags),
	DIMENSION_TABLE(struct variant, half, halves),
	DIMENSION_TABLE(struct variant, wide, wides),
	DIMENSION_ROWS(struct variant, row, rows),
	DIMENSION(struct variant, number, &numbers),
};

static const struct scenario member_scenarios[] = {
	SCENARIO("s", body, struct variant, every_member,
		 FIXED(struct variant, .before = 0x5a, .rest = 0xa5a5a5a5)),
};

/* Each member has its value, and no other member is touched. */
static void members(void)
{
	size_t count = expand(member_scenarios, 1, &list_all, cases), i;
	const struct variant *variant;

	CHECK(count == 2 * 2 * 3 * 4 * 2 * 2, "%zu cases", count);
	for (i = 0; i < count; i++) {
		variant = cases[i].variant;
		CHECK(variant->before == 0x5a && variant->rest == 0xa5a5a5a5,
		      "case %s has another value in a fixed member",
		      cases[i].name);
	}
	variant = find(count, "s/green/yes/all/w1/right/minus")->variant;
	CHECK(variant->colour == GREEN && variant->flag &&
		      variant->half == 0xffff && variant->wide == ~0ULL &&
		      variant->row == &rows[1] && variant->number == -5,
	      "a member does not have the value of its choice");
	variant = find(count, "s/red/no/some/w0/left/plus")->variant;
	CHECK(variant->colour == RED && !variant->flag &&
		      variant->half == 0x1234 && variant->wide == 1ULL << 40 &&
		      variant->row == &rows[0] && variant->number == 7,
	      "a member does not have the value of its choice");
}

static const struct dimension matrix[] = {
	DIMENSION(struct variant, colour, &colours),
	DIMENSION_TABLE(struct variant, half, halves),
	DIMENSION_TABLE(struct variant, wide, wides),
	DIMENSION_ROWS(struct variant, row, rows),
};
#define MATRIX (2 * 3 * 4 * 2)

static const struct dimension only_blue[] = {
	DIMENSION_FIXED(struct variant, colour, &colours, BLUE),
	DIMENSION_TABLE(struct variant, half, halves),
};

static const struct scenario absent_scenarios[] = {
	SCENARIO("matrix", body, struct variant, matrix),
	SCENARIO("blue", body, struct variant, only_blue),
};

/* A choice that no machine of this architecture can have is no case. */
static void absent(void)
{
	static const struct options all = { .mode = MODE_ALL };
	static const struct options check = { .mode = MODE_CHECK };
	size_t count = expand(absent_scenarios, 2, &all, cases), i;

	CHECK(count == MATRIX, "expected %u cases, got %zu", MATRIX, count);
	for (i = 0; i < count; i++)
		CHECK(!strstr(cases[i].name, "blue"), "%s is a case",
		      cases[i].name);
	count = expand(absent_scenarios + 1, 1, &check, cases);
	CHECK(!count, "a sample has %s", cases[0].name);
}

static bool not_red_left(const struct variant *variant)
{
	return variant->colour != RED || variant->row != &rows[0];
}

static void complete(const struct variant *variant, struct test_case *test)
{
	static const struct needs kernel = { .kernel_min = NEEDS_KERNEL(6, 1) };

	test->timeout_s = variant->row->limit_s;
	needs_add(&test->needs, &kernel);
}

static void refused(void)
{
	static const struct scenario scenarios[] = {
		SCENARIO("s", body, struct variant, matrix,
			 .allowed = VARIANT_IF(struct variant, not_red_left)),
	};
	size_t count = expand(scenarios, 1, &list_all, cases), i;

	CHECK(count == MATRIX * 3 / 4, "expected %u cases, got %zu",
	      MATRIX * 3 / 4, count);
	for (i = 0; i < count; i++)
		CHECK(not_red_left(cases[i].variant), "%s is a case",
		      cases[i].name);
}

/* Of the scenario, its choices, and what the scenario completes. */
static void terms(void)
{
	static const struct dimension dimensions[] = {
		DIMENSION_TABLE(struct variant, half, halves),
	};
	static const struct dimension pair[] = {
		DIMENSION_TABLE(struct variant, half, halves),
		DIMENSION_TABLE(struct variant, number, halves),
		DIMENSION_ROWS(struct variant, row, rows),
	};
	static const struct scenario scenarios[] = {
		SCENARIO("s", body, struct variant, dimensions,
			 .plan = "the plan", .timeout_s = 30,
			 .needs = { .kvm = true, .cpus = 1 }),
		SCENARIO("pair", body, struct variant, pair,
			 .complete = VARIANT_COMPLETE(struct variant,
						      complete)),
	};
	size_t count = expand(scenarios, 2, &list_all, cases);
	const struct test_case *test = find(count, "s/none");

	CHECK(!strcmp(test->plan, "the plan") && test->timeout_s == 30 &&
		      test->needs.kvm && !test->needs.root,
	      "%s does not have the scenario's terms", test->name);
	test = find(count, "s/all");
	CHECK(!strcmp(test->plan, "every bit is set") &&
		      test->timeout_s == 100 && test->needs.kvm &&
		      test->needs.root && test->needs.cpus == 2,
	      "%s does not have its choice's terms", test->name);
	test = find(count, "pair/all/some/right");
	CHECK(test->timeout_s == 222 && test->needs.root &&
		      test->needs.nodes == 2 && test->needs.cpus == 3 &&
		      test->needs.kernel_min == NEEDS_KERNEL(6, 1) &&
		      !strcmp(test->needs.config, "CONFIG_A=y CONFIG_B"),
	      "%s does not have the sum of its terms", test->name);
}

static bool in_some_case(const struct test_case *list, size_t count, size_t a,
			 const void *value_a, size_t b, const void *value_b)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!memcmp((const char *)list[i].variant + matrix[a].offset,
			    value_a, matrix[a].size) &&
		    !memcmp((const char *)list[i].variant + matrix[b].offset,
			    value_b, matrix[b].size))
			return true;
	return false;
}

/* Pairs of members' values that a full matrix has and a sample does not. */
static size_t missing_pairs(size_t every, size_t sampled, bool equal_only)
{
	size_t missing = 0, i, a, b;

	for (i = 0; i < every; i++)
		for (a = 0; a < ARRAY_SIZE(matrix); a++)
			for (b = a; b < ARRAY_SIZE(matrix); b++)
				missing +=
					(a == b || !equal_only) &&
					!in_some_case(cases, sampled, a,
						      (const char *)others[i]
								      .variant +
							      matrix[a].offset,
						      b,
						      (const char *)others[i]
								      .variant +
							      matrix[b].offset);
	return missing;
}

static void samples(void)
{
	static const struct scenario pairs[] = {
		SCENARIO("s", body, struct variant, matrix,
			 .allowed = VARIANT_IF(struct variant, not_red_left)),
	};
	static const struct scenario choices[] = {
		SCENARIO("s", body, struct variant, matrix,
			 .allowed = VARIANT_IF(struct variant, not_red_left),
			 .sampling = SAMPLE_CHOICES),
	};
	static const struct scenario all[] = {
		SCENARIO("s", body, struct variant, matrix,
			 .allowed = VARIANT_IF(struct variant, not_red_left),
			 .sampling = SAMPLE_ALL),
	};
	struct options options = { .mode = MODE_CHECK };
	size_t every = expand(all, 1, &options, others), count, i;

	CHECK(every == MATRIX * 3 / 4, "SAMPLE_ALL: %zu cases", every);
	for (options.seed = 0; options.seed < 5; options.seed++) {
		count = expand(pairs, 1, &options, cases);
		CHECK(count < every && !missing_pairs(every, count, false),
		      "seed %llu: %zu of %zu cases lack %zu pairs",
		      options.seed, count, every,
		      missing_pairs(every, count, false));
		for (i = 0; i < count; i++)
			CHECK(not_red_left(cases[i].variant), "%s is a case",
			      cases[i].name);
		CHECK(missing_pairs(every, count - 1, false),
		      "a sample without its last case counts as whole");
		count = expand(choices, 1, &options, cases);
		/* The largest dimension has 4 choices. */
		CHECK(count >= 4 && count <= 6 &&
			      !missing_pairs(every, count, true),
		      "seed %llu: %zu cases lack a choice", options.seed,
		      count);
	}
}

static void same_lists(const struct scenario *scenarios, size_t scenario_count,
		       const struct options *one, const struct options *other)
{
	size_t count = expand(scenarios, scenario_count, one, cases), i;

	CHECK(expand(scenarios, scenario_count, other, others) == count,
	      "two lists differ in length");
	for (i = 0; i < count; i++)
		CHECK(!strcmp(cases[i].name, others[i].name),
		      "case %zu is %s in one list and %s in the other", i,
		      cases[i].name, others[i].name);
}

static bool by_seed(const struct variant *variant)
{
	return variant->half == (options()->seed % 2 ? 0 : 0xffff);
}

static unsigned int at_most_two(void)
{
	return 2;
}

static const struct scenario various[] = {
	SCENARIO("last", body, struct variant, matrix, .stress_s = 2),
	SCENARIO("none", body, struct variant, matrix, .no_stress = true,
		 .sampled = VARIANT_IF(struct variant, by_seed)),
	SCENARIO("max", body, struct variant, matrix, .check_max = at_most_two),
	{ .name = "alone", .run_alone = alone, .first = true },
};

static void list_is_whole(void)
{
	struct options one = { .list = true, .seed = 1 };
	struct options other = {
		.list = true, .seed = 2, .mode = MODE_STRESS, .duration_s = 1
	};
	const struct options named = { .case_glob = "last/*",
				       .mode = MODE_STRESS };

	same_lists(various, 4, &one, &other);
	same_lists(various, 4, &one, &named);
	CHECK(expand(various, 4, &one, cases) == 3 * MATRIX + 1,
	      "the list is not the full matrix");
	expect_name(0, "alone");
}

static size_t of_scenario(size_t count, const char *name)
{
	size_t found = 0, i;

	for (i = 0; i < count; i++)
		found += !strcmp(cases[i].scenario->name, name);
	return found;
}

static void check_sample(void)
{
	struct options options_now = *options(), saved = options_now;
	size_t count, i;

	options_now.seed = 7;
	options_now.mode = MODE_CHECK;
	options_now.list = false;
	options_now.case_glob = NULL;
	options_set(&options_now);
	count = expand(various, 4, &options_now, cases);
	options_set(&saved);
	expect_name(0, "alone");
	CHECK(of_scenario(count, "max") == 2, "expected 2 cases, got %zu",
	      of_scenario(count, "max"));
	CHECK(of_scenario(count, "none") == 8, "expected 8 cases, got %zu",
	      of_scenario(count, "none"));
	for (i = 0; i < count; i++) {
		const struct variant *variant = cases[i].variant;

		CHECK(strcmp(cases[i].scenario->name, "none") || !variant->half,
		      "%s is in a sample that refuses it", cases[i].name);
	}
}

/* Few for long: as many as there is time for, and the others in full. */
static void stress_share(void)
{
	struct options stress = { .mode = MODE_STRESS,
				  .seed = 1,
				  .duration_s = 8 };
	size_t count = expand(various, 4, &stress, cases), first;
	char name[CASE_NAME_MAX];
	bool other = false;

	CHECK(of_scenario(count, "last") == 4, "%zu cases of 2 s in 8 s",
	      of_scenario(count, "last"));
	CHECK(!of_scenario(count, "none"), "a stress run has a case of none");
	CHECK(of_scenario(count, "max") > 4,
	      "a stress run leaves out cases that have no share");
	CHECK(of_scenario(count, "alone") == 1, "alone is left out");
	snprintf(name, sizeof(name), "%s", cases[1].name);
	for (stress.seed = 2; stress.seed < 10 && !other; stress.seed++) {
		expand(various, 1, &stress, cases);
		other = strcmp(cases[0].name, name);
	}
	CHECK(other, "every seed keeps the same cases");
	stress.duration_s = 1;
	first = expand(various, 1, &stress, cases);
	CHECK(first == 1, "%zu cases where there is no time for one", first);
	stress.duration_s = 1000;
	first = expand(various, 1, &stress, cases);
	stress.mode = MODE_CHECK;
	CHECK(expand(various, 1, &stress, cases) == first,
	      "a stress run with time for all leaves some out");
}

static const struct scenario scenarios[] = {
	{ .name = "names", .run_alone = names },
	{ .name = "members", .run_alone = members },
	{ .name = "absent", .run_alone = absent },
	{ .name = "refused", .run_alone = refused },
	{ .name = "terms", .run_alone = terms },
	{ .name = "samples", .run_alone = samples },
	{ .name = "list_is_whole", .run_alone = list_is_whole },
	{ .name = "check_sample", .run_alone = check_sample },
	{ .name = "stress_share", .run_alone = stress_share },
};

TEST_PROGRAM("variant_test", "unit test of typed variants", scenarios)
