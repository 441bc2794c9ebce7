/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which callers may open and use a device of the suite, and how many files it
 * may have open. For the modules of the suite.
 */
#ifndef SECMMU_DRIVER_CALLER_H
#define SECMMU_DRIVER_CALLER_H

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/sched.h>

/**
 * caller_may_use() - checked at each call, mmap() and read()
 *
 * A file descriptor that leaked to an unprivileged process is useless to it.
 *
 * Return: 0 or -EPERM.
 */
static inline int caller_may_use(void)
{
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

/**
 * caller_may_open() - checked at open()
 * @files: counts the open files of the module
 * @max: how many it may have
 *
 * Kernel threads open files as well: the firmware loader opens whatever its search
 * path contains. They have no address space, or a borrowed one.
 *
 * Return: 0, to be undone by caller_closed(); -EPERM, -ESRCH for a kernel thread,
 * or -ENFILE.
 */
static inline int caller_may_open(atomic_t *files, int max)
{
	int error = caller_may_use();

	if (error)
		return error;
	if (!current->mm || (current->flags & PF_KTHREAD))
		return -ESRCH;
	if (atomic_inc_return(files) <= max)
		return 0;
	atomic_dec(files);
	return -ENFILE;
}

/**
 * caller_closed() - a file was released, or could not be opened after all
 * @files: counts the open files of the module
 */
static inline void caller_closed(atomic_t *files)
{
	atomic_dec(files);
}

#endif /* SECMMU_DRIVER_CALLER_H */
