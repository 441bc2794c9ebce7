/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The list of workers in memory shared with the program's first process.
 * Between worker.c and worker_list.c only.
 */
#ifndef SECMMU_WORKER_LIST_H
#define SECMMU_WORKER_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "worker.h"
#include "types.h"

#define WORKER_TEXT_MAX 256

/**
 * enum worker_state - where a worker is in its life
 * @WORKER_FREE: the slot is nobody's
 * @WORKER_WAITS: not started yet
 * @WORKER_RUNS: in its body
 * @WORKER_PAUSED: waits in worker_should_stop()
 * @WORKER_ENDED: its body has returned
 */
enum worker_state {
	WORKER_FREE,
	WORKER_WAITS,
	WORKER_RUNS,
	WORKER_PAUSED,
	WORKER_ENDED,
};

/**
 * struct worker_slot - what the first process can see of a worker
 * @name: "GROUP/NAME"
 * @what: what it does; a literal, so it is at the same address in all
 *	processes that were forked off the first one
 * @value: printed behind @what
 * @has_value: whether it is
 * @waits: it waits for others, so it is not the one to blame
 * @state: enum worker_state
 * @beats: signs of life
 * @silent_ms: how long there was none, kept by the watchdog
 *
 * Two cache lines each, so that the beats of one do not slow the next.
 */
struct worker_slot {
	char name[WORKER_NAME_MAX];
	const char *what;
	u64 value;
	bool has_value;
	bool waits;
	unsigned int state;
	u64 beats;
	u64 silent_ms;
} __aligned(128);

/* The slot of the thread that runs the case. */
struct worker_slot *worker_slot_own(void);

/* A free slot, for a worker of this name that waits for its start. */
struct worker_slot *worker_slot_take(const char *name);

/* Done with a slot. */
void worker_slot_give(struct worker_slot *slot);

/* "NAME was DOING (STATE)" */
void worker_slot_text(const struct worker_slot *slot, char *text, size_t size);

#endif /* SECMMU_WORKER_LIST_H */
