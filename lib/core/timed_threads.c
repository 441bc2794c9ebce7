// SPDX-License-Identifier: GPL-2.0-only
#include <pthread.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/report.h"
#include "core/timed_threads.h"
#include "core/thread.h"

#define END_MS 30000

/**
 * struct timed_thread - one thread
 * @all: all threads
 * @index: number of this one
 * @began: when its last action started, by clock_ns()
 * @ended: when that returned
 */
struct timed_thread {
	struct timed_threads *all;
	unsigned int index;
	u64 began, ended;
};

/**
 * struct timed_threads - all threads
 * @config: their action
 * @group: their group
 * @list: the threads
 * @begin: barrier before @config.prepare(), and before @config.act()
 * @end: barrier after @config.act()
 * @more: false: the threads return at @begin
 */
struct timed_threads {
	struct timed_threads_config config;
	struct thread_group *group;
	struct timed_thread *list;
	pthread_barrier_t begin, end;
	bool more;
};

/* A hang is the fault of a thread that is not here. */
static void meet(struct thread *thread, pthread_barrier_t *barrier)
{
	thread_waits(thread, true);
	pthread_barrier_wait(barrier);
	thread_waits(thread, false);
}

static void play(struct thread *thread, void *argument)
{
	struct timed_thread *this = argument;
	struct timed_threads *threads = this->all;
	const struct timed_threads_config *config = &threads->config;

	for (;;) {
		meet(thread, &threads->begin);
		if (!threads->more)
			return;
		thread_doing(thread, "preparing");
		if (config->prepare)
			config->prepare(config->context, this->index);
		thread_doing(thread, "acting");
		meet(thread, &threads->begin);
		this->began = clock_ns();
		config->act(config->context, this->index);
		this->ended = clock_ns();
		meet(thread, &threads->end);
	}
}

struct timed_threads *
timed_threads_begin(const struct timed_threads_config *config)
{
	struct timed_threads *threads = calloc(1, sizeof(*threads));
	unsigned int i;

	if (!threads)
		fail("out of memory for %u threads", config->threads);
	threads->config = *config;
	threads->more = true;
	threads->list = calloc(config->threads, sizeof(*threads->list));
	if (!threads->list)
		fail("out of memory for %u threads", config->threads);
	CHECK(!pthread_barrier_init(&threads->begin, NULL,
				    config->threads + 1) &&
		      !pthread_barrier_init(&threads->end, NULL,
					    config->threads + 1),
	      "cannot initialise a barrier");
	threads->group = thread_group_new("timed");
	thread_group_silence_ms(threads->group, 0);
	for (i = 0; i < config->threads; i++) {
		struct thread *thread;

		threads->list[i] = (struct timed_thread){ threads, i, 0, 0 };
		thread = thread_add(threads->group, "thread", play,
				    &threads->list[i]);
		if (config->pin)
			thread_pin_cpu(thread, i);
	}
	thread_group_start(threads->group);
	return threads;
}

u64 timed_threads_take(struct timed_threads *threads)
{
	const struct timed_thread *list = threads->list;
	struct thread *caller = thread_self();
	u64 began, ended;
	unsigned int i;

	meet(caller, &threads->begin);
	meet(caller, &threads->begin);
	meet(caller, &threads->end);
	began = list[0].began;
	ended = list[0].ended;
	for (i = 1; i < threads->config.threads; i++) {
		if (list[i].began < began)
			began = list[i].began;
		if (list[i].ended > ended)
			ended = list[i].ended;
	}
	return ended - began;
}

void timed_threads_end(struct timed_threads *threads)
{
	threads->more = false;
	meet(thread_self(), &threads->begin);
	thread_group_join(threads->group, END_MS);
	pthread_barrier_destroy(&threads->begin);
	pthread_barrier_destroy(&threads->end);
	free(threads->list);
	free(threads);
}
