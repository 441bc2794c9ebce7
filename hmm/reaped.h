/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that is killed and does not end, so that its memory can be reaped by
 * process_mrelease(2), as the OOM killer does it: by invalidations that may not
 * wait.
 */
#ifndef SECMMU_REAPED_H
#define SECMMU_REAPED_H

#include <sys/types.h>

#include "types.h"

/**
 * struct reaped - such a process
 * @child: its number
 * @pidfd: a file descriptor for it
 * @device: a device of this process that mirrors the child
 * @mirror: of its page of memory
 * @memory: that page, at the same address in this process, where it is another
 */
struct reaped {
	pid_t child;
	int pidfd;
	int device;
	unsigned int mirror;
	u64 *memory;
};

/**
 * reaped_start() - make the process
 * @reaped: to be filled
 * @word: what its memory begins with
 */
void reaped_start(struct reaped *reaped, u64 word);

/**
 * reaped_kill() - kill it; it waits for its tracer, this process, before it exits
 * @reaped: made by reaped_start()
 */
void reaped_kill(struct reaped *reaped);

/**
 * reaped_release() - process_mrelease()
 * @reaped: killed by reaped_kill()
 *
 * Return: 0 or -errno.
 */
int reaped_release(struct reaped *reaped);

/**
 * reaped_end() - let it exit
 * @reaped: killed by reaped_kill()
 */
void reaped_end(struct reaped *reaped);

#endif /* SECMMU_REAPED_H */
