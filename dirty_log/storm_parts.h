/* SPDX-License-Identifier: GPL-2.0-only */
/* What a storm consists of. Between storm*.c only. */
#ifndef SECMMU_STORM_PARTS_H
#define SECMMU_STORM_PARTS_H

#include <pthread.h>
#include <stdbool.h>

#include "mem/backing.h"
#include "kvm/vcpu_threads.h"
#include "mem/notifier_op.h"
#include "dirty/ledger.h"
#include "dirty/mirror.h"
#include "dirty/dirty_vm.h"
#include "storm.h"
#include "core/thread.h"
#include "core/types.h"

#define STORM_PARTS_MAX 4

struct storm;

/**
 * struct storm_part - the part of the memory on which one thread does operations
 * @storm: the storm
 * @first: where it begins, in pages of struct notifier_trigger
 * @pages: its size
 * @drop: for the ledger
 */
struct storm_part {
	struct storm *storm;
	u64 first;
	u64 pages;
	struct ledger_drop *drop;
};

/**
 * struct storm - a storm
 * @config: from what
 * @fixture: VM, slot, harvester
 * @threads: the vCPUs
 * @trigger: what the host does
 * @lead: bytes from the slot's beginning to the first page of struct notifier_trigger
 * @parts: the memory, by thread
 * @triggering: these threads
 * @copying: whoever copies memory into the mirror, or keeps it from being read
 * @mirror: of the slot
 * @ledger: of the slot
 * @entries: the memory behind @entries_slot
 * @entries_slot: the ledger as the guest sees it
 * @random: the main thread's choices
 * @acts: number of operations done, by kind
 * @failed: number of operations that failed, by kind
 * @counted: what the kernel had counted before, by kind
 */
struct storm {
	const struct storm_config *config;
	struct dirty_vm fixture;
	struct vcpu_threads *threads;
	struct notifier_trigger trigger;
	u64 lead;
	struct storm_part parts[STORM_PARTS_MAX];
	struct thread_group *triggering;
	pthread_mutex_t copying;
	struct mirror *mirror;
	struct ledger *ledger;
	struct backing entries;
	struct memslot entries_slot;
	struct random_stream random;
	u64 acts[NOTIFIER_OPS];
	u64 failed[NOTIFIER_OPS];
	unsigned long long counted[NOTIFIER_OPS];
	u64 rounds, judged, blind, harvests, verified, held;
};

/* Number of stores of all vCPUs so far, and of operations. */
u64 storm_stores(const struct storm *storm);
u64 storm_acts(const struct storm *storm);

/* Create the threads of the triggers; memory, ledger and trigger exist. */
void storm_make_parts(struct storm *storm);
void storm_free_parts(struct storm *storm);

/*
 * Where few things are to be done: has it done each, and had each an effect, as far
 * as the kernel counts it or vCPUs notice? NULL if so; else what is wrong with *what.
 * Mixes need not, each has a storm of its own.
 */
const char *storm_lacks(const struct storm *storm, enum notifier_op *what);

/* What was done, and what the kernel says that it did. */
void storm_tell(struct storm *storm);

#endif
