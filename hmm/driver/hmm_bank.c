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
#include "hmm_bank.h"
#include "hmm_compat.h"

static struct hmm_bank banks[SECMMU_HMM_BANKS];

/**
 * hmm_bank() - a bank by its number
 * @number: given by user space
 *
 * Return: the bank, which may not be made yet, or NULL.
 */
struct hmm_bank *hmm_bank(unsigned int number)
{
	if (number >= SECMMU_HMM_BANKS)
		return NULL;
	return &banks[array_index_nospec(number, SECMMU_HMM_BANKS)];
}

#if IS_ENABLED(CONFIG_DEVICE_PRIVATE)
#define BANK_BYTES ((u64)SECMMU_HMM_BANK_PAGES * PAGE_SIZE)

/* What a page begins with that is not in use: nobody should ever see it. */
#define NOBODY 0xdeadba2cdeadba2cULL

static unsigned long first_pfn(const struct hmm_bank *bank)
{
	return PHYS_PFN(bank->pagemap.range.start);
}

static struct hmm_bank *bank_of(struct page *page)
{
	return container_of(hmm_page_pagemap(page), struct hmm_bank, pagemap);
}

static void *contents_of(struct page *page)
{
	const struct hmm_bank *bank = bank_of(page);

	return bank->contents +
	       (page_to_pfn(page) - first_pfn(bank)) * PAGE_SIZE;
}

/* The last reference to a page is gone. Called with spinlocks held. */
static void hmm_bank_free(hmm_freed *freed)
{
	struct page *page = hmm_freed_page(freed);
	unsigned long pages = 1UL << hmm_freed_order(freed), i;
	struct hmm_bank *bank = bank_of(page);
	bool last;

	for (i = 0; i < pages; i++)
		*(u64 *)(contents_of(page) + i * PAGE_SIZE) = NOBODY;
	spin_lock(&bank->lock);
	bitmap_clear(bank->taken, page_to_pfn(page) - first_pfn(bank), pages);
	bank->used -= pages;
	last = !bank->used;
	spin_unlock(&bank->lock);
	if (last)
		module_put(THIS_MODULE);
}

static vm_fault_t hmm_bank_fault(struct vm_fault *fault)
{
	struct hmm_bank *bank = bank_of(fault->page);

	atomic64_inc(&bank->faults);
	return hmm_transfer_fault(bank, fault);
}

/*
 * No folio_split(): it is for who has data of his own with every page. What is in
 * a page is found by the page's number here, split or not.
 */
static const struct dev_pagemap_ops bank_operations = {
	.hmm_page_free = hmm_bank_free,
	.migrate_to_ram = hmm_bank_fault,
};

static int make(struct hmm_bank *bank)
{
	struct dev_pagemap *pagemap = &bank->pagemap;
	struct resource *addresses;
	void *error;

	bank->contents = vmalloc(BANK_BYTES);
	if (!bank->contents)
		return -ENOMEM;
	addresses = request_free_mem_region(&iomem_resource, BANK_BYTES,
					    "secmmu_hmm");
	if (IS_ERR(addresses)) {
		vfree(bank->contents);
		return PTR_ERR(addresses);
	}
	pagemap->type = MEMORY_DEVICE_PRIVATE;
	pagemap->range.start = addresses->start;
	pagemap->range.end = addresses->end;
	pagemap->nr_range = 1;
	pagemap->ops = &bank_operations;
	pagemap->owner = bank;
	error = memremap_pages(pagemap, numa_mem_id());
	if (IS_ERR(error)) {
		release_mem_region(addresses->start, BANK_BYTES);
		vfree(bank->contents);
		return PTR_ERR(error);
	}
	return 0;
}

/**
 * hmm_bank_make() - have the bank's pages, from the first need on
 * @bank: the bank
 *
 * Context: takes the locks of memory hotplug.
 */
int hmm_bank_make(struct hmm_bank *bank)
{
	int error = 0;

	mutex_lock(&bank->making);
	if (!bank->made)
		error = make(bank);
	if (!error)
		bank->made = true;
	mutex_unlock(&bank->making);
	return error;
}

/**
 * hmm_bank_fails() - is this allocation one that is to fail?
 * @bank: the bank
 * @what: what would be allocated
 */
bool hmm_bank_fails(struct hmm_bank *bank, enum secmmu_hmm_failure what)
{
	struct hmm_failure *failure = &bank->failures[what];
	bool fails = false;

	spin_lock(&bank->lock);
	if (failure->count && failure->skip) {
		failure->skip--;
	} else if (failure->count) {
		failure->count--;
		fails = true;
	}
	spin_unlock(&bank->lock);
	return fails;
}

/**
 * hmm_bank_take() - a free page
 * @bank: was made
 * @order: pages that are one, aligned; this many, as a power of two
 *
 * Return: the page, locked, with one reference and contents of somebody else; or
 * NULL if there is none.
 */
struct page *hmm_bank_take(struct hmm_bank *bank, unsigned int order)
{
	unsigned long pages = 1UL << order, first;
	struct page *page;

	if (hmm_bank_fails(bank, order ? SECMMU_HMM_FAIL_BANK_WHOLE :
					 SECMMU_HMM_FAIL_BANK))
		return NULL;
	spin_lock(&bank->lock);
	first = bitmap_find_next_zero_area(bank->taken, SECMMU_HMM_BANK_PAGES,
					   0, pages, pages - 1);
	if (first >= SECMMU_HMM_BANK_PAGES) {
		spin_unlock(&bank->lock);
		return NULL;
	}
	bitmap_set(bank->taken, first, pages);
	if (!bank->used)
		__module_get(THIS_MODULE);
	bank->used += pages;
	spin_unlock(&bank->lock);

	page = pfn_to_page(first_pfn(bank) + first);
	hmm_device_page_init(page, &bank->pagemap, order);
	return page;
}

static void unmake(struct hmm_bank *bank)
{
	if (!bank->made)
		return;
	memunmap_pages(&bank->pagemap);
	release_mem_region(bank->pagemap.range.start, BANK_BYTES);
	vfree(bank->contents);
}
#else
static void unmake(struct hmm_bank *bank)
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
 * hmm_bank_look() - SECMMU_HMM_BANK
 * @look: which bank, and what it has
 */
long hmm_bank_look(struct secmmu_hmm_bank *look)
{
	struct hmm_bank *bank = hmm_bank(look->bank);

	if (!bank || look->reserved)
		return -EINVAL;
	if (!IS_ENABLED(CONFIG_DEVICE_PRIVATE))
		return -EOPNOTSUPP;
	spin_lock(&bank->lock);
	look->used = bank->used;
	spin_unlock(&bank->lock);
	look->pages = SECMMU_HMM_BANK_PAGES;
	look->faults = atomic64_read(&bank->faults);
	return 0;
}

/**
 * hmm_bank_own() - SECMMU_HMM_OWN
 * @device: the device
 * @number: which bank
 */
long hmm_bank_own(struct hmm_device *device, struct secmmu_hmm_number *number)
{
	struct hmm_bank *bank = hmm_bank(number->mirror);

	if (!bank || number->reserved)
		return -EINVAL;
	if (!IS_ENABLED(CONFIG_DEVICE_PRIVATE))
		return -EOPNOTSUPP;
	WRITE_ONCE(device->own, bank);
	return 0;
}

/**
 * hmm_bank_set_failure() - SECMMU_HMM_FAIL
 * @device: who wants it
 * @fail: what is to fail
 */
long hmm_bank_set_failure(struct hmm_device *device,
			  struct secmmu_hmm_fail *fail)
{
	struct hmm_bank *bank = hmm_bank(fail->bank);
	struct hmm_failure *failure;

	if (!bank || fail->what >= SECMMU_HMM_FAIL_KINDS ||
	    fail->count > SECMMU_HMM_FAILURES)
		return -EINVAL;
	if (!IS_ENABLED(CONFIG_DEVICE_PRIVATE))
		return -EOPNOTSUPP;
	failure = &bank->failures[array_index_nospec(fail->what,
						     SECMMU_HMM_FAIL_KINDS)];
	spin_lock(&bank->lock);
	failure->skip = fail->skip;
	failure->count = fail->count;
	failure->device = device;
	spin_unlock(&bank->lock);
	return 0;
}

/**
 * hmm_bank_forget() - nothing is to fail any more that this device wanted to
 * @device: being closed
 */
void hmm_bank_forget(struct hmm_device *device)
{
	unsigned int i, what;

	for (i = 0; i < SECMMU_HMM_BANKS; i++) {
		struct hmm_bank *bank = &banks[i];

		spin_lock(&bank->lock);
		for (what = 0; what < SECMMU_HMM_FAIL_KINDS; what++)
			if (bank->failures[what].device == device)
				bank->failures[what] = (struct hmm_failure){};
		spin_unlock(&bank->lock);
	}
}

/**
 * hmm_banks_init() - before any other function here
 */
void hmm_banks_init(void)
{
	unsigned int i;

	for (i = 0; i < SECMMU_HMM_BANKS; i++) {
		mutex_init(&banks[i].making);
		spin_lock_init(&banks[i].lock);
	}
}

/**
 * hmm_banks_exit() - give all memory back; no page of it is in use any more
 */
void hmm_banks_exit(void)
{
	unsigned int i;

	for (i = 0; i < SECMMU_HMM_BANKS; i++)
		unmake(&banks[i]);
}
