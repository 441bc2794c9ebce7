/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest page tables that lie in memory under test, and whose accessed and dirty
 * flags are set by whoever walks them: the CPU, or KVM in its place.
 */
#ifndef SECMMU_WALK_H
#define SECMMU_WALK_H

#include <stdbool.h>

#include "kvm/guest.h"
#include "kvm/vm.h"
#include "core/types.h"

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
	u64 root;
	u64 control;
	u64 gva;
	u64 levels;
	u64 entry[WALK_LEVELS_MAX];
	u64 fresh[WALK_LEVELS_MAX];
	u64 accessed_from;
	u64 walk_writes;
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
		const u64 *table, u64 target);

/* Guest functions: take the flags away; read or write by these tables. */
void walk_reset(struct guest_vcpu *self, u64 unused);
void walk_read(struct guest_vcpu *self, u64 unused);
void walk_write(struct guest_vcpu *self, u64 unused);

#endif
