/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pause points: a test pauses its device between two steps, does a step itself, and
 * knows that it did so in between. Every pause ends after the device's limit at the
 * latest, and with a fatal signal; so does every delay.
 *
 * For the modules of the suite.
 */
#ifndef SECMMU_DRIVER_PAUSE_H
#define SECMMU_DRIVER_PAUSE_H

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

/**
 * enum pause_state - state of a pause point
 * @PAUSE_PASS: threads pass
 * @PAUSE_ARMED: the next thread pauses
 * @PAUSE_PAUSED: a thread is paused
 * @PAUSE_RELEASED: the paused thread was told to continue
 * @PAUSE_LOST: the paused thread has continued without being released
 */
enum pause_state {
	PAUSE_PASS,
	PAUSE_ARMED,
	PAUSE_PAUSED,
	PAUSE_RELEASED,
	PAUSE_LOST,
};

/**
 * struct pause_point - a pause point; protected by pause_points.lock
 * @used: it was armed at least once
 * @state: enum pause_state
 * @ticket: counts the threads that paused here
 * @timeout_ms: milliseconds that a pause lasts at most
 * @delay_us: microseconds that every thread is delayed; 0: none
 * @arrived: threads that reached the point since it was first armed
 */
struct pause_point {
	bool used;
	enum pause_state state;
	unsigned int ticket;
	unsigned int timeout_ms;
	unsigned int delay_us;
	unsigned int arrived;
};

/**
 * struct pause_points - the pause points of a device
 * @lock: protects the points
 * @queue: paused threads, and threads that wait for one to pause
 * @closing: no thread pauses or is delayed any more
 * @point: array of @count points
 * @count: number of points
 * @timeout_ms: upper bound of a pause, milliseconds
 * @delay_us: upper bound of a delay, microseconds
 */
struct pause_points {
	spinlock_t lock;
	wait_queue_head_t queue;
	bool closing;
	struct pause_point *point;
	unsigned int count;
	unsigned int timeout_ms;
	unsigned int delay_us;
};

/**
 * pause_init() - initialize the points of a device: threads pass all of them
 * @points: point, count and the bounds are set
 */
static inline void pause_init(struct pause_points *points)
{
	spin_lock_init(&points->lock);
	init_waitqueue_head(&points->queue);
}

/**
 * pause_at() - reach a point: pause or sleep there if a test wants that
 * @points: the device's points
 * @number: number of the point
 *
 * Context: may sleep; locks that other threads wait for may be held.
 */
static inline void pause_at(struct pause_points *points, unsigned int number)
{
	struct pause_point *here = &points->point[number];
	unsigned int ticket = 0, timeout_ms = 0, delay_us;
	bool pause = false;

	if (!READ_ONCE(here->used))
		return;
	spin_lock(&points->lock);
	here->arrived++;
	delay_us = here->delay_us;
	if (here->state == PAUSE_ARMED && !points->closing) {
		here->state = PAUSE_PAUSED;
		ticket = ++here->ticket;
		timeout_ms = here->timeout_ms;
		pause = true;
	}
	if (points->closing || fatal_signal_pending(current))
		delay_us = 0;
	spin_unlock(&points->lock);
	wake_up_all(&points->queue);
	/* Sleeping, so that others run meanwhile, on this CPU, too. */
	if (delay_us)
		usleep_range(delay_us, delay_us + 1);
	if (!pause)
		return;

	wait_event_killable_timeout(points->queue,
				    READ_ONCE(here->state) != PAUSE_PAUSED ||
					    READ_ONCE(here->ticket) != ticket ||
					    READ_ONCE(points->closing),
				    msecs_to_jiffies(timeout_ms));
	spin_lock(&points->lock);
	if (here->ticket == ticket) {
		if (here->state == PAUSE_PAUSED)
			here->state = PAUSE_LOST;
		else if (here->state == PAUSE_RELEASED)
			here->state = PAUSE_PASS;
	}
	spin_unlock(&points->lock);
	wake_up_all(&points->queue);
}

/**
 * pause_end() - end all pauses and delays, and allow no more
 * @points: the points of a device that is being closed
 */
static inline void pause_end(struct pause_points *points)
{
	spin_lock(&points->lock);
	points->closing = true;
	spin_unlock(&points->lock);
	wake_up_all(&points->queue);
}

static inline struct pause_point *pause_point_of(struct pause_points *points,
						 unsigned int number)
{
	if (number >= points->count)
		return NULL;
	return &points->point[array_index_nospec(number, points->count)];
}

/**
 * pause_arm() - pause the next thread at a point, or delay all threads there
 * @points: the device's points
 * @number: number of the point
 * @timeout_ms: milliseconds that the pause lasts at most, if @delay_us is 0
 * @delay_us: microseconds that every thread is delayed; 0: one thread pauses
 * @arrived: set to the number of threads that reached the point so far
 *
 * Return: 0, -EINVAL, or -EBUSY if a thread is paused there.
 */
static inline long pause_arm(struct pause_points *points, unsigned int number,
			     unsigned int timeout_ms, unsigned int delay_us,
			     u32 *arrived)
{
	struct pause_point *point = pause_point_of(points, number);
	long error = 0;

	if (!point || delay_us > points->delay_us ||
	    (!delay_us && (!timeout_ms || timeout_ms > points->timeout_ms)))
		return -EINVAL;
	spin_lock(&points->lock);
	if (point->state == PAUSE_PAUSED) {
		error = -EBUSY;
	} else {
		WRITE_ONCE(point->used, true);
		point->delay_us = delay_us;
		point->timeout_ms = timeout_ms;
		WRITE_ONCE(point->state, delay_us ? PAUSE_PASS : PAUSE_ARMED);
		*arrived = point->arrived;
	}
	spin_unlock(&points->lock);
	return error;
}

/**
 * pause_wait() - wait until a thread is paused at a point
 * @points: the device's points
 * @number: number of the point
 * @timeout_ms: milliseconds to wait at most
 * @arrived: set to the number of threads that reached the point so far
 *
 * Return: 0, -EINVAL, -EINTR, -ETIMEDOUT, or -EIO if the paused thread has
 * continued without being released.
 */
static inline long pause_wait(struct pause_points *points, unsigned int number,
			      unsigned int timeout_ms, u32 *arrived)
{
	struct pause_point *point = pause_point_of(points, number);
	enum pause_state state;

	if (!point || !timeout_ms || timeout_ms > points->timeout_ms)
		return -EINVAL;
	wait_event_killable_timeout(points->queue,
				    READ_ONCE(point->state) == PAUSE_PAUSED ||
					    READ_ONCE(point->state) ==
						    PAUSE_LOST ||
					    READ_ONCE(points->closing),
				    msecs_to_jiffies(timeout_ms));
	spin_lock(&points->lock);
	*arrived = point->arrived;
	state = point->state;
	spin_unlock(&points->lock);
	if (state == PAUSE_PAUSED)
		return 0;
	if (fatal_signal_pending(current))
		return -EINTR;
	return state == PAUSE_LOST ? -EIO : -ETIMEDOUT;
}

/**
 * pause_release() - let the thread that is paused at a point continue
 * @points: the device's points
 * @number: number of the point
 * @arrived: set to the number of threads that reached the point so far
 *
 * Return: 0, -EINVAL, or -EIO if the thread has continued before.
 */
static inline long pause_release(struct pause_points *points,
				 unsigned int number, u32 *arrived)
{
	struct pause_point *point = pause_point_of(points, number);
	long error = 0;

	if (!point)
		return -EINVAL;
	spin_lock(&points->lock);
	if (point->state == PAUSE_LOST)
		error = -EIO;
	WRITE_ONCE(point->state,
		   point->state == PAUSE_PAUSED ? PAUSE_RELEASED : PAUSE_PASS);
	point->delay_us = 0;
	*arrived = point->arrived;
	spin_unlock(&points->lock);
	wake_up_all(&points->queue);
	return error;
}

#endif /* SECMMU_DRIVER_PAUSE_H */
