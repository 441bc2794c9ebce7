// SPDX-License-Identifier: GPL-2.0-only
/*
 * SECMMU_HMM_HOLD_MIGRATION: pages under migration, for as long as a test wants.
 */
#include <linux/migrate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "hmm_compat.h"
#include "hmm_device.h"

#if IS_ENABLED(CONFIG_DEVICE_MIGRATION)
/*
 * Only migrate_vma_setup() looks at the mapping. Without mmap_lock, the test can
 * do what it wants to the address space while the pages are held.
 */
static int setup(struct mm_struct *mm, struct migrate_vma *migration)
{
	int error = -EINVAL;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	migration->vma = vma_lookup(mm, migration->start);
	/*
	 * Pages of files and merged pages have other users, which have no part in
	 * this and would have to wait, too.
	 */
	if (migration->vma && migration->end <= migration->vma->vm_end &&
	    vma_is_anonymous(migration->vma) &&
	    !(migration->vma->vm_flags & VM_MERGEABLE))
		error = migrate_vma_setup(migration);
	mmap_read_unlock(mm);
	return error;
}

static void hold(struct hmm_device *device, struct migrate_vma *migration,
		 struct secmmu_hmm_range *range)
{
	unsigned long i;

	for (i = 0; i < migration->npages; i++) {
		if (!(migration->src[i] & MIGRATE_PFN_MIGRATE) ||
		    !migrate_pfn_to_page(migration->src[i]))
			continue;
		/* A huge page as such has an entry for all of it. */
		range->pages += migration->src[i] & HMM_PFN_HUGE ?
					PMD_SIZE / PAGE_SIZE :
					1;
	}
	hmm_pause(device, SECMMU_HMM_AT_MIGRATION);
	/* Without destinations, this puts the pages back where they were. */
	migrate_vma_finalize(migration);
}
#endif

/**
 * hmm_hold_migration() - have migration entries for a while
 * @device: whose address space
 * @range: which pages
 */
long hmm_hold_migration(struct hmm_device *device,
			struct secmmu_hmm_range *range)
{
#if IS_ENABLED(CONFIG_DEVICE_MIGRATION)
	struct migrate_vma migration = {
		.start = range->start,
		.end = range->end,
		.pgmap_owner = device,
		.flags = MIGRATE_VMA_SELECT_SYSTEM |
			 (range->flags & SECMMU_HMM_HUGE ? HMM_SELECT_HUGE : 0),
	};
	unsigned long pages;
	long error = -ENOMEM;

	range->pages = 0;
	if ((range->flags & ~SECMMU_HMM_HUGE) ||
	    !hmm_range_is_sane(range->start, range->end,
			       SECMMU_HMM_MIGRATE_PAGES))
		return -EINVAL;
	pages = (range->end - range->start) >> PAGE_SHIFT;
	migration.src = kvcalloc(pages, sizeof(*migration.src),
				 GFP_KERNEL_ACCOUNT);
	migration.dst = kvcalloc(pages, sizeof(*migration.dst),
				 GFP_KERNEL_ACCOUNT);
	if (!migration.src || !migration.dst)
		goto out;
	error = -ESRCH;
	if (!mmget_not_zero(device->mm))
		goto out;
	error = setup(device->mm, &migration);
	if (!error)
		hold(device, &migration, range);
	mmput(device->mm);
out:
	kvfree(migration.src);
	kvfree(migration.dst);
	return error;
#else
	return -EOPNOTSUPP;
#endif
}
