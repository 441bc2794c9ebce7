// SPDX-License-Identifier: GPL-2.0-only
/* The kinds of memory as choices of a variant's dimension. */
#include "core/variant.h"
#include "mem/backing.h"

static bool wanted(u64 value)
{
	return backing_wanted((enum backing_kind)value);
}

enum pages {
	ANY_PAGES,
	SMALL_PAGES,
	HUGE_PAGES,
};

static bool has_pages(enum backing_kind kind, enum pages pages)
{
	bool huge = backing_is_hugetlb(kind) || kind == BACKING_ANONYMOUS_THP ||
		    kind == BACKING_SHMEM_THP;

	return pages == ANY_PAGES || huge == (pages == HUGE_PAGES);
}

static const struct choice *generate(enum pages pages, size_t *count)
{
	static struct choice lists[HUGE_PAGES + 1][BACKING_KINDS];
	struct choice *list = lists[pages];
	unsigned int kind;

	*count = 0;
	for (kind = 0; kind < BACKING_GUEST_MEMFD; kind++)
		if (has_pages(kind, pages))
			list[(*count)++] = (struct choice){
				.name = backing_name(kind),
				.value = kind,
			};
	return list;
}

static const struct choice *any_pages(size_t *count)
{
	return generate(ANY_PAGES, count);
}

static const struct choice *small_pages(size_t *count)
{
	return generate(SMALL_PAGES, count);
}

static const struct choice *huge_pages(size_t *count)
{
	return generate(HUGE_PAGES, count);
}

const struct choices backings = { .generate = any_pages, .exists = wanted };
const struct choices small_backings = { .generate = small_pages,
					.exists = wanted };
const struct choices huge_backings = { .generate = huge_pages,
				       .exists = wanted };
