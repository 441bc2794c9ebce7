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

#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>
#endif

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

#endif /* HMM_COMPAT_H */
