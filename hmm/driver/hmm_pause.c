// SPDX-License-Identifier: GPL-2.0-only
/*
 * Points where the device can be made to wait, so that a test puts one step of
 * its own between two steps of the device, and knows that it did. All waits end
 * by themselves after at most SECMMU_HMM_PAUSE_MS, and by a fatal signal.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include "hmm_device.h"

/**
 * hmm_pause_init() - all points may be passed
 * @device: new
 */
void hmm_pause_init(struct hmm_device *device)
{
	init_waitqueue_head(&device->queue);
}

/**
 * hmm_pause() - come to a point
 * @device: the device
 * @point: where
 *
 * Context: may sleep; locks that invalidations wait for may be held.
 */
void hmm_pause(struct hmm_device *device, enum secmmu_hmm_point point)
{
	struct hmm_pause_point *here = &device->points[point];
	unsigned int ticket = 0, timeout_ms = 0, delay_us;
	bool pause = false;

	if (!READ_ONCE(here->used))
		return;
	spin_lock(&device->lock);
	here->arrived++;
	delay_us = here->delay_us;
	if (here->state == HMM_ARMED && !device->closing) {
		here->state = HMM_PAUSED;
		ticket = ++here->ticket;
		timeout_ms = here->timeout_ms;
		pause = true;
	}
	spin_unlock(&device->lock);
	wake_up_all(&device->queue);
	/* Sleeping, so that others run meanwhile, on this CPU, too. */
	if (delay_us)
		usleep_range(delay_us, delay_us + 1);
	if (!pause)
		return;

	wait_event_killable_timeout(device->queue,
				    READ_ONCE(here->state) != HMM_PAUSED ||
					    READ_ONCE(here->ticket) != ticket ||
					    READ_ONCE(device->closing),
				    msecs_to_jiffies(timeout_ms));
	spin_lock(&device->lock);
	if (here->ticket == ticket) {
		if (here->state == HMM_PAUSED)
			here->state = HMM_LOST;
		else if (here->state == HMM_RELEASED)
			here->state = HMM_PASS;
	}
	spin_unlock(&device->lock);
	wake_up_all(&device->queue);
}

/**
 * hmm_pause_end() - nobody waits any more
 * @device: being closed
 */
void hmm_pause_end(struct hmm_device *device)
{
	spin_lock(&device->lock);
	device->closing = true;
	spin_unlock(&device->lock);
	wake_up_all(&device->queue);
}

static struct hmm_pause_point *point_of(struct hmm_device *device,
					const struct secmmu_hmm_pause *pause)
{
	if (pause->point >= SECMMU_HMM_POINTS)
		return NULL;
	return &device->points[array_index_nospec(pause->point,
						  SECMMU_HMM_POINTS)];
}

static bool timeout_is_sane(const struct secmmu_hmm_pause *pause)
{
	return pause->timeout_ms && pause->timeout_ms <= SECMMU_HMM_PAUSE_MS;
}

/**
 * hmm_pause_arm() - SECMMU_HMM_ARM
 * @device: the device
 * @pause: which point, and how
 */
long hmm_pause_arm(struct hmm_device *device, struct secmmu_hmm_pause *pause)
{
	struct hmm_pause_point *point = point_of(device, pause);
	long error = 0;

	if (!point || pause->delay_us > SECMMU_HMM_DELAY_US ||
	    (!pause->delay_us && !timeout_is_sane(pause)))
		return -EINVAL;
	spin_lock(&device->lock);
	if (point->state == HMM_PAUSED) {
		error = -EBUSY;
	} else {
		WRITE_ONCE(point->used, true);
		point->delay_us = pause->delay_us;
		point->timeout_ms = pause->timeout_ms;
		WRITE_ONCE(point->state,
			   pause->delay_us ? HMM_PASS : HMM_ARMED);
		pause->arrived = point->arrived;
	}
	spin_unlock(&device->lock);
	return error;
}

/**
 * hmm_pause_wait() - SECMMU_HMM_WAIT
 * @device: the device
 * @pause: which point, and for how long
 */
long hmm_pause_wait(struct hmm_device *device, struct secmmu_hmm_pause *pause)
{
	struct hmm_pause_point *point = point_of(device, pause);
	enum hmm_pause_state state;

	if (!point || !timeout_is_sane(pause) || pause->delay_us)
		return -EINVAL;
	wait_event_killable_timeout(device->queue,
				    READ_ONCE(point->state) == HMM_PAUSED ||
					    READ_ONCE(point->state) ==
						    HMM_LOST ||
					    READ_ONCE(device->closing),
				    msecs_to_jiffies(pause->timeout_ms));
	spin_lock(&device->lock);
	pause->arrived = point->arrived;
	state = point->state;
	spin_unlock(&device->lock);
	if (state == HMM_PAUSED)
		return 0;
	if (fatal_signal_pending(current))
		return -EINTR;
	return state == HMM_LOST ? -EIO : -ETIMEDOUT;
}

/**
 * hmm_pause_release() - SECMMU_HMM_RELEASE
 * @device: the device
 * @pause: which point
 */
long hmm_pause_release(struct hmm_device *device,
		       struct secmmu_hmm_pause *pause)
{
	struct hmm_pause_point *point = point_of(device, pause);
	long error = 0;

	if (!point || pause->timeout_ms || pause->delay_us)
		return -EINVAL;
	spin_lock(&device->lock);
	if (point->state == HMM_LOST)
		error = -EIO;
	WRITE_ONCE(point->state,
		   point->state == HMM_PAUSED ? HMM_RELEASED : HMM_PASS);
	point->delay_us = 0;
	pause->arrived = point->arrived;
	spin_unlock(&device->lock);
	wake_up_all(&device->queue);
	return error;
}
