/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that do a thing at the same time, again and again, and are timed.
 */
#ifndef SECMMU_TIMED_THREADS_H
#define SECMMU_TIMED_THREADS_H

#include <stdbool.h>

#include "core/types.h"

struct timed_threads;

/**
 * struct timed_threads_config - what the threads do
 * @threads: how many, 1 at least
 * @prepare: called by each thread before a turn, and not timed; NULL: nothing
 * @act: called by all threads at once
 * @context: for both, beside the thread's number
 * @pin: each thread goes to a CPU of its own, as far as there are so many
 */
struct timed_threads_config {
	unsigned int threads;
	void (*prepare)(void *context, unsigned int index);
	void (*act)(void *context, unsigned int index);
	void *context;
	bool pin;
};

/**
 * timed_threads_begin() - make the threads
 * @config: what they do
 *
 * No watchdog looks at them, since each waits for the others: the case's time
 * limit is what ends a hang, and then one that does not wait is named.
 *
 * Return: the threads; freed by timed_threads_end().
 */
struct timed_threads *
timed_threads_begin(const struct timed_threads_config *config);

/**
 * timed_threads_take() - one turn
 * @turns: begun
 *
 * Return: nanoseconds from when the first thread began to when the last had
 * ended, by their own clocks: who waits for them may wake up late.
 */
u64 timed_threads_take(struct timed_threads *turns);

/**
 * timed_threads_end() - end the threads
 * @turns: begun
 */
void timed_threads_end(struct timed_threads *turns);

#endif /* SECMMU_TIMED_THREADS_H */
