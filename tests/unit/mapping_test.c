// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mapping-size oracle, fed with sizes and with faults that are right and
 * that are wrong.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bitmap.h"
#include "core/cases.h"
#include "dirty/mapping.h"
#include "core/report.h"

#define PAGE	4096UL
#define HUGE	(512 * PAGE)
#define GIANT	(512 * HUGE)
#define ADDRESS (4UL << 30)

static void test_rules(const struct test_case *test)
{
	const struct mapping_sizes unknown = { .known = false, .huge = 99 };
	const struct mapping_sizes before = { .known = true, .huge = 16 };
	struct mapping_sizes now = { .known = true };

	/* While logged: 16 huge pages, so many of them written. */
	CHECK(mapping_logged_ok(&now, 16, 16), "none left is right");
	now.huge = 4;
	CHECK(mapping_logged_ok(&now, 16, 12), "4 unwritten may stay");
	CHECK(!mapping_logged_ok(&now, 16, 13),
	      "4 huge mappings, 3 unwritten huge pages: one covers a written one");
	now.huge = 1;
	CHECK(!mapping_logged_ok(&now, 16, 16), "1 left is wrong");
	now.huge = 0;
	now.giant = 1;
	CHECK(!mapping_logged_ok(&now, (u64)getpagesize() / 8, 1),
	      "a giant one over a write");
	now.giant = 0;
	now.silent = 1;
	CHECK(!mapping_logged_ok(&now, 16, 16), "a write without a fault");

	/* Afterwards. */
	now = before;
	CHECK(mapping_recovered(&before, &now), "all back is right");
	now.huge = 15;
	CHECK(!mapping_recovered(&before, &now), "one did not come back");
	now.huge = 0;
	CHECK(!mapping_recovered(&before, &now), "none came back");
	now = before;
	now.silent = 1;
	CHECK(!mapping_recovered(&before, &now),
	      "what did not fault was not protected: nothing is known of it");
	CHECK(mapping_recovered(&before, &unknown),
	      "what the kernel does not tell cannot be judged");
}

/* A range that a guest has touched. */
struct range {
	struct mapping_touch touch;
	u64 count;
	unsigned long *faulted;
	struct mapping_sizes sizes;
};

static void begin(struct range *range, u64 gpa, u64 size, u64 stride)
{
	memset(range, 0, sizeof(*range));
	range->touch = (struct mapping_touch){
		.gpa = gpa,
		.size = size,
		.stride = stride,
		.page_size = PAGE,
	};
	range->count = (size + stride - 1) / stride;
	range->faulted = bitmap_new(range->count);
}

/* What a kernel does that has mappings of @size from @gpa on. */
static void fault(struct range *range, u64 gpa, u64 end, u64 size)
{
	u64 i, last = U64_MAX;

	for (i = 0; i < range->count; i++) {
		u64 at = range->touch.gpa + i * range->touch.stride;

		if (at < gpa || at >= end)
			continue;
		if (at / size != last)
			bitmap_set(range->faulted, i);
		last = at / size;
	}
}

static void judge(struct range *range, const char *what, u64 small, u64 huge,
		  u64 giant, u64 silent)
{
	const struct mapping_sizes *sizes = &range->sizes;
	char text[128];

	mapping_sizes_from_faults(&range->touch, range->faulted, &range->sizes);
	CHECK(sizes->small == small && sizes->huge == huge &&
		      sizes->giant == giant && sizes->silent == silent,
	      "%s: taken for %s", what,
	      mapping_text(sizes, text, sizeof(text)));
	free(range->faulted);
}

static void test_faults(const struct test_case *test)
{
	static const u64 strides[] = { PAGE, 3 * PAGE, HUGE / 4, HUGE / 2 };
	struct range range;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(strides); i++) {
		u64 stride = strides[i];
		u64 count = (4 * HUGE + stride - 1) / stride;

		begin(&range, ADDRESS, 4 * HUGE, stride);
		fault(&range, ADDRESS, ADDRESS + 4 * HUGE, HUGE);
		judge(&range, "four huge mappings", 0, 4, 0, 0);

		begin(&range, ADDRESS, 4 * HUGE, stride);
		fault(&range, ADDRESS, ADDRESS + 4 * HUGE, PAGE);
		judge(&range, "small mappings", count, 0, 0, 0);

		begin(&range, ADDRESS, 4 * HUGE, stride);
		judge(&range, "all writable", 0, 0, 0, count);
	}

	/* One that is small among those that are huge. */
	begin(&range, ADDRESS, 4 * HUGE, HUGE / 4);
	fault(&range, ADDRESS, ADDRESS + 4 * HUGE, HUGE);
	fault(&range, ADDRESS + HUGE, ADDRESS + 2 * HUGE, PAGE);
	judge(&range, "one of four is small", 4, 3, 0, 0);

	/* Taken away and mapped again half-way: not known to be huge. */
	begin(&range, ADDRESS, 2 * HUGE, HUGE / 4);
	fault(&range, ADDRESS, ADDRESS + 2 * HUGE, HUGE);
	bitmap_set(range.faulted, 2);
	judge(&range, "two faults in a huge page", 2, 1, 0, 2);

	/* The first touch of a huge page costs the fault, no later one. */
	begin(&range, ADDRESS, 2 * HUGE, HUGE / 4);
	bitmap_set(range.faulted, 1);
	bitmap_set(range.faulted, 4);
	judge(&range, "the second touch faults", 1, 1, 0, 3);
}

/* Edges of a range that begins and ends within a huge page. */
static void test_edges(const struct test_case *test)
{
	const u64 gpa = ADDRESS + 3 * PAGE, size = 3 * HUGE - 32 * PAGE;
	struct range range;

	begin(&range, gpa, size, PAGE);
	fault(&range, gpa, gpa + size, PAGE);
	judge(&range, "small mappings", 3 * 512 - 32, 0, 0, 0);

	/* Only the one in the middle is whole. */
	begin(&range, gpa, size, PAGE);
	fault(&range, gpa, ADDRESS + HUGE, PAGE);
	fault(&range, ADDRESS + HUGE, ADDRESS + 2 * HUGE, HUGE);
	fault(&range, ADDRESS + 2 * HUGE, gpa + size, PAGE);
	judge(&range, "one of huge size", 509 + 512 - 29, 1, 0, 0);

	/* What is not whole is never huge: these pages were writable. */
	begin(&range, gpa, size, PAGE);
	fault(&range, gpa, gpa + size, HUGE);
	judge(&range, "huge mappings beyond the range", 2, 1, 0,
	      508 + 511 - 29);
}

static void test_giant(const struct test_case *test)
{
	struct range range;

	begin(&range, ADDRESS, GIANT, HUGE / 4);
	fault(&range, ADDRESS, ADDRESS + GIANT, GIANT);
	judge(&range, "one giant mapping", 0, 0, 1, 0);

	begin(&range, ADDRESS, GIANT, HUGE / 4);
	fault(&range, ADDRESS, ADDRESS + GIANT, HUGE);
	judge(&range, "512 huge mappings", 0, 512, 0, 0);

	/* Half a giant page cannot be mapped by one. */
	begin(&range, ADDRESS, GIANT / 2, HUGE / 4);
	fault(&range, ADDRESS, ADDRESS + GIANT / 2, GIANT);
	judge(&range, "half a giant page", 0, 1, 0, 255 * 4);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ .name = "rules", .run = test_rules },
		{ .name = "faults", .run = test_faults },
		{ .name = "edges", .run = test_edges },
		{ .name = "giant", .run = test_giant },
	};
	static const struct program program = {
		.name = "mapping_test",
		.summary =
			"the mapping-size oracle objects to what is wrong only",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
	};

	return cases_main(argc, argv, &program);
}
