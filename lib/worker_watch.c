// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watchdog of a group of workers.
 */
#include "clock.h"
#include "report.h"
#include "worker_group.h"
#include "worker_list.h"

/* Has the worker given a sign of life since the watchdog looked last? */
static bool lives(struct worker *worker)
{
	const volatile u64 *progress = __atomic_load_n(&worker->progress,
						       __ATOMIC_ACQUIRE);
	u64 beats = __atomic_load_n(&worker->slot->beats, __ATOMIC_RELAXED);
	u64 moved = progress ? *progress : 0;
	bool alive = beats != worker->seen_beats ||
		     moved != worker->seen_progress ||
		     __atomic_load_n(&worker->slot->state, __ATOMIC_ACQUIRE) !=
			     WORKER_RUNS;

	worker->seen_beats = beats;
	worker->seen_progress = moved;
	return alive;
}

void *worker_watchdog(void *argument)
{
	struct worker_group *group = argument;
	u64 period = group->silence_ms / 16 + 1, last = clock_ns();

	pthread_mutex_lock(&group->lock);
	while (!group->ending) {
		struct worker *worker;
		u64 now, passed;

		worker_group_wait(group, period);
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

		for (worker = group->first; worker; worker = worker->next) {
			char suspect[WORKER_TEXT_MAX];
			u64 silent;

			silent = lives(worker) ?
					 0 :
					 worker->slot->silent_ms + passed;
			__atomic_store_n(&worker->slot->silent_ms, silent,
					 __ATOMIC_RELAXED);
			if (silent < group->silence_ms)
				continue;
			workers_report();
			worker_slot_text(worker->slot, suspect,
					 sizeof(suspect));
			fail("worker without a sign of life for %llu ms: %s",
			     silent, suspect);
		}
	}
	pthread_mutex_unlock(&group->lock);
	return NULL;
}
