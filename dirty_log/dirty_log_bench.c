// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of dirty logging against the size of the slot and the number of vCPUs.
 * Every line is "json: {...}" (core/samples.h); each step that is timed is verified.
 *
 *	cycle	enabling, the first write to each huge page and to further pages
 *		of it, disabling, and writing until all is mapped huge again: on
 *		every kind of memory, and however huge mappings are split
 *	harvest	of 0.1 %, 1 %, 10 % and 100 % of a slot: for each dirty page
 *	guest	how much slower guests write while they are logged and harvested,
 *		and what enabling and disabling take meanwhile
 *
 * Check mode has small slots; --all 64 MiB to 1 GiB, 4 GiB where memory allows.
 * --memory says how large the largest is.
 *
 * No line in prove/matrix: it checks the kernel by the oracles of
 * dirty_log_exact_test, which has lines.
 */
#include <stdio.h>
#include <string.h>

#include "bench_harvest.h"
#include "core/cases.h"
#include "core/clock.h"
#include "logging_cycle.h"
#include "guest_speed.h"
#include "core/options.h"
#include "core/report.h"
#include "core/samples.h"
#include "sizes.h"

#define MIB (1UL << 20)
/* Slots of small pages take a fault for each: in check mode they are smaller. */
#define CHECK_CYCLE 64
#define CHECK_PAGES 8
#define CHECK_RANGE 4
/* Passes over all sizes, so that other load of the machine affects all of them. */
#define PASSES	    3
#define REPEATS_MIN 2
#define REPEATS_MAX 20
#define CASE_S	    600
#define RING	    65536

enum { NUMBER_MODE, NUMBER_BACKING, NUMBER_SPLIT };

/* ---- a cycle ------------------------------------------------------------- */

enum {
	ENABLE,
	FIRST_CLEAR,
	FIRST_WRITE,
	NEXT_WRITE,
	HARVEST,
	DISABLE,
	REMAP,
	STEPS,
};

static const struct {
	const char *name;
	enum series_kind kind;
	const char *unit;
} steps[STEPS] = {
	[ENABLE] = { "enable", SERIES_COST, "us" },
	[FIRST_CLEAR] = { "first_clear", SERIES_COST, "us" },
	[FIRST_WRITE] = { "first_write", SERIES_COST_EACH, "us" },
	[NEXT_WRITE] = { "next_write", SERIES_COST_EACH, "us" },
	[HARVEST] = { "harvest_touched", SERIES_COST, "us" },
	[DISABLE] = { "disable", SERIES_COST, "us" },
	[REMAP] = { "huge_again", SERIES_COST, "us" },
};

static void add_cycle(struct series *series, double at,
		      const struct logging_cycle_times *times, bool huge)
{
	series_add(&series[ENABLE], at, times->enable / 1e3);
	if (times->first_clear)
		series_add(&series[FIRST_CLEAR], at, times->first_clear / 1e3);
	series_add(&series[FIRST_WRITE], at, times->first_write / 1e3);
	series_add(&series[NEXT_WRITE], at, times->next_write / 1e3);
	series_add(&series[HARVEST], at, times->harvest / 1e3);
	series_add(&series[DISABLE], at, times->disable / 1e3);
	/* From the ioctl on, since there it may be done (kvm_mmu_zap_...()). */
	if (huge)
		series_add(&series[REMAP], at,
			   (times->disable + times->remap) / 1e3);
}

static void bench_size(const struct test_case *test, const struct split *split,
		       u64 bytes, u64 share_ns, struct series *series)
{
	const struct dirty_vm_config config = {
		.mode = test->number[NUMBER_MODE],
		.backing = test->number[NUMBER_BACKING],
		.slot_bytes = bytes,
		.ring_entries = RING,
	};
	u64 until = clock_ns() + share_ns;
	bool huge = backing_page_size(config.backing) >= backing_thp_size();
	struct logging_cycle cycle;
	unsigned int turn;

	logging_cycle_create(&cycle, config, split);
	if (huge && !cycle.fixture.host_huge[0]) {
		report_info("omitted: %llu MiB of %s, which the host has not mapped huge",
			    bytes >> 20, backing_name(config.backing));
		logging_cycle_destroy(&cycle);
		return;
	}
	for (turn = 0; turn < REPEATS_MAX; turn++) {
		struct logging_cycle_times times;

		if (turn >= REPEATS_MIN && clock_ns() > until)
			break;
		logging_cycle_run(&cycle, &times);
		add_cycle(series, (double)(bytes / MIB), &times, huge);
	}
	logging_cycle_destroy(&cycle);
}

static void bench_cycle(const struct test_case *test)
{
	enum backing_kind kind = test->number[NUMBER_BACKING];
	const struct split *split = test->data;
	struct series series[STEPS];
	u64 size[SIZES_MAX];
	size_t count, i;

	backing_keep_mapped();
	count = sizes_choose(kind,
			     backing_page_size(kind) >= backing_thp_size() ?
				     CHECK_CYCLE :
				     CHECK_PAGES,
			     CHECK_RANGE, size);
	for (i = 0; i < STEPS; i++)
		series_begin(&series[i], steps[i].kind, "slot_mib",
			     steps[i].unit,
			     "\"bench\": \"%s\", \"backing\": \"%s\", \"harvester\": \"%s\"%s%s%s",
			     steps[i].name, backing_name(kind),
			     dirty_mode_name(test->number[NUMBER_MODE]),
			     split ? ", \"split\": \"" : "",
			     split ? split->name : "", split ? "\"" : "");
	if (split)
		split_begin(split);
	for (i = 0; i < PASSES * count; i++)
		bench_size(test, split, size[i % count],
			   case_duration_ns() / (PASSES * count), series);
	if (split)
		split_end();
	for (i = 0; i < STEPS; i++)
		series_tell(&series[i]);
}

/* ---- the cases ----------------------------------------------------------- */

/* In check mode: each dirty-log mode once, and each kind of huge memory. */
static bool in_check(enum dirty_mode mode, enum backing_kind kind)
{
	if (kind == BACKING_ANONYMOUS_THP)
		return true;
	return mode == DIRTY_MODE_LOG &&
	       (kind == BACKING_ANONYMOUS || kind == BACKING_HUGETLB_2M);
}

static struct test_case *add_case(struct test_case *cases, size_t *count,
				  size_t max,
				  void (*run)(const struct test_case *),
				  const char *what, enum dirty_mode mode,
				  enum backing_kind kind)
{
	struct test_case *test = case_add(cases, count, max, run);

	test->number[0] = mode;
	test->number[1] = kind;
	test->timeout_s = CASE_S;
	snprintf(test->name, sizeof(test->name), "%s/%s/%s", what,
		 backing_name(kind), dirty_mode_name(mode));
	return test;
}

static size_t add_splits(struct test_case *cases, size_t count, size_t max)
{
	size_t methods, i;
	const struct split *split = splits(&methods);

	for (i = 0; i < methods && backing_wanted(BACKING_ANONYMOUS_THP); i++) {
		char name[32];
		struct test_case *test;

		snprintf(name, sizeof(name), "cycle_%s", split[i].name);
		test = add_case(cases, &count, max, bench_cycle, name,
				DIRTY_MODE_LOG, BACKING_ANONYMOUS_THP);
		test->data = &split[i];
	}
	return count;
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	bool check = options->mode == MODE_CHECK && !options->case_glob &&
		     !options->backing;
	size_t count = add_splits(cases, 0, max);
	enum dirty_mode mode;
	enum backing_kind kind;

	for (mode = 0; mode < DIRTY_MODE_COUNT; mode++) {
		for (kind = 0; kind < BACKING_GUEST_MEMFD; kind++)
			if (backing_wanted(kind) &&
			    (!check || in_check(mode, kind)))
				add_case(cases, &count, max, bench_cycle,
					 "cycle", mode, kind);
		if (backing_wanted(BACKING_ANONYMOUS_THP)) {
			add_case(cases, &count, max, bench_harvest, "harvest",
				 mode, BACKING_ANONYMOUS_THP);
			add_case(cases, &count, max, bench_guest_speed, "guest",
				 mode, BACKING_ANONYMOUS_THP);
		}
	}
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "dirty_log_bench",
		.summary = "the cost of dirty logging, as JSON lines",
		.all_ms = CASES_BENCH_MS,
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
