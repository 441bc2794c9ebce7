// SPDX-License-Identifier: GPL-2.0-only
/*
 * Banks: memory of devices that CPUs cannot reach (MEMORY_DEVICE_PRIVATE), as
 * Documentation/mm/hmm.rst has it. Here it is ordinary memory behind the scenes.
 *
 * Pages of a bank belong to address spaces, not to the file by which they came
 * here. So a bank belongs to the module, and the module stays as long as a page is
 * in use. Its exit function then waits in memunmap_pages() for the last page's
 * release to have returned from this code: free_zone_device_folio() drops its
 * reference to the pagemap after that.
 */
#include <linux/bitmap.h>
#include <linux/highmem.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/vmalloc.h>
#include "hmm_devmem.h"
#include "hmm_compat.h"

static struct hmm_devmem devmems[SECMMU_HMM_DEVMEMS];

/**
 * hmm_devmem() - a bank by its number
 * @number: given by user space
 *
 * Return: the bank, which may not be made yet, or NULL.
 */
struct hmm_devmem *hmm_devmem(unsigned int number)
{
	if (number >= SECMMU_HMM_DEVMEMS)
		return NULL;
	return &devmems[array_index_nospec(number, SECMMU_HMM_DEVMEMS)];
}

#if IS_ENABLED(CONFIG_DEVICE_PRIVATE)
#define DEVMEM_BYTES ((u64)SECMMU_HMM_DEVMEM_PAGES * PAGE_SIZE)

/* What a page begins with that is not in use: nobody should ever see it. */
#define NOBODY 0xdeadba2cdeadba2cULL

static unsigned long first_pfn(const struct hmm_devmem *devmem)
{
	return PHYS_PFN(devmem->pagemap.range.start);
}

static struct hmm_devmem *devmem_of(struct page *page)
{
	return container_of(hmm_page_pagemap(page), struct hmm_devmem, pagemap);
}

static void *contents_of(struct page *page)
{
	const struct hmm_devmem *devmem = devmem_of(page);

	return devmem->contents +
	       (page_to_pfn(page) - first_pfn(devmem)) * PAGE_SIZE;
}

/* The last reference to a page is gone. Called with spinlocks held. */
static void hmm_devmem_free(hmm_freed *freed)
{
	struct page *page = hmm_freed_page(freed);
	unsigned long pages = 1UL << hmm_freed_order(freed), i;
	struct hmm_devmem *devmem = devmem_of(page);
	bool last;

	for (i = 0; i < pages; i++)
		*(u64 *)(contents_of(page) + i * PAGE_SIZE) = NOBODY;
	spin_lock(&devmem->lock);
	bitmap_clear(devmem->taken, page_to_pfn(page) - first_pfn(devmem),
		     pages);
	devmem->used -= pages;
	last = !devmem->used;
	spin_unlock(&devmem->lock);
	if (last)
		module_put(THIS_MODULE);
}

static vm_fault_t hmm_devmem_fault(struct vm_fault *fault)
{
	struct hmm_devmem *devmem = devmem_of(fault->page);

	atomic64_inc(&devmem->faults);
	return hmm_transfer_fault(devmem, fault);
}

/*
 * No folio_split(): it is for who has data of his own with every page. What is in
 * a page is found by the page's number here, split or not.
 */
static const struct dev_pagemap_ops devmem_operations = {
	.hmm_page_free = hmm_devmem_free,
	.migrate_to_ram = hmm_devmem_fault,
};

/*
 * request_free_mem_region() rounds the size up to a section of memory: release
 * what it returned, not what was asked for.
 */
static void devmem_release(const struct dev_pagemap *pagemap)
{
	release_mem_region(pagemap->range.start, range_len(&pagemap->range));
}

static int make(struct hmm_devmem *devmem)
{
	struct dev_pagemap *pagemap = &devmem->pagemap;
	struct resource *addresses;
	void *error;

	devmem->contents = vmalloc(DEVMEM_BYTES);
	if (!devmem->contents)
		return -ENOMEM;
	addresses = request_free_mem_region(&iomem_resource, DEVMEM_BYTES,
					    "secmmu_hmm");
	if (IS_ERR(addresses)) {
		vfree(devmem->contents);
		return PTR_ERR(addresses);
	}
	pagemap->type = MEMORY_DEVICE_PRIVATE;
	pagemap->range.start = addresses->start;
	pagemap->range.end = addresses->end;
	pagemap->nr_range = 1;
	pagemap->ops = &devmem_operations;
	pagemap->owner = devmem;
	error = memremap_pages(pagemap, numa_mem_id());
	if (IS_ERR(error)) {
		devmem_release(pagemap);
		vfree(devmem->contents);
		return PTR_ERR(error);
	}
	return 0;
}

/**
 * hmm_devmem_make() - have the bank's pages, from the first need on
 * @devmem: the bank
 *
 * Context: takes the locks of memory hotplug.
 */
int hmm_devmem_make(struct hmm_devmem *devmem)
{
	int error = 0;

	mutex_lock(&devmem->making);
	if (!devmem->made)
		error = make(devmem);
	if (!error)
		devmem->made = true;
	mutex_unlock(&devmem->making);
	return error;
}

/**
 * hmm_devmem_fails() - is this allocation one that is to fail?
 * @devmem: the bank
 * @what: what would be allocated
 */
bool hmm_devmem_fails(struct hmm_devmem *devmem, enum secmmu_hmm_failure what)
{
	struct hmm_failure *failure = &devmem->failures[what];
	bool fails = false;

	spin_lock(&devmem->lock);
	if (failure->count && failure->skip) {
		failure->skip--;
	} else if (failure->count) {
		failure->count--;
		fails = true;
	}
	spin_unlock(&devmem->lock);
	return fails;
}

/**
 * hmm_devmem_take() - a free page
 * @devmem: was made
 * @order: pages that are one, aligned; this many, as a power of two
 *
 * Return: the page, locked, with one reference and contents of somebody else; or
 * NULL if there is none.
 */
struct page *hmm_devmem_take(struct hmm_devmem *devmem, unsigned int order)
{
	unsigned long pages = 1UL << order, first;
	struct page *page;

	if (hmm_devmem_fails(devmem, order ? SECMMU_HMM_FAIL_DEVMEM_WHOLE :
					     SECMMU_HMM_FAIL_DEVMEM))
		return NULL;
	spin_lock(&devmem->lock);
	first = bitmap_find_next_zero_area(devmem->taken,
					   SECMMU_HMM_DEVMEM_PAGES, 0, pages,
					   pages - 1);
	if (first >= SECMMU_HMM_DEVMEM_PAGES) {
		spin_unlock(&devmem->lock);
		return NULL;
	}
	bitmap_set(devmem->taken, first, pages);
	if (!devmem->used)
		__module_get(THIS_MODULE);
	devmem->used += pages;
	spin_unlock(&devmem->lock);

	page = pfn_to_page(first_pfn(devmem) + first);
	hmm_device_page_init(page, &devmem->pagemap, order);
	return page;
}

static void unmake(struct hmm_devmem *devmem)
{
	if (!devmem->made)
		return;
	memunmap_pages(&devmem->pagemap);
	devmem_release(&devmem->pagemap);
	vfree(devmem->contents);
}
#else
static void unmake(struct hmm_devmem *devmem)
{
}
#endif

/**
 * hmm_page_map() - what is in a page, wherever it is
 * @page: the page
 *
 * Return: its address until hmm_page_unmap(); these nest.
 */
void *hmm_page_map(struct page *page)
{
#if IS_ENABLED(CONFIG_DEVICE_PRIVATE)
	if (is_device_private_page(page))
		return contents_of(page);
#endif
	return kmap_local_page(page);
}

/**
 * hmm_page_unmap() - end of it
 * @page: the page
 * @contents: what hmm_page_map() returned
 */
void hmm_page_unmap(struct page *page, void *contents)
{
	if (!is_device_private_page(page))
		kunmap_local(contents);
}

/**
 * hmm_devmem_look() - SECMMU_HMM_DEVMEM
 * @look: which bank, and what it has
 */
long hmm_devmem_look(struct secmmu_hmm_devmem *look)
{
	struct hmm_devmem *devmem = hmm_devmem(look->devmem);

	if (!devmem || look->reserved)
		return -EINVAL;
	if (!IS_ENABLED(CONFIG_DEVICE_PRIVATE))
		return -EOPNOTSUPP;
	spin_lock(&devmem->lock);
	look->used = devmem->used;
	spin_unlock(&devmem->lock);
	look->pages = SECMMU_HMM_DEVMEM_PAGES;
	look->faults = atomic64_read(&devmem->faults);
	return 0;
}

/**
 * hmm_devmem_own() - SECMMU_HMM_OWNER
 * @device: the device
 * @number: which bank
 */
long hmm_devmem_own(struct hmm_device *device, struct secmmu_hmm_number *number)
{
	struct hmm_devmem *devmem = hmm_devmem(number->mirror);

	if (!devmem || number->reserved)
		return -EINVAL;
	if (!IS_ENABLED(CONFIG_DEVICE_PRIVATE))
		return -EOPNOTSUPP;
	WRITE_ONCE(device->own, devmem);
	return 0;
}

/**
 * hmm_devmem_set_failure() - SECMMU_HMM_FAIL
 * @device: who wants it
 * @fail: what is to fail
 */
long hmm_devmem_set_failure(struct hmm_device *device,
			    struct secmmu_hmm_fail *fail)
{
	struct hmm_devmem *devmem = hmm_devmem(fail->devmem);
	struct hmm_failure *failure;

	if (!devmem || fail->what >= SECMMU_HMM_FAIL_KINDS ||
	    fail->count > SECMMU_HMM_FAILURES)
		return -EINVAL;
	if (!IS_ENABLED(CONFIG_DEVICE_PRIVATE))
		return -EOPNOTSUPP;
	failure = &devmem->failures[array_index_nospec(fail->what,
						       SECMMU_HMM_FAIL_KINDS)];
	spin_lock(&devmem->lock);
	failure->skip = fail->skip;
	failure->count = fail->count;
	failure->device = device;
	spin_unlock(&devmem->lock);
	return 0;
}

/**
 * hmm_devmem_forget() - nothing is to fail any more that this device wanted to
 * @device: being closed
 */
void hmm_devmem_forget(struct hmm_device *device)
{
	unsigned int i, what;

	for (i = 0; i < SECMMU_HMM_DEVMEMS; i++) {
		struct hmm_devmem *devmem = &devmems[i];

		spin_lock(&devmem->lock);
		for (what = 0; what < SECMMU_HMM_FAIL_KINDS; what++)
			if (devmem->failures[what].device == device)
				devmem->failures[what] = (struct hmm_failure){};
		spin_unlock(&devmem->lock);
	}
}

/**
 * hmm_devmems_init() - before any other function here
 */
void hmm_devmems_init(void)
{
	unsigned int i;

	for (i = 0; i < SECMMU_HMM_DEVMEMS; i++) {
		mutex_init(&devmems[i].making);
		spin_lock_init(&devmems[i].lock);
	}
}

/**
 * hmm_devmems_exit() - give all memory back; no page of it is in use any more
 */
void hmm_devmems_exit(void)
{
	unsigned int i;

	for (i = 0; i < SECMMU_HMM_DEVMEMS; i++)
		unmake(&devmems[i]);
}
