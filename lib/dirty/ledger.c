// SPDX-License-Identifier: GPL-2.0-only
/* The host's side of the ledger oracle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dirty/ledger.h"
#include "core/report.h"

/**
 * struct ledger - of one slot
 * @name: the slot in messages
 * @memory: its first byte
 * @pages: host pages
 * @page_size: bytes
 * @vcpus: vCPUs that store
 * @entries: shared with the guest
 * @doubtful: by entry: a store up to this sequence may be gone
 */
struct ledger {
	char name[64];
	const u8 *memory;
	size_t pages;
	size_t page_size;
	unsigned int vcpus;
	struct ledger_entry *entries;
	u64 *doubtful;
};

struct ledger *ledger_new(const char *name, const void *memory, size_t pages,
			  size_t page_size, unsigned int vcpus,
			  struct ledger_entry *entries)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	CHECK(ledger, "out of memory for a ledger");
	CHECK(vcpus <= LEDGER_VCPUS_MAX, "a ledger of more than %u vCPUs",
	      LEDGER_VCPUS_MAX);
	snprintf(ledger->name, sizeof(ledger->name), "%s", name);
	ledger->memory = memory;
	ledger->pages = pages;
	ledger->page_size = page_size;
	ledger->vcpus = vcpus;
	ledger->entries = entries;
	ledger->doubtful = calloc(vcpus * pages, sizeof(*ledger->doubtful));
	CHECK(ledger->doubtful, "out of memory for a ledger of %zu pages",
	      pages);
	memset(entries, 0, vcpus * pages * sizeof(*entries));
	return ledger;
}

void ledger_free(struct ledger *ledger)
{
	free(ledger->doubtful);
	free(ledger);
}

struct ledger_drop *ledger_drop_new(const struct ledger *ledger)
{
	struct ledger_drop *drop = calloc(1, sizeof(*drop));

	CHECK(drop, "out of memory for a drop");
	drop->done = calloc(ledger->vcpus * ledger->pages, sizeof(*drop->done));
	CHECK(drop->done, "out of memory for a drop of %zu pages",
	      ledger->pages);
	return drop;
}

void ledger_drop_free(struct ledger_drop *drop)
{
	if (drop)
		free(drop->done);
	free(drop);
}

void ledger_drop_begin(const struct ledger *ledger, struct ledger_drop *drop,
		       size_t first, size_t count)
{
	unsigned int vcpu;
	size_t page;

	drop->first = first;
	drop->count = count;
	for (vcpu = 0; vcpu < ledger->vcpus; vcpu++)
		for (page = 0; page < count; page++)
			drop->done[vcpu * count + page] =
				__atomic_load_n(&ledger->entries
							 [vcpu * ledger->pages +
							  first + page]
								 .done,
						__ATOMIC_SEQ_CST);
}

void ledger_drop_end(struct ledger *ledger, const struct ledger_drop *drop)
{
	unsigned int vcpu;
	size_t page;

	for (vcpu = 0; vcpu < ledger->vcpus; vcpu++) {
		for (page = 0; page < drop->count; page++) {
			size_t i = vcpu * ledger->pages + drop->first + page;
			u64 done = drop->done[vcpu * drop->count + page];
			struct ledger_entry *entry = &ledger->entries[i];
			u64 begun = __atomic_load_n(&entry->begun,
						    __ATOMIC_SEQ_CST);

			/* Another action may have said more already. */
			if (begun > ledger->doubtful[i])
				ledger->doubtful[i] = begun;
			if (done > entry->dead)
				__atomic_store_n(&entry->dead, done,
						 __ATOMIC_SEQ_CST);
		}
	}
}

static void __noreturn object(const struct ledger *ledger, unsigned int vcpu,
			      size_t page, const char *what)
{
	size_t i = vcpu * ledger->pages + page;
	u64 offset = ledger_offset(vcpu, page, ledger->page_size);
	const u8 *at = ledger->memory + page * ledger->page_size + offset;
	const struct ledger_entry *entry = &ledger->entries[i];
	u64 word;

	memcpy(&word, at, sizeof(word));
	report_info("%s: page %zu of %zu, byte %llu of the page; hva %p",
		    ledger->name, page, ledger->pages, offset,
		    (const void *)at);
	report_info("%s: vCPU %u began store %llu and has done %llu; what it stored up to %llu was taken away, and up to %llu may be gone",
		    ledger->name, vcpu, entry->begun, entry->done, entry->dead,
		    ledger->doubtful[i]);
	fail("%s: page %zu: %s: the host's memory has %#llx (vCPU %d's store %llu), vCPU %u's last store is %llu",
	     ledger->name, page, what, word, word ? stamp_vcpu(word) : -1,
	     stamp_sequence(word), vcpu, entry->done);
}

static bool judge_word(const struct ledger *ledger, unsigned int vcpu,
		       size_t page)
{
	size_t i = vcpu * ledger->pages + page;
	const struct ledger_entry *entry = &ledger->entries[i];
	u64 word, sequence;

	memcpy(&word,
	       ledger->memory + page * ledger->page_size +
		       ledger_offset(vcpu, page, ledger->page_size),
	       sizeof(word));
	sequence = stamp_sequence(word);
	if (!word) {
		if (entry->done > ledger->doubtful[i])
			object(ledger, vcpu, page,
			       "a guest's store is not in memory");
		return false;
	}
	if (stamp_vcpu(word) != (int)vcpu || sequence > entry->begun)
		object(ledger, vcpu, page, "it holds what was never stored");
	if (sequence <= entry->dead)
		object(ledger, vcpu, page, "what was taken away is back");
	if (sequence < entry->done)
		object(ledger, vcpu, page, "a guest's store is not in memory");
	return true;
}

size_t ledger_judge(const struct ledger *ledger)
{
	unsigned int vcpu;
	size_t right = 0, page;

	for (vcpu = 0; vcpu < ledger->vcpus; vcpu++)
		for (page = 0; page < ledger->pages; page++)
			right += judge_word(ledger, vcpu, page);
	return right;
}
