/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM with one slot, a known word in every page of it, and a record of the
 * operations that KVM does on its page tables.
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
 * struct stage2_vm_config - parameters
 * @backing: kind of memory
 * @bytes: size of the slot; rounded up to one page of the memory's kind
 * @mode: dirty-log mode; no rings
 * @operations: operations to record, as bits (1 << OPERATION_MAP)
 * @eager_split: have KVM split huge mappings when logging is enabled
 * @empty: do not populate the memory
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
 * struct stage2_vm - the fixture
 * @vm: VM with one vCPU
 * @dirty: its dirty logging
 * @watched: the slot as the dirty log sees it
 * @backing: the slot's memory
 * @memfd: guest_memfd behind it; -1 or 0: none
 * @slot: the slot, not logged; the guest maps it one to one
 * @gpa: address at which the guest accesses it
 * @watch: record of operations; starts when everything is set up
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
 * stage2_vm_create() - create the VM, the slot and the record
 * @fixture: filled in
 * @config: parameters
 *
 * Unless @config->empty, the first word of every page is stage2_vm_word(page,
 * 0).
 */
void stage2_vm_create(struct stage2_vm *fixture,
		      const struct stage2_vm_config *config);

/**
 * stage2_vm_destroy() - free all of it
 * @fixture: created; members that are NULL were freed by the caller
 */
void stage2_vm_destroy(struct stage2_vm *fixture);

/**
 * stage2_vm_word() - the word that a page must hold
 * @page: page of the slot
 * @generation: how often the contents were rewritten
 *
 * Return: the word, never 0.
 */
u64 stage2_vm_word(u64 page, u64 generation);

/**
 * stage2_vm_fill() - write its word to every page
 * @fixture: created
 * @generation: as stage2_vm_word() has it
 */
void stage2_vm_fill(struct stage2_vm *fixture, u64 generation);

/**
 * stage2_vm_try() - have the guest access pages; the access may fail
 * @fixture: created
 * @access: what to do
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 *
 * Return: VCPU_DONE if all pages were accessed, VCPU_FAULT if KVM_RUN failed
 * with EFAULT, VCPU_OTHER for another exit.
 */
enum vcpu_event stage2_vm_try(struct stage2_vm *fixture,
			      enum writer_access access, u64 first, u64 count,
			      u64 stride);

/**
 * stage2_vm_access() - as stage2_vm_try(); fails the case unless all are
 *	accessed
 * @fixture: created
 * @access: what to do
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 */
void stage2_vm_access(struct stage2_vm *fixture, enum writer_access access,
		      u64 first, u64 count, u64 stride);

/**
 * stage2_vm_expect_words() - the guest reads pages and must find their words
 * @fixture: created
 * @generation: as in stage2_vm_word(); -1: all must be zero
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 */
void stage2_vm_expect_words(struct stage2_vm *fixture, s64 generation,
			    u64 first, u64 count, u64 stride);

/**
 * stage2_vm_store() - the guest stores to pages, and the host finds the stores
 * @fixture: created
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 *
 * Fails the case if the host reads another word than the guest stored.
 */
void stage2_vm_store(struct stage2_vm *fixture, u64 first, u64 count,
		     u64 stride);

/**
 * stage2_vm_expect_dirty() - harvest; exactly these pages must be dirty
 * @fixture: created; the slot is logged
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 * @what: what was written, for the failure's reason
 */
void stage2_vm_expect_dirty(struct stage2_vm *fixture, u64 first, u64 count,
			    u64 stride, const char *what);

/**
 * stage2_vm_reached() - an operation must have been done to pages of the slot
 * @fixture: created
 * @operation: operation
 * @first: first page
 * @count: number of pages; the operation must cover each
 * @stride: from one to the next, pages
 *
 * Collects the record.
 *
 * Return: number of recorded calls that overlap the slot.
 */
size_t stage2_vm_reached(struct stage2_vm *fixture, enum operation operation,
			 u64 first, u64 count, u64 stride);

/**
 * stage2_vm_not_reached() - an operation must not have been done to the slot
 * @fixture: created
 * @operation: operation
 * @why: why not, for the failure's reason
 */
void stage2_vm_not_reached(struct stage2_vm *fixture, enum operation operation,
			   const char *why);

/**
 * stage2_vm_mapped_by() - the recorded mappings must have a size
 * @fixture: created
 * @size: bytes
 * @first: first page
 * @count: how many
 * @stride: from one to the next, pages
 *
 * If the record has no sizes, nothing is checked: then the number of mappings
 * shows the size, since each access to another one needs a mapping.
 */
void stage2_vm_mapped_by(struct stage2_vm *fixture, u64 size, u64 first,
			 u64 count, u64 stride);

#endif
