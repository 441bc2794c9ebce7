// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM tells of every write of a guest to a tracked page: once, with address,
 * length and bytes, in the order of each vCPU; and the write has happened.
 */
#include <string.h>

#include "cases.h"
#include "report.h"
#include "track_scene.h"

#define SLOT_BYTES (16 * 4096UL)
/* Offsets in the slot: a tracked page, and one behind it that may be, too. */
#define PAGE_ONE 0x4000UL
#define PAGE_TWO 0x5000UL

static const struct track_scene_config small = {
	.backing = BACKING_ANONYMOUS,
	.size = SLOT_BYTES,
};

/**
 * struct write_case - a way to write
 * @kind: enum track_kind
 * @sizes: bytes at a time, until 0
 * @vectors: what has to be enabled
 * @count: of string instructions
 */
struct write_case {
	enum track_kind kind;
	uint16_t sizes[5];
	uint64_t vectors;
	uint16_t count;
};

static uint64_t some_value(uint64_t number)
{
	return 0x0123456789abcdefULL * (2 * number + 1);
}

/* Every size, at the page's begin, at its end, and across words in it. */
static void test_write(const struct test_case *test)
{
	const struct write_case *this = test->data;
	struct track_op op[TRACK_OPS] = { 0 };
	struct track_scene scene;
	size_t count = 0, size;

	track_begin(&scene, &small);
	track_page(&scene, PAGE_ONE);
	for (size = 0; this->sizes[size]; size++) {
		uint64_t bytes = this->sizes[size] *
				 (this->count ? this->count : 1);
		const uint64_t offsets[] = { 0, 4096 - bytes, 1024 - 16 + 13 };
		size_t i;

		for (i = 0; i < 3; i++) {
			struct track_op *next = &op[count++];

			if (this->kind == TRACK_MOVNTDQ && offsets[i] % 16)
				count--;
			next->kind = this->kind;
			next->size = this->sizes[size];
			next->count = this->count;
			next->gva = PAGE_ONE + offsets[i];
			next->value[0] = this->kind == TRACK_BTS ?
						 i * 3 :
						 some_value(count);
			next->value[1] = some_value(count + 100);
			next->value[2] = some_value(count + 200);
			next->value[3] = some_value(count + 300);
		}
	}
	track_do(&scene, op, count, this->vectors);
	track_end(&scene);
}

static const struct write_case mov = { TRACK_MOV, { 1, 2, 4, 8 }, 0, 0 };

static const struct test_case cases[] = {
	{ .name = "store/mov", .run = test_write, .data = &mov },
};

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "write_track_test",
		.summary =
			"KVM tells of every guest write to a tracked page, exactly",
		.table = cases,
		.table_size = sizeof(cases) / sizeof(cases[0]),
		.needs = AVIC_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
