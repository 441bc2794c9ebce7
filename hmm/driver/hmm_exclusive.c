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
static void begin(struct hmm_mirror *mirror, struct hmm_exclusive *call)
{
	mutex_lock(&mirror->lock);
	list_add(&call->link, &mirror->exclusive);
	mutex_unlock(&mirror->lock);
}

static void end(struct hmm_mirror *mirror, struct hmm_exclusive *call)
{
	mutex_lock(&mirror->lock);
	list_del(&call->link);
	mutex_unlock(&mirror->lock);
}

/* With the page locked, so that no CPU gets it back before the entry exists. */
static int install(struct hmm_mirror *mirror, struct hmm_exclusive *call,
		   struct page *page)
{
	unsigned long index = (call->address - mirror->start) >> PAGE_SHIFT;
	int error = -EAGAIN;

	hmm_pause(mirror->device, SECMMU_HMM_AT_LOCK);
	mutex_lock(&mirror->lock);
	hmm_pause(mirror->device, SECMMU_HMM_AT_RETRY);
	if (!call->invalidated) {
		mirror->table[index] = page_to_pfn(page) | HMM_PFN_VALID |
				       HMM_PFN_WRITE | HMM_TABLE_EXCLUSIVE;
		atomic64_inc(&mirror->installed);
		error = 0;
	}
	mutex_unlock(&mirror->lock);
	return error;
}

/* make_device_exclusive() with the mirrored address space. */
static int make_exclusive(struct hmm_mirror *mirror, struct hmm_exclusive *call)
{
	struct mm_struct *mm = mirror->device->mm;
	struct page *page;
	int error;

	hmm_pause(mirror->device, SECMMU_HMM_AT_BEGIN);
	/*
	 * Waits for invalidations that the mirror was notified of before the
	 * call was known to it. Its sequence itself is of no use: the call's own
	 * invalidation changes it.
	 */
	mmu_interval_read_begin(&mirror->notifier);
	hmm_pause(mirror->device, SECMMU_HMM_AT_WALK);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	page = hmm_make_exclusive(mm, call->address, mirror->device);
	mmap_read_unlock(mm);
	atomic64_inc(&mirror->faults);
	if (IS_ERR(page))
		return PTR_ERR(page);
	error = install(mirror, call, page);
	unlock_page(page);
	put_page(page);
	return error;
}
#endif

/**
 * hmm_exclusive_fault() - get exclusive access to a page
 * @mirror: its page table gets an entry of the page
 * @address: in its range
 *
 * make_device_exclusive() invalidates the page in every mirror, this one included.
 * This call ignores only its own invalidation, or it would never succeed.
 *
 * Return: 0, -EAGAIN if the page was invalidated, or the kernel's error.
 */
int hmm_exclusive_fault(struct hmm_mirror *mirror, unsigned long address)
{
#if IS_ENABLED(CONFIG_DEVICE_PRIVATE)
	struct hmm_exclusive call = {
		.task = current,
		.address = address & PAGE_MASK,
	};
	int error;

	if (!mmget_not_zero(mirror->device->mm))
		return -ESRCH;
	begin(mirror, &call);
	error = make_exclusive(mirror, &call);
	end(mirror, &call);
	mmput(mirror->device->mm);
	return error == -EBUSY ? -EAGAIN : error;
#else
	return -EOPNOTSUPP;
#endif
}
