/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that do a thing at the same time, again and again, and are timed.
 */
#ifndef SECMMU_TURNS_H
#define SECMMU_TURNS_H

#include <stdbool.h>

#include "types.h"

struct turns;

/**
 * struct turns_config - what the threads do
 * @threads: how many, 1 at least
 * @prepare: called by each thread before a turn, and not timed; NULL: nothing
 * @act: called by all threads at once
 * @context: for both, beside the thread's number
 * @pin: each thread goes to a CPU of its own, as far as there are so many
 */
struct turns_config {
	unsigned int threads;
	void (*prepare)(void *context, unsigned int index);
	void (*act)(void *context, unsigned int index);
	void *context;
	bool pin;
};

/**
 * turns_begin() - make the threads
 * @config: what they do
 *
 * No watchdog looks at them, since each waits for the others: the case's time
 * limit is what ends a hang, and then one that does not wait is named.
 *
 * Return: the threads; freed by turns_end().
 */
struct turns *turns_begin(const struct turns_config *config);

/**
 * turns_take() - one turn
 * @turns: begun
 *
 * Return: nanoseconds from when the first thread began to when the last had
 * ended, by their own clocks: who waits for them may wake up late.
 */
u64 turns_take(struct turns *turns);

/**
 * turns_end() - end the threads
 * @turns: begun
 */
void turns_end(struct turns *turns);

#endif /* SECMMU_TURNS_H */
