// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory on NUMA nodes. A kernel without NUMA, or a machine with one node, is
 * no error: there is one node then.
 */
#include <errno.h>
#include <numa.h>
#include <numaif.h>

#include "backing.h"
#include "backing_parts.h"

int backing_node_number(unsigned int index)
{
	struct bitmask *nodes;
	int node, last, found = -1;

	if (numa_available() < 0)
		return -1;
	nodes = numa_get_mems_allowed();
	last = numa_max_node();
	for (node = 0; node <= last && found < 0; node++)
		if (numa_bitmask_isbitset(nodes, (unsigned int)node) &&
		    !index--)
			found = node;
	numa_free_nodemask(nodes);
	return found;
}

unsigned int backing_nodes(void)
{
	struct bitmask *nodes;
	unsigned int count;

	if (numa_available() < 0)
		return 1;
	nodes = numa_get_mems_allowed();
	count = numa_bitmask_weight(nodes);
	numa_free_nodemask(nodes);
	return count ? count : 1;
}

static int set_policy(struct backing *backing, int mode,
		      const struct bitmask *nodes, unsigned int flags)
{
	/* The kernel takes one off the number of bits (get_nodes()). */
	if (mbind(backing->map, backing->map_size, mode, nodes->maskp,
		  nodes->size + 1, flags))
		return -errno;
	return 0;
}

static int bind_to(struct backing *backing, unsigned int index,
		   unsigned int flags)
{
	int node = backing_node_number(index), error;
	struct bitmask *nodes;

	if (numa_available() < 0)
		return -ENOSYS;
	if (node < 0)
		return -EINVAL;
	nodes = numa_allocate_nodemask();
	numa_bitmask_setbit(nodes, (unsigned int)node);
	error = set_policy(backing, MPOL_BIND, nodes, flags);
	numa_free_nodemask(nodes);
	return error;
}

int backing_bind(struct backing *backing, unsigned int node)
{
	return bind_to(backing, node, 0);
}

int backing_move(struct backing *backing, unsigned int node)
{
	/* Only with MPOL_MF_STRICT does it say that pages stayed. */
	return bind_to(backing, node, MPOL_MF_MOVE | MPOL_MF_STRICT);
}

int backing_move_pages(struct backing *backing, uint64_t offset, uint64_t size,
		       unsigned int node)
{
	int node_wanted = backing_node_number(node), nodes[BACKING_MOVE_MAX];
	int status[BACKING_MOVE_MAX], there = 0;
	uint64_t hugetlb = backing_kinds[backing->kind].hugetlb;
	uint64_t step = hugetlb ? hugetlb : backing_small_page();
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
	int wanted = backing_node_number(node), error = 0;
	struct bitmask *to;

	if (numa_available() < 0)
		return -ENOSYS;
	if (wanted < 0)
		return -EINVAL;
	to = numa_allocate_nodemask();
	numa_bitmask_setbit(to, (unsigned int)wanted);
	if (numa_migrate_pages(0, numa_all_nodes_ptr, to) < 0)
		error = -errno;
	numa_free_nodemask(to);
	return error;
}

int backing_interleave(struct backing *backing)
{
	struct bitmask *nodes;
	int error;

	if (numa_available() < 0)
		return -ENOSYS;
	nodes = numa_get_mems_allowed();
	error = set_policy(backing, MPOL_INTERLEAVE, nodes, 0);
	numa_free_nodemask(nodes);
	return error;
}

int backing_node_of(const struct backing *backing, uint64_t offset)
{
	void *page = (char *)backing->hva + offset;
	unsigned int index, count = backing_nodes();
	int status = 0;

	if (numa_available() < 0)
		return -ENOSYS;
	/* Without a list of nodes it moves nothing and tells where they are. */
	if (move_pages(0, 1, &page, NULL, &status, 0))
		return -errno;
	if (status < 0)
		return status == -EFAULT ? -ENOENT : status;
	for (index = 0; index < count; index++)
		if (backing_node_number(index) == status)
			return (int)index;
	return -ENODEV;
}

void backing_keep_mapped(void)
{
	if (numa_available() >= 0)
		numa_set_membind(numa_all_nodes_ptr);
}
