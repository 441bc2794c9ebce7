/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest page tables that lie in memory under test, and whose accessed and dirty
 * flags are set by whoever walks them: the CPU, or KVM in its place.
 */
#ifndef SECMMU_WALK_H
#define SECMMU_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "guest.h"
#include "vm.h"

#define WALK_LEVELS_MAX 4

/**
 * struct walk - one page that is mapped by tables of its own; lies over
 *	guest_vcpu.test
 * @root: what the guest loads to use them
 * @control: arm64: TCR_EL1 that has the CPU set the flags
 * @gva: where the page is mapped
 * @levels: number of tables, the root first
 * @entry: guest address of the entry that is used in each of them
 * @fresh: what it is with neither flag
 * @accessed_from: the first level whose entry gets an accessed flag
 * @walk_writes: a walk counts as a write to each table, whatever it finds there
 */
struct walk {
	uint64_t root;
	uint64_t control;
	uint64_t gva;
	uint64_t levels;
	uint64_t entry[WALK_LEVELS_MAX];
	uint64_t fresh[WALK_LEVELS_MAX];
	uint64_t accessed_from;
	uint64_t walk_writes;
};

_Static_assert(sizeof(struct walk) <= GUEST_TEST_AREA, "test area too small");

/**
 * walk_need() - skip the case where no such flags are set by themselves
 * @vcpu: vCPU
 */
void walk_need(struct vcpu *vcpu);

/**
 * walk_build() - build the tables
 * @vcpu: vCPU that will use them, not running
 * @walk: filled in
 * @slot: where they lie; mapped one to one in the guest
 * @table: guest physical address of the page for each level's table, the root's
 *	first; their content is lost. The last levels' are not used if there are
 *	fewer levels
 * @target: guest physical address of the page that is mapped
 *
 * The root has all that the VM's own has, beside it.
 */
void walk_build(struct vcpu *vcpu, struct walk *walk, struct memslot *slot,
		const uint64_t *table, uint64_t target);

/* Guest functions: take the flags away; read or write by these tables. */
void walk_reset(struct guest_vcpu *self, uint64_t unused);
void walk_read(struct guest_vcpu *self, uint64_t unused);
void walk_write(struct guest_vcpu *self, uint64_t unused);

#endif
