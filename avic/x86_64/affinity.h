/* SPDX-License-Identifier: GPL-2.0-only */
/* On which CPUs the calling thread runs, and those that it begins. */
#ifndef AVIC_AFFINITY_H
#define AVIC_AFFINITY_H

#include <errno.h>
#include <sched.h>

#include "core/report.h"

static inline cpu_set_t affinity_get(void)
{
	cpu_set_t cpus;

	CHECK(!sched_getaffinity(0, sizeof(cpus), &cpus),
	      "sched_getaffinity failed: %s", errno_name(errno));
	return cpus;
}

static inline void affinity_set(const cpu_set_t *cpus)
{
	CHECK(!sched_setaffinity(0, sizeof(*cpus), cpus),
	      "sched_setaffinity failed: %s", errno_name(errno));
}

#endif /* AVIC_AFFINITY_H */
