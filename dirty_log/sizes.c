// SPDX-License-Identifier: GPL-2.0-only
/* Sizes of slots that benchmarks measure. */
#include <stdio.h>

#include "core/cases.h"
#include "core/options.h"
#include "core/report.h"
#include "sizes.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)
/* What a slot takes beside itself: page tables, bitmaps, the rest of us. */
#define SPARE_BYTES (96 * MIB)

static bool there(enum backing_kind kind, u64 bytes, struct shortage *shortage)
{
	const struct needs needs = {
		/* hugetlb pages are no part of MemAvailable. */
		.free_memory = (backing_is_hugetlb(kind) ? 0 :
							   bytes + bytes / 16) +
			       SPARE_BYTES,
	};

	return needs_met(&needs, shortage) &&
	       backing_available(kind, bytes, shortage);
}

size_t sizes_choose(enum backing_kind kind, u64 check_mib, u64 range, u64 *size)
{
	bool check = options()->mode == MODE_CHECK;
	u64 most = check ? check_mib * MIB : 4 * GIB, bytes, least;
	struct shortage shortage;
	size_t count = 0;

	if (options()->memory)
		most = options()->memory;
	least = check || most < 64 * MIB ? most / range : 64 * MIB;
	if (least < 2 * backing_page_size(kind))
		least = 2 * backing_page_size(kind);
	if (most < least)
		most = least;
	for (bytes = least; bytes <= most && count < SIZES_MAX; bytes *= 2) {
		if (!there(kind, bytes, &shortage)) {
			report_info("omitted: %llu MiB and more of %s: needs %s",
				    bytes / MIB, backing_name(kind),
				    shortage.what);
			break;
		}
		size[count++] = bytes;
	}
	if (!count)
		skip_for(&shortage);
	return count;
}
