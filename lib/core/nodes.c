// SPDX-License-Identifier: GPL-2.0-only
#include <numa.h>
#include <numaif.h>

#include "core/nodes.h"

bool nodes_allowed(struct nodes *nodes)
{
	bitmap_zero(nodes->bits, NODES_MAX);
	return numa_available() >= 0 &&
	       !get_mempolicy(NULL, nodes->bits, NODES_SIZE, NULL,
			      MPOL_F_MEMS_ALLOWED);
}

unsigned int nodes_count(void)
{
	struct nodes nodes;
	unsigned int count = 0;

	if (nodes_allowed(&nodes))
		count = (unsigned int)bitmap_count(nodes.bits, NODES_MAX);
	return count ? count : 1;
}

int node_number(unsigned int index)
{
	struct nodes nodes;
	size_t node;

	if (!nodes_allowed(&nodes))
		return -1;
	node = bitmap_next(nodes.bits, NODES_MAX, 0);
	while (index-- && node < NODES_MAX)
		node = bitmap_next(nodes.bits, NODES_MAX, node + 1);
	return node < NODES_MAX ? (int)node : -1;
}
