// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "core/report.h"
#include "core/thread.h"
#include "core/thread_list.h"

/* The first slot is that of the case's own thread. */
#define SLOTS (THREADS_MAX + 1)

/*
 * Until threads_share(), a single slot: programs without cases, such as a
 * bench, have a thread_self(), too.
 */
static struct thread_slot lone_slot = {
	.name = "main thread",
	.what = "starting",
	.state = THREAD_RUNS,
};

/**
 * struct thread_list - the shared memory
 * @used: slots beyond this one were never used
 * @slots: the slots
 */
struct thread_list {
	size_t used;
	struct thread_slot slots[SLOTS];
};

static struct thread_list *list;
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;

void threads_share(void)
{
	if (list)
		return;
	list = mmap(NULL, sizeof(*list), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (list == MAP_FAILED)
		fail("no memory for the list of workers: %s",
		     errno_name(errno));
	threads_reset("none");
}

void threads_reset(const char *name)
{
	struct thread_slot *own = &list->slots[0];

	memset(list->slots, 0, list->used * sizeof(list->slots[0]));
	snprintf(own->name, sizeof(own->name), "%s", name);
	own->what = "starting";
	own->state = THREAD_RUNS;
	list->used = 1;
}

struct thread_slot *thread_slot_own(void)
{
	return list ? &list->slots[0] : &lone_slot;
}

struct thread_slot *thread_slot_take(const char *name)
{
	struct thread_slot *slot = NULL;
	size_t i;

	if (!list)
		threads_share();
	pthread_mutex_lock(&list_lock);
	for (i = 1; i < SLOTS && !slot; i++)
		if (list->slots[i].state == THREAD_FREE)
			slot = &list->slots[i];
	if (slot) {
		memset(slot, 0, sizeof(*slot));
		snprintf(slot->name, sizeof(slot->name), "%s", name);
		slot->what = "starting";
		__atomic_store_n(&slot->state, THREAD_WAITS, __ATOMIC_RELEASE);
		if (i > list->used)
			list->used = i;
	}
	pthread_mutex_unlock(&list_lock);
	if (!slot)
		fail("more than %u workers at once", THREADS_MAX);
	return slot;
}

void thread_slot_give(struct thread_slot *slot)
{
	__atomic_store_n(&slot->state, THREAD_FREE, __ATOMIC_RELEASE);
}

static const char *state_text(const struct thread_slot *slot)
{
	switch (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE)) {
	case THREAD_WAITS:
		return " (not started)";
	case THREAD_PAUSED:
		return " (paused)";
	case THREAD_ENDED:
		return " (ended)";
	default:
		return __atomic_load_n(&slot->waits, __ATOMIC_ACQUIRE) ?
			       " (waiting for workers)" :
			       "";
	}
}

void thread_slot_text(const struct thread_slot *slot, char *text, size_t size)
{
	const char *what = __atomic_load_n(&slot->what, __ATOMIC_ACQUIRE);
	char value[32] = "";

	if (__atomic_load_n(&slot->has_value, __ATOMIC_RELAXED))
		snprintf(value, sizeof(value), " %llu", slot->value);
	snprintf(text, size, "%s was %s%s%s", slot->name,
		 what ? what : "starting", value, state_text(slot));
}

void threads_report(void)
{
	char text[THREAD_TEXT_MAX];
	size_t i, used;

	if (!list)
		return;
	used = list->used < SLOTS ? list->used : SLOTS;
	for (i = 0; i < used; i++) {
		const struct thread_slot *slot = &list->slots[i];

		if (slot->state == THREAD_FREE)
			continue;
		thread_slot_text(slot, text, sizeof(text));
		report_info("worker %s; signs of life: %llu, none for %llu ms",
			    text, slot->beats, slot->silent_ms);
	}
}

void threads_suspect(char *text, size_t size)
{
	const struct thread_slot *own = thread_slot_own(), *suspect = own;
	size_t i;

	/*
	 * The case's own thread, unless it waits for its workers: then the one
	 * of those that was silent longest, but for those that wait, too.
	 */
	if (list && __atomic_load_n(&own->waits, __ATOMIC_ACQUIRE)) {
		u64 longest = 0;

		for (i = 1; i < list->used && i < SLOTS; i++) {
			const struct thread_slot *slot = &list->slots[i];

			if (slot->state != THREAD_RUNS ||
			    __atomic_load_n(&slot->waits, __ATOMIC_ACQUIRE))
				continue;
			if (suspect == own || slot->silent_ms > longest) {
				suspect = slot;
				longest = slot->silent_ms;
			}
		}
	}
	thread_slot_text(suspect, text, size);
}
