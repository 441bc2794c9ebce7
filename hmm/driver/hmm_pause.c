// SPDX-License-Identifier: GPL-2.0-only
/* This device's pause points. */
#include "hmm_device.h"

/**
 * hmm_pause_init() - all points may be passed
 * @device: new
 */
void hmm_pause_init(struct hmm_device *device)
{
	device->points = (struct pause_points){
		.point = device->point,
		.count = SECMMU_HMM_POINTS,
		.timeout_ms = SECMMU_HMM_PAUSE_MS,
		.delay_us = SECMMU_HMM_DELAY_US,
	};
	pause_init(&device->points);
}

/**
 * hmm_pause() - come to a point
 * @device: the device
 * @point: which
 */
void hmm_pause(struct hmm_device *device, enum secmmu_hmm_point point)
{
	pause_at(&device->points, point);
}

/**
 * hmm_pause_end() - nobody waits any more
 * @device: being closed
 */
void hmm_pause_end(struct hmm_device *device)
{
	pause_end(&device->points);
}

/**
 * hmm_pause_arm() - SECMMU_HMM_ARM
 * @device: the device
 * @pause: which point, and how
 */
long hmm_pause_arm(struct hmm_device *device, struct secmmu_hmm_pause *pause)
{
	return pause_arm(&device->points, pause->point, pause->timeout_ms,
			 pause->delay_us, &pause->arrived);
}

/**
 * hmm_pause_wait() - SECMMU_HMM_WAIT
 * @device: the device
 * @pause: which point, and how
 */
long hmm_pause_wait(struct hmm_device *device, struct secmmu_hmm_pause *pause)
{
	if (pause->delay_us)
		return -EINVAL;
	return pause_wait(&device->points, pause->point, pause->timeout_ms,
			  &pause->arrived);
}

/**
 * hmm_pause_release() - SECMMU_HMM_RELEASE
 * @device: the device
 * @pause: which point, and how
 */
long hmm_pause_release(struct hmm_device *device,
		       struct secmmu_hmm_pause *pause)
{
	if (pause->timeout_ms || pause->delay_us)
		return -EINVAL;
	return pause_release(&device->points, pause->point, &pause->arrived);
}
