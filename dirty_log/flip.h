/* SPDX-License-Identifier: GPL-2.0-only */
/* Flipping dirty logging under running writers, judged by the oracles. */
#ifndef SECMMU_FLIP_H
#define SECMMU_FLIP_H

#include <stdbool.h>

#include "dirty/dirty_vm.h"
#include "core/types.h"

/**
 * struct flip_config - one run
 * @fixture: VM, memory and harvester
 * @duration_ns: how long; at least two rounds are made
 * @harvests_max: harvests of a round, while vCPUs run
 * @hot: every vCPU writes a few pages over and over, and every harvest is judged
 *	at once
 * @pace_ms: the guest gets so long to write between two of them
 * @full_rings: rings must become full while it runs
 * @prepare: called with the scene and @how before the guest runs; NULL: nothing
 *	is to be prepared. Sizes of mappings are not judged then: KVM counts those
 *	of nested page tables, too
 * @how: for @prepare
 */
struct flip_config {
	struct dirty_vm_config fixture;
	u64 duration_ns;
	unsigned int harvests_max;
	unsigned int pace_ms;
	bool hot;
	bool full_rings;
	void (*prepare)(struct dirty_vm *fixture, unsigned long how);
	unsigned long how;
};

/**
 * flip_configure() - what the options say of a run
 * @config: gets vCPUs, bytes of a slot, duration, and pace; other fields stay
 *
 * Context: a case.
 */
void flip_configure(struct flip_config *config);

/**
 * flip_run() - flip and judge
 * @config: how
 *
 * Every random choice comes from the case's streams. Ends the test at the first
 * thing that an oracle objects to.
 */
void flip_run(const struct flip_config *config);

#endif
