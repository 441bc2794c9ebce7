// SPDX-License-Identifier: GPL-2.0-only
/*
 * The protocol of Documentation/mm/hmm.rst, one interleaving per case: the device
 * pauses between two steps, memory is invalidated, and the device must retry exactly
 * if the protocol demands it. It never installs a stale entry.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "helper_thread.h"
#include "core/hang.h"
#include "hmm_device.h"
#include "mem/pagemap.h"
#include "mapping_state.h"
#include "core/report.h"
#include "core/variant.h"
#include "dying_process.h"

#define PAGES 8
#define OLD   0x01d01d01d01d01dULL
#define NEW   0x2e32e32e32e32e3ULL

/**
 * struct fixture - written memory, a mirror of it, and a device thread
 * @state: the memory
 * @mirror: mirror of all of it
 * @device: the thread that reads the first page by the device
 * @act: its access
 */
struct fixture {
	struct mapping_state state;
	unsigned int mirror;
	struct helper_thread device;
	struct device_act act;
};

/**
 * struct variant - how cases of one body differ
 * @point: pause point of the device at which memory is invalidated
 * @busy: expected number of walks that end with EBUSY
 * @retries: expected number of times that mmu_interval_read_retry() returns true
 * @first: first page that is discarded
 * @pages: number of pages that are discarded
 * @overlaps: a mirror of pages 2 to 5 has some of these pages
 */
struct variant {
	enum secmmu_hmm_point point;
	unsigned int busy;
	unsigned int retries;
	u64 first;
	u64 pages;
	bool overlaps;
};

static unsigned char *page_at(const struct fixture *fixture, u64 number)
{
	return fixture->state.start + number * fixture->state.page;
}

static volatile u64 *word_at(const struct fixture *fixture, u64 number)
{
	return (volatile u64 *)page_at(fixture, number);
}

static void discard(const struct fixture *fixture, u64 first, u64 count)
{
	mapping_state_advise(page_at(fixture, first),
			     count * fixture->state.page, MADV_DONTNEED,
			     "MADV_DONTNEED");
}

/* The first page has the old word; the thread of the device waits for its cue. */
static void set(struct fixture *fixture)
{
	u64 i;

	mapping_state_prepare(&fixture->state,
			      mapping_state_kind_of("written"));
	for (i = 0; i < PAGES; i++)
		*word_at(fixture, i) = OLD;
	fixture->mirror = hmm_mirror(fixture->state.device,
				     fixture->state.start,
				     PAGES * fixture->state.page);
	device_helper(&fixture->device, &fixture->act, fixture->state.device,
		      fixture->mirror, SECMMU_HMM_READ, fixture->state.start);
}

/* Check the word that the device read, and its number of retries. */
static void judge(struct fixture *fixture, u64 value, unsigned int faults,
		  unsigned int busy, unsigned int retries)
{
	const struct secmmu_hmm_access *access = &fixture->act.access;

	helper_thread_join(&fixture->device);
	CHECK(!fixture->act.error, "the device cannot read: %s",
	      errno_name(fixture->act.error));
	CHECK(fixture->act.word == value,
	      "expected the device to read %#llx, got %#llx: %s", value,
	      fixture->act.word,
	      fixture->act.word == OLD ? "a stale page" : "not this memory");
	CHECK(access->faults == faults && access->busy == busy &&
		      access->retries == retries,
	      "the device called hmm_range_fault() %u times, of which %u were EBUSY, and then refused %u; it must be %u, %u and %u",
	      access->faults, access->busy, access->retries, faults, busy,
	      retries);
}

/* What the device's page table has of a page is what the CPU's has. */
static void judge_entry(const struct fixture *fixture, u64 number)
{
	struct pagemap *pagemap = pagemap_open();
	u64 entry, own;

	entry = hmm_entry(fixture->state.device, fixture->mirror,
			  page_at(fixture, number));
	pagemap_read(pagemap, page_at(fixture, number), &own, 1);
	pagemap_close(pagemap);
	CHECK(entry & SECMMU_HMM_VALID,
	      "the device's page table has nothing for page %llu, which the device has just read",
	      number);
	CHECK((entry & SECMMU_HMM_PAGE_MASK) == (own & PAGEMAP_PFN_MASK) &&
		      own & PAGEMAP_PRESENT,
	      "the device's page table has page frame %#llx for page %llu, the CPU's has %#llx: stale",
	      entry & SECMMU_HMM_PAGE_MASK, number, own & PAGEMAP_PFN_MASK);
}

static void test_untriggered(void)
{
	struct fixture fixture;

	set(&fixture);
	helper_thread_cue(&fixture.device);
	judge(&fixture, OLD, 1, 0, 0);
	judge_entry(&fixture, 0);
}

/* Memory is invalidated between two steps of the device. */
static void test_between(const struct variant *variant)
{
	enum secmmu_hmm_point point = variant->point;
	struct fixture fixture;

	set(&fixture);
	hmm_arm(fixture.state.device, point);
	helper_thread_cue(&fixture.device);
	hmm_await(fixture.state.device, point);
	discard(&fixture, 0, 1);
	*word_at(&fixture, 0) = NEW;
	hmm_release(fixture.state.device, point);
	judge(&fixture, NEW, 1 + variant->busy + variant->retries,
	      variant->busy, variant->retries);
	judge_entry(&fixture, 0);
}

/*
 * During the walk: the mapping is one of the driver, whose fault handler pauses at the
 * second page, when the walk has passed the first.
 */
static void test_during(void)
{
	unsigned char *start;
	struct fixture fixture;
	u64 words[2 * 65536 / 8];

	mapping_state_prepare(&fixture.state,
			      mapping_state_kind_of("device_pages"));
	start = fixture.state.start;
	*word_at(&fixture, 0) = OLD;
	fixture.mirror = hmm_mirror(fixture.state.device, start,
				    PAGES * fixture.state.page);
	device_helper(&fixture.device, &fixture.act, fixture.state.device,
		      fixture.mirror, SECMMU_HMM_READ, start);
	fixture.act.access.length = fixture.state.page + sizeof(u64);
	fixture.act.access.buffer = (uintptr_t)words;
	CHECK(fixture.act.access.length <= sizeof(words),
	      "pages of %llu bytes are too large for this test",
	      fixture.state.page);
	memset(words, 0, sizeof(words));

	hmm_arm(fixture.state.device, SECMMU_HMM_AT_FAULT);
	helper_thread_cue(&fixture.device);
	hmm_await(fixture.state.device, SECMMU_HMM_AT_FAULT);
	discard(&fixture, 0, 1);
	hmm_release(fixture.state.device, SECMMU_HMM_AT_FAULT);
	helper_thread_join(&fixture.device);
	CHECK(!fixture.act.error, "the device cannot read: %s",
	      errno_name(fixture.act.error));
	CHECK(fixture.act.access.faults == 2 && fixture.act.access.busy == 1 &&
		      !fixture.act.access.retries,
	      "memory was invalidated while hmm_range_fault() walked: it was called %u times, of which %u were EBUSY, and %u were refused; it must be 2, 1 and 0",
	      fixture.act.access.faults, fixture.act.access.busy,
	      fixture.act.access.retries);
	CHECK(words[0] == OLD, "the device has read %#llx from its own page",
	      words[0]);
	judge_entry(&fixture, 0);
	judge_entry(&fixture, 1);
}

/* ---- other ranges ---- */

/*
 * The device waits where an invalidation would make it start over; what is
 * invalidated only touches the mirror (number: first page, pages, and whether
 * it must start over). The mirror has pages 2 to 5.
 */
static void test_neighbour(const struct variant *variant)
{
	bool overlaps = variant->overlaps;
	struct secmmu_hmm_counters counters;
	struct fixture fixture;
	unsigned int part;

	set(&fixture);
	part = hmm_mirror(fixture.state.device, page_at(&fixture, 2),
			  4 * fixture.state.page);
	fixture.act.access.mirror = part;
	fixture.act.access.address = (uintptr_t)page_at(&fixture, 3);
	hmm_arm(fixture.state.device, SECMMU_HMM_AT_LOCK);
	helper_thread_cue(&fixture.device);
	hmm_await(fixture.state.device, SECMMU_HMM_AT_LOCK);
	discard(&fixture, variant->first, variant->pages);
	hmm_release(fixture.state.device, SECMMU_HMM_AT_LOCK);
	judge(&fixture, OLD, 1 + overlaps, 0, overlaps);

	counters = hmm_counters(fixture.state.device, part);
	CHECK(counters.invalidations[1] == overlaps,
	      "a mirror of pages 2 to 5: expected %u invalidations of pages %llu to %llu, got %llu",
	      overlaps, variant->first, variant->first + variant->pages - 1,
	      counters.invalidations[1]);
	counters = hmm_counters(fixture.state.device, fixture.mirror);
	CHECK(counters.invalidations[1] == 1,
	      "a mirror of all pages: expected 1 invalidation, got %llu",
	      counters.invalidations[1]);
}

/* Two devices on one address space: both lose the page. */
static void test_two_devices(void)
{
	struct fixture fixture;
	unsigned int second;
	int other;

	set(&fixture);
	other = hmm_open();
	second = hmm_mirror(other, fixture.state.start,
			    PAGES * fixture.state.page);
	helper_thread_cue(&fixture.device);
	judge(&fixture, OLD, 1, 0, 0);
	CHECK(hmm_read(other, second, fixture.state.start) == OLD,
	      "the second device reads another word than the first");
	discard(&fixture, 0, 1);
	CHECK(!hmm_entry(fixture.state.device, fixture.mirror,
			 fixture.state.start) &&
		      !hmm_entry(other, second, fixture.state.start),
	      "a page was discarded, and a device has it still in its page table");
	CHECK(hmm_entry(other, second, page_at(&fixture, 1)) == 0,
	      "the device has an entry for a page that it never read");
}

/* ---- invalidations that wait, or are waited for ---- */

static void discard_first(void *argument)
{
	discard(argument, 0, 1);
}

/* The device has the lock: who invalidates has to wait, and then succeeds. */
static void test_locked(const struct variant *variant)
{
	struct secmmu_hmm_counters counters;
	struct fixture fixture;
	struct helper_thread other;

	set(&fixture);
	helper_thread_new(&other, "cpu", discard_first, &fixture);
	hmm_arm(fixture.state.device, variant->point);
	helper_thread_cue(&fixture.device);
	hmm_await(fixture.state.device, variant->point);
	helper_thread_cue(&other);
	hang_await(other.thread, "hmm_mirror_invalidate", 5000);
	CHECK(!helper_thread_is_done(&other),
	      "MADV_DONTNEED is done, and the device is still using the page");
	hmm_release(fixture.state.device, variant->point);
	helper_thread_join(&other);
	helper_thread_join(&fixture.device);
	counters = hmm_counters(fixture.state.device, fixture.mirror);
	/*
	 * Once the lock is given back it may be the device that gets it, or the
	 * notifier; then the device has to fault again.
	 */
	CHECK(!fixture.act.error && !fixture.act.access.busy &&
		      !fixture.act.access.retries &&
		      fixture.act.access.faults == counters.installed,
	      "the device had the lock before the invalidation, and was refused what it had found");
	CHECK(counters.dropped == 1,
	      "expected the entry of the page to be dropped once, got %llu times",
	      counters.dropped);
	if (fixture.act.access.faults == 1) {
		CHECK(fixture.act.word == OLD, "the device has read %#llx",
		      fixture.act.word);
		CHECK(!hmm_entry(fixture.state.device, fixture.mirror,
				 fixture.state.start),
		      "a page was discarded, but the device still has it in its page table");
	} else {
		CHECK(fixture.act.word == 0,
		      "the device has read %#llx of a discarded page",
		      fixture.act.word);
		judge_entry(&fixture, 0);
	}
}

/* While an invalidation is in progress, mmu_interval_read_begin() waits. */
static void test_begin_waits(void)
{
	struct fixture fixture;
	struct helper_thread other;

	set(&fixture);
	helper_thread_new(&other, "cpu", discard_first, &fixture);
	hmm_arm(fixture.state.device, SECMMU_HMM_AT_INVALIDATED);
	helper_thread_cue(&other);
	hmm_await(fixture.state.device, SECMMU_HMM_AT_INVALIDATED);
	/* So that those who come there are counted. */
	hmm_delay(fixture.state.device, SECMMU_HMM_AT_WALK, 1);
	helper_thread_cue(&fixture.device);
	hang_await(fixture.device.thread, "mmu_interval_read_begin", 5000);
	CHECK(!hmm_release(fixture.state.device, SECMMU_HMM_AT_WALK),
	      "mmu_interval_read_begin() returned while an invalidation was in progress");
	hmm_release(fixture.state.device, SECMMU_HMM_AT_INVALIDATED);
	helper_thread_join(&other);
	judge(&fixture, 0, 1, 0, 0);
	judge_entry(&fixture, 0);
}

/* Before the device knows of the invalidation, it need not wait. */
static void test_not_told_yet(void)
{
	struct fixture fixture;
	struct helper_thread other;

	set(&fixture);
	helper_thread_new(&other, "cpu", discard_first, &fixture);
	hmm_arm(fixture.state.device, SECMMU_HMM_AT_INVALIDATE);
	helper_thread_cue(&other);
	hmm_await(fixture.state.device, SECMMU_HMM_AT_INVALIDATE);
	helper_thread_cue(&fixture.device);
	judge(&fixture, OLD, 1, 0, 0);
	CHECK(!helper_thread_is_done(&other),
	      "MADV_DONTNEED returned before the notifier of the device did");
	hmm_release(fixture.state.device, SECMMU_HMM_AT_INVALIDATE);
	helper_thread_join(&other);
	CHECK(!hmm_entry(fixture.state.device, fixture.mirror,
			 fixture.state.start),
	      "a page was discarded, but the device still has it in its page table");
}

/*
 * The memory of a killed process is reaped by invalidations that must not block: while
 * the device holds its lock, they are refused, and the memory stays.
 */
static void test_not_blockable(void)
{
	struct secmmu_hmm_counters counters;
	struct device_act act = { 0 };
	struct helper_thread device;
	struct dying_process child;
	int error;

	dying_process_start(&child, OLD);
	device_helper(&device, &act, child.device, child.mirror,
		      SECMMU_HMM_READ, child.memory);
	hmm_arm(child.device, SECMMU_HMM_AT_RETRY);
	helper_thread_cue(&device);
	hmm_await(child.device, SECMMU_HMM_AT_RETRY);
	dying_process_kill(&child);
	error = dying_process_release(&child);
	CHECK(error == -EAGAIN,
	      "process_mrelease() while the device has its page table locked: expected EAGAIN, got %s",
	      error ? errno_name(error) : "no error");
	counters = hmm_counters(child.device, child.mirror);
	CHECK(counters.refused == 1,
	      "expected the device to refuse 1 invalidation, got %llu",
	      counters.refused);
	hmm_release(child.device, SECMMU_HMM_AT_RETRY);
	helper_thread_join(&device);
	CHECK(!act.error && act.word == OLD && act.access.faults == 1,
	      "expected the device to read the memory that was not reaped, without a retry: %s, %#llx, %u walks",
	      act.error ? errno_name(act.error) : "no error", act.word,
	      act.access.faults);

	error = dying_process_release(&child);
	CHECK(!error, "process_mrelease() failed: %s", errno_name(error));
	CHECK(!hmm_entry(child.device, child.mirror, child.memory),
	      "memory was reaped, but the device still has it in its page table");
	/* check_stable_address_space(): a reaped page is not faulted in again. */
	act.access.error = 0;
	error = __hmm_access(child.device, &act.access);
	CHECK(error == -EFAULT,
	      "the device reads reaped memory: expected EFAULT, got %s",
	      error ? errno_name(error) : "no error");
	dying_process_end(&child);
}

static const struct scenario scenarios[] = {
	{ .name = "not_invalidated", .run_alone = test_untriggered },
	SCENARIO_ONE("before_begin", test_between, struct variant,
		     FIXED(struct variant, .point = SECMMU_HMM_AT_BEGIN)),
	SCENARIO_ONE("before_walk", test_between, struct variant,
		     FIXED(struct variant, .point = SECMMU_HMM_AT_WALK,
			   .busy = 1)),
	{ .name = "during_walk", .run_alone = test_during },
	SCENARIO_ONE("before_lock", test_between, struct variant,
		     FIXED(struct variant, .point = SECMMU_HMM_AT_LOCK,
			   .retries = 1)),
	SCENARIO_ONE("with_lock", test_locked, struct variant,
		     FIXED(struct variant, .point = SECMMU_HMM_AT_RETRY)),
	SCENARIO_ONE("installed", test_locked, struct variant,
		     FIXED(struct variant, .point = SECMMU_HMM_AT_INSTALLED)),
	{ .name = "begin_waits", .run_alone = test_begin_waits },
	{ .name = "not_told_yet", .run_alone = test_not_told_yet },
	{ .name = "not_blockable", .run_alone = test_not_blockable },
	SCENARIO_ONE("touching_below", test_neighbour, struct variant,
		     FIXED(struct variant, .first = 1, .pages = 1)),
	SCENARIO_ONE("touching_above", test_neighbour, struct variant,
		     FIXED(struct variant, .first = 6, .pages = 1)),
	SCENARIO_ONE("overlapping_below", test_neighbour, struct variant,
		     FIXED(struct variant, .first = 1, .pages = 2,
			   .overlaps = true)),
	SCENARIO_ONE("overlapping_above", test_neighbour, struct variant,
		     FIXED(struct variant, .first = 5, .pages = 3,
			   .overlaps = true)),
	{ .name = "two_devices", .run_alone = test_two_devices },
};

TEST_PROGRAM(
	"hmm_retry_test",
	"a mirror retries exactly if memory was invalidated, and installs no stale entry",
	scenarios, .needs = HMM_NEEDS)
