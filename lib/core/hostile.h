/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests have in common that treat one of the suite's modules badly. */
#ifndef SECMMU_HOSTILE_H
#define SECMMU_HOSTILE_H

#include "core/random.h"
#include "core/thread.h"
#include "core/types.h"

/**
 * hostile_number() - a field that may be anything
 * @random: stream
 *
 * Return: any number, mostly one that is odd in some way.
 */
u64 hostile_number(struct random_stream *random);

/**
 * hostile_remove_refused() - try to remove a module that is in use
 * @module: its name
 *
 * Fails the case if it is removed.
 */
void hostile_remove_refused(const char *module);

/**
 * hostile_judge_removal() - remove a module that nobody uses any more
 * @module: its name
 *
 * Fails the case if it cannot be removed. Does nothing if somebody has inserted
 * it by hand, and wants it (no SECMMU_DESTRUCTIVE in the environment).
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
 * hostile_end_child() - end a child that has the parent's files of the device
 * @choice: how: 0 by another program, 1 by SIGKILL, 2 by itself (modulo 3)
 */
void __noreturn hostile_end_child(u64 choice);

/**
 * hostile_have_children() - one child after the other, until the worker has to stop
 * @thread: who has them; its stream chooses, its watchdog bounds each of them
 * @be_child: what a child does with @argument and a random number; it does not
 *	return, and its exit code is 0 unless it has seen what must not be
 * @argument: for @be_child
 *
 * Fails the case if a child ends with another exit code.
 */
void hostile_have_children(struct thread *thread,
			   void (*be_child)(void *argument, u64 choice),
			   void *argument);

#endif /* SECMMU_HOSTILE_H */
