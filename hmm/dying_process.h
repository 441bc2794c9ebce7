/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that is killed and does not end, so that its memory can be reaped by
 * process_mrelease(2), as the OOM killer does it: by invalidations that may not
 * wait.
 */
#ifndef SECMMU_DYING_PROCESS_H
#define SECMMU_DYING_PROCESS_H

#include <sys/types.h>

#include "core/types.h"

/**
 * struct dying_process - such a process
 * @child: its number
 * @pidfd: a file descriptor for it
 * @device: a device of this process that mirrors the child
 * @mirror: of its page of memory
 * @memory: that page, at the same address in this process, where it is another
 */
struct dying_process {
	pid_t child;
	int pidfd;
	int device;
	unsigned int mirror;
	u64 *memory;
};

/**
 * dying_process_start() - make the process
 * @child: to be filled
 * @word: what its memory begins with
 */
void dying_process_start(struct dying_process *child, u64 word);

/**
 * dying_process_kill() - kill it; it waits for its tracer, this process, before it exits
 * @child: made by dying_process_start()
 */
void dying_process_kill(struct dying_process *child);

/**
 * dying_process_release() - process_mrelease()
 * @child: killed by dying_process_kill()
 *
 * Return: 0 or -errno.
 */
int dying_process_release(struct dying_process *child);

/**
 * dying_process_end() - let it exit
 * @child: killed by dying_process_kill()
 */
void dying_process_end(struct dying_process *child);

#endif /* SECMMU_DYING_PROCESS_H */
