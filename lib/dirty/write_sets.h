/* SPDX-License-Identifier: GPL-2.0-only */
/* Known sets of guest stores, for tests that compare them with the dirty log. */
#ifndef SECMMU_WRITE_SETS_H
#define SECMMU_WRITE_SETS_H

#include <stddef.h>

#include "core/random.h"
#include "kvm/vm.h"
#include "kvm/writer.h"
#include "core/types.h"

/**
 * struct write_set - a named set of stores
 * @name: for messages
 * @fill: puts the stores into @list; @random is the case's own stream
 */
struct write_set {
	const char *name;
	void (*fill)(struct writer_list *list, const struct memslot *slot,
		     struct random_stream *random);
};

/**
 * write_sets() - all of them
 * @count: their number
 *
 * Return: the table.
 */
const struct write_set *write_sets(size_t *count);

/**
 * write_set_whole() - one store into every page
 * @list: filled in
 * @slot: slot
 */
void write_set_whole(struct writer_list *list, const struct memslot *slot);

/**
 * write_set_pages() - which pages a list of stores writes
 * @list: stores
 * @slot: slot that they go to
 * @written: bitmap of the slot's pages, set for every page written
 */
void write_set_pages(const struct writer_list *list, const struct memslot *slot,
		     unsigned long *written);

#endif
