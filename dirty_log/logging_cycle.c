// SPDX-License-Identifier: GPL-2.0-only
/* One cycle of logging, timed step by step. */
#include <stdlib.h>
#include <string.h>

#include "core/bitmap.h"
#include "core/clock.h"
#include "logging_cycle.h"
#include "dirty/exact.h"
#include "core/report.h"
#include "dirty/write_sets.h"

/* Of a store, from its page's start, in bytes. */
#define STORE_OFFSET 64

static void add_run(struct logging_cycle *cycle, struct writer_list *list,
		    u64 offset, u64 stride)
{
	const struct memslot *slot = &cycle->fixture.slot[0];

	list->store[list->count++] = (struct writer_store){
		.gva = slot->gpa + offset + STORE_OFFSET,
		.stride = (s64)stride,
		.count = (slot->size - offset + stride - 1) / stride,
	};
}

static u64 touch_stride(const struct logging_cycle *cycle)
{
	return cycle->fixture.huge_size / LOGGING_CYCLE_TOUCHES;
}

/* Duration of one list of stores. */
static double store_ns(struct logging_cycle *cycle, struct writer_list *list)
{
	u64 start = clock_ns();

	dirty_vm_store(&cycle->fixture, 0, list);
	return (double)(clock_ns() - start);
}

/* Duration of each store, less that of the same stores repeated, which do not fault. */
static double each_ns(struct logging_cycle *cycle, struct writer_list *list)
{
	double faulting = store_ns(cycle, list), again = store_ns(cycle, list);
	double once_more = store_ns(cycle, list);
	u64 stores = 0, i;

	/* A delay of one of them on a busy machine must not hide the faults. */
	if (once_more < again)
		again = once_more;
	for (i = 0; i < list->count; i++)
		stores += list->store[i].count;
	return faulting > again ? (faulting - again) / (double)stores : 0;
}

static void measure(struct logging_cycle *cycle, struct mapping_sizes *sizes)
{
	mapping_probe_end(&cycle->probe, &cycle->fixture.slot[0], 1,
			  touch_stride(cycle), sizes);
}

/* The whole memory, small pages one by one. */
static void map_all(struct logging_cycle *cycle)
{
	struct writer_list whole = { 0 };
	struct dirty_vm *fixture = &cycle->fixture;
	char text[128];

	mapping_probe_begin(&cycle->probe);
	if (fixture->host_huge[0]) {
		store_ns(cycle, &cycle->touches);
	} else {
		write_set_whole(&whole, &fixture->slot[0]);
		store_ns(cycle, &whole);
	}
	measure(cycle, &cycle->before);
	CHECK(!cycle->before.known || !fixture->host_huge[0] ||
		      mapping_huge_pages(&cycle->before) >=
			      fixture->huge_pages[0],
	      "the host maps all %llu huge pages of the slot huge, but not the guest: %s",
	      fixture->huge_pages[0],
	      mapping_text(&cycle->before, text, sizeof(text)));
}

void logging_cycle_create(struct logging_cycle *cycle,
			  struct dirty_vm_config config,
			  const struct split *split)
{
	struct dirty_vm *fixture = &cycle->fixture;
	unsigned int i;

	memset(cycle, 0, sizeof(*cycle));
	cycle->split = split;
	config.vcpus = 1;
	config.slots = 1;
	config.eager_split = split ? split->chunk : 0;
	dirty_vm_init(fixture, &config);
	for (i = 0; i < LOGGING_CYCLE_TOUCHES; i++)
		add_run(cycle, i ? &cycle->next : &cycle->first,
			i * touch_stride(cycle), fixture->huge_size);
	add_run(cycle, &cycle->touches, 0, touch_stride(cycle));
	cycle->written = bitmap_new(fixture->watched[0]->pages);
	write_set_pages(&cycle->touches, &fixture->slot[0], cycle->written);
	mapping_probe_open(&cycle->probe, fixture->vm,
			   fixture->host_huge[0] ?
				   2 * LOGGING_CYCLE_TOUCHES *
					   fixture->huge_pages[0] :
				   0);
	map_all(cycle);
}

static double enable_ns(struct logging_cycle *cycle)
{
	u64 start = clock_ns();

	dirty_enable(cycle->fixture.dirty, cycle->fixture.watched[0]);
	return (double)(clock_ns() - start);
}

static double harvest_ns(struct logging_cycle *cycle)
{
	u64 start = clock_ns();

	dirty_harvest(cycle->fixture.dirty, cycle->fixture.watched[0], NULL);
	return (double)(clock_ns() - start);
}

/* With INITIALLY_SET: all pages (kvm_prepare_memory_region()). */
static double first_clear_ns(struct logging_cycle *cycle)
{
	struct dirty_slot *watched = cycle->fixture.watched[0];
	double ns = harvest_ns(cycle);

	CHECK(bitmap_count(watched->fresh, watched->pages) == watched->pages,
	      "KVM_DIRTY_LOG_INITIALLY_SET: the first harvest has %zu of %zu pages",
	      bitmap_count(watched->fresh, watched->pages), watched->pages);
	return ns;
}

/* Where statistics tell: no huge mapping is left before the first store. */
static void check_eager(struct logging_cycle *cycle)
{
	struct mapping_sizes sizes;
	char text[128];

	if (!cycle->split || !cycle->split->eager || cycle->probe.by_faults)
		return;
	measure(cycle, &sizes);
	CHECK(!sizes.known || !mapping_huge_pages(&sizes),
	      "expected no huge mapping after an eager split, got %s",
	      mapping_text(&sizes, text, sizeof(text)));
}

/* Written huge mappings are split, eagerly or by the store. */
static void check_split(struct logging_cycle *cycle,
			const struct mapping_sizes *sizes)
{
	const struct dirty_vm *fixture = &cycle->fixture;
	u64 touches = LOGGING_CYCLE_TOUCHES * fixture->huge_pages[0];
	char text[128];

	CHECK(mapping_logged_ok(sizes, fixture->huge_pages[0],
				fixture->huge_pages[0]),
	      "every huge page was written while logged, but the slot has %s",
	      mapping_text(sizes, text, sizeof(text)));
	if (cycle->split && cycle->probe.by_faults && sizes->known)
		CHECK(sizes->small_before ==
			      (cycle->split->eager ? touches : 0),
		      "%s: %llu of %llu written pages had a small mapping before the store",
		      cycle->split->name, sizes->small_before, touches);
}

void logging_cycle_run(struct logging_cycle *cycle,
		       struct logging_cycle_times *times)
{
	struct dirty_vm *fixture = &cycle->fixture;
	struct dirty_slot *watched = fixture->watched[0];
	struct mapping_sizes sizes;
	char text[2][128];
	u64 start;

	*times = (struct logging_cycle_times){ 0 };
	times->enable = enable_ns(cycle);
	if (fixture->config.mode == DIRTY_MODE_CLEAR_INITIALLY_SET)
		times->first_clear = first_clear_ns(cycle);
	check_eager(cycle);

	mapping_probe_begin(&cycle->probe);
	times->first_write = each_ns(cycle, &cycle->first);
	times->next_write = each_ns(cycle, &cycle->next);
	measure(cycle, &sizes);
	check_split(cycle, &sizes);
	times->harvest = harvest_ns(cycle);
	exact_judge("written while logged", cycle->written, watched->fresh,
		    watched->pages);

	start = clock_ns();
	dirty_disable(fixture->dirty, watched);
	times->disable = (double)(clock_ns() - start);
	mapping_probe_begin(&cycle->probe);
	times->remap = store_ns(cycle, &cycle->touches);
	measure(cycle, &sizes);
	CHECK(mapping_recovered(&cycle->before, &sizes),
	      "huge mappings did not come back after logging: before %s; after %s",
	      mapping_text(&cycle->before, text[0], sizeof(text[0])),
	      mapping_text(&sizes, text[1], sizeof(text[1])));
}

void logging_cycle_destroy(struct logging_cycle *cycle)
{
	free(cycle->written);
	mapping_probe_close(&cycle->probe);
	dirty_vm_destroy(&cycle->fixture);
}
