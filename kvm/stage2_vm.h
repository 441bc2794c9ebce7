/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of table operations begin with: a VM, one slot of memory that
 * has a known word in every page, and a record of what KVM does to it.
 */
#ifndef SECMMU_STAGE2_VM_H
#define SECMMU_STAGE2_VM_H

#include "mem/backing.h"
#include "dirty/dirty.h"
#include "operation.h"
#include "kvm/vm.h"
#include "kvm/writer.h"
#include "core/types.h"

/**
 * struct stage2_vm_config - what to build
 * @backing: kind of memory
 * @bytes: size of the slot; at least one page of the memory's
 * @mode: how dirty pages are learned; no rings
 * @operations: which to record, as operations_watch() has them
 * @eager_split: ask KVM to split huge mappings when logging begins
 * @empty: leave the memory without pages
 */
struct stage2_vm_config {
	enum backing_kind backing;
	u64 bytes;
	enum dirty_mode mode;
	unsigned int operations;
	bool eager_split;
	bool empty;
};

/**
 * struct stage2_vm - what was built
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
struct stage2_vm {
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
 * stage2_vm_create() - build it
 * @fixture: filled in
 * @config: what to build
 *
 * Unless @config->empty, every page has its first word by stage2_vm_word(..., 0).
 */
void stage2_vm_create(struct stage2_vm *fixture,
		      const struct stage2_vm_config *config);

/**
 * stage2_vm_destroy() - take it down
 * @fixture: created; what is already gone (NULL) is passed over
 */
void stage2_vm_destroy(struct stage2_vm *fixture);

/**
 * stage2_vm_word() - the word that belongs into a page
 * @page: page of the slot
 * @generation: how often the contents were changed
 *
 * Return: the word, never 0.
 */
u64 stage2_vm_word(u64 page, u64 generation);

/**
 * stage2_vm_fill() - put its word into every page
 * @fixture: created
 * @generation: as stage2_vm_word() has it
 */
void stage2_vm_fill(struct stage2_vm *fixture, u64 generation);

/**
 * stage2_vm_try() - have the guest access pages, which may come to nothing
 * @fixture: created
 * @access: what to do
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 *
 * Return: how that ended, VCPU_DONE if all were accessed.
 */
enum vcpu_event stage2_vm_try(struct stage2_vm *fixture,
			      enum writer_access access, u64 first, u64 count,
			      u64 stride);

/**
 * stage2_vm_access() - as stage2_vm_try(), and it must succeed
 * @fixture: created
 * @access: what to do
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 */
void stage2_vm_access(struct stage2_vm *fixture, enum writer_access access,
		      u64 first, u64 count, u64 stride);

/**
 * stage2_vm_expect_words() - have the guest read pages, which must have their words
 * @fixture: created
 * @generation: as stage2_vm_word() has it; -1: all must be zero
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 */
void stage2_vm_expect_words(struct stage2_vm *fixture, s64 generation,
			    u64 first, u64 count, u64 stride);

/**
 * stage2_vm_store() - have the guest store into pages, and see that it did
 * @fixture: created
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 *
 * What the host reads at the slot's address afterwards must be what the guest
 * has stored.
 */
void stage2_vm_store(struct stage2_vm *fixture, u64 first, u64 count,
		     u64 stride);

/**
 * stage2_vm_expect_dirty() - harvest, and just these pages must be in the log
 * @fixture: created, the slot is logged
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 * @what: what was written, for the message
 */
void stage2_vm_expect_dirty(struct stage2_vm *fixture, u64 first, u64 count,
			    u64 stride, const char *what);

/**
 * stage2_vm_reached() - an operation must have been done to pages of the slot
 * @fixture: created
 * @operation: operation
 * @first: first page
 * @count: how many; each must have been concerned
 * @stride: from one to the next, pages
 *
 * Collects what was recorded.
 *
 * Return: number of calls that concern the slot.
 */
size_t stage2_vm_reached(struct stage2_vm *fixture, enum operation operation,
			 u64 first, u64 count, u64 stride);

/**
 * stage2_vm_not_reached() - an operation must not have been done to the slot
 * @fixture: created
 * @operation: operation
 * @why: why not, for the message
 */
void stage2_vm_not_reached(struct stage2_vm *fixture, enum operation operation,
			   const char *why);

/**
 * stage2_vm_mapped_by() - the mappings that were made must have a size
 * @fixture: created
 * @size: bytes
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 *
 * Where the record does not tell sizes, the number of mappings does: every
 * access to another one of this size needs one.
 */
void stage2_vm_mapped_by(struct stage2_vm *fixture, u64 size, u64 first,
			 u64 count, u64 stride);

#endif
