/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that are killed whatever their VM is about. */
#ifndef SECMMU_KILL_LOOP_H
#define SECMMU_KILL_LOOP_H

#include <sys/types.h>

#include "core/types.h"

/**
 * struct kill_loop - what they do
 * @live: makes a VM and keeps it busy, until it is killed; must not return
 * @argument: for @live
 * @judge: called after each has been killed and waited for; NULL: nothing more
 *	is to be judged
 */
struct kill_loop {
	void (*live)(const void *argument);
	const void *argument;
	void (*judge)(pid_t victim);
};

/**
 * vms_of() - how many VMs of a process exist
 * @pid: the process, which may be gone
 *
 * Skips the case where that cannot be told. See evidence_vm_count().
 *
 * Return: their number.
 */
unsigned int vms_of(pid_t pid);

/**
 * kill_loop_run() - one process after the other, each killed at a random moment
 * @kills: what they do
 * @duration_ns: for so long, and one at least
 *
 * Fails the case if one ends by itself, or if its VM outlives it.
 */
void kill_loop_run(const struct kill_loop *kills, u64 duration_ns);

#endif /* SECMMU_KILL_LOOP_H */
