/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ledger oracle: what the guest stores is in the host's memory, and contents that the
 * host removed do not come back.
 *
 * Every vCPU has a separate word in every page. For each word, memory that no notifier
 * operation touches has an entry, in which the vCPU records the store that it begins and
 * the store that it has done. So when all vCPUs are stopped, the word must contain:
 *
 *   the last store, done or begun	unless the host removed the page's contents
 *   0					if the host did, and no store began after that
 *
 * A store that began before the host's action ended, and was not done when it began, may
 * be there or not; everything else is exact. The guest itself checks its word before it
 * stores again.
 *
 * This is what an MMU notifier is for: a guest that continues to use a page which the
 * host has replaced stores to memory that is not the slot's any more (mmu_notifier.rst;
 * comments of kvm_mmu_notifier_invalidate_range_start()). The dirty log and the mirror
 * (dirty/mirror.h) cannot see that: memory and mirror are equal.
 *
 * Memory: 24 bytes per page and vCPU, shared with the guest, 8 more on the host.
 */
#ifndef SECMMU_LEDGER_H
#define SECMMU_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#include "kvm/stamp.h"
#include "core/types.h"

/* vCPUs that have separate words; see ledger_offset(). */
#define LEDGER_VCPUS_MAX 512

/**
 * struct ledger_entry - one vCPU's word of one page, zero before its first store
 * @begun: sequence of the store that was begun last; written by the guest
 * @done: sequence of the store that was done last; written by the guest
 * @dead: what was stored up to this sequence was taken away; written by the host
 */
struct ledger_entry {
	u64 begun;
	u64 done;
	u64 dead;
};

/**
 * ledger_offset() - where in a page a vCPU's word is
 * @vcpu: vCPU index, below LEDGER_VCPUS_MAX
 * @page: page in the slot
 * @page_size: host page size, bytes
 *
 * An odd factor permutes [0, 2^n), so no two vCPUs have one word; another place in
 * each page, lest a page be taken for its neighbour.
 *
 * Return: bytes from the page's beginning. Context: host and guest.
 */
static inline u64 ledger_offset(u64 vcpu, u64 page, u64 page_size)
{
	return (vcpu * 61 + page * 7) % (page_size / sizeof(u64)) * sizeof(u64);
}

/**
 * ledger_store() - store, and keep the book
 * @entry: the word's entry
 * @word: the word
 * @vcpu: the storing vCPU's index
 * @sequence: greater than that of its last store to this word
 *
 * The orders that ledger.c relies on: who sees @done sees the store, who sees the
 * store sees @begun.
 *
 * Context: guest.
 */
static inline void ledger_store(struct ledger_entry *entry, u64 *word, u32 vcpu,
				u64 sequence)
{
	__atomic_store_n(&entry->begun, sequence, __ATOMIC_RELEASE);
	__atomic_store_n(word, stamp(vcpu, sequence), __ATOMIC_RELEASE);
	__atomic_store_n(&entry->done, sequence, __ATOMIC_RELEASE);
}

/**
 * enum ledger_sight - what a vCPU found in its word
 * @LEDGER_FINE: its last store; or nothing, since the host may have taken it
 * @LEDGER_FOREIGN: what it has not stored last
 * @LEDGER_DEAD: what the host had taken away before it looked
 */
enum ledger_sight {
	LEDGER_FINE,
	LEDGER_FOREIGN,
	LEDGER_DEAD,
};

/**
 * ledger_look() - look at one's own word, and judge it
 * @entry: the word's entry; no store of this vCPU is under way
 * @word: the word
 * @vcpu: the looking vCPU's index
 * @found: what was found
 *
 * Return: enum ledger_sight. Context: guest.
 */
static inline enum ledger_sight ledger_look(const struct ledger_entry *entry,
					    const u64 *word, u32 vcpu,
					    u64 *found)
{
	/* First this: it was published after the host's action had returned. */
	u64 dead = __atomic_load_n(&entry->dead, __ATOMIC_ACQUIRE);
	u64 value = __atomic_load_n(word, __ATOMIC_RELAXED);

	*found = value;
	if (!value)
		return LEDGER_FINE;
	if (stamp_vcpu(value) != (int)vcpu ||
	    stamp_sequence(value) != entry->done)
		return LEDGER_FOREIGN;
	return stamp_sequence(value) > dead ? LEDGER_FINE : LEDGER_DEAD;
}

/* The rest is the host's. */

struct ledger;

/**
 * struct ledger_drop - the host's action on some pages, while it is under way
 * @first: the first page
 * @count: number of pages
 * @done: what each vCPU had done in each page before it, by vCPU
 */
struct ledger_drop {
	size_t first;
	size_t count;
	u64 *done;
};

/**
 * ledger_new() - a ledger of a slot
 * @name: the slot in messages; copied
 * @memory: host address of the slot's first byte, all zero so far where words are
 * @pages: host pages
 * @page_size: host page size, bytes
 * @vcpus: vCPUs that store, at most LEDGER_VCPUS_MAX
 * @entries: @vcpus times @pages entries, those of one vCPU together; zeroed here
 *
 * Return: the ledger, to be freed by ledger_free(); @entries stays the caller's.
 */
struct ledger *ledger_new(const char *name, const void *memory, size_t pages,
			  size_t page_size, unsigned int vcpus,
			  struct ledger_entry *entries);

/**
 * ledger_free() - free a ledger
 * @ledger: ledger
 */
void ledger_free(struct ledger *ledger);

/**
 * ledger_drop_new() - room for ledger_drop_begin()
 * @ledger: ledger
 *
 * Return: for one action at a time, for @ledger's whole slot at most; to be freed
 * by ledger_drop_free().
 */
struct ledger_drop *ledger_drop_new(const struct ledger *ledger);

/**
 * ledger_drop_free() - free it
 * @drop: made by ledger_drop_new(); may be NULL
 */
void ledger_drop_free(struct ledger_drop *drop);

/**
 * ledger_drop_begin() - the host will take the contents of pages away
 * @ledger: ledger
 * @drop: filled in
 * @first: the first page
 * @count: number of pages
 *
 * Context: before the action, the vCPUs may run.
 */
void ledger_drop_begin(const struct ledger *ledger, struct ledger_drop *drop,
		       size_t first, size_t count);

/**
 * ledger_drop_end() - it has: all words of these pages were zeroed
 * @ledger: ledger
 * @drop: begun
 *
 * Context: after the action has returned; the vCPUs may run. One thread at a time
 * of all that end actions on one ledger.
 */
void ledger_drop_end(struct ledger *ledger, const struct ledger_drop *drop);

/**
 * ledger_judge() - end the test if memory is not what the entries say
 * @ledger: ledger
 *
 * Context: every KVM_RUN has returned, no action is between begin and end, and
 * the memory can be read.
 *
 * Return: words that hold a store, all of them right.
 */
size_t ledger_judge(const struct ledger *ledger);

#endif
