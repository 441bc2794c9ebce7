// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "clock.h"
#include "inner.h"
#include "worker.h"

#define WORKERS	    6
#define PATIENCE_MS 20000

struct counter {
	volatile u64 turns;
	volatile bool began;
	struct counter *all;
	u64 drawn;
};

static void count(struct worker *worker, void *argument)
{
	struct counter *counter = argument;

	counter->began = true;
	counter->drawn = random_u64(worker_random(worker));
	while (!worker_should_stop(worker))
		counter->turns++;
}

static struct worker_group *start_counters(struct counter *counters)
{
	struct worker_group *group = worker_group_new("counters");
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		worker_add(group, "counter", count, &counters[i]);
	CHECK(worker_group_size(group) == WORKERS, "the group has %zu workers",
	      worker_group_size(group));
	worker_group_start(group);
	return group;
}

static void wait_for_turns(const struct counter *counters, u64 more)
{
	struct deadline deadline = deadline_in_ms(PATIENCE_MS);
	u64 goal[WORKERS];
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		goal[i] = counters[i].turns + more;
	for (i = 0; i < WORKERS; i++) {
		while (counters[i].turns < goal[i]) {
			CHECK(!deadline_passed(deadline),
			      "worker %u makes no turns", i);
			sched_yield();
		}
	}
}

static void runs_and_stops(const struct test_case *test)
{
	struct counter counters[WORKERS] = { 0 };
	struct worker_group *group = start_counters(counters);
	unsigned int i, j;

	wait_for_turns(counters, 100);
	worker_group_stop(group);
	worker_group_join(group, PATIENCE_MS);
	for (i = 0; i < WORKERS; i++)
		for (j = 0; j < i; j++)
			CHECK(counters[i].drawn != counters[j].drawn,
			      "workers %u and %u draw the same", i, j);
}

/* While a group is paused nothing moves, however often it is done. */
static void pauses(const struct test_case *test)
{
	struct counter counters[WORKERS] = { 0 };
	struct worker_group *group = start_counters(counters);
	unsigned int round, i;

	for (round = 0; round < 20; round++) {
		u64 turns[WORKERS];

		worker_group_pause(group, PATIENCE_MS);
		for (i = 0; i < WORKERS; i++)
			turns[i] = counters[i].turns;
		for (i = 0; i < 10; i++)
			sched_yield();
		for (i = 0; i < WORKERS; i++)
			CHECK(counters[i].turns == turns[i],
			      "worker %u made turns in pause %u", i, round);
		worker_group_resume(group);
		wait_for_turns(counters, 1);
	}
	/* A paused group can be stopped. */
	worker_group_pause(group, PATIENCE_MS);
	worker_group_stop(group);
	worker_group_join(group, PATIENCE_MS);
}

/* Nobody begins before all are there. */
static void look_around(struct worker *worker, void *argument)
{
	struct counter *counter = argument;
	struct deadline deadline = deadline_in_ms(PATIENCE_MS);
	unsigned int i;

	counter->began = true;
	for (i = 0; i < WORKERS; i++) {
		while (!counter->all[i].began) {
			CHECK(!deadline_passed(deadline),
			      "worker %u did not begin", i);
			sched_yield();
		}
	}
}

static void starts_together(const struct test_case *test)
{
	struct worker_group *group = worker_group_new("crowd");
	struct counter counters[WORKERS] = { 0 };
	unsigned int i;

	for (i = 0; i < WORKERS; i++) {
		counters[i].all = counters;
		worker_add(group, "one", look_around, &counters[i]);
	}
	for (i = 0; i < WORKERS; i++)
		CHECK(!counters[i].began, "a worker began before the start");
	worker_group_start(group);
	/* These end by themselves; a pause then is no wait. */
	worker_group_pause(group, PATIENCE_MS);
	worker_group_resume(group);
	worker_group_join(group, PATIENCE_MS);
}

/* A group that was never started can be freed. */
static void never_started(const struct test_case *test)
{
	struct worker_group *group = worker_group_new("idle");

	worker_add(group, "one", count, NULL);
	worker_group_join(group, PATIENCE_MS);
}

static void on_signal(int signal)
{
}

struct sleeper {
	pthread_t thread;
	volatile bool there;
	volatile u64 slept;
	volatile u64 kicked;
};

static void kick(void *argument)
{
	struct sleeper *sleeper = argument;

	if (sleeper->there)
		pthread_kill(sleeper->thread, SIGUSR1);
}

/* Like a vCPU: most of its life is one call, ended by a signal. */
static void sleep_long(struct worker *worker, void *argument)
{
	struct sleeper *sleeper = argument;

	sleeper->thread = pthread_self();
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	sleeper->there = true;
	while (!worker_should_stop(worker)) {
		worker_doing(worker, "sleeping");
		sleeper->slept++;
		/* A signal may come here, too: the kick must be repeated. */
		nanosleep(&(struct timespec){ .tv_sec = 3600 }, NULL);
		sleeper->kicked++;
	}
}

static void kicks(const struct test_case *test)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct worker_group *group = worker_group_new("sleepers");
	struct sleeper sleepers[WORKERS] = { 0 };
	unsigned int i, round;

	sigaction(SIGUSR1, &action, NULL);
	for (i = 0; i < WORKERS; i++) {
		struct worker *worker = worker_add(group, "sleeper", sleep_long,
						   &sleepers[i]);

		worker_on_kick(worker, kick, &sleepers[i]);
	}
	worker_group_start(group);
	for (round = 0; round < 20; round++) {
		worker_group_pause(group, PATIENCE_MS);
		for (i = 0; i < WORKERS; i++)
			CHECK(sleepers[i].slept == sleepers[i].kicked,
			      "sleeper %u sleeps in pause %u", i, round);
		worker_group_resume(group);
	}
	worker_group_stop(group);
	worker_group_join(group, PATIENCE_MS);
	/* The first pause may come before the first sleep. */
	for (i = 0; i < WORKERS; i++)
		CHECK(sleepers[i].kicked >= round - 1,
		      "sleeper %u was kicked %llu times in %u pauses", i,
		      sleepers[i].kicked, round);
}

struct placed {
	unsigned int cpu;
	int seen;
};

static void see_cpu(struct worker *worker, void *argument)
{
	cpu_set_t set;

	((struct placed *)argument)->seen = -1;
	if (!sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) == 1)
		((struct placed *)argument)->seen = sched_getcpu();
}

static void placement(const struct test_case *test)
{
	struct worker_group *group = worker_group_new("placed");
	struct placed placed[WORKERS] = { 0 };
	cpu_set_t set;
	unsigned int i;
	int cpus;

	CHECK(!sched_getaffinity(0, sizeof(set), &set), "sched_getaffinity: %s",
	      errno_name(errno));
	cpus = CPU_COUNT(&set);
	for (i = 0; i < WORKERS; i++) {
		struct worker *worker = worker_add(group, "one", see_cpu,
						   &placed[i]);

		/* A node beyond the last and a machine without are no error. */
		worker_place_node(worker, i);
		worker_place_cpu(worker, i);
	}
	worker_group_start(group);
	worker_group_join(group, PATIENCE_MS);
	for (i = 0; i < WORKERS; i++) {
		CHECK(placed[i].seen >= 0 && CPU_ISSET(placed[i].seen, &set),
		      "worker %u is not on one CPU of ours", i);
		CHECK((int)i < cpus || placed[i].seen == placed[i % cpus].seen,
		      "worker %u of %d CPUs is on CPU %d", i, cpus,
		      placed[i].seen);
		CHECK(!i || (int)i >= cpus ||
			      placed[i].seen != placed[i - 1].seen,
		      "workers %u and %u are on CPU %d", i - 1, i,
		      placed[i].seen);
	}
}

static void do_nothing(struct worker *worker, void *argument)
{
}

static void names(const struct test_case *test)
{
	struct worker_group *group = worker_group_new("group");
	const char *long_name =
		"a name that is much longer than anything that anybody would give";
	struct worker *first = worker_add(group, "x", do_nothing, NULL);
	struct worker *other = worker_add(group, "xy", do_nothing, NULL);
	struct worker *second = worker_add(group, "x", do_nothing, NULL);

	CHECK(!strcmp(worker_name(first), "group/x"), "the name is %s",
	      worker_name(first));
	CHECK(!strcmp(worker_name(other), "group/xy"), "the name is %s",
	      worker_name(other));
	CHECK(!strcmp(worker_name(second), "group/x.1"), "the name is %s",
	      worker_name(second));
	first = worker_add(group, long_name, do_nothing, NULL);
	second = worker_add(group, long_name, do_nothing, NULL);
	CHECK(strlen(worker_name(first)) < WORKER_NAME_MAX,
	      "a name is not cut");
	CHECK(random_u64(worker_random(first)) !=
		      random_u64(worker_random(second)),
	      "two workers whose names are cut draw the same");
	CHECK(worker_self() == worker_self() &&
		      !worker_should_stop(worker_self()),
	      "the case's own thread is asked to stop");
	CHECK(!worker_wanted(worker_self()), "the case's own thread is wanted");
	CHECK(random_u64(worker_random(worker_self())) !=
		      random_u64(worker_random(worker_self())),
	      "the case's own thread draws the same number twice");
	worker_group_join(group, PATIENCE_MS);
}

/* More workers than a machine has CPUs, by far; slots are used again. */
static void many(const struct test_case *test)
{
	unsigned int round, i;

	for (round = 0; round < 3; round++) {
		struct worker_group *group = worker_group_new("many");

		for (i = 0; i < WORKERS_MAX / 2; i++)
			worker_add(group, "one", do_nothing, NULL);
		worker_group_start(group);
		worker_group_join(group, PATIENCE_MS);
	}
}

/* What must fail: each runs in the inner program. */

static volatile u64 moving;

static void hang(struct worker *worker, void *argument)
{
	worker_doing_value(worker, "resetting ring", 3);
	for (;;)
		pause();
}

static void move_on(struct worker *worker, void *argument)
{
	struct deadline deadline = deadline_in_ms(1500);

	worker_progress(worker, &moving);
	while (!deadline_passed(deadline))
		moving++;
}

static void inner_silent(const struct test_case *test)
{
	struct worker_group *group = worker_group_new("group");
	struct counter counter = { 0 };

	worker_add(group, "busy", count, &counter);
	worker_add(group, "stuck", hang, NULL);
	worker_group_silence_ms(group, 300);
	worker_group_start(group);
	for (;;)
		pause();
}

static void inner_moving(const struct test_case *test)
{
	struct worker_group *group = worker_group_new("group");

	worker_add(group, "mover", move_on, NULL);
	worker_group_silence_ms(group, 500);
	worker_group_start(group);
	worker_group_join(group, PATIENCE_MS);
}

static void inner_join(const struct test_case *test)
{
	struct worker_group *group = worker_group_new("group");
	struct counter counter = { 0 };

	worker_add(group, "busy", count, &counter);
	worker_add(group, "stuck", hang, NULL);
	worker_group_silence_ms(group, 0);
	worker_group_start(group);
	if (test->number[0]) {
		worker_group_pause(group, 200);
	} else {
		worker_group_stop(group);
		worker_group_join(group, 200);
	}
}

/* The program's deadline comes first: the stuck worker is named all the same. */
static void inner_deadline(const struct test_case *test)
{
	struct worker_group *group = worker_group_new("group");
	struct counter counter = { 0 };

	worker_add(group, "busy", count, &counter);
	worker_add(group, "stuck", hang, NULL);
	worker_group_start(group);
	worker_group_stop(group);
	worker_group_join(group, PATIENCE_MS);
}

static const struct test_case inner_table[] = {
	{ .name = "silent", .run = inner_silent },
	{ .name = "moving", .run = inner_moving },
	{ .name = "join", .run = inner_join },
	{ .name = "pause", .run = inner_join, .number = { 1 } },
	{ .name = "deadline", .run = inner_deadline, .timeout_s = 2 },
};

static void run(struct inner *inner, const char *name, int code)
{
	const char *const arguments[] = { "--case", name, "--duration", "1",
					  NULL };

	inner_run(inner, arguments, NULL);
	inner_expect_code(inner, code);
}

static void stuck_is_named(const struct test_case *test)
{
	struct inner inner;

	run(&inner, "silent", 1);
	inner_expect(&inner, "# reason: worker without a sign of life for 3");
	inner_expect(&inner, " ms: group/stuck was resetting ring 3\n");
	inner_expect(&inner, "# worker group/busy was ");
	CHECK(inner_count(&inner, "reason:") == 1, "more than one reason\n%s",
	      inner.out);

	run(&inner, "join", 1);
	inner_expect(&inner, "# reason: worker did not end within 200 ms: "
			     "group/stuck was resetting ring 3\n");
	inner_expect(&inner,
		     "# worker join was starting (waiting for workers)");
	inner_expect(&inner, "# worker group/busy was starting (ended)");

	run(&inner, "pause", 1);
	inner_expect(&inner, "# reason: worker did not pause within 200 ms: "
			     "group/stuck was resetting ring 3\n");

	run(&inner, "deadline", 1);
	inner_expect(&inner, "# reason: timeout after 2s: "
			     "group/stuck was resetting ring 3\n");
}

/* A worker that does not call us, but whose counter moves, is alive. */
static void moving_is_alive(const struct test_case *test)
{
	struct inner inner;

	run(&inner, "moving", 0);
}

static const struct test_case table[] = {
	{ .name = "runs_and_stops", .run = runs_and_stops },
	{ .name = "pauses", .run = pauses },
	{ .name = "starts_together", .run = starts_together },
	{ .name = "never_started", .run = never_started },
	{ .name = "kicks", .run = kicks },
	{ .name = "placement", .run = placement },
	{ .name = "names", .run = names },
	{ .name = "many", .run = many },
	{ .name = "stuck_is_named", .run = stuck_is_named },
	{ .name = "moving_is_alive", .run = moving_is_alive },
};

int main(int argc, char **argv)
{
	const struct program inner = {
		.name = "inner",
		.summary = "What worker_test runs.",
		.table = inner_table,
		.table_size = ARRAY_SIZE(inner_table),
	};
	const struct program program = {
		.name = "worker_test",
		.summary = "Unit test of lib/worker.h.",
		.table = table,
		.table_size = ARRAY_SIZE(table),
	};

	return cases_main(argc, argv, inner_wanted() ? &inner : &program);
}
