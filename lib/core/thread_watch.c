// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watchdog of a group of workers.
 */
#include "core/clock.h"
#include "core/report.h"
#include "core/thread_group.h"
#include "core/thread_list.h"

/* Has the worker given a sign of life since the watchdog looked last? */
static bool lives(struct thread *thread)
{
	const volatile u64 *progress = __atomic_load_n(&thread->progress,
						       __ATOMIC_ACQUIRE);
	u64 beats = __atomic_load_n(&thread->slot->beats, __ATOMIC_RELAXED);
	u64 moved = progress ? *progress : 0;
	bool alive = beats != thread->seen_beats ||
		     moved != thread->seen_progress ||
		     __atomic_load_n(&thread->slot->state, __ATOMIC_ACQUIRE) !=
			     THREAD_RUNS;

	thread->seen_beats = beats;
	thread->seen_progress = moved;
	return alive;
}

void *thread_watchdog(void *argument)
{
	struct thread_group *group = argument;
	u64 period = group->silence_ms / 16 + 1, last = clock_ns();

	pthread_mutex_lock(&group->lock);
	while (!group->ending) {
		struct thread *thread;
		u64 now, passed;

		thread_group_wait(group, period);
		now = clock_ns();
		passed = (now - last) / NSEC_PER_MSEC;
		if (passed < period)
			continue; /* woken by something else */
		last = now;
		/*
		 * If the watchdog itself did not run for long (a busy host, a
		 * stopped emulator), the workers did not either.
		 */
		if (passed > 2 * period)
			passed = 2 * period;

		for (thread = group->first; thread; thread = thread->next) {
			char suspect[THREAD_TEXT_MAX];
			u64 silent;

			silent = lives(thread) ?
					 0 :
					 thread->slot->silent_ms + passed;
			__atomic_store_n(&thread->slot->silent_ms, silent,
					 __ATOMIC_RELAXED);
			if (silent < group->silence_ms)
				continue;
			threads_report();
			thread_slot_text(thread->slot, suspect,
					 sizeof(suspect));
			fail("worker without a sign of life for %llu ms: %s",
			     silent, suspect);
		}
	}
	pthread_mutex_unlock(&group->lock);
	return NULL;
}
