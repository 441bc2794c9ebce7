// SPDX-License-Identifier: GPL-2.0-only
/*
 * The entries of a dirty ring, one by one: with one vCPU that writes they are the
 * pages that it wrote, in that order, in rings of every size and however often
 * they wrap around; and after KVM_RESET_DIRTY_RINGS each of these pages is
 * protected again, whatever the order in which it batches them
 * (kvm_dirty_ring_reset()).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/bitmap.h"
#include "core/cases.h"
#include "core/clock.h"
#include "core/options.h"
#include "core/report.h"
#include "ring_order.h"

/* Pages of the slots that patterns write. */
#define PATTERN_PAGES 512
/* How often a pattern is written, and the smallest ring wraps around. */
#define PASSES	    3
#define SAME_PASSES 64
#define WRAPS	    16
/* How often a vCPU with a full ring tries to go on. */
#define FULL_TRIES 64
/* The largest ring takes long to fill, and gets this far in check mode. */
#define LARGEST_CHECK_STORES 4096
#define LARGEST_TIMEOUT_S    300
#define LARGEST_MEMORY	     (700UL << 20)
/* A reset that takes long enough to be interrupted, and how often it is. */
#define INTERRUPTED_PAGES  2048
#define INTERRUPTED_PASSES 8
#define INTERRUPTED_MOST   256
#define INTERRUPTED_MS	   10000
/* A stress run's cases have so many seconds at least. */
#define STRESS_CASE_S 2

static void ascending(struct order *order)
{
	u64 page;

	for (page = 0; page < PATTERN_PAGES; page++)
		order_put(order, 0, page);
}

static void descending(struct order *order)
{
	u64 page;

	for (page = PATTERN_PAGES; page-- > 0;)
		order_put(order, 0, page);
}

/* Every second page forwards, the others backwards. */
static void there_and_back(struct order *order)
{
	u64 page;

	for (page = 0; page < PATTERN_PAGES; page += 2)
		order_put(order, 0, page);
	for (page = PATTERN_PAGES; page > 0; page -= 2)
		order_put(order, 0, page - 1);
}

/* A batch of a reset is 64 pages: jumps that just fit in, and that do not. */
static void across_words(struct order *order)
{
	static const int steps[] = { 63, -62, -1, 64,	-65, -63, 127, -64,
				     62, 1,   65, -127, 63,  64,  -128 };
	unsigned long *used = bitmap_new(PATTERN_PAGES);
	s64 page = 200;
	size_t i;

	for (i = 0; i < 96; i++) {
		page += steps[i % (ARRAY_SIZE(steps))];
		page = (page + PATTERN_PAGES) % PATTERN_PAGES;
		if (bitmap_test(used, page))
			continue;
		bitmap_set(used, page);
		order_put(order, 0, page);
	}
	free(used);
}

static void both_slots(struct order *order)
{
	u64 page;

	for (page = 0; page < PATTERN_PAGES / 2; page++) {
		order_put(order, 0, page);
		order_put(order, 1, PATTERN_PAGES - 1 - page);
	}
}

static void shuffled(struct order *order)
{
	size_t i;

	ascending(order);
	for (i = order->count; i > 1; i--) {
		size_t j = random_below(&order->random, i);
		struct order_store other = order->stores[j];

		order->stores[j] = order->stores[i - 1];
		order->stores[i - 1] = other;
	}
}

static const struct {
	const char *name;
	void (*fill)(struct order *order);
} patterns[] = {
	{ "ascending", ascending },	      { "descending", descending },
	{ "there_and_back", there_and_back }, { "across_words", across_words },
	{ "both_slots", both_slots },	      { "shuffled", shuffled },
};

#define PATTERNS (ARRAY_SIZE(patterns))

static void test_order(const struct test_case *test)
{
	u64 until = clock_ns() + case_duration_ns();
	struct order order;
	unsigned int pass;

	order_begin(&order, dirty_mode_rings[test->number[0]], 0,
		    PATTERN_PAGES);
	patterns[test->number[1]].fill(&order);
	order_enable(&order);
	for (pass = 0; pass < PASSES ||
		       (options()->mode == MODE_STRESS && clock_ns() < until);
	     pass++)
		order_write_all(&order, pass % 2);
	order_end(&order);
}

/* One page, again and again: an entry and a reset for each store. */
static void test_same_page(const struct test_case *test)
{
	u64 until = clock_ns() + case_duration_ns();
	struct order order;
	unsigned int pass;

	order_begin(&order, dirty_mode_rings[test->number[0]], 0,
		    PATTERN_PAGES);
	order_put(&order, 0, 63);
	order_enable(&order);
	for (pass = 0; pass < SAME_PASSES ||
		       (options()->mode == MODE_STRESS && clock_ns() < until);
	     pass++)
		order_write_all(&order, false);
	order_end(&order);
}

/* Stores that are more than the ring has entries, by far. */
static void test_wrap(const struct test_case *test)
{
	enum dirty_mode mode = dirty_mode_rings[test->number[0]];
	u32 entries = dirty_mode_smallest_ring(mode), lap, i;
	u64 until = clock_ns() + case_duration_ns();
	struct order order;

	order_begin(&order, mode, entries, entries * 2);
	/* A page comes again when its entry has left the ring. */
	for (i = 0; i < entries * 2; i++)
		order_put(&order, i / 64 % 2, i);
	order_enable(&order);
	for (lap = 0; lap < WRAPS / 2 ||
		      (options()->mode == MODE_STRESS && clock_ns() < until);
	     lap++)
		order_write_all(&order, lap % 2);
	CHECK(order.vcpu->ring_next >= WRAPS * entries,
	      "%u entries do not make a ring of %u wrap around %d times",
	      order.vcpu->ring_next, entries, WRAPS);
	report_info("%u entries in a ring of %u, %llu times full",
		    order.vcpu->ring_next, entries, order.full_exits);
	order_end(&order);
}

static void test_largest(const struct test_case *test)
{
	bool whole = options()->mode == MODE_ALL;
	struct order order;
	u64 stores, i;

	/* Clipped to what the kernel offers. */
	order_begin(&order, dirty_mode_rings[test->number[0]], U32_MAX,
		    whole ? ORDER_STORES_MAX / 2 : LARGEST_CHECK_STORES / 2);
	stores = order.fixture.vm->config.ring_entries;
	CHECK(stores < ORDER_STORES_MAX, "a ring of %llu entries", stores);
	if (!whole)
		stores = LARGEST_CHECK_STORES;
	for (i = 0; i < stores; i++)
		order_put(&order, i % 2, i / 2);
	order_enable(&order);
	order_write_all(&order, false);
	CHECK(whole ? order.full_exits == 1 : !order.full_exits,
	      "the largest ring was full %llu times", order.full_exits);
	report_info("a ring of %u entries took %llu",
		    order.fixture.vm->config.ring_entries, stores);
	order_end(&order);
}

/**
 * struct interrupter - a timer that interrupts this thread while it resets
 * @timer: the timer
 * @after_ns: when it does, in nanoseconds from the reset's beginning; 0: it does
 *	not
 * @takes_ns: how long the last reset took, in nanoseconds
 * @signals: how many came
 */
static struct {
	timer_t timer;
	u64 after_ns;
	u64 takes_ns;
	volatile sig_atomic_t signals;
} interrupter;

static void count_interrupt(int number)
{
	(void)number;
	interrupter.signals++;
}

static void make_interrupter(void)
{
	struct sigaction action = { .sa_handler = count_interrupt };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGUSR2,
		._sigev_un._tid = gettid(),
	};

	CHECK(!sigaction(SIGUSR2, &action, NULL) &&
		      !timer_create(CLOCK_MONOTONIC, &event,
				    &interrupter.timer),
	      "timer_create failed: %s", errno_name(errno));
}

static void set_interrupter(u64 after_ns)
{
	struct itimerspec when = {
		.it_value.tv_nsec = (long)after_ns,
	};

	CHECK(!timer_settime(interrupter.timer, 0, &when, NULL),
	      "timer_settime failed: %s", errno_name(errno));
}

/*
 * A signal in the middle of KVM_RESET_DIRTY_RINGS: those entries that it has
 * taken are reset, the others are left for the next one.
 */
static u64 take_interrupted(struct dirty_log *dirty, u32 most)
{
	struct vcpu *vcpu = &dirty->vm->vcpus[0];
	struct deadline deadline = deadline_in_ms(INTERRUPTED_MS);
	u64 count = dirty_ring_take(dirty, vcpu, most);
	u64 begun = clock_ns();

	set_interrupter(interrupter.after_ns);
	while (dirty->ring_reset < dirty->ring_entries &&
	       !deadline_passed(deadline))
		dirty_ring_reset(dirty);
	interrupter.takes_ns = clock_ns() - begun;
	set_interrupter(0);
	/* Fails unless all were reset. */
	dirty_ring_collect_some(dirty, 0);
	return count;
}

static void test_interrupted(const struct test_case *test)
{
	u64 until = clock_ns() + case_duration_ns(), takes_ns;
	struct order order;
	unsigned int pass;

	order_begin(&order, dirty_mode_rings[test->number[0]], 0,
		    INTERRUPTED_PAGES);
	for (pass = 0; pass < INTERRUPTED_PAGES; pass++)
		order_put(&order, 0, pass);
	order_enable(&order);
	make_interrupter();
	order.take = take_interrupted;
	/* How long it takes if nobody interrupts it. */
	interrupter.after_ns = 0;
	order_write_all(&order, false);
	takes_ns = interrupter.takes_ns;
	interrupter.signals = 0;
	order.when = ", after an interrupted reset";
	for (pass = 0; pass < INTERRUPTED_PASSES ||
		       (!interrupter.signals && pass < INTERRUPTED_MOST) ||
		       (options()->mode == MODE_STRESS && clock_ns() < until);
	     pass++) {
		interrupter.after_ns = 1 +
				       random_below(&order.random, takes_ns);
		order_write_all(&order, false);
	}
	CHECK(interrupter.signals, "no signal came in %u resets of %llu us",
	      pass, takes_ns / NSEC_PER_USEC);
	report_info("%d signals in %u resets of %d entries, which take %llu us",
		    (int)interrupter.signals, pass, INTERRUPTED_PAGES,
		    takes_ns / NSEC_PER_USEC);
	order_end(&order);
}

/* It has made so many stores and filled so much of its ring, and stays there. */
static void judge_stays_out(struct order *order, const char *when)
{
	u64 beat = order->vcpu->guest->beat;
	u32 pending = dirty_ring_pending(order->vcpu);
	unsigned int i;

	for (i = 0; i < FULL_TRIES; i++)
		vcpu_run(order->vcpu, VCPU_RING_FULL);
	CHECK(order->vcpu->guest->beat == beat &&
		      dirty_ring_pending(order->vcpu) == pending,
	      "a vCPU with a full ring went on, %s: %llu stores, and %u entries, then %u",
	      when, order->vcpu->guest->beat - beat, pending,
	      dirty_ring_pending(order->vcpu));
}

/* The ring is full. */
static void judge_room_for_one(struct order *order)
{
	u64 beat = order->vcpu->guest->beat;

	order_take(order, 1);
	CHECK(!order_run(order), "room for one entry was enough");
	/* None, if a page comes twice: see order_match(). */
	CHECK(order->vcpu->guest->beat - beat <= 1,
	      "with room for one entry the vCPU made %llu stores",
	      order->vcpu->guest->beat - beat);
}

/*
 * A vCPU with a full ring does not enter the guest before entries are reset:
 * harvesting alone makes no room (kvm_dirty_ring_check_request()). prove/matrix
 * breaks that on 6.1 only: later, whoever skips the check leaves the request
 * pending, and with that no vCPU enters (kvm_vcpu_exit_request()).
 */
static void test_full_stays(const struct test_case *test)
{
	enum dirty_mode mode = dirty_mode_rings[test->number[0]];
	u32 entries = dirty_mode_smallest_ring(mode), soft, i;
	struct order order;

	order_begin(&order, mode, entries, entries * 2);
	for (i = 0; i < entries * 2; i++)
		order_put(&order, 0, i);
	order_enable(&order);
	soft = dirty_ring_soft_limit(order.fixture.vm);
	order_start(&order, 0);
	CHECK(!order_run(&order), "the ring was not full");
	judge_stays_out(&order, "nothing harvested");

	/* Harvested and not reset. */
	order.checked = order_match(&order, entries);
	dirty_ring_take(order.fixture.dirty, order.vcpu, entries);
	judge_stays_out(&order, "all harvested, nothing reset");
	order_take(&order, 0);

	CHECK(!order_run(&order), "the ring was not full again");
	if (dirty_ring_most(order.fixture.vm) == soft)
		judge_room_for_one(&order);
	judge_stays_out(&order, "again");
	order_take_all(&order, true);
	while (!order_run(&order))
		order_take_all(&order, true);
	order_take_all(&order, false);
	order_judge_memory(&order);
	order_end(&order);
}

/* Entries behind one that was not harvested are not reset. */
static void test_gap(const struct test_case *test)
{
	struct order order;
	u64 before;

	order_begin(&order, dirty_mode_rings[test->number[0]], 0,
		    PATTERN_PAGES);
	ascending(&order);
	order_enable(&order);
	order_start(&order, 0);
	CHECK(order_run(&order), "a ring of the usual size was full");
	before = order.fixture.dirty->ring_reset;
	dirty_ring_mark(order.vcpu, 1, true);
	dirty_ring_reset(order.fixture.dirty);
	CHECK(order.fixture.dirty->ring_reset == before,
	      "KVM_RESET_DIRTY_RINGS reset %llu entries behind one that is not harvested",
	      order.fixture.dirty->ring_reset - before);
	dirty_ring_mark(order.vcpu, 1, false);
	order_take_all(&order, false);
	order_judge_memory(&order);
	order_end(&order);
}

static struct test_case *add_case(struct test_case *cases, size_t *count,
				  size_t max,
				  void (*run)(const struct test_case *),
				  const char *name, size_t ring)
{
	struct test_case *test = case_add(cases, count, max, run);

	test->number[0] = ring;
	snprintf(test->name, sizeof(test->name), "%s/%s", name,
		 dirty_mode_name(dirty_mode_rings[ring]));
	return test;
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	size_t count = 0, ring, i;
	struct test_case *test;
	char name[CASE_NAME_MAX / 2];

	for (ring = 0; ring < DIRTY_MODE_RINGS; ring++) {
		if (!dirty_mode_exists(dirty_mode_rings[ring]))
			continue;
		for (i = 0; i < PATTERNS; i++) {
			snprintf(name, sizeof(name), "order/%s",
				 patterns[i].name);
			test = add_case(cases, &count, max, test_order, name,
					ring);
			test->number[1] = i;
		}
		add_case(cases, &count, max, test_same_page, "order/same_page",
			 ring);
		add_case(cases, &count, max, test_wrap, "wrap", ring);
		add_case(cases, &count, max, test_full_stays, "full_stays",
			 ring);
		add_case(cases, &count, max, test_gap, "gap", ring);
		add_case(cases, &count, max, test_interrupted, "interrupted",
			 ring);
		test = add_case(cases, &count, max, test_largest, "largest",
				ring);
		test->timeout_s = LARGEST_TIMEOUT_S;
		test->needs.free_memory = LARGEST_MEMORY;
	}
	return cases_keep_for_stress(options, cases, count, sizeof(*cases),
				     STRESS_CASE_S);
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "dirty_log_ring_order_test",
		.summary =
			"the entries of a dirty ring are what was written, in that order, in rings of every size",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
