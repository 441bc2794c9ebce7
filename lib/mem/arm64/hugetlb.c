// SPDX-License-Identifier: GPL-2.0-only
#include <unistd.h>

#include "mem/backing.h"

/*
 * Documentation/arch/arm64/hugetlbpage.rst: the size of one entry, and that of
 * entries with the contiguous bit, which stage 2 never sets.
 */
const u64 *arch_hugetlb_sizes(size_t *count)
{
	static const u64 with_4k[] = { 64UL << 10, 2UL << 20, 32UL << 20,
				       1UL << 30 };
	static const u64 with_16k[] = { 2UL << 20, 32UL << 20, 1UL << 30 };
	static const u64 with_64k[] = { 2UL << 20, 512UL << 20, 16UL << 30 };

	switch (getpagesize()) {
	case 1 << 14:
		*count = ARRAY_SIZE(with_16k);
		return with_16k;
	case 1 << 16:
		*count = ARRAY_SIZE(with_64k);
		return with_64k;
	default:
		*count = ARRAY_SIZE(with_4k);
		return with_4k;
	}
}
