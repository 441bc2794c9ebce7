// SPDX-License-Identifier: GPL-2.0-only
/* What is tracked, how often, by whom, and in which slots. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/bitmap.h"
#include "dirty/dirty.h"
#include "core/report.h"
#include "track_slots.h"

const struct track_vm_config track_small = {
	.backing = BACKING_ANONYMOUS,
	.size = TRACK_SMALL_BYTES,
};

/* Tracked twice: told of until it is untracked as often. */
void track_test_twice(const struct test_case *test)
{
	struct track_vm fixture;
	u64 gpa;

	(void)test;
	track_begin(&fixture, &track_small);
	gpa = fixture.slot.gpa + TRACK_PAGE_ONE;
	track_page(&fixture, TRACK_PAGE_ONE);
	CHECK(avic_track(&fixture.avic, gpa) == 2,
	      "a page is tracked twice, and KVM counts otherwise");
	track_store(&fixture, TRACK_PAGE_ONE, 1);
	CHECK(avic_untrack(&fixture.avic, gpa) == 1,
	      "a page was tracked twice and untracked once, and KVM counts otherwise");
	track_store(&fixture, TRACK_PAGE_ONE, 2);
	CHECK(avic_untrack(&fixture.avic, gpa) == 0,
	      "a page is not tracked any more, and KVM counts otherwise");
	track_forget_pages(&fixture);
	track_store(&fixture, TRACK_PAGE_ONE, 3);
	track_page(&fixture, TRACK_PAGE_ONE);
	track_store(&fixture, TRACK_PAGE_ONE, 4);
	track_end(&fixture);
}

/* Two devices track the same page: each is told; one more page is the other's. */
void track_test_two_trackers(const struct test_case *test)
{
	struct secmmu_avic_write told;
	struct track_vm fixture;
	struct avic other;
	unsigned int i;

	(void)test;
	track_begin(&fixture, &track_small);
	avic_attach(&other, fixture.vm, 1, TRACK_RING, SECMMU_AVIC_FIXED);
	track_page(&fixture, TRACK_PAGE_ONE);
	avic_track(&other, fixture.slot.gpa + TRACK_PAGE_ONE);
	avic_track(&other, fixture.slot.gpa + TRACK_PAGE_TWO);
	for (i = 0; i < 3; i++) {
		track_store(&fixture, TRACK_PAGE_ONE + 8 * i, i + 1);
		track_store(&fixture, TRACK_PAGE_TWO + 8 * i, i + 1);
	}
	for (i = 0; i < 6; i++) {
		u64 gpa = fixture.slot.gpa +
			  (i % 2 ? TRACK_PAGE_TWO : TRACK_PAGE_ONE) + i / 2 * 8;

		CHECK(avic_next(&other, avic_ring(&other, gettid()), &told) &&
			      told.gpa == gpa && told.data[0] == i / 2 + 1,
		      "of two that track a page, the other was not told of the write to %#llx",
		      gpa);
	}
	track_judge_nothing(&other);
	avic_close(&other);
	track_store(&fixture, TRACK_PAGE_ONE, 7);
	track_end(&fixture);
}

/* A deleted slot takes its tracking with it; a new one in its place has none. */
void track_test_slot_deleted(const struct test_case *test)
{
	struct track_vm fixture;
	u64 size;

	(void)test;
	track_begin(&fixture, &track_small);
	size = fixture.slot.size;
	track_page(&fixture, TRACK_PAGE_ONE);
	track_store(&fixture, TRACK_PAGE_ONE, 1);
	slot_delete(&fixture.slot);
	CHECK(avic_counters(&fixture.avic).slots == 1,
	      "a slot with a tracked page was deleted, and nobody was told");
	CHECK(__avic_untrack(&fixture.avic,
			     fixture.slot.gpa + TRACK_PAGE_ONE) == -ENOENT,
	      "a page is tracked whose slot is gone");
	CHECK(__avic_track(&fixture.avic, fixture.slot.gpa + TRACK_PAGE_ONE) ==
		      -ENXIO,
	      "a page can be tracked whose slot is gone");
	fixture.slot.size = size;
	slot_set(&fixture.slot);
	track_forget_pages(&fixture);
	track_store(&fixture, TRACK_PAGE_ONE, 2);
	track_page(&fixture, TRACK_PAGE_ONE);
	track_store(&fixture, TRACK_PAGE_ONE, 3);
	track_end(&fixture);
}

/* Moving any slot is refused, or takes the tracking with it. */
void track_test_slot_moved(const struct test_case *test)
{
	struct track_vm fixture;
	int error;

	(void)test;
	track_begin(&fixture, &track_small);
	track_page(&fixture, TRACK_PAGE_ONE);
	fixture.slot.gpa += fixture.slot.size;
	error = __slot_set(&fixture.slot);
	if (!(avic_features(&fixture.avic) & SECMMU_AVIC_HAS_MOVE)) {
		CHECK(error == -EINVAL,
		      "moving a slot while pages are tracked: %s where EINVAL is the rule",
		      errno_name(error));
		fixture.slot.gpa -= fixture.slot.size;
		track_store(&fixture, TRACK_PAGE_ONE, 1);
		track_end(&fixture);
		return;
	}
	CHECK(!error, "cannot move a slot: %s", errno_name(error));
	CHECK(avic_counters(&fixture.avic).slots == 1,
	      "a slot with a tracked page was moved, and nobody was told");
	track_forget_pages(&fixture);
	vm_map(fixture.vm, fixture.slot.gpa, fixture.slot.gpa,
	       fixture.slot.size, 4096);
	track_store(&fixture, TRACK_PAGE_ONE, 2);
	track_page(&fixture, TRACK_PAGE_ONE);
	track_store(&fixture, TRACK_PAGE_ONE, 3);
	track_end(&fixture);
}

/* Dirty logging of the same slot changes nothing of it, and sees the writes. */
void track_test_dirty_logged(const struct test_case *test)
{
	unsigned long *bitmap = bitmap_new(TRACK_SMALL_BYTES / 4096);
	struct track_vm fixture;

	(void)test;
	track_begin(&fixture, &track_small);
	track_page(&fixture, TRACK_PAGE_ONE);
	track_store(&fixture, TRACK_PAGE_ONE, 1);
	slot_set_flags(&fixture.slot, KVM_MEM_LOG_DIRTY_PAGES);
	track_store(&fixture, TRACK_PAGE_ONE, 2);
	CHECK(!__dirty_get(&fixture.slot, bitmap) &&
		      bitmap_test(bitmap, TRACK_PAGE_ONE / 4096),
	      "a write to a tracked page is not in the dirty log");
	track_store(&fixture, TRACK_PAGE_ONE, 3);
	CHECK(!__dirty_get(&fixture.slot, bitmap) &&
		      bitmap_test(bitmap, TRACK_PAGE_ONE / 4096),
	      "a write to a tracked page is not in the dirty log, after a harvest");
	slot_set_flags(&fixture.slot, 0);
	track_store(&fixture, TRACK_PAGE_ONE, 4);
	free(bitmap);
	track_end(&fixture);
}

void track_test_refused(const struct test_case *test)
{
	struct track_vm fixture;

	(void)test;
	track_begin(&fixture, &track_small);
	CHECK(__avic_track(&fixture.avic, GPA_TEST + TRACK_SMALL_BYTES) ==
		      -ENXIO,
	      "a page of no slot can be tracked");
	CHECK(__avic_track(&fixture.avic, GPA_TEST + 8) == -EINVAL,
	      "half a page can be tracked");
	CHECK(__avic_untrack(&fixture.avic, GPA_TEST + TRACK_PAGE_ONE) ==
		      -ENOENT,
	      "a page that is not tracked can be untracked");
	track_store(&fixture, TRACK_PAGE_ONE, 1);
	track_end(&fixture);
}
