// SPDX-License-Identifier: GPL-2.0-only
/*
 * The expectations, each with the function of mm/hmm.c (or what it calls) that
 * the rule is in. struct walk_row says what the letters mean. Requests of the
 * columns "masked" and "mixed" go in turns: none, fault, write, write only.
 *
 * Three rules that explain most of the table:
 * - Where no page table is yet (PMD level and above), and for huge pages, the
 *   requests of all pages of the range count as one: hmm_range_need_fault().
 *   So one page's request to write makes all of them be faulted for writing.
 * - A page that needs no fault is reported as it is, also to those who asked for
 *   less or more: HMM_PFN_REQ_WRITE on a writable page changes nothing.
 * - A page that needs a fault is faulted together with all behind it, as far as
 *   the range has the same page table (hmm_vma_fault() gets the end of that), as
 *   it needs it: for reading, or for writing. Then the walk goes on at that page;
 *   what stands in the entries before it stays.
 */
#include "core/cases.h"
#include "walk_table.h"

/* clang-format off */
const struct walk_row walk_rows[] = {
/*  place                    snapshot  fault     write     masked      mixed */

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
const size_t walk_row_count = ARRAY_SIZE(walk_rows);

const char *walk_request_name(enum walk_request request)
{
	static const char *const names[WALK_REQUESTS] = {
		"snapshot", "fault", "write", "masked", "mixed",
	};

	return names[request];
}
