/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pre-copy live migration between two VMs of one machine: a full copy while the
 * guest works and its writes are logged, rounds of dirty pages, a stop, a last
 * round, the vCPUs' state; then the guest goes on in the other VM.
 */
#ifndef SECMMU_MIGRATE_H
#define SECMMU_MIGRATE_H

#include "dirty/dirty_vm.h"
#include "core/types.h"

/**
 * struct migrate_config - one run
 * @fixture: the first VM, its memory, and the harvester of both
 * @other: kind of memory of the other VM; on another node where there is one
 * @duration_ns: how long; at least so many migrations are made that the guest
 *	has been there and back
 * @rounds_max: rounds of dirty pages before the stop
 * @pace_ms: the guest gets so long to work between two of them
 */
struct migrate_config {
	struct dirty_vm_config fixture;
	enum backing_kind other;
	u64 duration_ns;
	unsigned int rounds_max;
	unsigned int pace_ms;
};

/**
 * migrate_run() - migrate a guest back and forth, and judge
 * @config: how
 *
 * Now and then a migration is cancelled: logging ends half-way, the guest stays
 * where it is. Every random choice comes from the case's streams. Ends the test
 * at the first thing that an oracle, or the guest, objects to.
 */
void migrate_run(const struct migrate_config *config);

#endif
