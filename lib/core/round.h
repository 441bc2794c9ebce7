/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SECMMU_ROUND_H
#define SECMMU_ROUND_H

#include "core/types.h"

/**
 * round_up() - the next multiple
 * @value: any, at least @to below 2^64
 * @to: above 0, no power of two needed
 *
 * Return: the smallest multiple of @to that is not below @value.
 */
static inline u64 round_up(u64 value, u64 to)
{
	return (value + to - 1) / to * to;
}

#endif /* SECMMU_ROUND_H */
