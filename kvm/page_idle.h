/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which pages nobody has accessed (Documentation/admin-guide/mm/
 * idle_page_tracking.rst). The kernel asks all page tables that map a page,
 * secondary ones by MMU notifiers (page_idle_clear_pte_refs()), both when a page
 * is marked and when it is looked at.
 */
#ifndef SECMMU_PAGE_IDLE_H
#define SECMMU_PAGE_IDLE_H

#include "core/types.h"

struct page_idle;

/**
 * page_idle_open() - begin, or skip the case where the kernel cannot tell
 *
 * Return: to be closed by page_idle_close().
 */
struct page_idle *page_idle_open(void);

/**
 * page_idle_mark() - mark pages of this process idle
 * @idle: opened
 * @address: the first page
 * @pages: how many; of a huge page the first one counts
 *
 * The kernel passes over pages that are on no LRU list at the moment.
 */
void page_idle_mark(struct page_idle *idle, const void *address, u64 pages);

/**
 * page_idle_read() - which of them are
 * @idle: opened
 * @address: the first page
 * @pages: how many
 * @bitmap: a bit for each: it is marked, and nobody has accessed it since
 *
 * Pages of which a bit is clear are not marked any more.
 */
void page_idle_read(struct page_idle *idle, const void *address, u64 pages,
		    unsigned long *bitmap);

/**
 * page_idle_close() - done with it
 * @idle: opened
 */
void page_idle_close(struct page_idle *idle);

#endif /* SECMMU_PAGE_IDLE_H */
