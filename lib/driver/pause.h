/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Points where a test's device can be made to wait, so that the test puts one
 * step of its own between two steps of the device, and knows that it did. All
 * waits end by themselves after at most the device's limit, and by a fatal signal.
 *
 * For the modules of the suite: to be included by one file of each.
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
 * enum pause_state - of a pause point
 * @PAUSE_PASS: nobody is to wait there
 * @PAUSE_ARMED: the next one is
 * @PAUSE_PAUSED: somebody does
 * @PAUSE_RELEASED: who waited may go on
 * @PAUSE_LOST: who waited has gone on without being released
 */
enum pause_state {
	PAUSE_PASS,
	PAUSE_ARMED,
	PAUSE_PAUSED,
	PAUSE_RELEASED,
	PAUSE_LOST,
};

/**
 * struct pause_point - one point; under pause_points.lock
 * @used: whether it was ever armed
 * @state: see there
 * @ticket: which of those who waited here it is now
 * @timeout_ms: how long one waits at most
 * @delay_us: for how long everybody is delayed
 * @arrived: how many came since it was first armed
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
 * struct pause_points - those of a device
 * @lock: protects them
 * @queue: those who wait at a point, and those who wait for them
 * @closing: nobody waits any more
 * @point: @count of them
 * @count: how many there are
 * @timeout_ms: how long one may wait
 * @delay_us: how long one may be delayed
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
 * pause_init() - all points may be passed
 * @points: the device's; point, count and the limits are set
 */
static inline void pause_init(struct pause_points *points)
{
	spin_lock_init(&points->lock);
	init_waitqueue_head(&points->queue);
}

/**
 * pause_at() - come to a point
 * @points: the device's
 * @number: which point
 *
 * Context: may sleep; locks that others wait for may be held.
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
 * pause_end() - nobody waits any more
 * @points: of a device that is being closed
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
 * pause_arm() - the next one who comes to a point waits, or all are delayed
 * @points: the device's
 * @number: which point
 * @timeout_ms: how long one waits at most, if @delay_us is 0
 * @delay_us: for how long everybody is delayed; 0: one is paused
 * @arrived: set to how many came so far
 *
 * Return: 0, -EINVAL, or -EBUSY if somebody is paused there.
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
 * pause_wait() - wait until somebody is paused at a point
 * @points: the device's
 * @number: which point
 * @timeout_ms: for so long
 * @arrived: set to how many came so far
 *
 * Return: 0, -EINVAL, -EINTR, -ETIMEDOUT, or -EIO if who was paused has gone on.
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
 * pause_release() - who is paused at a point goes on
 * @points: the device's
 * @number: which point
 * @arrived: set to how many came so far
 *
 * Return: 0, -EINVAL, or -EIO if who was paused has gone on before.
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
