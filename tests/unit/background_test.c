// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load beside a case is seeded, judged and gone with the case. What stands here
 * for stress-ng is a script that behaves as it is told to.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/background.h"
#include "core/cases.h"
#include "core/clock.h"
#include "inner.h"

#define WAIT_MS 10000

/*
 * $1..$5 are the seed, "--timeout 0" and "--oomable"; then come a folder, what to do,
 * and a number. It leaves its process and one that it forked in the folder.
 */
static const char script[] =
	"#!/bin/sh\n"
	"seed=$2 folder=$6\n"
	"echo \"$1 $3 $4 $5\" > $folder/options\n"
	"echo $seed > $folder/seed\n"
	"case $7 in\n"
	"exit) echo \"stand-in ends with $8\"; exit $8 ;;\n"
	"die) kill -SEGV $$ ;;\n"
	"deaf) trap '' TERM ;;\n"
	"early) trap 'exit 2' TERM ;;\n"
	"found) trap 'echo stress-ng: fail: [1] bits; exit 2' TERM ;;\n"
	"*) trap 'exit 0' TERM ;;\n"
	"esac\n"
	"(trap '' TERM; while :; do sleep 0.1; done) &\n"
	"echo $! > $folder/forked.new\n"
	"mv $folder/forked.new $folder/forked\n"
	"while :; do sleep 0.1; done\n";

static char folder[] = "/tmp/secmmu-background-XXXXXX";

static void write_script(void)
{
	char path[256];
	FILE *file;

	CHECK(mkdtemp(folder), "mkdtemp: %s", errno_name(errno));
	snprintf(path, sizeof(path), "%s/stress-ng", folder);
	file = fopen(path, "we");
	CHECK(file && fputs(script, file) >= 0 && !fclose(file),
	      "cannot write %s: %s", path, errno_name(errno));
	CHECK(!chmod(path, 0700), "chmod: %s", errno_name(errno));
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", folder);
	setenv("PATH", path, 1);
}

static void forget(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
}

static void remove_script(void)
{
	static const char *const names[] = { "stress-ng", "options", "seed",
					     "forked", "forked.new" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		forget(names[i]);
	rmdir(folder);
}

/* The first word of a file of the folder, once it is there. */
static void read_word(const char *in, const char *name, char word[64])
{
	struct deadline deadline = deadline_in_ms(WAIT_MS);
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", in, name);
	while (!(file = fopen(path, "re")) || fscanf(file, "%63s", word) != 1) {
		if (file)
			fclose(file);
		CHECK(!deadline_passed(deadline), "nobody writes %s", path);
		nanosleep(&(struct timespec){ .tv_nsec = NSEC_PER_MSEC }, NULL);
	}
	fclose(file);
}

static struct background *start(const char *what, const char *number,
				u64 limit_ms, bool required)
{
	const char *const arguments[] = { folder, what, number, NULL };
	const struct background_request request = {
		.arguments = arguments,
		.limit_ms = limit_ms,
		.required = required,
	};

	return background_start(&request);
}

/* Nobody asks it to end. */
static void await_own_end(const struct background *background)
{
	struct deadline deadline = deadline_in_ms(WAIT_MS);

	while (background_running(background)) {
		CHECK(!deadline_passed(deadline), "it does not end");
		nanosleep(&(struct timespec){ .tv_nsec = NSEC_PER_MSEC }, NULL);
	}
}

static void await_end_of(pid_t pid)
{
	struct deadline deadline = deadline_in_ms(WAIT_MS);

	while (!kill(pid, 0)) {
		CHECK(!deadline_passed(deadline), "process %d lives", pid);
		nanosleep(&(struct timespec){ .tv_nsec = NSEC_PER_MSEC }, NULL);
	}
}

static void runs_and_ends(const struct test_case *test)
{
	struct background *background;
	char word[64];

	write_script();
	background = start(test->data, "", 0, true);
	read_word(folder, "forked", word);
	CHECK(background_running(background), "it does not run");
	background_end(background);
	CHECK(kill(atoi(word), 0) && errno == ESRCH,
	      "what it forked outlives it");
	read_word(folder, "options", word);
	CHECK(!strcmp(word, "--seed"), "it got %s where --seed was to be",
	      word);
	remove_script();
}

/* The same seed for the same case, another one for another seed. */
static void is_seeded(const struct test_case *test)
{
	struct options changed = *options();
	char word[3][64];
	unsigned int i;

	write_script();
	for (i = 0; i < 3; i++) {
		struct background *background;

		if (i == 2)
			changed.seed++;
		options_set(&changed);
		background = start("exit", "0", 0, true);
		await_own_end(background);
		read_word(folder, "seed", word[i]);
		background_end(background);
		forget("seed");
	}
	CHECK(!strcmp(word[0], word[1]), "two seeds for one: %s %s", word[0],
	      word[1]);
	CHECK(strcmp(word[0], word[2]), "one seed for two: %s", word[0]);
	remove_script();
}

static void ends_at_limit(const struct test_case *test)
{
	struct background *background;

	write_script();
	background = start("run", "", 1, true);
	await_own_end(background);
	background_end(background);
	remove_script();
}

/* The inner program's cases; their folder is told from outside. */
static void inner_code(const struct test_case *test)
{
	struct background *background;

	write_script();
	report_info("folder %s", folder);
	background = start(test->data, test->name, 0, !test->number[0]);
	await_own_end(background);
	background_end(background);
}

static void inner_stopped(const struct test_case *test)
{
	struct background *background;
	char word[64];

	write_script();
	report_info("folder %s", folder);
	background = start(test->data, "", 0, true);
	read_word(folder, "forked", word);
	background_end(background);
}

static void inner_missing(const struct test_case *test)
{
	setenv("PATH", "/nowhere", 1);
	background_end(start("run", "", 0, !test->number[0]));
}

static void inner_left(const struct test_case *test)
{
	char word[64];

	write_script();
	start("deaf", "", 0, true);
	read_word(folder, "forked", word);
	report_info("forked %s in %s", word, folder);
	if (test->number[0])
		raise(SIGKILL);
	fail("the case fails");
}

static const struct test_case inner_cases[] = {
	{ .name = "0", .run = inner_code, .data = "exit" },
	{ .name = "1", .run = inner_code, .data = "exit" },
	{ .name = "2", .run = inner_code, .data = "exit" },
	{ .name = "3", .run = inner_code, .data = "exit" },
	{ .name = "4", .run = inner_code, .data = "exit" },
	{ .name = "04", .run = inner_code, .data = "exit", .number = { 1 } },
	{ .name = "5", .run = inner_code, .data = "exit" },
	{ .name = "dies", .run = inner_code, .data = "die" },
	{ .name = "early", .run = inner_stopped, .data = "early" },
	{ .name = "found", .run = inner_stopped, .data = "found" },
	{ .name = "missing", .run = inner_missing },
	{ .name = "not_missed", .run = inner_missing, .number = { 1 } },
	{ .name = "fails", .run = inner_left },
	{ .name = "is_killed", .run = inner_left, .number = { 1 } },
};

/**
 * struct ending - how the load ends, and what that makes of the case
 * @name: the inner case
 * @code: exit code of the inner program
 * @text: what it says
 */
struct ending {
	const char *name;
	int code;
	const char *text;
};

static const struct ending endings[] = {
	{ "0", 0, "ok 1 0" },
	{ "1", 1, "reason: stress-ng ended with exit code 1" },
	{ "2", 1, "reason: stress-ng reports an error of the kernel" },
	{ "3", 4, "needs more resources for stress-ng" },
	{ "4", 4, "needs a feature that a stressor of stress-ng tests" },
	{ "04", 0, "without stress-ng: it lacks a resource or a feature" },
	{ "5", 1, "stand-in ends with 5" },
	{ "dies", 1, "reason: stress-ng was killed by signal 11" },
	{ "early", 0, "stress-ng was stopped before it had started" },
	{ "found", 1, "reason: stress-ng reports an error of the kernel" },
	{ "missing", 4, "install the Debian package stress-ng" },
	{ "not_missed", 0, "without stress-ng: it is not installed" },
};

/* The inner program's folder is left to us. */
static const char *take_folder(const struct inner *inner)
{
	const char *at = strstr(inner->out, "/tmp/secmmu-background-");

	if (!at)
		return NULL;
	memcpy(folder, at, sizeof(folder) - 1);
	return folder;
}

static void judges(const struct test_case *test)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(endings); i++) {
		const struct ending *ending = &endings[i];
		const char *const arguments[] = { "--case", ending->name,
						  NULL };
		struct inner inner;

		inner_run(&inner, arguments, NULL);
		inner_expect(&inner, ending->text);
		inner_expect_code(&inner, ending->code);
		if (take_folder(&inner))
			remove_script();
	}
}

/* A case that does not come to the end of it leaves nothing. */
static void goes_with_case(const struct test_case *test)
{
	const char *const arguments[] = { "--case", test->data, NULL };
	struct inner inner;
	int forked;

	inner_run(&inner, arguments, NULL);
	inner_expect_code(&inner, 1);
	CHECK(take_folder(&inner) && sscanf(strstr(inner.out, "forked "),
					    "forked %d", &forked) == 1,
	      "the inner program did not get so far\n%s", inner.out);
	await_end_of(forked);
	remove_script();
}

static const struct test_case cases[] = {
	{ .name = "runs_and_ends", .run = runs_and_ends, .data = "run" },
	{ .name = "deaf", .run = runs_and_ends, .data = "deaf" },
	{ .name = "seeded", .run = is_seeded },
	{ .name = "limit", .run = ends_at_limit },
	{ .name = "judged", .run = judges },
	{ .name = "gone_with_failed_case",
	  .run = goes_with_case,
	  .data = "fails" },
	{ .name = "gone_with_killed_case",
	  .run = goes_with_case,
	  .data = "is_killed" },
};

int main(int argc, char **argv)
{
	static const struct program inner = {
		.name = "inner",
		.summary = "cases with load beside them",
		.table = inner_cases,
		.table_size = ARRAY_SIZE(inner_cases),
	};
	static const struct program program = {
		.name = "background_test",
		.summary = "load beside a case is a part of it",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
	};

	return cases_main(argc, argv, inner_wanted() ? &inner : &program);
}
