/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SECMMU_ROUND_H
#define SECMMU_ROUND_H

#include <stdint.h>

/**
 * round_up() - the next multiple
 * @value: any, at least @to below 2^64
 * @to: above 0, no power of two needed
 *
 * Return: the smallest multiple of @to that is not below @value.
 */
static inline uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

#endif /* SECMMU_ROUND_H */
