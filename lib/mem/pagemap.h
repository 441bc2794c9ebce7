/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this process's page tables have, by /proc/self/pagemap
 * (Documentation/admin-guide/mm/pagemap.rst). Looking changes nothing.
 */
#ifndef SECMMU_PAGEMAP_H
#define SECMMU_PAGEMAP_H

#include <stdbool.h>

#include "core/types.h"

#define PAGEMAP_PRESENT	 (1ULL << 63)
#define PAGEMAP_SWAPPED	 (1ULL << 62)
#define PAGEMAP_PFN_MASK ((1ULL << 55) - 1)

/**
 * pagemap_swap_offset() - where a page is that is not present
 * @entry: with PAGEMAP_SWAPPED
 *
 * Return: the offset on its swap device; for a page of device memory, whose entry
 * looks like a swapped one, the page frame number.
 */
static inline u64 pagemap_swap_offset(u64 entry)
{
	/* MAX_SWAPFILES_SHIFT: what kind of swap entry it is stands below. */
	return (entry & PAGEMAP_PFN_MASK) >> 5;
}

struct pagemap;

/**
 * pagemap_open() - this process's page map
 *
 * Return: to be closed by pagemap_close().
 */
struct pagemap *pagemap_open(void);

/**
 * pagemap_read() - the entries of some pages
 * @pagemap: opened by pagemap_open()
 * @start: first address
 * @entries: one for each page is filled in; 0 for addresses that have no
 *	memory, or that no process can have
 * @pages: how many
 *
 * Page frame numbers are in them for root only.
 */
void pagemap_read(struct pagemap *pagemap, const void *start, u64 *entries,
		  u64 pages);

/**
 * pagemap_is_swapped() - is a page on a swap device?
 * @pagemap: opened by pagemap_open()
 * @address: in the page
 *
 * Return: whether it is.
 */
bool pagemap_is_swapped(struct pagemap *pagemap, const void *address);

/**
 * pagemap_close() - done with it
 * @pagemap: opened by pagemap_open()
 */
void pagemap_close(struct pagemap *pagemap);

#endif /* SECMMU_PAGEMAP_H */
