/* SPDX-License-Identifier: GPL-2.0-only */
/* Cost of a harvest against the share of dirty pages and the size of the slot. */
#ifndef SECMMU_BENCH_HARVEST_H
#define SECMMU_BENCH_HARVEST_H

#include "core/cases.h"

/**
 * bench_harvest() - a case
 * @test: its first two numbers are the dirty-log mode and the kind of memory
 */
void bench_harvest(const struct test_case *test);

#endif
