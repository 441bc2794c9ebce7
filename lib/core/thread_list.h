/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The list of workers in memory shared with the program's first process.
 * Between worker.c and thread_list.c only.
 */
#ifndef SECMMU_THREAD_LIST_H
#define SECMMU_THREAD_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/thread.h"
#include "core/types.h"

#define THREAD_TEXT_MAX 256

/**
 * enum thread_state - where a worker is in its life
 * @THREAD_FREE: the slot is nobody's
 * @THREAD_WAITS: not started yet
 * @THREAD_RUNS: in its body
 * @THREAD_PAUSED: waits in thread_should_stop()
 * @THREAD_ENDED: its body has returned
 */
enum thread_state {
	THREAD_FREE,
	THREAD_WAITS,
	THREAD_RUNS,
	THREAD_PAUSED,
	THREAD_ENDED,
};

/**
 * struct thread_slot - what the first process can see of a worker
 * @name: "GROUP/NAME"
 * @what: what it does; a literal, so it is at the same address in all
 *	processes that were forked off the first one
 * @value: printed behind @what
 * @has_value: whether it is
 * @waits: it waits for others, so it is not the one to blame
 * @state: enum thread_state
 * @beats: signs of life
 * @silent_ms: how long there was none, kept by the watchdog
 *
 * Two cache lines each, so that the beats of one do not slow the next.
 */
struct thread_slot {
	char name[THREAD_NAME_MAX];
	const char *what;
	u64 value;
	bool has_value;
	bool waits;
	unsigned int state;
	u64 beats;
	u64 silent_ms;
} __aligned(128);

/* The slot of the thread that runs the case. */
struct thread_slot *thread_slot_own(void);

/* A free slot, for a worker of this name that waits for its start. */
struct thread_slot *thread_slot_take(const char *name);

/* Done with a slot. */
void thread_slot_give(struct thread_slot *slot);

/* "NAME was DOING (STATE)" */
void thread_slot_text(const struct thread_slot *slot, char *text, size_t size);

#endif /* SECMMU_THREAD_LIST_H */
