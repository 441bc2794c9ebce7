/* SPDX-License-Identifier: GPL-2.0-only */
/* Random changes of slots under running vCPUs and harvesting threads. */
#ifndef SECMMU_SLOT_CHANGES_H
#define SECMMU_SLOT_CHANGES_H

#include "core/cases.h"
#include "dirty/dirty_vm.h"
#include "core/types.h"

/**
 * struct slot_changes_config - one run
 * @fixture: VM, memory and harvester; of its first slot's memory there is an alias
 * @duration_ns: how long; at least two judged stops are made
 * @modes: threads that harvest; rings: one does, the others reset
 * @pace_ms: the guest gets so long to write between two changes
 */
struct slot_changes_config {
	struct dirty_vm_config fixture;
	u64 duration_ns;
	unsigned int modes;
	unsigned int pace_ms;
};

/**
 * slot_changes_run() - change slots and judge
 * @config: how
 *
 * Every random choice comes from the case's streams. Ends the test at the first
 * thing that the mirror oracle objects to.
 */
void slot_changes_run(const struct slot_changes_config *config);

/* Bodies of cases: the VM goes while its logs are harvested. */
void slot_vm_closed(const struct test_case *test);
void slot_vm_killed(const struct test_case *test);

#endif
