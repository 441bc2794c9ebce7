/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads that repeat an action at the same time, and are timed. */
#ifndef SECMMU_TIMED_THREADS_H
#define SECMMU_TIMED_THREADS_H

#include <stdbool.h>

#include "core/types.h"

struct timed_threads;

/**
 * struct timed_threads_config - the threads and their action
 * @threads: number of threads, at least 1
 * @prepare: called by each thread before the action, not timed; may be NULL
 * @act: the action, called by all threads at once
 * @context: for @prepare and @act, beside the thread's index
 * @pin: pin each thread to a separate CPU, as far as the machine has enough
 */
struct timed_threads_config {
	unsigned int threads;
	void (*prepare)(void *context, unsigned int index);
	void (*act)(void *context, unsigned int index);
	void *context;
	bool pin;
};

/**
 * timed_threads_begin() - create the threads
 * @config: copied
 *
 * They have no watchdog, since each waits for the others: a hang ends at the case's
 * time limit, and the reason names a thread that does not wait.
 *
 * Return: the threads; freed by timed_threads_end().
 */
struct timed_threads *
timed_threads_begin(const struct timed_threads_config *config);

/**
 * timed_threads_take() - run the action once
 * @threads: the threads
 *
 * Return: nanoseconds from the start of the first thread to the end of the last one,
 * measured by these threads, since the caller may wake up later.
 */
u64 timed_threads_take(struct timed_threads *threads);

/**
 * timed_threads_end() - stop and free the threads
 * @threads: the threads
 */
void timed_threads_end(struct timed_threads *threads);

#endif /* SECMMU_TIMED_THREADS_H */
