/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One cycle of logging, timed step by step: memory that is mapped as huge as on the host
 * is logged, written, harvested, not logged any more, and written until it is mapped as
 * before. Each step is verified: otherwise its time would have no meaning.
 */
#ifndef SECMMU_LOGGING_CYCLE_H
#define SECMMU_LOGGING_CYCLE_H

#include "dirty/mapping.h"
#include "dirty/dirty_vm.h"
#include "kvm/split.h"
#include "kvm/writer.h"

/* Pages that are written in each huge page. */
#define LOGGING_CYCLE_TOUCHES 4

/**
 * struct logging_cycle - fixture and accesses of cycles
 * @fixture: a VM with one slot
 * @split: how huge mappings are split; NULL: KVM's default
 * @probe: how the kernel tells the sizes of mappings
 * @before: sizes of mappings before logging
 * @first: a store to the first page of each huge page
 * @next: stores to further ones
 * @touches: all of them, LOGGING_CYCLE_TOUCHES in each huge page
 * @written: the pages of @touches, a bitmap
 */
struct logging_cycle {
	struct dirty_vm fixture;
	const struct split *split;
	struct mapping_probe probe;
	struct mapping_sizes before;
	struct writer_list first;
	struct writer_list next;
	struct writer_list touches;
	unsigned long *written;
};

/**
 * struct logging_cycle_times - durations of the steps of one cycle, in nanoseconds
 * @enable: the ioctl that enables
 * @first_clear: with INITIALLY_SET: the first harvest, which has all pages
 * @first_write: of each first write to a huge page, beyond a plain store
 * @next_write: of each write to a further page of it
 * @harvest: of all that was written
 * @disable: the ioctl that disables
 * @remap: writing all again, until mappings are as before
 */
struct logging_cycle_times {
	double enable;
	double first_clear;
	double first_write;
	double next_write;
	double harvest;
	double disable;
	double remap;
};

/**
 * logging_cycle_create() - create the fixture, and map all memory
 * @cycle: filled in
 * @config: of the fixture, which gets one slot and one vCPU
 * @split: how huge mappings are split; NULL: KVM's default
 */
void logging_cycle_create(struct logging_cycle *cycle,
			  struct dirty_vm_config config,
			  const struct split *split);

/**
 * logging_cycle_run() - one cycle
 * @cycle: created
 * @times: filled in
 *
 * Fails the case if the log does not have exactly the written pages, if a huge mapping
 * covers a page that was written while logged, if eager splitting left a huge mapping,
 * or if mappings do not come back.
 */
void logging_cycle_run(struct logging_cycle *cycle,
		       struct logging_cycle_times *times);

/**
 * logging_cycle_destroy() - free the fixture
 * @cycle: created
 */
void logging_cycle_destroy(struct logging_cycle *cycle);

#endif
