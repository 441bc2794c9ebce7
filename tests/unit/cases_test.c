// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever a case does, its program ends with the right result and says why.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/clock.h"
#include "inner.h"
#include "core/thread.h"

static void inner_pass(const struct test_case *test)
{
}

static void inner_fail(const struct test_case *test)
{
	fail("the number is wrong");
}

static void inner_crash(const struct test_case *test)
{
	raise(SIGSEGV);
}

static void inner_abort(const struct test_case *test)
{
	abort();
}

static void inner_exit(const struct test_case *test)
{
	exit((int)test->number[0]);
}

static void inner_hang(const struct test_case *test)
{
	thread_doing_value(thread_self(), "harvesting slot", 17);
	for (;;)
		pause();
}

static void *fail_in_thread(void *argument)
{
	fail("thread %s failed", (const char *)argument);
}

/* The first thread's failure counts, whatever the others do at the end. */
static void inner_thread(const struct test_case *test)
{
	pthread_t thread;

	pthread_create(&thread, NULL, fail_in_thread, (void *)"two");
	pthread_join(thread, NULL);
}

static void inner_many_threads(const struct test_case *test)
{
	pthread_t thread;
	unsigned int i;

	for (i = 0; i < 20; i++)
		pthread_create(&thread, NULL, fail_in_thread, (void *)"any");
	for (;;)
		pause();
}

/* A case that leaves a process behind, and then hangs or passes. */
static void inner_children(const struct test_case *test)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	report_info("left behind: %d", pid);
	while (test->number[0])
		pause();
}

static void inner_share(const struct test_case *test)
{
	report_info("%s: share %llu ms", test->name,
		    case_duration_ns() / 1000000);
}

static void inner_draw(const struct test_case *test)
{
	struct random_stream random;

	case_random(&random, "draw", 0);
	report_info("%s drew %llx", test->name, random_u64(&random));
}

static const struct test_case inner_table[] = {
	{ .name = "pass", .run = inner_pass },
	{ .name = "fail", .run = inner_fail },
	{ .name = "crash", .run = inner_crash },
	{ .name = "abort", .run = inner_abort },
	{ .name = "exit_0", .run = inner_exit },
	{ .name = "exit_4", .run = inner_exit, .number = { 4 } },
	{ .name = "hang", .run = inner_hang, .timeout_s = 1 },
	{ .name = "thread", .run = inner_thread },
	{ .name = "many_threads", .run = inner_many_threads },
	{ .name = "children_pass", .run = inner_children },
	{ .name = "children_hang", .run = inner_children, .number = { 1 } },
	{ .name = "needs_kernel",
	  .run = inner_pass,
	  .needs.kernel_min = NEEDS_KERNEL(99, 0) },
	{ .name = "needs_module",
	  .run = inner_pass,
	  .needs.module = "no_such_module" },
	{ .name = "needs_memory",
	  .run = inner_pass,
	  .needs.free_memory = 1ULL << 60 },
	{ .name = "needs_cpus", .run = inner_pass, .needs.cpus = 100000 },
	{ .name = "needs_nodes", .run = inner_pass, .needs.nodes = 5000 },
	{ .name = "needs_device",
	  .run = inner_pass,
	  .needs.device = "/dev/secmmu_no_such_device" },
	{ .name = "needs_little",
	  .run = inner_pass,
	  .needs = { .kernel_min = NEEDS_KERNEL(3, 0),
		     .cpus = 1,
		     .nodes = 1,
		     .free_memory = 1,
		     .device = "/dev/null" } },
	{ .name = "draw/1", .run = inner_draw },
	{ .name = "draw/2", .run = inner_draw },
	{ .name = "share/1", .run = inner_share },
	{ .name = "share/2", .run = inner_share },
};

static void run(struct inner *inner, const char *glob, int code)
{
	const char *const arguments[] = { "--seed", "0x5eed", "--case", glob,
					  NULL };

	inner_run(inner, arguments, NULL);
	inner_expect_code(inner, code);
}

/* The header, then remarks only, then the result and the totals. */
static void passes(const struct test_case *test)
{
	static const char begin[] = "TAP version 13\n1..1\n# seed: 0x5eed\n";
	static const char end[] =
		"ok 1 pass\n"
		"# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0\n";
	unsigned int seconds, thousandths;
	struct inner inner;
	const char *at;

	run(&inner, "pass", 0);
	CHECK(!strncmp(inner.out, begin, strlen(begin)),
	      "the output begins otherwise\n%s", inner.out);
	for (at = inner.out + strlen(begin); !strncmp(at, "# ", 2);
	     at += strcspn(at, "\n") + 1)
		;
	CHECK(!strcmp(at, end), "the output ends otherwise\n%s", inner.out);
	at = strstr(inner.out, "# seconds: ");
	CHECK(at && sscanf(at, "# seconds: %u.%3u\n", &seconds, &thousandths) ==
			      2,
	      "no seconds are told\n%s", inner.out);
}

/* A failure, one way or the other: result, reason and replay. */
static void fails(const char *name, const char *reason)
{
	struct inner inner;
	char line[256];

	run(&inner, name, 1);
	inner_expect(&inner, reason);
	snprintf(line, sizeof(line),
		 "# replay: inner --seed 0x5eed --mode check --case %s\n",
		 name);
	inner_expect(&inner, line);
	snprintf(line, sizeof(line), "\nnot ok 1 %s\n", name);
	inner_expect(&inner, line);
	inner_expect(&inner, "pass:0 fail:1");
	CHECK(inner_count(&inner, "reason:") == 1, "%u reasons\n%s",
	      inner_count(&inner, "reason:"), inner.out);
}

static void failures(const struct test_case *test)
{
	fails("fail", "# reason: the number is wrong\n");
	fails("crash", "# reason: killed by SIGSEGV (");
	fails("abort", "# reason: killed by SIGABRT (");
	fails("exit_0", "# reason: exit(0) in the midst of the case\n");
	fails("exit_4", "# reason: exit(4) in the midst of the case\n");
	fails("thread", "# reason: thread two failed\n");
	fails("many_threads", "# reason: thread any failed\n");
}

static void timeout(const struct test_case *test)
{
	const char *const arguments[] = { "--seed", "0x5eed",	  "--case",
					  "hang",   "--duration", "1",
					  NULL };
	struct inner inner;

	inner_run(&inner, arguments, NULL);
	inner_expect_code(&inner, 1);
	inner_expect(&inner, "# thread hang was harvesting slot 17;");
	/* Its own second, and a share of --duration that is below a second. */
	inner_expect(&inner,
		     "# reason: timeout after 1s: hang was harvesting slot 17\n");
	inner_expect(&inner, "--mode check --duration 1 --case hang\n");
	inner_expect(&inner, "\nnot ok 1 hang\n");
}

/* A mixed program goes on after each failure, and counts right. */
static void goes_on(const struct test_case *test)
{
	struct inner inner;

	run(&inner, "[pcn][are][aes][hds]*", 1);
	inner_expect(&inner, "\n1..9\n");
	inner_expect(&inner, "\nok 1 pass\n");
	inner_expect(&inner, "\nnot ok 2 crash\n");
	inner_expect(&inner, "\nok 9 needs_little\n");
	inner_expect(&inner, "pass:2 fail:1 xfail:0 xpass:0 skip:6 error:0");
}

/* Behind a case that crashed the kernel. */
static void after(const struct test_case *test)
{
	static const char glob[] = "[pcn][are][aes][hds]*";
	const char *const arguments[] = { "--case", glob, "--after", "pass",
					  NULL };
	const char *const unknown[] = { "--case", glob, "--after", "hang",
					NULL };
	const char *const last[] = { "--case", glob, "--after", "needs_little",
				     NULL };
	struct inner inner;

	inner_run(&inner, arguments, NULL);
	inner_expect(&inner, "\n1..8\n");
	inner_expect(&inner, "\nnot ok 1 crash\n");
	inner_expect_not(&inner, "case: pass");
	inner_run(&inner, unknown, NULL);
	inner_expect_code(&inner, 1);
	inner_expect_not(&inner, "TAP");
	inner_run(&inner, last, NULL);
	inner_expect_code(&inner, 1);
	inner_expect_not(&inner, "TAP");
}

static bool lives(pid_t pid)
{
	char path[64], state[256] = "";
	char *after;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(state, sizeof(state), file))
		state[0] = '\0';
	fclose(file);
	after = strrchr(state, ')');
	/* Dead, but nobody has asked for its exit code yet. */
	return after && after[1] == ' ' && after[2] != 'Z' && after[2] != 'X';
}

static void check_dead(const struct inner *inner)
{
	struct deadline deadline = deadline_in_ms(5000);
	const char *at = strstr(inner->out, "left behind: ");
	int pid;

	CHECK(at && sscanf(at, "left behind: %d", &pid) == 1,
	      "no process was left behind\n%s", inner->out);
	while (lives(pid))
		CHECK(!deadline_passed(deadline),
		      "process %d of a case lives on", pid);
}

static void leaves_no_process(const struct test_case *test)
{
	struct inner inner;

	run(&inner, "children_pass", 0);
	check_dead(&inner);
}

static void interrupt(const struct test_case *test)
{
	const char *const arguments[] = { "--case", "children_hang", NULL };
	struct inner inner;

	inner_start(&inner, arguments, NULL);
	inner_wait_for(&inner, "left behind:");
	kill(inner.pid, (int)test->number[0]);
	inner_finish(&inner);
	inner_expect_code(&inner, 1);
	inner_expect(&inner, "in case children_hang\nBail out! interrupted\n");
	check_dead(&inner);
}

/* If the program is killed without a chance to clean up, its case dies, too. */
static void killed(const struct test_case *test)
{
	const char *const arguments[] = { "--case", "hang", NULL };
	struct inner inner;
	char path[64];
	int child;
	FILE *file;

	inner_start(&inner, arguments, NULL);
	inner_wait_for(&inner, "# seed:");
	/* Its only child is the case. */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", inner.pid,
		 inner.pid);
	for (child = 0; !child;) {
		file = fopen(path, "re");
		if (!file)
			skip("/proc/PID/task/TID/children",
			     "run it on a kernel with CONFIG_PROC_CHILDREN=y");
		if (fscanf(file, "%d", &child) != 1)
			child = 0;
		fclose(file);
	}
	kill(inner.pid, SIGKILL);
	inner_finish(&inner);
	inner_expect_code(&inner, -SIGKILL);
	while (lives(child))
		;
}

static void needs(const struct test_case *test)
{
	struct inner inner;

	run(&inner, "needs_[!l]*", 4);
	inner_expect(
		&inner,
		"ok 1 needs_kernel # SKIP needs Linux 99.0 or newer (this is ");
	inner_expect(&inner,
		     "needs the module no_such_module: modprobe no_such_module\n");
	inner_expect(&inner,
		     "needs 1099511627776 MiB of available memory (there are ");
	inner_expect(&inner, "needs 100000 CPUs (there are ");
	inner_expect(&inner, "needs 5000 NUMA nodes with memory (there are ");
	inner_expect(&inner, "needs /dev/secmmu_no_such_device (ENOENT): ");
	inner_expect(&inner, "pass:0 fail:0 xfail:0 xpass:0 skip:6 error:0");
}

/* What one case draws does not depend on which others run. */
static void replay_draws_the_same(const struct test_case *test)
{
	struct inner both, one;
	char *line;

	run(&both, "draw/*", 0);
	run(&one, "draw/2", 0);
	line = strstr(one.out, "# draw/2 drew ");
	CHECK(line, "nothing was drawn\n%s", one.out);
	line[strcspn(line, "\n") + 1] = '\0';
	inner_expect(&both, line);
	line = strstr(both.out, "# draw/1 drew ");
	CHECK(line && !strstr(both.out, "# draw/2 drew 0\n"),
	      "nothing was drawn\n%s", both.out);
	CHECK(strncmp(line + 14, strstr(one.out, "drew ") + 5, 8),
	      "two cases draw the same\n%s", both.out);
}

/* Time that one case does not use is shared out to the others. */
static void shares(const struct test_case *test)
{
	const char *const arguments[] = { "--case", "share/*", "--duration",
					  "10", NULL };
	unsigned long long first, second;
	struct inner inner;
	char *line;

	inner_run(&inner, arguments, NULL);
	inner_expect_code(&inner, 0);
	line = strstr(inner.out, "share/1: share ");
	CHECK(line && sscanf(line, "share/1: share %llu", &first) == 1,
	      "no share\n%s", inner.out);
	line = strstr(inner.out, "share/2: share ");
	CHECK(line && sscanf(line, "share/2: share %llu", &second) == 1,
	      "no share\n%s", inner.out);
	CHECK(first >= 3000 && first <= 5000,
	      "the first of two has %llu ms of 10 s", first);
	CHECK(second >= 6000 && second <= 10000, "the last has %llu ms of 10 s",
	      second);
}

static const struct test_case table[] = {
	{ .name = "passes", .run = passes },
	{ .name = "failures", .run = failures },
	{ .name = "timeout", .run = timeout },
	{ .name = "goes_on", .run = goes_on },
	{ .name = "after", .run = after },
	{ .name = "leaves_no_process", .run = leaves_no_process },
	{ .name = "interrupt/SIGINT", .run = interrupt, .number = { SIGINT } },
	{ .name = "interrupt/SIGTERM", .run = interrupt, .number = { SIGTERM } },
	{ .name = "killed", .run = killed },
	{ .name = "needs", .run = needs },
	{ .name = "replay_draws_the_same", .run = replay_draws_the_same },
	{ .name = "shares", .run = shares },
};

int main(int argc, char **argv)
{
	const struct program inner = {
		.name = "inner",
		.summary = "What cases_test runs.",
		.table = inner_table,
		.table_size = ARRAY_SIZE(inner_table),
	};
	const struct program program = {
		.name = "cases_test",
		.summary = "Unit test of lib/cases.h.",
		.table = table,
		.table_size = ARRAY_SIZE(table),
	};

	return cases_main(argc, argv, inner_wanted() ? &inner : &program);
}
