// SPDX-License-Identifier: GPL-2.0-only
/* What a shadow takes up, what it follows, and what erases it. */
#include <errno.h>
#include <stddef.h>

#include "core/report.h"
#include "shadow_rules.h"

/* ---- building ---------------------------------------------------------- */

static void test_build_kinds(const struct test_case *test)
{
	struct shadow_fixture fixture;

	shadow_begin(&fixture, personality_of(test), 3);
	shadow_fill(&fixture, 0, shadow_entry(5));
	shadow_fill(&fixture, 1, shadow_running(6, 0));
	shadow_fill(&fixture, 2, shadow_running(7, 9)); /* no such vCPU */
	shadow_fill(&fixture, 3, 0);
	shadow_fill(&fixture, 4, shadow_running(8, 0) & ~SECMMU_AVIC_VALID);
	shadow_fill(&fixture, 5, SECMMU_AVIC_VALID | SHADOW_NOWHERE_GPA);
	shadow_fill(&fixture, 6, SECMMU_AVIC_VALID | SECMMU_AVIC_BACKING);
	shadow_fill(&fixture, 7, shadow_entry(5)); /* as entry 0 */
	shadow_fill(&fixture, 8, SECMMU_AVIC_VALID | SHADOW_TABLE_GPA);
	avic_sync(&fixture.avic, fixture.table, 9);
	shadow_judge(&fixture, 9);
	shadow_end(&fixture);
}

static void test_build_all(const struct test_case *test)
{
	static const unsigned int numbers[] = { 0, 1, 255, 256, 510, 511 };
	struct shadow_fixture fixture;
	unsigned int i;

	shadow_begin_known(&fixture, test, ALL);
	for (i = 0; i < 6; i++)
		shadow_store(&fixture, numbers[i] * 8, 8,
			     shadow_running(numbers[i], 0));
	shadow_judge(&fixture, ALL);
	CHECK(shadow_counters(&fixture).merged == 6,
	      "of 6 allowed writes, %llu were merged",
	      shadow_counters(&fixture).merged);
	shadow_end(&fixture);
}

/* Nothing is known: nothing is tracked, and writes are nobody's. */
static void test_build_none(const struct test_case *test)
{
	struct secmmu_avic_sync sync = { 0 };
	struct shadow_fixture fixture;
	unsigned int i;

	shadow_begin(&fixture, personality_of(test), 3);
	for (i = 0; i < 2; i++) {
		sync = (struct secmmu_avic_sync){ .table = fixture.table,
						  .entries = i ? ALL + 1 : 0 };
		CHECK(__avic_call(fixture.avic.fd, SECMMU_AVIC_SYNC, &sync) ==
			      -EINVAL,
		      "a sync of %u entries is not refused", sync.entries);
	}
	shadow_store(&fixture, 0, 8, shadow_entry(1));
	CHECK(!shadow_counters(&fixture).merged &&
		      !shadow_counters(&fixture).ignored &&
		      !shadow_counters(&fixture).erased,
	      "a write to a page that is not tracked was told of");
	shadow_judge(&fixture, 0);
	shadow_end(&fixture);
}

static void test_grow_one_by_one(const struct test_case *test)
{
	struct shadow_fixture fixture;
	unsigned int i;

	shadow_begin(&fixture, personality_of(test), 3);
	for (i = 0; i < 16; i++) {
		shadow_store(&fixture, i * 8, 8, shadow_running(i, 0));
		avic_sync(&fixture.avic, fixture.table, i + 1);
		shadow_judge(&fixture, i + 1);
	}
	/* All but the first came when the table was tracked. */
	CHECK(shadow_counters(&fixture).ignored == 15 &&
		      !shadow_counters(&fixture).erased,
	      "of 15 writes behind the known entries %llu were ignored, and %llu erased the table",
	      shadow_counters(&fixture).ignored,
	      shadow_counters(&fixture).erased);
	shadow_end(&fixture);
}

/* What was written behind the known entries is there when the table grows. */
static void test_grow_at_once(const struct test_case *test)
{
	struct shadow_fixture fixture;
	unsigned int i;

	shadow_begin_known(&fixture, test, 1);
	for (i = 1; i < ALL; i++)
		shadow_fill(&fixture, i, i % 3 ? shadow_running(i, 0) : 0);
	avic_sync(&fixture.avic, fixture.table, ALL);
	shadow_judge(&fixture, ALL);
	/* A smaller count takes nothing away. */
	avic_sync(&fixture.avic, fixture.table, 1);
	shadow_judge(&fixture, ALL);
	shadow_end(&fixture);
}

/* ---- what is merged ---------------------------------------------------- */

static void test_merge_running(const struct test_case *test)
{
	struct shadow_fixture fixture;
	unsigned int i;

	shadow_begin_known(&fixture, test, 2);
	shadow_run(&fixture, 1, NULL, 0);
	for (i = 0; i < 4; i++) {
		shadow_store(&fixture, 8, 8,
			     i % 2 ? shadow_entry(1) :
				     shadow_running(1, i / 2));
		shadow_judge(&fixture, 2);
	}
	CHECK(shadow_counters(&fixture).merged == 4 &&
		      !shadow_counters(&fixture).erased,
	      "of 4 allowed writes, %llu were merged, and %llu erased the table",
	      shadow_counters(&fixture).merged,
	      shadow_counters(&fixture).erased);
	shadow_end(&fixture);
}

/* The APIC ID alone, in one byte and in two: the page number is in them, too. */
static void test_merge_apic_id(const struct test_case *test)
{
	struct shadow_fixture fixture;

	shadow_begin(&fixture, personality_of(test), 3);
	shadow_run(&fixture, 1, NULL, 0);
	shadow_fill(&fixture, 0, shadow_running(3, 0));
	avic_sync(&fixture.avic, fixture.table, 1);
	shadow_store(&fixture, 0, 1, 1);
	shadow_judge(&fixture, 1);
	shadow_store(&fixture, 0, 1, 77); /* no such vCPU */
	shadow_judge(&fixture, 1);
	shadow_store(&fixture, 0, 2, shadow_running(3, 0));
	shadow_judge(&fixture, 1);
	shadow_store(&fixture, 1, 1, (shadow_running(3, 0x500) >> 8) & 0xff);
	shadow_judge(&fixture, 1);
	CHECK(shadow_counters(&fixture).merged == 4 &&
		      !shadow_counters(&fixture).erased,
	      "writes to the APIC ID erased the table");
	shadow_end(&fixture);
}

/* An entry written byte by byte, and by words and halves, as it is but for one. */
static void test_merge_bytes(const struct test_case *test)
{
	u64 value = shadow_running(1, 0);
	unsigned int size, offset, writes = 0;
	struct shadow_fixture fixture;

	shadow_begin_known(&fixture, test, 2);
	for (size = 1; size <= 8; size *= 2) {
		for (offset = 0; offset < 8; offset += size) {
			shadow_store(&fixture, 8 + offset, size,
				     value >> 8 * offset);
			shadow_judge(&fixture, 2);
			writes++;
		}
		value ^= SECMMU_AVIC_RUNNING;
	}
	CHECK(shadow_counters(&fixture).merged == writes &&
		      !shadow_counters(&fixture).erased,
	      "of %u writes to parts of an entry %llu were merged", writes,
	      shadow_counters(&fixture).merged);
	shadow_end(&fixture);
}

/* A locked instruction, and one that changes nothing. */
static void test_merge_locked(const struct test_case *test)
{
	struct track_op op[] = {
		{ .kind = TRACK_BTS, .size = 8, .value = { 62 } },
		{ .kind = TRACK_BTS, .size = 8, .value = { 62 } },
		{ .kind = TRACK_XCHG, .size = 8, .value = { shadow_entry(0) } },
		{ .kind = TRACK_CMPXCHG,
		  .size = 8,
		  .value = { shadow_running(0, 0), 1234 } },
		{ .kind = TRACK_CMPXCHG,
		  .size = 8,
		  .value = { shadow_running(0, 0), shadow_entry(0) } },
	};
	struct shadow_fixture fixture;
	size_t i;

	shadow_begin_known(&fixture, test, 1);
	for (i = 0; i < ARRAY_SIZE(op); i++) {
		op[i].gva = SHADOW_TABLE_GPA;
		shadow_run(&fixture, 0, &op[i], 1);
		shadow_judge(&fixture, 1);
	}
	CHECK(shadow_counters(&fixture).merged == i &&
		      !shadow_counters(&fixture).erased,
	      "of %zu locked writes %llu were merged", i,
	      shadow_counters(&fixture).merged);
	shadow_end(&fixture);
}

/* ---- what is ignored, what erases -------------------------------------- */

static void test_ignored(const struct test_case *test)
{
	struct shadow_fixture fixture;

	shadow_begin_known(&fixture, test, 4);
	shadow_store(&fixture, 4 * 8, 8, shadow_running(9, 0));
	shadow_store(&fixture, 4 * 8 + 3, 8, ~0ULL);
	shadow_store(&fixture, 511 * 8 + 7, 1, 0xff);
	CHECK(shadow_counters(&fixture).ignored == 3 &&
		      !shadow_counters(&fixture).erased,
	      "of 3 writes behind the known entries %llu were ignored",
	      shadow_counters(&fixture).ignored);
	shadow_judge(&fixture, 4);
	/* The last known one is not behind. */
	shadow_store(&fixture, 3 * 8, 8, shadow_running(3, 0));
	CHECK(shadow_counters(&fixture).ignored == 3 &&
		      shadow_counters(&fixture).merged == 1,
	      "a write to the last known entry was ignored");
	shadow_judge(&fixture, 4);
	shadow_end(&fixture);
}

/**
 * struct eraser - a write that has to erase a table of 4 entries
 * @offset: where
 * @size: bytes
 * @value: what
 */
struct eraser {
	unsigned int offset;
	unsigned int size;
	u64 value;
};

#define LATER_PAGE (SECMMU_AVIC_VALID | (SHADOW_BACKING_GPA + 3 * PAGE))

static const struct eraser erasers[] = {
	{ 8, 8, LATER_PAGE },		  /* backing changed */
	{ 8 + 1, 1, 0x70 },		  /* backing byte changed */
	{ 16, 8, 0 },			  /* made invalid */
	{ 16 + 7, 1, 0 },		  /* valid bit cleared */
	{ 0, 8, 0 },			  /* first entry */
	{ 24, 8, 0 },			  /* last entry */
	{ 4, 8, 0 },			  /* across entries */
	{ 15, 2, 0 },			  /* across entries last byte */
	{ 28, 8, 0x0080000000000000ULL }, /* across the end */
};

static void test_erase(const struct test_case *test)
{
	const struct eraser *eraser = test->data;
	struct shadow_fixture fixture;

	shadow_begin_known(&fixture, test, 4);
	shadow_store(&fixture, eraser->offset, eraser->size, eraser->value);
	shadow_judge_erased(&fixture, 1, 4);
	/* And the new one follows as the old one did. */
	shadow_store(&fixture, 8 * 4, 8, 0);
	shadow_judge(&fixture, 4);
	shadow_end(&fixture);
}

static void test_erase_invalid(const struct test_case *test)
{
	struct shadow_fixture fixture;

	shadow_begin(&fixture, personality_of(test), 3);
	shadow_fill_first(&fixture, 2);
	avic_sync(&fixture.avic, fixture.table, 4);
	shadow_judge(&fixture, 4);
	shadow_store(&fixture, 3 * 8, 8, shadow_entry(3));
	shadow_judge_erased(&fixture, 1, 4);
	shadow_end(&fixture);
}

/* Two entries by one instruction; and what an instruction writes twice. */
static void test_erase_vector(const struct test_case *test)
{
	struct track_op op = {
		.kind = TRACK_MOVUPS,
		.size = 16,
		.gva = SHADOW_TABLE_GPA + 8,
		.value = { shadow_entry(1), shadow_entry(2) },
	};
	struct shadow_fixture fixture;

	shadow_begin_known(&fixture, test, 4);
	shadow_run(&fixture, 0, &op, 1);
	shadow_judge_erased(&fixture, 1, 4);
	op.kind = TRACK_STOS;
	op.size = 8;
	op.count = 2;
	op.value[0] = shadow_entry(1);
	shadow_run(&fixture, 0, &op, 1);
	shadow_judge_erased(&fixture, 2, 4);
	shadow_end(&fixture);
}

static void test_erase_by_bytes(const struct test_case *test)
{
	struct track_op op = {
		.kind = TRACK_MOVS,
		.size = 1,
		.count = 8,
		.gva = SHADOW_TABLE_GPA + 8,
		.value = { shadow_running(7, 0) },
	};
	struct shadow_fixture fixture;

	shadow_begin_known(&fixture, test, 4);
	shadow_run(&fixture, 0, &op, 1);
	shadow_judge_erased(&fixture, 1, 4);
	shadow_end(&fixture);
}

/* ---- floods ------------------------------------------------------------ */

static void test_flood(const struct test_case *test)
{
	unsigned int known = (unsigned int)test->number[1];
	unsigned int limit = known * SECMMU_AVIC_FLOOD;
	struct shadow_fixture fixture;

	shadow_begin_known(&fixture, test, known);
	shadow_store_again(&fixture, 0, shadow_running(0, 0), limit);
	CHECK(!shadow_counters(&fixture).erased,
	      "the table was erased by %u writes, or less", limit);
	shadow_judge(&fixture, known);
	shadow_store_again(&fixture, 0, shadow_running(0, 0), 1);
	CHECK(shadow_counters(&fixture).floods == 1,
	      "%u writes are no flood, and they are one too many", limit + 1);
	shadow_judge_erased(&fixture, 1, known);
	shadow_end(&fixture);
}

static void test_flood_in_use(const struct test_case *test)
{
	struct shadow_fixture fixture;

	shadow_begin_known(&fixture, test, 1);
	shadow_store_again(&fixture, 0, shadow_running(0, 0),
			   SECMMU_AVIC_FLOOD);
	avic_use(&fixture.avic, fixture.table);
	shadow_store_again(&fixture, 0, shadow_running(0, 0), 3);
	avic_unuse(&fixture.avic, fixture.table);
	shadow_store_again(&fixture, 0, shadow_running(0, 0),
			   SECMMU_AVIC_FLOOD);
	CHECK(!shadow_counters(&fixture).erased,
	      "writes were counted as a flood that came before the table was used");
	shadow_store_again(&fixture, 0, shadow_running(0, 0), 1);
	shadow_judge_erased(&fixture, 1, 1);
	shadow_end(&fixture);
}

const struct shadow_rule shadow_follow_rules[] = {
	{ "build/kinds", test_build_kinds, 0, NULL },
	{ "build/all", test_build_all, 0, NULL },
	{ "build/none", test_build_none, 0, NULL },
	{ "grow/one_by_one", test_grow_one_by_one, 0, NULL },
	{ "grow/at_once", test_grow_at_once, 0, NULL },
	{ "merge/running", test_merge_running, 0, NULL },
	{ "merge/apic_id", test_merge_apic_id, 0, NULL },
	{ "merge/bytes", test_merge_bytes, 0, NULL },
	{ "merge/locked", test_merge_locked, 0, NULL },
	{ "ignore/behind", test_ignored, 0, NULL },
	{ "erase/invalid_entry", test_erase_invalid, 0, NULL },
	{ "erase/vector", test_erase_vector, 0, NULL },
	{ "erase/by_bytes", test_erase_by_bytes, 0, NULL },
	{ "flood/1_entry", test_flood, 1, NULL },
	{ "flood/3_entries", test_flood, 3, NULL },
	{ "flood/in_use", test_flood_in_use, 0, NULL },
	{ "erase/backing_changed", test_erase, 0, &erasers[0] },
	{ "erase/backing_byte_changed", test_erase, 0, &erasers[1] },
	{ "erase/made_invalid", test_erase, 0, &erasers[2] },
	{ "erase/valid_bit_cleared", test_erase, 0, &erasers[3] },
	{ "erase/first_entry", test_erase, 0, &erasers[4] },
	{ "erase/last_entry", test_erase, 0, &erasers[5] },
	{ "erase/across_entries", test_erase, 0, &erasers[6] },
	{ "erase/across_entries_last_byte", test_erase, 0, &erasers[7] },
	{ "erase/across_the_end", test_erase, 0, &erasers[8] },
	{ NULL, NULL, 0, NULL },
};
