// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "page_set.h"
#include "core/report.h"

#define BITS 16
#define SIZE ((size_t)1 << BITS)
/* So full, looking takes long. */
#define FULL (SIZE / 4 * 3)

struct page_set {
	size_t count;
	u64 page[SIZE];
};

struct page_set *page_set_new(void)
{
	struct page_set *set = calloc(1, sizeof(*set));

	CHECK(set, "out of memory");
	return set;
}

void page_set_clear(struct page_set *set)
{
	if (set->count)
		memset(set, 0, sizeof(*set));
}

/* Where it is, or has to be. */
static size_t place_of(const struct page_set *set, u64 page)
{
	size_t place = (page >> 12) * 0x9e3779b97f4a7c15ULL >> (64 - BITS);

	while (set->page[place] && set->page[place] != page)
		place = (place + 1) % SIZE;
	return place;
}

void page_set_add(struct page_set *set, u64 page)
{
	size_t place = place_of(set, page);

	if (set->page[place])
		return;
	CHECK(set->count++ < FULL, "more than %zu pages", FULL);
	set->page[place] = page;
}

bool page_set_has(const struct page_set *set, u64 page)
{
	return set->page[place_of(set, page)];
}

u64 page_set_next(const struct page_set *set, size_t *position)
{
	while (*position < SIZE) {
		u64 page = set->page[(*position)++];

		if (page)
			return page;
	}
	return 0;
}
