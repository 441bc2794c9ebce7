// SPDX-License-Identifier: GPL-2.0-only
/* One cycle of logging, timed step by step. */
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"
#include "clock.h"
#include "cycle.h"
#include "exact.h"
#include "report.h"
#include "write_sets.h"

/* Bytes of a page behind its beginning. */
#define STORE_OFFSET 64

static void add_run(struct cycle *cycle, struct writer_list *list, u64 offset,
		    u64 stride)
{
	const struct memslot *slot = &cycle->scene.slot[0];

	list->store[list->count++] = (struct writer_store){
		.gva = slot->gpa + offset + STORE_OFFSET,
		.stride = (s64)stride,
		.count = (slot->size - offset + stride - 1) / stride,
	};
}

static u64 touch_stride(const struct cycle *cycle)
{
	return cycle->scene.huge_size / CYCLE_TOUCHES;
}

/* What one list of stores takes. */
static double store_ns(struct cycle *cycle, struct writer_list *list)
{
	u64 start = clock_ns();

	scene_store(&cycle->scene, &cycle->scene.vm->vcpus[0], list);
	return (double)(clock_ns() - start);
}

/*
 * Of each store, beyond the same stores made again: those fault no more.
 */
static double each_ns(struct cycle *cycle, struct writer_list *list)
{
	double faulting = store_ns(cycle, list), again = store_ns(cycle, list);
	double once_more = store_ns(cycle, list);
	u64 stores = 0, i;

	/* What a busy machine makes of one of them must not hide the faults. */
	if (once_more < again)
		again = once_more;
	for (i = 0; i < list->count; i++)
		stores += list->store[i].count;
	return faulting > again ? (faulting - again) / (double)stores : 0;
}

static void measure(struct cycle *cycle, struct mapping_sizes *sizes)
{
	mapping_probe_end(&cycle->probe, &cycle->scene.slot[0], 1,
			  touch_stride(cycle), sizes);
}

/* The whole memory, small pages one by one. */
static void map_all(struct cycle *cycle)
{
	struct writer_list whole = { 0 };
	struct scene *scene = &cycle->scene;
	char text[128];

	mapping_probe_begin(&cycle->probe);
	if (scene->host_huge[0]) {
		store_ns(cycle, &cycle->touches);
	} else {
		write_set_whole(&whole, &scene->slot[0]);
		store_ns(cycle, &whole);
	}
	measure(cycle, &cycle->before);
	CHECK(!cycle->before.known || !scene->host_huge[0] ||
		      mapping_huge_pages(&cycle->before) >=
			      scene->huge_pages[0],
	      "the host maps all %llu huge pages of the slot huge, but not the guest: %s",
	      scene->huge_pages[0],
	      mapping_text(&cycle->before, text, sizeof(text)));
}

void cycle_create(struct cycle *cycle, struct scene_config config,
		  const struct split *split)
{
	struct scene *scene = &cycle->scene;
	unsigned int i;

	memset(cycle, 0, sizeof(*cycle));
	cycle->split = split;
	config.vcpus = 1;
	config.slots = 1;
	config.eager_split = split ? split->chunk : 0;
	scene_create(scene, &config);
	for (i = 0; i < CYCLE_TOUCHES; i++)
		add_run(cycle, i ? &cycle->next : &cycle->first,
			i * touch_stride(cycle), scene->huge_size);
	add_run(cycle, &cycle->touches, 0, touch_stride(cycle));
	cycle->written = bitmap_new(scene->watched[0]->pages);
	write_set_pages(&cycle->touches, &scene->slot[0], cycle->written);
	mapping_probe_open(&cycle->probe, scene->vm,
			   scene->host_huge[0] ?
				   2 * CYCLE_TOUCHES * scene->huge_pages[0] :
				   0);
	map_all(cycle);
}

static double enable_ns(struct cycle *cycle)
{
	u64 start = clock_ns();

	dirty_enable(cycle->scene.dirty, cycle->scene.watched[0]);
	return (double)(clock_ns() - start);
}

static double harvest_ns(struct cycle *cycle)
{
	u64 start = clock_ns();

	dirty_harvest(cycle->scene.dirty, cycle->scene.watched[0], NULL);
	return (double)(clock_ns() - start);
}

/* With INITIALLY_SET: all pages (kvm_prepare_memory_region()). */
static double first_clear_ns(struct cycle *cycle)
{
	struct dirty_slot *watched = cycle->scene.watched[0];
	double ns = harvest_ns(cycle);

	CHECK(bitmap_count(watched->fresh, watched->pages) == watched->pages,
	      "KVM_DIRTY_LOG_INITIALLY_SET: the first harvest has %zu of %zu pages",
	      bitmap_count(watched->fresh, watched->pages), watched->pages);
	return ns;
}

/* Where statistics tell: no huge mapping is left, before anything is written. */
static void judge_eager(struct cycle *cycle)
{
	struct mapping_sizes sizes;
	char text[128];

	if (!cycle->split || !cycle->split->eager || cycle->probe.by_faults)
		return;
	measure(cycle, &sizes);
	CHECK(!sizes.known || !mapping_huge_pages(&sizes),
	      "huge mappings are split when logging begins, but there are %s",
	      mapping_text(&sizes, text, sizeof(text)));
}

/* And those that are written are split, whoever did it. */
static void judge_split(struct cycle *cycle, const struct mapping_sizes *sizes)
{
	const struct scene *scene = &cycle->scene;
	u64 touches = CYCLE_TOUCHES * scene->huge_pages[0];
	char text[128];

	CHECK(mapping_logged_ok(sizes, scene->huge_pages[0],
				scene->huge_pages[0]),
	      "every huge page was written while logged, but the slot has %s",
	      mapping_text(sizes, text, sizeof(text)));
	if (cycle->split && cycle->probe.by_faults && sizes->known)
		CHECK(sizes->small_before ==
			      (cycle->split->eager ? touches : 0),
		      "%s: %llu of %llu written pages were mapped by themselves before",
		      cycle->split->name, sizes->small_before, touches);
}

void cycle_run(struct cycle *cycle, struct cycle_times *times)
{
	struct scene *scene = &cycle->scene;
	struct dirty_slot *watched = scene->watched[0];
	struct mapping_sizes sizes;
	char text[2][128];
	u64 start;

	*times = (struct cycle_times){ 0 };
	times->enable = enable_ns(cycle);
	if (scene->config.harvester == HARVESTER_CLEAR_INITIALLY_SET)
		times->first_clear = first_clear_ns(cycle);
	judge_eager(cycle);

	mapping_probe_begin(&cycle->probe);
	times->first_write = each_ns(cycle, &cycle->first);
	times->next_write = each_ns(cycle, &cycle->next);
	measure(cycle, &sizes);
	judge_split(cycle, &sizes);
	times->harvest = harvest_ns(cycle);
	exact_judge("written while logged", cycle->written, watched->fresh,
		    watched->pages);

	start = clock_ns();
	dirty_disable(scene->dirty, watched);
	times->disable = (double)(clock_ns() - start);
	mapping_probe_begin(&cycle->probe);
	times->remap = store_ns(cycle, &cycle->touches);
	measure(cycle, &sizes);
	CHECK(mapping_recovered(&cycle->before, &sizes),
	      "huge mappings did not come back after logging: before %s; after %s",
	      mapping_text(&cycle->before, text[0], sizeof(text[0])),
	      mapping_text(&sizes, text[1], sizeof(text[1])));
}

void cycle_destroy(struct cycle *cycle)
{
	free(cycle->written);
	mapping_probe_close(&cycle->probe);
	scene_destroy(&cycle->scene);
}
