/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest page tables in memory under test. The CPU, or KVM instead, sets their
 * accessed and dirty flags.
 */
#ifndef SECMMU_WALK_H
#define SECMMU_WALK_H

#include <stdbool.h>

#include "kvm/guest.h"
#include "kvm/vm.h"
#include "core/types.h"

#define WALK_LEVELS_MAX 4

/**
 * struct walk - a page mapped by tables in memory under test; lies over
 *	guest_vcpu.test
 * @root: value of the page-table root register
 * @control: arm64: TCR_EL1 with hardware flags enabled
 * @gva: address of the page
 * @levels: number of tables, the root first
 * @entry: by level: guest address of the entry that maps the page
 * @fresh: by level: the entry with both flags clear
 * @accessed_from: first level whose entry gets an accessed flag
 * @walk_writes: every walk counts as a write to each table, whatever its flags
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
 * walk_need() - skip the case if the CPU sets no flags in guest page tables
 * @vcpu: vCPU
 */
void walk_need(struct vcpu *vcpu);

/**
 * walk_build() - build the tables
 * @vcpu: vCPU that uses them; not running
 * @walk: filled in
 * @slot: slot that holds them; the guest maps it one to one
 * @table: guest physical address of each level's table, the root's first; their
 *	contents are overwritten. Surplus addresses are not used
 * @target: guest physical address of the page to map
 *
 * The root also contains the VM's other mappings.
 */
void walk_build(struct vcpu *vcpu, struct walk *walk, struct memslot *slot,
		const u64 *table, u64 target);

/* Guest functions: clear the flags; load or store through these tables. */
void walk_reset(struct guest_vcpu *self, u64 unused);
void walk_read(struct guest_vcpu *self, u64 unused);
void walk_write(struct guest_vcpu *self, u64 unused);

#endif
