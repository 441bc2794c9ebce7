/* SPDX-License-Identifier: GPL-2.0-only */
/* Cases of memslot_storm_test in which nothing happens at the same time. */
#ifndef SECMMU_SLOT_CASES_H
#define SECMMU_SLOT_CASES_H

#include <stddef.h>

#include "core/cases.h"

/**
 * slot_cases() - add them to a list
 * @options: as list_cases() has them
 * @cases: where to put them
 * @max: how many fit
 *
 * Return: number of cases.
 */
size_t slot_cases(const struct options *options, struct test_case *cases,
		  size_t max);

#endif
