/* SPDX-License-Identifier: GPL-2.0-only */
/* One logged slot and what the guest is known to have written to it. */
#ifndef SECMMU_EXACT_VM_H
#define SECMMU_EXACT_VM_H

#include "core/cases.h"
#include "dirty/mapping.h"
#include "core/random.h"
#include "dirty/dirty_vm.h"
#include "kvm/writer.h"

/*
 * A case's numbers behind the scene's: the guest's granule, eager splitting, and
 * the slot's size in bytes (0: the mode's own).
 */
enum { EXACT_GRANULE = DIRTY_VM_DIMENSIONS, EXACT_SPLIT, EXACT_BYTES };

/**
 * struct exact - a scene of one slot
 * @fixture: VM, memory and harvester
 * @watched: the slot
 * @probe: how the kernel is asked for sizes of mappings
 * @written: the pages that are expected at the next harvest, a bitmap
 * @random: the case's stream for write sets
 * @turn: stores so far, each by the next vCPU
 */
struct exact {
	struct dirty_vm fixture;
	struct dirty_slot *watched;
	struct mapping_probe probe;
	unsigned long *written;
	struct random_stream random;
	unsigned int turn;
};

/**
 * exact_setup_vm() - build a scene of one slot
 * @exact: filled in; nobody asks for sizes of mappings
 * @config: the scene
 */
void exact_setup_vm(struct exact *exact, const struct dirty_vm_config *config);

/**
 * exact_setup() - build what a case asks for
 * @exact: filled in
 * @test: the case; its numbers are the scene's dimensions, then EXACT_*
 */
void exact_setup(struct exact *exact, const struct test_case *test);

/**
 * exact_teardown() - take it down
 * @exact: set up
 */
void exact_teardown(struct exact *exact);

/**
 * exact_store() - have a vCPU make stores, another one at each call
 * @exact: set up
 * @list: the stores
 */
void exact_store(struct exact *exact, struct writer_list *list);

/**
 * exact_store_whole() - a store into every page of the slot
 * @exact: set up
 */
void exact_store_whole(struct exact *exact);

/**
 * exact_expect() - harvest, and judge by @exact->written
 * @exact: set up, its slot is logged
 * @what: what was written, for the message
 */
void exact_expect(struct exact *exact, const char *what);

/**
 * exact_expect_nothing() - harvest, and nothing may be dirty
 * @exact: set up, its slot is logged
 * @what: what was done, for the message
 */
void exact_expect_nothing(struct exact *exact, const char *what);

/**
 * exact_enable() - enable, and bring the log to where "nothing" means nothing
 * @exact: set up, its slot is not logged
 */
void exact_enable(struct exact *exact);

#endif
