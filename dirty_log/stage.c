// SPDX-License-Identifier: GPL-2.0-only
/* Ways by which pages are written, and the judgement. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bitmap.h"
#include "clock.h"
#include "exact.h"
#include "options.h"
#include "report.h"
#include "stage.h"
#include "symbol.h"

#define SLOT_BYTES (2UL << 20)
/* One writes what is mapped, the other what was protected by the first harvest. */
#define ROUNDS 2
/* Behind the code that writer_lay_code() has laid. */
#define STORE_OFFSET 64
/* A stamp in each cache line. */
#define STAMP_STRIDE 64
#define STRESS_RUNS  4
#define TARGETS_MAX  8

u64 stage_address(const struct stage *stage, size_t page)
{
	return stage->slot->gpa + page * stage->page_size;
}

void stage_must(struct stage *stage, size_t page)
{
	bitmap_set(stage->exact.written, page);
}

void stage_may(struct stage *stage, size_t page)
{
	bitmap_set(stage->may, page);
}

static void unexpected(struct stage *stage, enum vcpu_event event)
{
	char text[256];

	(void)event;
	fail("vCPU %u did not come to the end of its guest function: %s",
	     stage->vcpu->index,
	     vcpu_exit_text(stage->vcpu, text, sizeof(text)));
}

/* Some KVM runs guests by emulation alone, and has not all instructions. */
static void __noreturn refused(struct stage *stage)
{
	const struct guest_exception *exception = &stage->vcpu->guest->exception;
	char text[256];

	if (stage->vcpu->run->exit_reason != KVM_EXIT_INTERNAL_ERROR)
		fail("the guest took exception %llu, code %#llx, address %#llx, at %s",
		     exception->vector, exception->code, exception->address,
		     symbol_text(exception->program_counter, text,
				 sizeof(text)));
	skip("a KVM that runs or emulates this instruction",
	     "use hardware with virtualization, or an emulator of it");
}

unsigned int
stage_run_exits(struct stage *stage, guest_function function, u64 argument,
		void (*answer)(struct stage *stage, enum vcpu_event event))
{
	unsigned int answers = 0;
	enum vcpu_event event;

	stage->vcpu->refusal_allowed = true;
	vcpu_start(stage->vcpu, function, argument);
	while ((event = __vcpu_run(stage->vcpu)) != VCPU_DONE) {
		switch (event) {
		case VCPU_KICKED:
			break;
		case VCPU_RING_FULL:
			dirty_ring_collect(stage->exact.scene.dirty);
			break;
		case VCPU_OTHER:
		case VCPU_SYNC:
			answer(stage, event);
			answers++;
			break;
		case VCPU_REFUSED:
			refused(stage);
		default:
			unexpected(stage, event);
		}
	}
	return answers;
}

void stage_run(struct stage *stage, guest_function function, u64 argument)
{
	stage_run_exits(stage, function, argument, unexpected);
}

static void run_list(struct stage *stage, const struct writer_list *list)
{
	*writer_list_of(stage->vcpu->guest) = *list;
	stage_run(stage, writer_store, 0);
}

void stage_access(struct stage *stage, enum writer_access access, size_t first,
		  size_t count, u64 offset)
{
	/* A number that no earlier stamp had. */
	const struct writer_list list = {
		.sequence = stage->vcpu->guest->beat,
		.count = 1,
		.access = access,
		.store = { { .gva = stage_address(stage, first) + offset,
			     .stride = (s64)stage->page_size,
			     .count = count } },
	};

	run_list(stage, &list);
}

void stage_stamp(struct stage *stage, size_t page)
{
	const struct writer_list list = {
		.sequence = stage->vcpu->guest->beat,
		.count = 1,
		.store = { { .gva = stage_address(stage, page),
			     .stride = STAMP_STRIDE,
			     .count = stage->page_size / STAMP_STRIDE } },
	};

	stage_must(stage, page);
	run_list(stage, &list);
	stage_judge(stage, "stamped by the guest", false);
}

void stage_harvest(struct stage *stage)
{
	dirty_harvest(stage->exact.scene.dirty, stage->exact.watched, NULL);
}

static void begin_anew(struct stage *stage)
{
	bitmap_zero(stage->exact.written, stage->pages);
	bitmap_zero(stage->may, stage->pages);
}

/* What was harvested is all that must be there, and nothing that may not. */
static void judge_harvest(struct stage *stage, const char *what, bool same)
{
	unsigned long *fresh = stage->exact.watched->fresh;
	size_t written, changed;

	bitmap_and(stage->may, fresh, stage->pages);
	bitmap_or(stage->may, stage->exact.written, stage->pages);
	exact_judge(what, stage->may, fresh, stage->pages);

	written = bitmap_count(stage->exact.written, stage->pages);
	changed = mirror_take(stage->mirror, stage->exact.written);
	CHECK(same || changed == written,
	      "%s: %zu pages were to be written, %zu of them have changed",
	      what, written, changed);
	mirror_take(stage->mirror, fresh);
	mirror_judge(stage->mirror);
}

void stage_judge(struct stage *stage, const char *what, bool same)
{
	struct dirty_slot *watched = stage->exact.watched;

	stage_harvest(stage);
	judge_harvest(stage, what, same);
	begin_anew(stage);
	CHECK(!dirty_harvest_final(stage->exact.scene.dirty, watched),
	      "%s: page %zu is dirty again at the next harvest, though no vCPU ran",
	      what, bitmap_next(watched->fresh, watched->pages, 0));
}

/* Written twice, a page could be again what it was: some instructions toggle bits. */
static bool is_met(const size_t *first, size_t count, size_t page,
		   unsigned int run)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (page < first[i] + run && first[i] < page + run)
			return true;
	return false;
}

size_t stage_targets(struct stage *stage, unsigned int run, size_t *first,
		     size_t max)
{
	size_t huge = stage->exact.scene.huge_size / stage->page_size;
	size_t count = 0, i, page;

	first[count++] = 0;
	first[count++] = 63;
	if (huge + run <= stage->pages)
		first[count++] = huge - 1;
	first[count++] = stage->pages - run;
	if (options()->mode == MODE_STRESS)
		for (i = 0; i < STRESS_RUNS && count < max; i++) {
			page = random_below(&stage->exact.random,
					    stage->pages - run + 1);
			if (!is_met(first, count, page, run))
				first[count++] = page;
		}
	return count;
}

static void act_by_function(struct stage *stage)
{
	const struct way *way = stage->way;
	size_t first[TARGETS_MAX], count, i, page;
	u64 offset = way->offset < 0 ? stage->page_size + (u64)way->offset :
				       (u64)way->offset;

	count = stage_targets(stage, way->pages, first, TARGETS_MAX);
	for (i = 0; way->stamp && i < count; i++)
		stage_stamp(stage, first[i]);
	for (i = 0; i < count; i++) {
		for (page = 0; page < way->pages; page++)
			stage_must(stage, first[i] + page);
		stage_run(stage, way->function,
			  stage_address(stage, first[i]) + offset);
		if (way->alone && i + 1 < count)
			stage_judge(stage, way->name, way->same);
	}
}

void stage_lay_code(struct stage *stage)
{
	writer_lay_code(stage->slot->hva, stage->slot->size, stage->page_size);
}

void stage_unmap(struct stage *stage)
{
	const struct backing *backing = &stage->exact.scene.backing[0];

	/*
	 * change_protection() calls the notifiers of what it changes. All of the
	 * mapping: a slot may be a part of one hugetlb page.
	 */
	if (mprotect(backing->map, backing->map_size, PROT_NONE) ||
	    mprotect(backing->map, backing->map_size, PROT_READ | PROT_WRITE))
		fail("mprotect of a slot's memory failed: %s",
		     errno_name(errno));
}

void stage_store_all(struct stage *stage)
{
	bitmap_fill(stage->exact.written, stage->pages);
	stage_access(stage, WRITER_STORE, 0, stage->pages, STORE_OFFSET);
	stage_judge(stage, "every page", false);
}

void stage_judge_absent(struct stage *stage, enum writer_access access)
{
	stage_unmap(stage);
	stage_access(stage, access, 0, stage->pages, 0);
	if (!arch_reports_absent())
		stage_judge(stage, stage->way->name, false);
	stage_store_all(stage);
}

static void setup(struct stage *stage, const struct test_case *test)
{
	const struct scene_config config = {
		.harvester = test->number[SCENE_HARVESTER],
		.backing = test->number[SCENE_BACKING],
		.geometry = test->number[SCENE_GEOMETRY],
		.vcpus = 2,
		.slots = 1,
		.slot_bytes = options()->memory ? options()->memory :
						  SLOT_BYTES,
		.interrupts = stage->way->interrupts,
	};
	struct exact *exact = &stage->exact;

	exact_setup_scene(exact, &config);
	stage->vcpu = &exact->scene.vm->vcpus[0];
	stage->slot = exact->watched->slot;
	stage->page_size = exact->scene.vm->page_size;
	stage->pages = exact->watched->pages;
	stage->may = bitmap_new(stage->pages);
	/* The first store is another vCPU's. */
	exact->turn = 1;
}

static void teardown(struct stage *stage)
{
	mirror_free(stage->mirror);
	free(stage->may);
	exact_teardown(&stage->exact);
}

void stage_run_way(const struct test_case *test)
{
	struct stage stage = { .way = test->data };
	const struct way *way = stage.way;
	u64 end;
	unsigned int round;

	setup(&stage, test);
	if (way->need)
		way->need(&stage);
	exact_store_whole(&stage.exact);
	if (way->prepare)
		way->prepare(&stage);
	exact_enable(&stage.exact);
	stage.mirror = mirror_new("the slot", stage.slot->hva, stage.pages,
				  stage.page_size);
	mirror_copy_all(stage.mirror);
	begin_anew(&stage);

	end = clock_ns() + case_duration_ns();
	for (round = 0; round < ROUNDS ||
			(options()->mode == MODE_STRESS && clock_ns() < end);
	     round++) {
		if (way->act)
			way->act(&stage);
		else
			act_by_function(&stage);
		stage_judge(&stage, way->name, way->same);
	}
	teardown(&stage);
}
