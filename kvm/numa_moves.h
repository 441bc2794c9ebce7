/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that moves between nodes, while vCPUs count in it. */
#ifndef SECMMU_NUMA_MOVES_H
#define SECMMU_NUMA_MOVES_H

#include "core/cases.h"
#include "dirty/dirty.h"

/* A case's numbers: these, beside the kind of memory and how it is logged. */
enum { MOVES_MODE, MOVES_BACKING, MOVES_VCPUS, MOVES_DIMENSIONS };

/* MOVES_MODE: what is behind the harvesters is memory that is not logged. */
#define MOVES_UNLOGGED DIRTY_MODE_COUNT

/**
 * numa_moves() - a case
 * @test: the case; MOVES_VCPUS: whether the vCPUs change nodes, too
 */
void numa_moves(const struct test_case *test);

#endif
