// SPDX-License-Identifier: GPL-2.0-only
/* Properties of each notifier operation. */
#include "mem/notifier_op.h"

#define KIND(kind) (1U << BACKING_##kind)

/* Not the larger ones: to zero or copy one takes longer than a storm lasts. */
#define HUGETLB_PRIVATE (KIND(HUGETLB_64K) | KIND(HUGETLB_2M))
#define HUGETLB		(HUGETLB_PRIVATE | KIND(MEMFD_HUGETLB))
#define ANONYMOUS	(KIND(ANONYMOUS) | KIND(ANONYMOUS_THP))
#define SHARED \
	(KIND(SHMEM) | KIND(SHMEM_THP) | KIND(MEMFD) | KIND(TMPFS_SHARED))
#define PRIVATE	     (ANONYMOUS | KIND(TMPFS_PRIVATE))
#define SMALL_OR_THP (PRIVATE | SHARED)
#define THP	     (KIND(ANONYMOUS_THP) | KIND(SHMEM_THP))
#define ALL	     (SMALL_OR_THP | HUGETLB)

static const struct notifier_op_info infos[NOTIFIER_OPS] = {
	[NOTIFIER_DISCARD] = { .name = "discard",
			       .flags = NOTIFIER_CHANGES,
			       .kinds = ALL },
	[NOTIFIER_ZERO] = { .name = "zero",
			    .flags = NOTIFIER_CHANGES,
			    .kinds = ALL },
	[NOTIFIER_PAGE_OUT] = { .name = "page_out",
				.kinds = SMALL_OR_THP,
				.needs = { .config = "CONFIG_SWAP=y" },
				.evidence = "pswpout " },
	[NOTIFIER_RECLAIM] = { .name = "reclaim",
			       .flags = NOTIFIER_HEAVY,
			       .kinds = SMALL_OR_THP,
			       .needs = { .root = true,
					  .config =
						  "CONFIG_SWAP=y CONFIG_MEMCG=y" },
			       .evidence = "pswpout " },
	[NOTIFIER_PROTECT] = { .name = "protect",
			       .flags = NOTIFIER_AWAY,
			       .kinds = ALL },
	[NOTIFIER_REMAP] = { .name = "remap",
			     .flags = NOTIFIER_AWAY | NOTIFIER_UNREADABLE |
				      NOTIFIER_LOSES_UFFD,
			     .kinds = ALL },
	[NOTIFIER_REPLACE] = { .name = "replace",
			       .flags = NOTIFIER_AWAY | NOTIFIER_UNREADABLE |
					NOTIFIER_CHANGES | NOTIFIER_LOSES_UFFD,
			       .kinds = ALL },
	/*
	 * Of shared memory a child gets no page tables (vma_needs_copy()), and its
	 * copies of hugetlb pages would need as many more of them.
	 */
	[NOTIFIER_FORK] = { .name = "fork", .kinds = PRIVATE },
	[NOTIFIER_CLEAR_REFS] = { .name = "clear_refs", .kinds = ALL },
	[NOTIFIER_MERGE] = { .name = "merge",
			     .kinds = PRIVATE,
			     .needs = { .root = true,
					.config = "CONFIG_KSM=y" },
			     .evidence = "cow_ksm " },
	[NOTIFIER_UNMERGE] = { .name = "unmerge",
			       .kinds = PRIVATE,
			       .needs = { .config = "CONFIG_KSM=y" } },
	[NOTIFIER_COLLAPSE] = { .name = "collapse",
				.kinds = THP,
				.needs = { .kernel_min = NEEDS_KERNEL(6, 1) },
				.evidence = "thp_collapse_alloc " },
	[NOTIFIER_KHUGEPAGED] = { .name = "khugepaged",
				  .kinds = THP,
				  .needs = { .root = true },
				  .evidence = "thp_collapse_alloc " },
	[NOTIFIER_SPLIT] = { .name = "split",
			     .kinds = THP,
			     .needs = { .root = true,
					.config = "CONFIG_DEBUG_FS=y" },
			     .evidence = "thp_split_page " },
	[NOTIFIER_NO_HUGE] = { .name = "no_huge", .kinds = THP },
	/* A policy would keep them from free hugetlb pages of other nodes. */
	[NOTIFIER_BIND] = { .name = "bind",
			    .flags = NOTIFIER_HEAVY,
			    .kinds = SMALL_OR_THP,
			    .needs = { .nodes = 2 },
			    .evidence = "pgmigrate_success " },
	[NOTIFIER_MOVE_PAGES] = { .name = "move_pages",
				  .kinds = ALL,
				  .needs = { .nodes = 2 },
				  .evidence = "pgmigrate_success " },
	[NOTIFIER_MIGRATE] = { .name = "migrate_pages",
			       .flags = NOTIFIER_HEAVY,
			       .kinds = SMALL_OR_THP,
			       .needs = { .nodes = 2 },
			       .evidence = "pgmigrate_success " },
	[NOTIFIER_BALANCE] = { .name = "numa_balancing",
			       .kinds = SMALL_OR_THP,
			       .needs = { .root = true,
					  .nodes = 2,
					  .config = "CONFIG_NUMA_BALANCING=y" },
			       .evidence = "numa_pte_updates " },
	[NOTIFIER_COMPACT] = { .name = "compact",
			       .flags = NOTIFIER_HEAVY,
			       .kinds = SMALL_OR_THP,
			       .needs = { .root = true,
					  .config = "CONFIG_COMPACTION=y" },
			       .evidence = "compact_migrate_scanned " },
	[NOTIFIER_MISSING] = { .name = "uffd_missing",
			       .flags = NOTIFIER_CHANGES | NOTIFIER_BY_UFFD,
			       .kinds = ANONYMOUS | SHARED | HUGETLB,
			       .needs = { .config = "CONFIG_USERFAULTFD=y" } },
	[NOTIFIER_MINOR] = { .name = "uffd_minor",
			     .flags = NOTIFIER_BY_UFFD,
			     .kinds = SHARED | KIND(MEMFD_HUGETLB),
			     .needs = { .config = "CONFIG_USERFAULTFD=y" } },
	[NOTIFIER_WRITE_PROTECT] = { .name = "uffd_write_protect",
				     .flags = NOTIFIER_BY_UFFD,
				     .kinds = ANONYMOUS | SHARED | HUGETLB,
				     .needs = { .config =
							"CONFIG_USERFAULTFD=y" } },
	[NOTIFIER_OFFLINE] = { .name = "soft_offline",
			       .kinds = SMALL_OR_THP,
			       .needs = { .root = true,
					  .config =
						  "CONFIG_MEMORY_FAILURE=y" } },
};

const struct notifier_op_info *notifier_op_info(enum notifier_op op)
{
	return &infos[op];
}

bool notifier_op_fits(enum notifier_op op, enum backing_kind kind)
{
	return infos[op].kinds & 1U << kind;
}

unsigned int notifier_ops_fitting(unsigned int set, enum backing_kind kind)
{
	unsigned int fitting = 0, i;

	for (i = 0; i < NOTIFIER_OPS; i++)
		if (set & NOTIFIER_BIT(i) && notifier_op_fits(i, kind))
			fitting |= NOTIFIER_BIT(i);
	return fitting;
}

bool notifier_op_changes(enum notifier_op op, enum backing_kind kind)
{
	if (op == NOTIFIER_REPLACE && backing_keeps_contents(kind))
		return false;
	return infos[op].flags & NOTIFIER_CHANGES;
}
