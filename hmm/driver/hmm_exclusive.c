// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exclusive access: the page stays where it is, and CPUs cannot use it until the
 * device has been told that they want to (make_device_exclusive()).
 */
#include <linux/mmu_notifier.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include "hmm_compat.h"
#include "hmm_device.h"

#if IS_ENABLED(CONFIG_DEVICE_PRIVATE)
/* With the page locked, so that no CPU gets it back before the entry is there. */
static int install(struct hmm_mirror *mirror, struct page *page,
		   unsigned long address, unsigned long sequence)
{
	int error = -EAGAIN;

	hmm_pause(mirror->device, SECMMU_HMM_AT_LOCK);
	mutex_lock(&mirror->lock);
	hmm_pause(mirror->device, SECMMU_HMM_AT_RETRY);
	if (!hmm_mirror_retry(mirror, sequence)) {
		mirror->table[(address - mirror->start) >> PAGE_SHIFT] =
			page_to_pfn(page) | HMM_PFN_VALID | HMM_PFN_WRITE |
			HMM_TABLE_EXCLUSIVE;
		atomic64_inc(&mirror->installed);
		error = 0;
	}
	mutex_unlock(&mirror->lock);
	return error;
}
#endif

/**
 * hmm_exclusive_fault() - have exclusive access to a page
 * @mirror: whose page table gets an entry of it
 * @address: in its range
 *
 * The notifier that make_device_exclusive() calls is for others: the mirror
 * ignores what its own device is the owner of, or it would never get anywhere.
 *
 * Return: 0, -EAGAIN if there was an invalidation, or what the kernel said.
 */
int hmm_exclusive_fault(struct hmm_mirror *mirror, unsigned long address)
{
#if IS_ENABLED(CONFIG_DEVICE_PRIVATE)
	struct mm_struct *mm = mirror->device->mm;
	unsigned long sequence;
	struct page *page;
	int error;

	address &= PAGE_MASK;
	if (!mmget_not_zero(mm))
		return -ESRCH;
	hmm_pause(mirror->device, SECMMU_HMM_AT_BEGIN);
	sequence = mmu_interval_read_begin(&mirror->notifier);
	hmm_pause(mirror->device, SECMMU_HMM_AT_WALK);
	error = mmap_read_lock_killable(mm);
	if (!error) {
		page = hmm_make_exclusive(mm, address, mirror->device);
		mmap_read_unlock(mm);
		error = PTR_ERR_OR_ZERO(page);
		if (!error) {
			error = install(mirror, page, address, sequence);
			unlock_page(page);
			put_page(page);
		}
		atomic64_inc(&mirror->faults);
	}
	mmput(mm);
	return error == -EBUSY ? -EAGAIN : error;
#else
	return -EOPNOTSUPP;
#endif
}
