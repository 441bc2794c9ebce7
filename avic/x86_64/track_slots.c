// SPDX-License-Identifier: GPL-2.0-only
/* What is tracked, how often, by whom, and in which slots. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bitmap.h"
#include "dirty.h"
#include "report.h"
#include "track_slots.h"

const struct track_scene_config track_small = {
	.backing = BACKING_ANONYMOUS,
	.size = TRACK_SMALL_BYTES,
};

/* Tracked twice: told of until it is untracked as often. */
void track_test_twice(const struct test_case *test)
{
	struct track_scene scene;
	u64 gpa;

	(void)test;
	track_begin(&scene, &track_small);
	gpa = scene.slot.gpa + TRACK_PAGE_ONE;
	track_page(&scene, TRACK_PAGE_ONE);
	CHECK(avic_track(&scene.avic, gpa) == 2,
	      "a page is tracked twice, and KVM counts otherwise");
	track_store(&scene, TRACK_PAGE_ONE, 1);
	CHECK(avic_untrack(&scene.avic, gpa) == 1,
	      "a page was tracked twice and untracked once, and KVM counts otherwise");
	track_store(&scene, TRACK_PAGE_ONE, 2);
	CHECK(avic_untrack(&scene.avic, gpa) == 0,
	      "a page is not tracked any more, and KVM counts otherwise");
	track_forget_pages(&scene);
	track_store(&scene, TRACK_PAGE_ONE, 3);
	track_page(&scene, TRACK_PAGE_ONE);
	track_store(&scene, TRACK_PAGE_ONE, 4);
	track_end(&scene);
}

/* Two devices track the same page: each is told; one more page is the other's. */
void track_test_two_trackers(const struct test_case *test)
{
	struct secmmu_avic_write told;
	struct track_scene scene;
	struct avic other;
	unsigned int i;

	(void)test;
	track_begin(&scene, &track_small);
	avic_attach(&other, scene.vm, 1, TRACK_RING, SECMMU_AVIC_FIXED);
	track_page(&scene, TRACK_PAGE_ONE);
	avic_track(&other, scene.slot.gpa + TRACK_PAGE_ONE);
	avic_track(&other, scene.slot.gpa + TRACK_PAGE_TWO);
	for (i = 0; i < 3; i++) {
		track_store(&scene, TRACK_PAGE_ONE + 8 * i, i + 1);
		track_store(&scene, TRACK_PAGE_TWO + 8 * i, i + 1);
	}
	for (i = 0; i < 6; i++) {
		u64 gpa = scene.slot.gpa +
			  (i % 2 ? TRACK_PAGE_TWO : TRACK_PAGE_ONE) + i / 2 * 8;

		CHECK(avic_next(&other, avic_ring(&other, gettid()), &told) &&
			      told.gpa == gpa && told.data[0] == i / 2 + 1,
		      "of two that track a page, the other was not told of the write to %#llx",
		      gpa);
	}
	track_judge_nothing(&other);
	avic_close(&other);
	track_store(&scene, TRACK_PAGE_ONE, 7);
	track_end(&scene);
}

/* A deleted slot takes its tracking with it; a new one in its place has none. */
void track_test_slot_deleted(const struct test_case *test)
{
	struct track_scene scene;
	u64 size;

	(void)test;
	track_begin(&scene, &track_small);
	size = scene.slot.size;
	track_page(&scene, TRACK_PAGE_ONE);
	track_store(&scene, TRACK_PAGE_ONE, 1);
	slot_delete(&scene.slot);
	CHECK(avic_counters(&scene.avic).slots == 1,
	      "a slot with a tracked page was deleted, and nobody was told");
	CHECK(__avic_untrack(&scene.avic, scene.slot.gpa + TRACK_PAGE_ONE) ==
		      -ENOENT,
	      "a page is tracked whose slot is gone");
	CHECK(__avic_track(&scene.avic, scene.slot.gpa + TRACK_PAGE_ONE) ==
		      -ENXIO,
	      "a page can be tracked whose slot is gone");
	scene.slot.size = size;
	slot_set(&scene.slot);
	track_forget_pages(&scene);
	track_store(&scene, TRACK_PAGE_ONE, 2);
	track_page(&scene, TRACK_PAGE_ONE);
	track_store(&scene, TRACK_PAGE_ONE, 3);
	track_end(&scene);
}

/* Moving any slot is refused, or takes the tracking with it. */
void track_test_slot_moved(const struct test_case *test)
{
	struct track_scene scene;
	int error;

	(void)test;
	track_begin(&scene, &track_small);
	track_page(&scene, TRACK_PAGE_ONE);
	scene.slot.gpa += scene.slot.size;
	error = __slot_set(&scene.slot);
	if (!(avic_features(&scene.avic) & SECMMU_AVIC_HAS_MOVE)) {
		CHECK(error == -EINVAL,
		      "moving a slot while pages are tracked: %s where EINVAL is the rule",
		      errno_name(error));
		scene.slot.gpa -= scene.slot.size;
		track_store(&scene, TRACK_PAGE_ONE, 1);
		track_end(&scene);
		return;
	}
	CHECK(!error, "cannot move a slot: %s", errno_name(error));
	CHECK(avic_counters(&scene.avic).slots == 1,
	      "a slot with a tracked page was moved, and nobody was told");
	track_forget_pages(&scene);
	vm_map(scene.vm, scene.slot.gpa, scene.slot.gpa, scene.slot.size, 4096);
	track_store(&scene, TRACK_PAGE_ONE, 2);
	track_page(&scene, TRACK_PAGE_ONE);
	track_store(&scene, TRACK_PAGE_ONE, 3);
	track_end(&scene);
}

/* Dirty logging of the same slot changes nothing of it, and sees the writes. */
void track_test_dirty_logged(const struct test_case *test)
{
	unsigned long *bitmap = bitmap_new(TRACK_SMALL_BYTES / 4096);
	struct track_scene scene;

	(void)test;
	track_begin(&scene, &track_small);
	track_page(&scene, TRACK_PAGE_ONE);
	track_store(&scene, TRACK_PAGE_ONE, 1);
	slot_set_flags(&scene.slot, KVM_MEM_LOG_DIRTY_PAGES);
	track_store(&scene, TRACK_PAGE_ONE, 2);
	CHECK(!__dirty_get(&scene.slot, bitmap) &&
		      bitmap_test(bitmap, TRACK_PAGE_ONE / 4096),
	      "a write to a tracked page is not in the dirty log");
	track_store(&scene, TRACK_PAGE_ONE, 3);
	CHECK(!__dirty_get(&scene.slot, bitmap) &&
		      bitmap_test(bitmap, TRACK_PAGE_ONE / 4096),
	      "a write to a tracked page is not in the dirty log, after a harvest");
	slot_set_flags(&scene.slot, 0);
	track_store(&scene, TRACK_PAGE_ONE, 4);
	free(bitmap);
	track_end(&scene);
}

void track_test_refused(const struct test_case *test)
{
	struct track_scene scene;

	(void)test;
	track_begin(&scene, &track_small);
	CHECK(__avic_track(&scene.avic, GPA_TEST + TRACK_SMALL_BYTES) == -ENXIO,
	      "a page of no slot can be tracked");
	CHECK(__avic_track(&scene.avic, GPA_TEST + 8) == -EINVAL,
	      "half a page can be tracked");
	CHECK(__avic_untrack(&scene.avic, GPA_TEST + TRACK_PAGE_ONE) == -ENOENT,
	      "a page that is not tracked can be untracked");
	track_store(&scene, TRACK_PAGE_ONE, 1);
	track_end(&scene);
}
