// SPDX-License-Identifier: GPL-2.0-only
/* Ways by which pages are written, and the judgement. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/bitmap.h"
#include "core/clock.h"
#include "dirty/exact.h"
#include "core/options.h"
#include "core/report.h"
#include "write_vm.h"
#include "core/symbol.h"

#define SLOT_BYTES (2UL << 20)
/* One writes what is mapped, the other what was protected by the first harvest. */
#define ROUNDS 2
/* Behind the code that writer_lay_code() has laid. */
#define STORE_OFFSET 64
/* A stamp in each cache line. */
#define STAMP_STRIDE 64
#define STRESS_RUNS  4
#define TARGETS_MAX  8

u64 write_vm_address(const struct write_vm *fixture, size_t page)
{
	return fixture->slot->gpa + page * fixture->page_size;
}

void write_vm_must(struct write_vm *fixture, size_t page)
{
	bitmap_set(fixture->exact.written, page);
}

void write_vm_may(struct write_vm *fixture, size_t page)
{
	bitmap_set(fixture->may, page);
}

static void unexpected(struct write_vm *fixture, enum vcpu_event event)
{
	char text[256];

	(void)event;
	fail("vCPU %u did not come to the end of its guest function: %s",
	     fixture->vcpu->index,
	     vcpu_exit_text(fixture->vcpu, text, sizeof(text)));
}

/* Some KVM runs guests by emulation alone, and has not all instructions. */
static void __noreturn refused(struct write_vm *fixture)
{
	const struct guest_exception *exception =
		&fixture->vcpu->guest->exception;
	char text[256];

	if (fixture->vcpu->run->exit_reason != KVM_EXIT_INTERNAL_ERROR)
		fail("the guest took exception %llu, code %#llx, address %#llx, at %s",
		     exception->vector, exception->code, exception->address,
		     symbol_text(exception->program_counter, text,
				 sizeof(text)));
	skip("a KVM that runs or emulates this instruction",
	     "use hardware with virtualization, or an emulator of it");
}

unsigned int write_vm_run_exits(struct write_vm *fixture,
				guest_function function, u64 argument,
				void (*answer)(struct write_vm *fixture,
					       enum vcpu_event event))
{
	unsigned int answers = 0;
	enum vcpu_event event;

	fixture->vcpu->refusal_allowed = true;
	vcpu_start(fixture->vcpu, function, argument);
	while ((event = __vcpu_run(fixture->vcpu)) != VCPU_DONE) {
		switch (event) {
		case VCPU_KICKED:
			break;
		case VCPU_RING_FULL:
			dirty_ring_collect(fixture->exact.fixture.dirty);
			break;
		case VCPU_OTHER:
		case VCPU_SYNC:
			answer(fixture, event);
			answers++;
			break;
		case VCPU_REFUSED:
			refused(fixture);
		default:
			unexpected(fixture, event);
		}
	}
	return answers;
}

void write_vm_run(struct write_vm *fixture, guest_function function,
		  u64 argument)
{
	write_vm_run_exits(fixture, function, argument, unexpected);
}

static void run_list(struct write_vm *fixture, const struct writer_list *list)
{
	*writer_list_of(fixture->vcpu->guest) = *list;
	write_vm_run(fixture, writer_store, 0);
}

void write_vm_access(struct write_vm *fixture, enum writer_access access,
		     size_t first, size_t count, u64 offset)
{
	/* A number that no earlier stamp had. */
	const struct writer_list list = {
		.sequence = fixture->vcpu->guest->beat,
		.count = 1,
		.access = access,
		.store = { { .gva = write_vm_address(fixture, first) + offset,
			     .stride = (s64)fixture->page_size,
			     .count = count } },
	};

	run_list(fixture, &list);
}

void write_vm_stamp(struct write_vm *fixture, size_t page)
{
	const struct writer_list list = {
		.sequence = fixture->vcpu->guest->beat,
		.count = 1,
		.store = { { .gva = write_vm_address(fixture, page),
			     .stride = STAMP_STRIDE,
			     .count = fixture->page_size / STAMP_STRIDE } },
	};

	write_vm_must(fixture, page);
	run_list(fixture, &list);
	write_vm_judge(fixture, "stamped by the guest", false);
}

void write_vm_harvest(struct write_vm *fixture)
{
	dirty_harvest(fixture->exact.fixture.dirty, fixture->exact.watched,
		      NULL);
}

static void begin_anew(struct write_vm *fixture)
{
	bitmap_zero(fixture->exact.written, fixture->pages);
	bitmap_zero(fixture->may, fixture->pages);
}

/* What was harvested is all that must be there, and nothing that may not. */
static void judge_harvest(struct write_vm *fixture, const char *what, bool same)
{
	unsigned long *fresh = fixture->exact.watched->fresh;
	size_t written, changed;

	bitmap_and(fixture->may, fresh, fixture->pages);
	bitmap_or(fixture->may, fixture->exact.written, fixture->pages);
	exact_judge(what, fixture->may, fresh, fixture->pages);

	written = bitmap_count(fixture->exact.written, fixture->pages);
	changed = mirror_take(fixture->mirror, fixture->exact.written);
	CHECK(same || changed == written,
	      "%s: %zu pages were to be written, %zu of them have changed",
	      what, written, changed);
	mirror_take(fixture->mirror, fresh);
	mirror_judge(fixture->mirror);
}

void write_vm_judge(struct write_vm *fixture, const char *what, bool same)
{
	struct dirty_slot *watched = fixture->exact.watched;

	write_vm_harvest(fixture);
	judge_harvest(fixture, what, same);
	begin_anew(fixture);
	CHECK(!dirty_harvest_final(fixture->exact.fixture.dirty, watched),
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

size_t write_vm_targets(struct write_vm *fixture, unsigned int run,
			size_t *first, size_t max)
{
	size_t huge = fixture->exact.fixture.huge_size / fixture->page_size;
	size_t count = 0, i, page;

	first[count++] = 0;
	first[count++] = 63;
	if (huge + run <= fixture->pages)
		first[count++] = huge - 1;
	first[count++] = fixture->pages - run;
	if (options()->mode == MODE_STRESS)
		for (i = 0; i < STRESS_RUNS && count < max; i++) {
			page = random_below(&fixture->exact.random,
					    fixture->pages - run + 1);
			if (!is_met(first, count, page, run))
				first[count++] = page;
		}
	return count;
}

static void act_by_function(struct write_vm *fixture)
{
	const struct write_method *method = fixture->method;
	size_t first[TARGETS_MAX], count, i, page;
	u64 offset = method->offset < 0 ?
			     fixture->page_size + (u64)method->offset :
			     (u64)method->offset;

	count = write_vm_targets(fixture, method->pages, first, TARGETS_MAX);
	for (i = 0; method->stamp && i < count; i++)
		write_vm_stamp(fixture, first[i]);
	for (i = 0; i < count; i++) {
		for (page = 0; page < method->pages; page++)
			write_vm_must(fixture, first[i] + page);
		write_vm_run(fixture, method->function,
			     write_vm_address(fixture, first[i]) + offset);
		if (method->alone && i + 1 < count)
			write_vm_judge(fixture, method->name, method->same);
	}
}

void write_vm_lay_code(struct write_vm *fixture)
{
	writer_lay_code(fixture->slot->hva, fixture->slot->size,
			fixture->page_size);
}

void write_vm_unmap(struct write_vm *fixture)
{
	const struct backing *backing = &fixture->exact.fixture.backing[0];

	/*
	 * change_protection() calls the notifiers of what it changes. All of the
	 * mapping: a slot may be a part of one hugetlb page.
	 */
	if (mprotect(backing->map, backing->map_size, PROT_NONE) ||
	    mprotect(backing->map, backing->map_size, PROT_READ | PROT_WRITE))
		fail("mprotect of a slot's memory failed: %s",
		     errno_name(errno));
}

void write_vm_store_all(struct write_vm *fixture)
{
	bitmap_fill(fixture->exact.written, fixture->pages);
	write_vm_access(fixture, WRITER_STORE, 0, fixture->pages, STORE_OFFSET);
	write_vm_judge(fixture, "every page", false);
}

void write_vm_judge_absent(struct write_vm *fixture, enum writer_access access)
{
	write_vm_unmap(fixture);
	write_vm_access(fixture, access, 0, fixture->pages, 0);
	if (!arch_reports_absent())
		write_vm_judge(fixture, fixture->method->name, false);
	write_vm_store_all(fixture);
}

static void setup(struct write_vm *fixture, const struct test_case *test)
{
	const struct dirty_vm_config config = {
		.mode = test->number[DIRTY_VM_MODE],
		.backing = test->number[DIRTY_VM_BACKING],
		.geometry = test->number[DIRTY_VM_GEOMETRY],
		.vcpus = 2,
		.slots = 1,
		.slot_bytes = options()->memory ? options()->memory :
						  SLOT_BYTES,
		.interrupts = fixture->method->interrupts,
	};
	struct exact *exact = &fixture->exact;

	exact_setup_vm(exact, &config);
	fixture->vcpu = &exact->fixture.vm->vcpus[0];
	fixture->slot = exact->watched->slot;
	fixture->page_size = exact->fixture.vm->page_size;
	fixture->pages = exact->watched->pages;
	fixture->may = bitmap_new(fixture->pages);
	/* The first store is another vCPU's. */
	exact->turn = 1;
}

static void teardown(struct write_vm *fixture)
{
	mirror_free(fixture->mirror);
	free(fixture->may);
	exact_teardown(&fixture->exact);
}

void stage_run_method(const struct test_case *test)
{
	struct write_vm fixture = { .method = test->data };
	const struct write_method *method = fixture.method;
	u64 end;
	unsigned int round;

	setup(&fixture, test);
	if (method->need)
		method->need(&fixture);
	exact_store_whole(&fixture.exact);
	if (method->prepare)
		method->prepare(&fixture);
	exact_enable(&fixture.exact);
	fixture.mirror = mirror_new("the slot", fixture.slot->hva,
				    fixture.pages, fixture.page_size);
	mirror_copy_all(fixture.mirror);
	begin_anew(&fixture);

	end = clock_ns() + case_duration_ns();
	for (round = 0; round < ROUNDS ||
			(options()->mode == MODE_STRESS && clock_ns() < end);
	     round++) {
		if (method->act)
			method->act(&fixture);
		else
			act_by_function(&fixture);
		write_vm_judge(&fixture, method->name, method->same);
	}
	teardown(&fixture);
}
