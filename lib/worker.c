// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "clock.h"
#include "report.h"
#include "worker.h"
#include "worker_group.h"
#include "worker_list.h"

#define STACK_BYTES (512UL << 10)
#define KICK_MS_MAX 20

static struct worker own_worker;
static __thread struct worker *self;

struct worker *worker_self(void)
{
	if (self)
		return self;
	own_worker.slot = worker_slot_own();
	return &own_worker;
}

const char *worker_name(const struct worker *worker)
{
	return worker->slot->name;
}

struct random_stream *worker_random(struct worker *worker)
{
	if (!worker->group && !worker->random_begun) {
		case_random(&worker->random, worker->slot->name, 0);
		worker->random_begun = true;
	}
	return &worker->random;
}

size_t worker_group_size(const struct worker_group *group)
{
	return group->size;
}

static void beat(struct worker *worker)
{
	/* Only its own thread counts up, so this need not be a locked add. */
	u64 beats = __atomic_load_n(&worker->slot->beats, __ATOMIC_RELAXED);

	__atomic_store_n(&worker->slot->beats, beats + 1, __ATOMIC_RELAXED);
}

static void doing(struct worker *worker, const char *what, bool has_value,
		  u64 value)
{
	struct worker_slot *slot = worker->slot;

	/*
	 * The reader may see the new text with the old value: it prints a
	 * message for a human about a thread that is stuck, so not in here.
	 */
	__atomic_store_n(&slot->value, value, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->has_value, has_value, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->what, what, __ATOMIC_RELEASE);
	beat(worker);
}

void worker_doing(struct worker *worker, const char *what)
{
	doing(worker, what, false, 0);
}

void worker_doing_value(struct worker *worker, const char *what, u64 value)
{
	doing(worker, what, true, value);
}

void worker_waits(struct worker *worker, bool waits)
{
	__atomic_store_n(&worker->slot->waits, waits, __ATOMIC_RELEASE);
}

void worker_group_wait(struct worker_group *group, u64 milliseconds)
{
	struct timespec until;
	u64 at = clock_ns() + milliseconds * NSEC_PER_MSEC;

	until.tv_sec = (time_t)(at / NSEC_PER_SEC);
	until.tv_nsec = (long)(at % NSEC_PER_SEC);
	pthread_cond_timedwait(&group->changed, &group->lock, &until);
}

struct worker_group *worker_group_new(const char *name)
{
	struct worker_group *group = calloc(1, sizeof(*group));
	pthread_condattr_t attributes;

	if (!group)
		fail("no memory for the worker group %s", name);
	snprintf(group->name, sizeof(group->name), "%s", name);
	group->last = &group->first;
	group->silence_ms = WORKER_SILENCE_MS;
	pthread_mutex_init(&group->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&group->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return group;
}

void worker_group_silence_ms(struct worker_group *group, u64 milliseconds)
{
	group->silence_ms = milliseconds;
}

struct worker *worker_add(struct worker_group *group, const char *name,
			  worker_function function, void *argument)
{
	struct worker *worker = calloc(1, sizeof(*worker)), *other;
	char full_name[2 * WORKER_NAME_MAX + 32];
	size_t same = 0;

	if (!worker)
		fail("no memory for the worker %s/%s", group->name, name);
	snprintf(worker->name, sizeof(worker->name), "%s", name);
	for (other = group->first; other; other = other->next)
		same += !strcmp(other->name, worker->name);

	snprintf(full_name, sizeof(full_name), "%s/%s", group->name,
		 worker->name);
	case_random(&worker->random, full_name, same);
	/* The second and later ones of a name get a number. */
	if (same)
		snprintf(full_name, sizeof(full_name), "%s/%s.%zu", group->name,
			 worker->name, same);
	worker->slot = worker_slot_take(full_name);
	worker->group = group;
	worker->function = function;
	worker->argument = argument;
	worker->cpu = -1;
	worker->node = -1;
	*group->last = worker;
	group->last = &worker->next;
	group->size++;
	return worker;
}

void worker_place_cpu(struct worker *worker, unsigned int cpu)
{
	worker->cpu = (int)cpu;
}

void worker_place_node(struct worker *worker, unsigned int node)
{
	worker->node = (int)node;
}

void worker_on_kick(struct worker *worker, void (*kick)(void *argument),
		    void *argument)
{
	worker->kick = kick;
	worker->kick_argument = argument;
}

void worker_progress(struct worker *worker, const volatile u64 *counter)
{
	__atomic_store_n(&worker->progress, counter, __ATOMIC_RELEASE);
}

static void set_state(struct worker *worker, enum worker_state state)
{
	__atomic_store_n(&worker->slot->state, state, __ATOMIC_RELEASE);
}

static void *thread_main(void *argument)
{
	struct worker *worker = argument;
	struct worker_group *group = worker->group;

	self = worker;
	if (worker->node >= 0)
		worker_here_node((unsigned int)worker->node);
	if (worker->cpu >= 0)
		worker_send_to_cpu(pthread_self(), (unsigned int)worker->cpu);

	pthread_mutex_lock(&group->lock);
	group->arrived++;
	pthread_cond_broadcast(&group->changed);
	while (!group->begun)
		pthread_cond_wait(&group->changed, &group->lock);
	pthread_mutex_unlock(&group->lock);

	set_state(worker, WORKER_RUNS);
	worker->function(worker, worker->argument);
	set_state(worker, WORKER_ENDED);

	pthread_mutex_lock(&group->lock);
	worker->finished = true;
	group->idle++;
	pthread_cond_broadcast(&group->changed);
	pthread_mutex_unlock(&group->lock);
	return NULL;
}

bool worker_wanted(const struct worker *worker)
{
	const struct worker_group *group = worker->group;

	return group && __atomic_load_n(&group->wanted, __ATOMIC_ACQUIRE);
}

bool worker_should_stop(struct worker *worker)
{
	struct worker_group *group = worker->group;
	unsigned int wanted;

	beat(worker);
	if (!group)
		return false; /* nobody stops the case's own thread */
	wanted = __atomic_load_n(&group->wanted, __ATOMIC_ACQUIRE);
	if (!wanted)
		return false;
	if (wanted & WANT_STOP)
		return true;

	pthread_mutex_lock(&group->lock);
	if (group->wanted == WANT_PAUSE) {
		set_state(worker, WORKER_PAUSED);
		worker->parked = true;
		group->idle++;
		pthread_cond_broadcast(&group->changed);
		while (worker->parked)
			pthread_cond_wait(&group->changed, &group->lock);
		set_state(worker, WORKER_RUNS);
	}
	wanted = group->wanted;
	pthread_mutex_unlock(&group->lock);
	beat(worker);
	return wanted & WANT_STOP;
}

static void start_thread(struct worker_group *group, pthread_t *thread,
			 void *(*function)(void *), void *argument)
{
	pthread_attr_t attributes;
	int error;

	/* A thousand threads with the default of 8 MiB are too much for some. */
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	error = pthread_create(thread, &attributes, function, argument);
	pthread_attr_destroy(&attributes);
	if (error)
		fail("cannot create a thread for worker group %s (%zu workers): %s; raise the limit of processes (ulimit -u), or give fewer vCPUs",
		     group->name, group->size, errno_name(error));
}

void worker_group_start(struct worker_group *group)
{
	struct worker *worker;

	for (worker = group->first; worker; worker = worker->next)
		start_thread(group, &worker->thread, thread_main, worker);
	/* All threads are there before one of them does anything to memory. */
	if (group->silence_ms)
		start_thread(group, &group->watchdog, worker_watchdog, group);

	pthread_mutex_lock(&group->lock);
	while (group->arrived < group->size)
		pthread_cond_wait(&group->changed, &group->lock);
	group->begun = true;
	pthread_cond_broadcast(&group->changed);
	pthread_mutex_unlock(&group->lock);
}

static void want(struct worker_group *group, unsigned int wanted)
{
	struct worker *worker;

	pthread_mutex_lock(&group->lock);
	__atomic_store_n(&group->wanted, wanted, __ATOMIC_RELEASE);
	/*
	 * Let go by us, not by themselves when they find the wish gone: between
	 * two pauses in a row each then gets its turn, and the second pause
	 * does not take one for idle that is about to leave.
	 */
	for (worker = group->first; worker && wanted != WANT_PAUSE;
	     worker = worker->next) {
		group->idle -= worker->parked;
		worker->parked = false;
	}
	pthread_cond_broadcast(&group->changed);
	pthread_mutex_unlock(&group->lock);
}

/* Wait until all workers are parked or finished; called with the lock held. */
static void wait_idle(struct worker_group *group, u64 timeout_ms,
		      const char *what, bool only_finished)
{
	struct deadline deadline = deadline_in_ms(timeout_ms);
	struct deadline next_kick = deadline_in_ms(0);
	struct worker *caller = worker_self();
	u64 pause = 1;

	worker_waits(caller, true);
	for (;;) {
		struct worker *worker, *late = NULL;
		bool kick = group->wanted && deadline_passed(next_kick);
		char suspect[WORKER_TEXT_MAX];

		if (!only_finished && group->idle == group->size)
			break;
		for (worker = group->first; worker; worker = worker->next) {
			if (worker->finished ||
			    (!only_finished && worker->parked))
				continue;
			late = worker;
			/* Repeated, since one may come before the long call. */
			if (kick && worker->kick)
				worker->kick(worker->kick_argument);
		}
		if (!late)
			break;
		if (deadline_passed(deadline)) {
			workers_report();
			worker_slot_text(late->slot, suspect, sizeof(suspect));
			fail("worker did not %s within %llu ms: %s", what,
			     timeout_ms, suspect);
		}
		beat(caller);
		if (kick) {
			next_kick = deadline_in_ms(pause);
			if (pause < KICK_MS_MAX)
				pause *= 2;
		}
		worker_group_wait(group,
				  group->wanted ?
					  deadline_left_ms(next_kick) + 1 :
					  KICK_MS_MAX);
	}
	worker_waits(caller, false);
}

void worker_group_pause(struct worker_group *group, u64 timeout_ms)
{
	want(group, group->wanted | WANT_PAUSE);
	pthread_mutex_lock(&group->lock);
	wait_idle(group, timeout_ms, "pause", false);
	pthread_mutex_unlock(&group->lock);
}

void worker_group_resume(struct worker_group *group)
{
	want(group, group->wanted & ~WANT_PAUSE);
}

void worker_group_stop(struct worker_group *group)
{
	want(group, group->wanted | WANT_STOP);
}

void worker_group_join(struct worker_group *group, u64 timeout_ms)
{
	struct worker *worker, *next;

	pthread_mutex_lock(&group->lock);
	if (group->begun)
		wait_idle(group, timeout_ms, "end", true);
	group->ending = true;
	pthread_cond_broadcast(&group->changed);
	pthread_mutex_unlock(&group->lock);

	if (group->begun && group->silence_ms)
		pthread_join(group->watchdog, NULL);
	for (worker = group->first; worker; worker = next) {
		next = worker->next;
		if (group->begun)
			pthread_join(worker->thread, NULL);
		worker_slot_give(worker->slot);
		free(worker);
	}
	pthread_cond_destroy(&group->changed);
	pthread_mutex_destroy(&group->lock);
	free(group);
}
