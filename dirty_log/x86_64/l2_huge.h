/* SPDX-License-Identifier: GPL-2.0-only */
/* By what mappings of L0's a guest of the guest's has its memory. */
#ifndef SECMMU_L2_HUGE_H
#define SECMMU_L2_HUGE_H

#include "l2.h"
#include "dirty/mapping.h"
#include "dirty/dirty_vm.h"

/**
 * l2_huge_judge() - L2's memory is mapped huge exactly where that can be
 * @fixture: of one slot, l2_prepare() was called; the first vCPU has an L2
 * @paging: as l2_prepare() had it
 *
 * Has L2 write to every huge page. If the host maps all that fits huge, then so
 * must KVM for L2, unless L1's nested page tables have small pages: a shadow is no
 * larger than what it shadows (FNAME(fetch)()), so that nothing is mapped huge.
 *
 * Judges nothing where the kernel does not count its mappings. The first vCPU's
 * test area, as far as it is a list of stores, is used.
 *
 * Context: no vCPU runs, nothing is logged, and no L2 has run yet.
 */
void l2_huge_judge(struct dirty_vm *fixture, enum l2_paging paging);

/**
 * l2_huge_touch() - have L1 and L2 write to every huge page
 * @fixture: as l2_huge_judge() has it
 * @sizes: filled in: the VM's mappings after that
 *
 * Context: no vCPU runs.
 */
void l2_huge_touch(struct dirty_vm *fixture, struct mapping_sizes *sizes);

/**
 * l2_huge_recovered() - the huge mappings that logging has dissolved come back
 * @fixture: as l2_huge_judge() has it
 * @before: by l2_huge_touch(), before its slot was logged
 *
 * Has L1 and L2 write to every huge page: KVM counts the mappings of both.
 *
 * Context: no vCPU runs, nothing is logged any more.
 */
void l2_huge_recovered(struct dirty_vm *fixture,
		       const struct mapping_sizes *before);

#endif
