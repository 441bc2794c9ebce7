/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rows of access_tracking_test do: a guest accesses some of its memory,
 * unit by unit; a unit is what one mapping covers.
 */
#ifndef SECMMU_YOUNG_H
#define SECMMU_YOUNG_H

#include "core/clock.h"
#include "core/random.h"
#include "stage2_vm.h"

/* Long enough for any observer on a slow machine. */
#define YOUNG_MS 30000

/**
 * struct young - a guest, and what it accesses
 * @fixture: VM and memory
 * @random: which units, which pages in them
 * @end: of a stress run's rounds
 * @units: number of units
 * @unit_pages: host pages of a unit: 1, or a block's
 * @touched: those that are accessed by young_touch()
 * @page: of each unit: the page that is accessed
 * @split_early: as arch_split_early() was before
 * @judged: units that were judged so far
 * @extra: units that were young though nobody had accessed them
 * @calls: how often KVM was asked
 */
struct young {
	struct stage2_vm fixture;
	struct random_stream random;
	struct deadline end;
	u64 units;
	u64 unit_pages;
	unsigned long *touched;
	u64 *page;
	bool split_early;
	u64 judged;
	u64 extra;
	size_t calls;
};

/**
 * young_begin() - build it, and have all memory mapped
 * @young: filled in
 * @kind: kind of memory
 * @units: its pages, or huge pages
 *
 * Fails the case if memory of huge pages is not mapped by blocks.
 */
void young_begin(struct young *young, enum backing_kind kind, u64 units);

/**
 * young_more() - is there another round
 * @young: begun
 * @round: how many there were
 *
 * Return: true for a few in a check, until its time is over in a stress run.
 */
bool young_more(const struct young *young, unsigned int round);

/**
 * young_choose() - about half of the units are to be accessed, others than before
 * @young: begun
 */
void young_choose(struct young *young);

/**
 * young_choose_some() - one unit in so many is to be accessed
 * @young: begun
 * @of: how many
 */
void young_choose_some(struct young *young, unsigned int of);

/**
 * young_flush() - have the TLBs of stage 2 flushed; mappings stay
 * @young: begun
 *
 * By logging, which begins and ends: it protects what is mapped, and has to flush
 * (kvm_mmu_slot_apply_flags() on x86, kvm_mmu_wp_memory_region() on arm64).
 */
void young_flush(struct young *young);

/**
 * young_touch() - the guest accesses what was chosen, a page in each unit
 * @young: begun
 *
 * By loads, which leave blocks blocks.
 */
void young_touch(struct young *young);

/* Where in this process the page is that is accessed of a unit. */
void *young_address(const struct young *young, u64 unit);

/* "page" or "huge page". */
const char *young_unit_name(const struct young *young);

/**
 * young_note() - what was found
 * @young: begun
 * @judged: units, accessed and judged
 * @extra: units that were young without
 */
void young_note(struct young *young, u64 judged, u64 extra);

/**
 * young_end() - say what was found, and take it down
 * @young: begun
 *
 * Fails the case if nothing was judged, or if KVM was never asked.
 */
void young_end(struct young *young);

#endif
