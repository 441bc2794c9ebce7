// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM tells of every write of a guest to a tracked page: once, with address,
 * length and bytes, in the order of each vCPU; and the write has happened.
 *
 * What user space writes, and what KVM itself writes for the guest, it does not
 * tell of: cases with "untold" in their names.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/report.h"
#include "storm.h"
#include "track_slots.h"

#define HUGE_BYTES    (4UL << 20)
#define HUGE_ATTEMPTS 5

/**
 * struct write_case - a way to write
 * @kind: enum track_kind
 * @sizes: bytes at a time, until 0
 * @vectors: what has to be enabled
 * @count: of string instructions
 */
struct write_case {
	enum track_kind kind;
	u16 sizes[5];
	u64 vectors;
	u16 count;
};

static u64 some_value(u64 number)
{
	return 0x0123456789abcdefULL * (2 * number + 1);
}

/* Every size, at the page's begin, at its end, and across words in it. */
static void test_write(const struct test_case *test)
{
	const struct write_case *this = test->data;
	struct track_op op[TRACK_OPS] = { 0 };
	struct track_vm fixture;
	size_t count = 0, size, i;

	track_begin(&fixture, &track_small);
	track_page(&fixture, TRACK_PAGE_ONE);
	for (size = 0; this->sizes[size]; size++) {
		u64 bytes = this->sizes[size] *
			    (this->count ? this->count : 1UL);
		const u64 offsets[] = { 0, 4096 - bytes, 1024 - 3 };

		for (i = 0; i < 3; i++) {
			if (this->kind == TRACK_MOVNTDQ && offsets[i] % 16)
				continue;
			op[count] = (struct track_op){
				.kind = this->kind,
				.size = this->sizes[size],
				.count = this->count,
				.gva = TRACK_PAGE_ONE + offsets[i],
				.value = { some_value(count),
					   some_value(count + 100),
					   some_value(count + 200),
					   some_value(count + 300) },
			};
			count++;
		}
	}
	track_do(&fixture, op, count, this->vectors);
	track_end(&fixture);
}

/* A bit that is not set, one that is, and again: all are writes. */
static void test_bits(const struct test_case *test)
{
	struct track_op op[TRACK_OPS] = { 0 };
	struct track_vm fixture;
	size_t count = 0, size, i;

	(void)test;
	track_begin(&fixture, &track_small);
	track_page(&fixture, TRACK_PAGE_ONE);
	for (size = 2; size <= 8; size *= 2)
		for (i = 0; i < 6; i++)
			op[count++] = (struct track_op){
				.kind = TRACK_BTS,
				.size = (u16)size,
				.gva = TRACK_PAGE_ONE + 8 * size,
				.value = { i / 2 * 7 },
			};
	track_do(&fixture, op, count, 0);
	track_end(&fixture);
}

/* One that fails, one that succeeds, one that succeeds on what that wrote. */
static void test_compare(const struct test_case *test)
{
	const struct write_case *this = test->data;
	struct track_op op[TRACK_OPS] = { 0 };
	struct track_vm fixture;
	size_t count = 0, size;

	track_begin(&fixture, &track_small);
	track_page(&fixture, TRACK_PAGE_ONE);
	for (size = 0; this->sizes[size]; size++) {
		struct track_op next = {
			.kind = this->kind,
			.size = this->sizes[size],
			.gva = TRACK_PAGE_ONE + 64 * size,
			.value = { some_value(1), some_value(2) },
		};

		op[count++] = next;
		next.value[1] = 0;
		op[count++] = next;
		next.value[1] = next.value[0];
		next.value[0] = some_value(3);
		op[count++] = next;
	}
	track_do(&fixture, op, count, 0);
	track_end(&fixture);
}

/* Across two pages, of which one or both are tracked. */
static void straddle(struct track_vm *fixture, u64 border, bool nested)
{
	struct track_op op[] = {
		{ .kind = TRACK_MOV, .size = 2, .gva = border - 1 },
		{ .kind = TRACK_MOV, .size = 4, .gva = border - 3 },
		{ .kind = TRACK_MOV, .size = 8, .gva = border - 5 },
		{ .kind = TRACK_MOVUPS, .size = 16, .gva = border - 7 },
		{ .kind = TRACK_XCHG, .size = 8, .gva = border - 2 },
		{ .kind = TRACK_XADD, .size = 4, .gva = border - 1 },
		{ .kind = TRACK_STOS,
		  .size = 8,
		  .gva = border - 24,
		  .count = 6 },
		{ .kind = TRACK_MOVS,
		  .size = 1,
		  .gva = border - 9,
		  .count = 20 },
		{ .kind = TRACK_PUSH, .size = 8, .gva = border - 4 },
	};
	size_t count = ARRAY_SIZE(op), i, j;

	for (i = 0; i < count; i++)
		for (j = 0; j < 4; j++)
			op[i].value[j] = some_value(10 * i + j);
	if (nested)
		track_do_nested(fixture, op, count, TRACK_SSE);
	else
		track_do(fixture, op, count, TRACK_SSE);
}

#define FIRST  1
#define SECOND 2

static void test_straddle(const struct test_case *test)
{
	struct track_vm fixture;

	track_begin(&fixture, &track_small);
	if (test->number[0] & FIRST)
		track_page(&fixture, TRACK_PAGE_ONE);
	if (test->number[0] & SECOND)
		track_page(&fixture, TRACK_PAGE_TWO);
	straddle(&fixture, TRACK_PAGE_TWO, test->number[1]);
	track_end(&fixture);
}

/*
 * Write to both huge pages until both are mapped so: an MMU notifier may take a
 * mapping away at any moment (change_prot_numa()).
 */
static void map_huge(struct track_vm *fixture, u64 border)
{
	u64 pages = 0;
	unsigned int attempt;

	for (attempt = 0; attempt < HUGE_ATTEMPTS; attempt++) {
		track_store(fixture, border - 8192, attempt + 1);
		track_store(fixture, border + 8192, attempt + 1);
		if (!vm_stat(fixture->vm, "pages_2m", &pages) || pages >= 2)
			return;
	}
	CHECK(backing_host_huge_bytes(&fixture->backing) < HUGE_BYTES,
	      "the host has huge pages, and the guest's memory is not mapped by them before it is tracked: %llu are",
	      pages);
	skip("huge pages behind the guest's memory",
	     "free some memory, or start the machine anew");
}

/* Mapped huge before it is tracked; both sides of a huge page's border. */
static void test_huge(const struct test_case *test)
{
	static const struct track_vm_config huge = {
		.backing = BACKING_ANONYMOUS_THP,
		.size = HUGE_BYTES,
	};
	u64 border = HUGE_BYTES / 2;
	struct track_vm fixture;

	(void)test;
	track_begin(&fixture, &huge);
	map_huge(&fixture, border);
	track_page(&fixture, border - 4096);
	track_page(&fixture, border);
	straddle(&fixture, border, false);
	track_end(&fixture);
}

/* The same memory by another guest physical page, which is not tracked. */
static void test_untold_alias(const struct test_case *test)
{
	struct track_vm fixture;
	struct memslot alias;
	u8 *image;

	(void)test;
	track_begin(&fixture, &track_small);
	track_page(&fixture, TRACK_PAGE_ONE);
	slot_add(fixture.vm, &alias, SLOT_TEST_FIRST + 1, GPA_TEST * 2,
		 &fixture.backing, 0);
	vm_map(fixture.vm, alias.gpa, alias.gpa, alias.size, 4096);
	image = fixture.image;
	memcpy(image + TRACK_PAGE_ONE, &(u64){ 5 }, 8);
	/* The list is in the scene's slot: go from there to the other. */
	track_try(&fixture,
		  &(struct track_op){ .kind = TRACK_MOV,
				      .size = 8,
				      .gva = GPA_TEST + TRACK_PAGE_ONE,
				      .value = { 5 } },
		  1, 0);
	track_judge_nothing(&fixture.avic);
	track_judge_memory(&fixture);
	slot_delete(&alias);
	track_store(&fixture, TRACK_PAGE_ONE, 6);
	track_end(&fixture);
}

/* User space writes itself, and by read(): nobody is told. */
static void test_untold_host(const struct test_case *test)
{
	struct track_vm fixture;

	(void)test;
	track_begin(&fixture, &track_small);
	track_page(&fixture, TRACK_PAGE_ONE);
	track_store(&fixture, TRACK_PAGE_ONE, 1);
	memset((u8 *)fixture.slot.hva + TRACK_PAGE_ONE, 0x5a, 4096);
	memset(fixture.image + TRACK_PAGE_ONE, 0x5a, 4096);
	track_judge_nothing(&fixture.avic);
	track_store(&fixture, TRACK_PAGE_ONE + 16, 2);
	track_end(&fixture);
}

/*
 * Instructions whose result the emulator writes by segmented_write_std(), which
 * tells nobody; the write happens.
 */
static void test_untold_instruction(const struct test_case *test)
{
	const struct write_case *this = test->data;
	struct track_op op = {
		.kind = this->kind,
		.size = this->sizes[0],
		.gva = TRACK_PAGE_ONE,
	};
	struct track_vm fixture;
	enum vcpu_event event;
	u8 before[512];

	track_begin(&fixture, &track_small);
	track_page(&fixture, TRACK_PAGE_ONE);
	memset((u8 *)fixture.slot.hva + TRACK_PAGE_ONE, 0xee, 4096);
	memset(before, 0xee, sizeof(before));
	event = track_try(&fixture, &op, 1, this->vectors);
	CHECK(event == VCPU_DONE, "the guest did not come to its end");
	CHECK(memcmp((u8 *)fixture.slot.hva + TRACK_PAGE_ONE, before, op.size),
	      "the instruction wrote nothing");
	track_judge_nothing(&fixture.avic);
	track_end(&fixture);
}

/*
 * What the emulator does not know it must refuse, and nothing is written then.
 * Before 6.13 it sends the vCPU back to the same instruction for ever
 * (reexecute_instruction()).
 */
static void test_unemulated(const struct test_case *test)
{
	const struct write_case *this = test->data;
	struct track_op op = {
		.kind = this->kind,
		.size = this->sizes[0],
		.gva = TRACK_PAGE_ONE + 32,
		.value = { some_value(1), some_value(2), 0, 0 },
	};
	struct track_model *model;
	struct track_vm fixture;
	struct secmmu_avic_write told;
	enum vcpu_event event;

	track_begin(&fixture, &track_small);
	track_page(&fixture, TRACK_PAGE_ONE);
	model = track_model_new(&fixture);
	event = track_try(&fixture, &op, 1, this->vectors);
	if (event == VCPU_DONE) {
		op.gva += fixture.slot.gpa;
		track_model_do(model, &op);
	}
	while (avic_next(&fixture.avic, avic_ring(&fixture.avic, gettid()),
			 &told))
		track_model_told(model, &told);
	track_model_told(model, NULL);
	track_judge_memory(&fixture);
	if (event == VCPU_KICKED)
		skip("a KVM that emulates this instruction, or refuses to (this one tries for ever)",
		     "use a kernel from 6.13 on");
	free(model);
	track_end(&fixture);
}

static void test_storm(const struct test_case *test)
{
	storm(&(struct write_storm_config){
		.vcpus = (unsigned int)test->number[0],
		.flip_logging = test->number[1],
		.duration_ns = case_duration_ns(),
	});
}

static const struct write_case mov = { TRACK_MOV, { 1, 2, 4, 8 }, 0, 0 };
static const struct write_case movnti = { TRACK_MOVNTI, { 4, 8 }, 0, 0 };
static const struct write_case movups = { TRACK_MOVUPS, { 16 }, TRACK_SSE, 0 };
static const struct write_case movntdq = { TRACK_MOVNTDQ, { 16 }, TRACK_SSE, 0 };
static const struct write_case push = { TRACK_PUSH, { 8 }, 0, 0 };
static const struct write_case or = { TRACK_OR, { 1, 2, 4, 8 }, 0, 0 };
static const struct write_case xchg = { TRACK_XCHG, { 1, 2, 4, 8 }, 0, 0 };
static const struct write_case xadd = { TRACK_XADD, { 1, 2, 4, 8 }, 0, 0 };
static const struct write_case stos = { TRACK_STOS, { 1, 2, 4, 8 }, 0, 5 };
static const struct write_case movs = { TRACK_MOVS, { 1, 2, 4, 8 }, 0, 4 };
static const struct write_case cmpxchg = { TRACK_CMPXCHG, { 1, 2, 4, 8 }, 0, 0 };
static const struct write_case cmpxchg8b = { TRACK_CMPXCHG8B, { 8 }, 0, 0 };
static const struct write_case cmpxchg16b = { TRACK_CMPXCHG16B, { 16 }, 0, 0 };
static const struct write_case vmovups = { TRACK_VMOVUPS, { 32 }, TRACK_AVX, 0 };
static const struct write_case fxsave = { TRACK_FXSAVE, { 512 }, TRACK_SSE, 0 };
static const struct write_case sidt = { TRACK_SIDT, { 10 }, 0, 0 };

static const struct test_case all_cases[] = {
	{ .name = "oracle", .run = track_oracle },
	{ .name = "store/mov", .run = test_write, .data = &mov },
	{ .name = "store/movnti", .run = test_write, .data = &movnti },
	{ .name = "store/movups", .run = test_write, .data = &movups },
	{ .name = "store/movntdq", .run = test_write, .data = &movntdq },
	{ .name = "store/push", .run = test_write, .data = &push },
	{ .name = "change/or", .run = test_write, .data = & or },
	{ .name = "locked/xchg", .run = test_write, .data = &xchg },
	{ .name = "locked/xadd", .run = test_write, .data = &xadd },
	{ .name = "locked/bts", .run = test_bits },
	{ .name = "locked/cmpxchg", .run = test_compare, .data = &cmpxchg },
	{ .name = "locked/cmpxchg8b", .run = test_compare, .data = &cmpxchg8b },
	{ .name = "string/stos", .run = test_write, .data = &stos },
	{ .name = "string/movs", .run = test_write, .data = &movs },
	{ .name = "straddle/both",
	  .run = test_straddle,
	  .number = { FIRST | SECOND } },
	{ .name = "straddle/first", .run = test_straddle, .number = { FIRST } },
	{ .name = "straddle/second",
	  .run = test_straddle,
	  .number = { SECOND } },
	{ .name = "nested/both",
	  .run = test_straddle,
	  .number = { FIRST | SECOND, true } },
	{ .name = "nested/second",
	  .run = test_straddle,
	  .number = { SECOND, true } },
	{ .name = "mapped_huge", .run = test_huge },
	{ .name = "tracked_twice", .run = track_test_twice },
	{ .name = "two_trackers", .run = track_test_two_trackers },
	{ .name = "slot_deleted", .run = track_test_slot_deleted },
	{ .name = "slot_moved", .run = track_test_slot_moved },
	{ .name = "dirty_logged", .run = track_test_dirty_logged },
	{ .name = "page_table", .run = track_page_table },
	{ .name = "refused", .run = track_test_refused },
	{ .name = "unemulated/vmovups",
	  .run = test_unemulated,
	  .data = &vmovups },
	{ .name = "unemulated/cmpxchg16b",
	  .run = test_unemulated,
	  .data = &cmpxchg16b },
	{ .name = "unemulated/fxsave", .run = test_unemulated, .data = &fxsave },
	{ .name = "untold/alias", .run = test_untold_alias },
	{ .name = "untold/host", .run = test_untold_host },
	{ .name = "untold/sidt", .run = test_untold_instruction, .data = &sidt },
	{ .name = "storm/1_vcpu", .run = test_storm, .number = { 1 } },
	{ .name = "storm/2_vcpus", .run = test_storm, .number = { 2 } },
	{ .name = "storm/4_vcpus", .run = test_storm, .number = { 4 } },
	{ .name = "storm/logging_flipped",
	  .run = test_storm,
	  .number = { 2, true } },
};

/* A stress run has the storms only: the others have nothing to do for long. */
static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	size_t count = 0, i;

	for (i = 0; i < ARRAY_SIZE(all_cases); i++) {
		if (options->mode == MODE_STRESS && !options->case_glob &&
		    all_cases[i].run != test_storm)
			continue;
		CHECK(count < max, "more than %zu cases", max);
		cases[count++] = all_cases[i];
	}
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "write_track_test",
		.summary =
			"KVM tells of every guest write to a tracked page, exactly",
		.cases = list_cases,
		.needs = AVIC_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
