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

#include "actor.h"
#include "cases.h"
#include "hang.h"
#include "hmm_device.h"
#include "pagemap.h"
#include "place.h"
#include "report.h"
#include "reaped.h"

#define PAGES 8
#define OLD   0x01d01d01d01d01dULL
#define NEW   0x2e32e32e32e32e3ULL

/**
 * struct scene - written memory, mirrored, and a device thread
 * @place: the memory
 * @mirror: of all of it
 * @device: the thread that reads the first page
 * @act: what it does
 */
struct scene {
	struct place place;
	unsigned int mirror;
	struct actor device;
	struct device_act act;
};

static unsigned char *page_at(const struct scene *scene, u64 number)
{
	return scene->place.start + number * scene->place.page;
}

static volatile u64 *word_at(const struct scene *scene, u64 number)
{
	return (volatile u64 *)page_at(scene, number);
}

static void discard(const struct scene *scene, u64 first, u64 count)
{
	place_advise(page_at(scene, first), count * scene->place.page,
		     MADV_DONTNEED, "MADV_DONTNEED");
}

/* The first page has the old word; the device's thread waits for its cue. */
static void set(struct scene *scene)
{
	u64 i;

	place_prepare(&scene->place, place_kind_of("written"));
	for (i = 0; i < PAGES; i++)
		*word_at(scene, i) = OLD;
	scene->mirror = hmm_mirror(scene->place.device, scene->place.start,
				   PAGES * scene->place.page);
	device_actor(&scene->device, &scene->act, scene->place.device,
		     scene->mirror, SECMMU_HMM_READ, scene->place.start);
}

/* What the device's thread has found, and how often it had to start over. */
static void judge(struct scene *scene, u64 value, unsigned int faults,
		  unsigned int busy, unsigned int retries)
{
	const struct secmmu_hmm_access *access = &scene->act.access;

	actor_join(&scene->device);
	CHECK(!scene->act.error, "the device cannot read: %s",
	      errno_name(scene->act.error));
	CHECK(scene->act.word == value,
	      "the device has read %#llx, where %#llx belongs: %s",
	      scene->act.word, value,
	      scene->act.word == OLD ? "a stale page" : "not this memory");
	CHECK(access->faults == faults && access->busy == busy &&
		      access->retries == retries,
	      "the device called hmm_range_fault() %u times, of which %u were EBUSY, and then refused %u; it must be %u, %u and %u",
	      access->faults, access->busy, access->retries, faults, busy,
	      retries);
}

/* What the device's page table has of a page is what the CPU's has. */
static void judge_entry(const struct scene *scene, u64 number)
{
	struct pagemap *pagemap = pagemap_open();
	u64 entry, own;

	entry = hmm_entry(scene->place.device, scene->mirror,
			  page_at(scene, number));
	pagemap_read(pagemap, page_at(scene, number), &own, 1);
	pagemap_close(pagemap);
	CHECK(entry & SECMMU_HMM_VALID,
	      "the device's page table has nothing for page %llu, which the device has just read",
	      number);
	CHECK((entry & SECMMU_HMM_PAGE_MASK) == (own & PAGEMAP_PFN_MASK) &&
		      own & PAGEMAP_PRESENT,
	      "the device's page table has page frame %#llx for page %llu, the CPU's has %#llx: stale",
	      entry & SECMMU_HMM_PAGE_MASK, number, own & PAGEMAP_PFN_MASK);
}

static void test_undisturbed(const struct test_case *test)
{
	struct scene scene;

	set(&scene);
	actor_cue(&scene.device);
	judge(&scene, OLD, 1, 0, 0);
	judge_entry(&scene, 0);
}

/* Invalidated between two steps; @test->number: where, EBUSY, refused. */
static void test_between(const struct test_case *test)
{
	enum secmmu_hmm_point point = test->number[0];
	struct scene scene;

	set(&scene);
	hmm_arm(scene.place.device, point);
	actor_cue(&scene.device);
	hmm_await(scene.place.device, point);
	discard(&scene, 0, 1);
	*word_at(&scene, 0) = NEW;
	hmm_release(scene.place.device, point);
	judge(&scene, NEW,
	      1 + (unsigned int)(test->number[1] + test->number[2]),
	      (unsigned int)test->number[1], (unsigned int)test->number[2]);
	judge_entry(&scene, 0);
}

/*
 * In the midst of the walk: the mapping is the device's own, whose fault handler
 * waits at the second page, when the walk has passed the first.
 */
static void test_during(const struct test_case *test)
{
	unsigned char *start;
	struct scene scene;
	u64 words[2 * 65536 / 8];

	place_prepare(&scene.place, place_kind_of("device_pages"));
	start = scene.place.start;
	*word_at(&scene, 0) = OLD;
	scene.mirror = hmm_mirror(scene.place.device, start,
				  PAGES * scene.place.page);
	device_actor(&scene.device, &scene.act, scene.place.device,
		     scene.mirror, SECMMU_HMM_READ, start);
	scene.act.access.length = scene.place.page + sizeof(u64);
	scene.act.access.buffer = (uintptr_t)words;
	CHECK(scene.act.access.length <= sizeof(words),
	      "pages of %llu bytes are too large for this test",
	      scene.place.page);
	memset(words, 0, sizeof(words));

	hmm_arm(scene.place.device, SECMMU_HMM_AT_FAULT);
	actor_cue(&scene.device);
	hmm_await(scene.place.device, SECMMU_HMM_AT_FAULT);
	discard(&scene, 0, 1);
	hmm_release(scene.place.device, SECMMU_HMM_AT_FAULT);
	actor_join(&scene.device);
	CHECK(!scene.act.error, "the device cannot read: %s",
	      errno_name(scene.act.error));
	CHECK(scene.act.access.faults == 2 && scene.act.access.busy == 1 &&
		      !scene.act.access.retries,
	      "memory was invalidated while hmm_range_fault() walked: it was called %u times, of which %u were EBUSY, and %u were refused; it must be 2, 1 and 0",
	      scene.act.access.faults, scene.act.access.busy,
	      scene.act.access.retries);
	CHECK(words[0] == OLD, "the device has read %#llx from its own page",
	      words[0]);
	judge_entry(&scene, 0);
	judge_entry(&scene, 1);
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
	struct scene scene;
	unsigned int part;

	set(&scene);
	part = hmm_mirror(scene.place.device, page_at(&scene, 2),
			  4 * scene.place.page);
	scene.act.access.mirror = part;
	scene.act.access.address = (uintptr_t)page_at(&scene, 3);
	hmm_arm(scene.place.device, SECMMU_HMM_AT_LOCK);
	actor_cue(&scene.device);
	hmm_await(scene.place.device, SECMMU_HMM_AT_LOCK);
	discard(&scene, test->number[0], test->number[1]);
	hmm_release(scene.place.device, SECMMU_HMM_AT_LOCK);
	judge(&scene, OLD, 1 + overlaps, 0, overlaps);

	counters = hmm_counters(scene.place.device, part);
	CHECK(counters.invalidations[1] == overlaps,
	      "a mirror of pages 2 to 5 was told %llu times that pages %lu to %lu are invalid; %u belongs",
	      counters.invalidations[1], test->number[0],
	      test->number[0] + test->number[1] - 1, overlaps);
	counters = hmm_counters(scene.place.device, scene.mirror);
	CHECK(counters.invalidations[1] == 1,
	      "a mirror of all pages was told %llu times that some are invalid; 1 belongs",
	      counters.invalidations[1]);
}

/* Two devices on one address space: both lose the page. */
static void test_two_devices(const struct test_case *test)
{
	struct scene scene;
	unsigned int second;
	int other;

	set(&scene);
	other = hmm_open();
	second = hmm_mirror(other, scene.place.start, PAGES * scene.place.page);
	actor_cue(&scene.device);
	judge(&scene, OLD, 1, 0, 0);
	CHECK(hmm_read(other, second, scene.place.start) == OLD,
	      "the second device reads another word than the first");
	discard(&scene, 0, 1);
	CHECK(!hmm_entry(scene.place.device, scene.mirror, scene.place.start) &&
		      !hmm_entry(other, second, scene.place.start),
	      "a page was discarded, and a device has it still in its page table");
	CHECK(hmm_entry(other, second, page_at(&scene, 1)) == 0,
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
	struct scene scene;
	struct actor other;

	set(&scene);
	actor_new(&other, "cpu", discard_first, &scene);
	hmm_arm(scene.place.device, test->number[0]);
	actor_cue(&scene.device);
	hmm_await(scene.place.device, test->number[0]);
	actor_cue(&other);
	hang_await(other.thread, "hmm_mirror_invalidate", 5000);
	CHECK(!actor_is_done(&other),
	      "MADV_DONTNEED is done, and the device is still using the page");
	hmm_release(scene.place.device, test->number[0]);
	actor_join(&other);
	actor_join(&scene.device);
	counters = hmm_counters(scene.place.device, scene.mirror);
	/*
	 * Once the lock is given back it may be the device that gets it, or the
	 * notifier; then the device has to fault again.
	 */
	CHECK(!scene.act.error && !scene.act.access.busy &&
		      !scene.act.access.retries &&
		      scene.act.access.faults == counters.installed,
	      "the device had the lock before the invalidation, and was refused what it had found");
	CHECK(counters.dropped == 1,
	      "the page's entry was dropped %llu times; 1 belongs",
	      counters.dropped);
	if (scene.act.access.faults == 1) {
		CHECK(scene.act.word == OLD, "the device has read %#llx",
		      scene.act.word);
		CHECK(!hmm_entry(scene.place.device, scene.mirror,
				 scene.place.start),
		      "a page was discarded, and the device has it still in its page table");
	} else {
		CHECK(scene.act.word == 0,
		      "the device has read %#llx of a discarded page",
		      scene.act.word);
		judge_entry(&scene, 0);
	}
}

/* While an invalidation is in progress, mmu_interval_read_begin() waits. */
static void test_begin_waits(const struct test_case *test)
{
	struct scene scene;
	struct actor other;

	set(&scene);
	actor_new(&other, "cpu", discard_first, &scene);
	hmm_arm(scene.place.device, SECMMU_HMM_AT_INVALIDATED);
	actor_cue(&other);
	hmm_await(scene.place.device, SECMMU_HMM_AT_INVALIDATED);
	/* So that those who come there are counted. */
	hmm_delay(scene.place.device, SECMMU_HMM_AT_WALK, 1);
	actor_cue(&scene.device);
	hang_await(scene.device.thread, "mmu_interval_read_begin", 5000);
	CHECK(!hmm_release(scene.place.device, SECMMU_HMM_AT_WALK),
	      "mmu_interval_read_begin() returned while an invalidation was in progress");
	hmm_release(scene.place.device, SECMMU_HMM_AT_INVALIDATED);
	actor_join(&other);
	judge(&scene, 0, 1, 0, 0);
	judge_entry(&scene, 0);
}

/* Before the device knows of the invalidation, it need not wait. */
static void test_not_told_yet(const struct test_case *test)
{
	struct scene scene;
	struct actor other;

	set(&scene);
	actor_new(&other, "cpu", discard_first, &scene);
	hmm_arm(scene.place.device, SECMMU_HMM_AT_INVALIDATE);
	actor_cue(&other);
	hmm_await(scene.place.device, SECMMU_HMM_AT_INVALIDATE);
	actor_cue(&scene.device);
	judge(&scene, OLD, 1, 0, 0);
	CHECK(!actor_is_done(&other),
	      "MADV_DONTNEED is done before the device was told of it");
	hmm_release(scene.place.device, SECMMU_HMM_AT_INVALIDATE);
	actor_join(&other);
	CHECK(!hmm_entry(scene.place.device, scene.mirror, scene.place.start),
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
	struct actor device;
	struct reaped reaped;
	int error;

	reaped_start(&reaped, OLD);
	device_actor(&device, &act, reaped.device, reaped.mirror,
		     SECMMU_HMM_READ, reaped.memory);
	hmm_arm(reaped.device, SECMMU_HMM_AT_RETRY);
	actor_cue(&device);
	hmm_await(reaped.device, SECMMU_HMM_AT_RETRY);
	reaped_kill(&reaped);
	error = reaped_release(&reaped);
	CHECK(error == -EAGAIN,
	      "process_mrelease(): %s, where EAGAIN belongs: the device had its page table locked",
	      error ? errno_name(error) : "no error");
	counters = hmm_counters(reaped.device, reaped.mirror);
	CHECK(counters.refused == 1,
	      "the device has refused %llu invalidations; 1 belongs",
	      counters.refused);
	hmm_release(reaped.device, SECMMU_HMM_AT_RETRY);
	actor_join(&device);
	CHECK(!act.error && act.word == OLD && act.access.faults == 1,
	      "the device must read the memory that was not reaped, without starting over: %s, %#llx, %u times",
	      act.error ? errno_name(act.error) : "no error", act.word,
	      act.access.faults);

	error = reaped_release(&reaped);
	CHECK(!error, "process_mrelease() failed: %s", errno_name(error));
	CHECK(!hmm_entry(reaped.device, reaped.mirror, reaped.memory),
	      "memory was reaped, and the device has it still in its page table");
	/* check_stable_address_space(): no new page where one was taken away. */
	act.access.error = 0;
	error = __hmm_access(reaped.device, &act.access);
	CHECK(error == -EFAULT,
	      "the device reads reaped memory: %s, where EFAULT belongs",
	      error ? errno_name(error) : "no error");
	reaped_end(&reaped);
}

#define AT(point) .number = { SECMMU_HMM_AT_##point }

static const struct test_case cases[] = {
	{ .name = "undisturbed", .run = test_undisturbed },
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
