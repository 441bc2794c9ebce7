/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Having the kernel reclaim memory of one process, and of no other
 * (Documentation/admin-guide/cgroup-v2.rst, memory.reclaim).
 */
#ifndef SECMMU_RECLAIM_H
#define SECMMU_RECLAIM_H

#include "core/types.h"

/**
 * reclaim_enter() - put this process into a memory cgroup of its own
 * @swap: at most so much of it is paged out, bytes; the rest of what the kernel
 *	looks at it has to keep (memory.swap.max)
 *
 * What it allocates from now on can be reclaimed by reclaim_some(); what it has
 * stays the old group's. Skips the case if there is no such thing.
 */
void reclaim_enter(u64 swap);

/**
 * reclaim_some() - have the kernel reclaim
 * @bytes: how much; it may be less, and more is looked at
 *
 * Pages that were accessed since they were last looked at are aged and kept,
 * others are paged out. For that anonymous memory needs swap_need().
 */
void reclaim_some(u64 bytes);

/**
 * reclaim_group() - the cgroup
 *
 * Return: its path below the root of all, as "/NAME"; "" outside of one.
 */
const char *reclaim_group(void);

/**
 * reclaim_leave() - put it back, and remove the cgroup
 */
void reclaim_leave(void);

#endif
