/* SPDX-License-Identifier: GPL-2.0-only */
/* A set of physical pages. */
#ifndef AVIC_PAGE_SET_H
#define AVIC_PAGE_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "core/types.h"

struct page_set;

/**
 * page_set_new() - an empty set
 *
 * Return: freed by free().
 */
struct page_set *page_set_new(void);

/**
 * page_set_clear() - make it empty
 * @set: the set
 */
void page_set_clear(struct page_set *set);

/**
 * page_set_add() - add a page
 * @set: the set; has room for some 50000, more fails the case
 * @page: its address, not 0
 */
void page_set_add(struct page_set *set, u64 page);

/**
 * page_set_has() - is a page in it?
 * @set: the set
 * @page: its address, not 0
 *
 * Return: whether it is.
 */
bool page_set_has(const struct page_set *set, u64 page);

/**
 * page_set_next() - go through it
 * @set: the set
 * @position: 0 at first, then what it was left at
 *
 * Return: a page; 0 after the last one.
 */
u64 page_set_next(const struct page_set *set, size_t *position);

#endif /* AVIC_PAGE_SET_H */
