/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NUMA nodes with memory. A kernel without NUMA has one node.
 */
#ifndef SECMMU_NODES_H
#define SECMMU_NODES_H

#include <stdbool.h>

#include "core/bitmap.h"

/* No kernel has more of them (CONFIG_NODES_SHIFT). */
#define NODES_MAX 1024
/* What the system calls take: the kernel subtracts one bit (get_nodes()). */
#define NODES_SIZE (NODES_MAX + 1)

/**
 * struct nodes - a set of nodes, by the kernel's numbers
 * @bits: bitmap of NODES_MAX bits. Not libnuma's bitmask, which allocates: a
 *	notifier operation moves pages while addresses are unmapped that no
 *	allocation may take
 */
struct nodes {
	unsigned long bits[NODES_MAX / BITMAP_WORD_BITS];
};

/**
 * nodes_allowed() - nodes that this process may allocate memory from
 * @nodes: filled in; empty without NUMA
 *
 * Return: false without NUMA.
 */
bool nodes_allowed(struct nodes *nodes);

/**
 * nodes_count() - number of nodes that this process may allocate memory from
 *
 * Return: at least 1.
 */
unsigned int nodes_count(void);

/**
 * node_number() - the kernel's number of a node
 * @index: counted among the nodes with memory, below nodes_count()
 *
 * Return: the number, or -1 if no such node exists.
 */
int node_number(unsigned int index);

#endif /* SECMMU_NODES_H */
