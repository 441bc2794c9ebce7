// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mirrors: a range of addresses, the device's page table for it, and the
 * notifier that keeps the table true. Documentation/mm/hmm.rst has the protocol.
 */
#include <linux/nospec.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "hmm_device.h"

/**
 * hmm_range_is_sane() - can this range be worked on?
 * @start: first address
 * @end: behind the last one
 * @pages_max: how many pages it may have
 */
bool hmm_range_is_sane(u64 start, u64 end, u64 pages_max)
{
	return PAGE_ALIGNED(start) && PAGE_ALIGNED(end) && start < end &&
	       (end - start) >> PAGE_SHIFT <= pages_max;
}

/**
 * hmm_mirror_retry() - the device's name for mmu_interval_read_retry()
 * @mirror: its lock is held
 * @sequence: what mmu_interval_read_begin() returned
 *
 * A function of its own so that prove/ can break it.
 */
noinline bool hmm_mirror_retry(struct hmm_mirror *mirror,
			       unsigned long sequence)
{
	return mmu_interval_read_retry(&mirror->notifier, sequence);
}

/* A function of its own so that prove/ can break it. */
static noinline void
hmm_mirror_set_sequence(struct mmu_interval_notifier *notifier,
			unsigned long sequence)
{
	mmu_interval_set_seq(notifier, sequence);
}

/*
 * With the lock. Marks the calls that are making one of these pages exclusive.
 * Return: whether this invalidation is such a call's own: make_device_exclusive()
 * has locked the page, and it stays where it is.
 */
static bool is_own_exclusive(struct hmm_mirror *mirror,
			     const struct mmu_notifier_range *range)
{
	bool exclusive = range->event == MMU_NOTIFY_EXCLUSIVE &&
			 range->owner == mirror->device;
	struct hmm_exclusive *call;
	bool own = false;

	list_for_each_entry(call, &mirror->exclusive, link) {
		if (call->address < range->start || call->address >= range->end)
			continue;
		if (exclusive && call->task == current)
			own = true;
		else
			call->invalidated = true;
	}
	return own;
}

static noinline bool
hmm_mirror_invalidate(struct mmu_interval_notifier *notifier,
		      const struct mmu_notifier_range *range,
		      unsigned long sequence)
{
	struct hmm_mirror *mirror = container_of(notifier, struct hmm_mirror,
						 notifier);
	bool blockable = mmu_notifier_range_blockable(range);
	/* While the device makes a page exclusive, it does not pause here. */
	bool pauses = blockable && (range->event != MMU_NOTIFY_EXCLUSIVE ||
				    range->owner != mirror->device);
	unsigned long address, end;
	bool own;

	if (blockable) {
		if (pauses)
			hmm_pause(mirror->device, SECMMU_HMM_AT_INVALIDATE);
		mutex_lock(&mirror->lock);
	} else if (!mutex_trylock(&mirror->lock)) {
		atomic64_inc(&mirror->refused);
		return false;
	}
	/* Unconditionally, mmu_notifier.h says. */
	hmm_mirror_set_sequence(notifier, sequence);
	own = is_own_exclusive(mirror, range);
	if (!own && range->event < SECMMU_HMM_EVENTS)
		atomic64_inc(&mirror->invalidations[range->event]);
	end = min(range->end, mirror->end);
	for (address = max(range->start, mirror->start); address < end;
	     address += PAGE_SIZE) {
		unsigned long *entry =
			&mirror->table[(address - mirror->start) >> PAGE_SHIFT];

		if (*entry && !own)
			atomic64_inc(&mirror->dropped);
		*entry = 0;
	}
	mutex_unlock(&mirror->lock);
	if (pauses)
		hmm_pause(mirror->device, SECMMU_HMM_AT_INVALIDATED);
	return true;
}

static const struct mmu_interval_notifier_ops mirror_operations = {
	.invalidate = hmm_mirror_invalidate,
};

static void mirror_free(struct hmm_mirror *mirror)
{
	mutex_destroy(&mirror->lock);
	kvfree(mirror->table);
	kfree(mirror);
}

static struct hmm_mirror *mirror_new(struct hmm_device *device,
				     unsigned long start, unsigned long end)
{
	struct hmm_mirror *mirror = kzalloc(sizeof(*mirror),
					    GFP_KERNEL_ACCOUNT);

	if (!mirror)
		return NULL;
	mirror->table = kvcalloc((end - start) >> PAGE_SHIFT,
				 sizeof(*mirror->table), GFP_KERNEL_ACCOUNT);
	if (!mirror->table) {
		kfree(mirror);
		return NULL;
	}
	mirror->device = device;
	mirror->start = start;
	mirror->end = end;
	mutex_init(&mirror->lock);
	INIT_LIST_HEAD(&mirror->exclusive);
	return mirror;
}

/* Gives it a number; from then on other threads may use it. */
static int mirror_publish(struct hmm_mirror *mirror)
{
	struct hmm_device *device = mirror->device;
	u64 pages = (mirror->end - mirror->start) >> PAGE_SHIFT;
	int number;

	spin_lock(&device->lock);
	if (pages > SECMMU_HMM_FILE_PAGES - device->mirrored) {
		spin_unlock(&device->lock);
		return -ENOSPC;
	}
	for (number = 0; number < SECMMU_HMM_MIRRORS; number++) {
		if (!device->mirrors[number]) {
			device->mirrors[number] = mirror;
			device->mirrored += pages;
			break;
		}
	}
	spin_unlock(&device->lock);
	return number < SECMMU_HMM_MIRRORS ? number : -ENOSPC;
}

/**
 * hmm_mirror_add() - SECMMU_HMM_MIRROR
 * @device: the device
 * @add: the range, and the mirror's number
 */
long hmm_mirror_add(struct hmm_device *device, struct secmmu_hmm_mirror *add)
{
	struct hmm_mirror *mirror;
	int error;

	if (add->reserved || add->mirror ||
	    !hmm_range_is_sane(add->start, add->end, SECMMU_HMM_MIRROR_PAGES))
		return -EINVAL;
	mirror = mirror_new(device, add->start, add->end);
	if (!mirror)
		return -ENOMEM;
	if (!mmget_not_zero(device->mm)) {
		mirror_free(mirror);
		return -ESRCH;
	}
	error = mmu_interval_notifier_insert(&mirror->notifier, device->mm,
					     add->start, add->end - add->start,
					     &mirror_operations);
	mmput(device->mm);
	if (error) {
		mirror_free(mirror);
		return error;
	}
	error = mirror_publish(mirror);
	if (error < 0) {
		mmu_interval_notifier_remove(&mirror->notifier);
		mirror_free(mirror);
		return error;
	}
	add->mirror = error;
	return 0;
}

/**
 * hmm_mirror_remove() - SECMMU_HMM_UNMIRROR
 * @device: the device
 * @number: which mirror
 *
 * Not while a call uses it: without the notifier that call would not be told
 * of invalidations.
 */
long hmm_mirror_remove(struct hmm_device *device,
		       struct secmmu_hmm_number *number)
{
	struct hmm_mirror *mirror = NULL;
	long error = -ENOENT;

	if (number->reserved)
		return -EINVAL;
	if (number->mirror >= SECMMU_HMM_MIRRORS)
		return -ENOENT;
	number->mirror = array_index_nospec(number->mirror, SECMMU_HMM_MIRRORS);
	spin_lock(&device->lock);
	mirror = device->mirrors[number->mirror];
	if (mirror) {
		error = mirror->users ? -EBUSY : 0;
		if (!error) {
			device->mirrors[number->mirror] = NULL;
			device->mirrored -= (mirror->end - mirror->start) >>
					    PAGE_SHIFT;
		}
	}
	spin_unlock(&device->lock);
	if (error)
		return error;
	mmu_interval_notifier_remove(&mirror->notifier);
	mirror_free(mirror);
	return 0;
}

/**
 * hmm_mirror_remove_all() - at the device's last close
 * @device: no call is under way any more; invalidations may be
 */
void hmm_mirror_remove_all(struct hmm_device *device)
{
	unsigned int i;

	for (i = 0; i < SECMMU_HMM_MIRRORS; i++) {
		struct hmm_mirror *mirror = device->mirrors[i];

		if (!mirror)
			continue;
		mmu_interval_notifier_remove(&mirror->notifier);
		mirror_free(mirror);
	}
}

/**
 * hmm_mirror_get() - a mirror by its number, for the time of a call
 * @device: the device
 * @number: which
 *
 * Return: the mirror, for hmm_mirror_put(), or NULL.
 */
struct hmm_mirror *hmm_mirror_get(struct hmm_device *device,
				  unsigned int number)
{
	struct hmm_mirror *mirror;

	if (number >= SECMMU_HMM_MIRRORS)
		return NULL;
	spin_lock(&device->lock);
	mirror = device->mirrors[array_index_nospec(number, SECMMU_HMM_MIRRORS)];
	if (mirror)
		mirror->users++;
	spin_unlock(&device->lock);
	return mirror;
}

/**
 * hmm_mirror_put() - the call is over
 * @mirror: from hmm_mirror_get()
 */
void hmm_mirror_put(struct hmm_mirror *mirror)
{
	struct hmm_device *device = mirror->device;

	spin_lock(&device->lock);
	mirror->users--;
	spin_unlock(&device->lock);
}

/**
 * hmm_mirror_table() - SECMMU_HMM_TABLE
 * @device: the device
 * @table: which mirror, and which part of it
 */
long hmm_mirror_table(struct hmm_device *device, struct secmmu_hmm_table *table)
{
	struct hmm_mirror *mirror;
	long error = -EINVAL;
	size_t pages, i;
	u64 *entries;

	if (table->reserved || !hmm_range_is_sane(table->start, table->end,
						  SECMMU_HMM_MIRROR_PAGES))
		return -EINVAL;
	mirror = hmm_mirror_get(device, table->mirror);
	if (!mirror)
		return -ENOENT;
	if (table->start < mirror->start || table->end > mirror->end)
		goto out;
	pages = (table->end - table->start) >> PAGE_SHIFT;
	error = -ENOMEM;
	entries = kvmalloc_array(pages, sizeof(*entries), GFP_KERNEL_ACCOUNT);
	if (!entries)
		goto out;
	mutex_lock(&mirror->lock);
	for (i = 0; i < pages; i++)
		entries[i] = hmm_table_to_user(
			mirror->table[((table->start - mirror->start) >>
				       PAGE_SHIFT) +
				      i]);
	mutex_unlock(&mirror->lock);
	error = 0;
	if (copy_to_user(u64_to_user_ptr(table->entries), entries,
			 pages * sizeof(*entries)))
		error = -EFAULT;
	kvfree(entries);
out:
	hmm_mirror_put(mirror);
	return error;
}

/**
 * hmm_mirror_counters() - SECMMU_HMM_COUNTERS
 * @device: the device
 * @counters: which mirror, and what it counted
 */
long hmm_mirror_counters(struct hmm_device *device,
			 struct secmmu_hmm_counters *counters)
{
	struct hmm_mirror *mirror;
	unsigned int i;

	if (counters->reserved)
		return -EINVAL;
	mirror = hmm_mirror_get(device, counters->mirror);
	if (!mirror)
		return -ENOENT;
	counters->faults = atomic64_read(&mirror->faults);
	counters->busy = atomic64_read(&mirror->busy);
	counters->retries = atomic64_read(&mirror->retries);
	counters->installed = atomic64_read(&mirror->installed);
	counters->dropped = atomic64_read(&mirror->dropped);
	counters->refused = atomic64_read(&mirror->refused);
	for (i = 0; i < SECMMU_HMM_EVENTS; i++)
		counters->invalidations[i] = atomic64_read(
			&mirror->invalidations[i]);
	hmm_mirror_put(mirror);
	return 0;
}
