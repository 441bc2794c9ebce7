/* SPDX-License-Identifier: GPL-2.0-only */
/* Sizes of slots that benchmarks measure. */
#ifndef SECMMU_SIZES_H
#define SECMMU_SIZES_H

#include <stddef.h>

#include "mem/backing.h"
#include "core/types.h"

#define SIZES_MAX 8

/**
 * sizes_choose() - the sizes, each twice the one before
 * @kind: kind of memory
 * @check_mib: the largest in check mode, MiB
 * @range: how many times the smallest that is there
 * @size: filled in, SIZES_MAX at most, bytes, ascending
 *
 * In other modes from 64 MiB to 1 GiB, or 4 GiB where there is so much memory;
 * --memory says how large the largest is in any. Those that this machine has no
 * memory for are left out, and that is said; skips the case if none is left.
 *
 * Return: how many.
 */
size_t sizes_choose(enum backing_kind kind, u64 check_mib, u64 range,
		    u64 *size);

#endif
