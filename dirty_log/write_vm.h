/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One logged slot, a way by which its pages are written, and the judgement: what
 * was written is in the log and nothing else is, and memory and a mirror that
 * follows the log alone are equal.
 */
#ifndef SECMMU_WRITE_VM_H
#define SECMMU_WRITE_VM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/cases.h"
#include "exact_vm.h"
#include "kvm/guest.h"
#include "dirty/mirror.h"
#include "core/random.h"
#include "kvm/vm.h"
#include "kvm/writer.h"
#include "core/types.h"

struct write_vm;

/**
 * struct write_method - a way by which a page can be written, or is not
 * @name: of the case, up to the harvester
 * @plan: one line for --list
 * @function: guest function that writes; its argument is the address. Without it
 *	there is @act
 * @pages: pages that one call writes, in a row
 * @offset: of the address in the first of them, bytes; below 0: from its end
 * @same: what is written may be what was there
 * @stamp: what is written is the same each time: the pages get stamps before
 * @alone: each call is judged by itself: it pushes a ring's entries by the hundred
 * @interrupts: the VM needs vm_config.interrupts
 * @need: skips the case where something is missing; first of all, the VM is there
 *	and no vCPU has run. NULL: nothing is needed
 * @prepare: makes ready, after every page was written and before logging begins
 * @act: what one round does; the last thing that it does is judged by the caller.
 *	NULL: call @function for all of write_vm_targets()
 */
struct write_method {
	const char *name;
	const char *plan;
	guest_function function;
	unsigned int pages;
	int offset;
	bool same;
	bool stamp;
	bool alone;
	bool interrupts;
	void (*need)(struct write_vm *fixture);
	void (*prepare)(struct write_vm *fixture);
	void (*act)(struct write_vm *fixture);
};

/**
 * struct write_method_table - ways that belong together
 * @methods: the ways
 * @count: their number
 */
struct write_method_table {
	const struct write_method *methods;
	size_t count;
};

#define WRITE_METHOD_TABLE(array)        \
	{                                \
		array, ARRAY_SIZE(array) \
	}

/* One of them; an array of ways() ends with NULL. */
typedef const struct write_method_table *(*write_method_tables)(void);

/**
 * common_methods() - ways that every architecture has
 *
 * Return: the table.
 */
const struct write_method_table *common_methods(void);

/* What this architecture has beside them; ends with NULL. */
extern const write_method_tables arch_methods[];

/**
 * struct write_vm - what was built for a case
 * @exact: the VM, its slot and harvester; @exact.written is what has to be in the
 *	next harvest
 * @may: what may be in it, too
 * @mirror: the slot as the log tells it
 * @slot: the slot
 * @vcpu: the vCPU that writes by the way in question
 * @method: the way
 * @page_size: bytes
 * @pages: of the slot
 * @own: room for the way's own
 */
struct write_vm {
	struct exact exact;
	unsigned long *may;
	struct mirror *mirror;
	struct memslot *slot;
	struct vcpu *vcpu;
	const struct write_method *method;
	u64 page_size;
	size_t pages;
	u64 own[16];
};

/**
 * stage_run_method() - the whole of a case
 * @test: the case; its data is the way, its numbers are the scene's dimensions
 */
void stage_run_method(const struct test_case *test);

/* Words for ways. */

/**
 * write_vm_address() - where a page is, for the guest and for KVM
 * @fixture: stage
 * @page: page of the slot
 *
 * Return: guest address, virtual and physical.
 */
u64 write_vm_address(const struct write_vm *fixture, size_t page);

/**
 * write_vm_must() - a page is about to be written
 * @fixture: stage
 * @page: page of the slot
 */
void write_vm_must(struct write_vm *fixture, size_t page);

/**
 * write_vm_may() - a page may be reported though nobody wrote it
 * @fixture: stage
 * @page: page of the slot; the caller says by which rule
 */
void write_vm_may(struct write_vm *fixture, size_t page);

/**
 * write_vm_run() - run a guest function to its end
 * @fixture: stage
 * @function: guest function
 * @argument: its second argument
 *
 * Ring entries are collected whenever the ring is full, for the next harvest.
 */
void write_vm_run(struct write_vm *fixture, guest_function function,
		  u64 argument);

/**
 * write_vm_run_exits() - as write_vm_run(), and exits are answered
 * @fixture: stage
 * @function: guest function
 * @argument: its second argument
 * @answer: called for VCPU_OTHER and VCPU_SYNC
 *
 * Return: how often @answer was called.
 */
unsigned int write_vm_run_exits(struct write_vm *fixture,
				guest_function function, u64 argument,
				void (*answer)(struct write_vm *fixture,
					       enum vcpu_event event));

/**
 * write_vm_access() - access pages one by one
 * @fixture: stage
 * @access: what to do at each
 * @first: the first page
 * @count: how many
 * @offset: of the access in each page, bytes
 */
void write_vm_access(struct write_vm *fixture, enum writer_access access,
		     size_t first, size_t count, u64 offset);

/**
 * write_vm_stamp() - the guest fills a page with stamps, and that is judged
 * @fixture: stage
 * @page: page of the slot
 *
 * What KVM then writes there changes it.
 */
void write_vm_stamp(struct write_vm *fixture, size_t page);

/**
 * write_vm_harvest() - harvest, and leave the judgement to the caller
 * @fixture: stage
 */
void write_vm_harvest(struct write_vm *fixture);

/**
 * write_vm_judge() - harvest, judge, and begin anew
 * @fixture: stage
 * @what: what was done, for the message
 * @same: what was written may be what was there before
 */
void write_vm_judge(struct write_vm *fixture, const char *what, bool same);

/**
 * write_vm_targets() - first pages of the runs of pages that are written
 * @fixture: stage
 * @run: pages of a run
 * @first: filled in
 * @max: room in @first
 *
 * The slot's ends, the seam of two words of the bitmap and of two huge pages;
 * in a stress run others at random. No page is in two of them.
 *
 * Return: how many.
 */
size_t write_vm_targets(struct write_vm *fixture, unsigned int run,
			size_t *first, size_t max);

/**
 * write_vm_lay_code() - every page begins with a function that returns
 * @fixture: stage; a way's prepare()
 */
void write_vm_lay_code(struct write_vm *fixture);

/**
 * write_vm_unmap() - the guest's mapping of the slot is taken away, not its content
 * @fixture: stage
 */
void write_vm_unmap(struct write_vm *fixture);

/**
 * write_vm_store_all() - the guest writes every page, which is judged
 * @fixture: stage; what was written before is reported by now, or is judged with it
 */
void write_vm_store_all(struct write_vm *fixture);

/**
 * arch_reports_absent() - may a fault that is no write be reported
 *
 * Return: whether KVM of this architecture may map a page writable, and report it,
 * when it is only read or executed.
 */
bool arch_reports_absent(void);

/**
 * write_vm_judge_absent() - access pages that are not mapped, then write them all;
 *	judge what is reported
 * @fixture: stage
 * @access: WRITER_LOAD or WRITER_FETCH
 *
 * Where pages may be reported when they are accessed, what is written by way of such
 * a mapping must have been.
 */
void write_vm_judge_absent(struct write_vm *fixture, enum writer_access access);

#endif
