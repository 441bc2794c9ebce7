/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kprobe events for tracefs.c (Documentation/trace/kprobetrace.rst).
 */
#ifndef SECMMU_PROBE_H
#define SECMMU_PROBE_H

#include <stdbool.h>

#include "core/evidence.h"

#define PROBE_GROUP_SIZE 48

/* The name of a process's numbered group of probes. */
void probe_group(char group[PROBE_GROUP_SIZE], int pid, unsigned int number);

/* Make all probes, under @root, which is where tracefs is. */
bool probe_create(const char *root, const char *group,
		  const struct evidence_probe *probes,
		  struct shortage *shortage);

/* Remove a group; no instance may have it enabled. */
void probe_remove(const char *root, const char *group);

/* Remove all groups of a process. */
void probe_cleanup(const char *root, int pid);

#endif
