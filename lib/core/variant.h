/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Variants of a scenario as data: a test declares a struct variant, the choices
 * of each of its members, and a function that runs one. The library makes the
 * cases: names, --list, --case, pairwise samples, needs and time limits.
 *
 *	struct variant { enum dirty_mode mode; enum backing_kind backing; unsigned int slots; };
 *
 *	static const struct choice slot_counts[] = { CHOICE("one_slot", 1), CHOICE("three_slots", 3) };
 *
 *	static const struct dimension dimensions[] = {
 *		DIMENSION(struct variant, mode, &dirty_modes),
 *		DIMENSION_SOME(struct variant, backing, &backings, BACKING_ANONYMOUS, BACKING_SHMEM),
 *		DIMENSION_TABLE(struct variant, slots, slot_counts),
 *	};
 *
 *	static void flip(const struct variant *variant) { ... }
 *
 *	static const struct scenario scenarios[] = {
 *		SCENARIO("flip", flip, struct variant, dimensions, .stress_s = 2,
 *			 .plan = "no write is lost while logging is toggled"),
 *	};
 *
 *	TEST_PROGRAM("dirty_log_flip_test", "no write is lost ...", scenarios, .needs = { .kvm = true })
 *
 * makes flip/log/anonymous/one_slot, flip/log/anonymous/three_slots and so on. The
 * tables stand at file scope: DIMENSION_SOME() and FIXED() contain compound literals.
 */
#ifndef SECMMU_VARIANT_H
#define SECMMU_VARIANT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/cases.h"
#include "core/options.h"
#include "core/types.h"

/**
 * struct choice - one value of a dimension
 * @name: its part of the case's name; "" adds no part
 * @value: stored in the variant's member
 * @plan: replaces the scenario's plan; NULL: keep it
 * @needs: added to the scenario's needs; NULL: nothing
 * @timeout_s: the case's time limit is at least this, in seconds; 0: the default
 */
struct choice {
	const char *name;
	u64 value;
	const char *plan;
	const struct needs *needs;
	unsigned int timeout_s;
};

/**
 * CHOICE() - a struct choice
 * @choice_name: its part of the case's name
 * @choice_value: stored in the variant's member
 * @...: further members of struct choice
 */
#define CHOICE(choice_name, choice_value, ...)                              \
	{                                                                   \
		.name = (choice_name), .value = (choice_value), __VA_ARGS__ \
	}

/**
 * struct choices - the choices that a type offers, shared by tests
 * @list: the choices
 * @count: their number
 * @generate: returns the list and sets the count instead of @list and @count, for
 *	choices that another table holds; NULL: @list
 * @exists: whether machines of this architecture can have a value, and no option
 *	such as --backing excludes it; false: no case. NULL: all exist
 */
struct choices {
	const struct choice *list;
	size_t count;
	const struct choice *(*generate)(size_t *count);
	bool (*exists)(u64 value);
};

/**
 * struct dimension - the choices of one member of a variant
 * @offset: of the member, in bytes
 * @size: of the member: 1, 2, 4 or 8 bytes
 * @choices: the choices; NULL: @rows or @table
 * @table: this test's own choices
 * @table_count: their number
 * @rows: first of an array of structs whose first member is the name (const
 *	char *); the value is the row's address
 * @row_size: size of a row, in bytes
 * @row_count: number of rows
 * @only: values of @choices that this test uses; NULL: all
 * @only_count: number of values in @only
 * @unnamed: adds no part to the case's name
 *
 * Made by the DIMENSION macros.
 */
struct dimension {
	size_t offset;
	size_t size;
	const struct choices *choices;
	const struct choice *table;
	size_t table_count;
	const void *rows;
	size_t row_size;
	size_t row_count;
	const u64 *only;
	size_t only_count;
	bool unnamed;
};

#define DIMENSION_MEMBER(type, member) \
	.offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)

/**
 * DIMENSION() - a member takes all choices of its type
 * @type: the variant's type, such as struct variant
 * @member: the member, an integer, enum or bool
 * @list: const struct choices *, such as &backings or &dirty_modes
 */
#define DIMENSION(type, member, list)                              \
	{                                                          \
		DIMENSION_MEMBER(type, member), .choices = (list), \
	}

/**
 * DIMENSION_SOME() - a member takes some of the choices of its type
 * @type: the variant's type
 * @member: the member
 * @list: const struct choices *
 * @...: the values, in the order of the cases
 */
#define DIMENSION_SOME(type, member, list, ...)                              \
	{                                                                    \
		DIMENSION_MEMBER(type, member),                              \
			.choices = (list),                                   \
			.only = (const u64[]){ __VA_ARGS__ },                \
			.only_count = sizeof((const u64[]){ __VA_ARGS__ }) / \
				      sizeof(u64),                           \
	}

/**
 * DIMENSION_FIXED() - a member has one value, which is not part of the name
 * @type: the variant's type
 * @member: the member
 * @list: const struct choices *: where the value does not exist, or --backing
 *	excludes it, there is no case
 * @fixed: the value
 */
#define DIMENSION_FIXED(type, member, list, fixed)                         \
	{                                                                  \
		DIMENSION_MEMBER(type, member),                            \
			.choices = (list), .only = (const u64[]){ fixed }, \
			.only_count = 1, .unnamed = true,                  \
	}

/**
 * DIMENSION_TABLE() - a member takes the choices of this test's own table
 * @type: the variant's type
 * @member: the member, an integer, enum or bool
 * @array: array of struct choice
 */
#define DIMENSION_TABLE(type, member, array)                                \
	{                                                                   \
		DIMENSION_MEMBER(type, member),                             \
			.table = (array), .table_count = ARRAY_SIZE(array), \
	}

/**
 * DIMENSION_ROWS() - a member points to each row of a table in turn
 * @type: the variant's type
 * @member: the member, a pointer to a row
 * @array: array of structs that begin with ``const char *name``
 *
 * What else follows from a row, such as its plan, scenario.complete() sets.
 */
#define DIMENSION_ROWS(type, member, array)                                   \
	{                                                                     \
		DIMENSION_MEMBER(type, member),                               \
			.rows = (array),                                      \
			.row_size =                                           \
				sizeof((array)[0]) +                          \
				VARIANT_CHECK(__builtin_types_compatible_p(   \
					typeof(&(array)[0]),                  \
					typeof(((type *)NULL)->member))) +    \
				VARIANT_CHECK(                                \
					!offsetof(typeof((array)[0]), name)), \
			.row_count = ARRAY_SIZE(array),                       \
	}

/* 0; does not compile unless @holds. */
#define VARIANT_CHECK(holds) (0 * sizeof(char[(holds) ? 1 : -1]))

/**
 * enum sampling - which cases a run without --all executes
 * @SAMPLE_PAIRS: every pair of choices of two dimensions that some case has
 * @SAMPLE_CHOICES: every choice of every dimension
 * @SAMPLE_ALL: all cases
 *
 * The seed chooses among the samples. --list and --case always see all cases.
 */
enum sampling {
	SAMPLE_PAIRS,
	SAMPLE_CHOICES,
	SAMPLE_ALL,
};

/**
 * struct scenario - what a test does, in all its variants
 * @name: first part of the cases' names; may contain '/', and may be "" if there
 *	are dimensions
 * @plan: what it shows, one line that --list prints behind each name
 * @run: the body; returning is passing. Runs in a separate child process
 * @run_alone: the body instead of @run, for a scenario without variants
 * @dimensions: the dimensions; the last one varies fastest
 * @dimension_count: their number, at most CASE_DIMENSIONS; 0: one case
 * @variant_size: size of the variant's type, in bytes
 * @fixed: values of the members that no dimension sets; NULL: zero
 * @allowed: whether a variant is a case at all; NULL: all are
 * @complete: sets what depends on the whole variant: plan, timeout_s, or, by
 *	needs_add(), needs; NULL: nothing
 * @sampling: which cases a run without --all executes
 * @sampled: which variants may be in a sample, for example by options()->seed;
 *	NULL: all may
 * @check_max: at most this number of cases in check mode, chosen by the seed, for
 *	cases that are slow on some machines; 0: no limit. NULL: no limit
 * @stress_s: seconds that a stress run gives each case at least, so that it runs
 *	only as many as fit; 0: it runs all of the sample
 * @no_stress: a stress run leaves them out
 * @first: cheap and deterministic: runs before the program's other scenarios
 * @timeout_s: as in struct test_case
 * @needs: on top of the program's
 *
 * Made by SCENARIO() or SCENARIO_ONE(), which check that the body takes the variant's type.
 * @run, @allowed, @complete, @sampled get a variant of @variant_size bytes.
 */
struct scenario {
	const char *name;
	const char *plan;
	void (*run)(const void *variant);
	void (*run_alone)(void);
	const struct dimension *dimensions;
	size_t dimension_count;
	size_t variant_size;
	const void *fixed;
	bool (*allowed)(const void *variant);
	void (*complete)(const void *variant, struct test_case *test);
	enum sampling sampling;
	bool (*sampled)(const void *variant);
	unsigned int (*check_max)(void);
	unsigned int stress_s;
	bool no_stress;
	bool first;
	unsigned int timeout_s;
	struct needs needs;
};

/*
 * Functions that take a const type *, as ones that take a const void *: the
 * check is at compile time, the call passes the same pointer.
 */
#define VARIANT_RUN(type, function)                  \
	_Generic(&(function), void (*)(const type *) \
		 : (void (*)(const void *))(function))
#define VARIANT_IF(type, function)                   \
	_Generic(&(function), bool (*)(const type *) \
		 : (bool (*)(const void *))(function))
#define VARIANT_COMPLETE(type, function)                                 \
	_Generic(&(function), void (*)(const type *, struct test_case *) \
		 : (void (*)(const void *, struct test_case *))(function))

/**
 * SCENARIO() - a scenario with dimensions
 * @scenario_name: first part of the cases' names
 * @function: the body, void function(const type *variant)
 * @type: the variant's type, such as struct variant
 * @list: array of struct dimension, all of @type
 * @...: further members of struct scenario; functions as
 *	``.allowed = VARIANT_IF(struct variant, function)`` and
 *	``.complete = VARIANT_COMPLETE(struct variant, function)``
 */
#define SCENARIO(scenario_name, function, type, list, ...)                   \
	{                                                                    \
		.name = (scenario_name), .run = VARIANT_RUN(type, function), \
		.dimensions = (list), .dimension_count = ARRAY_SIZE(list),   \
		.variant_size = sizeof(type), __VA_ARGS__                    \
	}

/**
 * SCENARIO_ONE() - a scenario that is one case, with a variant of fixed values
 * @scenario_name: the case's name
 * @function: the body, void function(const type *variant)
 * @type: the variant's type
 * @...: further members of struct scenario, such as
 *	``FIXED(struct variant, .mode = DIRTY_MODE_CLEAR)``
 *
 * A scenario without a variant is ``{ .name = ..., .run_alone = function }``.
 */
#define SCENARIO_ONE(scenario_name, function, type, ...)                     \
	{                                                                    \
		.name = (scenario_name), .run = VARIANT_RUN(type, function), \
		.variant_size = sizeof(type), __VA_ARGS__                    \
	}

/**
 * FIXED() - struct scenario's values of the members that no dimension sets
 * @type: the variant's type
 * @...: the members, as in an initializer
 */
#define FIXED(type, ...)       \
	.fixed = &(const type) \
	{                      \
		__VA_ARGS__    \
	}

/**
 * TEST_PROGRAM() - a program's main()
 * @program_name: its file name
 * @program_summary: one line for --help
 * @list: array of struct scenario
 * @...: further members of struct program
 */
#define TEST_PROGRAM(program_name, program_summary, list, ...) \
	int main(int argc, char **argv)                        \
	{                                                      \
		static const struct program program = {        \
			.name = (program_name),                \
			.summary = (program_summary),          \
			.scenarios = (list),                   \
			.scenario_count = ARRAY_SIZE(list),    \
			__VA_ARGS__                            \
		};                                             \
                                                               \
		return cases_main(argc, argv, &program);       \
	}

/**
 * needs_add() - need something more, for scenario.complete()
 * @needs: becomes the sum of both
 * @more: what is needed too
 *
 * Two modules or devices in one sum fail the program.
 */
void needs_add(struct needs *needs, const struct needs *more);

/**
 * variant_cases() - the cases of a program's scenarios; cases.c calls it
 * @program: the program
 * @options: mode, seed, --list, --case
 * @cases: to be filled
 * @max: room in @cases; more cases fail the program
 *
 * Return: number of cases.
 */
size_t variant_cases(const struct program *program,
		     const struct options *options, struct test_case *cases,
		     size_t max);

#endif /* SECMMU_VARIANT_H */
