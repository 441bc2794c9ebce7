/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cargo: pages that go to a device's memory and come back, and the oracle for
 * them. Every page has contents that follow from the seed, its number and its
 * version; whoever writes it raises the version. Where a page is, is asked of the
 * kernel twice (hmm_range_fault(), /proc/self/pagemap) and of the bank, and all
 * three have to say the same.
 */
#ifndef SECMMU_BUFFER_H
#define SECMMU_BUFFER_H

#include <stdbool.h>

#include "hmm_device.h"
#include "mapping_state.h"
#include "core/types.h"

/* Pages of a cargo of small pages: a few, for one page table. */
#define BUFFER_PAGES 16

/**
 * struct device_buffer - some memory with known contents
 * @state: where it is, and a device that mirrors it, whose own is bank 0
 * @mirror: of all of it
 * @seed: what contents follow from
 * @version: of each page; 0: never written, so it is zero
 * @used: pages of bank 0 that were in use before
 */
struct device_buffer {
	struct mapping_state state;
	unsigned int mirror;
	u64 seed;
	u32 *version;
	u64 used;
};

/**
 * buffer_new() - small pages of private memory, none of them there yet
 * @buffer: to be filled
 * @pages: how many, at most those of a huge page
 *
 * Skips the case if devices have no memory here.
 */
void buffer_new(struct device_buffer *buffer, u64 pages);

/**
 * buffer_new_written() - the same, every page written by the CPU
 * @buffer: to be filled
 * @pages: how many
 */
void buffer_new_written(struct device_buffer *buffer, u64 pages);

/**
 * buffer_new_away() - the same, and moved to bank 0
 * @buffer: to be filled
 *
 * BUFFER_PAGES of them.
 */
void buffer_new_away(struct device_buffer *buffer);

/**
 * buffer_new_huge() - a huge page, written by the CPU
 * @buffer: to be filled
 *
 * Skips the case if huge pages do not go to devices as such here.
 */
void buffer_new_huge(struct device_buffer *buffer);

/**
 * buffer_page() - address of a page
 * @buffer: the cargo
 * @number: of the page
 *
 * Return: its first byte.
 */
void *buffer_page(const struct device_buffer *buffer, u64 number);

/**
 * buffer_write() - the CPU gives pages their next version
 * @buffer: the cargo
 * @first: first page
 * @count: how many
 */
void buffer_write(struct device_buffer *buffer, u64 first, u64 count);

/**
 * buffer_device_write() - the device does, through its mirror
 * @buffer: the cargo
 * @first: first page
 * @count: how many
 */
void buffer_device_write(struct device_buffer *buffer, u64 first, u64 count);

/**
 * buffer_forget() - pages were dropped: they are zero
 * @buffer: the cargo
 * @first: first page
 * @count: how many
 */
void buffer_forget(struct device_buffer *buffer, u64 first, u64 count);

/**
 * buffer_check() - the CPU finds in pages what belongs there
 * @buffer: the cargo
 * @first: first page
 * @count: how many
 */
void buffer_check(const struct device_buffer *buffer, u64 first, u64 count);

/**
 * buffer_device_check() - the device does, through its mirror
 * @buffer: the cargo
 * @first: first page
 * @count: how many
 *
 * Pages of its own bank stay where they are.
 */
void buffer_device_check(const struct device_buffer *buffer, u64 first,
			 u64 count);

/**
 * buffer_move() - move pages, all of which must be moved
 * @buffer: the cargo
 * @first: first page
 * @count: how many
 * @from: HMM_SYSTEM or HMM_IN_DEVMEM()
 * @to: HMM_SYSTEM or HMM_IN_DEVMEM()
 *
 * Tried again for a while if the kernel does not give all of them, since somebody
 * else (a CPU's batch of pages to be put on a list) may have a reference just now.
 */
void buffer_move(const struct device_buffer *buffer, u64 first, u64 count,
		 unsigned int from, unsigned int to);

/**
 * buffer_move_whole() - the same with huge pages as such
 * @buffer: made by buffer_new_huge()
 * @from: HMM_SYSTEM or HMM_IN_DEVMEM()
 * @to: HMM_SYSTEM or HMM_IN_DEVMEM()
 */
void buffer_move_whole(const struct device_buffer *buffer, unsigned int from,
		       unsigned int to);

/**
 * buffer_judge_away() - these pages are in bank 0
 * @buffer: the cargo
 * @first: first page
 * @count: how many
 * @huge: whether as part of a huge page
 */
void buffer_judge_away(const struct device_buffer *buffer, u64 first, u64 count,
		       bool huge);

/**
 * buffer_judge_here() - these pages are in the system's memory
 * @buffer: the cargo
 * @first: first page
 * @count: how many
 */
void buffer_judge_here(const struct device_buffer *buffer, u64 first,
		       u64 count);

/**
 * buffer_judge_home() - all of it is in the system's memory, with its contents
 * @buffer: the cargo, which the CPU reads first
 */
void buffer_judge_home(const struct device_buffer *buffer);

/**
 * buffer_judge_used() - so many pages of bank 0 are in use for this cargo
 * @buffer: the cargo
 * @pages: how many
 */
void buffer_judge_used(const struct device_buffer *buffer, u64 pages);

/**
 * buffer_walk() - hmm_range_fault() of some pages
 * @buffer: the cargo
 * @device: whose
 * @first: first page
 * @count: how many, at most BUFFER_PAGES
 * @requests: SECMMU_HMM_REQ_* for all of them; 0: a snapshot
 * @entries: filled in
 */
void buffer_walk(const struct device_buffer *buffer, int device, u64 first,
		 u64 count, u32 requests, u64 *entries);

/**
 * buffer_fork() - have a child process do something
 * @buffer: the cargo, of which the child has a copy
 * @act: what it does; what it finds wrong fails the case
 *
 * Returns when the child has ended.
 */
void buffer_fork(struct device_buffer *buffer,
		 void (*act)(struct device_buffer *buffer));

#endif /* SECMMU_BUFFER_H */
