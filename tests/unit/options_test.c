// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cases.h"
#include "inner.h"

/* The inner program's only case tells what the options are. */
static void inner_tell(const struct test_case *test)
{
	const struct options *o = options();

	report_info("seed=%llx duration=%u vcpus=%u memory=%llu backing=%s mode=%s case=%s",
		    o->seed, o->duration_s, o->vcpus, o->memory,
		    o->backing ? o->backing : "-", options_mode_name(o->mode),
		    o->case_glob ? o->case_glob : "-");
}

static const struct test_case inner_table[] = {
	{ .name = "tell", .run = inner_tell },
	{ .name = "other", .run = inner_tell },
};

struct example {
	const char *name;
	const char *arguments[8];
	const char *environment[4];
	const char *expected;
};

static const struct example good[] = {
	{ .name = "none",
	  .expected =
		  "duration=0 vcpus=0 memory=0 backing=- mode=check case=-" },
	{ .name = "seed",
	  .arguments = { "--seed", "0xab" },
	  .expected = "seed=ab " },
	{ .name = "seed_decimal",
	  .arguments = { "--seed=10" },
	  .expected = "seed=a " },
	{ .name = "seed_zero",
	  .arguments = { "--seed=0" },
	  .expected = "seed: 0x0\n" },
	{ .name = "duration",
	  .arguments = { "--duration", "3" },
	  .expected = "duration=3 " },
	{ .name = "vcpus",
	  .arguments = { "--vcpus", "4" },
	  .expected = "vcpus=4 " },
	{ .name = "memory",
	  .arguments = { "--memory", "64" },
	  .expected = "memory=67108864 " },
	{ .name = "memory_k",
	  .arguments = { "--memory", "8k" },
	  .expected = "memory=8192 " },
	{ .name = "memory_g",
	  .arguments = { "--memory=1G" },
	  .expected = "memory=1073741824 " },
	{ .name = "backing",
	  .arguments = { "--backing", "shmem_thp" },
	  .expected = "backing=shmem_thp " },
	{ .name = "mode_stress",
	  .arguments = { "--mode", "stress" },
	  .expected = "mode=stress " },
	{ .name = "all", .arguments = { "--all" }, .expected = "mode=all " },
	{ .name = "case",
	  .arguments = { "--case", "te*" },
	  .expected = "\n1..1\n" },
	{ .name = "environment",
	  .environment = { "SECMMU_SEED=0x77", "SECMMU_VCPUS=9",
			   "SECMMU_MODE=all" },
	  .expected =
		  "seed=77 duration=0 vcpus=9 memory=0 backing=- mode=all " },
	{ .name = "environment_empty",
	  .environment = { "SECMMU_VCPUS=" },
	  .expected = "vcpus=0 " },
	{ .name = "command_line_wins",
	  .arguments = { "--vcpus", "2" },
	  .environment = { "SECMMU_VCPUS=9" },
	  .expected = "vcpus=2 " },
};

/* All of these must say what is wrong, and run nothing. */
static const struct example bad[] = {
	{ .name = "unknown",
	  .arguments = { "--frobnicate" },
	  .expected = "'--frobnicate' is not an option" },
	{ .name = "prefix",
	  .arguments = { "--see", "1" },
	  .expected = "'--see' is not an option" },
	{ .name = "positional",
	  .arguments = { "tell" },
	  .expected = "'tell' is not an option" },
	{ .name = "short",
	  .arguments = { "-v" },
	  .expected = "'-v' is not an option" },
	{ .name = "no_value",
	  .arguments = { "--seed" },
	  .expected = "--seed needs a NUMBER" },
	{ .name = "value_too_much",
	  .arguments = { "--list=1" },
	  .expected = "--list takes no value" },
	{ .name = "seed_text",
	  .arguments = { "--seed", "soon" },
	  .expected = "--seed 'soon' is not a valid NUMBER" },
	{ .name = "seed_negative",
	  .arguments = { "--seed", "-1" },
	  .expected = "--seed '-1' is not a valid NUMBER" },
	{ .name = "seed_tail",
	  .arguments = { "--seed", "1x" },
	  .expected = "--seed '1x' is not a valid NUMBER" },
	{ .name = "seed_too_large",
	  .arguments = { "--seed", "99999999999999999999" },
	  .expected = "is not a valid NUMBER" },
	{ .name = "duration_zero",
	  .arguments = { "--duration", "0" },
	  .expected = "--duration '0' is not a valid SECONDS" },
	{ .name = "vcpus_zero",
	  .arguments = { "--vcpus", "0" },
	  .expected = "--vcpus '0' is not a valid NUMBER" },
	{ .name = "memory_unit",
	  .arguments = { "--memory", "5T" },
	  .expected = "--memory '5T' is not a valid SIZE" },
	{ .name = "memory_tail",
	  .arguments = { "--memory", "5MB" },
	  .expected = "--memory '5MB' is not a valid SIZE" },
	{ .name = "memory_too_large",
	  .arguments = { "--memory", "99999999999999G" },
	  .expected = "is not a valid SIZE" },
	{ .name = "mode",
	  .arguments = { "--mode", "thorough" },
	  .expected = "--mode 'thorough' is not a valid MODE" },
	{ .name = "backing",
	  .arguments = { "--backing", "paper" },
	  .expected = "there is no backing 'paper'" },
	{ .name = "case",
	  .arguments = { "--case", "nothing*" },
	  .expected = "no case matches" },
	{ .name = "environment",
	  .environment = { "SECMMU_DURATION=long" },
	  .expected = "SECMMU_DURATION='long' is not a valid SECONDS" },
};

static void run_good(const struct test_case *test)
{
	const struct example *example = test->data;
	struct inner inner;

	inner_run(&inner, example->arguments, example->environment);
	inner_expect_code(&inner, 0);
	inner_expect(&inner, example->expected);
}

static void run_bad(const struct test_case *test)
{
	const struct example *example = test->data;
	struct inner inner;

	inner_run(&inner, example->arguments, example->environment);
	inner_expect_code(&inner, 1);
	CHECK(!*inner.out, "something ran\n%s", inner.out);
	CHECK(strstr(inner.err, example->expected),
	      "the complaint is not '%s'\n%s", example->expected, inner.err);
	CHECK(strstr(inner.err, "\nusage: inner [--seed NUMBER]"),
	      "there is no usage line\n%s", inner.err);
}

static void help(const struct test_case *test)
{
	const char *const arguments[] = { "--help", NULL };
	struct inner inner;

	inner_run(&inner, arguments, NULL);
	inner_expect_code(&inner, 0);
	inner_expect(&inner, "What options_test runs.");
	inner_expect(&inner, "--duration");
	inner_expect(&inner, "[SECMMU_DURATION]");
	inner_expect_not(&inner, "TAP");
}

static void list(const struct test_case *test)
{
	const char *const arguments[] = { "--list", NULL };
	struct inner inner;

	inner_run(&inner, arguments, NULL);
	inner_expect_code(&inner, 0);
	CHECK(!strcmp(inner.out, "tell\nother\n"), "the list is\n%s",
	      inner.out);
}

/* Without --seed each run has its own. */
static void new_seeds(const struct test_case *test)
{
	unsigned long long seed[2];
	struct inner inner;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		char *line;

		inner_run(&inner, NULL, NULL);
		line = strstr(inner.out, "# seed: 0x");
		CHECK(line && sscanf(line, "# seed: 0x%llx", &seed[i]) == 1,
		      "no seed is printed\n%s", inner.out);
	}
	CHECK(seed[0] != seed[1], "two runs have the seed 0x%llx", seed[0]);
}

static size_t add(struct test_case *cases, size_t count, const char *kind,
		  const struct example *examples, size_t number,
		  void (*run)(const struct test_case *test))
{
	size_t i;

	for (i = 0; i < number; i++, count++) {
		snprintf(cases[count].name, sizeof(cases[count].name), "%s/%s",
			 kind, examples[i].name);
		cases[count].run = run;
		cases[count].data = &examples[i];
	}
	return count;
}

static size_t make_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	static const struct test_case others[] = {
		{ .name = "help", .run = help },
		{ .name = "list", .run = list },
		{ .name = "new_seeds", .run = new_seeds },
	};
	size_t count = add(cases, 0, "good", good, ARRAY_SIZE(good), run_good);

	count = add(cases, count, "bad", bad, ARRAY_SIZE(bad), run_bad);
	memcpy(cases + count, others, sizeof(others));
	return count + ARRAY_SIZE(others);
}

static bool not_paper(const char *name)
{
	return strcmp(name, "paper");
}

int main(int argc, char **argv)
{
	const struct program inner = {
		.name = "inner",
		.summary = "What options_test runs.",
		.table = inner_table,
		.table_size = ARRAY_SIZE(inner_table),
	};
	const struct program program = {
		.name = "options_test",
		.summary = "Unit test of lib/options.h.",
		.cases = make_cases,
	};

	options_check_backing(not_paper);
	return cases_main(argc, argv, inner_wanted() ? &inner : &program);
}
