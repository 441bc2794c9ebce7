/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that are killed whatever their VM is about. */
#ifndef SECMMU_VICTIMS_H
#define SECMMU_VICTIMS_H

#include <sys/types.h>

#include "types.h"

/**
 * struct victims - what they do
 * @live: makes a VM and keeps it busy, until it is killed; must not return
 * @argument: for @live
 * @judge: called after each has been killed and waited for; NULL: nothing more
 *	is to be judged
 */
struct victims {
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
 * victims_kill() - one process after the other, each killed at a random moment
 * @victims: what they do
 * @duration_ns: for so long, and one at least
 *
 * Fails the case if one ends by itself, or if its VM outlives it.
 */
void victims_kill(const struct victims *victims, u64 duration_ns);

#endif /* SECMMU_VICTIMS_H */
