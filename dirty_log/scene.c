// SPDX-License-Identifier: GPL-2.0-only
/* What every dirty-logging test begins with. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "clock.h"
#include "options.h"
#include "report.h"
#include "round.h"
#include "scene.h"
#include "writer.h"

/* Pages that SHIFTED and SKEWED lie behind a huge page's start. */
#define SHIFT_PAGES 3
#define SKEW_PAGES  5
/* Taken off the end, so that the size is no multiple of 64 pages. */
#define SHORT_PAGES 29
/* Room between slots: the next one's huge pages must not touch this one's. */
#define SLOT_GAP (64UL << 20)
/* Memory of huge pages has so many of them at least. */
#define HUGE_PAGES_MIN 2
/* vCPUs, if the options do not say. */
#define PACE_VCPUS 2

const char *geometry_name(enum geometry geometry)
{
	static const char *const names[GEOMETRY_COUNT] = {
		[GEOMETRY_ALIGNED] = "aligned",
		[GEOMETRY_SHIFTED] = "shifted",
		[GEOMETRY_SKEWED] = "skewed",
	};

	return names[geometry];
}

bool scene_wanted(const unsigned int *tuple, const void *context)
{
	(void)context;
	return backing_wanted(tuple[SCENE_BACKING]);
}

/* Whole huge pages in [start, start + size). */
static u64 whole_huge_pages(u64 start, u64 size, u64 huge_size)
{
	u64 first = (start + huge_size - 1) / huge_size;
	u64 end = (start + size) / huge_size;

	return end > first ? end - first : 0;
}

const struct scene_pace *scene_choose_pace(struct scene_config *scene,
					   const struct scene_pace *check,
					   const struct scene_pace *stress)
{
	const struct options *chosen = options();
	const struct scene_pace *pace = chosen->mode == MODE_STRESS ? stress :
								      check;

	scene->vcpus = chosen->vcpus ? chosen->vcpus : PACE_VCPUS;
	scene->slot_bytes = chosen->memory ? chosen->memory : pace->slot_bytes;
	return pace;
}

u64 scene_slot_bytes(enum backing_kind backing, u64 bytes)
{
	u64 huge = backing_thp_size();

	if (backing_page_size(backing) >= huge && bytes < HUGE_PAGES_MIN * huge)
		return HUGE_PAGES_MIN * huge;
	return bytes;
}

static void look_huge(struct scene *scene, unsigned int index)
{
	const struct backing *backing = &scene->backing[index];
	u64 huge = scene->huge_size;

	scene->host_huge[index] = backing_page_size(backing->kind) >= huge &&
				  backing_host_huge_bytes(backing) >=
					  scene->huge_pages[index] * huge;
}

bool scene_host_huge(const struct scene *scene)
{
	unsigned int i;

	for (i = 0; i < scene->config.slots; i++)
		if (!scene->host_huge[i])
			return false;
	return true;
}

/* Pools of hugetlb pages need not have as many on each node. */
static void create_memory(const struct scene_config *config,
			  struct backing *backing,
			  const struct backing_request *request)
{
	int error;

	backing_create(backing, request);
	if (config->on_node && !backing_is_hugetlb(backing->kind)) {
		error = backing_bind(backing, config->on_node - 1);
		if (error)
			fail("mbind() of a slot's memory failed: %s",
			     errno_name(-error));
	}
	backing_populate(backing);
}

static void create_slot(struct scene *scene, unsigned int index)
{
	const struct scene_config *config = &scene->config;
	struct backing *backing = &scene->backing[index];
	struct memslot *slot = &scene->slot[index];
	u64 page = scene->vm->page_size, huge = scene->huge_size;
	bool maps_huge = backing_page_size(config->backing) >= huge;
	u64 gpa = GPA_TEST;
	struct backing_request request = {
		.kind = config->backing,
		.size = scene_slot_bytes(config->backing, config->slot_bytes),
		.fd = -1,
	};

	gpa += index * round_up(request.size + SLOT_GAP, huge);
	if (config->geometry != GEOMETRY_ALIGNED) {
		request.misalignment = SHIFT_PAGES * page;
		request.size -= (SHIFT_PAGES + SHORT_PAGES) * page;
		gpa += (config->geometry == GEOMETRY_SKEWED ? SKEW_PAGES :
							      SHIFT_PAGES) *
		       page;
	}
	create_memory(config, backing, &request);
	slot_add(scene->vm, slot, SLOT_TEST_FIRST + index, gpa, backing, 0);
	/* Huge where it fits: shadow paging needs the guest to map huge. */
	vm_map(scene->vm, gpa, gpa, slot->size, huge);
	scene->watched[index] = dirty_watch(scene->dirty, slot);

	if (maps_huge && config->geometry != GEOMETRY_SKEWED)
		scene->huge_pages[index] = whole_huge_pages(gpa, slot->size,
							    huge);
	look_huge(scene, index);
}

void scene_create(struct scene *scene, const struct scene_config *config)
{
	struct vm_config vm_config = {
		.vcpus = config->vcpus,
		.table_bytes = config->table_bytes,
		.interrupts = config->interrupts,
		.granule = config->granule,
		.eager_split = config->eager_split,
	};
	unsigned int i;

	memset(scene, 0, sizeof(*scene));
	scene->config = *config;
	scene->huge_size = backing_thp_size();
	harvester_configure(config->harvester, &vm_config,
			    config->ring_entries);
	scene->vm = vm_create(&vm_config);
	scene->dirty = dirty_new(scene->vm, config->harvester);
	for (i = 0; i < config->slots; i++)
		create_slot(scene, i);
}

bool scene_renew_memory(struct scene *scene)
{
	unsigned int i;
	int error;

	if (scene->config.geometry != GEOMETRY_ALIGNED)
		return false;
	for (i = 0; i < scene->config.slots; i++)
		if (scene->backing[i].size % scene->backing[i].page_size)
			return false;
	for (i = 0; i < scene->config.slots; i++) {
		struct backing *backing = &scene->backing[i];

		error = backing_discard(backing, 0, backing->size);
		if (error)
			fail("slot %u: its memory cannot be discarded: %s",
			     scene->slot[i].id, errno_name(-error));
		backing_populate(backing);
		look_huge(scene, i);
	}
	return true;
}

void scene_setup_writers(struct scene *scene)
{
	unsigned int i, j;

	for (i = 0; i < scene->vm->vcpu_count; i++) {
		struct writer *writer = writer_of(scene->vm->vcpus[i].guest);

		memset(writer, 0, sizeof(*writer));
		writer->page_size = scene->vm->page_size;
		writer->pattern = WRITER_RANDOM;
		writer->hot_pages = 16;
		writer->range_count = scene->config.slots;
		for (j = 0; j < writer->range_count; j++) {
			writer->range[j].gva = scene->slot[j].gpa;
			writer->range[j].pages = scene->watched[j]->pages;
		}
		case_random(&writer->random, "guest writer", i);
	}
}

u64 scene_stores(const struct scene *scene, unsigned int vcpus)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < vcpus; i++)
		sum += writer_of(scene->vm->vcpus[i].guest)->sequence;
	return sum;
}

void scene_let_write(const struct scene *scene, unsigned int vcpus, u64 stores,
		     unsigned int milliseconds)
{
	u64 until = scene_stores(scene, vcpus) + stores;
	struct deadline deadline = deadline_in_ms(milliseconds);

	while (!deadline_passed(deadline) && scene_stores(scene, vcpus) < until)
		poll(NULL, 0, 1);
}

void scene_store(struct scene *scene, struct vcpu *vcpu,
		 struct writer_list *list)
{
	struct writer_list *shared = writer_list_of(vcpu->guest);
	enum vcpu_event event;

	*shared = *list;
	if (scene->through)
		vcpu_start(vcpu, scene->through, (u64)(uintptr_t)writer_store);
	else
		vcpu_start(vcpu, writer_store, 0);
	while ((event = __vcpu_run(vcpu)) != VCPU_DONE) {
		u64 start = clock_ns();
		char text[256];

		if (event == VCPU_RING_FULL) {
			dirty_ring_collect(scene->dirty);
			scene->ring_full_ns += clock_ns() - start;
		} else if (event != VCPU_KICKED)
			fail("vCPU %u did not come to the end of its stores: %s",
			     vcpu->index,
			     vcpu_exit_text(vcpu, text, sizeof(text)));
	}
	list->sequence = shared->sequence;
}

void scene_destroy(struct scene *scene)
{
	unsigned int i;

	dirty_free(scene->dirty);
	vm_destroy(scene->vm);
	for (i = 0; i < scene->config.slots; i++)
		backing_destroy(&scene->backing[i]);
}
