/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Places: memory in a state that hmm_range_fault() has to tell from others.
 */
#ifndef SECMMU_MAPPING_STATE_H
#define SECMMU_MAPPING_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/cases.h"
#include "core/types.h"

struct thread_group;

/**
 * struct mapping_state - some memory
 * @device: the device that mirrors this process
 * @start: first address that is walked
 * @pages: pages that are walked
 * @page: bytes of a page
 * @huge: bytes of a huge page: what a PMD maps; of hugetlb, its own size
 * @no_pagemap: /proc/self/pagemap does not tell the page frames of this memory
 * @frame: the first page's page frame, others follow, where reading
 *	/proc/self/pagemap would change the page table (walk_pud_range() splits
 *	what maps a gigabyte); 0: it may be read
 * @walker: the thread that walks
 * @helper: a thread that holds the memory in its state until mapping_state_let_go(); or
 *	NULL
 */
struct mapping_state {
	int device;
	unsigned char *start;
	u64 pages;
	u64 page;
	u64 huge;
	bool no_pagemap;
	u64 frame;
	pid_t walker;
	struct thread_group *helper;
};

/**
 * struct mapping_state_kind - a state that memory can be in
 * @name: one word
 * @prepare: fills @start and @pages of a place, the rest of which is filled
 *	already; skips the case if this machine cannot; NULL: the caller does it
 * @let_go: called by another thread while a walk waits for @prepare's helper;
 *	NULL: no walk waits
 */
struct mapping_state_kind {
	const char *name;
	void (*prepare)(struct mapping_state *state);
	void (*let_go)(struct mapping_state *state);
};

/**
 * mapping_state_kind_of() - a kind by its name
 * @name: the name; one that there is not ends the program with a failure
 *
 * Return: the kind.
 */
const struct mapping_state_kind *mapping_state_kind_of(const char *name);

/**
 * mapping_state_prepare() - make a place
 * @state: to be filled
 * @kind: of which kind
 *
 * NUMA balancing stays off the process's memory (backing_keep_mapped()): nothing
 * but the test invalidates. What it takes is given back when the case's process
 * ends.
 */
void mapping_state_prepare(struct mapping_state *state,
			   const struct mapping_state_kind *kind);

/*
 * The rest is between place.c and place_*.c.
 */

extern const struct mapping_state_kind mapping_state_kinds[];
extern const size_t mapping_state_kind_count;
extern const struct mapping_state_kind mapping_state_special_kinds[];
extern const size_t mapping_state_special_kind_count;
extern const struct mapping_state_kind mapping_state_memory_kinds[];
extern const size_t mapping_state_memory_kind_count;
extern const struct mapping_state_kind mapping_state_daemon_kinds[];
extern const size_t mapping_state_daemon_kind_count;

/**
 * mapping_state_reserve() - addresses that nobody else gets, aligned to a huge page
 * @state: page sizes
 * @size: bytes
 *
 * They, and those up to the next huge page's, are mapped without access, and no
 * page table is there.
 *
 * Return: the first address, for mapping_state_map().
 */
unsigned char *mapping_state_reserve(const struct mapping_state *state,
				     u64 size);

/**
 * mapping_state_map() - map memory at a reserved address
 * @address: from mapping_state_reserve(), or behind it
 * @size: bytes
 * @protection: PROT_*
 * @flags: MAP_*; MAP_FIXED is added
 * @fd: as for mmap()
 */
void mapping_state_map(void *address, u64 size, int protection, int flags,
		       int fd);

/**
 * mapping_state_anonymous() - private memory in small pages, nothing populated
 * @state: gets its start, at a huge page's first address
 * @pages: how many
 */
void mapping_state_anonymous(struct mapping_state *state, u64 pages);

/**
 * mapping_state_share() - have a child process, which shares all pages
 *
 * It lives for as long as this process, so they stay shared.
 */
void mapping_state_share(void);

/**
 * mapping_state_write() - write to pages, a different word to each
 * @state: the place
 * @first: first page, counted from its start
 * @count: how many
 */
void mapping_state_write(struct mapping_state *state, u64 first, u64 count);

/**
 * mapping_state_read() - read a word of each page
 * @state: the place
 * @first: first page, counted from its start
 * @count: how many
 */
void mapping_state_read(struct mapping_state *state, u64 first, u64 count);

/**
 * mapping_state_advise() - madvise() that must work
 * @address: first address
 * @size: bytes
 * @advice: MADV_*
 * @name: of the advice
 */
void mapping_state_advise(void *address, u64 size, int advice,
			  const char *name);

#endif /* SECMMU_MAPPING_STATE_H */
