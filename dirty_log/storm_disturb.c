// SPDX-License-Identifier: GPL-2.0-only
/* The host in a storm: who disturbs the memory, and what came of it. */
#include <sched.h>

#include "clock.h"
#include "kernel_file.h"
#include "report.h"
#include "storm_guest.h"
#include "storm_parts.h"
#include "uffd.h"

/* Pages that are disturbed at a time: one, some, or as many as fit. */
#define SOME_PAGES 64
#define FEW_PAGES  16
/* What the guest does between two disturbances, and how long that may take. */
#define COME_STORES 48
#define COME_US	    3000
#define HEAVY_TIMES 100

static bool wanted(const struct storm *storm, unsigned int i)
{
	return storm->config->set & DISTURB_BIT(i);
}

static u64 sum_of(const u64 *numbers)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < DISTURBANCES; i++)
		sum += __atomic_load_n(&numbers[i], __ATOMIC_RELAXED);
	return sum;
}

u64 storm_acts(const struct storm *storm)
{
	return sum_of(storm->acts);
}

u64 storm_stores(const struct storm *storm)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < storm->scene.vm->vcpu_count; i++)
		sum += storm_work_of(storm->scene.vm->vcpus[i].guest)->sequence;
	return sum;
}

static enum disturbance choose(const struct storm *storm,
			       struct random_stream *random)
{
	unsigned int count = (unsigned int)__builtin_popcount(
		storm->config->set);
	u64 which = random_below(random, count);
	unsigned int i = 0;

	for (;; i++)
		if (wanted(storm, i) && !which--)
			return i;
}

/* Some pages of a part, in pages of struct disturber. */
static void choose_range(const struct storm_part *part,
			 struct random_stream *random, bool by_uffd, u64 *first,
			 u64 *count)
{
	/* A fault that goes to user space and back is slow. */
	u64 some = by_uffd ? FEW_PAGES : SOME_PAGES;
	u64 most = part->pages;

	if (random_chance(random, 1, 3))
		most = 1;
	else if ((by_uffd || random_chance(random, 3, 4)) && most > some)
		most = some;
	*count = random_between(random, 1, most);
	*first = part->first + random_below(random, part->pages - *count + 1);
}

static void disturb_some(struct storm_part *part, struct random_stream *random,
			 enum disturbance what)
{
	struct storm *storm = part->storm;
	unsigned int flags = disturbance_info(what)->flags;
	bool changes = disturbance_changes(what, storm->scene.backing[0].kind);
	u64 unit = storm->disturber.page, first, count, offset, size;
	u64 page = storm->scene.vm->page_size;
	int error;

	choose_range(part, random, flags & DISTURB_BY_UFFD, &first, &count);
	offset = storm->lead + first * unit;
	size = count * unit;
	if (changes)
		ledger_drop_begin(storm->ledger, part->drop, offset / page,
				  size / page);
	if (flags & DISTURB_UNREADABLE)
		pthread_mutex_lock(&storm->copying);
	if (flags & DISTURB_AWAY)
		crew_away_begin(storm->crew);
	error = disturb(&storm->disturber, what, random, offset, size);
	if (flags & DISTURB_AWAY)
		crew_away_end(storm->crew);
	if (flags & DISTURB_UNREADABLE)
		pthread_mutex_unlock(&storm->copying);
	if (changes) {
		pthread_mutex_lock(&storm->copying);
		mirror_copy(storm->mirror, offset / page, size / page);
		ledger_drop_end(storm->ledger, part->drop);
		pthread_mutex_unlock(&storm->copying);
	}
	__atomic_fetch_add(error ? &storm->failed[what] : &storm->acts[what], 1,
			   __ATOMIC_RELAXED);
}

/*
 * Let the guest come to what was disturbed: else a quick disturber keeps it from
 * ever having a page mapped. Only a pace.
 */
static void let_come(const struct storm *storm, const struct worker *worker,
		     bool heavy)
{
	u64 times = heavy ? HEAVY_TIMES : 1;
	u64 stores = storm_stores(storm) + times * COME_STORES;
	u64 end = clock_ns() + times * COME_US * NSEC_PER_USEC;

	while (storm_stores(storm) < stores && clock_ns() < end &&
	       !worker_wanted(worker))
		sched_yield();
}

static void disturb_part(struct worker *worker, void *argument)
{
	struct random_stream *random = worker_random(worker);
	struct storm_part *part = argument;
	bool heavy;

	/* It copies what it has discarded. */
	if (part->storm->disturber.server)
		uffd_server_spare(part->storm->disturber.server);
	while (!worker_should_stop(worker)) {
		enum disturbance what = choose(part->storm, random);

		worker_doing(worker, disturbance_info(what)->name);
		disturb_some(part, random, what);
		heavy = disturbance_info(what)->flags & DISTURB_HEAVY;
		if (heavy || random_chance(random, 3, 4))
			let_come(part->storm, worker, heavy);
	}
}

static unsigned long long evidence_of(const struct storm *storm,
				      enum disturbance what)
{
	const char *line = disturbance_info(what)->evidence;

	if (disturbance_info(what)->flags & DISTURB_BY_UFFD)
		return storm->disturber.server ?
			       uffd_served(storm->disturber.server) :
			       0;
	return line ? kernel_file_number("/proc/vmstat", line) : 0;
}

/* Whole pages of struct disturber, shared among the threads. */
void storm_make_parts(struct storm *storm)
{
	const struct backing *backing = &storm->scene.backing[0];
	u64 unit = storm->disturber.page, each, units;
	unsigned int i, count = storm->config->disturbers;

	storm->lead = (unit - (uintptr_t)backing->hva % unit) % unit;
	units = (backing->size - storm->lead) / unit;
	if (count > STORM_PARTS_MAX)
		count = STORM_PARTS_MAX;
	if (count > units)
		count = (unsigned int)units;
	each = units / count;
	for (i = 0; i < count; i++) {
		struct storm_part *part = &storm->parts[i];

		part->storm = storm;
		part->first = i * each;
		part->pages = each;
		part->drop = ledger_drop_new(storm->ledger);
		worker_add(storm->disturbing, "disturber", disturb_part, part);
	}
	for (i = 0; i < DISTURBANCES; i++)
		storm->counted[i] = evidence_of(storm, i);
}

void storm_free_parts(struct storm *storm)
{
	unsigned int i;

	for (i = 0; i < STORM_PARTS_MAX; i++)
		ledger_drop_free(storm->parts[i].drop);
}

/* Why it cannot be said that one had an effect; NULL: it can be. */
static const char *lack_of(const struct storm *storm, enum disturbance what)
{
	const struct disturbance_info *info = disturbance_info(what);

	if (!__atomic_load_n(&storm->acts[what], __ATOMIC_RELAXED))
		return "was not done once";
	if (info->flags & DISTURB_AWAY && !crew_faults(storm->crew))
		return "was done, but no vCPU came to memory that was away";
	if (info->flags & DISTURB_BY_UFFD || info->evidence)
		return evidence_of(storm, what) == storm->counted[what] ?
			       "was done, but had no effect" :
			       NULL;
	return NULL;
}

const char *storm_lacks(const struct storm *storm, enum disturbance *what)
{
	const char *lack;
	unsigned int i;

	for (i = 0; storm->config->disturbers == 1 && i < DISTURBANCES; i++) {
		lack = wanted(storm, i) ? lack_of(storm, i) : NULL;
		*what = i;
		if (lack)
			return lack;
	}
	return NULL;
}

void storm_tell(struct storm *storm)
{
	unsigned int i;

	report_info("rounds %llu judged stops %llu blind disables %llu harvests %llu; guest stores %llu, verified page writes %llu, in memory at the last stop %llu; EFAULT %llu",
		    storm->rounds, storm->judged, storm->blind, storm->harvests,
		    storm_stores(storm), storm->verified, storm->held,
		    crew_faults(storm->crew));
	for (i = 0; i < DISTURBANCES; i++)
		if (wanted(storm, i))
			report_info("%s: done %llu, could not %llu, counted by the kernel %llu",
				    disturbance_info(i)->name, storm->acts[i],
				    storm->failed[i],
				    evidence_of(storm, i) - storm->counted[i]);
}
