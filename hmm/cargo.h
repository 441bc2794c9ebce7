/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cargo: pages that go to a device's memory and come back, and the oracle for
 * them. Every page has contents that follow from the seed, its number and its
 * version; whoever writes it raises the version. Where a page is, is asked of the
 * kernel twice (hmm_range_fault(), /proc/self/pagemap) and of the bank, and all
 * three have to say the same.
 */
#ifndef SECMMU_CARGO_H
#define SECMMU_CARGO_H

#include <stdbool.h>

#include "hmm_device.h"
#include "place.h"
#include "types.h"

/* Pages of a cargo of small pages: a few, for one page table. */
#define CARGO_PAGES 16

/**
 * struct cargo - some memory with known contents
 * @place: where it is, and a device that mirrors it, whose own is bank 0
 * @mirror: of all of it
 * @seed: what contents follow from
 * @version: of each page; 0: never written, so it is zero
 * @used: pages of bank 0 that were in use before
 */
struct cargo {
	struct place place;
	unsigned int mirror;
	u64 seed;
	u32 *version;
	u64 used;
};

/**
 * cargo_new() - small pages of private memory, none of them there yet
 * @cargo: to be filled
 * @pages: how many, at most those of a huge page
 *
 * Skips the case if devices have no memory here.
 */
void cargo_new(struct cargo *cargo, u64 pages);

/**
 * cargo_new_written() - the same, every page written by the CPU
 * @cargo: to be filled
 * @pages: how many
 */
void cargo_new_written(struct cargo *cargo, u64 pages);

/**
 * cargo_new_away() - the same, and moved to bank 0
 * @cargo: to be filled
 *
 * CARGO_PAGES of them.
 */
void cargo_new_away(struct cargo *cargo);

/**
 * cargo_new_huge() - a huge page, written by the CPU
 * @cargo: to be filled
 *
 * Skips the case if huge pages do not go to devices as such here.
 */
void cargo_new_huge(struct cargo *cargo);

/**
 * cargo_page() - address of a page
 * @cargo: the cargo
 * @number: of the page
 *
 * Return: its first byte.
 */
void *cargo_page(const struct cargo *cargo, u64 number);

/**
 * cargo_write() - the CPU gives pages their next version
 * @cargo: the cargo
 * @first: first page
 * @count: how many
 */
void cargo_write(struct cargo *cargo, u64 first, u64 count);

/**
 * cargo_device_write() - the device does, through its mirror
 * @cargo: the cargo
 * @first: first page
 * @count: how many
 */
void cargo_device_write(struct cargo *cargo, u64 first, u64 count);

/**
 * cargo_forget() - pages were dropped: they are zero
 * @cargo: the cargo
 * @first: first page
 * @count: how many
 */
void cargo_forget(struct cargo *cargo, u64 first, u64 count);

/**
 * cargo_check() - the CPU finds in pages what belongs there
 * @cargo: the cargo
 * @first: first page
 * @count: how many
 */
void cargo_check(const struct cargo *cargo, u64 first, u64 count);

/**
 * cargo_device_check() - the device does, through its mirror
 * @cargo: the cargo
 * @first: first page
 * @count: how many
 *
 * Pages of its own bank stay where they are.
 */
void cargo_device_check(const struct cargo *cargo, u64 first, u64 count);

/**
 * cargo_move() - move pages, all of which must be moved
 * @cargo: the cargo
 * @first: first page
 * @count: how many
 * @from: HMM_SYSTEM or HMM_IN_BANK()
 * @to: HMM_SYSTEM or HMM_IN_BANK()
 *
 * Tried again for a while if the kernel does not give all of them, since somebody
 * else (a CPU's batch of pages to be put on a list) may have a reference just now.
 */
void cargo_move(const struct cargo *cargo, u64 first, u64 count,
		unsigned int from, unsigned int to);

/**
 * cargo_move_whole() - the same with huge pages as such
 * @cargo: made by cargo_new_huge()
 * @from: HMM_SYSTEM or HMM_IN_BANK()
 * @to: HMM_SYSTEM or HMM_IN_BANK()
 */
void cargo_move_whole(const struct cargo *cargo, unsigned int from,
		      unsigned int to);

/**
 * cargo_judge_away() - these pages are in bank 0
 * @cargo: the cargo
 * @first: first page
 * @count: how many
 * @huge: whether as part of a huge page
 */
void cargo_judge_away(const struct cargo *cargo, u64 first, u64 count,
		      bool huge);

/**
 * cargo_judge_here() - these pages are in the system's memory
 * @cargo: the cargo
 * @first: first page
 * @count: how many
 */
void cargo_judge_here(const struct cargo *cargo, u64 first, u64 count);

/**
 * cargo_judge_home() - all of it is in the system's memory, with its contents
 * @cargo: the cargo, which the CPU reads first
 */
void cargo_judge_home(const struct cargo *cargo);

/**
 * cargo_judge_used() - so many pages of bank 0 are in use for this cargo
 * @cargo: the cargo
 * @pages: how many
 */
void cargo_judge_used(const struct cargo *cargo, u64 pages);

/**
 * cargo_walk() - hmm_range_fault() of some pages
 * @cargo: the cargo
 * @device: whose
 * @first: first page
 * @count: how many, at most CARGO_PAGES
 * @requests: SECMMU_HMM_REQ_* for all of them; 0: a snapshot
 * @entries: filled in
 */
void cargo_walk(const struct cargo *cargo, int device, u64 first, u64 count,
		u32 requests, u64 *entries);

/**
 * cargo_fork() - have a child process do something
 * @cargo: the cargo, of which the child has a copy
 * @act: what it does; what it finds wrong fails the case
 *
 * Returns when the child has ended.
 */
void cargo_fork(struct cargo *cargo, void (*act)(struct cargo *cargo));

#endif /* SECMMU_CARGO_H */
