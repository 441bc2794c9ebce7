/* SPDX-License-Identifier: GPL-2.0-only */
/* vCPUs that write to tracked pages in all ways at the same time. */
#ifndef AVIC_STORM_H
#define AVIC_STORM_H

#include <stdbool.h>

#include "core/types.h"

/**
 * struct write_storm_config - what there is to be
 * @vcpus: how many
 * @flip_logging: switch dirty logging of the slot on and off meanwhile
 * @duration_ns: for how long
 */
struct write_storm_config {
	unsigned int vcpus;
	bool flip_logging;
	u64 duration_ns;
};

/**
 * storm() - have it, and judge that KVM tells of every write
 * @config: what there is to be
 *
 * Every vCPU's writes in its order, with address, length and bytes; none missing,
 * none twice. In between, with all vCPUs stopped, memory is what their writes
 * leave; a word that all write to has the last write of one of them.
 */
void storm(const struct write_storm_config *config);

#endif /* AVIC_STORM_H */
