/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of table operations begin with: a VM, one slot of memory that
 * has a known word in every page, and a record of what KVM does to it.
 */
#ifndef SECMMU_STAGE_H
#define SECMMU_STAGE_H

#include "backing.h"
#include "dirty.h"
#include "operation.h"
#include "vm.h"
#include "writer.h"
#include "types.h"

/**
 * struct stage_config - what to build
 * @backing: kind of memory
 * @bytes: size of the slot; at least one page of the memory's
 * @harvester: how dirty pages are learned; no rings
 * @operations: which to record, as operations_watch() has them
 * @eager_split: ask KVM to split huge mappings when logging begins
 * @empty: leave the memory without pages
 */
struct stage_config {
	enum backing_kind backing;
	u64 bytes;
	enum harvester harvester;
	unsigned int operations;
	bool eager_split;
	bool empty;
};

/**
 * struct stage - what was built
 * @vm: VM with one vCPU
 * @dirty: its dirty logging
 * @watched: the slot as the harvester sees it
 * @backing: the slot's memory
 * @memfd: guest_memfd behind it, -1 or 0 if there is none
 * @slot: slot, not logged, mapped one to one in the guest
 * @gpa: where the guest accesses it, bytes
 * @watch: the record of operations; begins behind all that was built
 * @page: host page size, bytes
 * @pages: host pages of the slot
 * @huge: size of a huge page, bytes
 */
struct stage {
	struct vm *vm;
	struct dirty_log *dirty;
	struct dirty_slot *watched;
	struct backing backing;
	int memfd;
	struct memslot slot;
	u64 gpa;
	struct operation_watch watch;
	u64 page;
	u64 pages;
	u64 huge;
};

/**
 * stage_create() - build it
 * @stage: filled in
 * @config: what to build
 *
 * Unless @config->empty, every page has its first word by stage_word(..., 0).
 */
void stage_create(struct stage *stage, const struct stage_config *config);

/**
 * stage_destroy() - take it down
 * @stage: created; what is already gone (NULL) is passed over
 */
void stage_destroy(struct stage *stage);

/**
 * stage_word() - the word that belongs into a page
 * @page: page of the slot
 * @generation: how often the contents were changed
 *
 * Return: the word, never 0.
 */
u64 stage_word(u64 page, u64 generation);

/**
 * stage_fill() - put its word into every page
 * @stage: created
 * @generation: as stage_word() has it
 */
void stage_fill(struct stage *stage, u64 generation);

/**
 * stage_try() - have the guest access pages, which may come to nothing
 * @stage: created
 * @access: what to do
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 *
 * Return: how that ended, VCPU_DONE if all were accessed.
 */
enum vcpu_event stage_try(struct stage *stage, enum writer_access access,
			  u64 first, u64 count, u64 stride);

/**
 * stage_access() - as stage_try(), and it must succeed
 * @stage: created
 * @access: what to do
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 */
void stage_access(struct stage *stage, enum writer_access access, u64 first,
		  u64 count, u64 stride);

/**
 * stage_expect_words() - have the guest read pages, which must have their words
 * @stage: created
 * @generation: as stage_word() has it; -1: all must be zero
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 */
void stage_expect_words(struct stage *stage, s64 generation, u64 first,
			u64 count, u64 stride);

/**
 * stage_store() - have the guest store into pages, and see that it did
 * @stage: created
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 *
 * What the host reads at the slot's address afterwards must be what the guest
 * has stored.
 */
void stage_store(struct stage *stage, u64 first, u64 count, u64 stride);

/**
 * stage_expect_dirty() - harvest, and just these pages must be in the log
 * @stage: created, the slot is logged
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 * @what: what was written, for the message
 */
void stage_expect_dirty(struct stage *stage, u64 first, u64 count, u64 stride,
			const char *what);

/**
 * stage_reached() - an operation must have been done to pages of the slot
 * @stage: created
 * @operation: operation
 * @first: first page
 * @count: how many; each must have been concerned
 * @stride: from one to the next, pages
 *
 * Collects what was recorded.
 *
 * Return: number of calls that concern the slot.
 */
size_t stage_reached(struct stage *stage, enum operation operation, u64 first,
		     u64 count, u64 stride);

/**
 * stage_not_reached() - an operation must not have been done to the slot
 * @stage: created
 * @operation: operation
 * @why: why not, for the message
 */
void stage_not_reached(struct stage *stage, enum operation operation,
		       const char *why);

/**
 * stage_mapped_by() - the mappings that were made must have a size
 * @stage: created
 * @size: bytes
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 *
 * Where the record does not tell sizes, the number of mappings does: every
 * access to another one of this size needs one.
 */
void stage_mapped_by(struct stage *stage, u64 size, u64 first, u64 count,
		     u64 stride);

#endif
