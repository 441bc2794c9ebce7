// SPDX-License-Identifier: GPL-2.0-only
/* Threads that do a thing at the same time, again and again. */
#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "report.h"
#include "turns.h"
#include "worker.h"

#define END_MS 30000

/**
 * struct player - one thread
 * @turns: all of them
 * @index: its number
 * @began: when its part of a turn began
 * @ended: when it ended
 */
struct player {
	struct turns *turns;
	unsigned int index;
	u64 began, ended;
};

/**
 * struct turns - all threads
 * @config: what they do
 * @group: the threads
 * @players: what each knows
 * @begin: where all are when a turn begins, and when it is prepared
 * @end: where they are when it is over
 * @more: whether there is another turn
 */
struct turns {
	struct turns_config config;
	struct worker_group *group;
	struct player *players;
	pthread_barrier_t begin, end;
	bool more;
};

/* Who hangs is one that is not here. */
static void meet(struct worker *worker, pthread_barrier_t *barrier)
{
	worker_waits(worker, true);
	pthread_barrier_wait(barrier);
	worker_waits(worker, false);
}

static void play(struct worker *worker, void *argument)
{
	struct player *player = argument;
	struct turns *turns = player->turns;
	const struct turns_config *config = &turns->config;

	for (;;) {
		meet(worker, &turns->begin);
		if (!turns->more)
			return;
		worker_doing(worker, "preparing for its turn");
		if (config->prepare)
			config->prepare(config->context, player->index);
		worker_doing(worker, "taking its turn");
		meet(worker, &turns->begin);
		player->began = clock_ns();
		config->act(config->context, player->index);
		player->ended = clock_ns();
		meet(worker, &turns->end);
	}
}

struct turns *turns_begin(const struct turns_config *config)
{
	struct turns *turns = calloc(1, sizeof(*turns));
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
	turns->group = worker_group_new("turns");
	worker_group_silence_ms(turns->group, 0);
	for (i = 0; i < config->threads; i++) {
		struct worker *worker;

		turns->players[i] = (struct player){ turns, i, 0, 0 };
		worker = worker_add(turns->group, "player", play,
				    &turns->players[i]);
		if (config->pin)
			worker_place_cpu(worker, i);
	}
	worker_group_start(turns->group);
	return turns;
}

u64 turns_take(struct turns *turns)
{
	const struct player *players = turns->players;
	struct worker *caller = worker_self();
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

void turns_end(struct turns *turns)
{
	turns->more = false;
	meet(worker_self(), &turns->begin);
	worker_group_join(turns->group, END_MS);
	pthread_barrier_destroy(&turns->begin);
	pthread_barrier_destroy(&turns->end);
	free(turns->players);
	free(turns);
}
