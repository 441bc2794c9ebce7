/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One logged slot, a way by which its pages are written, and the judgement: what
 * was written is in the log and nothing else is, and memory and a mirror that
 * follows the log alone are equal.
 */
#ifndef SECMMU_STAGE_H
#define SECMMU_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "cases.h"
#include "exact_scene.h"
#include "guest.h"
#include "mirror.h"
#include "random.h"
#include "vm.h"
#include "writer.h"
#include "types.h"

struct stage;

/**
 * struct way - a way by which a page can be written, or is not
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
 *	NULL: call @function for all of stage_targets()
 */
struct way {
	const char *name;
	const char *plan;
	guest_function function;
	unsigned int pages;
	int offset;
	bool same;
	bool stamp;
	bool alone;
	bool interrupts;
	void (*need)(struct stage *stage);
	void (*prepare)(struct stage *stage);
	void (*act)(struct stage *stage);
};

/**
 * struct way_table - ways that belong together
 * @ways: the ways
 * @count: their number
 */
struct way_table {
	const struct way *ways;
	size_t count;
};

#define WAY_TABLE(array)                 \
	{                                \
		array, ARRAY_SIZE(array) \
	}

/* One of them; an array of ways() ends with NULL. */
typedef const struct way_table *(*way_tables)(void);

/**
 * common_ways() - ways that every architecture has
 *
 * Return: the table.
 */
const struct way_table *common_ways(void);

/* What this architecture has beside them; ends with NULL. */
extern const way_tables arch_ways[];

/**
 * struct stage - what was built for a case
 * @exact: the VM, its slot and harvester; @exact.written is what has to be in the
 *	next harvest
 * @may: what may be in it, too
 * @mirror: the slot as the log tells it
 * @slot: the slot
 * @vcpu: the vCPU that writes by the way in question
 * @way: the way
 * @page_size: bytes
 * @pages: of the slot
 * @own: room for the way's own
 */
struct stage {
	struct exact exact;
	unsigned long *may;
	struct mirror *mirror;
	struct memslot *slot;
	struct vcpu *vcpu;
	const struct way *way;
	u64 page_size;
	size_t pages;
	u64 own[16];
};

/**
 * stage_run_way() - the whole of a case
 * @test: the case; its data is the way, its numbers are the scene's dimensions
 */
void stage_run_way(const struct test_case *test);

/* Words for ways. */

/**
 * stage_address() - where a page is, for the guest and for KVM
 * @stage: stage
 * @page: page of the slot
 *
 * Return: guest address, virtual and physical.
 */
u64 stage_address(const struct stage *stage, size_t page);

/**
 * stage_must() - a page is about to be written
 * @stage: stage
 * @page: page of the slot
 */
void stage_must(struct stage *stage, size_t page);

/**
 * stage_may() - a page may be reported though nobody wrote it
 * @stage: stage
 * @page: page of the slot; the caller says by which rule
 */
void stage_may(struct stage *stage, size_t page);

/**
 * stage_run() - run a guest function to its end
 * @stage: stage
 * @function: guest function
 * @argument: its second argument
 *
 * Ring entries are collected whenever the ring is full, for the next harvest.
 */
void stage_run(struct stage *stage, guest_function function, u64 argument);

/**
 * stage_run_exits() - as stage_run(), and exits are answered
 * @stage: stage
 * @function: guest function
 * @argument: its second argument
 * @answer: called for VCPU_OTHER and VCPU_SYNC
 *
 * Return: how often @answer was called.
 */
unsigned int
stage_run_exits(struct stage *stage, guest_function function, u64 argument,
		void (*answer)(struct stage *stage, enum vcpu_event event));

/**
 * stage_access() - access pages one by one
 * @stage: stage
 * @access: what to do at each
 * @first: the first page
 * @count: how many
 * @offset: of the access in each page, bytes
 */
void stage_access(struct stage *stage, enum writer_access access, size_t first,
		  size_t count, u64 offset);

/**
 * stage_stamp() - the guest fills a page with stamps, and that is judged
 * @stage: stage
 * @page: page of the slot
 *
 * What KVM then writes there changes it.
 */
void stage_stamp(struct stage *stage, size_t page);

/**
 * stage_harvest() - harvest, and leave the judgement to the caller
 * @stage: stage
 */
void stage_harvest(struct stage *stage);

/**
 * stage_judge() - harvest, judge, and begin anew
 * @stage: stage
 * @what: what was done, for the message
 * @same: what was written may be what was there before
 */
void stage_judge(struct stage *stage, const char *what, bool same);

/**
 * stage_targets() - first pages of the runs of pages that are written
 * @stage: stage
 * @run: pages of a run
 * @first: filled in
 * @max: room in @first
 *
 * The slot's ends, the seam of two words of the bitmap and of two huge pages;
 * in a stress run others at random. No page is in two of them.
 *
 * Return: how many.
 */
size_t stage_targets(struct stage *stage, unsigned int run, size_t *first,
		     size_t max);

/**
 * stage_lay_code() - every page begins with a function that returns
 * @stage: stage; a way's prepare()
 */
void stage_lay_code(struct stage *stage);

/**
 * stage_unmap() - the guest's mapping of the slot is taken away, not its content
 * @stage: stage
 */
void stage_unmap(struct stage *stage);

/**
 * stage_store_all() - the guest writes every page, which is judged
 * @stage: stage; what was written before is reported by now, or is judged with it
 */
void stage_store_all(struct stage *stage);

/**
 * arch_reports_absent() - may a fault that is no write be reported
 *
 * Return: whether KVM of this architecture may map a page writable, and report it,
 * when it is only read or executed.
 */
bool arch_reports_absent(void);

/**
 * stage_judge_absent() - access pages that are not mapped, then write them all;
 *	judge what is reported
 * @stage: stage
 * @access: WRITER_LOAD or WRITER_FETCH
 *
 * Where pages may be reported when they are accessed, what is written by way of such
 * a mapping must have been.
 */
void stage_judge_absent(struct stage *stage, enum writer_access access);

#endif
