// SPDX-License-Identifier: GPL-2.0-only
/* This device's pause points. */
#include "avic_device.h"

/**
 * avic_pause_init() - all points may be passed
 * @device: new
 */
void avic_pause_init(struct avic_device *device)
{
	device->points = (struct pause_points){
		.point = device->point,
		.count = SECMMU_AVIC_POINTS,
		.timeout_ms = SECMMU_AVIC_PAUSE_MS,
		.delay_us = SECMMU_AVIC_DELAY_US,
	};
	pause_init(&device->points);
}

/**
 * avic_pause() - come to a point
 * @device: the device
 * @point: which
 */
void avic_pause(struct avic_device *device, enum secmmu_avic_point point)
{
	pause_at(&device->points, point);
}

/**
 * avic_pause_end() - nobody waits any more
 * @device: being closed
 */
void avic_pause_end(struct avic_device *device)
{
	pause_end(&device->points);
}

/**
 * avic_pause_arm() - SECMMU_AVIC_ARM
 * @device: the device
 * @pause: which point, and how
 */
long avic_pause_arm(struct avic_device *device, struct secmmu_avic_pause *pause)
{
	return pause_arm(&device->points, pause->point, pause->timeout_ms,
			 pause->delay_us, &pause->arrived);
}

/**
 * avic_pause_wait() - SECMMU_AVIC_WAIT
 * @device: the device
 * @pause: which point, and how
 */
long avic_pause_wait(struct avic_device *device,
		     struct secmmu_avic_pause *pause)
{
	if (pause->delay_us)
		return -EINVAL;
	return pause_wait(&device->points, pause->point, pause->timeout_ms,
			  &pause->arrived);
}

/**
 * avic_pause_release() - SECMMU_AVIC_RELEASE
 * @device: the device
 * @pause: which point, and how
 */
long avic_pause_release(struct avic_device *device,
			struct secmmu_avic_pause *pause)
{
	if (pause->timeout_ms || pause->delay_us)
		return -EINVAL;
	return pause_release(&device->points, pause->point, &pause->arrived);
}
