/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel knows of a process that hangs.
 */
#ifndef SECMMU_HANG_H
#define SECMMU_HANG_H

#include <sys/types.h>

#include "core/types.h"

/**
 * hang_report() - print where the threads of a process are in the kernel
 * @pid: the process
 *
 * Name, state, and the kernel's stack (/proc/PID/task/TID/stack, for root only)
 * or the function that it sleeps in. At most 16 threads; of an unreadable file
 * nothing is printed.
 */
void hang_report(pid_t pid);

/**
 * hang_await() - wait until a thread sleeps in a kernel function
 * @thread: the thread's number, of any process
 * @function: part of the name of a function on the thread's kernel stack
 * @timeout_ms: the case fails if it does not by then
 *
 * To know that another thread has come to where the kernel makes it wait. Needs
 * root, and a kernel with CONFIG_STACKTRACE (all that have lockdep, ftrace or
 * crash dumps do). Allocates nothing: the other thread may hold mmap_lock.
 */
void hang_await(pid_t thread, const char *function, u64 timeout_ms);

#endif /* SECMMU_HANG_H */
