/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's writers: what a vCPU does to memory under test.
 *
 * writer_run() stores without pause until it is stopped; writer_store() makes
 * known stores and returns. Every stored word is a stamp (lib/stamp.h).
 */
#ifndef SECMMU_WRITER_H
#define SECMMU_WRITER_H

#include "kvm/guest.h"
#include "core/random.h"
#include "core/types.h"

#define WRITER_RANGES_MAX 8
#define WRITER_STORES_MAX 32

/**
 * enum writer_pattern - in which order pages are written
 * @WRITER_RANDOM: any page of any range
 * @WRITER_ASCENDING: page after page, again from the start
 * @WRITER_DESCENDING: the same backwards
 * @WRITER_HOT: a small set of pages, moved now and then
 * @WRITER_ALL: every page once per turn, in an order that jumps
 * @WRITER_STRADDLE: as RANDOM, and every store crosses into the next page
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
 * struct writer - what writer_run() is to do; lies over guest_vcpu.test
 * @page_size: host page size, bytes: the unit that is logged
 * @pattern: enum writer_pattern; may be changed while it runs
 * @hot_pages: size of the hot set, pages
 * @range_count: number of ranges, at least 1
 * @range: the memory
 * @random: the vCPU's own stream
 * @sequence: stores so far; the next stamp has this number plus one
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
 * @gva: guest virtual address of the first
 * @stride: from one to the next, bytes; may be negative
 * @count: how many
 */
struct writer_store {
	u64 gva;
	s64 stride;
	u64 count;
};

/**
 * enum writer_access - what writer_store() does at an address
 * @WRITER_STORE: store a stamp
 * @WRITER_FETCH: execute: writer_lay_code() has been there
 * @WRITER_LOAD: load a word into the list's digest
 * @WRITER_REWRITE: store the word that is there; for memory that nobody else
 *	writes at the time
 */
enum writer_access {
	WRITER_STORE,
	WRITER_FETCH,
	WRITER_LOAD,
	WRITER_REWRITE,
};

/**
 * struct writer_list - what writer_store() is to do; lies over guest_vcpu.test
 * @sequence: accesses so far
 * @count: number of runs
 * @access: enum writer_access
 * @digest: of all words that were loaded, by writer_digest()
 * @store: the runs
 */
struct writer_list {
	u64 sequence;
	u64 count;
	u64 access;
	u64 digest;
	struct writer_store store[WRITER_STORES_MAX];
};

/* What a digest becomes by another word; both sides compute it. */
static inline u64 writer_digest(u64 digest, u64 word)
{
	return (digest ^ word) * 0x9e3779b97f4a7c15ULL;
}

/* The vCPU's test area as one of the two. */
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
 * writer_name() - a pattern's name as cases use it
 * @pattern: pattern
 *
 * Return: its name. Context: host.
 */
const char *writer_name(enum writer_pattern pattern);

/**
 * writer_lay_code() - make each page's first bytes a function that returns
 * @memory: memory of a slot, as the host has it
 * @size: bytes
 * @page_size: from one to the next, bytes
 *
 * Context: host; no vCPU executes there.
 */
void writer_lay_code(void *memory, u64 size, u64 page_size);

/* Guest functions. */
void writer_run(struct guest_vcpu *self, u64 unused);
void writer_store(struct guest_vcpu *self, u64 unused);

#endif
