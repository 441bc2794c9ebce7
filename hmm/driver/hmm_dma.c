// SPDX-License-Identifier: GPL-2.0-only
/*
 * SECMMU_HMM_DMA_*: mirrored memory that a device reaches by DMA, through
 * hmm_dma_map_pfn() and its likes (since 6.16). A file has one such map; it is a
 * mirror whose page table has DMA mappings behind it, and an invalidation takes
 * them away.
 *
 * Locks, outermost first: hmm_device.dma_lock, maps_lock, mmap_lock, hmm_dma.lock.
 */
#include <linux/fs.h>
#include <linux/hmm.h>
#include <linux/jiffies.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "hmm_compat.h"
#include "hmm_device.h"

#if HMM_HAS_DMA
#include "hmm_dma.h"

/* What hmm_range_fault() must leave in an entry, and hmm_dma_map_pfn() sets. */
#define STICKY_FLAGS (HMM_PFN_DMA_MAPPED | HMM_PFN_P2PDMA | HMM_PFN_P2PDMA_BUS)

/* Protects the lists of maps and @mapped. Nothing that reclaims waits for it. */
static DEFINE_MUTEX(maps_lock);

/* Pages of all maps: the kernel charges their tables to nobody. */
static size_t mapped;

/* With the lock. Return: how many were mapped. */
static unsigned int unmap_range(struct hmm_dma *dma, unsigned long start,
				unsigned long end)
{
	unsigned long i, last = hmm_dma_index(dma, end);
	unsigned int count = 0;

	for (i = hmm_dma_index(dma, start); i < last; i++)
		count += hmm_dma_unmap_pfn(dma->function->dev, &dma->map, i);
	return count;
}

/* A function of its own so that prove/ can break it. */
static noinline bool hmm_dma_invalidate(struct mmu_interval_notifier *notifier,
					const struct mmu_notifier_range *range,
					unsigned long sequence)
{
	struct hmm_dma *dma = container_of(notifier, struct hmm_dma, notifier);
	unsigned long start = max(range->start, dma->start);
	unsigned long end = min(range->end, dma->end), i;

	if (mmu_notifier_range_blockable(range))
		mutex_lock(&dma->lock);
	else if (!mutex_trylock(&dma->lock))
		return false;
	mmu_interval_set_seq(notifier, sequence);
	if (!dma->gone) {
		unmap_range(dma, start, end);
		for (i = hmm_dma_index(dma, start); i < hmm_dma_index(dma, end);
		     i++)
			dma->map.pfn_list[i] = 0;
	}
	mutex_unlock(&dma->lock);
	return true;
}

static const struct mmu_interval_notifier_ops dma_operations = {
	.invalidate = hmm_dma_invalidate,
};

/* With maps_lock. What the function's device has of it ends. */
static void detach(struct hmm_dma *dma)
{
	if (dma->gone)
		return;
	mutex_lock(&dma->lock);
	unmap_range(dma, dma->start, dma->end);
	hmm_dma_map_free(dma->function->dev, &dma->map);
	list_del(&dma->link);
	mapped -= hmm_dma_index(dma, dma->end);
	dma->gone = true;
	mutex_unlock(&dma->lock);
}

/**
 * hmm_dma_revoke() - the function's device goes away
 * @function: what it is; no map of it is left afterwards, and none can be made
 */
void hmm_dma_revoke(struct hmm_function *function)
{
	struct hmm_dma *dma, *next;

	mutex_lock(&maps_lock);
	function->gone = true;
	list_for_each_entry_safe(dma, next, &function->maps, link)
		detach(dma);
	mutex_unlock(&maps_lock);
}

static void dma_free(struct hmm_dma *dma)
{
	mutex_lock(&maps_lock);
	detach(dma);
	mutex_unlock(&maps_lock);
	hmm_function_release(dma->function);
	mutex_destroy(&dma->lock);
	kfree(dma);
}

static long dma_end(struct hmm_device *device)
{
	struct hmm_dma *dma = device->dma;

	device->dma = NULL;
	mmu_interval_notifier_remove(&dma->notifier);
	dma_free(dma);
	return 0;
}

/**
 * hmm_dma_close() - at the device's last close
 * @device: no call is under way any more
 */
void hmm_dma_close(struct hmm_device *device)
{
	if (device->dma)
		dma_end(device);
}

/*
 * With maps_lock. Under a map that there is already the
 * mask must not change: what it maps later may be out of reach then, of which the
 * kernel warns (dma_direct_map_phys()).
 */
static int attach(struct hmm_dma *dma, struct hmm_function *function,
		  struct secmmu_hmm_dma_alloc *alloc)
{
	size_t pages = hmm_dma_index(dma, dma->end);
	u64 mask = DMA_BIT_MASK(alloc->mask_bits);
	int error;

	if (function->gone)
		return -ENODEV;
	if (pages > SECMMU_HMM_DMA_TOTAL - mapped)
		return -ENOSPC;
	if (!list_empty(&function->maps) && dma_get_mask(function->dev) != mask)
		return -EBUSY;
	error = dma_set_mask(function->dev, mask);
	if (!error)
		error = hmm_dma_map_alloc(function->dev, &dma->map, pages,
					  PAGE_SIZE);
	if (error)
		return error;
	alloc->features = 0;
	if (dma_use_iova(&dma->map.state))
		alloc->features |= SECMMU_HMM_DMA_IOVA;
	if (dma->map.dma_list)
		alloc->features |= SECMMU_HMM_DMA_LIST;
	mapped += pages;
	kref_get(&function->references);
	dma->function = function;
	list_add(&dma->link, &function->maps);
	return 0;
}

static int dma_new(struct hmm_device *device, struct hmm_function *function,
		   struct secmmu_hmm_dma_alloc *alloc)
{
	struct hmm_dma *dma = kzalloc(sizeof(*dma), GFP_KERNEL_ACCOUNT);
	int error;

	if (!dma)
		return -ENOMEM;
	mutex_init(&dma->lock);
	dma->start = alloc->start;
	dma->end = alloc->end;
	mutex_lock(&maps_lock);
	error = attach(dma, function, alloc);
	mutex_unlock(&maps_lock);
	if (error) {
		kfree(dma);
		return error;
	}
	error = -ESRCH;
	if (mmget_not_zero(device->mm)) {
		error = mmu_interval_notifier_insert(&dma->notifier, device->mm,
						     dma->start,
						     dma->end - dma->start,
						     &dma_operations);
		mmput(device->mm);
	}
	if (error) {
		dma_free(dma);
		return error;
	}
	device->dma = dma;
	return 0;
}

static long dma_alloc(struct hmm_device *device,
		      struct secmmu_hmm_dma_alloc *alloc)
{
	struct hmm_function *function;
	long error;

	if (alloc->features || alloc->mask_bits < 16 || alloc->mask_bits > 64 ||
	    !hmm_range_is_sane(alloc->start, alloc->end, SECMMU_HMM_DMA_PAGES))
		return -EINVAL;
	if (device->dma)
		return -EBUSY;
	function = hmm_function_find(alloc->function);
	if (!function)
		return -ENODEV;
	error = dma_new(device, function, alloc);
	hmm_function_release(function);
	return error;
}

static u64 entry_to_user(unsigned long entry)
{
	u64 out = hmm_entry_to_user(entry);

	if (entry & HMM_PFN_DMA_MAPPED)
		out |= SECMMU_HMM_DMA_MAPPED;
	if (entry & HMM_PFN_P2PDMA)
		out |= SECMMU_HMM_DMA_PEER;
	if (entry & HMM_PFN_P2PDMA_BUS)
		out |= SECMMU_HMM_DMA_PEER_BUS;
	return out;
}

/*
 * hmm_range_fault() does not work on the map's own entries: it is not under the
 * lock, and an invalidation may take flags out of an entry at the time that the
 * walk writes it.
 */
static int walk(struct hmm_device *device, struct hmm_dma *dma,
		struct hmm_range *range)
{
	unsigned long first = hmm_dma_index(dma, range->start);
	unsigned long pages = (range->end - range->start) >> PAGE_SHIFT, i;
	struct mm_struct *mm = device->mm;
	int error;

	mutex_lock(&dma->lock);
	for (i = 0; i < pages && !dma->gone; i++)
		range->hmm_pfns[i] = dma->map.pfn_list[first + i] &
				     STICKY_FLAGS;
	error = dma->gone ? -ENODEV : 0;
	mutex_unlock(&dma->lock);
	if (error)
		return error;
	if (!mmget_not_zero(mm))
		return -ESRCH;
	range->notifier_seq = mmu_interval_read_begin(&dma->notifier);
	error = mmap_read_lock_killable(mm);
	if (!error) {
		error = hmm_range_fault(range);
		mmap_read_unlock(mm);
	}
	mmput(mm);
	return error;
}

/*
 * What the walk found becomes the entry. Nothing was invalidated since the walk
 * began, so a page that is mapped for DMA is the same page still, and the walk
 * has left its flags; else the kernel is wrong, and the mapping must go.
 */
static void install(struct hmm_dma *dma, unsigned long index,
		    unsigned long found, struct secmmu_hmm_dma_map *map)
{
	unsigned long *entry = &dma->map.pfn_list[index];
	unsigned long sticky = *entry & STICKY_FLAGS;

	if ((sticky & HMM_PFN_DMA_MAPPED) &&
	    (!(found & HMM_PFN_VALID) || (sticky & ~found) ||
	     ((found ^ *entry) & ~HMM_PFN_FLAGS))) {
		map->lost++;
		hmm_dma_unmap_pfn(dma->function->dev, &dma->map, index);
		sticky = 0;
	}
	*entry = (found & ~STICKY_FLAGS) | sticky;
}

/* With the lock, and nothing invalidated since the walk began. */
static void map_pages(struct hmm_dma *dma, const struct hmm_range *range,
		      struct secmmu_hmm_dma_map *map, u64 *entries,
		      u64 *addresses)
{
	unsigned long first = hmm_dma_index(dma, range->start), i;
	unsigned long pages = (range->end - range->start) >> PAGE_SHIFT;

	for (i = 0; i < pages; i++) {
		unsigned long *entry = &dma->map.pfn_list[first + i];
		dma_addr_t address = DMA_MAPPING_ERROR;

		install(dma, first + i, range->hmm_pfns[i], map);
		if (*entry & HMM_PFN_VALID) {
			address = hmm_dma_map_pfn(dma->function->dev, &dma->map,
						  first + i, &dma->peer);
			if (address == DMA_MAPPING_ERROR)
				map->failed++;
		}
		addresses[i] = address;
		entries[i] = entry_to_user(*entry);
	}
}

static int map_once(struct hmm_device *device, struct hmm_dma *dma,
		    struct hmm_range *range, struct secmmu_hmm_dma_map *map,
		    u64 *entries, u64 *addresses)
{
	int error = walk(device, dma, range);

	if (error == -EBUSY)
		return -EAGAIN;
	if (error == -ESRCH || error == -EINTR || error == -ENODEV)
		return error;
	map->error = error;
	if (error)
		return 0;
	mutex_lock(&dma->lock);
	if (dma->gone)
		error = -ENODEV;
	else if (mmu_interval_read_retry(&dma->notifier, range->notifier_seq))
		error = -EAGAIN;
	else
		map_pages(dma, range, map, entries, addresses);
	mutex_unlock(&dma->lock);
	return error;
}

static long map_range(struct hmm_device *device, struct hmm_dma *dma,
		      struct secmmu_hmm_dma_map *map, struct hmm_range *range,
		      u64 *entries, u64 *addresses)
{
	unsigned long give_up = jiffies + msecs_to_jiffies(SECMMU_HMM_PAUSE_MS);
	size_t bytes = (map->end - map->start) >> PAGE_SHIFT << 3;
	long error;

	do {
		map->lost = 0;
		map->failed = 0;
		error = map_once(device, dma, range, map, entries, addresses);
		if (error == -EAGAIN && fatal_signal_pending(current))
			error = -EINTR;
		else if (error == -EAGAIN && time_after(jiffies, give_up))
			error = -EBUSY;
		cond_resched();
	} while (error == -EAGAIN);
	if (error || map->error)
		return error;
	if (copy_to_user(u64_to_user_ptr(map->entries), entries, bytes) ||
	    copy_to_user(u64_to_user_ptr(map->addresses), addresses, bytes))
		return -EFAULT;
	return 0;
}

static long dma_map(struct hmm_device *device, struct hmm_dma *dma,
		    struct secmmu_hmm_dma_map *map)
{
	unsigned long pages = (map->end - map->start) >> PAGE_SHIFT;
	struct hmm_range range = {
		.notifier = &dma->notifier,
		.start = map->start,
		.end = map->end,
		.dev_private_owner = device,
	};
	u64 *results = kvcalloc(pages, 2 * sizeof(*results),
				GFP_KERNEL_ACCOUNT);
	long error = -ENOMEM;

	if (map->requests & SECMMU_HMM_REQ_FAULT)
		range.default_flags |= HMM_PFN_REQ_FAULT;
	if (map->requests & SECMMU_HMM_REQ_WRITE)
		range.default_flags |= HMM_PFN_REQ_WRITE;
	range.hmm_pfns = kvcalloc(pages, sizeof(*range.hmm_pfns),
				  GFP_KERNEL_ACCOUNT);
	map->error = 0;
	if (results && range.hmm_pfns)
		error = map_range(device, dma, map, &range, results,
				  results + pages);
	kvfree(range.hmm_pfns);
	kvfree(results);
	return error;
}

/* SECMMU_HMM_DMA_UNMAP, and SECMMU_HMM_DMA_LOOK, which changes nothing. */
static long dma_range(struct hmm_dma *dma, struct secmmu_hmm_dma_range *range,
		      bool unmap)
{
	unsigned long first = hmm_dma_index(dma, range->start), i;
	unsigned long pages = (range->end - range->start) >> PAGE_SHIFT;
	u64 *entries = kvcalloc(pages, sizeof(*entries), GFP_KERNEL_ACCOUNT);
	long error;

	if (!entries)
		return -ENOMEM;
	range->count = 0;
	mutex_lock(&dma->lock);
	error = dma->gone ? -ENODEV : 0;
	if (!error && unmap)
		range->count = unmap_range(dma, range->start, range->end);
	for (i = 0; i < pages && !error; i++)
		entries[i] = entry_to_user(dma->map.pfn_list[first + i]);
	mutex_unlock(&dma->lock);
	if (!error && copy_to_user(u64_to_user_ptr(range->entries), entries,
				   pages * sizeof(*entries)))
		error = -EFAULT;
	kvfree(entries);
	return error;
}

static bool range_is_in(const struct hmm_dma *dma, u64 start, u64 end)
{
	return hmm_range_is_sane(start, end, SECMMU_HMM_DMA_CALL_PAGES) &&
	       start >= dma->start && end <= dma->end;
}

static bool map_is_sane(const struct hmm_dma *dma,
			const struct secmmu_hmm_dma_map *map)
{
	return range_is_in(dma, map->start, map->end) &&
	       !(map->requests &
		 ~(SECMMU_HMM_REQ_FAULT | SECMMU_HMM_REQ_WRITE));
}

/* With the device's dma_lock, and a map. */
static long dma_call(struct hmm_device *device, unsigned int command,
		     void *argument)
{
	struct hmm_dma *dma = device->dma;
	struct secmmu_hmm_dma_range *range = argument;

	switch (command) {
	case SECMMU_HMM_DMA_MAP:
		return map_is_sane(dma, argument) ?
			       dma_map(device, dma, argument) :
			       -EINVAL;
	case SECMMU_HMM_DMA_COPY:
		return hmm_dma_copy(dma, argument);
	default:
		if (range->reserved ||
		    !range_is_in(dma, range->start, range->end))
			return -EINVAL;
		return dma_range(dma, range, command == SECMMU_HMM_DMA_UNMAP);
	}
}

/**
 * hmm_dma() - any of SECMMU_HMM_DMA_*
 * @device: the device
 * @command: which one
 * @argument: its structure
 */
long hmm_dma(struct hmm_device *device, unsigned int command, void *argument)
{
	long error;

	if (mutex_lock_killable(&device->dma_lock))
		return -EINTR;
	if (command == SECMMU_HMM_DMA_ALLOC)
		error = dma_alloc(device, argument);
	else if (!device->dma)
		error = -ENOENT;
	else if (command == SECMMU_HMM_DMA_FREE)
		error = dma_end(device);
	else
		error = dma_call(device, command, argument);
	mutex_unlock(&device->dma_lock);
	return error;
}
#else
void hmm_dma_close(struct hmm_device *device)
{
}

long hmm_dma(struct hmm_device *device, unsigned int command, void *argument)
{
	return -EOPNOTSUPP;
}
#endif
