/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a worker and a group consist of. Between worker*.c only.
 */
#ifndef SECMMU_THREAD_GROUP_H
#define SECMMU_THREAD_GROUP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/random.h"
#include "core/thread.h"
#include "core/types.h"

#define WANT_PAUSE (1U << 0)
#define WANT_STOP  (1U << 1)

/**
 * struct thread - one thread of a group
 * @slot: its line in the shared list
 * @group: its group; NULL for the thread that runs the case
 * @next: the group's next
 * @function: its body
 * @argument: for @function
 * @kick: brings it out of a long call
 * @kick_argument: for @kick
 * @progress: counter that the watchdog reads
 * @name: its name without the group's
 * @random: its stream
 * @random_begun: of the case's own thread: whether @random can be used
 * @thread: its thread
 * @cpu: where to run; -1: anywhere
 * @node: where to run; -1: anywhere
 * @parked: waits in thread_should_stop(); under the group's lock
 * @finished: its body has returned; under the group's lock
 * @seen_beats: what the watchdog saw last
 * @seen_progress: what the watchdog saw last
 */
struct thread {
	struct thread_slot *slot;
	struct thread_group *group;
	struct thread *next;
	thread_function function;
	void *argument;
	void (*kick)(void *argument);
	void *kick_argument;
	const volatile u64 *progress;
	char name[THREAD_NAME_MAX];
	struct random_stream random;
	bool random_begun;
	pthread_t thread;
	int cpu;
	int node;
	bool parked;
	bool finished;
	u64 seen_beats;
	u64 seen_progress;
};

/**
 * struct thread_group - threads that begin and end together
 * @name: for messages
 * @first: the workers
 * @last: where the next is linked
 * @size: number of workers
 * @wanted: WANT_PAUSE and WANT_STOP, read by workers without the lock
 * @lock: for all below
 * @changed: something below has changed
 * @arrived: workers that wait for the common start
 * @begun: the common start has come
 * @idle: workers that are parked or finished
 * @ending: the watchdog is to end
 * @silence_ms: the watchdog's patience
 * @watchdog: the watchdog's thread
 */
struct thread_group {
	char name[THREAD_NAME_MAX];
	struct thread *first, **last;
	size_t size;
	unsigned int wanted;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t arrived;
	bool begun;
	size_t idle;
	bool ending;
	u64 silence_ms;
	pthread_t watchdog;
};

/* Sleep until the group changes, with its lock held; at most so long. */
void thread_group_wait(struct thread_group *group, u64 milliseconds);

/* The body of a group's watchdog; its argument is the group. */
void *thread_watchdog(void *argument);

/* Move a thread to one of the CPUs that the caller may use, if that can be done. */
void thread_send_to_cpu(pthread_t thread, unsigned int number);

#endif /* SECMMU_THREAD_GROUP_H */
