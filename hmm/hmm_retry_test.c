// SPDX-License-Identifier: GPL-2.0-only
/*
 * The protocol of Documentation/mm/hmm.rst, one interleaving after the other: the
 * device is made to wait between two of its steps, memory is invalidated there,
 * and then it has to start over exactly if it must. What it installs is never
 * stale.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "helper_thread.h"
#include "core/cases.h"
#include "core/hang.h"
#include "hmm_device.h"
#include "mem/pagemap.h"
#include "mapping_state.h"
#include "core/report.h"
#include "dying_process.h"

#define PAGES 8
#define OLD   0x01d01d01d01d01dULL
#define NEW   0x2e32e32e32e32e3ULL

/**
 * struct scene - written memory, mirrored, and a device thread
 * @state: the memory
 * @mirror: of all of it
 * @device: the thread that reads the first page
 * @act: what it does
 */
struct fixture {
	struct mapping_state state;
	unsigned int mirror;
	struct helper_thread device;
	struct device_act act;
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

/* The first page has the old word; the device's thread waits for its cue. */
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

/* What the device's thread has found, and how often it had to start over. */
static void judge(struct fixture *fixture, u64 value, unsigned int faults,
		  unsigned int busy, unsigned int retries)
{
	const struct secmmu_hmm_access *access = &fixture->act.access;

	helper_thread_join(&fixture->device);
	CHECK(!fixture->act.error, "the device cannot read: %s",
	      errno_name(fixture->act.error));
	CHECK(fixture->act.word == value,
	      "the device has read %#llx, where %#llx belongs: %s",
	      fixture->act.word, value,
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

static void test_untriggered(const struct test_case *test)
{
	struct fixture fixture;

	set(&fixture);
	helper_thread_cue(&fixture.device);
	judge(&fixture, OLD, 1, 0, 0);
	judge_entry(&fixture, 0);
}

/* Invalidated between two steps; @test->number: where, EBUSY, refused. */
static void test_between(const struct test_case *test)
{
	enum secmmu_hmm_point point = test->number[0];
	struct fixture fixture;

	set(&fixture);
	hmm_arm(fixture.state.device, point);
	helper_thread_cue(&fixture.device);
	hmm_await(fixture.state.device, point);
	discard(&fixture, 0, 1);
	*word_at(&fixture, 0) = NEW;
	hmm_release(fixture.state.device, point);
	judge(&fixture, NEW,
	      1 + (unsigned int)(test->number[1] + test->number[2]),
	      (unsigned int)test->number[1], (unsigned int)test->number[2]);
	judge_entry(&fixture, 0);
}

/*
 * In the midst of the walk: the mapping is the device's own, whose fault handler
 * waits at the second page, when the walk has passed the first.
 */
static void test_during(const struct test_case *test)
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
static void test_neighbour(const struct test_case *test)
{
	bool overlaps = test->number[2];
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
	discard(&fixture, test->number[0], test->number[1]);
	hmm_release(fixture.state.device, SECMMU_HMM_AT_LOCK);
	judge(&fixture, OLD, 1 + overlaps, 0, overlaps);

	counters = hmm_counters(fixture.state.device, part);
	CHECK(counters.invalidations[1] == overlaps,
	      "a mirror of pages 2 to 5 was told %llu times that pages %lu to %lu are invalid; %u belongs",
	      counters.invalidations[1], test->number[0],
	      test->number[0] + test->number[1] - 1, overlaps);
	counters = hmm_counters(fixture.state.device, fixture.mirror);
	CHECK(counters.invalidations[1] == 1,
	      "a mirror of all pages was told %llu times that some are invalid; 1 belongs",
	      counters.invalidations[1]);
}

/* Two devices on one address space: both lose the page. */
static void test_two_devices(const struct test_case *test)
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
static void test_locked(const struct test_case *test)
{
	struct secmmu_hmm_counters counters;
	struct fixture fixture;
	struct helper_thread other;

	set(&fixture);
	helper_thread_new(&other, "cpu", discard_first, &fixture);
	hmm_arm(fixture.state.device, test->number[0]);
	helper_thread_cue(&fixture.device);
	hmm_await(fixture.state.device, test->number[0]);
	helper_thread_cue(&other);
	hang_await(other.thread, "hmm_mirror_invalidate", 5000);
	CHECK(!helper_thread_is_done(&other),
	      "MADV_DONTNEED is done, and the device is still using the page");
	hmm_release(fixture.state.device, test->number[0]);
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
	      "the page's entry was dropped %llu times; 1 belongs",
	      counters.dropped);
	if (fixture.act.access.faults == 1) {
		CHECK(fixture.act.word == OLD, "the device has read %#llx",
		      fixture.act.word);
		CHECK(!hmm_entry(fixture.state.device, fixture.mirror,
				 fixture.state.start),
		      "a page was discarded, and the device has it still in its page table");
	} else {
		CHECK(fixture.act.word == 0,
		      "the device has read %#llx of a discarded page",
		      fixture.act.word);
		judge_entry(&fixture, 0);
	}
}

/* While an invalidation is in progress, mmu_interval_read_begin() waits. */
static void test_begin_waits(const struct test_case *test)
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
static void test_not_told_yet(const struct test_case *test)
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
	      "MADV_DONTNEED is done before the device was told of it");
	hmm_release(fixture.state.device, SECMMU_HMM_AT_INVALIDATE);
	helper_thread_join(&other);
	CHECK(!hmm_entry(fixture.state.device, fixture.mirror,
			 fixture.state.start),
	      "a page was discarded, and the device has it still in its page table");
}

/*
 * The memory of a killed process is reaped by invalidations that may not wait:
 * while the device has the lock, they are refused and the memory stays.
 */
static void test_not_blockable(const struct test_case *test)
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
	      "process_mrelease(): %s, where EAGAIN belongs: the device had its page table locked",
	      error ? errno_name(error) : "no error");
	counters = hmm_counters(child.device, child.mirror);
	CHECK(counters.refused == 1,
	      "the device has refused %llu invalidations; 1 belongs",
	      counters.refused);
	hmm_release(child.device, SECMMU_HMM_AT_RETRY);
	helper_thread_join(&device);
	CHECK(!act.error && act.word == OLD && act.access.faults == 1,
	      "the device must read the memory that was not reaped, without starting over: %s, %#llx, %u times",
	      act.error ? errno_name(act.error) : "no error", act.word,
	      act.access.faults);

	error = dying_process_release(&child);
	CHECK(!error, "process_mrelease() failed: %s", errno_name(error));
	CHECK(!hmm_entry(child.device, child.mirror, child.memory),
	      "memory was reaped, and the device has it still in its page table");
	/* check_stable_address_space(): no new page where one was taken away. */
	act.access.error = 0;
	error = __hmm_access(child.device, &act.access);
	CHECK(error == -EFAULT,
	      "the device reads reaped memory: %s, where EFAULT belongs",
	      error ? errno_name(error) : "no error");
	dying_process_end(&child);
}

#define AT(point) .number = { SECMMU_HMM_AT_##point }

static const struct test_case cases[] = {
	{ .name = "undisturbed", .run = test_untriggered },
	{ .name = "before_begin",
	  .run = test_between,
	  .number = { SECMMU_HMM_AT_BEGIN, 0, 0 } },
	{ .name = "before_walk",
	  .run = test_between,
	  .number = { SECMMU_HMM_AT_WALK, 1, 0 } },
	{ .name = "during_walk", .run = test_during },
	{ .name = "before_lock",
	  .run = test_between,
	  .number = { SECMMU_HMM_AT_LOCK, 0, 1 } },
	{ .name = "with_lock", .run = test_locked, AT(RETRY) },
	{ .name = "installed", .run = test_locked, AT(INSTALLED) },
	{ .name = "begin_waits", .run = test_begin_waits },
	{ .name = "not_told_yet", .run = test_not_told_yet },
	{ .name = "not_blockable", .run = test_not_blockable },
	{ .name = "touching_below",
	  .run = test_neighbour,
	  .number = { 1, 1, false } },
	{ .name = "touching_above",
	  .run = test_neighbour,
	  .number = { 6, 1, false } },
	{ .name = "overlapping_below",
	  .run = test_neighbour,
	  .number = { 1, 2, true } },
	{ .name = "overlapping_above",
	  .run = test_neighbour,
	  .number = { 5, 3, true } },
	{ .name = "two_devices", .run = test_two_devices },
};

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "hmm_retry_test",
		.summary =
			"a mirror starts over exactly if memory was invalidated, and installs nothing stale",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
		.needs = HMM_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
