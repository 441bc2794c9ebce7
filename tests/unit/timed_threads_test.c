// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/clock.h"
#include "inner.h"
#include "core/timed_threads.h"

#define THREADS 4
#define TURNS	50
#define BUSY_NS (2 * NSEC_PER_MSEC)

struct seen {
	unsigned int prepared[THREADS];
	unsigned int acted[THREADS];
	bool early;
};

static void prepare(void *context, unsigned int index)
{
	struct seen *seen = context;

	__atomic_add_fetch(&seen->prepared[index], 1, __ATOMIC_SEQ_CST);
}

/* No thread acts before all are prepared. */
static void act(void *context, unsigned int index)
{
	struct seen *seen = context;
	unsigned int turn = __atomic_add_fetch(&seen->acted[index], 1,
					       __ATOMIC_SEQ_CST);
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		if (__atomic_load_n(&seen->prepared[i], __ATOMIC_SEQ_CST) !=
		    turn)
			__atomic_store_n(&seen->early, true, __ATOMIC_SEQ_CST);
}

static void test_order(const struct test_case *test)
{
	struct seen seen = { .early = false };
	const struct timed_threads_config config = {
		.threads = THREADS,
		.prepare = prepare,
		.act = act,
		.context = &seen,
		.pin = true,
	};
	struct timed_threads *threads = timed_threads_begin(&config);
	unsigned int turn, i;

	(void)test;
	for (turn = 1; turn <= TURNS; turn++) {
		timed_threads_take(threads);
		for (i = 0; i < THREADS; i++)
			CHECK(seen.acted[i] == turn && seen.prepared[i] == turn,
			      "action %u: thread %u has acted %u times, was prepared %u times",
			      turn, i, seen.acted[i], seen.prepared[i]);
	}
	timed_threads_end(threads);
	CHECK(!seen.early, "a thread acted before all were prepared");
	CHECK(seen.acted[0] == TURNS, "a thread acted after the last action");
}

/* The last thread takes BUSY_NS. */
static void be_late(void *context, unsigned int index)
{
	u64 start = clock_ns();

	(void)context;
	while (index == THREADS - 1 && clock_ns() - start < BUSY_NS)
		;
}

static void test_time(const struct test_case *test)
{
	const struct timed_threads_config config = { .threads = THREADS,
						     .act = be_late };
	struct timed_threads *threads = timed_threads_begin(&config);
	u64 ns = timed_threads_take(threads);

	(void)test;
	timed_threads_end(threads);
	CHECK(ns >= BUSY_NS, "a thread took %llu ns, the action %llu", BUSY_NS,
	      ns);
}

static void hang(void *context, unsigned int index)
{
	(void)context;
	while (index == 2)
		pause();
}

static void inner_hang(const struct test_case *test)
{
	const struct timed_threads_config config = {
		.threads = THREADS,
		.prepare = test->number[0] ? hang : NULL,
		.act = hang,
	};

	timed_threads_take(timed_threads_begin(&config));
}

/* The reason names neither a waiting thread nor the one that runs the case. */
static void test_hang(const struct test_case *test)
{
	static const char *const arguments[] = { "--duration", "1", NULL };
	struct inner inner;

	(void)test;
	inner_run(&inner, arguments, NULL);
	inner_expect_code(&inner, 1);
	inner_expect(&inner, "s: timed/thread.2 was preparing");
	inner_expect(&inner, "s: timed/thread.2 was acting");
}

int main(int argc, char **argv)
{
	static const struct test_case inner_cases[] = {
		{ .name = "prepare",
		  .run = inner_hang,
		  .number = { 1 },
		  .timeout_s = 1 },
		{ .name = "act", .run = inner_hang, .timeout_s = 1 },
	};
	static const struct program inner = {
		.name = "inner",
		.summary = "what timed_threads_test runs",
		.table = inner_cases,
		.table_size = ARRAY_SIZE(inner_cases),
	};
	static const struct test_case cases[] = {
		{ .name = "order", .run = test_order },
		{ .name = "time", .run = test_time },
		{ .name = "hang", .run = test_hang },
	};
	static const struct program program = {
		.name = "timed_threads_test",
		.summary = "threads that repeat an action at the same time",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
	};

	return cases_main(argc, argv, inner_wanted() ? &inner : &program);
}
