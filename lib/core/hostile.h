/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests that misuse the device of one of the suite's modules. */
#ifndef SECMMU_HOSTILE_H
#define SECMMU_HOSTILE_H

#include "core/random.h"
#include "core/thread.h"
#include "core/types.h"

/**
 * hostile_number() - a value for a field of an ioctl's argument
 * @random: random stream
 *
 * Return: any number, in three of four calls a boundary value.
 */
u64 hostile_number(struct random_stream *random);

/**
 * hostile_remove_refused() - try to remove a module that is in use
 * @module: its name
 *
 * Fails the case if the kernel removes it.
 */
void hostile_remove_refused(const char *module);

/**
 * hostile_judge_removal() - remove a module that is not in use any more
 * @module: its name
 *
 * Fails the case if the kernel does not remove it within 5 s. Does nothing without
 * SECMMU_DESTRUCTIVE in the environment, since a user may have inserted it.
 */
void hostile_judge_removal(const char *module);

/**
 * hostile_judge_kernel_open() - a kernel thread that opens a device is refused
 * @device: its name in /dev
 *
 * The firmware loader opens whatever its search path contains, in a kernel thread
 * without an address space. Skips the case without the module test_firmware.
 */
void hostile_judge_kernel_open(const char *device);

/**
 * hostile_judge_reload() - a module releases all that it took
 * @module: one of the suite's; it is not inserted afterwards
 * @times: how often it is inserted, used and removed
 * @use: uses it, and leaves nothing behind
 *
 * Compares /proc/iomem and /proc/misc before and after, and looks for memory of
 * the module in /proc/vmallocinfo. Skips the case where the module may not be
 * removed (no SECMMU_DESTRUCTIVE in the environment).
 */
void hostile_judge_reload(const char *module, unsigned int times,
			  void (*use)(void));

/**
 * hostile_end_child() - end a child that inherited the device's files
 * @choice: modulo 3: 0 exec() of another program, 1 SIGKILL, 2 exit
 */
void __noreturn hostile_end_child(u64 choice);

/**
 * hostile_have_children() - fork one child after the other, until the thread must stop
 * @thread: the calling thread; its stream chooses, its watchdog bounds each child
 * @be_child: the body of a child, called with @argument and a random number; does not
 *	return; any exit code but 0 fails the case
 * @argument: for @be_child
 */
void hostile_have_children(struct thread *thread,
			   void (*be_child)(void *argument, u64 choice),
			   void *argument);

#endif /* SECMMU_HOSTILE_H */
