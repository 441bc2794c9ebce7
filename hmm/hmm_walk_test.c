// SPDX-License-Identifier: GPL-2.0-only
/*
 * hmm_range_fault() says of every page exactly what it has to, for every kind of
 * memory (place.c) and of request (walk_table.c), and a snapshot changes
 * nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "mem/backing.h"
#include "core/cases.h"
#include "hmm_device.h"
#include "mem/pagemap.h"
#include "mapping_state.h"
#include "core/report.h"
#include "walk_table.h"
#include "core/thread.h"

/* Requests of the columns "masked" and "mixed", in turns. */
static const u32 pattern[] = {
	0,
	SECMMU_HMM_REQ_FAULT,
	SECMMU_HMM_REQ_FAULT | SECMMU_HMM_REQ_WRITE,
	SECMMU_HMM_REQ_WRITE,
};
#define PATTERN (ARRAY_SIZE(pattern))

/* A gigabyte of pages of 4 KiB. */
#define ENTRIES_MAX (1U << 18)

static const struct {
	u32 default_flags, flags_mask;
} requests[WALK_REQUESTS] = {
	[WALK_SNAPSHOT] = { 0, 0 },
	[WALK_FAULT] = { SECMMU_HMM_REQ_FAULT, 0 },
	[WALK_WRITE] = { SECMMU_HMM_REQ_FAULT | SECMMU_HMM_REQ_WRITE, 0 },
	[WALK_MASKED] = { 0, SECMMU_HMM_REQ_FAULT | SECMMU_HMM_REQ_WRITE },
	[WALK_MIXED] = { SECMMU_HMM_REQ_FAULT,
			 SECMMU_HMM_REQ_FAULT | SECMMU_HMM_REQ_WRITE },
};

/**
 * struct untouched - what a walk without requests must leave as it is
 * @faults: page faults that this thread had
 * @resident: pages that this process has in memory
 * @entries: page map entries of the place
 */
struct untouched {
	long faults;
	unsigned long resident;
	u64 *entries;
};

/* Addresses for the entries of the largest place. */
static u64 *new_entries(void)
{
	u64 *entries = mmap(NULL, ENTRIES_MAX * sizeof(*entries),
			    PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(entries != MAP_FAILED, "no memory for entries: %s",
	      errno_name(errno));
	return entries;
}

/* And pages for as many as this place has, so that none is faulted in later. */
static void populate(u64 *entries, const struct mapping_state *state)
{
	CHECK(state->pages <= ENTRIES_MAX, "%llu pages are too many to walk",
	      state->pages);
	memset(entries, 0, state->pages * sizeof(*entries));
}

static long faults_of_thread(void)
{
	struct rusage usage;

	CHECK(!getrusage(RUSAGE_THREAD, &usage), "getrusage failed: %s",
	      errno_name(errno));
	return usage.ru_minflt + usage.ru_majflt;
}

static unsigned long resident_pages(void)
{
	unsigned long size, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	CHECK(file && fscanf(file, "%lu %lu", &size, &resident) == 2,
	      "cannot read /proc/self/statm: %s", errno_name(errno));
	fclose(file);
	return resident;
}

static void look(struct pagemap *pagemap, const struct mapping_state *state,
		 struct untouched *untouched)
{
	u64 i;

	for (i = 0; state->frame && i < state->pages; i++)
		untouched->entries[i] = PAGEMAP_PRESENT | (state->frame + i);
	if (!state->frame)
		pagemap_read(pagemap, state->start, untouched->entries,
			     state->pages);
	untouched->resident = resident_pages();
	/* Last, so that looking does not count. */
	untouched->faults = faults_of_thread();
}

static void judge_unchanged(const struct mapping_state *state,
			    const struct untouched *before, long faults,
			    const struct untouched *after)
{
	u64 i;

	CHECK(faults == before->faults,
	      "hmm_range_fault() was not asked to fault anything in, and had %ld page faults",
	      faults - before->faults);
	CHECK(after->resident == before->resident,
	      "hmm_range_fault() was not asked to fault anything in, and the process has %lu pages instead of %lu",
	      after->resident, before->resident);
	for (i = 0; i < state->pages; i++)
		CHECK(after->entries[i] == before->entries[i],
		      "hmm_range_fault() was not asked to fault anything in, and page %llu's page map entry went from %#llx to %#llx",
		      i, before->entries[i], after->entries[i]);
}

static u64 with_order(u64 flags, const struct mapping_state *state)
{
	u64 order = (u64)__builtin_ctzll(state->huge / state->page);

	return flags | order << SECMMU_HMM_ORDER_SHIFT;
}

/* All of an entry but the page. */
static u64 expected_flags(char letter, const struct mapping_state *state)
{
	u64 readable = SECMMU_HMM_VALID;
	u64 writable = SECMMU_HMM_VALID | SECMMU_HMM_WRITE;

	switch (letter) {
	case '.':
		return 0;
	case ',':
		return with_order(0, state);
	case 'r':
		return readable;
	case 'R':
		return with_order(readable, state);
	case 'w':
		return writable;
	case 'W':
		return with_order(writable, state);
	case 'd':
		return writable | SECMMU_HMM_DEVICE_PAGE;
	case 'D':
		return with_order(writable | SECMMU_HMM_DEVICE_PAGE, state);
	case 'p':
		return readable | SECMMU_HMM_DEVICE_PAGE;
	case 'P':
		return with_order(readable | SECMMU_HMM_DEVICE_PAGE, state);
	case '!':
		return SECMMU_HMM_ERROR;
	}
	fail("the table of expectations has a letter that means nothing: '%c'",
	     letter);
}

static const char *describe(u64 flags, char *text, size_t size)
{
	snprintf(text, size, "%s%s%s%s order %llu",
		 flags & SECMMU_HMM_VALID ? "VALID " : "",
		 flags & SECMMU_HMM_WRITE ? "WRITE " : "",
		 flags & SECMMU_HMM_ERROR ? "ERROR " : "",
		 flags & SECMMU_HMM_DEVICE_PAGE ? "(device memory) " : "",
		 flags >> SECMMU_HMM_ORDER_SHIFT & SECMMU_HMM_ORDER_MASK);
	return text;
}

/* A page that CPUs cannot reach is to them like one that is swapped out. */
static void judge_device_frame(const struct mapping_state *state,
			       const struct walk_row *row, u64 number,
			       u64 entry, u64 pagemap_entry)
{
	CHECK(!(pagemap_entry & PAGEMAP_PRESENT) &&
		      pagemap_entry & PAGEMAP_SWAPPED,
	      "%s: page %llu of %llu is in memory of the device for hmm_range_fault(), and its page map entry is %#llx",
	      row->state, number, state->pages, pagemap_entry);
	CHECK((entry & SECMMU_HMM_PAGE_MASK) ==
		      pagemap_swap_offset(pagemap_entry),
	      "%s: page %llu of %llu: hmm_range_fault() has page frame %#llx of the device's memory, the page table %#llx",
	      row->state, number, state->pages, entry & SECMMU_HMM_PAGE_MASK,
	      pagemap_swap_offset(pagemap_entry));
}

static void judge_page(const struct mapping_state *state,
		       const struct walk_row *row, u64 number, u64 entry,
		       u64 pagemap_entry, char letter)
{
	u64 expected = expected_flags(letter, state);
	u64 found = entry & ~SECMMU_HMM_PAGE_MASK;
	char said[64], must[64];

	/* Only memory of devices has frames that are known beforehand. */
	if (state->frame && (expected & SECMMU_HMM_VALID))
		expected |= SECMMU_HMM_DEVICE_PAGE;
	CHECK(found == expected,
	      "%s: page %llu of %llu: hmm_range_fault() says %s, where %s belongs\nrule: %s",
	      row->state, number, state->pages,
	      describe(found, said, sizeof(said)),
	      describe(expected, must, sizeof(must)), row->rule);
	if (!(found & SECMMU_HMM_VALID) || state->no_pagemap)
		return;
	/* DAX is memory that CPUs reach. */
	if ((found & SECMMU_HMM_DEVICE_PAGE) && !state->frame) {
		judge_device_frame(state, row, number, entry, pagemap_entry);
		return;
	}
	CHECK(pagemap_entry & PAGEMAP_PRESENT,
	      "%s: page %llu of %llu is valid for hmm_range_fault(), and the page table has none (page map entry %#llx)",
	      row->state, number, state->pages, pagemap_entry);
	CHECK((entry & SECMMU_HMM_PAGE_MASK) ==
		      (pagemap_entry & PAGEMAP_PFN_MASK),
	      "%s: page %llu of %llu: hmm_range_fault() has page frame %#llx, the page table %#llx",
	      row->state, number, state->pages, entry & SECMMU_HMM_PAGE_MASK,
	      pagemap_entry & PAGEMAP_PFN_MASK);
}

static void let_go(struct thread *thread, void *argument)
{
	const struct walk_row *row = ((void **)argument)[0];
	struct mapping_state *state = ((void **)argument)[1];

	thread_doing(thread, "waiting for the walk to wait");
	mapping_state_kind_of(row->state)->let_go(state);
}

/* The walk; somebody else has to do something so that it ends, for some places. */
static void walk(const struct walk_row *row, struct mapping_state *state,
		 struct secmmu_hmm_walk *asked, const u64 *requested,
		 bool waits)
{
	struct thread_group *group = NULL;
	const void *argument[] = { row, state };

	if (waits) {
		group = thread_group_new("let go");
		thread_add(group, "letter", let_go, argument);
		thread_group_start(group);
	}
	hmm_walk(state->device, asked, requested);
	if (group) {
		thread_group_join(group, 10000);
		thread_group_join(state->helper, 10000);
	}
}

/* A walk elsewhere, so that the code that it takes has its faults behind it. */
static void warm_up(int device)
{
	u64 page = (u64)getpagesize(), entry = 0, request = 0;
	struct secmmu_hmm_walk walk = {
		.start = (uintptr_t)&entry & ~(page - 1),
		.end = ((uintptr_t)&entry & ~(page - 1)) + page,
		.entries = (uintptr_t)&entry,
	};

	hmm_walk(device, &walk, &request);
}

static void test_walk(const struct test_case *test)
{
	const struct walk_row *row = test->data;
	enum walk_request request = test->number[0];
	const struct mapping_state_kind *kind = mapping_state_kind_of(
		row->state);
	const char *cell = row->cell[request];
	struct secmmu_hmm_walk asked = {
		.default_flags = requests[request].default_flags,
		.flags_mask = requests[request].flags_mask,
	};
	struct pagemap *pagemap = pagemap_open();
	/* Before the place is made: nothing else may get its addresses. */
	u64 *entries = new_entries(), *requested = new_entries(), i;
	struct untouched before = { .entries = new_entries() };
	struct untouched after = { .entries = new_entries() };
	struct mapping_state state;
	long faults;

	mapping_state_prepare(&state, kind);
	populate(entries, &state);
	populate(requested, &state);
	populate(before.entries, &state);
	populate(after.entries, &state);
	for (i = 0; i < state.pages; i++)
		requested[i] = pattern[i % PATTERN];
	asked.start = (uintptr_t)state.start;
	asked.end = asked.start + state.pages * state.page;
	asked.entries = (uintptr_t)entries;

	warm_up(state.device);
	look(pagemap, &state, &before);
	walk(row, &state, &asked, requested,
	     kind->let_go && request != WALK_SNAPSHOT);
	faults = faults_of_thread();
	look(pagemap, &state, &after);
	pagemap_close(pagemap);

	if (cell[0] == 'E') {
		CHECK(asked.error && !strcmp(errno_name(asked.error), cell),
		      "%s: hmm_range_fault() returns %s, where %s belongs\nrule: %s",
		      row->state, asked.error ? errno_name(asked.error) : "0",
		      cell, row->rule);
		return;
	}
	CHECK(!asked.error,
	      "%s: hmm_range_fault() returns %s, where it has to succeed\nrule: %s",
	      row->state, errno_name(asked.error), row->rule);
	for (i = 0; i < state.pages; i++)
		judge_page(&state, row, i, entries[i], after.entries[i],
			   cell[i % strlen(cell)]);
	if (request == WALK_SNAPSHOT)
		judge_unchanged(&state, &before, faults, &after);
}

/* Nothing is asked of any page by itself, whatever the entries have. */
static void test_alike(const struct test_case *test)
{
	u64 *entries = new_entries(), *requested = new_entries(), i;
	struct secmmu_hmm_walk walk = {
		.entries = (uintptr_t)entries,
		.default_flags = SECMMU_HMM_ALIKE,
		.flags_mask = SECMMU_HMM_REQ_FAULT | SECMMU_HMM_REQ_WRITE,
	};
	struct mapping_state state;
	int error;

	mapping_state_prepare(&state, mapping_state_kind_of("hole_pte"));
	populate(entries, &state);
	populate(requested, &state);
	for (i = 0; i < state.pages; i++)
		requested[i] = i % 2 ? ~0ULL : SECMMU_HMM_REQ_FAULT;
	walk.start = (uintptr_t)state.start;
	walk.end = walk.start + state.pages * state.page;
	error = hmm_walk(state.device, &walk, requested);
	CHECK(!error, "hmm_range_fault() returns %s, where it has to succeed",
	      errno_name(error));
	for (i = 0; i < state.pages; i++)
		CHECK(!entries[i],
		      "page %llu was not asked for, and hmm_range_fault() says %#llx of it, where nothing has been",
		      i, entries[i]);
}

/* ---- what the driver has to refuse, so that the kernel is not asked ---- */

static void test_refused(const struct test_case *test)
{
	u64 page = (u64)getpagesize();
	u64 *entries = new_entries();
	const u64 start = (uintptr_t)entries & ~(page - 1);
	const struct {
		const char *what;
		u64 start, end;
		u32 default_flags, flags_mask;
	} wrong[] = {
		{ "an empty range", start, start, 0, 0 },
		{ "a range that ends before it starts", start + page, start, 0,
		  0 },
		{ "a start within a page", start + 8, start + page, 0, 0 },
		{ "an end within a page", start, start + page - 1, 0, 0 },
		{ "a range that wraps", -page, page, 0, 0 },
		{ "a range with too many pages", 0,
		  (SECMMU_HMM_WALK_PAGES + 1) * page, 0, 0 },
		{ "unknown default flags", start, start + page, 4, 0 },
		{ "an unknown mask", start, start + page, 0, 4 },
	};
	struct secmmu_hmm_walk walk;
	int device = hmm_open(), error;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		walk = (struct secmmu_hmm_walk){
			.start = wrong[i].start,
			.end = wrong[i].end,
			.entries = (uintptr_t)entries,
			.default_flags = wrong[i].default_flags,
			.flags_mask = wrong[i].flags_mask,
		};
		error = __hmm_call(device, SECMMU_HMM_WALK, &walk);
		CHECK(error == -EINVAL,
		      "a walk of %s: %s, where EINVAL belongs", wrong[i].what,
		      error ? errno_name(error) : "no error");
	}
	entries[0] = 4;
	walk = (struct secmmu_hmm_walk){ .start = start,
					 .end = start + page,
					 .entries = (uintptr_t)entries };
	error = __hmm_call(device, SECMMU_HMM_WALK, &walk);
	CHECK(error == -EINVAL, "an unknown request: %s, where EINVAL belongs",
	      error ? errno_name(error) : "no error");
	walk.entries = 8;
	error = __hmm_call(device, SECMMU_HMM_WALK, &walk);
	CHECK(error == -EFAULT,
	      "entries where no memory is: %s, where EFAULT belongs",
	      error ? errno_name(error) : "no error");
}

static unsigned int running_kernel(void)
{
	unsigned int major, minor;
	struct utsname name;

	CHECK(!uname(&name) &&
		      sscanf(name.release, "%u.%u", &major, &minor) == 2,
	      "cannot tell the kernel's release from '%s'", name.release);
	return NEEDS_KERNEL(major, minor);
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	unsigned int running = running_kernel();
	size_t count = 0, i, request;

	for (i = 0; i < walk_row_count; i++) {
		const struct walk_row *row = &walk_rows[i];

		if (row->since > running ||
		    (row->until && row->until <= running))
			continue;
		for (request = 0; request < WALK_REQUESTS; request++) {
			if (!row->cell[request])
				continue;
			if (count == max)
				fail("more than %zu cases", max);
			cases[count] = (struct test_case){
				.run = test_walk,
				.data = row,
				.number = { request },
			};
			snprintf(cases[count].name, sizeof(cases[count].name),
				 "%s/%s", row->state,
				 walk_request_name(request));
			count++;
		}
	}
	if (count + 2 > max)
		fail("more than %zu cases", max);
	cases[count++] = (struct test_case){ .name = "alike",
					     .run = test_alike };
	cases[count++] = (struct test_case){ .name = "refused",
					     .run = test_refused };
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "hmm_walk_test",
		.summary =
			"hmm_range_fault() says of every page what it has to, and a snapshot changes nothing",
		.cases = list_cases,
		.needs = HMM_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
