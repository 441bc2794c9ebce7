/* SPDX-License-Identifier: GPL-2.0-only */
/* Monotonic time and deadlines. Every wait of the suite has a deadline. */
#ifndef SECMMU_CLOCK_H
#define SECMMU_CLOCK_H

#include <stdbool.h>
#include <time.h>

#include "core/types.h"

#define NSEC_PER_SEC  1000000000ULL
#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_USEC 1000ULL

/**
 * struct deadline - the time at which a wait fails
 * @at_ns: CLOCK_MONOTONIC time, in nanoseconds
 */
struct deadline {
	u64 at_ns;
};

/**
 * clock_ns() - CLOCK_MONOTONIC
 *
 * Context: any; async-signal-safe.
 * Return: nanoseconds.
 */
static inline u64 clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * NSEC_PER_SEC + (u64)now.tv_nsec;
}

/**
 * deadline_in_ms() - make a deadline
 * @milliseconds: from now; if the sum would overflow, the deadline never passes
 *
 * Return: the deadline.
 */
static inline struct deadline deadline_in_ms(u64 milliseconds)
{
	u64 now = clock_ns();
	struct deadline deadline = { .at_ns = U64_MAX };

	if (milliseconds < (U64_MAX - now) / NSEC_PER_MSEC)
		deadline.at_ns = now + milliseconds * NSEC_PER_MSEC;
	return deadline;
}

/**
 * deadline_passed() - has the deadline passed?
 * @deadline: made by deadline_in_ms()
 *
 * Return: true from the deadline on.
 */
static inline bool deadline_passed(struct deadline deadline)
{
	return clock_ns() >= deadline.at_ns;
}

/**
 * deadline_left_ms() - time left
 * @deadline: made by deadline_in_ms()
 *
 * Return: milliseconds, rounded up, so that a poll() of this length never returns
 * before the deadline; 0 after the deadline.
 */
static inline u64 deadline_left_ms(struct deadline deadline)
{
	u64 now = clock_ns();

	if (now >= deadline.at_ns)
		return 0;
	return (deadline.at_ns - now - 1) / NSEC_PER_MSEC + 1;
}

#endif /* SECMMU_CLOCK_H */
