/* SPDX-License-Identifier: GPL-2.0-only */
/* What stage-2 faults cost, and taking mappings away again. */
#ifndef SECMMU_FAULT_COST_H
#define SECMMU_FAULT_COST_H

#include "core/cases.h"

/* A case's numbers: the kind of memory. */
enum { FAULT_BACKING };

/**
 * bench_faults() - a case: of a vCPU alone, against the size of the slot
 * @test: the case
 */
void bench_faults(const struct test_case *test);

/**
 * bench_throughput() - a case: of more and more vCPUs at a time
 * @test: the case
 */
void bench_throughput(const struct test_case *test);

#endif
