/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that differs between kernel releases, 6.1 to 7.3.
 *
 * What still older ones would need, and why it is not here: up to 5.7
 * hmm_range_fault() had flags[] and values[] arrays in struct hmm_range that
 * translated each driver's own bits, took its requests in default_flags and
 * pfn_flags_mask in those bits, and returned the number of pages; up to 5.4
 * struct hmm_mirror stood where struct mmu_interval_notifier does, and the
 * range's validity was asked of hmm_range_valid(). A walk there has other
 * outcomes, so a translation here would not make the tests' table true.
 */
#ifndef HMM_COMPAT_H
#define HMM_COMPAT_H

#include <linux/gfp.h>
#include <linux/hmm.h>
#include <linux/memremap.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/rmap.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>
#endif

/* hmm_dma_map_alloc() and what belongs to it. */
#define HMM_HAS_DMA (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0))

/* vm_flags_set() came when vm_flags became read-only, with 6.3. */
static inline void hmm_vm_flags_set(struct vm_area_struct *vma,
				    unsigned long flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	vma->vm_flags |= flags;
#else
	vm_flags_set(vma, flags);
#endif
}

/* pfn_t is gone since 6.17. */
static inline vm_fault_t hmm_insert_special(struct vm_area_struct *vma,
					    unsigned long address,
					    unsigned long pfn)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	return vmf_insert_mixed(vma, address, pfn_to_pfn_t(pfn));
#else
	return vmf_insert_mixed(vma, address, pfn);
#endif
}

/* Huge pages of device memory came with 6.19. */
#if !IS_ENABLED(CONFIG_DEVICE_PRIVATE) || \
	LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define HMM_HUGE	0
#define HMM_PFN_HUGE	0
#define HMM_SELECT_HUGE 0
#else
/* thp_migration_supported(); the option has another name since 7.3. */
#define HMM_HUGE                                         \
	(IS_ENABLED(CONFIG_ARCH_ENABLE_THP_MIGRATION) || \
	 IS_ENABLED(CONFIG_ARCH_HAS_PMD_SOFTLEAVES))
#define HMM_SELECT_HUGE MIGRATE_VMA_SELECT_COMPOUND
#define HMM_PFN_HUGE	MIGRATE_PFN_COMPOUND
#endif

/*
 * Up to 7.3 (the last that we know) hmm_vma_handle_absent_pmd() names the first
 * page of a huge page of device memory wherever in it the walk begins:
 * doc/findings/hmm-device-huge-page.md. A walk reports that as it is; a mirror
 * could not work with it. For entries that are right this changes nothing.
 */
static inline unsigned long hmm_mend_entry(unsigned long entry,
					   unsigned long address)
{
	unsigned long others = (1UL << hmm_pfn_to_map_order(entry)) - 1;

	if (!(entry & HMM_PFN_VALID) || !pfn_valid(entry & ~HMM_PFN_FLAGS) ||
	    !is_device_private_page(hmm_pfn_to_page(entry)))
		return entry;
	return (entry & ~others) | (address >> PAGE_SHIFT & others);
}

#if IS_ENABLED(CONFIG_DEVICE_PRIVATE)

/* page_pgmap() came with 6.15, when it moved from the page to the folio. */
static inline struct dev_pagemap *hmm_page_pagemap(struct page *page)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	return page->pgmap;
#else
	return page_pgmap(page);
#endif
}

/*
 * A free page of device memory, locked. The order and the pagemap came with 6.19
 * (its release; some candidates had no pagemap).
 */
static inline void hmm_device_page_init(struct page *page,
					struct dev_pagemap *pagemap,
					unsigned int order)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
	zone_device_page_init(page);
#else
	/* Not page_folio(): what the page was part of before may still show. */
	zone_device_folio_init((struct folio *)page, pagemap, order);
#endif
}

/* What is told that a page is free: by page, since 6.19 by folio. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define hmm_page_free page_free
typedef struct page hmm_freed;
#define hmm_freed_page(freed)  (freed)
#define hmm_freed_order(freed) 0
#else
#define hmm_page_free	       folio_free
typedef struct folio hmm_freed;
#define hmm_freed_page(freed)  folio_page(freed, 0)
#define hmm_freed_order(freed) folio_order(freed)
#endif

/*
 * make_device_exclusive() works on one page, which comes locked and referenced,
 * since 6.15; before that it was a range.
 */
static inline struct page *
hmm_make_exclusive(struct mm_struct *mm, unsigned long address, void *owner)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	struct page *page = NULL;
	int count = make_device_exclusive_range(mm, address,
						address + PAGE_SIZE, &page,
						owner);

	if (count < 0)
		return ERR_PTR(count);
	/* What it does not say: not anonymous, or changed meanwhile. */
	return page ?: ERR_PTR(-EBUSY);
#else
	struct folio *folio;

	return make_device_exclusive(mm, address, owner, &folio);
#endif
}

#endif /* CONFIG_DEVICE_PRIVATE */

#endif /* HMM_COMPAT_H */
