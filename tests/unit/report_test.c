// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cases.h"
#include "inner.h"

#define THREADS 8
#define LINES	200

static void *talk(void *argument)
{
	unsigned int line;

	for (line = 0; line < LINES; line++)
		report_info("<%c line %u>\n<%c second>", *(char *)argument,
			    line, *(char *)argument);
	return NULL;
}

static void inner_threads(const struct test_case *test)
{
	static char names[THREADS] = "abcdefgh";
	pthread_t threads[THREADS];
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, talk, &names[i]);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void inner_long(const struct test_case *test)
{
	char *text = malloc(10001);

	memset(text, 'x', 10000);
	text[10000] = '\0';
	report_info("%s", text);
	report_info("after it");
	fail("%s\nfacts", text);
}

static void inner_facts(const struct test_case *test)
{
	fail("page 7 was lost\npage 7: offset 0x7000\nlast harvest: 3");
}

static void inner_check(const struct test_case *test)
{
	CHECK(test->number[0] == 1, "number is %lu\na fact", test->number[0]);
}

static void inner_value(const struct test_case *test)
{
	report_value("rate", 1234567.5, "pages/s");
	report_value("ratio", 0.25, "");
}

static void inner_skip(const struct test_case *test)
{
	struct shortage shortage;

	CHECK(!shortage_set(&shortage, "buy one", "%d rooms", 3),
	      "shortage_set() returned true");
	CHECK(!shortage_set(NULL, "buy one", "%d rooms", 3),
	      "shortage_set() returned true");
	skip_for(&shortage);
}

static const struct test_case inner_table[] = {
	{ .name = "threads", .run = inner_threads },
	{ .name = "long", .run = inner_long },
	{ .name = "facts", .run = inner_facts },
	{ .name = "check", .run = inner_check },
	{ .name = "value", .run = inner_value },
	{ .name = "skip", .run = inner_skip },
};

static void run(struct inner *inner, const char *name, int code)
{
	const char *const arguments[] = { "--case", name, NULL };

	inner_run(inner, arguments, NULL);
	inner_expect_code(inner, code);
}

/* Lines of several threads never mix, nor do the lines of one message. */
static void lines_whole(const struct test_case *test)
{
	unsigned int thread, line, found = 0;
	struct inner inner;
	char *at, *end;

	run(&inner, "threads", 0);
	for (at = inner.out; (end = strchr(at, '\n')); at = end + 1) {
		char first, second;
		int used = 0;

		*end = '\0';
		if (sscanf(at, "# <%c line %u>%n", &first, &line, &used) != 2)
			continue;
		CHECK(used == (int)strlen(at), "a line is mixed: %s", at);
		*end = '\n';
		CHECK(sscanf(end, "\n# <%c second>\n", &second) == 1 &&
			      first == second,
		      "a message is torn behind: %.40s", at);
		found++;
	}
	thread = THREADS;
	CHECK(found == thread * LINES, "%u messages of %u came", found,
	      thread * LINES);
}

static void long_text(const struct test_case *test)
{
	struct inner inner;
	char *line, *reason;

	run(&inner, "long", 1);
	line = strstr(inner.out, "# xxx");
	CHECK(line && strcspn(line, "\n") < 4096,
	      "a long text is not cut at 4096 bytes");
	inner_expect(&inner, "\n# after it\n");
	reason = strstr(inner.out, "# reason: xxx");
	CHECK(reason && strcspn(reason, "\n") < 4096,
	      "a long reason is not cut at 4096 bytes");
	inner_expect(&inner, "\nnot ok 1 long\n");
}

static void failures(const struct test_case *test)
{
	struct inner inner;

	run(&inner, "facts", 1);
	inner_expect(&inner, "# reason: page 7 was lost\n"
			     "# page 7: offset 0x7000\n"
			     "# last harvest: 3\n"
			     "# replay: inner --seed 0x");
	CHECK(inner_count(&inner, "reason:") == 1, "the reason comes twice");

	run(&inner, "check", 1);
	inner_expect(&inner, "# reason: number is 0 (report_test.c:");
	inner_expect(&inner, "\n# a fact\n# condition: test->number[0] == 1\n");
}

static void values_and_skips(const struct test_case *test)
{
	struct inner inner;

	run(&inner, "value", 0);
	inner_expect(&inner, "\n# value: rate=1234567.5 pages/s\n"
			     "# value: ratio=0.25\n");
	run(&inner, "skip", 4);
	inner_expect(&inner, "\nok 1 skip # SKIP needs 3 rooms: buy one\n");
	inner_expect_not(&inner, "reason:");
}

static void errors(const struct test_case *test)
{
	CHECK(!strcmp(errno_name(ENOENT), "ENOENT"), "ENOENT is %s",
	      errno_name(ENOENT));
	CHECK(!strcmp(errno_name(-EINVAL), "EINVAL"), "-EINVAL is %s",
	      errno_name(-EINVAL));
	CHECK(!strcmp(errno_name(EHWPOISON), "EHWPOISON"), "EHWPOISON is %s",
	      errno_name(EHWPOISON));
	CHECK(!strcmp(errno_name(0), "E???"), "0 is %s", errno_name(0));
	CHECK(!strcmp(errno_name(99999), "E???"), "99999 is %s",
	      errno_name(99999));
	CHECK(!strcmp(errno_name(-2147483647 - 1), "E???"),
	      "the smallest number is %s", errno_name(-2147483647 - 1));
}

static const struct test_case table[] = {
	{ .name = "lines_whole", .run = lines_whole },
	{ .name = "long_text", .run = long_text },
	{ .name = "failures", .run = failures },
	{ .name = "values_and_skips", .run = values_and_skips },
	{ .name = "errno_names", .run = errors },
};

int main(int argc, char **argv)
{
	const struct program inner = {
		.name = "inner",
		.summary = "What report_test runs.",
		.table = inner_table,
		.table_size = ARRAY_SIZE(inner_table),
	};
	const struct program program = {
		.name = "report_test",
		.summary = "Unit test of lib/report.h.",
		.table = table,
		.table_size = ARRAY_SIZE(table),
	};

	return cases_main(argc, argv, inner_wanted() ? &inner : &program);
}
