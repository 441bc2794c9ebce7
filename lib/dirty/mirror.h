/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mirror oracle: no write is ever lost.
 *
 * A copy of a slot is updated only by what the dirty log reports. When no vCPU runs and
 * the log is empty, both must be equal byte for byte: a page that differs was written
 * and not reported.
 *
 * It is exact because of the order of steps, which dirty/protocol.c keeps for tests:
 *
 *   enable	mirror_copy_all() after the ioctl that enables has returned: from
 *		then on every write is logged. With INITIALLY_SET nothing is
 *		protected yet, but every page is dirty until its first clear, so
 *		the first harvest of all pages is that copy.
 *   harvest	mirror_take() of what dirty_harvest() reported, which has been
 *		re-protected: a write after that is in a later harvest, and what
 *		the copy itself may tear is written again by that later one.
 *   judge	every KVM_RUN has returned, dirty_harvest() until empty,
 *		mirror_take(), then mirror_judge().
 *   disable	under running vCPUs ends the mirror's life: what was written since
 *		the last harvest is legally lost. The next enable begins anew.
 *
 * Pages that several slots alias, or that the host writes, have one mirror per host
 * page; the caller copies pages that it has changed itself (mirror_copy()).
 *
 * Memory: 1 byte per byte of the slot, plus 8 bytes per page.
 */
#ifndef SECMMU_MIRROR_H
#define SECMMU_MIRROR_H

#include <stdbool.h>
#include <stddef.h>

#include "dirty/dirty.h"
#include "core/types.h"

struct mirror;

/**
 * struct mirror_page - record of a page
 * @harvest: number of the last harvest that reported it, 0: none
 * @reports: number of harvests that reported it
 */
struct mirror_page {
	u32 harvest;
	u32 reports;
};

/**
 * struct mirror_mismatch - the first difference
 * @page: page in the slot
 * @offset: byte in the page
 * @memory: the slot's word there (aligned to 8 bytes)
 * @mirror: the mirror's word there
 * @pages: number of pages that differ
 */
struct mirror_mismatch {
	size_t page;
	size_t offset;
	u64 memory;
	u64 mirror;
	size_t pages;
};

/**
 * mirror_new() - a mirror of a slot's memory
 * @name: the slot in messages; copied
 * @memory: host address of the slot's first byte
 * @pages: host pages
 * @page_size: host page size, bytes
 *
 * Return: the mirror, all zero and not valid before mirror_copy_all().
 */
struct mirror *mirror_new(const char *name, const void *memory, size_t pages,
			  size_t page_size);

/**
 * mirror_new_over() - a mirror in memory of the caller, for example another slot's,
 *	which a live migration writes
 * @name: the slot in messages; copied
 * @memory: host address of the slot's first byte
 * @copy: host address of the copy, of the same size
 * @pages: host pages
 * @page_size: host page size, bytes
 *
 * @memory need not contain stamps.
 *
 * Return: the mirror, as mirror_new()'s. @copy stays the caller's.
 */
struct mirror *mirror_new_over(const char *name, const void *memory, void *copy,
			       size_t pages, size_t page_size);

/**
 * mirror_free() - free a mirror
 * @mirror: mirror
 */
void mirror_free(struct mirror *mirror);

/**
 * mirror_copy_all() - start a mirror with a full copy
 * @mirror: mirror
 */
void mirror_copy_all(struct mirror *mirror);

/**
 * mirror_begin() - start a mirror as the dirty-log mode requires
 * @mirror: mirror
 * @mode: dirty-log mode
 *
 * With %DIRTY_MODE_CLEAR_INITIALLY_SET nothing is copied: every page must be
 * reported before the first judgement. Else as mirror_copy_all() does.
 *
 * Return: whether all was copied.
 */
bool mirror_begin(struct mirror *mirror, enum dirty_mode mode);

/**
 * mirror_take() - copy the pages of a harvest
 * @mirror: mirror
 * @fresh: reported and re-protected pages
 *
 * Return: number of these pages that had changed since their last copy: each is a
 * verified write between two harvests.
 */
size_t mirror_take(struct mirror *mirror, const unsigned long *fresh);

/**
 * mirror_copy() - copy pages that the host has changed
 * @mirror: mirror, alive or not
 * @first: the first page
 * @count: number of pages
 *
 * To be called as soon as the host's action has returned: later writes of the guest are
 * logged (the mapping was removed meanwhile, or is protected, or the page is dirty in
 * the log and not harvested yet). Harmless at any other time: nothing that was logged
 * is forgotten.
 *
 * Context: not while another thread copies: the older of two copies of a page could be
 * the last one.
 */
void mirror_copy(struct mirror *mirror, size_t first, size_t count);

/**
 * mirror_note() - remember an event for a failure's message
 * @mirror: mirror
 * @what: a string that stays valid
 * @value: printed behind it
 */
void mirror_note(struct mirror *mirror, const char *what, u64 value);

/**
 * mirror_compare() - compare memory and mirror
 * @mirror: mirror
 * @mismatch: the first difference
 *
 * Return: true if they are equal.
 */
bool mirror_compare(struct mirror *mirror, struct mirror_mismatch *mismatch);

/**
 * mirror_judge() - end the test if memory and mirror differ
 * @mirror: mirror
 *
 * The failure names the page, its position in slot, bitmap word and huge page, the
 * write sequence numbers in both copies, and the last enables, disables and harvests.
 */
void mirror_judge(struct mirror *mirror);

/**
 * mirror_page() - the record of a page
 * @mirror: mirror
 * @page: page in the slot
 *
 * Return: its record.
 */
const struct mirror_page *mirror_page(const struct mirror *mirror, size_t page);

#endif
