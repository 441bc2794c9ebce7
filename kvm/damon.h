/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DAMON (Documentation/mm/damon/): a kernel thread that looks, again and again,
 * whether pages of a process were accessed, and forgets it.
 */
#ifndef SECMMU_DAMON_H
#define SECMMU_DAMON_H

#include <stdbool.h>
#include <stddef.h>

#include "core/types.h"

struct damon;

/**
 * damon_start() - have single pages of this process watched
 * @address: one in each page; ascending, no two pages side by side, or DAMON
 *	would take them together
 * @count: how many
 * @sample_ms: so often it looks, milliseconds
 * @aggregate_ms: so often it tells, milliseconds
 *
 * Skips the case where the kernel has no DAMON, or somebody else uses it.
 *
 * Return: to be ended by damon_stop().
 */
struct damon *damon_start(void *const *address, size_t count,
			  unsigned int sample_ms, unsigned int aggregate_ms);

/**
 * damon_take() - what it has told since
 * @damon: started
 * @seen: for each address: becomes true if it was found accessed; stays else
 *
 * Return: how often it has told of all of them.
 */
unsigned int damon_take(struct damon *damon, bool *seen);

/**
 * damon_stop() - no more
 * @damon: started
 */
void damon_stop(struct damon *damon);

#endif /* SECMMU_DAMON_H */
