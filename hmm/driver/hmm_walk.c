// SPDX-License-Identifier: GPL-2.0-only
/*
 * SECMMU_HMM_WALK: hmm_range_fault() as it is. A notifier of its own is there for
 * the time of the walk, since the kernel wants one; it only says whether
 * something was invalidated meanwhile.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "hmm_device.h"

/* Pages whose entries have room on the stack. */
#define FEW_PAGES 64

/**
 * struct walk_watch - for the time of a walk
 * @notifier: covers the range
 * @lock: the "user lock" of mmu_interval_read_retry()
 */
struct walk_watch {
	struct mmu_interval_notifier notifier;
	struct mutex lock;
};

static bool walk_invalidate(struct mmu_interval_notifier *notifier,
			    const struct mmu_notifier_range *range,
			    unsigned long sequence)
{
	struct walk_watch *watch = container_of(notifier, struct walk_watch,
						notifier);

	if (mmu_notifier_range_blockable(range))
		mutex_lock(&watch->lock);
	else if (!mutex_trylock(&watch->lock))
		return false;
	mmu_interval_set_seq(notifier, sequence);
	mutex_unlock(&watch->lock);
	return true;
}

static const struct mmu_interval_notifier_ops walk_operations = {
	.invalidate = walk_invalidate,
};

static unsigned long requests_to_kernel(u64 requests)
{
	return (requests & SECMMU_HMM_REQ_FAULT ? HMM_PFN_REQ_FAULT : 0) |
	       (requests & SECMMU_HMM_REQ_WRITE ? HMM_PFN_REQ_WRITE : 0);
}

static bool requests_are_sane(u64 requests)
{
	return !(requests &
		 ~(u64)(SECMMU_HMM_REQ_FAULT | SECMMU_HMM_REQ_WRITE));
}

/* Once, whatever comes of it. */
static int walk_once(struct mm_struct *mm, struct hmm_range *range,
		     struct walk_watch *watch, struct secmmu_hmm_walk *walk)
{
	range->notifier_seq = mmu_interval_read_begin(range->notifier);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	walk->error = hmm_range_fault(range);
	mmap_read_unlock(mm);

	mutex_lock(&watch->lock);
	walk->invalidated = mmu_interval_read_retry(range->notifier,
						    range->notifier_seq);
	mutex_unlock(&watch->lock);
	return 0;
}

static int walk_range(struct hmm_device *device, struct hmm_range *range,
		      struct secmmu_hmm_walk *walk)
{
	struct mm_struct *mm = device->mm;
	struct walk_watch watch;
	int error;

	if (!mmget_not_zero(mm))
		return -ESRCH;
	mutex_init(&watch.lock);
	error = mmu_interval_notifier_insert(&watch.notifier, mm, range->start,
					     range->end - range->start,
					     &walk_operations);
	if (!error) {
		range->notifier = &watch.notifier;
		error = walk_once(mm, range, &watch, walk);
		mmu_interval_notifier_remove(&watch.notifier);
	}
	mmput(mm);
	mutex_destroy(&watch.lock);
	return error;
}

/*
 * The requests of @pages pages, as the kernel has them. Both the kernel's entries
 * and the caller's have 64 bits.
 */
static long get_requests(const struct secmmu_hmm_walk *walk, u64 *entries,
			 size_t pages)
{
	size_t i;

	if (walk->default_flags & SECMMU_HMM_ALIKE) {
		memset(entries, 0, pages * sizeof(*entries));
		return 0;
	}
	if (copy_from_user(entries, u64_to_user_ptr(walk->entries),
			   pages * sizeof(*entries)))
		return -EFAULT;
	for (i = 0; i < pages; i++) {
		if (!requests_are_sane(entries[i]))
			return -EINVAL;
		entries[i] = requests_to_kernel(entries[i]);
	}
	return 0;
}

static long walk_entries(struct hmm_device *device,
			 struct secmmu_hmm_walk *walk, u64 *entries,
			 size_t pages)
{
	struct hmm_range range = {
		.start = walk->start,
		.end = walk->end,
		.hmm_pfns = (unsigned long *)entries,
		.default_flags = requests_to_kernel(walk->default_flags),
		.pfn_flags_mask = requests_to_kernel(walk->flags_mask),
		.dev_private_owner = READ_ONCE(device->own),
	};
	long error;

	BUILD_BUG_ON(sizeof(*range.hmm_pfns) != sizeof(*entries));
	error = get_requests(walk, entries, pages);
	if (error)
		return error;
	error = walk_range(device, &range, walk);
	if (error || walk->error)
		return error;
	hmm_entries_to_user(entries, pages);
	if (copy_to_user(u64_to_user_ptr(walk->entries), entries,
			 pages * sizeof(*entries)))
		return -EFAULT;
	return 0;
}

/**
 * hmm_walk() - one hmm_range_fault()
 * @device: whose address space
 * @walk: what is asked for, and what came of it
 */
long hmm_walk(struct hmm_device *device, struct secmmu_hmm_walk *walk)
{
	u64 few[FEW_PAGES], *entries = few;
	size_t pages;
	long error;

	walk->error = 0;
	walk->invalidated = 0;
	if (!hmm_range_is_sane(walk->start, walk->end, SECMMU_HMM_WALK_PAGES) ||
	    !requests_are_sane(walk->default_flags & ~SECMMU_HMM_ALIKE) ||
	    !requests_are_sane(walk->flags_mask))
		return -EINVAL;
	pages = (walk->end - walk->start) >> PAGE_SHIFT;
	if (pages > FEW_PAGES) {
		entries = kvmalloc_array(pages, sizeof(*entries),
					 GFP_KERNEL_ACCOUNT);
		if (!entries)
			return -ENOMEM;
	}
	error = walk_entries(device, walk, entries, pages);
	if (entries != few)
		kvfree(entries);
	return error;
}
