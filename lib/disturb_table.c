// SPDX-License-Identifier: GPL-2.0-only
/* What there is to know of each disturbance. */
#include "disturb.h"

#define KIND(kind) (1U << BACKING_##kind)

/* Not the larger ones: to zero or copy one of them takes longer than a storm. */
#define HUGETLB_PRIVATE (KIND(HUGETLB_64K) | KIND(HUGETLB_2M))
#define HUGETLB		(HUGETLB_PRIVATE | KIND(MEMFD_HUGETLB))
#define ANONYMOUS	(KIND(ANONYMOUS) | KIND(ANONYMOUS_THP))
#define SHARED \
	(KIND(SHMEM) | KIND(SHMEM_THP) | KIND(MEMFD) | KIND(TMPFS_SHARED))
#define PRIVATE	     (ANONYMOUS | KIND(TMPFS_PRIVATE))
#define SMALL_OR_THP (PRIVATE | SHARED)
#define THP	     (KIND(ANONYMOUS_THP) | KIND(SHMEM_THP))
#define ALL	     (SMALL_OR_THP | HUGETLB)

static const struct disturbance_info infos[DISTURBANCES] = {
	[DISTURB_DISCARD] = { .name = "discard",
			      .flags = DISTURB_CHANGES,
			      .kinds = ALL },
	[DISTURB_ZERO] = { .name = "zero",
			   .flags = DISTURB_CHANGES,
			   .kinds = ALL },
	[DISTURB_PAGE_OUT] = { .name = "page_out",
			       .kinds = SMALL_OR_THP,
			       .needs = { .config = "CONFIG_SWAP=y" },
			       .evidence = "pswpout " },
	[DISTURB_RECLAIM] = { .name = "reclaim",
			      .flags = DISTURB_HEAVY,
			      .kinds = SMALL_OR_THP,
			      .needs = { .root = true,
					 .config =
						 "CONFIG_SWAP=y CONFIG_MEMCG=y" },
			      .evidence = "pswpout " },
	[DISTURB_PROTECT] = { .name = "protect",
			      .flags = DISTURB_AWAY,
			      .kinds = ALL },
	[DISTURB_REMAP] = { .name = "remap",
			    .flags = DISTURB_AWAY | DISTURB_UNREADABLE |
				     DISTURB_LOSES_UFFD,
			    .kinds = ALL },
	[DISTURB_REPLACE] = { .name = "replace",
			      .flags = DISTURB_AWAY | DISTURB_UNREADABLE |
				       DISTURB_CHANGES | DISTURB_LOSES_UFFD,
			      .kinds = ALL },
	/*
	 * Of shared memory a child gets no page tables (vma_needs_copy()), and its
	 * copies of hugetlb pages would need as many more of them.
	 */
	[DISTURB_FORK] = { .name = "fork", .kinds = PRIVATE },
	[DISTURB_CLEAR_REFS] = { .name = "clear_refs", .kinds = ALL },
	[DISTURB_MERGE] = { .name = "merge",
			    .kinds = PRIVATE,
			    .needs = { .root = true, .config = "CONFIG_KSM=y" },
			    .evidence = "cow_ksm " },
	[DISTURB_UNMERGE] = { .name = "unmerge",
			      .kinds = PRIVATE,
			      .needs = { .config = "CONFIG_KSM=y" } },
	[DISTURB_COLLAPSE] = { .name = "collapse",
			       .kinds = THP,
			       .needs = { .kernel_min = NEEDS_KERNEL(6, 1) },
			       .evidence = "thp_collapse_alloc " },
	[DISTURB_KHUGEPAGED] = { .name = "khugepaged",
				 .kinds = THP,
				 .needs = { .root = true },
				 .evidence = "thp_collapse_alloc " },
	[DISTURB_SPLIT] = { .name = "split",
			    .kinds = THP,
			    .needs = { .root = true,
				       .config = "CONFIG_DEBUG_FS=y" },
			    .evidence = "thp_split_page " },
	[DISTURB_NO_HUGE] = { .name = "no_huge", .kinds = THP },
	/* A policy would deny them hugetlb pages that are left on other nodes. */
	[DISTURB_BIND] = { .name = "bind",
			   .flags = DISTURB_HEAVY,
			   .kinds = SMALL_OR_THP,
			   .needs = { .nodes = 2 },
			   .evidence = "pgmigrate_success " },
	[DISTURB_MOVE_PAGES] = { .name = "move_pages",
				 .kinds = ALL,
				 .needs = { .nodes = 2 },
				 .evidence = "pgmigrate_success " },
	[DISTURB_MIGRATE] = { .name = "migrate_pages",
			      .flags = DISTURB_HEAVY,
			      .kinds = SMALL_OR_THP,
			      .needs = { .nodes = 2 },
			      .evidence = "pgmigrate_success " },
	[DISTURB_BALANCE] = { .name = "numa_balancing",
			      .kinds = SMALL_OR_THP,
			      .needs = { .root = true,
					 .nodes = 2,
					 .config = "CONFIG_NUMA_BALANCING=y" },
			      .evidence = "numa_pte_updates " },
	[DISTURB_COMPACT] = { .name = "compact",
			      .flags = DISTURB_HEAVY,
			      .kinds = SMALL_OR_THP,
			      .needs = { .root = true,
					 .config = "CONFIG_COMPACTION=y" },
			      .evidence = "compact_migrate_scanned " },
	[DISTURB_MISSING] = { .name = "uffd_missing",
			      .flags = DISTURB_CHANGES | DISTURB_BY_UFFD,
			      .kinds = ANONYMOUS | SHARED | HUGETLB,
			      .needs = { .config = "CONFIG_USERFAULTFD=y" } },
	[DISTURB_MINOR] = { .name = "uffd_minor",
			    .flags = DISTURB_BY_UFFD,
			    .kinds = SHARED | KIND(MEMFD_HUGETLB),
			    .needs = { .config = "CONFIG_USERFAULTFD=y" } },
	[DISTURB_WRITE_PROTECT] = { .name = "uffd_write_protect",
				    .flags = DISTURB_BY_UFFD,
				    .kinds = ANONYMOUS | SHARED | HUGETLB,
				    .needs = { .config =
						       "CONFIG_USERFAULTFD=y" } },
	[DISTURB_OFFLINE] = { .name = "soft_offline",
			      .kinds = SMALL_OR_THP,
			      .needs = { .root = true,
					 .config = "CONFIG_MEMORY_FAILURE=y" } },
};

const struct disturbance_info *disturbance_info(enum disturbance disturbance)
{
	return &infos[disturbance];
}

bool disturbance_fits(enum disturbance disturbance, enum backing_kind kind)
{
	return infos[disturbance].kinds & 1U << kind;
}

unsigned int disturbances_fitting(unsigned int set, enum backing_kind kind)
{
	unsigned int fitting = 0, i;

	for (i = 0; i < DISTURBANCES; i++)
		if (set & DISTURB_BIT(i) && disturbance_fits(i, kind))
			fitting |= DISTURB_BIT(i);
	return fitting;
}

bool disturbance_changes(enum disturbance disturbance, enum backing_kind kind)
{
	if (disturbance == DISTURB_REPLACE && backing_keeps_contents(kind))
		return false;
	return infos[disturbance].flags & DISTURB_CHANGES;
}
