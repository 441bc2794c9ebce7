/* SPDX-License-Identifier: GPL-2.0-only */
/* How KVM can be told to split huge mappings when logging begins. */
#ifndef SECMMU_SPLIT_H
#define SECMMU_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/types.h"

/**
 * struct split - one way
 * @name: "lazy": at the first write; "eager", or "chunk_2m" and the like, with
 *	the number of bytes that are split at a time: when logging begins
 * @chunk: these bytes, 0 where there is no such thing
 * @eager: whether all are split by the time that enabling has returned
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
 * split_begin() - have KVM do it so
 * @split: the way
 *
 * Skips the case where this kernel cannot. What is not a VM's own setting but
 * the machine's stays until split_end().
 */
void split_begin(const struct split *split);

/**
 * split_end() - have KVM do it as it did
 */
void split_end(void);

#endif
