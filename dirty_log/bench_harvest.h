/* SPDX-License-Identifier: GPL-2.0-only */
/* What a harvest costs, against how much is dirty and how large the slot is. */
#ifndef SECMMU_BENCH_HARVEST_H
#define SECMMU_BENCH_HARVEST_H

#include "core/cases.h"

/**
 * bench_harvest() - a case
 * @test: its first two numbers are the harvester and the kind of memory
 */
void bench_harvest(const struct test_case *test);

#endif
