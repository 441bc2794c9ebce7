/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest functions that access memory under test.
 *
 * writer_run() stores until it is stopped; writer_store() makes a list of
 * accesses and returns. Every stored word is a stamp (lib/kvm/stamp.h).
 */
#ifndef SECMMU_WRITER_H
#define SECMMU_WRITER_H

#include "kvm/guest.h"
#include "core/random.h"
#include "core/types.h"

#define WRITER_RANGES_MAX 8
#define WRITER_STORES_MAX 32

/**
 * enum writer_pattern - order in which pages are written
 * @WRITER_RANDOM: a random page of a random range
 * @WRITER_ASCENDING: each page in turn, then again from the start
 * @WRITER_DESCENDING: the same in descending order
 * @WRITER_HOT: a small set of pages, which moves from time to time
 * @WRITER_ALL: every page once per round, in a scattered order
 * @WRITER_STRADDLE: as RANDOM, and every store crosses a page boundary
 * @WRITER_PATTERNS: number of patterns
 */
enum writer_pattern {
	WRITER_RANDOM,
	WRITER_ASCENDING,
	WRITER_DESCENDING,
	WRITER_HOT,
	WRITER_ALL,
	WRITER_STRADDLE,
	WRITER_PATTERNS,
};

/**
 * struct writer_range - memory to write
 * @gva: guest virtual address of its first page
 * @pages: host pages
 */
struct writer_range {
	u64 gva;
	u64 pages;
};

/**
 * struct writer - what writer_run() does; lies over guest_vcpu.test
 * @page_size: host page size, bytes: the unit of dirty logging
 * @pattern: enum writer_pattern; the host may change it at any time
 * @hot_pages: size of the hot set, pages
 * @range_count: number of ranges, at least 1
 * @range: the memory
 * @random: the vCPU's random stream
 * @sequence: stores so far; the next stamp has @sequence + 1
 */
struct writer {
	u64 page_size;
	volatile u64 pattern;
	u64 hot_pages;
	u64 range_count;
	struct writer_range range[WRITER_RANGES_MAX];
	struct random_stream random;
	volatile u64 sequence;
};

/**
 * struct writer_store - a run of stores
 * @gva: guest virtual address of the first store
 * @stride: from one to the next, bytes; may be negative
 * @count: number of stores
 */
struct writer_store {
	u64 gva;
	s64 stride;
	u64 count;
};

/**
 * enum writer_access - access of writer_store()
 * @WRITER_STORE: store a stamp
 * @WRITER_FETCH: execute code of writer_lay_code()
 * @WRITER_LOAD: load a word and add it to the list's digest
 * @WRITER_REWRITE: store the word that is there; no other thread may write the
 *	memory at that time
 */
enum writer_access {
	WRITER_STORE,
	WRITER_FETCH,
	WRITER_LOAD,
	WRITER_REWRITE,
};

/**
 * struct writer_list - what writer_store() does; lies over guest_vcpu.test
 * @sequence: accesses so far
 * @count: number of runs
 * @access: enum writer_access
 * @digest: digest of all loaded words, by writer_digest()
 * @store: the runs
 */
struct writer_list {
	u64 sequence;
	u64 count;
	u64 access;
	u64 digest;
	struct writer_store store[WRITER_STORES_MAX];
};

/* Add a word to a digest; host and guest compute it. */
static inline u64 writer_digest(u64 digest, u64 word)
{
	return (digest ^ word) * 0x9e3779b97f4a7c15ULL;
}

/* The vCPU's test area as one of these structures. */
static inline struct writer *writer_of(struct guest_vcpu *guest)
{
	return (struct writer *)guest->test;
}

static inline struct writer_list *writer_list_of(struct guest_vcpu *guest)
{
	return (struct writer_list *)guest->test;
}

_Static_assert(sizeof(struct writer) <= GUEST_TEST_AREA, "test area too small");
_Static_assert(sizeof(struct writer_list) <= GUEST_TEST_AREA,
	       "test area too small");

/**
 * writer_name() - name of a pattern, as in case names
 * @pattern: pattern
 *
 * Return: its name. Context: host.
 */
const char *writer_name(enum writer_pattern pattern);

/**
 * writer_lay_code() - write a function that returns to the start of each page
 * @memory: memory of a slot, host address
 * @size: bytes
 * @page_size: distance of the functions, bytes
 *
 * Context: host; no vCPU executes the memory.
 */
void writer_lay_code(void *memory, u64 size, u64 page_size);

/* Guest functions. */
void writer_run(struct guest_vcpu *self, u64 unused);
void writer_store(struct guest_vcpu *self, u64 unused);

#endif
