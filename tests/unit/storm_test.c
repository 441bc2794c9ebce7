// SPDX-License-Identifier: GPL-2.0-only
/* The oracle of a storm of memslots (kvm/memslot_storm.h), fed right and wrong histories. */
#include "../../kvm/memslot_storm.h"
#include "core/cases.h"

#define UNITS	 8
#define POSITION 1

static struct storm_expected_map expected_map = {
	.positions = STORM_POSITIONS,
	.position_units = UNITS + UNITS / 2,
	.unit_size = 0x1000,
	.gpa = 0x100000000,
	.pitch = 0x400000,
};

/* A slot of half a memory, in the middle of its position. */
static const struct storm_position slot = {
	.memory = 1,
	.generation = 3,
	.start = 2,
	.units = 4,
	.offset = 1,
};

static u64 due_at(const struct storm_position *view, u64 unit)
{
	return storm_expected(&expected_map, view, POSITION, unit);
}

static u64 canary(u64 memory, u64 generation, u64 unit)
{
	return storm_word(STORM_MARK_CANARY, memory, generation, unit);
}

static void expect_wrong(u64 seen, u64 due, const char *what)
{
	CHECK(seen != due, "%s passes for what is due: %#llx", what, seen);
}

static void right(const struct test_case *test)
{
	struct storm_position none = slot;
	u64 unit;

	(void)test;
	none.memory = -1;
	for (unit = 0; unit < expected_map.position_units; unit++) {
		u64 gpa = storm_gpa(&expected_map, POSITION, unit);
		bool inside = unit >= 2 && unit < 6;

		CHECK(gpa == 0x100400000 + unit * 0x1000,
		      "unit %llu is at %#llx", unit, gpa);
		CHECK(storm_covers(&slot, unit) == inside &&
			      !storm_covers(&none, unit),
		      "unit %llu is on the wrong side of the slot", unit);
		CHECK(due_at(&slot, unit) == (inside ? canary(1, 3, unit - 1) :
						       storm_hole_word(gpa)),
		      "another word is due in unit %llu", unit);
		CHECK(due_at(&none, unit) == storm_hole_word(gpa),
		      "another word is due where no slot is");
	}
}

static void deleted(const struct test_case *test)
{
	struct storm_position none = slot;
	u64 due;

	(void)test;
	none.memory = -1;
	due = due_at(&none, 3);
	expect_wrong(canary(1, 3, 2), due, "a deleted slot's memory");
	expect_wrong(storm_word(STORM_MARK_DEAD, 1, 3, 2), due,
		     "a deleted slot's memory, when it is marked");
	expect_wrong(storm_hole_word(storm_gpa(&expected_map, POSITION, 4)),
		     due, "user space's answer for another address");
	expect_wrong(storm_word(STORM_MARK_FROZEN, 1, 0, 2), due,
		     "a word that vCPUs have");
}

static void created(const struct test_case *test)
{
	u64 due = due_at(&slot, 3);

	(void)test;
	expect_wrong(storm_hole_word(storm_gpa(&expected_map, POSITION, 3)),
		     due, "user space's answer, where a slot is again");
	expect_wrong(canary(1, 2, 2), due,
		     "an earlier generation of the memory");
	expect_wrong(canary(0, 3, 2), due, "another memory");
	expect_wrong(canary(1, 3, 3), due, "another unit");
	expect_wrong(storm_word(STORM_MARK_DEAD, 1, 3, 2), due,
		     "what is marked as no slot's");
}

static void moved(const struct test_case *test)
{
	struct storm_position there = slot;

	(void)test;
	there.start = 4;
	/* Where it was and still is, other units are; and one end is free. */
	expect_wrong(due_at(&slot, 4), due_at(&there, 4), "the unit before");
	expect_wrong(due_at(&slot, 2), due_at(&there, 2), "where it was");
	CHECK(due_at(&slot, 2) == due_at(&there, 4),
	      "the slot has other words where it is now");
}

static const struct test_case table[] = {
	{ .name = "right", .run = right },
	{ .name = "deleted", .run = deleted },
	{ .name = "created", .run = created },
	{ .name = "moved", .run = moved },
};

int main(int argc, char **argv)
{
	const struct program program = {
		.name = "storm_test",
		.summary = "Unit test of the oracle in kvm/memslot_storm.h.",
		.table = table,
		.table_size = ARRAY_SIZE(table),
	};

	return cases_main(argc, argv, &program);
}
