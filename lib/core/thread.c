// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cases.h"
#include "core/clock.h"
#include "core/report.h"
#include "core/thread.h"
#include "core/thread_group.h"
#include "core/thread_list.h"

#define STACK_BYTES (512UL << 10)
#define KICK_MS_MAX 20

static struct thread own_thread;
static __thread struct thread *self;

struct thread *thread_self(void)
{
	if (self)
		return self;
	own_thread.slot = thread_slot_own();
	return &own_thread;
}

const char *thread_name(const struct thread *thread)
{
	return thread->slot->name;
}

struct random_stream *thread_random(struct thread *thread)
{
	if (!thread->group && !thread->random_begun) {
		case_random(&thread->random, thread->slot->name, 0);
		thread->random_begun = true;
	}
	return &thread->random;
}

size_t thread_group_size(const struct thread_group *group)
{
	return group->size;
}

static void beat(struct thread *thread)
{
	/* Only its own thread counts up, so this need not be a locked add. */
	u64 beats = __atomic_load_n(&thread->slot->beats, __ATOMIC_RELAXED);

	__atomic_store_n(&thread->slot->beats, beats + 1, __ATOMIC_RELAXED);
}

static void doing(struct thread *thread, const char *what, bool has_value,
		  u64 value)
{
	struct thread_slot *slot = thread->slot;

	/*
	 * The reader may see the new text with the old value: it prints a
	 * message for a human about a thread that is stuck, so not in here.
	 */
	__atomic_store_n(&slot->value, value, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->has_value, has_value, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->what, what, __ATOMIC_RELEASE);
	beat(thread);
}

void thread_doing(struct thread *thread, const char *what)
{
	doing(thread, what, false, 0);
}

void thread_doing_value(struct thread *thread, const char *what, u64 value)
{
	doing(thread, what, true, value);
}

void thread_waits(struct thread *thread, bool waits)
{
	__atomic_store_n(&thread->slot->waits, waits, __ATOMIC_RELEASE);
}

void thread_group_wait(struct thread_group *group, u64 milliseconds)
{
	struct timespec until;
	u64 at = clock_ns() + milliseconds * NSEC_PER_MSEC;

	until.tv_sec = (time_t)(at / NSEC_PER_SEC);
	until.tv_nsec = (long)(at % NSEC_PER_SEC);
	pthread_cond_timedwait(&group->changed, &group->lock, &until);
}

struct thread_group *thread_group_new(const char *name)
{
	struct thread_group *group = calloc(1, sizeof(*group));
	pthread_condattr_t attributes;

	if (!group)
		fail("no memory for the worker group %s", name);
	snprintf(group->name, sizeof(group->name), "%s", name);
	group->last = &group->first;
	group->silence_ms = THREAD_SILENCE_MS;
	pthread_mutex_init(&group->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&group->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return group;
}

void thread_group_silence_ms(struct thread_group *group, u64 milliseconds)
{
	group->silence_ms = milliseconds;
}

struct thread *thread_add(struct thread_group *group, const char *name,
			  thread_function function, void *argument)
{
	struct thread *thread = calloc(1, sizeof(*thread)), *other;
	char full_name[2 * THREAD_NAME_MAX + 32];
	size_t same = 0;

	if (!thread)
		fail("no memory for the worker %s/%s", group->name, name);
	snprintf(thread->name, sizeof(thread->name), "%s", name);
	for (other = group->first; other; other = other->next)
		same += !strcmp(other->name, thread->name);

	snprintf(full_name, sizeof(full_name), "%s/%s", group->name,
		 thread->name);
	case_random(&thread->random, full_name, same);
	/* The second and later ones of a name get a number. */
	if (same)
		snprintf(full_name, sizeof(full_name), "%s/%s.%zu", group->name,
			 thread->name, same);
	thread->slot = thread_slot_take(full_name);
	thread->group = group;
	thread->function = function;
	thread->argument = argument;
	thread->cpu = -1;
	thread->node = -1;
	*group->last = thread;
	group->last = &thread->next;
	group->size++;
	return thread;
}

void thread_pin_cpu(struct thread *thread, unsigned int cpu)
{
	thread->cpu = (int)cpu;
}

void thread_pin_node(struct thread *thread, unsigned int node)
{
	thread->node = (int)node;
}

void thread_on_kick(struct thread *thread, void (*kick)(void *argument),
		    void *argument)
{
	thread->kick = kick;
	thread->kick_argument = argument;
}

void thread_progress(struct thread *thread, const volatile u64 *counter)
{
	__atomic_store_n(&thread->progress, counter, __ATOMIC_RELEASE);
}

static void set_state(struct thread *thread, enum thread_state state)
{
	__atomic_store_n(&thread->slot->state, state, __ATOMIC_RELEASE);
}

static void *thread_main(void *argument)
{
	struct thread *thread = argument;
	struct thread_group *group = thread->group;

	self = thread;
	if (thread->node >= 0)
		thread_here_node((unsigned int)thread->node);
	if (thread->cpu >= 0)
		thread_send_to_cpu(pthread_self(), (unsigned int)thread->cpu);

	pthread_mutex_lock(&group->lock);
	group->arrived++;
	pthread_cond_broadcast(&group->changed);
	while (!group->begun)
		pthread_cond_wait(&group->changed, &group->lock);
	pthread_mutex_unlock(&group->lock);

	set_state(thread, THREAD_RUNS);
	thread->function(thread, thread->argument);
	set_state(thread, THREAD_ENDED);

	pthread_mutex_lock(&group->lock);
	thread->finished = true;
	group->idle++;
	pthread_cond_broadcast(&group->changed);
	pthread_mutex_unlock(&group->lock);
	return NULL;
}

bool thread_wanted(const struct thread *thread)
{
	const struct thread_group *group = thread->group;

	return group && __atomic_load_n(&group->wanted, __ATOMIC_ACQUIRE);
}

bool thread_should_stop(struct thread *thread)
{
	struct thread_group *group = thread->group;
	unsigned int wanted;

	beat(thread);
	if (!group)
		return false; /* nobody stops the case's own thread */
	wanted = __atomic_load_n(&group->wanted, __ATOMIC_ACQUIRE);
	if (!wanted)
		return false;
	if (wanted & WANT_STOP)
		return true;

	pthread_mutex_lock(&group->lock);
	if (group->wanted == WANT_PAUSE) {
		set_state(thread, THREAD_PAUSED);
		thread->parked = true;
		group->idle++;
		pthread_cond_broadcast(&group->changed);
		while (thread->parked)
			pthread_cond_wait(&group->changed, &group->lock);
		set_state(thread, THREAD_RUNS);
	}
	wanted = group->wanted;
	pthread_mutex_unlock(&group->lock);
	beat(thread);
	return wanted & WANT_STOP;
}

static void start_thread(struct thread_group *group, pthread_t *thread,
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

void thread_group_start(struct thread_group *group)
{
	struct thread *thread;

	for (thread = group->first; thread; thread = thread->next)
		start_thread(group, &thread->thread, thread_main, thread);
	/* All threads are there before one of them does anything to memory. */
	if (group->silence_ms)
		start_thread(group, &group->watchdog, thread_watchdog, group);

	pthread_mutex_lock(&group->lock);
	while (group->arrived < group->size)
		pthread_cond_wait(&group->changed, &group->lock);
	group->begun = true;
	pthread_cond_broadcast(&group->changed);
	pthread_mutex_unlock(&group->lock);
}

static void want(struct thread_group *group, unsigned int wanted)
{
	struct thread *thread;

	pthread_mutex_lock(&group->lock);
	__atomic_store_n(&group->wanted, wanted, __ATOMIC_RELEASE);
	/*
	 * Let go by us, not by themselves when they find the wish gone: between
	 * two pauses in a row each then gets its turn, and the second pause
	 * does not take one for idle that is about to leave.
	 */
	for (thread = group->first; thread && wanted != WANT_PAUSE;
	     thread = thread->next) {
		group->idle -= thread->parked;
		thread->parked = false;
	}
	pthread_cond_broadcast(&group->changed);
	pthread_mutex_unlock(&group->lock);
}

/* Wait until all workers are parked or finished; called with the lock held. */
static void wait_idle(struct thread_group *group, u64 timeout_ms,
		      const char *what, bool only_finished)
{
	struct deadline deadline = deadline_in_ms(timeout_ms);
	struct deadline next_kick = deadline_in_ms(0);
	struct thread *caller = thread_self();
	u64 pause = 1;

	thread_waits(caller, true);
	for (;;) {
		struct thread *thread, *late = NULL;
		bool kick = group->wanted && deadline_passed(next_kick);
		char suspect[THREAD_TEXT_MAX];

		if (!only_finished && group->idle == group->size)
			break;
		for (thread = group->first; thread; thread = thread->next) {
			if (thread->finished ||
			    (!only_finished && thread->parked))
				continue;
			late = thread;
			/* Repeated, since one may come before the long call. */
			if (kick && thread->kick)
				thread->kick(thread->kick_argument);
		}
		if (!late)
			break;
		if (deadline_passed(deadline)) {
			threads_report();
			thread_slot_text(late->slot, suspect, sizeof(suspect));
			fail("worker did not %s within %llu ms: %s", what,
			     timeout_ms, suspect);
		}
		beat(caller);
		if (kick) {
			next_kick = deadline_in_ms(pause);
			if (pause < KICK_MS_MAX)
				pause *= 2;
		}
		thread_group_wait(group,
				  group->wanted ?
					  deadline_left_ms(next_kick) + 1 :
					  KICK_MS_MAX);
	}
	thread_waits(caller, false);
}

void thread_group_pause(struct thread_group *group, u64 timeout_ms)
{
	want(group, group->wanted | WANT_PAUSE);
	pthread_mutex_lock(&group->lock);
	wait_idle(group, timeout_ms, "pause", false);
	pthread_mutex_unlock(&group->lock);
}

void thread_group_resume(struct thread_group *group)
{
	want(group, group->wanted & ~WANT_PAUSE);
}

void thread_group_stop(struct thread_group *group)
{
	want(group, group->wanted | WANT_STOP);
}

void thread_group_join(struct thread_group *group, u64 timeout_ms)
{
	struct thread *thread, *next;

	pthread_mutex_lock(&group->lock);
	if (group->begun)
		wait_idle(group, timeout_ms, "end", true);
	group->ending = true;
	pthread_cond_broadcast(&group->changed);
	pthread_mutex_unlock(&group->lock);

	if (group->begun && group->silence_ms)
		pthread_join(group->watchdog, NULL);
	for (thread = group->first; thread; thread = next) {
		next = thread->next;
		if (group->begun)
			pthread_join(thread->thread, NULL);
		thread_slot_give(thread->slot);
		free(thread);
	}
	pthread_cond_destroy(&group->changed);
	pthread_mutex_destroy(&group->lock);
	free(group);
}
