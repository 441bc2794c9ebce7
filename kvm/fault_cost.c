// SPDX-License-Identifier: GPL-2.0-only
/* What stage-2 faults cost, and taking mappings away again. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "fault_cost.h"
#include "fault_field.h"
#include "options.h"
#include "report.h"
#include "samples.h"
#include "worker.h"

#define MIB (1UL << 20)
/* All sizes by turns: what the machine does beside is shared out so. */
#define PASSES	    3
#define REPEATS_MIN 2
#define REPEATS_MAX 20
#define POINTS	    3
#define VCPUS_CHECK 4
#define VCPUS	    16

enum { READ, EXECUTE, WRITE, UNMAP, NOTHING, SERIES };

static const struct {
	const char *words, *unit;
	enum series_kind kind;
} parts[SERIES] = {
	[READ] = { "fault\", \"access\": \"read", "us", SERIES_COST_EACH },
	[EXECUTE] = { "fault\", \"access\": \"execute", "us",
		      SERIES_COST_EACH },
	[WRITE] = { "fault\", \"access\": \"write", "us", SERIES_COST_EACH },
	[UNMAP] = { "notifier\", \"of\": \"mapped", "us", SERIES_COST },
	[NOTHING] = { "notifier\", \"of\": \"not mapped", "us", SERIES_COST },
};

static bool is_huge(enum backing_kind kind)
{
	return backing_page_size(kind) >= backing_thp_size();
}

/* The largest slot: a fault for each page takes time, so small pages have less. */
static uint64_t most_bytes(enum backing_kind kind)
{
	bool check = options()->mode == MODE_CHECK;

	if (options()->memory)
		return options()->memory;
	if (backing_page_size(kind) > backing_thp_size())
		return 2 * backing_page_size(kind);
	if (is_huge(kind))
		return (check ? 32 : 256) * backing_thp_size();
	return (check ? 4 : 32) * MIB;
}

/* One round with one kind of access. */
static void fault(struct field *field, enum writer_access access,
		  struct series *each, struct series *series)
{
	double at = (double)field->slot.size / MIB, first, again;

	field_prepare(field, 0, access);
	first = field_access(field, 0);
	again = field_access(field, 0);
	series_add(each, at,
		   first > again ?
			   (first - again) / (double)field->faults / 1e3 :
			   0);
	/* Once with what was just mapped, and once with nothing. */
	series_add(&series[UNMAP], at, field_unmap(field) / 1e3);
	series_add(&series[NOTHING], at, field_unmap(field) / 1e3);
}

static void bench_size(enum backing_kind kind, uint64_t bytes,
		       uint64_t share_ns, struct series *series)
{
	uint64_t until = clock_ns() + share_ns;
	struct field field;
	unsigned int turn;

	if (!field_create(&field, kind, bytes, 1))
		return;
	field_judge(&field);
	field_unmap(&field);
	for (turn = 0; turn < REPEATS_MAX; turn++) {
		if (turn >= REPEATS_MIN && clock_ns() > until)
			break;
		fault(&field, WRITER_LOAD, &series[READ], series);
		writer_lay_code(field.backing.hva, bytes, field.vm->page_size);
		fault(&field, WRITER_FETCH, &series[EXECUTE], series);
		fault(&field, WRITER_STORE, &series[WRITE], series);
	}
	field_judge(&field);
	field_destroy(&field);
}

void bench_faults(const struct test_case *test)
{
	enum backing_kind kind = test->number[FAULT_BACKING];
	uint64_t bytes = most_bytes(kind), least = backing_page_size(kind);
	struct series series[SERIES];
	size_t i;

	backing_keep_mapped();
	for (i = 0; i < SERIES; i++)
		series_begin(&series[i], parts[i].kind, "slot_mib",
			     parts[i].unit,
			     "\"bench\": \"%s\", \"backing\": \"%s\"",
			     parts[i].words, backing_name(kind));
	for (i = 0; i < PASSES * POINTS; i++)
		if (bytes >> (2 * (i % POINTS)) >= least)
			bench_size(kind, bytes >> (2 * (i % POINTS)),
				   case_duration_ns() / (PASSES * POINTS),
				   series);
	for (i = 0; i < SERIES; i++)
		series_tell(&series[i]);
}

/* ---- several vCPUs ------------------------------------------------------- */

/**
 * struct team - the threads of the vCPUs
 * @field: the slot
 * @begin: where all are before a round
 * @end: where all are behind it
 * @more: whether there is another round
 */
struct team {
	struct field field;
	pthread_barrier_t begin, end;
	bool more;
};

/**
 * struct player - one of them
 * @team: the team
 * @index: its vCPU
 * @began: when its part of a round began, by itself
 * @ended: when it ended
 */
struct player {
	struct team *team;
	unsigned int index;
	uint64_t began, ended;
};

static void play(struct worker *worker, void *argument)
{
	struct player *player = argument;
	struct team *team = player->team;

	(void)worker;
	for (;;) {
		pthread_barrier_wait(&team->begin);
		if (!team->more)
			return;
		field_prepare(&team->field, player->index, WRITER_STORE);
		pthread_barrier_wait(&team->begin);
		player->began = clock_ns();
		field_access(&team->field, player->index);
		player->ended = clock_ns();
		pthread_barrier_wait(&team->end);
	}
}

/* One round. Return: nanoseconds from the first beginning to the last end. */
static double one_round(struct team *team, const struct player *players)
{
	uint64_t began, ended;
	unsigned int i;

	field_unmap(&team->field);
	pthread_barrier_wait(&team->begin);
	pthread_barrier_wait(&team->begin);
	pthread_barrier_wait(&team->end);
	began = players[0].began;
	ended = players[0].ended;
	for (i = 1; i < team->field.vm->vcpu_count; i++) {
		if (players[i].began < began)
			began = players[i].began;
		if (players[i].ended > ended)
			ended = players[i].ended;
	}
	return (double)(ended - began);
}

static void bench_vcpus(enum backing_kind kind, unsigned int vcpus,
			uint64_t share_ns, struct series *series)
{
	struct worker_group *group = worker_group_new("vCPUs");
	struct player *players = calloc(vcpus, sizeof(*players));
	uint64_t until = clock_ns() + share_ns, bytes = most_bytes(kind);
	struct team team = { .more = true };
	unsigned int i, turn;

	CHECK(players, "out of memory for %u vCPUs", vcpus);
	bytes -= bytes % (vcpus * backing_page_size(kind));
	if (!field_create(&team.field, kind, bytes, vcpus))
		return;
	field_judge(&team.field);
	CHECK(!pthread_barrier_init(&team.begin, NULL, vcpus + 1) &&
		      !pthread_barrier_init(&team.end, NULL, vcpus + 1),
	      "no barrier");
	for (i = 0; i < vcpus; i++) {
		struct worker *worker;

		players[i] = (struct player){ &team, i, 0, 0 };
		worker = worker_add(group, "vCPU", play, &players[i]);
		worker_progress(worker, &team.field.vm->vcpus[i].guest->beat);
		worker_place_cpu(worker, i);
	}
	/* Who waits for the others shows no sign of life; the case's time is up. */
	worker_group_silence_ms(group, 0);
	worker_group_start(group);
	for (turn = 0; turn < REPEATS_MAX; turn++) {
		if (turn >= REPEATS_MIN && clock_ns() > until)
			break;
		series_add(series, vcpus,
			   (double)team.field.faults * 1e9 /
				   one_round(&team, players));
	}
	team.more = false;
	pthread_barrier_wait(&team.begin);
	worker_group_join(group, 10000);
	field_judge(&team.field);
	field_destroy(&team.field);
	free(players);
}

void bench_throughput(const struct test_case *test)
{
	enum backing_kind kind = test->number[FAULT_BACKING];
	unsigned int most = options()->vcpus		  ? options()->vcpus :
			    options()->mode == MODE_CHECK ? VCPUS_CHECK :
							    VCPUS;
	unsigned int vcpus, pass, points = 0;
	struct series series;

	backing_keep_mapped();
	series_begin(&series, SERIES_OTHER, "vcpus", "1/s",
		     "\"bench\": \"fault_throughput\", \"backing\": \"%s\"",
		     backing_name(kind));
	for (vcpus = 1; vcpus; vcpus = series_next(vcpus, most))
		points++;
	for (pass = 0; pass < PASSES; pass++)
		for (vcpus = 1; vcpus; vcpus = series_next(vcpus, most))
			bench_vcpus(kind, vcpus,
				    case_duration_ns() / (PASSES * points),
				    &series);
	series_tell(&series);
}
