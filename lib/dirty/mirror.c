// SPDX-License-Identifier: GPL-2.0-only
/* The mirror oracle. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/bitmap.h"
#include "dirty/mirror.h"
#include "core/report.h"
#include "kvm/stamp.h"

#define EVENTS	  16
#define HUGE_SIZE (2UL << 20)

struct event {
	const char *what;
	u64 value;
};

struct mirror {
	char name[64];
	const u8 *memory;
	u8 *copy;
	size_t pages;
	size_t page_size;
	struct mirror_page *page;
	bool borrowed;
	bool alive;
	bool unknown;
	u32 harvests;
	u64 event_count;
	struct event events[EVENTS];
};

_Static_assert(sizeof(struct mirror_page) == 8,
	       "mirror.h says 8 bytes per page");

static void *map_private(size_t size, const char *what)
{
	void *area = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		fail("mmap of %zu bytes for %s failed: %s", size, what,
		     errno_name(errno));
	/*
	 * Now and not while vCPUs run: a first write behind a first read
	 * replaces the zero page, and each such fault interrupts every CPU
	 * that runs a vCPU (ptep_clear_flush() in wp_page_copy()).
	 */
	memset(area, 0, size);
	return area;
}

struct mirror *mirror_new_over(const char *name, const void *memory, void *copy,
			       size_t pages, size_t page_size)
{
	struct mirror *mirror = calloc(1, sizeof(*mirror));

	if (!mirror)
		fail("out of memory for a mirror");
	snprintf(mirror->name, sizeof(mirror->name), "%s", name);
	mirror->memory = memory;
	mirror->pages = pages;
	mirror->page_size = page_size;
	mirror->copy = copy;
	mirror->borrowed = true;
	mirror->page = map_private(pages * sizeof(*mirror->page),
				   "a mirror's pages");
	return mirror;
}

struct mirror *mirror_new(const char *name, const void *memory, size_t pages,
			  size_t page_size)
{
	struct mirror *mirror = mirror_new_over(name, memory,
						map_private(pages * page_size,
							    "a mirror"),
						pages, page_size);

	mirror->borrowed = false;
	return mirror;
}

void mirror_free(struct mirror *mirror)
{
	if (!mirror->borrowed)
		munmap(mirror->copy, mirror->pages * mirror->page_size);
	munmap(mirror->page, mirror->pages * sizeof(*mirror->page));
	free(mirror);
}

void mirror_copy_all(struct mirror *mirror)
{
	memcpy(mirror->copy, mirror->memory, mirror->pages * mirror->page_size);
	memset(mirror->page, 0, mirror->pages * sizeof(*mirror->page));
	mirror->alive = true;
	mirror->unknown = false;
	mirror_note(mirror, "full copy after enable", 0);
}

bool mirror_begin(struct mirror *mirror, enum dirty_mode mode)
{
	if (mode != DIRTY_MODE_CLEAR_INITIALLY_SET) {
		mirror_copy_all(mirror);
		return true;
	}
	memset(mirror->page, 0, mirror->pages * sizeof(*mirror->page));
	mirror->alive = true;
	mirror->unknown = true;
	mirror_note(mirror, "enabled with every page dirty", 0);
	return false;
}

size_t mirror_take(struct mirror *mirror, const unsigned long *fresh)
{
	size_t size = mirror->page_size, changed = 0, reported = 0, page;

	mirror->harvests++;
	for (page = bitmap_next(fresh, mirror->pages, 0); page < mirror->pages;
	     page = bitmap_next(fresh, mirror->pages, page + 1)) {
		const u8 *from = mirror->memory + page * size;
		u8 *to = mirror->copy + page * size;

		reported++;
		mirror->page[page].harvest = mirror->harvests;
		mirror->page[page].reports++;
		if (!memcmp(to, from, size))
			continue;
		changed++;
		memcpy(to, from, size);
	}
	mirror_note(mirror, "harvest, pages", reported);
	return changed;
}

void mirror_copy(struct mirror *mirror, size_t first, size_t count)
{
	size_t size = mirror->page_size;

	memcpy(mirror->copy + first * size, mirror->memory + first * size,
	       count * size);
	mirror_note(mirror, "changed by the host, from page", first);
}

void mirror_note(struct mirror *mirror, const char *what, u64 value)
{
	struct event *event = &mirror->events[mirror->event_count++ % EVENTS];

	event->what = what;
	event->value = value;
}

const struct mirror_page *mirror_page(const struct mirror *mirror, size_t page)
{
	return &mirror->page[page];
}

static size_t first_difference(const u8 *a, const u8 *b, size_t size)
{
	size_t i;

	for (i = 0; i < size && a[i] == b[i]; i++)
		;
	return i;
}

bool mirror_compare(struct mirror *mirror, struct mirror_mismatch *mismatch)
{
	size_t size = mirror->page_size, page;

	memset(mismatch, 0, sizeof(*mismatch));
	/* The common case is equality: one pass over all of it. */
	if (!memcmp(mirror->memory, mirror->copy, mirror->pages * size))
		return true;
	for (page = 0; page < mirror->pages; page++) {
		const u8 *memory = mirror->memory + page * size;
		const u8 *copy = mirror->copy + page * size;
		size_t offset, word;

		if (!memcmp(memory, copy, size))
			continue;
		if (mismatch->pages++)
			continue;
		offset = first_difference(memory, copy, size);
		word = offset & ~(sizeof(u64) - 1);
		mismatch->page = page;
		mismatch->offset = offset;
		memcpy(&mismatch->memory, memory + word, sizeof(u64));
		memcpy(&mismatch->mirror, copy + word, sizeof(u64));
	}
	return !mismatch->pages;
}

static void print_events(const struct mirror *mirror)
{
	u64 first = mirror->event_count > EVENTS ?
			    mirror->event_count - EVENTS :
			    0;
	u64 i;

	for (i = first; i < mirror->event_count; i++)
		report_info("%s: event %llu: %s %llu", mirror->name, i,
			    mirror->events[i % EVENTS].what,
			    mirror->events[i % EVENTS].value);
}

static const char *word_text(const struct mirror *mirror, u64 word,
			     char *buffer, size_t size)
{
	if (mirror->borrowed)
		snprintf(buffer, size, "%#llx", word);
	else if (!word)
		snprintf(buffer, size, "never written");
	else if (stamp_vcpu(word) < 0 || stamp_vcpu(word) > STAMP_VCPU_MAX)
		/* The end of one stamp and the beginning of another. */
		snprintf(buffer, size, "parts of several stores");
	else
		snprintf(buffer, size, "vCPU %d's store %llu", stamp_vcpu(word),
			 stamp_sequence(word));
	return buffer;
}

void mirror_judge(struct mirror *mirror)
{
	struct mirror_mismatch mismatch;
	const struct mirror_page *record;
	char memory[64], copy[64];
	uintptr_t address;
	size_t page;

	if (!mirror->alive)
		fail("%s: judged without a mirror: a fault of the test",
		     mirror->name);
	for (page = 0; mirror->unknown && page < mirror->pages; page++)
		if (!mirror->page[page].reports) {
			print_events(mirror);
			fail("%s: page %zu was never reported though KVM_DIRTY_LOG_INITIALLY_SET makes every page dirty",
			     mirror->name, page);
		}
	if (mirror_compare(mirror, &mismatch))
		return;
	record = &mirror->page[mismatch.page];
	address = (uintptr_t)mirror->memory + mismatch.page * mirror->page_size;
	report_info("%s: page %zu of %zu, byte %zu of the page; bitmap word %zu bit %zu; byte %#lx of its 2 MiB; hva %#lx",
		    mirror->name, mismatch.page, mirror->pages, mismatch.offset,
		    mismatch.page / 64, mismatch.page % 64,
		    (unsigned long)(address % HUGE_SIZE),
		    (unsigned long)address);
	report_info("%s: memory %#llx (%s), last copy %#llx (%s)", mirror->name,
		    mismatch.memory,
		    word_text(mirror, mismatch.memory, memory, sizeof(memory)),
		    mismatch.mirror,
		    word_text(mirror, mismatch.mirror, copy, sizeof(copy)));
	report_info("%s: last reported by harvest %u of %u, reported %u times since logging began",
		    mirror->name, record->harvest, mirror->harvests,
		    record->reports);
	print_events(mirror);
	fail("%s: lost write: page %zu holds %s, stored after the dirty log's last report of the page, which found: %s (%zu pages differ)",
	     mirror->name, mismatch.page, memory, copy, mismatch.pages);
}
