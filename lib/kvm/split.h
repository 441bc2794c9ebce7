/* SPDX-License-Identifier: GPL-2.0-only */
/* How KVM splits huge mappings when logging is enabled. */
#ifndef SECMMU_SPLIT_H
#define SECMMU_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/types.h"

/**
 * struct split - a way of splitting
 * @name: "lazy": on the first write; "eager", or "chunk_2m" and the like with
 *	the chunk size: when logging is enabled
 * @chunk: chunk size, bytes; 0 where there is none
 * @eager: all mappings are split when the enabling ioctl returns
 */
struct split {
	char name[16];
	u64 chunk;
	bool eager;
};

/**
 * splits() - all ways of this architecture
 * @count: number of ways
 *
 * Return: the table; the first is "lazy".
 */
const struct split *splits(size_t *count);

/**
 * split_begin() - select a way
 * @split: the way
 *
 * Skips the case if the kernel does not support it. A machine-wide setting
 * stays until split_end().
 */
void split_begin(const struct split *split);

/**
 * split_end() - restore the machine-wide setting
 */
void split_end(void);

#endif
