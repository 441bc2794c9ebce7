// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracles, fed with histories that are right and with histories that are
 * wrong: each must accept the one and object to the other.
 */
#include <stdlib.h>
#include <string.h>

#include "core/bitmap.h"
#include "core/cases.h"
#include "dirty/exact.h"
#include "core/expect.h"
#include "dirty/mirror.h"
#include "core/report.h"
#include "kvm/stamp.h"
#include "kvm/vcpu_state.h"

#define PAGES 200
#define PAGE  4096

/* A slot, its mirror, and a dirty log that we keep ourselves. */
struct history {
	u8 *memory;
	struct mirror *mirror;
	unsigned long *dirty;
	u64 sequence;
};

static void begin(struct history *history)
{
	history->memory = calloc(PAGES, PAGE);
	CHECK(history->memory, "out of memory");
	history->mirror = mirror_new("slot 8", history->memory, PAGES, PAGE);
	history->dirty = bitmap_new(PAGES);
	history->sequence = 0;
}

static void end(struct history *history)
{
	mirror_free(history->mirror);
	free(history->memory);
	free(history->dirty);
}

/* A guest's store; @logged is whether the "kernel" notes it. */
static void write_page(struct history *history, size_t page, size_t offset,
		       bool logged)
{
	u64 word = stamp(1, ++history->sequence);

	memcpy(history->memory + page * PAGE + offset, &word, sizeof(word));
	if (logged)
		bitmap_set(history->dirty, page);
}

static size_t harvest(struct history *history)
{
	size_t changed = mirror_take(history->mirror, history->dirty);

	bitmap_zero(history->dirty, PAGES);
	return changed;
}

static void judge_mirror(void *argument)
{
	mirror_judge(argument);
}

static void test_mirror_accepts(const struct test_case *test)
{
	struct history history;
	unsigned int round;
	size_t page;

	begin(&history);
	memset(history.memory, 0x5a, PAGES * PAGE);
	mirror_copy_all(history.mirror);
	mirror_judge(history.mirror);
	for (round = 0; round < 10; round++) {
		for (page = round; page < PAGES; page += 7)
			write_page(&history, page, 8 * round, true);
		CHECK(harvest(&history) == (PAGES - round + 6) / 7,
		      "round %u: wrong count of changed pages", round);
		mirror_judge(history.mirror);
	}
	/* Reported but not changed: nothing verified, nothing wrong. */
	bitmap_set(history.dirty, 3);
	CHECK(harvest(&history) == 0, "an unchanged page counts as verified");
	mirror_judge(history.mirror);
	CHECK(mirror_page(history.mirror, 3)->harvest == 11,
	      "the last harvest of page 3 is not remembered");
	end(&history);
}

/* One lost write, in any page and at either end of it, is found and named. */
static void test_mirror_lost_write(const struct test_case *test)
{
	static const size_t pages[] = { 0, 1, 62, 63, 64, 65, 127, PAGES - 1 };
	static const size_t offsets[] = { 0, 8, 2048, PAGE - 8 };
	struct mirror_mismatch mismatch;
	struct history history;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		for (j = 0; j < ARRAY_SIZE(offsets); j++) {
			begin(&history);
			mirror_copy_all(history.mirror);
			write_page(&history, 10, 0, true);
			write_page(&history, pages[i], offsets[j], false);
			harvest(&history);
			CHECK(!mirror_compare(history.mirror, &mismatch),
			      "a lost write to page %zu was not seen",
			      pages[i]);
			CHECK(mismatch.page == pages[i] &&
				      mismatch.offset / 8 == offsets[j] / 8 &&
				      mismatch.pages == 1,
			      "page %zu offset %zu of %zu pages named, page %zu offset %zu lost",
			      mismatch.page, mismatch.offset, mismatch.pages,
			      pages[i], offsets[j]);
			CHECK(stamp_vcpu(mismatch.memory) == 1 &&
				      stamp_sequence(mismatch.memory) == 2,
			      "the lost store is not named");
			expect_failure(judge_mirror, history.mirror,
				       "lost write");
			end(&history);
		}
	}
}

/* The page was harvested, then written again without a trace. */
static void test_mirror_lost_second_write(const struct test_case *test)
{
	struct mirror_mismatch mismatch;
	struct history history;

	begin(&history);
	mirror_copy_all(history.mirror);
	write_page(&history, 70, 16, true);
	harvest(&history);
	mirror_judge(history.mirror);
	write_page(&history, 70, 16, false);
	harvest(&history);
	CHECK(!mirror_compare(history.mirror, &mismatch),
	      "the lost second write was not seen");
	CHECK(stamp_sequence(mismatch.memory) == 2 &&
		      stamp_sequence(mismatch.mirror) == 1,
	      "the two stores are not named");
	expect_failure(judge_mirror, history.mirror,
		       "page 70 holds vCPU 1's store 2");
	end(&history);
}

/* What was written between the enable and the full copy is in the copy. */
static void test_mirror_before_copy(const struct test_case *test)
{
	struct history history;

	begin(&history);
	write_page(&history, 5, 0, false);
	mirror_copy_all(history.mirror);
	mirror_judge(history.mirror);
	end(&history);
}

/* INITIALLY_SET: a page that no harvest reported is an objection by itself. */
static void test_mirror_unknown(const struct test_case *test)
{
	struct history history;

	begin(&history);
	memset(history.memory, 0x11, PAGES * PAGE);
	mirror_begin(history.mirror, DIRTY_MODE_CLEAR_INITIALLY_SET);
	bitmap_fill(history.dirty, PAGES);
	bitmap_clear(history.dirty, 66);
	harvest(&history);
	expect_failure(judge_mirror, history.mirror, "page 66 was never");
	bitmap_set(history.dirty, 66);
	harvest(&history);
	mirror_judge(history.mirror);
	/* Equal contents do not stand in for a report. */
	mirror_begin(history.mirror, DIRTY_MODE_CLEAR_INITIALLY_SET);
	expect_failure(judge_mirror, history.mirror, "page 0 was never");
	end(&history);
}

/* A mirror that was never begun may not be judged. */
static void test_mirror_not_alive(const struct test_case *test)
{
	struct history history;

	begin(&history);
	expect_failure(judge_mirror, history.mirror, "judged without");
	end(&history);
}

struct sets {
	unsigned long *written;
	unsigned long *reported;
};

static void judge_exact(void *argument)
{
	struct sets *sets = argument;

	exact_judge("a set", sets->written, sets->reported, PAGES);
}

static void test_exact(const struct test_case *test)
{
	static const size_t pages[] = { 0, 63, 64, PAGES - 1 };
	struct exact_difference difference;
	struct sets sets = { bitmap_new(PAGES), bitmap_new(PAGES) };
	size_t i;

	exact_judge("empty", sets.written, sets.reported, PAGES);
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		bitmap_zero(sets.written, PAGES);
		bitmap_zero(sets.reported, PAGES);
		bitmap_set_range(sets.written, 100, 20);
		bitmap_set_range(sets.reported, 100, 20);
		exact_judge("equal", sets.written, sets.reported, PAGES);

		bitmap_set(sets.written, pages[i]);
		CHECK(!exact_compare(sets.written, sets.reported, PAGES,
				     &difference),
		      "a missing page %zu was not seen", pages[i]);
		CHECK(difference.missing == 1 && !difference.extra &&
			      difference.first_missing == pages[i],
		      "page %zu is missing, page %zu was named", pages[i],
		      difference.first_missing);
		expect_failure(judge_exact, &sets, "not in the dirty log");

		bitmap_clear(sets.written, pages[i]);
		bitmap_set(sets.reported, pages[i]);
		CHECK(!exact_compare(sets.written, sets.reported, PAGES,
				     &difference),
		      "an extra page %zu was not seen", pages[i]);
		CHECK(!difference.missing && difference.extra == 1 &&
			      difference.first_extra == pages[i],
		      "page %zu is extra, page %zu was named", pages[i],
		      difference.first_extra);
		expect_failure(judge_exact, &sets, "that nobody wrote");
	}
	free(sets.written);
	free(sets.reported);
}

/* A copy that the caller has: written by harvests, judged, and not freed. */
static void test_mirror_over(const struct test_case *test)
{
	struct history history;
	u8 *copy = calloc(PAGES, PAGE);

	CHECK(copy, "out of memory");
	begin(&history);
	mirror_free(history.mirror);
	history.mirror = mirror_new_over("slot 9", history.memory, copy, PAGES,
					 PAGE);
	mirror_copy_all(history.mirror);
	write_page(&history, 5, 8, true);
	CHECK(harvest(&history) == 1, "one page was written");
	CHECK(!memcmp(copy, history.memory, PAGES * PAGE),
	      "the copy is not what was harvested");
	mirror_judge(history.mirror);
	write_page(&history, 77, 16, false);
	harvest(&history);
	expect_failure(judge_mirror, history.mirror, "lost write: page 77");
	/* The copy itself went wrong. */
	memcpy(copy, history.memory, PAGES * PAGE);
	mirror_judge(history.mirror);
	copy[PAGES * PAGE - 1] ^= 1;
	expect_failure(judge_mirror, history.mirror, "page 199");
	end(&history);
	free(copy);
}

struct two_states {
	struct vcpu_state want, have;
};

static void judge_states(void *argument)
{
	const struct two_states *states = argument;

	state_judge(3, &states->want, &states->have);
}

/* Two registers and a clock; the second register is of two words. */
static void fill_state(struct vcpu_state *state, u64 clock)
{
	static const u64 words[] = { 0x11, 0x22, 0x33 };

	state_add(state, &(struct state_item){ .kind = "MSR",
					       .id = 7,
					       .size = 8,
					       .data = (void *)&words[0] });
	state_add(state, &(struct state_item){ .kind = "clock",
					       .passes = true,
					       .size = 8,
					       .data = &clock });
	state_add(state, &(struct state_item){ .kind = "MSR",
					       .id = 8,
					       .size = 16,
					       .data = (void *)&words[1] });
}

static void test_state(const struct test_case *test)
{
	struct two_states states = { { 0 }, { 0 } };

	fill_state(&states.want, 1);
	fill_state(&states.have, 2);
	state_judge(3, &states.want, &states.have);
	((u8 *)states.have.items[2].data)[9] = 0x44;
	expect_failure(
		judge_states, &states,
		"vCPU 3: MSR 0x8 differs after restoring, byte 9 of 16: expected 0x33, got 0x4433");
	states.have.count = 2;
	expect_failure(judge_states, &states,
		       "vCPU 3: MSR 0x8 was restored and is missing");
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ .name = "mirror/accepts", .run = test_mirror_accepts },
		{ .name = "mirror/lost_write", .run = test_mirror_lost_write },
		{ .name = "mirror/lost_second_write",
		  .run = test_mirror_lost_second_write },
		{ .name = "mirror/before_copy",
		  .run = test_mirror_before_copy },
		{ .name = "mirror/initially_set", .run = test_mirror_unknown },
		{ .name = "mirror/not_alive", .run = test_mirror_not_alive },
		{ .name = "mirror/over", .run = test_mirror_over },
		{ .name = "exact", .run = test_exact },
		{ .name = "vcpu_state", .run = test_state },
	};
	static const struct program program = {
		.name = "oracle_test",
		.summary =
			"the oracles object to wrong histories and to nothing else",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
	};

	return cases_main(argc, argv, &program);
}
