/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DAMON (Documentation/mm/damon/): a kernel thread that repeatedly tests and
 * clears the access flags of a process's pages.
 */
#ifndef SECMMU_DAMON_H
#define SECMMU_DAMON_H

#include <stdbool.h>
#include <stddef.h>

#include "core/types.h"

struct damon;

/**
 * damon_start() - watch single pages of this process
 * @address: an address in each page, ascending; no two pages adjacent, since
 *	DAMON merges adjacent regions
 * @count: number of pages
 * @sample_ms: sampling interval, milliseconds
 * @aggregate_ms: aggregation interval, milliseconds
 *
 * Skips the case if the kernel has no DAMON or another user has it.
 *
 * Return: handle for damon_stop().
 */
struct damon *damon_start(void *const *address, size_t count,
			  unsigned int sample_ms, unsigned int aggregate_ms);

/**
 * damon_take() - read the aggregations since the last call
 * @damon: started
 * @seen: by page: set to true if an access was found, else left alone
 *
 * Return: number of aggregations that covered all pages.
 */
unsigned int damon_take(struct damon *damon, bool *seen);

/**
 * damon_stop() - stop watching
 * @damon: started
 */
void damon_stop(struct damon *damon);

#endif /* SECMMU_DAMON_H */
