// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages accessed by the guest are reported as young by idle page tracking,
 * MGLRU and DAMON, and are kept by reclaim.
 *
 * Only one direction is judged: accessed pages must be young. A mapping is
 * young as a whole, so any access to a block makes all of its pages young.
 * Clearing the access flag does not flush TLBs
 * (kvm_mmu_notifier_clear_young()), and the CPU does not set the flag through a
 * stale TLB entry, so the test has the TLBs flushed before the guest accesses
 * memory again. Pages that are young without an access are counted and not
 * judged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bitmap.h"
#include "core/cases.h"
#include "core/clock.h"
#include "core/random.h"
#include "core/report.h"
#include "core/variant.h"
#include "damon.h"
#include "lru_gen.h"
#include "mem/pagemap.h"
#include "mem/reclaim.h"
#include "mem/swap.h"
#include "page_idle.h"
#include "stage2_vm.h"

/*
 * Attempts where the kernel acts by heuristics: it skips page tables whose lock
 * it cannot take, and reclaim chooses pages.
 */
#define TRIES 3

/* Units of the idle and DAMON cases. */
#define PAGES  256
#define BLOCKS 8

/* Runs of stores in a list. */
#define RUNS WRITER_STORES_MAX
/* Rounds of a check. */
#define ROUNDS 3

/* Longest wait for an observer, on a slow machine. */
#define YOUNG_MS 30000

struct variant {
	enum backing_kind backing;
};

static bool has_blocks(const struct variant *variant)
{
	return backing_page_size(variant->backing) >= backing_thp_size();
}

/**
 * struct young - a guest that accesses units of its memory; a unit is one
 *	mapping
 * @fixture: VM and memory
 * @random: chooses units, and pages in them
 * @end: of a stress run
 * @units: number of units
 * @unit_pages: host pages of a unit: 1, or those of a block
 * @touched: units that young_touch() accesses
 * @page: by unit: the page that is accessed
 * @split_early: previous choice of arch_split_early()
 * @judged: units judged so far
 * @extra: units that were young without an access
 * @calls: calls of kvm_age_gfn() and the like
 */
struct young {
	struct stage2_vm fixture;
	struct random_stream random;
	struct deadline end;
	u64 units;
	u64 unit_pages;
	unsigned long *touched;
	u64 *page;
	bool split_early;
	u64 judged;
	u64 extra;
	size_t calls;
};

/* Count in steps that fit into the trace's buffer. */
static void count_calls(struct young *young)
{
	struct operation_watch *watch = &young->fixture.watch;

	operations_collect(watch);
	young->calls += operations_count(watch, OPERATION_AGE, 0, U64_MAX);
	operations_forget(watch);
}

static void run_list(struct young *young, const struct writer_list *list)
{
	struct vcpu *vcpu = &young->fixture.vm->vcpus[0];

	*writer_list_of(vcpu->guest) = *list;
	vcpu_start(vcpu, writer_store, 0);
	vcpu_run(vcpu, VCPU_DONE);
}

static void touch(struct young *young)
{
	struct writer_list list = { .access = WRITER_LOAD };
	struct stage2_vm *fixture = &young->fixture;
	u64 unit;

	for (unit = 0; unit < young->units; unit++) {
		if (!bitmap_test(young->touched, unit))
			continue;
		list.store[list.count++] = (struct writer_store){
			.gva = fixture->gpa +
			       (unit * young->unit_pages + young->page[unit]) *
				       fixture->page,
			.count = 1,
		};
		if (list.count == RUNS) {
			run_list(young, &list);
			list.count = 0;
		}
	}
	if (list.count)
		run_list(young, &list);
}

static void young_touch(struct young *young)
{
	touch(young);
	count_calls(young);
}

static void young_begin(struct young *young, enum backing_kind kind, u64 units)
{
	struct stage2_vm_config config = {
		.backing = kind,
		.bytes = units * backing_page_size(kind),
		.operations = 1U << OPERATION_AGE | 1U << OPERATION_MAP,
	};
	struct stage2_vm *fixture = &young->fixture;
	size_t maps;

	memset(young, 0, sizeof(*young));
	case_random(&young->random, "what is accessed", 0);
	young->end = deadline_in_ms(options()->mode == MODE_STRESS ?
					    case_duration_ns() / NSEC_PER_MSEC :
					    0);
	young->units = units;
	stage2_vm_create(fixture, &config);
	young->unit_pages = fixture->pages / units;
	if (fixture->backing.huge &&
	    backing_host_huge_bytes(&fixture->backing) < config.bytes)
		skip("free huge pages, which the host did not give",
		     "give the machine more memory, or compact it");
	/* young_flush() must not split huge mappings. */
	if (fixture->backing.huge)
		young->split_early = arch_split_early(false);
	young->touched = bitmap_new(units);
	young->page = calloc(units, sizeof(*young->page));
	CHECK(young->page, "no memory for %llu units", units);
	/* One access maps the whole unit. */
	bitmap_fill(young->touched, units);
	touch(young);
	operations_collect(&fixture->watch);
	maps = operations_count(&fixture->watch, OPERATION_MAP, fixture->gpa,
				fixture->pages * fixture->page);
	CHECK(maps >= units, "expected at least %llu mappings, got %zu", units,
	      maps);
	operations_forget(&fixture->watch);
	if (fixture->backing.huge) {
		stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
		stage2_vm_not_reached(fixture, OPERATION_MAP,
				      "each huge page was mapped as a block");
	}
	operations_forget(&fixture->watch);
}

static bool young_more(const struct young *young, unsigned int round)
{
	return round < ROUNDS || !deadline_passed(young->end);
}

static void young_choose_some(struct young *young, unsigned int of)
{
	u64 unit;

	bitmap_zero(young->touched, young->units);
	for (unit = 0; unit < young->units; unit++) {
		young->page[unit] = random_below(&young->random,
						 young->unit_pages);
		if (random_chance(&young->random, 1, of))
			bitmap_set(young->touched, unit);
	}
	/* At least one unit is accessed and one is not. */
	unit = random_below(&young->random, young->units / 2);
	bitmap_set(young->touched, 2 * unit);
	bitmap_clear(young->touched, 2 * unit + 1);
}

static void young_choose(struct young *young)
{
	young_choose_some(young, 2);
}

static void young_flush(struct young *young)
{
	struct memslot *slot = &young->fixture.slot;

	slot_set_flags(slot, KVM_MEM_LOG_DIRTY_PAGES);
	slot_set_flags(slot, 0);
}

static void *young_address(const struct young *young, u64 unit)
{
	return (char *)young->fixture.backing.hva +
	       (unit * young->unit_pages + young->page[unit]) *
		       young->fixture.page;
}

static const char *young_unit_name(const struct young *young)
{
	return young->unit_pages > 1 ? "huge page" : "page";
}

static void young_note(struct young *young, u64 judged, u64 extra)
{
	young->judged += judged;
	young->extra += extra;
}

static void young_end(struct young *young)
{
	count_calls(young);
	if (young->fixture.backing.huge)
		arch_split_early(young->split_early);
	report_info("%llu units accessed and young, %llu young without an access; KVM was asked %zu times",
		    young->judged, young->extra, young->calls);
	CHECK(young->judged, "no unit was judged");
	CHECK(young->calls, "the kernel never asked KVM");
	free(young->page);
	free(young->touched);
	stage2_vm_destroy(&young->fixture);
}

/* ---- idle page tracking ---------------------------------------------------- */

static void judge_idle(struct young *young, const unsigned long *marked,
		       const unsigned long *idle)
{
	u64 unit, extra = 0, judged = 0;

	for (unit = 0; unit < young->units; unit++) {
		u64 page = unit * young->unit_pages;

		if (!bitmap_test(marked, page))
			continue;
		if (!bitmap_test(young->touched, unit)) {
			extra += !bitmap_test(idle, page);
			continue;
		}
		judged++;
		CHECK(!bitmap_test(idle, page),
		      "the guest accessed %s %llu: expected it not idle, got idle",
		      young_unit_name(young), unit);
	}
	young_note(young, judged, extra);
}

static void test_idle(const struct variant *variant)
{
	struct page_idle *idle = page_idle_open();
	unsigned long *marked, *after;
	struct young young;
	unsigned int round;

	young_begin(&young, variant->backing,
		    has_blocks(variant) ? BLOCKS : PAGES);
	marked = bitmap_new(young.fixture.pages);
	after = bitmap_new(young.fixture.pages);
	for (round = 0; young_more(&young, round); round++) {
		young_choose(&young);
		page_idle_mark(idle, young.fixture.backing.hva,
			       young.fixture.pages);
		/* Reading the bitmap clears access flags too. */
		page_idle_read(idle, young.fixture.backing.hva,
			       young.fixture.pages, marked);
		young_flush(&young);
		young_touch(&young);
		page_idle_read(idle, young.fixture.backing.hva,
			       young.fixture.pages, after);
		judge_idle(&young, marked, after);
	}
	young_end(&young);
	free(after);
	free(marked);
	page_idle_close(idle);
}

/* ---- generations ------------------------------------------------------------ */

/* More than the pages that per-CPU batches may hold. */
#define GENERATION_PAGES  512
#define GENERATION_BLOCKS 16

static u64 lost_in_generation(struct young *young)
{
	u64 expected = 0, unit, seen;
	struct lru_gen lru;

	young_choose(young);
	lru_gen_age(&lru);
	young_flush(young);
	young_touch(young);
	lru_gen_age(&lru);
	seen = lru_gen_young(&lru);
	for (unit = 0; unit < young->units; unit++)
		expected += bitmap_test(young->touched, unit) *
			    young->unit_pages;
	young_note(young, expected, seen > expected ? seen - expected : 0);
	return seen < expected ? expected - seen : 0;
}

static void test_generations(const struct variant *variant)
{
	u64 batches = (u64)sysconf(_SC_NPROCESSORS_CONF) * LRU_GEN_BATCH;
	struct young young;
	unsigned int round, try;
	u64 lost;

	reclaim_enter(0);
	lru_gen_need();
	young_begin(&young, variant->backing,
		    has_blocks(variant) ? GENERATION_BLOCKS : GENERATION_PAGES);
	for (round = 0; young_more(&young, round); round++) {
		for (try = 0; try < TRIES; try++) {
			lost = lost_in_generation(&young);
			if (lost <= batches)
				break;
		}
		CHECK(lost <= batches,
		      "after an access, %llu accessed pages are missing in the young generations, expected at most %llu (in per-CPU batches)",
		      lost, batches);
	}
	young_end(&young);
	reclaim_leave();
}

/* ---- DAMON ------------------------------------------------------------------- */

#define SAMPLE_MS    40
#define AGGREGATE_MS 200
/* Aggregations to wait for, with accesses in each. */
#define TOLD 10

static size_t missing(const struct young *young, const bool *seen, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (bitmap_test(young->touched, 2 * i) && !seen[i])
			return i;
	return count;
}

/* Watch all units once; set @seen of those that DAMON has seen accessed. */
static unsigned int watch(struct young *young, void *const *address, bool *seen,
			  size_t count)
{
	struct damon *damon = damon_start(address, count, SAMPLE_MS,
					  AGGREGATE_MS);
	struct deadline deadline = deadline_in_ms(YOUNG_MS);
	unsigned int told = 0;

	while (told < TOLD && missing(young, seen, count) < count &&
	       !deadline_passed(deadline)) {
		/* At least two accesses in each aggregation. */
		young_flush(young);
		young_touch(young);
		young_flush(young);
		young_touch(young);
		told += damon_take(damon, seen) > 0;
	}
	damon_stop(damon);
	return told;
}

static void judge_damon(struct young *young, const bool *seen, size_t count,
			unsigned int told)
{
	size_t i, extra = 0, judged = 0;

	for (i = 0; i < count; i++) {
		bool touched = bitmap_test(young->touched, 2 * i);

		judged += touched && seen[i];
		extra += !touched && seen[i];
	}
	CHECK(told || judged, "DAMON reported no aggregation in %u ms",
	      YOUNG_MS);
	i = missing(young, seen, count);
	CHECK(i == count,
	      "the guest kept accessing %s %zu, and none of %u aggregations reported an access",
	      young_unit_name(young), 2 * i, told);
	young_note(young, judged, extra);
}

/* DAMON merges adjacent regions, so every other unit is watched. */
static void test_damon(const struct variant *variant)
{
	unsigned int round, told;
	struct young young;
	size_t count, i;
	void **address;
	bool *seen;

	young_begin(&young, variant->backing,
		    has_blocks(variant) ? BLOCKS : PAGES / 4);
	count = young.units / 2;
	address = calloc(count, sizeof(*address));
	seen = calloc(count, sizeof(*seen));
	CHECK(address && seen, "no memory for %zu pages", count);
	/*
	 * The page that young_choose() chose may differ; any page of a block
	 * will do.
	 */
	for (i = 0; i < count; i++)
		address[i] = young_address(&young, 2 * i);
	for (round = 0; young_more(&young, round); round++) {
		young_choose(&young);
		memset(seen, 0, count * sizeof(*seen));
		told = watch(&young, address, seen, count);
		judge_damon(&young, seen, count, told);
	}
	young_end(&young);
	free(seen);
	free(address);
}

/* ---- reclaim ------------------------------------------------------------------ */

#define RECLAIM_PAGES 1024
/* One page in four is hot. */
#define HOT 4
/*
 * Pages that may be swapped out: more than the test asks for and than there are
 * cold pages.
 */
#define SWAPPED	  (RECLAIM_PAGES * 3 / 4)
#define AT_A_TIME 16
#define TURNS	  100
/* Cold pages to swap out before judging starts, and while judging. */
#define WARM   32
#define ENOUGH 144

static void count_swapped(struct young *young, struct pagemap *pagemap,
			  u64 *hot, u64 *cold)
{
	u64 page, entry;

	*hot = *cold = 0;
	for (page = 0; page < young->units; page++) {
		pagemap_read(pagemap, young_address(young, page), &entry, 1);
		if (!(entry & PAGEMAP_SWAPPED))
			continue;
		*(bitmap_test(young->touched, page) ? hot : cold) += 1;
	}
}

/*
 * Reclaim until @more cold pages are swapped out; return how often a hot one
 * was.
 */
static u64 reclaim_cold(struct young *young, struct pagemap *pagemap, u64 more,
			u64 *cold)
{
	u64 until = *cold + more, hot = 0, hot_now;
	unsigned int turn;

	for (turn = 0; *cold < until && turn < TURNS; turn++) {
		young_flush(young);
		young_touch(young);
		reclaim_some(AT_A_TIME * young->fixture.page);
		count_swapped(young, pagemap, &hot_now, cold);
		hot += hot_now;
	}
	CHECK(*cold >= until,
	      "%u rounds of reclaim swapped out %llu cold pages, expected %llu",
	      turn, *cold, until);
	return hot;
}

/*
 * Pages that are accessed before each reclaim are swapped out far less often
 * than others. Not never: the kernel clears access flags of neighbours of a
 * page that it scans (lru_gen_look_around()), and of all pages if it scans
 * twice.
 */
static void test_reclaim(const struct variant *variant)
{
	u64 hot, cold = 0, before, hot_pages;
	struct pagemap *pagemap = pagemap_open();
	struct young young;
	unsigned int try = 0;

	swap_need();
	reclaim_enter(SWAPPED * backing_page_size(BACKING_ANONYMOUS));
	young_begin(&young, variant->backing, RECLAIM_PAGES);
	young_choose_some(&young, HOT);
	hot_pages = bitmap_count(young.touched, young.units);
	/* At first the access flags of all pages are set. */
	reclaim_cold(&young, pagemap, WARM, &cold);
	do {
		before = cold;
		hot = reclaim_cold(&young, pagemap, ENOUGH, &cold);
		report_info("%llu of %llu pages are hot: %llu cold pages were swapped out, %llu hot ones",
			    hot_pages, young.units, cold - before, hot);
		/*
		 * Random choice would swap out 1 hot page for HOT - 1 cold
		 * ones.
		 */
	} while (hot * (HOT - 1) * 2 > cold - before && ++try < TRIES);
	CHECK(try < TRIES,
	      "reclaim swapped out %llu hot pages and %llu cold ones, expected at most %llu hot ones",
	      hot, cold - before, (cold - before) / ((HOT - 1) * 2));
	young_note(&young, hot_pages, 0);
	young_end(&young);
	pagemap_close(pagemap);
	reclaim_leave();
}

/* ---- the cases --------------------------------------------------------------- */

static const struct choice unit_list[] = {
	CHOICE("pages", BACKING_ANONYMOUS),
	CHOICE("blocks", BACKING_ANONYMOUS_THP),
	CHOICE("shmem_blocks", BACKING_SHMEM_THP),
};

static const struct choices units = { .list = unit_list,
				      .count = ARRAY_SIZE(unit_list) };

static const struct dimension all_units[] = {
	DIMENSION(struct variant, backing, &units),
};

static const struct dimension private_units[] = {
	DIMENSION_SOME(struct variant, backing, &units, BACKING_ANONYMOUS,
		       BACKING_ANONYMOUS_THP),
};

static const struct scenario scenarios[] = {
	SCENARIO("idle", test_idle, struct variant, all_units,
		 .sampling = SAMPLE_ALL,
		 .plan = "idle page tracking reports accessed pages as not idle"),
	SCENARIO("generations", test_generations, struct variant, private_units,
		 .sampling = SAMPLE_ALL,
		 .plan = "MGLRU moves accessed pages to the youngest generation"),
	SCENARIO("damon", test_damon, struct variant, private_units,
		 .sampling = SAMPLE_ALL, .plan = "DAMON reports accesses"),
	SCENARIO_ONE("reclaim/pages", test_reclaim, struct variant,
		     FIXED(struct variant, .backing = BACKING_ANONYMOUS),
		     .plan = "reclaim keeps pages that the guest keeps accessing"),
};

TEST_PROGRAM("access_tracking_test",
	     "pages accessed by the guest are reported as young", scenarios,
	     .needs = { .root = true, .kvm = true })
