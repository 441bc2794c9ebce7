/* SPDX-License-Identifier: GPL-2.0-only */
/* Kills processes at random moments of the life of their VMs. */
#ifndef SECMMU_KILL_LOOP_H
#define SECMMU_KILL_LOOP_H

#include <sys/types.h>

#include "core/types.h"

/**
 * struct kill_loop - the processes of kill_loop_run()
 * @live: body of a process: creates a VM and runs it; must not return
 * @argument: for @live
 * @judge: called after each process has been killed and waited for; may be NULL
 */
struct kill_loop {
	void (*live)(const void *argument);
	const void *argument;
	void (*judge)(pid_t victim);
};

/**
 * vms_of() - number of existing VMs of a process
 * @pid: the process, which may have exited
 *
 * Skips the case if evidence_vm_count() cannot count them.
 *
 * Return: number of VMs.
 */
unsigned int vms_of(pid_t pid);

/**
 * kill_loop_run() - start one process after the other, and kill each after a random time
 * @kills: the processes
 * @duration_ns: in nanoseconds; continues until one process had a VM when killed
 *
 * Fails the case if a process exits by itself, if its VM still exists after the process
 * was killed and waited for, or if none of 100 processes had a VM.
 */
void kill_loop_run(const struct kill_loop *kills, u64 duration_ns);

#endif /* SECMMU_KILL_LOOP_H */
