// SPDX-License-Identifier: GPL-2.0-only
/* Guest functions that access memory under test. */
#include "kvm/stamp.h"
#include "kvm/writer.h"

/* Stores until the hot set moves. */
#define HOT_STORES 4096
/* An odd factor visits every page of a range of 2^n pages; see next_all(). */
#define JUMP 0x9e3779b1ULL

struct position {
	u64 range;
	u64 page;
	u64 turn;
	u64 hot_range;
	u64 hot_page;
	u64 hot_left;
};

static void next_ascending(struct writer *writer, struct position *at)
{
	if (++at->page < writer->range[at->range].pages)
		return;
	at->page = 0;
	at->range = (at->range + 1) % writer->range_count;
}

static void next_descending(struct writer *writer, struct position *at)
{
	if (at->page-- > 0)
		return;
	at->range = (at->range + writer->range_count - 1) % writer->range_count;
	at->page = writer->range[at->range].pages - 1;
}

static void next_random(struct writer *writer, struct position *at)
{
	at->range = random_below(&writer->random, writer->range_count);
	at->page = random_below(&writer->random,
				writer->range[at->range].pages);
}

static void next_hot(struct writer *writer, struct position *at)
{
	u64 pages;

	if (!at->hot_left) {
		next_random(writer, at);
		at->hot_range = at->range;
		at->hot_page = at->page;
		at->hot_left = HOT_STORES;
	}
	at->hot_left--;
	at->range = at->hot_range;
	pages = writer->range[at->range].pages;
	at->page = (at->hot_page +
		    random_below(&writer->random, writer->hot_pages)) %
		   pages;
}

/*
 * Every page once per round: the odd factor permutes [0, 2^n), and numbers
 * beyond the range are skipped.
 */
static void next_all(struct writer *writer, struct position *at)
{
	u64 pages = writer->range[at->range].pages;
	u64 mask = 1;

	while (mask < pages)
		mask <<= 1;
	mask--;
	do {
		if (at->turn > mask) {
			at->turn = 0;
			at->range = (at->range + 1) % writer->range_count;
			next_all(writer, at);
			return;
		}
		at->page = (at->turn++ * JUMP) & mask;
	} while (at->page >= pages);
}

static void next_position(struct writer *writer, struct position *at)
{
	switch (writer->pattern) {
	case WRITER_ASCENDING:
		next_ascending(writer, at);
		break;
	case WRITER_DESCENDING:
		next_descending(writer, at);
		break;
	case WRITER_HOT:
		next_hot(writer, at);
		break;
	case WRITER_ALL:
		next_all(writer, at);
		break;
	default:
		next_random(writer, at);
	}
	/* The host may have changed the pattern: stay in the range. */
	if (at->page >= writer->range[at->range].pages)
		at->page = 0;
}

static u64 choose_address(struct writer *writer, const struct position *at)
{
	const struct writer_range *range = &writer->range[at->range];
	u64 gva = range->gva + at->page * writer->page_size;

	if (writer->pattern == WRITER_STRADDLE && at->page + 1 < range->pages)
		return gva + writer->page_size - 1 -
		       random_below(&writer->random, 7);
	return gva + random_below(&writer->random, writer->page_size / 8) * 8;
}

static void write_word(struct guest_vcpu *self, u64 gva)
{
	struct writer *writer = writer_of(self);
	u64 sequence = writer->sequence + 1;

	*(volatile u64 *)(uintptr_t)gva = stamp(self->index, sequence);
	/* After the store: stores up to @sequence have been made. */
	writer->sequence = sequence;
	self->beat = sequence;
}

void writer_run(struct guest_vcpu *self, u64 unused)
{
	struct writer *writer = writer_of(self);
	struct position at = { .range = self->index % writer->range_count };

	(void)unused;
	while (!self->stop) {
		next_position(writer, &at);
		write_word(self, choose_address(writer, &at));
	}
}

static void access_word(struct guest_vcpu *self, struct writer_list *list,
			u64 gva)
{
	volatile u64 *word = (volatile u64 *)(uintptr_t)gva;

	switch (list->access) {
	case WRITER_FETCH:
		((void (*)(void))(uintptr_t)gva)();
		break;
	case WRITER_LOAD:
		list->digest = writer_digest(list->digest, *word);
		break;
	case WRITER_REWRITE:
		*word = *word;
		break;
	default:
		*word = stamp(self->index, list->sequence);
	}
}

void writer_store(struct guest_vcpu *self, u64 unused)
{
	struct writer_list *list = writer_list_of(self);
	u64 i, j;

	(void)unused;
	for (i = 0; i < list->count; i++) {
		u64 gva = list->store[i].gva;

		for (j = 0; j < list->store[i].count; j++) {
			list->sequence++;
			access_word(self, list, gva);
			self->beat++;
			gva += (u64)list->store[i].stride;
		}
	}
}
