// SPDX-License-Identifier: GPL-2.0-only
/* This device's pause points. */
#include "avic_device.h"

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

void avic_pause(struct avic_device *device, enum secmmu_avic_point point)
{
	pause_at(&device->points, point);
}

void avic_pause_end(struct avic_device *device)
{
	pause_end(&device->points);
}

long avic_pause_arm(struct avic_device *device, struct secmmu_avic_pause *pause)
{
	return pause_arm(&device->points, pause->point, pause->timeout_ms,
			 pause->delay_us, &pause->arrived);
}

long avic_pause_wait(struct avic_device *device,
		     struct secmmu_avic_pause *pause)
{
	if (pause->delay_us)
		return -EINVAL;
	return pause_wait(&device->points, pause->point, pause->timeout_ms,
			  &pause->arrived);
}

long avic_pause_release(struct avic_device *device,
			struct secmmu_avic_pause *pause)
{
	if (pause->timeout_ms || pause->delay_us)
		return -EINVAL;
	return pause_release(&device->points, pause->point, &pause->arrived);
}
