/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirty logging in a storm: vCPUs write and logging is toggled while the host invalidates
 * the same memory, so that MMU notifiers fire. Judged by two oracles: no write is
 * missing in the dirty log (lib/mirror.h), and none misses the host's memory
 * (lib/ledger.h).
 */
#ifndef SECMMU_STORM_H
#define SECMMU_STORM_H

#include "dirty/dirty_vm.h"
#include "core/types.h"

/* Where the guest has the ledger, and how much room that has at most, bytes. */
#define STORM_LEDGER_GPA  0x2000000000ULL
#define STORM_LEDGER_SIZE (1ULL << 30)

/**
 * struct storm_config - one run
 * @fixture: VM, memory and harvester; one slot
 * @set: what the host does, NOTIFIER_BIT()s that all fit the memory
 * @background: stress-ng's arguments for a load beside it; NULL: none
 * @duration_ns: how long; at least one round is made
 * @triggers: threads that do notifier operations, each on its part of the memory
 * @harvests_max: harvests of a round, while vCPUs run
 * @pace_ms: time limit of the guest and the triggers between two of them, milliseconds
 * @dwell_us: how long memory that is away stays away at most
 * @prepare: called with the scene and @how before the guest runs; it may set the
 *	scene's @through, and storm_work.turn of the vCPUs; NULL: nothing is to be
 *	prepared
 * @how: for @prepare
 */
struct storm_config {
	struct dirty_vm_config fixture;
	unsigned int set;
	const char *const *background;
	u64 duration_ns;
	unsigned int triggers;
	unsigned int harvests_max;
	unsigned int pace_ms;
	unsigned int dwell_us;
	void (*prepare)(struct dirty_vm *fixture, unsigned long how);
	unsigned long how;
};

/**
 * storm_configure() - what the options say of a storm
 * @config: gets vCPUs, bytes of a slot, duration, and pace; other fields stay
 *
 * Context: a case.
 */
void storm_configure(struct storm_config *config);

/**
 * storm_run() - a storm, judged
 * @config: how
 *
 * Every random choice comes from the case's streams. Ends the test at the first
 * thing that an oracle objects to.
 */
void storm_run(const struct storm_config *config);

#endif
