/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Idle page tracking (Documentation/admin-guide/mm/idle_page_tracking.rst). The
 * kernel clears the access flags of all mappings of a page, secondary ones by
 * MMU notifiers (page_idle_clear_pte_refs()), when a page is marked and when
 * the bitmap is read.
 */
#ifndef SECMMU_PAGE_IDLE_H
#define SECMMU_PAGE_IDLE_H

#include "core/types.h"

struct page_idle;

/**
 * page_idle_open() - open the bitmap, or skip the case if the kernel has none
 *
 * Return: handle for page_idle_close().
 */
struct page_idle *page_idle_open(void);

/**
 * page_idle_mark() - mark pages of this process idle
 * @idle: opened
 * @address: the first page
 * @pages: number of pages; of a huge page the first one counts
 *
 * The kernel skips pages that are on no LRU list.
 */
void page_idle_mark(struct page_idle *idle, const void *address, u64 pages);

/**
 * page_idle_read() - which pages of this process are idle
 * @idle: opened
 * @address: the first page
 * @pages: how many
 * @bitmap: set bits: pages that are marked and were not accessed since
 *
 * A page whose bit is clear is no longer marked, or is among the last pages of
 * memory (fewer than 64), which the kernel does not report.
 */
void page_idle_read(struct page_idle *idle, const void *address, u64 pages,
		    unsigned long *bitmap);

/**
 * page_idle_close() - close the bitmap
 * @idle: opened
 */
void page_idle_close(struct page_idle *idle);

#endif /* SECMMU_PAGE_IDLE_H */
