/* SPDX-License-Identifier: GPL-2.0-only */
/* What it costs to change a slot, against how many others there are. */
#ifndef SECMMU_SLOT_COST_H
#define SECMMU_SLOT_COST_H

#include "core/cases.h"

/**
 * bench_slots() - a case
 * @test: the case
 */
void bench_slots(const struct test_case *test);

#endif
