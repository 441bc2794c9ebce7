// SPDX-License-Identifier: GPL-2.0-only
/* The guest in a storm: every vCPU stores to a word of its own in each page. */
#include "storm_guest.h"

/* Stores to pages that are near each other, until others are chosen. */
#define NEAR_STORES 2048
/* One in so many goes elsewhere. */
#define FAR 16

static void look(const struct ledger_entry *entry, const u64 *word, u32 index)
{
	u64 found;
	enum ledger_sight sight = ledger_look(entry, word, index, &found);

	/* Two lines: which of them fails is what is wrong. */
	if (sight == LEDGER_DEAD) /* what the host took away is still there */
		guest_assert_equal(stamp_sequence(found), entry->dead + 1);
	if (sight == LEDGER_FOREIGN) /* what this vCPU did not store last */
		guest_assert_equal(found, stamp(index, entry->done));
}

static void store(struct guest_vcpu *self, struct storm_work *work, u64 page)
{
	u64 place = page < work->turn ? page + work->pages - work->turn :
					page - work->turn;
	u64 *word = (u64 *)(uintptr_t)(work->gva + place * work->page_size +
				       ledger_offset(self->index, page,
						     work->page_size));
	struct ledger_entry *entry = &work->entries[page];
	u64 sequence = work->sequence + 1;

	/* A first access that is a read maps a page in another way. */
	if (random_chance(&work->random, 1, 2))
		look(entry, word, self->index);
	ledger_store(entry, word, self->index, sequence);
	work->sequence = sequence;
	self->beat = sequence;
}

/*
 * Any page, or the last one of a huge page: there it shows if what is to be taken
 * away is a page short.
 */
static u64 far_page(struct storm_work *work)
{
	u64 page = random_below(&work->random, work->pages);

	if (random_chance(&work->random, 1, 2))
		page |= work->block - 1;
	return page < work->pages ? page : work->pages - 1;
}

void storm_store(struct guest_vcpu *self, u64 unused)
{
	struct storm_work *work = storm_work_of(self);
	u64 first = 0, left = 0;

	(void)unused;
	while (!self->stop) {
		u64 page;

		if (!left--) {
			first = random_below(&work->random, work->pages);
			left = NEAR_STORES;
		}
		if (random_chance(&work->random, 1, FAR))
			page = far_page(work);
		else
			page = (first +
				random_below(&work->random, work->near)) %
			       work->pages;
		store(self, work, page);
	}
}
