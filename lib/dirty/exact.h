/* SPDX-License-Identifier: GPL-2.0-only */
/* The exactness oracle: the pages that were written are reported, and no others. */
#ifndef SECMMU_EXACT_H
#define SECMMU_EXACT_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct exact_difference - how a report differs from what was written
 * @missing: pages written and not reported
 * @extra: pages reported and not written
 * @first_missing: the first such page, if @missing
 * @first_extra: the first such page, if @extra
 */
struct exact_difference {
	size_t missing;
	size_t extra;
	size_t first_missing;
	size_t first_extra;
};

/**
 * exact_compare() - compare a report with what was written
 * @written: pages that were written, a bitmap
 * @reported: pages that were reported
 * @pages: size of both, pages
 * @difference: filled in
 *
 * Return: true if both are the same set.
 */
bool exact_compare(const unsigned long *written, const unsigned long *reported,
		   size_t pages, struct exact_difference *difference);

/**
 * exact_judge() - end the test unless both are the same set
 * @what: the write set, for the message
 * @written: pages that were written
 * @reported: pages that were reported
 * @pages: size of both, pages
 */
void exact_judge(const char *what, const unsigned long *written,
		 const unsigned long *reported, size_t pages);

#endif
