// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory on NUMA nodes. A kernel without NUMA counts as a machine with one node.
 */
#include <errno.h>
#include <numa.h>
#include <numaif.h>

#include "mem/backing.h"
#include "mem/backing_parts.h"
#include "core/nodes.h"

unsigned int backing_nodes(void)
{
	return nodes_count();
}

static int set_policy(struct backing *backing, int mode,
		      const struct nodes *nodes, unsigned int flags)
{
	if (mbind(backing->map, backing->map_size, mode, nodes->bits,
		  NODES_SIZE, flags))
		return -errno;
	return 0;
}

/* The set of one node, counted among those with memory. */
static int only(struct nodes *nodes, unsigned int index)
{
	int node = node_number(index);

	if (numa_available() < 0)
		return -ENOSYS;
	if (node < 0)
		return -EINVAL;
	bitmap_zero(nodes->bits, NODES_MAX);
	bitmap_set(nodes->bits, (size_t)node);
	return 0;
}

static int bind_to(struct backing *backing, unsigned int index,
		   unsigned int flags)
{
	struct nodes nodes;
	int error = only(&nodes, index);

	return error ? error : set_policy(backing, MPOL_BIND, &nodes, flags);
}

int backing_bind(struct backing *backing, unsigned int node)
{
	return bind_to(backing, node, 0);
}

int backing_move(struct backing *backing, unsigned int node)
{
	/* Only with MPOL_MF_STRICT it reports pages that were not migrated. */
	return bind_to(backing, node, MPOL_MF_MOVE | MPOL_MF_STRICT);
}

int backing_move_pages(struct backing *backing, u64 offset, u64 size,
		       unsigned int node)
{
	int node_wanted = node_number(node), nodes[BACKING_MOVE_MAX];
	int status[BACKING_MOVE_MAX], there = 0;
	u64 hugetlb = backing_kinds[backing->kind].hugetlb;
	u64 step = hugetlb ? hugetlb : backing_small_page();
	void *pages[BACKING_MOVE_MAX];
	unsigned long count = 0, i;

	if (numa_available() < 0)
		return -ENOSYS;
	if (node_wanted < 0)
		return -EINVAL;
	for (i = 0; i < size && count < BACKING_MOVE_MAX; i += step) {
		pages[count] = (char *)backing->hva + offset + i;
		nodes[count++] = node_wanted;
	}
	if (move_pages(0, count, pages, nodes, status, MPOL_MF_MOVE) < 0)
		return -errno;
	for (i = 0; i < count; i++)
		there += status[i] == node_wanted;
	return there;
}

int backing_migrate_process(unsigned int node)
{
	struct nodes from, to;
	int error = only(&to, node);

	if (error)
		return error;
	if (!nodes_allowed(&from) ||
	    migrate_pages(0, NODES_SIZE, from.bits, to.bits) < 0)
		return -errno;
	return 0;
}

int backing_interleave(struct backing *backing)
{
	struct nodes nodes;

	if (numa_available() < 0)
		return -ENOSYS;
	if (!nodes_allowed(&nodes))
		return -errno;
	return set_policy(backing, MPOL_INTERLEAVE, &nodes, 0);
}

int backing_node_of(const struct backing *backing, u64 offset)
{
	void *page = (char *)backing->hva + offset;
	unsigned int index, count = backing_nodes();
	int status = 0;

	if (numa_available() < 0)
		return -ENOSYS;
	/* Without a list of nodes it migrates nothing and returns the nodes of the pages. */
	if (move_pages(0, 1, &page, NULL, &status, 0))
		return -errno;
	if (status < 0)
		return status == -EFAULT ? -ENOENT : status;
	for (index = 0; index < count; index++)
		if (node_number(index) == status)
			return (int)index;
	return -ENODEV;
}

void backing_keep_mapped(void)
{
	if (numa_available() >= 0)
		numa_set_membind(numa_all_nodes_ptr);
}
