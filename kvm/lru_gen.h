/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Generations of pages (Documentation/admin-guide/mm/multigen_lru.rst): how many
 * pages of this process were accessed since the kernel last looked.
 */
#ifndef SECMMU_LRU_GEN_H
#define SECMMU_LRU_GEN_H

#include "core/types.h"

#define LRU_GEN_NODES_MAX 8

/**
 * struct lru_gen - a look at this process's memory cgroup
 * @nodes: NUMA nodes that it has memory on
 * @node: their numbers
 * @sequence: on each: the generation that what was accessed has got
 */
struct lru_gen {
	unsigned int nodes;
	unsigned int node[LRU_GEN_NODES_MAX];
	u64 sequence[LRU_GEN_NODES_MAX];
};

/**
 * lru_gen_need() - skip the case where that cannot be told
 *
 * The process must be in a cgroup of its own, by reclaim_enter(). From 6.13 on
 * the kernel asks secondary MMUs as well when it walks page tables
 * (walk_pte_range()), and it walks if the CPU notes accesses.
 */
void lru_gen_need(void);

/**
 * lru_gen_age() - have the kernel look at all pages, and begin a generation
 * @lru: filled in
 */
void lru_gen_age(struct lru_gen *lru);

/**
 * lru_gen_young() - what was accessed before
 * @lru: filled in by lru_gen_age()
 *
 * Return: anonymous pages that it found accessed, or that are new. Those in
 * batches of CPUs are on no list and do not count: LRU_GEN_BATCH for each.
 */
u64 lru_gen_young(const struct lru_gen *lru);

/* PAGEVEC_SIZE of include/linux/pagevec.h, by which pages come to their lists. */
#define LRU_GEN_BATCH 31

#endif /* SECMMU_LRU_GEN_H */
