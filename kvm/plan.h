/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of stage2_ops_test share: rows of its table. */
#ifndef SECMMU_PLAN_H
#define SECMMU_PLAN_H

#include "stage2_vm.h"

#define PAGES 16
/* Pages that are written of them: the first and every so many. */
#define STRIDE 5
#define SOME   ((PAGES + STRIDE - 1) / STRIDE)
#define BLOCKS 2

/**
 * struct plan - one row of the table
 * @name: the operation's name, and the trigger's
 * @text: trigger and effect, in words
 * @operation: what must be reached
 * @backing: kind of memory
 * @also: other operations to record
 * @run: set up, act, judge
 */
struct plan {
	const char *name;
	const char *text;
	enum operation operation;
	enum backing_kind backing;
	unsigned int also;
	void (*run)(struct stage2_vm *fixture);
};

/**
 * plan_build() - the stage of the case that runs
 * @fixture: filled in
 * @config: what a row does not say. Its bytes count pages of the memory; 0: PAGES
 *	pages, or BLOCKS blocks
 */
void plan_build(struct stage2_vm *fixture, struct stage2_vm_config config);

/**
 * plan_block_pages() - so many pages are a block
 * @fixture: built
 *
 * Return: pages.
 */
u64 plan_block_pages(const struct stage2_vm *fixture);

/* Rows of which the kernel takes the guest's memory away (plan_unmap.c). */
void run_unmap_discard(struct stage2_vm *fixture);
void run_unmap_replace(struct stage2_vm *fixture);
void run_unmap_none(struct stage2_vm *fixture);
void run_unmap_read_only(struct stage2_vm *fixture);
void run_unmap_part(struct stage2_vm *fixture);
void run_unmap_delete(struct stage2_vm *fixture);
void run_unmap_move(struct stage2_vm *fixture);
void run_age(struct stage2_vm *fixture);

/* Rows with memory that is no process's own (plan_frames.c). */
void run_map_kernel_page(struct stage2_vm *fixture);
void run_map_device(struct stage2_vm *fixture);

#endif
