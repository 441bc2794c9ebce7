// SPDX-License-Identifier: GPL-2.0-only
/* What a case has changed of the kernel's settings is put back, however it ends. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cases.h"
#include "inner.h"
#include "core/kernel_file.h"
#include "core/settings.h"

/* Two files that are no settings of any kernel. */
#define DIRECTORY "SECMMU_UNIT_SETTINGS"

static const char *const names[] = { "first", "second" };
#define FILES (ARRAY_SIZE(names))

static void path_of(const char *directory, size_t i, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", directory, names[i]);
}

static void inner_change(const struct test_case *test)
{
	static char path[FILES][128];
	struct setting settings[FILES], again;
	size_t i;

	for (i = 0; i < FILES; i++) {
		path_of(getenv(DIRECTORY), i, path[i], sizeof(path[i]));
		settings[i] = (struct setting){ .file = path[i], .value = "1" };
	}
	CHECK(settings_set(settings, FILES), "the settings were not changed");
	for (i = 0; i < FILES; i++)
		CHECK(kernel_file_number(path[i], "") == 1,
		      "%s is not what it was set to", names[i]);
	/* One of two is put back by the case itself, then the other changed again. */
	settings_restore(&settings[0], 1);
	again = (struct setting){ .file = path[1], .value = "2" };
	CHECK(settings_set(&again, 1), "a setting was not changed again");
	switch (test->number[0]) {
	case 1:
		fail("it ends here");
	case 2:
		skip("something", "get it");
	case 3:
		raise(SIGKILL);
		break;
	case 4:
		for (;;)
			pause();
	case 5:
		kill(getppid(), SIGKILL);
		raise(SIGKILL);
	}
}

static const struct test_case inner_table[] = {
	{ .name = "pass", .run = inner_change },
	{ .name = "fail", .run = inner_change, .number = { 1 } },
	{ .name = "skip", .run = inner_change, .number = { 2 } },
	{ .name = "killed", .run = inner_change, .number = { 3 } },
	{ .name = "hang", .run = inner_change, .number = { 4 }, .timeout_s = 1 },
	{ .name = "all_killed", .run = inner_change, .number = { 5 } },
};
/* Of the last one, no process is left that could restore anything. */
#define RESTORED (ARRAY_SIZE(inner_table) - 1)

/* What a case changed and nobody restored stands in the journal, and only that. */
static void test_journal(const struct test_case *test)
{
	char directory[] = "/tmp/secmmu-settings.XXXXXX";
	char environment[64], variable[80], path[128], line[256], expected[160];
	const char *const variables[] = { environment, variable, NULL };
	const char *const arguments[] = { "--case", inner_table[RESTORED].name,
					  NULL };
	unsigned int found = 0, wrong = 0;
	struct inner inner;
	FILE *file;
	size_t i;

	(void)test;
	CHECK(mkdtemp(directory), "mkdtemp failed: %s", errno_name(errno));
	for (i = 0; i < FILES; i++) {
		path_of(directory, i, path, sizeof(path));
		file = fopen(path, "we");
		CHECK(file && fputs("7\n", file) >= 0 && !fclose(file),
		      "cannot write %s: %s", path, errno_name(errno));
	}
	snprintf(environment, sizeof(environment), DIRECTORY "=%s", directory);
	snprintf(variable, sizeof(variable), "SECMMU_SETTINGS=%s/journal",
		 directory);
	inner_run(&inner, arguments, variables);
	snprintf(path, sizeof(path), "%s/journal", directory);
	file = fopen(path, "re");
	CHECK(file, "the program made no journal\n%s", inner.out);
	/* The second file was changed twice: from 7 to 1, from 1 to 2. */
	while (fgets(line, sizeof(line), file)) {
		if (line[0] == '\n')
			continue;
		snprintf(expected, sizeof(expected), "%s/%s %s\n", directory,
			 names[1], found ? "1" : "7");
		wrong += strcmp(line, expected) != 0;
		found++;
	}
	fclose(file);
	unlink(path);
	for (i = 0; i < FILES; i++) {
		path_of(directory, i, path, sizeof(path));
		unlink(path);
	}
	rmdir(directory);
	inner_expect_code(&inner, -SIGKILL);
	CHECK(found == 2 && !wrong,
	      "expected 2 entries of the second file, got %u, %u of them wrong",
	      found, wrong);
}

static void put_back(const struct test_case *test)
{
	static const int codes[] = { 0, 1, 4, 1, 1 };
	char directory[] = "/tmp/secmmu-settings.XXXXXX";
	char environment[64], path[128];
	unsigned long long value[FILES];
	size_t which = test->number[0], i;
	const char *const arguments[] = { "--case", inner_table[which].name,
					  "--duration", "1", NULL };
	const char *const variables[] = { environment, NULL };
	struct inner inner;

	CHECK(mkdtemp(directory), "mkdtemp failed: %s", errno_name(errno));
	for (i = 0; i < FILES; i++) {
		FILE *file;

		path_of(directory, i, path, sizeof(path));
		file = fopen(path, "we");
		CHECK(file && fputs("7\n", file) >= 0 && !fclose(file),
		      "cannot write %s: %s", path, errno_name(errno));
	}
	snprintf(environment, sizeof(environment), DIRECTORY "=%s", directory);
	inner_run(&inner, arguments, variables);
	for (i = 0; i < FILES; i++) {
		path_of(directory, i, path, sizeof(path));
		value[i] = kernel_file_number(path, "");
		unlink(path);
	}
	rmdir(directory);
	inner_expect_code(&inner, codes[which]);
	for (i = 0; i < FILES; i++)
		CHECK(value[i] == 7, "the %s setting was 7 and is %llu\n%s",
		      names[i], value[i], inner.out);
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	size_t count = 0, i;

	(void)options;
	for (i = 0; i < RESTORED; i++) {
		struct test_case *test = case_add(cases, &count, max, put_back);

		test->number[0] = i;
		snprintf(test->name, sizeof(test->name), "put_back/%.64s",
			 inner_table[i].name);
	}
	case_add(cases, &count, max, test_journal);
	strcpy(cases[count - 1].name, "journal");
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "settings_test",
		.summary =
			"what a case changes of the kernel's settings is put back",
		.cases = list_cases,
	};
	static const struct program inner = {
		.name = "inner",
		.summary = "what settings_test runs",
		.table = inner_table,
		.table_size = ARRAY_SIZE(inner_table),
	};

	return cases_main(argc, argv, inner_wanted() ? &inner : &program);
}
