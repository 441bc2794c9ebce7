// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/clock.h"
#include "inner.h"
#include "core/thread.h"

#define THREADS	    6
#define PATIENCE_MS 20000

struct counter {
	volatile u64 turns;
	volatile bool began;
	struct counter *all;
	u64 drawn;
};

static void count(struct thread *thread, void *argument)
{
	struct counter *counter = argument;

	counter->began = true;
	counter->drawn = random_u64(thread_random(thread));
	while (!thread_should_stop(thread))
		counter->turns++;
}

static struct thread_group *start_counters(struct counter *counters)
{
	struct thread_group *group = thread_group_new("counters");
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		thread_add(group, "counter", count, &counters[i]);
	CHECK(thread_group_size(group) == THREADS, "the group has %zu workers",
	      thread_group_size(group));
	thread_group_start(group);
	return group;
}

static void wait_for_turns(const struct counter *counters, u64 more)
{
	struct deadline deadline = deadline_in_ms(PATIENCE_MS);
	u64 goal[THREADS];
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		goal[i] = counters[i].turns + more;
	for (i = 0; i < THREADS; i++) {
		while (counters[i].turns < goal[i]) {
			CHECK(!deadline_passed(deadline),
			      "worker %u makes no turns", i);
			sched_yield();
		}
	}
}

static void runs_and_stops(const struct test_case *test)
{
	struct counter counters[THREADS] = { 0 };
	struct thread_group *group = start_counters(counters);
	unsigned int i, j;

	wait_for_turns(counters, 100);
	thread_group_stop(group);
	thread_group_join(group, PATIENCE_MS);
	for (i = 0; i < THREADS; i++)
		for (j = 0; j < i; j++)
			CHECK(counters[i].drawn != counters[j].drawn,
			      "workers %u and %u draw the same", i, j);
}

/* While a group is paused nothing moves, however often it is done. */
static void pauses(const struct test_case *test)
{
	struct counter counters[THREADS] = { 0 };
	struct thread_group *group = start_counters(counters);
	unsigned int round, i;

	for (round = 0; round < 20; round++) {
		u64 turns[THREADS];

		thread_group_pause(group, PATIENCE_MS);
		for (i = 0; i < THREADS; i++)
			turns[i] = counters[i].turns;
		for (i = 0; i < 10; i++)
			sched_yield();
		for (i = 0; i < THREADS; i++)
			CHECK(counters[i].turns == turns[i],
			      "worker %u made turns in pause %u", i, round);
		thread_group_resume(group);
		wait_for_turns(counters, 1);
	}
	/* A paused group can be stopped. */
	thread_group_pause(group, PATIENCE_MS);
	thread_group_stop(group);
	thread_group_join(group, PATIENCE_MS);
}

/* Nobody begins before all are there. */
static void look_around(struct thread *thread, void *argument)
{
	struct counter *counter = argument;
	struct deadline deadline = deadline_in_ms(PATIENCE_MS);
	unsigned int i;

	counter->began = true;
	for (i = 0; i < THREADS; i++) {
		while (!counter->all[i].began) {
			CHECK(!deadline_passed(deadline),
			      "worker %u did not begin", i);
			sched_yield();
		}
	}
}

static void starts_together(const struct test_case *test)
{
	struct thread_group *group = thread_group_new("crowd");
	struct counter counters[THREADS] = { 0 };
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		counters[i].all = counters;
		thread_add(group, "one", look_around, &counters[i]);
	}
	for (i = 0; i < THREADS; i++)
		CHECK(!counters[i].began, "a worker began before the start");
	thread_group_start(group);
	/* These end by themselves; a pause then is no wait. */
	thread_group_pause(group, PATIENCE_MS);
	thread_group_resume(group);
	thread_group_join(group, PATIENCE_MS);
}

/* A group that was never started can be freed. */
static void never_started(const struct test_case *test)
{
	struct thread_group *group = thread_group_new("idle");

	thread_add(group, "one", count, NULL);
	thread_group_join(group, PATIENCE_MS);
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
static void sleep_long(struct thread *thread, void *argument)
{
	struct sleeper *sleeper = argument;

	sleeper->thread = pthread_self();
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	sleeper->there = true;
	while (!thread_should_stop(thread)) {
		thread_doing(thread, "sleeping");
		sleeper->slept++;
		/* A signal may come here, too: the kick must be repeated. */
		nanosleep(&(struct timespec){ .tv_sec = 3600 }, NULL);
		sleeper->kicked++;
	}
}

static void kicks(const struct test_case *test)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct thread_group *group = thread_group_new("sleepers");
	struct sleeper sleepers[THREADS] = { 0 };
	unsigned int i, round;

	sigaction(SIGUSR1, &action, NULL);
	for (i = 0; i < THREADS; i++) {
		struct thread *thread = thread_add(group, "sleeper", sleep_long,
						   &sleepers[i]);

		thread_on_kick(thread, kick, &sleepers[i]);
	}
	thread_group_start(group);
	for (round = 0; round < 20; round++) {
		thread_group_pause(group, PATIENCE_MS);
		for (i = 0; i < THREADS; i++)
			CHECK(sleepers[i].slept == sleepers[i].kicked,
			      "sleeper %u sleeps in pause %u", i, round);
		thread_group_resume(group);
	}
	thread_group_stop(group);
	thread_group_join(group, PATIENCE_MS);
	/* The first pause may come before the first sleep. */
	for (i = 0; i < THREADS; i++)
		CHECK(sleepers[i].kicked >= round - 1,
		      "sleeper %u was kicked %llu times in %u pauses", i,
		      sleepers[i].kicked, round);
}

struct placed {
	unsigned int cpu;
	int seen;
};

static void see_cpu(struct thread *thread, void *argument)
{
	cpu_set_t set;

	((struct placed *)argument)->seen = -1;
	if (!sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) == 1)
		((struct placed *)argument)->seen = sched_getcpu();
}

static void placement(const struct test_case *test)
{
	struct thread_group *group = thread_group_new("placed");
	struct placed placed[THREADS] = { 0 };
	cpu_set_t set;
	unsigned int i;
	int cpus;

	CHECK(!sched_getaffinity(0, sizeof(set), &set), "sched_getaffinity: %s",
	      errno_name(errno));
	cpus = CPU_COUNT(&set);
	for (i = 0; i < THREADS; i++) {
		struct thread *thread = thread_add(group, "one", see_cpu,
						   &placed[i]);

		/* A node beyond the last and a machine without are no error. */
		thread_pin_node(thread, i);
		thread_pin_cpu(thread, i);
	}
	thread_group_start(group);
	thread_group_join(group, PATIENCE_MS);
	for (i = 0; i < THREADS; i++) {
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

static void do_nothing(struct thread *thread, void *argument)
{
}

static void names(const struct test_case *test)
{
	struct thread_group *group = thread_group_new("group");
	const char *long_name =
		"a name that is much longer than anything that anybody would give";
	struct thread *first = thread_add(group, "x", do_nothing, NULL);
	struct thread *other = thread_add(group, "xy", do_nothing, NULL);
	struct thread *second = thread_add(group, "x", do_nothing, NULL);

	CHECK(!strcmp(thread_name(first), "group/x"), "the name is %s",
	      thread_name(first));
	CHECK(!strcmp(thread_name(other), "group/xy"), "the name is %s",
	      thread_name(other));
	CHECK(!strcmp(thread_name(second), "group/x.1"), "the name is %s",
	      thread_name(second));
	first = thread_add(group, long_name, do_nothing, NULL);
	second = thread_add(group, long_name, do_nothing, NULL);
	CHECK(strlen(thread_name(first)) < THREAD_NAME_MAX,
	      "a name is not cut");
	CHECK(random_u64(thread_random(first)) !=
		      random_u64(thread_random(second)),
	      "two workers whose names are cut draw the same");
	CHECK(thread_self() == thread_self() &&
		      !thread_should_stop(thread_self()),
	      "the case's own thread is asked to stop");
	CHECK(!thread_wanted(thread_self()), "the case's own thread is wanted");
	CHECK(random_u64(thread_random(thread_self())) !=
		      random_u64(thread_random(thread_self())),
	      "the case's own thread draws the same number twice");
	thread_group_join(group, PATIENCE_MS);
}

/* More workers than a machine has CPUs, by far; slots are used again. */
static void many(const struct test_case *test)
{
	unsigned int round, i;

	for (round = 0; round < 3; round++) {
		struct thread_group *group = thread_group_new("many");

		for (i = 0; i < THREADS_MAX / 2; i++)
			thread_add(group, "one", do_nothing, NULL);
		thread_group_start(group);
		thread_group_join(group, PATIENCE_MS);
	}
}

/* What must fail: each runs in the inner program. */

static volatile u64 moving;

static void hang(struct thread *thread, void *argument)
{
	thread_doing_value(thread, "resetting ring", 3);
	for (;;)
		pause();
}

static void move_on(struct thread *thread, void *argument)
{
	struct deadline deadline = deadline_in_ms(1500);

	thread_progress(thread, &moving);
	while (!deadline_passed(deadline))
		moving++;
}

static void inner_silent(const struct test_case *test)
{
	struct thread_group *group = thread_group_new("group");
	struct counter counter = { 0 };

	thread_add(group, "busy", count, &counter);
	thread_add(group, "stuck", hang, NULL);
	thread_group_silence_ms(group, 300);
	thread_group_start(group);
	for (;;)
		pause();
}

static void inner_moving(const struct test_case *test)
{
	struct thread_group *group = thread_group_new("group");

	thread_add(group, "mover", move_on, NULL);
	thread_group_silence_ms(group, 500);
	thread_group_start(group);
	thread_group_join(group, PATIENCE_MS);
}

static void inner_join(const struct test_case *test)
{
	struct thread_group *group = thread_group_new("group");
	struct counter counter = { 0 };

	thread_add(group, "busy", count, &counter);
	thread_add(group, "stuck", hang, NULL);
	thread_group_silence_ms(group, 0);
	thread_group_start(group);
	if (test->number[0]) {
		thread_group_pause(group, 200);
	} else {
		thread_group_stop(group);
		thread_group_join(group, 200);
	}
}

/* The program's deadline comes first: the stuck worker is named all the same. */
static void inner_deadline(const struct test_case *test)
{
	struct thread_group *group = thread_group_new("group");
	struct counter counter = { 0 };

	thread_add(group, "busy", count, &counter);
	thread_add(group, "stuck", hang, NULL);
	thread_group_start(group);
	thread_group_stop(group);
	thread_group_join(group, PATIENCE_MS);
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
	inner_expect(&inner, "# reason: thread without a sign of life for 3");
	inner_expect(&inner, " ms: group/stuck was resetting ring 3\n");
	inner_expect(&inner, "# thread group/busy was ");
	CHECK(inner_count(&inner, "reason:") == 1, "more than one reason\n%s",
	      inner.out);

	run(&inner, "join", 1);
	inner_expect(&inner, "# reason: thread did not end within 200 ms: "
			     "group/stuck was resetting ring 3\n");
	inner_expect(&inner,
		     "# thread join was starting (waiting for other threads)");
	inner_expect(&inner, "# thread group/busy was starting (ended)");

	run(&inner, "pause", 1);
	inner_expect(&inner, "# reason: thread did not pause within 200 ms: "
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
		.summary = "What thread_test runs.",
		.table = inner_table,
		.table_size = ARRAY_SIZE(inner_table),
	};
	const struct program program = {
		.name = "thread_test",
		.summary = "Unit test of lib/worker.h.",
		.table = table,
		.table_size = ARRAY_SIZE(table),
	};

	return cases_main(argc, argv, inner_wanted() ? &inner : &program);
}
