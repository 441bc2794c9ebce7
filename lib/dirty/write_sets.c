// SPDX-License-Identifier: GPL-2.0-only
/* Known sets of guest stores. */
#include "mem/backing.h"
#include "core/bitmap.h"
#include "core/report.h"
#include "dirty/write_sets.h"

#define STORE_SIZE sizeof(u64)
#define WORD_PAGES 64

static u64 pages_of(const struct memslot *slot)
{
	return slot->size / slot->vm->page_size;
}

/* @count stores, the first at @offset in page @page, @stride pages apart. */
static void add(struct writer_list *list, const struct memslot *slot, u64 page,
		u64 offset, s64 stride, u64 count)
{
	u64 size = slot->vm->page_size;

	if (list->count == WRITER_STORES_MAX)
		fail("a write set has more than %d runs", WRITER_STORES_MAX);
	list->store[list->count++] = (struct writer_store){
		.gva = slot->gpa + page * size + offset,
		.stride = stride * (s64)size,
		.count = count,
	};
}

static void fill_nothing(struct writer_list *list, const struct memslot *slot,
			 struct random_stream *random)
{
	(void)list;
	(void)slot;
	(void)random;
}

static void fill_ends(struct writer_list *list, const struct memslot *slot,
		      struct random_stream *random)
{
	(void)random;
	add(list, slot, 0, 0, 1, 1);
	add(list, slot, pages_of(slot) - 1, slot->vm->page_size - STORE_SIZE, 1,
	    1);
}

static void fill_word_seam(struct writer_list *list, const struct memslot *slot,
			   struct random_stream *random)
{
	(void)random;
	add(list, slot, 62, 8, 1, 4);
}

static void fill_word_ends(struct writer_list *list, const struct memslot *slot,
			   struct random_stream *random)
{
	(void)random;
	add(list, slot, WORD_PAGES - 1, 16, WORD_PAGES,
	    pages_of(slot) / WORD_PAGES);
}

static void fill_huge_ends(struct writer_list *list, const struct memslot *slot,
			   struct random_stream *random)
{
	u64 size = slot->vm->page_size, huge = backing_thp_size(), end;

	(void)random;
	for (end = (slot->gpa / huge + 1) * huge; end <= slot->gpa + slot->size;
	     end += huge)
		add(list, slot, (end - slot->gpa) / size - 1, 24, 1, 1);
}

static void fill_straddle(struct writer_list *list, const struct memslot *slot,
			  struct random_stream *random)
{
	u64 size = slot->vm->page_size;
	u64 huge = backing_thp_size();
	u64 end = (slot->gpa / huge + 1) * huge;

	(void)random;
	add(list, slot, 1, size - 1, 1, 1);
	add(list, slot, WORD_PAGES - 1, size - 4, 1, 1);
	/* A slot of small pages may be smaller than a huge one. */
	if (end < slot->gpa + slot->size)
		add(list, slot, (end - slot->gpa) / size - 1, size - 7, 1, 1);
}

static void fill_descending(struct writer_list *list,
			    const struct memslot *slot,
			    struct random_stream *random)
{
	(void)random;
	add(list, slot, pages_of(slot) - 1, 32, -1, 130);
}

static void fill_every_512th(struct writer_list *list,
			     const struct memslot *slot,
			     struct random_stream *random)
{
	(void)random;
	add(list, slot, 0, 40, 512, (pages_of(slot) + 511) / 512);
}

static void fill_random(struct writer_list *list, const struct memslot *slot,
			struct random_stream *random)
{
	unsigned int i;

	for (i = 0; i < 24; i++)
		add(list, slot, random_below(random, pages_of(slot)),
		    random_below(random, slot->vm->page_size / STORE_SIZE) *
			    STORE_SIZE,
		    1, 1);
}

static void fill_whole(struct writer_list *list, const struct memslot *slot,
		       struct random_stream *random)
{
	(void)random;
	write_set_whole(list, slot);
}

const struct write_set *write_sets(size_t *count)
{
	/* Those that come twice write what was just harvested again. */
	static const struct write_set sets[] = {
		{ "nothing at all", fill_nothing },
		{ "first and last page", fill_ends },
		{ "first and last page again", fill_ends },
		{ "pages 62 to 65", fill_word_seam },
		{ "last page of each bitmap word", fill_word_ends },
		{ "last page of each huge page", fill_huge_ends },
		{ "stores across page boundaries", fill_straddle },
		{ "descending", fill_descending },
		{ "descending again", fill_descending },
		{ "every 512th page", fill_every_512th },
		{ "random pages", fill_random },
		{ "every page", fill_whole },
		{ "nothing after every page", fill_nothing },
	};

	*count = ARRAY_SIZE(sets);
	return sets;
}

void write_set_whole(struct writer_list *list, const struct memslot *slot)
{
	add(list, slot, 0, 48, 1, pages_of(slot));
}

void write_set_pages(const struct writer_list *list, const struct memslot *slot,
		     unsigned long *written)
{
	u64 size = slot->vm->page_size, i, j;

	for (i = 0; i < list->count; i++) {
		u64 gva = list->store[i].gva - slot->gpa;

		for (j = 0; j < list->store[i].count; j++) {
			bitmap_set(written, gva / size);
			bitmap_set(written, (gva + STORE_SIZE - 1) / size);
			gva += (u64)list->store[i].stride;
		}
	}
}
