// SPDX-License-Identifier: GPL-2.0-only
/* The host in a storm: notifier operations, and their effects. */
#include <sched.h>

#include "core/clock.h"
#include "core/kernel_file.h"
#include "core/report.h"
#include "storm_guest.h"
#include "storm_parts.h"
#include "mem/uffd.h"

/* Pages of one operation: one, some, or as many as fit. */
#define SOME_PAGES 64
#define FEW_PAGES  16
/* Number of stores of the guest between two operations, and their time limit. */
#define COME_STORES 48
#define COME_US	    3000
#define HEAVY_TIMES 100

static bool wanted(const struct storm *storm, unsigned int i)
{
	return storm->config->set & NOTIFIER_BIT(i);
}

static u64 sum_of(const u64 *numbers)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < NOTIFIER_OPS; i++)
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

	for (i = 0; i < storm->fixture.vm->vcpu_count; i++)
		sum += storm_work_of(storm->fixture.vm->vcpus[i].guest)
			       ->sequence;
	return sum;
}

static enum notifier_op choose(const struct storm *storm,
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

/* Some pages of a part, in pages of struct notifier_trigger. */
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

static void notifier_trigger_some(struct storm_part *part,
				  struct random_stream *random,
				  enum notifier_op what)
{
	struct storm *storm = part->storm;
	unsigned int flags = notifier_op_info(what)->flags;
	bool changes = notifier_op_changes(what,
					   storm->fixture.backing[0].kind);
	u64 unit = storm->trigger.page, first, count, offset, size;
	u64 page = storm->fixture.vm->page_size;
	int error;

	choose_range(part, random, flags & NOTIFIER_BY_UFFD, &first, &count);
	offset = storm->lead + first * unit;
	size = count * unit;
	if (changes)
		ledger_drop_begin(storm->ledger, part->drop, offset / page,
				  size / page);
	if (flags & NOTIFIER_UNREADABLE)
		pthread_mutex_lock(&storm->copying);
	if (flags & NOTIFIER_AWAY)
		vcpu_threads_away_begin(storm->threads);
	error = notifier_trigger(&storm->trigger, what, random, offset, size);
	if (flags & NOTIFIER_AWAY)
		vcpu_threads_away_end(storm->threads);
	if (flags & NOTIFIER_UNREADABLE)
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
 * Let the guest access what was invalidated: else a fast trigger keeps it from
 * ever having a page mapped. Only a pace.
 */
static void let_come(const struct storm *storm, const struct thread *thread,
		     bool heavy)
{
	u64 times = heavy ? HEAVY_TIMES : 1;
	u64 stores = storm_stores(storm) + times * COME_STORES;
	u64 end = clock_ns() + times * COME_US * NSEC_PER_USEC;

	while (storm_stores(storm) < stores && clock_ns() < end &&
	       !thread_wanted(thread))
		sched_yield();
}

static void notifier_trigger_part(struct thread *thread, void *argument)
{
	struct random_stream *random = thread_random(thread);
	struct storm_part *part = argument;
	bool heavy;

	/* It copies what it has discarded. */
	if (part->storm->trigger.server)
		uffd_server_spare(part->storm->trigger.server);
	while (!thread_should_stop(thread)) {
		enum notifier_op what = choose(part->storm, random);

		thread_doing(thread, notifier_op_info(what)->name);
		notifier_trigger_some(part, random, what);
		heavy = notifier_op_info(what)->flags & NOTIFIER_HEAVY;
		if (heavy || random_chance(random, 3, 4))
			let_come(part->storm, thread, heavy);
	}
}

static unsigned long long evidence_of(const struct storm *storm,
				      enum notifier_op what)
{
	const char *line = notifier_op_info(what)->evidence;

	if (notifier_op_info(what)->flags & NOTIFIER_BY_UFFD)
		return storm->trigger.server ?
			       uffd_served(storm->trigger.server) :
			       0;
	return line ? kernel_file_number("/proc/vmstat", line) : 0;
}

/* Whole pages of struct notifier_trigger, shared among the threads. */
void storm_make_parts(struct storm *storm)
{
	const struct backing *backing = &storm->fixture.backing[0];
	u64 unit = storm->trigger.page, each, units;
	unsigned int i, count = storm->config->triggers;

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
		thread_add(storm->triggering, "trigger", notifier_trigger_part,
			   part);
	}
	for (i = 0; i < NOTIFIER_OPS; i++)
		storm->counted[i] = evidence_of(storm, i);
}

void storm_free_parts(struct storm *storm)
{
	unsigned int i;

	for (i = 0; i < STORM_PARTS_MAX; i++)
		ledger_drop_free(storm->parts[i].drop);
}

/* Why it cannot be said that one had an effect; NULL: it can be. */
static const char *lack_of(const struct storm *storm, enum notifier_op what)
{
	const struct notifier_op_info *info = notifier_op_info(what);

	if (!__atomic_load_n(&storm->acts[what], __ATOMIC_RELAXED))
		return "was not done once";
	if (info->flags & NOTIFIER_AWAY && !vcpu_threads_faults(storm->threads))
		return "was done, but no vCPU came to memory that was away";
	if (info->flags & NOTIFIER_BY_UFFD || info->evidence)
		return evidence_of(storm, what) == storm->counted[what] ?
			       "was done, but had no effect" :
			       NULL;
	return NULL;
}

const char *storm_lacks(const struct storm *storm, enum notifier_op *what)
{
	const char *lack;
	unsigned int i;

	for (i = 0; storm->config->triggers == 1 && i < NOTIFIER_OPS; i++) {
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
		    vcpu_threads_faults(storm->threads));
	for (i = 0; i < NOTIFIER_OPS; i++)
		if (wanted(storm, i))
			report_info("%s: done %llu, could not %llu, counted by the kernel %llu",
				    notifier_op_info(i)->name, storm->acts[i],
				    storm->failed[i],
				    evidence_of(storm, i) - storm->counted[i]);
}
