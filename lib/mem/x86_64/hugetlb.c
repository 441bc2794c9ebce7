// SPDX-License-Identifier: GPL-2.0-only
#include "mem/backing.h"

const u64 *arch_hugetlb_sizes(size_t *count)
{
	static const u64 sizes[] = { 1UL << 21, 1UL << 30 };

	*count = ARRAY_SIZE(sizes);
	return sizes;
}
