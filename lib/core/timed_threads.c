// SPDX-License-Identifier: GPL-2.0-only
/* Threads that do a thing at the same time, again and again. */
#include <pthread.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/report.h"
#include "core/timed_threads.h"
#include "core/thread.h"

#define END_MS 30000

/**
 * struct player - one thread
 * @turns: all of them
 * @index: its number
 * @began: when its part of a turn began
 * @ended: when it ended
 */
struct player {
	struct timed_threads *turns;
	unsigned int index;
	u64 began, ended;
};

/**
 * struct timed_threads - all threads
 * @config: what they do
 * @group: the threads
 * @players: what each knows
 * @begin: where all are when a turn begins, and when it is prepared
 * @end: where they are when it is over
 * @more: whether there is another turn
 */
struct timed_threads {
	struct timed_threads_config config;
	struct thread_group *group;
	struct player *players;
	pthread_barrier_t begin, end;
	bool more;
};

/* Who hangs is one that is not here. */
static void meet(struct thread *thread, pthread_barrier_t *barrier)
{
	thread_waits(thread, true);
	pthread_barrier_wait(barrier);
	thread_waits(thread, false);
}

static void play(struct thread *thread, void *argument)
{
	struct player *player = argument;
	struct timed_threads *turns = player->turns;
	const struct timed_threads_config *config = &turns->config;

	for (;;) {
		meet(thread, &turns->begin);
		if (!turns->more)
			return;
		thread_doing(thread, "preparing for its turn");
		if (config->prepare)
			config->prepare(config->context, player->index);
		thread_doing(thread, "taking its turn");
		meet(thread, &turns->begin);
		player->began = clock_ns();
		config->act(config->context, player->index);
		player->ended = clock_ns();
		meet(thread, &turns->end);
	}
}

struct timed_threads *
timed_threads_begin(const struct timed_threads_config *config)
{
	struct timed_threads *turns = calloc(1, sizeof(*turns));
	unsigned int i;

	if (!turns)
		fail("out of memory for %u threads", config->threads);
	turns->config = *config;
	turns->more = true;
	turns->players = calloc(config->threads, sizeof(*turns->players));
	if (!turns->players)
		fail("out of memory for %u threads", config->threads);
	CHECK(!pthread_barrier_init(&turns->begin, NULL, config->threads + 1) &&
		      !pthread_barrier_init(&turns->end, NULL,
					    config->threads + 1),
	      "no barrier");
	turns->group = thread_group_new("turns");
	thread_group_silence_ms(turns->group, 0);
	for (i = 0; i < config->threads; i++) {
		struct thread *thread;

		turns->players[i] = (struct player){ turns, i, 0, 0 };
		thread = thread_add(turns->group, "player", play,
				    &turns->players[i]);
		if (config->pin)
			thread_pin_cpu(thread, i);
	}
	thread_group_start(turns->group);
	return turns;
}

u64 timed_threads_take(struct timed_threads *turns)
{
	const struct player *players = turns->players;
	struct thread *caller = thread_self();
	u64 began, ended;
	unsigned int i;

	meet(caller, &turns->begin);
	meet(caller, &turns->begin);
	meet(caller, &turns->end);
	began = players[0].began;
	ended = players[0].ended;
	for (i = 1; i < turns->config.threads; i++) {
		if (players[i].began < began)
			began = players[i].began;
		if (players[i].ended > ended)
			ended = players[i].ended;
	}
	return ended - began;
}

void timed_threads_end(struct timed_threads *turns)
{
	turns->more = false;
	meet(thread_self(), &turns->begin);
	thread_group_join(turns->group, END_MS);
	pthread_barrier_destroy(&turns->begin);
	pthread_barrier_destroy(&turns->end);
	free(turns->players);
	free(turns);
}
