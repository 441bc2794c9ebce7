// SPDX-License-Identifier: GPL-2.0-only
/* The exactness oracle. */
#include <string.h>

#include "core/bitmap.h"
#include "dirty/exact.h"
#include "core/report.h"

/* Pages of either kind that a failure names at most. */
#define NAMED 8

bool exact_compare(const unsigned long *written, const unsigned long *reported,
		   size_t pages, struct exact_difference *difference)
{
	size_t page;

	memset(difference, 0, sizeof(*difference));
	if (bitmap_equal(written, reported, pages))
		return true;
	for (page = 0; page < pages; page++) {
		bool is_written = bitmap_test(written, page);
		bool is_reported = bitmap_test(reported, page);

		if (is_written && !is_reported && !difference->missing++)
			difference->first_missing = page;
		if (is_reported && !is_written && !difference->extra++)
			difference->first_extra = page;
	}
	return false;
}

static void name_pages(const char *what, const char *how,
		       const unsigned long *in, const unsigned long *not_in,
		       size_t pages)
{
	size_t page, named = 0;

	for (page = 0; page < pages && named < NAMED; page++) {
		if (!bitmap_test(in, page) || bitmap_test(not_in, page))
			continue;
		report_info("%s: page %zu %s (bitmap word %zu bit %zu)", what,
			    page, how, page / 64, page % 64);
		named++;
	}
}

void exact_judge(const char *what, const unsigned long *written,
		 const unsigned long *reported, size_t pages)
{
	struct exact_difference difference;

	if (exact_compare(written, reported, pages, &difference))
		return;
	name_pages(what, "was written and is not reported", written, reported,
		   pages);
	name_pages(what, "is reported and was not written", reported, written,
		   pages);
	if (difference.missing)
		fail("%s: %zu of %zu written pages are not in the dirty log, the first is page %zu (%zu reported that nobody wrote)",
		     what, difference.missing, bitmap_count(written, pages),
		     difference.first_missing, difference.extra);
	fail("%s: the dirty log reports %zu pages that nobody wrote, the first is page %zu",
	     what, difference.extra, difference.first_extra);
}
