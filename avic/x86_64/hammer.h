/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vCPUs that write to one physical-ID table, all at the same time, while the host
 * does to table, slots and pages whatever it may.
 */
#ifndef AVIC_HAMMER_H
#define AVIC_HAMMER_H

#include <stdbool.h>

#include "avic_device.h"
#include "kvm/guest.h"
#include "core/random.h"
#include "core/types.h"

/* Entries that all write to, and those that each has for itself. */
#define HAMMER_SHARED 4
#define HAMMER_OWN    4
/* shadow_expected() knows who of so many has run. */
#define HAMMER_VCPUS 64

/**
 * struct hammer_guest - what a vCPU does; lies over guest_vcpu.test
 * @table: guest address of the table
 * @backing: guest physical address of the page behind entry 0; entry n has the
 *	n-th page behind it
 * @random: its choices
 * @merge_only: only writes that the shadow can follow
 * @writes: how many it has made
 */
struct hammer_guest {
	u64 table;
	u64 backing;
	struct random_stream random;
	u64 merge_only;
	volatile u64 writes;
};

static inline struct hammer_guest *hammer_of(struct guest_vcpu *guest)
{
	return (struct hammer_guest *)guest->test;
}

/* Guest functions: writes of all kinds; stores of 8 bytes to an own entry. */
void hammer_run(struct guest_vcpu *self, u64 unused);
void hammer_store(struct guest_vcpu *self, u64 unused);

/**
 * struct hammer_config - what happens
 * @vcpus: how many, 1 to HAMMER_VCPUS
 * @duration_ns: for how long; hammer_find_lost_order() takes 20 s if it must
 * @round_ns: time between two judgements
 * @host: threads that sync, use, unuse, grow, delete and re-create slots, unmap
 *	backing pages and move vCPUs' threads
 */
struct hammer_config {
	unsigned int vcpus;
	u64 duration_ns;
	u64 round_ns;
	bool host;
};

/**
 * hammer() - personality `fixed`: the shadow is always right
 * @config: what happens
 */
void hammer(const struct hammer_config *config);

/**
 * hammer_find_lost_order() - personality `rfc`: how soon it is wrong
 * @config: what happens; without @host
 *
 * Only by writes that the RFC merges in the order of their callbacks (fault A in
 * README.md). Fails the case if the shadow is right until the end.
 */
void hammer_find_lost_order(const struct hammer_config *config);

#endif /* AVIC_HAMMER_H */
