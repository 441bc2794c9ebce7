/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MGLRU (Documentation/admin-guide/mm/multigen_lru.rst): the number of pages of
 * this process that were accessed since the last aging.
 */
#ifndef SECMMU_LRU_GEN_H
#define SECMMU_LRU_GEN_H

#include "core/types.h"

#define LRU_GEN_NODES_MAX 8

/**
 * struct lru_gen - an aging of this process's memory cgroup
 * @nodes: NUMA nodes on which it has memory
 * @node: numbers of the nodes
 * @sequence: by node: the generation that accessed pages were moved to
 */
struct lru_gen {
	unsigned int nodes;
	unsigned int node[LRU_GEN_NODES_MAX];
	u64 sequence[LRU_GEN_NODES_MAX];
};

/**
 * lru_gen_need() - skip the case unless MGLRU sees guests' accesses
 *
 * The process must be in a memory cgroup of reclaim_enter(). From 6.13 on,
 * MGLRU asks secondary MMUs when it walks page tables (walk_pte_range()); it
 * walks if the CPU sets access flags.
 */
void lru_gen_need(void);

/**
 * lru_gen_age() - scan all pages and start a generation
 * @lru: filled in
 */
void lru_gen_age(struct lru_gen *lru);

/**
 * lru_gen_young() - number of pages that the last aging found young
 * @lru: filled in by lru_gen_age()
 *
 * Return: anonymous pages that were accessed or are new. Pages in per-CPU
 * batches are on no list and are not counted: at most LRU_GEN_BATCH for each
 * CPU.
 */
u64 lru_gen_young(const struct lru_gen *lru);

/* PAGEVEC_SIZE of include/linux/pagevec.h: size of a per-CPU batch. */
#define LRU_GEN_BATCH 31

#endif /* SECMMU_LRU_GEN_H */
