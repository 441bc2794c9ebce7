// SPDX-License-Identifier: GPL-2.0-only
/*
 * hmm_range_fault() reports every page exactly as its mapping state (mapping_state.h)
 * and the request demand, and a walk without requests changes nothing.
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
#include "hmm_device.h"
#include "mem/pagemap.h"
#include "mapping_state.h"
#include "core/report.h"
#include "core/variant.h"
#include "core/thread.h"

/**
 * enum walk_request - what a walk requests
 * @WALK_SNAPSHOT: nothing: default_flags and pfn_flags_mask are 0, and the entries are
 *	ignored
 * @WALK_FAULT: HMM_PFN_REQ_FAULT of all pages, by default_flags; the entries are ignored
 * @WALK_WRITE: HMM_PFN_REQ_WRITE, too
 * @WALK_MASKED: of each page what its entry says, in turn: nothing, fault, fault for
 *	writing, write without fault (which requests nothing)
 * @WALK_MIXED: the same, and default_flags is HMM_PFN_REQ_FAULT
 * @WALK_REQUESTS: number of kinds
 */
enum walk_request {
	WALK_SNAPSHOT,
	WALK_FAULT,
	WALK_WRITE,
	WALK_MASKED,
	WALK_MIXED,
	WALK_REQUESTS,
};

/**
 * struct walk_row - the expected outcomes of one mapping state
 * @name: the mapping state
 * @cell: by enum walk_request: the name of the expected errno; or a letter for each
 *	page, repeated if there are more pages; NULL: no case
 *	.  nothing: a later request could succeed
 *	,  the same, with a huge page's order
 *	r  valid, order 0            R  the same with a huge page's order
 *	w  valid, writable, order 0  W  the same with a huge page's order
 *	d  as w, in memory of the device    D  the same with a huge page's order
 *	p  as r, in memory of the device    P  the same with a huge page's order
 *	!  HMM_PFN_ERROR
 * @rule: the kernel function that the rule comes from
 * @since: first release with this outcome (NEEDS_KERNEL()); 0: all
 * @until: first release without it; 0: none
 */
struct walk_row {
	const char *name;
	const char *cell[WALK_REQUESTS];
	const char *rule;
	unsigned int since, until;
};

/*
 * The expected outcomes, each with the function of mm/hmm.c (or one it calls) that
 * implements the rule. struct walk_row explains the letters. The requests of the
 * columns "masked" and "mixed" are in turn: none, fault, write, write only.
 *
 * Three rules explain most of the table:
 * - Without a page table (PMD level and above), and for huge pages, the requests of
 *   all pages of the range are combined: hmm_range_need_fault(). So a request to
 *   write one page faults all of them for writing.
 * - A page that needs no fault is reported as it is, whatever was requested:
 *   HMM_PFN_REQ_WRITE of a writable page changes nothing.
 * - A page that needs a fault is faulted together with all pages behind it in the
 *   range that have the same page table (hmm_vma_fault() gets their end), for reading
 *   or for writing as it needs. Then the walk continues at that page; the entries
 *   before it stay.
 */

/* clang-format off */
static const struct walk_row walk_rows[] = {
/*  mapping state            snapshot  fault     write     masked      mixed */

/* Addresses without memory, or with memory that cannot be read. */
{ "no_vma",                { "!",      "EFAULT", "EFAULT", "EFAULT",   "EFAULT" },
  .rule = "hmm_vma_walk_hole(): no VMA" },
{ "above_all",             { "!",      "EFAULT", "EFAULT", "EFAULT",   "EFAULT" },
  .rule = "hmm_vma_walk_hole(): no VMA; walk_page_range() goes to any address" },
{ "protected_none",        { "!",      "EFAULT", "EFAULT", "EFAULT",   "EFAULT" },
  .rule = "hmm_vma_walk_test(): not VM_READ" },
{ "write_only",            { "!",      "EFAULT", "EFAULT", "EFAULT",   "EFAULT" },
  .rule = "hmm_vma_walk_test(): not VM_READ, so no write either" },
{ "device_pfns",           { "!",      "EFAULT", "EFAULT", "EFAULT",   "EFAULT" },
  .rule = "hmm_vma_walk_test(): VM_IO | VM_PFNMAP" },
{ "device_mixed",          { "w!",     "EFAULT", "EFAULT", "EFAULT",   "EFAULT" },
  .rule = "hmm_vma_handle_pte(): not vm_normal_page(), and not the zero page" },
{ "ends_in_nothing",       { "ww!!",   "EFAULT", "EFAULT", "EFAULT",   "EFAULT" },
  .rule = "hmm_vma_walk_hole(): no VMA, behind one" },
{ "across_vmas",           { "ww!!rr", "EFAULT", "EFAULT", "EFAULT",   "EFAULT" },
  .rule = "hmm_vma_walk_hole(): no VMA, between two" },

/* Anonymous memory in small pages. */
{ "hole_pmd",              { ".",      "r",      "w",      "w",        "w" },
  .rule = "hmm_vma_walk_hole(): a hole as large as the range is one request; a read gets the zero page" },
{ "hole_pte",              { ".",      "r",      "w",      ".rwwwwww", "rrwwwwww" },
  .rule = "hmm_vma_handle_pte(): pte_none()" },
{ "gigabyte",              { ".",      NULL,     NULL,     NULL,       NULL },
  .rule = "hmm_vma_walk_hole(): at every level above" },
{ "read_only_hole",        { ".",      "r",      "EPERM",  "EPERM",    "EPERM" },
  .rule = "hmm_vma_fault(): not VM_WRITE" },
{ "read_only",             { "r",      "r",      "EPERM",  "EPERM",    "EPERM" },
  .rule = "hmm_vma_fault(): not VM_WRITE" },
{ "zero_page",             { "r",      "r",      "w",      "rrwwwwww", "rrwwwwww" },
  .rule = "hmm_vma_handle_pte(): is_zero_pfn() is a page like others, and not writable" },
{ "written",               { "w",      "w",      "w",      "w",        "w" },
  .rule = "pte_to_hmm_pfn_flags()" },
{ "one_page",              { "w",      "w",      "w",      "w",        "w" },
  .rule = "pte_to_hmm_pfn_flags()" },
{ "after_fork",            { "r",      "r",      "w",      "rrwwwwww", "rrwwwwww" },
  .rule = "copy_present_pte() write-protects; the fault for writing copies" },
{ "locked",                { "w",      "w",      "w",      "w",        "w" },
  .rule = "mlock() populates for writing; VM_LOCKED means nothing to hmm" },

/* Files; those without a page have no page table either. */
{ "private_file",          { ".",      "r",      "w",      "w",        "w" },
  .rule = "do_read_fault() maps read-only; do_cow_fault() copies" },
{ "private_file_read",     { "r",      "r",      "w",      "rrwwwwww", "rrwwwwww" },
  .rule = "do_wp_page() copies" },
{ "private_file_written",  { "w",      "w",      "w",      "w",        "w" },
  .rule = "pte_to_hmm_pfn_flags()" },
{ "shared_file",           { ".",      "w",      "w",      "w",        "w" },
  .rule = "set_pte_range(): vm_page_prot of a shared mapping of shmem lets write" },
{ "shared_file_read_only", { ".",      "r",      "EPERM",  "EPERM",    "EPERM" },
  .rule = "hmm_vma_fault(): not VM_WRITE" },
{ "shmem_hole",            { ".",      "w",      "w",      "w",        "w" },
  .rule = "set_pte_range(): as above" },
{ "shmem_clean",           { "w",      "w",      "w",      "w",        "w" },
  .rule = "pte_to_hmm_pfn_flags(): writable, whether dirty or not" },
{ "shmem_dirty",           { "w",      "w",      "w",      "w",        "w" },
  .rule = "pte_to_hmm_pfn_flags()" },
{ "device_pages",          { ".",      "w",      "w",      "w",        "w" },
  .rule = "a driver's fault handler; vm_page_prot of a shared mapping lets write" },
{ "device_pages_read",     { "w",      "w",      "w",      "w",        "w" },
  .rule = "pte_to_hmm_pfn_flags()" },
{ "secret",                { "w",      "w",      "w",      "w",        "w" },
  .rule = "secretmem is pages like others to hmm, whatever the kernel's own map has" },

/* Huge pages. */
{ "thp",                   { "W",      "W",      "W",      "W",        "W" },
  .rule = "hmm_vma_handle_pmd()" },
{ "thp_part",              { "W",      "W",      "W",      "W",        "W" },
  .rule = "hmm_vma_handle_pmd(): the order is the mapping's, whatever part is asked for" },
{ "thp_seam",              { "W",      "W",      "W",      "W",        "W" },
  .rule = "hmm_vma_handle_pmd(), twice" },
{ "thp_then_hole",         { "WW..",   "WWrr",   "WWww",   "WWww",     "WWww" },
  .rule = "hmm_vma_handle_pmd(), then hmm_vma_walk_hole() of another mapping" },
{ "thp_after_fork",        { "R",      "R",      "w",      "w",        "w" },
  .rule = "do_huge_pmd_wp_page(): a shared huge page is split, and copied in small pages" },
{ "thp_by_ptes",           { "w",      "w",      "w",      "w",        "w" },
  .rule = "hmm_vma_handle_pte(): the mapping's order counts, not the page's" },
{ "huge_zero_page",        { "R",      "R",      "w",      "w",        "w" },
  .rule = "do_huge_pmd_wp_page(): split, then a page for each", .until = NEEDS_KERNEL(6, 13) },
{ "huge_zero_page",        { "R",      "R",      "W",      "W",        "W" },
  .rule = "do_huge_zero_wp_pmd()", .since = NEEDS_KERNEL(6, 13) },
{ "hugetlb",               { "W",      "W",      "W",      "W",        "W" },
  .rule = "hmm_vma_walk_hugetlb_entry()" },
{ "hugetlb_middle",        { "W",      "W",      "W",      "W",        "W" },
  .rule = "hmm_vma_walk_hugetlb_entry(): the page frame goes on from the start asked for" },
{ "hugetlb_end",           { "W",      "W",      "W",      "W",        "W" },
  .rule = "hmm_vma_walk_hugetlb_entry()" },
{ "hugetlb_hole",          { ",",      "R",      "W",      ",",        "R" },
  .rule = "hmm_vma_walk_hugetlb_entry(): has the order without a page; only the first page's request counts" },
{ "hugetlb_gigabyte",      { "W",      "W",      "W",      "W",        "W" },
  .rule = "hmm_vma_walk_hugetlb_entry()" },
{ "hugetlb_gigabyte_middle", { "W",    "W",      "W",      "W",        "W" },
  .rule = "hmm_vma_walk_hugetlb_entry(): the page frame goes on from the start asked for" },
{ "hugetlb_gigabyte_offset", { "W",    "W",      "W",      "W",        "W" },
  .rule = "hmm_vma_walk_hugetlb_entry(): as above" },

/* A gigabyte of DAX in one entry. */
{ "dax_hole",              { ".",      "W",      "W",      "W",        "W" },
  .rule = "hmm_vma_walk_hole(); dax_dev_huge_fault(): vm_page_prot of a shared mapping lets write" },
{ "dax_written",           { "W",      "W",      "W",      "W",        "W" },
  .rule = "hmm_vma_walk_pud(): pud_leaf()" },
{ "dax_read_only",         { "R",      "R",      "EPERM",  "EPERM",    "EPERM" },
  .rule = "hmm_vma_walk_pud(): all pages' requests count as one; hmm_vma_fault(): not VM_WRITE" },

/* Pages that are elsewhere, or that user space has to do with. */
{ "swapped",               { ".",      "r",      "w",      ".rwwwwww", "rrwwwwww" },
  .rule = "do_swap_page(): writable only if it was faulted for writing", .until = NEEDS_KERNEL(6, 12) },
{ "swapped",               { ".",      "w",      "w",      ".wwwwwww", "w" },
  .rule = "do_swap_page(): writable if it is exclusive", .since = NEEDS_KERNEL(6, 12) },
{ "migrating",             { "..wwwwww", "w",    "w",      ".wwwwwww", "w" },
  .rule = "hmm_vma_handle_pte(): migration_entry_wait(), for a page that is asked for" },
{ "thp_migrating",         { ".",      "W",      "W",      "W",        "W" },
  .rule = "hmm_vma_walk_pmd(): pmd_migration_entry_wait(), if any page is asked for", .since = NEEDS_KERNEL(7, 0) },
{ "hinted",                { ".",      "w",      "w",      ".wwwwwww", "w" },
  .rule = "pte_to_hmm_pfn_flags(): pte_protnone() is not valid; do_numa_page() makes it what it was" },
{ "hinted_thp",            { ".",      "W",      "W",      "W",        "W" },
  .rule = "pmd_to_hmm_pfn_flags(): pmd_protnone() is not valid; do_huge_pmd_numa_page() makes it what it was" },
{ "merged",                { "r",      "r",      "w",      "rrwwwwww", "rrwwwwww" },
  .rule = "write_protect_page(), replace_page(); the fault for writing copies" },
{ "uffd_missing",          { ".",      "EFAULT", "EFAULT", "EFAULT",   "EFAULT" },
  .rule = "handle_userfault(): no FAULT_FLAG_ALLOW_RETRY, so VM_FAULT_SIGBUS" },
{ "uffd_write_protected",  { "r",      "r",      "EFAULT", "EFAULT",   "EFAULT" },
  .rule = "do_wp_page(), handle_userfault(): as above" },
{ "uffd_marker",           { ".",      "r",      "EFAULT", "EFAULT",   "EFAULT" },
  .rule = "hmm_vma_handle_pte(): pte_is_uffd_wp_marker() is like a hole; then write-protected: as above" },
{ "guarded",               { "www.",   "EFAULT", "EFAULT", "www.",     "EFAULT" },
  .rule = "hmm_vma_handle_pte(): a marker is no page; handle_pte_marker(): VM_FAULT_SIGSEGV", .since = NEEDS_KERNEL(6, 13) },
{ "poisoned",              { "www.",   "EFAULT", "EFAULT", "www.",     "EFAULT" },
  .rule = "hmm_vma_handle_pte(): a hwpoison entry is reported as an error if it is asked for" },

/* Memory of devices: this one's own, and another's. */
{ "device_private",        { "d",      "d",      "d",      "d",        "d" },
  .rule = "hmm_vma_handle_pte(): the caller's own pages are reported where they are" },
{ "device_private_shared", { "p",      "p",      "p",      "p",        "p" },
  .rule = "hmm_vma_handle_pte(): as they are, whatever is asked for, so not writable even then" },
{ "device_private_huge",   { "D",      "D",      "D",      "D",        "D" },
  .rule = "hmm_vma_handle_absent_pmd()", .since = NEEDS_KERNEL(6, 19) },
{ "device_private_huge_part", { "D",   "D",      "D",      "D",        "D" },
  .rule = "hmm_vma_handle_absent_pmd(): each page its own page frame, wherever the walk begins", .since = NEEDS_KERNEL(6, 19) },
{ "device_private_huge_shared", { "P", "P",      "P",      "P",        "P" },
  .rule = "hmm_vma_handle_absent_pmd(): copy_huge_non_present_pmd() made it read-only", .since = NEEDS_KERNEL(6, 19) },
{ "device_private_by_ptes", { "d",     "d",      "d",      "d",        "d" },
  .rule = "hmm_vma_handle_pte(): the mapping's order counts, not the page's", .since = NEEDS_KERNEL(6, 19) },
{ "foreign",               { ".",      "w",      "w",      ".wwwwwww", "w" },
  .rule = "hmm_vma_handle_pte(): migrate_to_ram() brings it back, as writable as it was" },
{ "foreign_shared",        { ".",      "r",      "w",      ".rwwwwww", "rrwwwwww" },
  .rule = "hmm_vma_handle_pte(): it comes back shared; the fault for writing copies" },
{ "foreign_huge",          { "!",      "W",      "W",      "W",        "W" },
  .rule = "hmm_vma_handle_absent_pmd(): without a request it is an error", .since = NEEDS_KERNEL(6, 19) },
{ "exclusive",             { ".",      "w",      "w",      ".wwwwwww", "w" },
  .rule = "hmm_vma_handle_pte(): remove_device_exclusive_entry() restores it, writable" },
};
/* clang-format on */

static const struct choice walk_requests[] = {
	CHOICE("snapshot", WALK_SNAPSHOT), CHOICE("fault", WALK_FAULT),
	CHOICE("write", WALK_WRITE),	   CHOICE("masked", WALK_MASKED),
	CHOICE("mixed", WALK_MIXED),
};

/**
 * struct variant - a walk of pages in one state
 * @row: the mapping state, and what is expected
 * @request: the request
 */
struct variant {
	const struct walk_row *row;
	enum walk_request request;
};

/* Requests of the columns "masked" and "mixed", in turn. */
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
	      row->name, number, state->pages, pagemap_entry);
	CHECK((entry & SECMMU_HMM_PAGE_MASK) ==
		      pagemap_swap_offset(pagemap_entry),
	      "%s: page %llu of %llu: hmm_range_fault() has page frame %#llx of the device's memory, the page table %#llx",
	      row->name, number, state->pages, entry & SECMMU_HMM_PAGE_MASK,
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
	      "%s: page %llu of %llu: expected %s from hmm_range_fault(), got %s\nrule: %s",
	      row->name, number, state->pages,
	      describe(expected, must, sizeof(must)),
	      describe(found, said, sizeof(said)), row->rule);
	if (!(found & SECMMU_HMM_VALID) || state->no_pagemap)
		return;
	/* DAX is memory that CPUs reach. */
	if ((found & SECMMU_HMM_DEVICE_PAGE) && !state->frame) {
		judge_device_frame(state, row, number, entry, pagemap_entry);
		return;
	}
	CHECK(pagemap_entry & PAGEMAP_PRESENT,
	      "%s: page %llu of %llu is valid for hmm_range_fault(), and the page table has none (page map entry %#llx)",
	      row->name, number, state->pages, pagemap_entry);
	CHECK((entry & SECMMU_HMM_PAGE_MASK) ==
		      (pagemap_entry & PAGEMAP_PFN_MASK),
	      "%s: page %llu of %llu: hmm_range_fault() has page frame %#llx, the page table %#llx",
	      row->name, number, state->pages, entry & SECMMU_HMM_PAGE_MASK,
	      pagemap_entry & PAGEMAP_PFN_MASK);
}

static void let_go(struct thread *thread, void *argument)
{
	const struct walk_row *row = ((void **)argument)[0];
	struct mapping_state *state = ((void **)argument)[1];

	thread_doing(thread, "waiting for the walk to wait");
	mapping_state_kind_of(row->name)->let_go(state);
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

static void test_walk(const struct variant *variant)
{
	const struct walk_row *row = variant->row;
	enum walk_request request = variant->request;
	const struct mapping_state_kind *kind = mapping_state_kind_of(
		row->name);
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
		      "%s: expected %s from hmm_range_fault(), got %s\nrule: %s",
		      row->name, cell,
		      asked.error ? errno_name(asked.error) : "0", row->rule);
		return;
	}
	CHECK(!asked.error,
	      "%s: expected hmm_range_fault() to succeed, got %s\nrule: %s",
	      row->name, errno_name(asked.error), row->rule);
	for (i = 0; i < state.pages; i++)
		judge_page(&state, row, i, entries[i], after.entries[i],
			   cell[i % strlen(cell)]);
	if (request == WALK_SNAPSHOT)
		judge_unchanged(&state, &before, faults, &after);
}

/* Nothing is asked of any page by itself, whatever the entries have. */
static void test_alike(void)
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
	CHECK(!error, "expected hmm_range_fault() to succeed, got %s",
	      errno_name(error));
	for (i = 0; i < state.pages; i++)
		CHECK(!entries[i],
		      "page %llu was not asked for, and hmm_range_fault() says %#llx of it, where nothing has been",
		      i, entries[i]);
}

/* ---- what the driver has to refuse, so that the kernel is not asked ---- */

static void test_refused(void)
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
		CHECK(error == -EINVAL, "a walk of %s: expected EINVAL, got %s",
		      wrong[i].what, error ? errno_name(error) : "no error");
	}
	entries[0] = 4;
	walk = (struct secmmu_hmm_walk){ .start = start,
					 .end = start + page,
					 .entries = (uintptr_t)entries };
	error = __hmm_call(device, SECMMU_HMM_WALK, &walk);
	CHECK(error == -EINVAL, "an unknown request: expected EINVAL, got %s",
	      error ? errno_name(error) : "no error");
	walk.entries = 8;
	error = __hmm_call(device, SECMMU_HMM_WALK, &walk);
	CHECK(error == -EFAULT,
	      "entries where no memory is: expected EFAULT, got %s",
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

/* Does this kernel have the row, and does the row have the request? */
static bool is_case(const struct variant *variant)
{
	const struct walk_row *row = variant->row;
	unsigned int running = running_kernel();

	return row->cell[variant->request] && row->since <= running &&
	       (!row->until || row->until > running);
}

static const struct dimension dimensions[] = {
	DIMENSION_ROWS(struct variant, row, walk_rows),
	DIMENSION_TABLE(struct variant, request, walk_requests),
};

static const struct scenario scenarios[] = {
	SCENARIO("", test_walk, struct variant, dimensions,
		 .allowed = VARIANT_IF(struct variant, is_case),
		 .sampling = SAMPLE_ALL),
	{ .name = "alike", .run_alone = test_alike },
	{ .name = "refused", .run_alone = test_refused },
};

TEST_PROGRAM(
	"hmm_walk_test",
	"hmm_range_fault() reports every page as it must, and a snapshot changes nothing",
	scenarios, .needs = HMM_NEEDS)
