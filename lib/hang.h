/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel knows of a process that hangs.
 */
#ifndef SECMMU_HANG_H
#define SECMMU_HANG_H

#include <sys/types.h>

/**
 * hang_report() - print where the threads of a process are in the kernel
 * @pid: the process
 *
 * Name, state, and the kernel's stack (/proc/PID/task/TID/stack, for root only)
 * or the function that it sleeps in. At most 16 threads; of an unreadable file
 * nothing is printed.
 */
void hang_report(pid_t pid);

#endif /* SECMMU_HANG_H */
