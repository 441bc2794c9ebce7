/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reclaim memory of one process, and of no other
 * (Documentation/admin-guide/cgroup-v2.rst, memory.reclaim).
 */
#ifndef SECMMU_RECLAIM_H
#define SECMMU_RECLAIM_H

#include "core/types.h"

/**
 * reclaim_enter() - move this process to a new memory cgroup
 * @swap: limit of swapped-out memory, in bytes (memory.swap.max)
 *
 * Memory that is allocated afterwards can be reclaimed by reclaim_some(); older
 * memory stays charged to the old cgroup. Skips the case if the kernel has no
 * memory.reclaim.
 */
void reclaim_enter(u64 swap);

/**
 * reclaim_some() - have the kernel reclaim memory of the cgroup
 * @bytes: amount; the kernel may reclaim less, and scans more
 *
 * Pages that were accessed since the last scan are aged and kept, others are paged
 * out, which for anonymous memory needs swap_need().
 */
void reclaim_some(u64 bytes);

/**
 * reclaim_group() - path of the cgroup
 *
 * Return: the path below the root cgroup, as "/NAME"; "" without reclaim_enter().
 */
const char *reclaim_group(void);

/**
 * reclaim_leave() - move this process to the root cgroup, and remove its cgroup
 */
void reclaim_leave(void);

#endif
