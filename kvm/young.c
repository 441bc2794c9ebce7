// SPDX-License-Identifier: GPL-2.0-only
/* A guest that accesses some of its memory, and whether KVM was asked. */
#include <stdlib.h>
#include <string.h>

#include "core/bitmap.h"
#include "core/cases.h"
#include "core/report.h"
#include "young.h"

/* Units are accessed by lists of so many runs. */
#define RUNS WRITER_STORES_MAX
/* In a check. */
#define ROUNDS 3

/* Asked by kprobe events: fewer calls than the trace has room for. */
static void count_calls(struct young *young)
{
	struct operation_watch *watch = &young->fixture.watch;

	operations_collect(watch);
	young->calls += operations_count(watch, OPERATION_AGE, 0, U64_MAX);
	operations_forget(watch);
}

static void run_list(struct young *young, const struct writer_list *list)
{
	struct vcpu *vcpu = &young->fixture.vm->vcpus[0];

	*writer_list_of(vcpu->guest) = *list;
	vcpu_start(vcpu, writer_store, 0);
	vcpu_run(vcpu, VCPU_DONE);
}

static void touch(struct young *young)
{
	struct writer_list list = { .access = WRITER_LOAD };
	struct stage2_vm *fixture = &young->fixture;
	u64 unit;

	for (unit = 0; unit < young->units; unit++) {
		if (!bitmap_test(young->touched, unit))
			continue;
		list.store[list.count++] = (struct writer_store){
			.gva = fixture->gpa +
			       (unit * young->unit_pages + young->page[unit]) *
				       fixture->page,
			.count = 1,
		};
		if (list.count == RUNS) {
			run_list(young, &list);
			list.count = 0;
		}
	}
	if (list.count)
		run_list(young, &list);
}

void young_touch(struct young *young)
{
	touch(young);
	count_calls(young);
}

void young_begin(struct young *young, enum backing_kind kind, u64 units)
{
	struct stage2_vm_config config = {
		.backing = kind,
		.bytes = units * backing_page_size(kind),
		.operations = 1U << OPERATION_AGE | 1U << OPERATION_MAP,
	};
	struct stage2_vm *fixture = &young->fixture;
	size_t maps;

	memset(young, 0, sizeof(*young));
	case_random(&young->random, "what is accessed", 0);
	young->end = deadline_in_ms(options()->mode == MODE_STRESS ?
					    case_duration_ns() / NSEC_PER_MSEC :
					    0);
	young->units = units;
	stage2_vm_create(fixture, &config);
	young->unit_pages = fixture->pages / units;
	if (fixture->backing.huge &&
	    backing_host_huge_bytes(&fixture->backing) < config.bytes)
		skip("free huge pages, which the host did not give",
		     "give the machine more memory, or compact it");
	/* To be flushed is not to be split. */
	if (fixture->backing.huge)
		young->split_early = arch_split_early(false);
	young->touched = bitmap_new(units);
	young->page = calloc(units, sizeof(*young->page));
	CHECK(young->page, "no memory for %llu units", units);
	/* A page in each unit maps it as a whole. */
	bitmap_fill(young->touched, units);
	touch(young);
	operations_collect(&fixture->watch);
	maps = operations_count(&fixture->watch, OPERATION_MAP, fixture->gpa,
				fixture->pages * fixture->page);
	CHECK(maps >= units, "%llu units took %zu mappings", units, maps);
	operations_forget(&fixture->watch);
	if (fixture->backing.huge) {
		stage2_vm_expect_words(fixture, 0, 0, fixture->pages, 1);
		stage2_vm_not_reached(
			fixture, OPERATION_MAP,
			"each of its huge pages was mapped as a block");
	}
	operations_forget(&fixture->watch);
}

bool young_more(const struct young *young, unsigned int round)
{
	return round < ROUNDS || !deadline_passed(young->end);
}

void young_choose_some(struct young *young, unsigned int of)
{
	u64 unit;

	bitmap_zero(young->touched, young->units);
	for (unit = 0; unit < young->units; unit++) {
		young->page[unit] = random_below(&young->random,
						 young->unit_pages);
		if (random_chance(&young->random, 1, of))
			bitmap_set(young->touched, unit);
	}
	/* One at least, and one not. */
	unit = random_below(&young->random, young->units / 2);
	bitmap_set(young->touched, 2 * unit);
	bitmap_clear(young->touched, 2 * unit + 1);
}

void young_choose(struct young *young)
{
	young_choose_some(young, 2);
}

void young_flush(struct young *young)
{
	struct memslot *slot = &young->fixture.slot;

	slot_set_flags(slot, KVM_MEM_LOG_DIRTY_PAGES);
	slot_set_flags(slot, 0);
}

void *young_address(const struct young *young, u64 unit)
{
	return (char *)young->fixture.backing.hva +
	       (unit * young->unit_pages + young->page[unit]) *
		       young->fixture.page;
}

const char *young_unit_name(const struct young *young)
{
	return young->unit_pages > 1 ? "huge page" : "page";
}

void young_note(struct young *young, u64 judged, u64 extra)
{
	young->judged += judged;
	young->extra += extra;
}

void young_end(struct young *young)
{
	count_calls(young);
	if (young->fixture.backing.huge)
		arch_split_early(young->split_early);
	report_info("%llu accessed and found young; %llu young that were not accessed; KVM was asked %zu times",
		    young->judged, young->extra, young->calls);
	CHECK(young->judged, "nothing was judged");
	CHECK(young->calls, "the kernel never asked KVM");
	free(young->page);
	free(young->touched);
	stage2_vm_destroy(&young->fixture);
}
