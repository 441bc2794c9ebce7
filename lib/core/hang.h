/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the threads of a process are in the kernel. */
#ifndef SECMMU_HANG_H
#define SECMMU_HANG_H

#include <sys/types.h>

#include "core/types.h"

/**
 * hang_report() - print the kernel stacks of a process's threads
 * @pid: the process
 *
 * Of at most 16 threads: name, state, and the kernel stack
 * (/proc/PID/task/TID/stack, for root only) or the function that the thread sleeps
 * in.
 */
void hang_report(pid_t pid);

/**
 * hang_await() - wait until a thread sleeps in a kernel function
 * @thread: the thread's TID, of any process
 * @function: part of the name of a function on the thread's kernel stack
 * @timeout_ms: the case fails if the thread does not sleep there by then
 *
 * Needs root and CONFIG_STACKTRACE, which lockdep, ftrace and crash dumps select.
 *
 * Context: any; allocates nothing, since the other thread may hold mmap_lock.
 */
void hang_await(pid_t thread, const char *function, u64 timeout_ms);

#endif /* SECMMU_HANG_H */
