// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bitmaps against a model that is too simple to be wrong: an array of bool.
 */
#include "core/bitmap.h"
#include "core/cases.h"
#include "core/random.h"

#define BITS_MAX 4200

struct model {
	size_t bits;
	bool bit[BITS_MAX];
};

static void compare(const struct model *model, const unsigned long *map,
		    const char *after)
{
	size_t i, count = 0, next = model->bits, zero = model->bits;

	for (i = 0; i < model->bits; i++) {
		CHECK(bitmap_test(map, i) == model->bit[i],
		      "bit %zu of %zu is %d after %s", i, model->bits,
		      !model->bit[i], after);
		count += model->bit[i];
	}
	CHECK(bitmap_count(map, model->bits) == count,
	      "%zu bits counted instead of %zu after %s",
	      bitmap_count(map, model->bits), count, after);
	CHECK(bitmap_empty(map, model->bits) == !count,
	      "%zu bits set, but empty is %d after %s", count,
	      bitmap_empty(map, model->bits), after);

	for (i = model->bits; i--;) {
		*(model->bit[i] ? &next : &zero) = i;
		CHECK(bitmap_next(map, model->bits, i) == next,
		      "next set bit from %zu is %zu instead of %zu after %s", i,
		      bitmap_next(map, model->bits, i), next, after);
		CHECK(bitmap_next_zero(map, model->bits, i) == zero,
		      "next clear bit from %zu is %zu instead of %zu after %s",
		      i, bitmap_next_zero(map, model->bits, i), zero, after);
	}
	/* Nothing beyond the size may have been set. */
	for (i = model->bits; i < bitmap_words(model->bits) * 64; i++)
		CHECK(!bitmap_test(map, i),
		      "bit %zu beyond %zu is set after %s", i, model->bits,
		      after);
}

static void against_model(const struct test_case *test)
{
	struct model a = { .bits = test->number[0] }, b = a;
	unsigned long *map = bitmap_new(a.bits), *other = bitmap_new(a.bits);
	struct random_stream random;
	unsigned int round;
	size_t i;

	case_random(&random, "operations", 0);
	compare(&a, map, "bitmap_new");
	for (round = 0; round < 60; round++) {
		size_t from = random_below(&random, a.bits);
		size_t count = random_below(&random, a.bits - from + 1);

		bitmap_set(map, from);
		a.bit[from] = true;
		compare(&a, map, "bitmap_set");
		from = random_below(&random, a.bits);
		bitmap_clear(map, from);
		a.bit[from] = false;
		compare(&a, map, "bitmap_clear");

		from = random_below(&random, a.bits);
		count = random_below(&random, a.bits - from + 1);
		bitmap_set_range(map, from, count);
		for (i = from; i < from + count; i++)
			a.bit[i] = true;
		compare(&a, map, "bitmap_set_range");
		from = random_below(&random, a.bits);
		count = random_below(&random, a.bits - from + 1);
		bitmap_clear_range(map, from, count);
		for (i = from; i < from + count; i++)
			a.bit[i] = false;
		compare(&a, map, "bitmap_clear_range");

		for (i = 0; i < b.bits; i++) {
			b.bit[i] = random_chance(&random, 1, 2);
			if (b.bit[i])
				bitmap_set(other, i);
			else
				bitmap_clear(other, i);
		}
		switch (round % 4) {
		case 0:
			bitmap_or(map, other, a.bits);
			for (i = 0; i < a.bits; i++)
				a.bit[i] |= b.bit[i];
			compare(&a, map, "bitmap_or");
			break;
		case 1:
			bitmap_and(map, other, a.bits);
			for (i = 0; i < a.bits; i++)
				a.bit[i] &= b.bit[i];
			compare(&a, map, "bitmap_and");
			break;
		case 2:
			bitmap_andnot(map, other, a.bits);
			for (i = 0; i < a.bits; i++)
				a.bit[i] &= !b.bit[i];
			compare(&a, map, "bitmap_andnot");
			break;
		default:
			bitmap_copy(map, other, a.bits);
			a = b;
			compare(&a, map, "bitmap_copy");
			CHECK(bitmap_equal(map, other, a.bits),
			      "a copy is not equal");
			break;
		}
	}
	bitmap_fill(map, a.bits);
	for (i = 0; i < a.bits; i++)
		a.bit[i] = true;
	compare(&a, map, "bitmap_fill");
	bitmap_zero(map, a.bits);
	for (i = 0; i < a.bits; i++)
		a.bit[i] = false;
	compare(&a, map, "bitmap_zero");
	free(map);
	free(other);
}

/* The form of KVM's dirty bitmap, byte by byte. */
static void kvm_form(const struct test_case *test)
{
	unsigned long *map = bitmap_new(130);
	const unsigned char *bytes = (const unsigned char *)map;

	CHECK(bitmap_bytes(130) == 24, "130 pages take %zu bytes",
	      bitmap_bytes(130));
	bitmap_set(map, 0);
	bitmap_set(map, 15);
	bitmap_set(map, 64);
	bitmap_set(map, 129);
	CHECK(bytes[0] == 0x01 && bytes[1] == 0x80 && bytes[8] == 0x01 &&
		      bytes[16] == 0x02,
	      "pages 0, 15, 64, 129 are bytes %02x %02x %02x %02x", bytes[0],
	      bytes[1], bytes[8], bytes[16]);
	free(map);
}

/* What KVM may leave behind the last page must not count. */
static void beyond_size(const struct test_case *test)
{
	unsigned long map[2] = { 0, ~0UL << 6 }, other[2] = { 0, 0 };

	CHECK(bitmap_count(map, 70) == 0, "bits beyond the size are counted");
	CHECK(bitmap_next(map, 70, 0) == 70, "a bit beyond the size is found");
	CHECK(bitmap_empty(map, 70), "bits beyond the size make it not empty");
	CHECK(bitmap_equal(map, other, 70),
	      "bits beyond the size make two unequal");
	CHECK(!bitmap_equal(map, other, 71),
	      "bit 70 does not make two unequal");
	CHECK(bitmap_next(map, 71, 0) == 70, "bit 70 is not found");
	CHECK(bitmap_next(map, 70, 1000) == 70, "a search from beyond the end");
}

static const struct test_case table[] = {
	{ .name = "model/1", .run = against_model, .number = { 1 } },
	{ .name = "model/63", .run = against_model, .number = { 63 } },
	{ .name = "model/64", .run = against_model, .number = { 64 } },
	{ .name = "model/65", .run = against_model, .number = { 65 } },
	{ .name = "model/128", .run = against_model, .number = { 128 } },
	{ .name = "model/1003", .run = against_model, .number = { 1003 } },
	{ .name = "model/4200", .run = against_model, .number = { 4200 } },
	{ .name = "kvm_form", .run = kvm_form },
	{ .name = "beyond_size", .run = beyond_size },
};

int main(int argc, char **argv)
{
	const struct program program = {
		.name = "bitmap_test",
		.summary = "Unit test of lib/bitmap.h.",
		.table = table,
		.table_size = ARRAY_SIZE(table),
	};

	return cases_main(argc, argv, &program);
}
