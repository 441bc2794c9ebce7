/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries of this process's page tables, read from /proc/self/pagemap
 * (Documentation/admin-guide/mm/pagemap.rst). Reading changes nothing.
 */
#ifndef SECMMU_PAGEMAP_H
#define SECMMU_PAGEMAP_H

#include <stdbool.h>

#include "core/types.h"

#define PAGEMAP_PRESENT	 (1ULL << 63)
#define PAGEMAP_SWAPPED	 (1ULL << 62)
#define PAGEMAP_PFN_MASK ((1ULL << 55) - 1)

/**
 * pagemap_swap_offset() - offset in the entry of a page that is not present
 * @entry: with PAGEMAP_SWAPPED
 *
 * Return: the offset on the swap device, in pages; for a page of device memory, whose
 * entry looks like a swapped one, the page frame number.
 */
static inline u64 pagemap_swap_offset(u64 entry)
{
	/* MAX_SWAPFILES_SHIFT: the low bits are the type of the swap entry. */
	return (entry & PAGEMAP_PFN_MASK) >> 5;
}

struct pagemap;

/**
 * pagemap_open() - open this process's page map
 *
 * Return: the page map, which pagemap_close() closes.
 */
struct pagemap *pagemap_open(void);

/**
 * pagemap_read() - read the entries of some pages
 * @pagemap: opened by pagemap_open()
 * @start: first address
 * @entries: one for each page, filled in; 0 for addresses without memory
 * @pages: number of pages
 *
 * The entries have page frame numbers for root only.
 */
void pagemap_read(struct pagemap *pagemap, const void *start, u64 *entries,
		  u64 pages);

/**
 * pagemap_is_swapped() - is a page on a swap device?
 * @pagemap: opened by pagemap_open()
 * @address: an address in the page
 *
 * Return: whether it is.
 */
bool pagemap_is_swapped(struct pagemap *pagemap, const void *address);

/**
 * pagemap_close() - close the page map
 * @pagemap: opened by pagemap_open()
 */
void pagemap_close(struct pagemap *pagemap);

#endif /* SECMMU_PAGEMAP_H */
