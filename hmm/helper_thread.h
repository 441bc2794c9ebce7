/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Actors: threads that wait for their cue, then do one thing.
 *
 * They are all made before the first has its cue. A thread's stack is mapped
 * with mmap_lock for writing, which nobody gets while another actor waits at a
 * pause point amid a walk or an invalidation. So what an actor does must not
 * allocate either.
 */
#ifndef SECMMU_HELPER_THREAD_H
#define SECMMU_HELPER_THREAD_H

#include <semaphore.h>
#include <stdbool.h>
#include <sys/types.h>

#include "driver/secmmu_hmm.h"
#include "core/thread.h"

/**
 * struct helper_thread - a thread with one thing to do
 * @group: its thread
 * @cue: what it waits for
 * @act: what it does
 * @argument: for @act
 * @thread: its number
 * @done: whether it has done it
 */
struct helper_thread {
	struct thread_group *group;
	sem_t cue;
	void (*act)(void *argument);
	void *argument;
	pid_t thread;
	bool done;
};

/**
 * helper_thread_new() - make an actor
 * @helper: to be filled; stays where it is until helper_thread_join()
 * @name: for messages
 * @act: what it is to do
 * @argument: for @act
 */
void helper_thread_new(struct helper_thread *helper, const char *name,
		       void (*act)(void *argument), void *argument);

/**
 * helper_thread_cue() - now
 * @helper: made by helper_thread_new()
 */
void helper_thread_cue(struct helper_thread *helper);

/**
 * helper_thread_is_done() - has it done what it is to do?
 * @helper: made by helper_thread_new()
 *
 * Return: whether its function has returned.
 */
bool helper_thread_is_done(const struct helper_thread *helper);

/**
 * helper_thread_join() - wait until it has, for 20 s at most
 * @helper: had its cue
 */
void helper_thread_join(struct helper_thread *helper);

/**
 * struct device_act - an actor that is the device
 * @device: opened by hmm_open()
 * @access: what to do, and what came of it
 * @word: the buffer of @access, if it is no other
 * @error: what __hmm_access() returned
 */
struct device_act {
	int device;
	struct secmmu_hmm_access access;
	u64 word;
	int error;
};

/**
 * device_helper() - an actor that reads or writes one word as the device
 * @helper: to be filled
 * @act: to be filled; its @word is what to write, if it is to write
 * @device: opened by hmm_open()
 * @mirror: which mirror
 * @operation: what to do
 * @address: where
 */
void device_helper(struct helper_thread *helper, struct device_act *act,
		   int device, unsigned int mirror,
		   enum secmmu_hmm_operation operation, const void *address);

#endif /* SECMMU_HELPER_THREAD_H */
