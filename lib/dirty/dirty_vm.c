// SPDX-License-Identifier: GPL-2.0-only
/* What every dirty-logging test begins with. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/clock.h"
#include "core/options.h"
#include "core/report.h"
#include "core/round.h"
#include "core/variant.h"
#include "dirty/dirty_vm.h"
#include "kvm/writer.h"

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

static const struct choice geometry_list[GEOMETRY_COUNT] = {
	CHOICE("aligned", GEOMETRY_ALIGNED),
	CHOICE("shifted", GEOMETRY_SHIFTED),
	CHOICE("skewed", GEOMETRY_SKEWED),
};

const struct choices geometries = {
	.list = geometry_list,
	.count = GEOMETRY_COUNT,
};

const char *geometry_name(enum geometry geometry)
{
	return geometry_list[geometry].name;
}

bool dirty_vm_wanted(const unsigned int *tuple, const void *context)
{
	(void)context;
	return backing_wanted(tuple[DIRTY_VM_BACKING]);
}

/* Whole huge pages in [start, start + size). */
static u64 whole_huge_pages(u64 start, u64 size, u64 huge_size)
{
	u64 first = (start + huge_size - 1) / huge_size;
	u64 end = (start + size) / huge_size;

	return end > first ? end - first : 0;
}

const struct dirty_vm_pace *
dirty_vm_choose_pace(struct dirty_vm_config *fixture,
		     const struct dirty_vm_pace *check,
		     const struct dirty_vm_pace *stress)
{
	const struct options *chosen = options();
	const struct dirty_vm_pace *pace = chosen->mode == MODE_STRESS ?
						   stress :
						   check;

	fixture->vcpus = chosen->vcpus ? chosen->vcpus : PACE_VCPUS;
	fixture->slot_bytes = chosen->memory ? chosen->memory :
					       pace->slot_bytes;
	return pace;
}

u64 dirty_vm_slot_bytes(enum backing_kind backing, u64 bytes)
{
	u64 huge = backing_thp_size();

	if (backing_page_size(backing) >= huge && bytes < HUGE_PAGES_MIN * huge)
		return HUGE_PAGES_MIN * huge;
	return bytes;
}

static void look_huge(struct dirty_vm *fixture, unsigned int index)
{
	const struct backing *backing = &fixture->backing[index];
	u64 huge = fixture->huge_size;

	fixture->host_huge[index] = backing_page_size(backing->kind) >= huge &&
				    backing_host_huge_bytes(backing) >=
					    fixture->huge_pages[index] * huge;
}

bool dirty_vm_host_huge(const struct dirty_vm *fixture)
{
	unsigned int i;

	for (i = 0; i < fixture->config.slots; i++)
		if (!fixture->host_huge[i])
			return false;
	return true;
}

/* Pools of hugetlb pages need not have as many on each node. */
static void create_memory(const struct dirty_vm_config *config,
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

static void create_slot(struct dirty_vm *fixture, unsigned int index)
{
	const struct dirty_vm_config *config = &fixture->config;
	struct backing *backing = &fixture->backing[index];
	struct memslot *slot = &fixture->slot[index];
	u64 page = fixture->vm->page_size, huge = fixture->huge_size;
	bool maps_huge = backing_page_size(config->backing) >= huge;
	u64 gpa = GPA_TEST;
	struct backing_request request = {
		.kind = config->backing,
		.size = dirty_vm_slot_bytes(config->backing,
					    config->slot_bytes),
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
	slot_add(fixture->vm, slot, SLOT_TEST_FIRST + index, gpa, backing, 0);
	/* Huge where it fits: shadow paging needs the guest to map huge. */
	vm_map(fixture->vm, gpa, gpa, slot->size, huge);
	fixture->watched[index] = dirty_watch(fixture->dirty, slot);

	if (maps_huge && config->geometry != GEOMETRY_SKEWED)
		fixture->huge_pages[index] = whole_huge_pages(gpa, slot->size,
							      huge);
	look_huge(fixture, index);
}

void dirty_vm_init(struct dirty_vm *fixture,
		   const struct dirty_vm_config *config)
{
	struct vm_config vm_config = {
		.vcpus = config->vcpus,
		.table_bytes = config->table_bytes,
		.interrupts = config->interrupts,
		.granule = config->granule,
		.eager_split = config->eager_split,
	};
	unsigned int i;

	memset(fixture, 0, sizeof(*fixture));
	fixture->config = *config;
	fixture->huge_size = backing_thp_size();
	dirty_mode_configure(config->mode, &vm_config, config->ring_entries);
	fixture->vm = vm_create(&vm_config);
	fixture->dirty = dirty_new(fixture->vm, config->mode);
	for (i = 0; i < config->slots; i++)
		create_slot(fixture, i);
}

bool dirty_vm_renew_memory(struct dirty_vm *fixture)
{
	unsigned int i;
	int error;

	if (fixture->config.geometry != GEOMETRY_ALIGNED)
		return false;
	for (i = 0; i < fixture->config.slots; i++)
		if (fixture->backing[i].size % fixture->backing[i].page_size)
			return false;
	for (i = 0; i < fixture->config.slots; i++) {
		struct backing *backing = &fixture->backing[i];

		error = backing_discard(backing, 0, backing->size);
		if (error)
			fail("slot %u: its memory cannot be discarded: %s",
			     fixture->slot[i].id, errno_name(-error));
		backing_populate(backing);
		look_huge(fixture, i);
	}
	return true;
}

void dirty_vm_setup_writers(struct dirty_vm *fixture)
{
	unsigned int i, j;

	for (i = 0; i < fixture->vm->vcpu_count; i++) {
		struct writer *writer = writer_of(fixture->vm->vcpus[i].guest);

		memset(writer, 0, sizeof(*writer));
		writer->page_size = fixture->vm->page_size;
		writer->pattern = WRITER_RANDOM;
		writer->hot_pages = 16;
		writer->range_count = fixture->config.slots;
		for (j = 0; j < writer->range_count; j++) {
			writer->range[j].gva = fixture->slot[j].gpa;
			writer->range[j].pages = fixture->watched[j]->pages;
		}
		case_random(&writer->random, "guest writer", i);
	}
}

u64 dirty_vm_stores(const struct dirty_vm *fixture, unsigned int vcpus)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < vcpus; i++)
		sum += writer_of(fixture->vm->vcpus[i].guest)->sequence;
	return sum;
}

void dirty_vm_let_write(const struct dirty_vm *fixture, unsigned int vcpus,
			u64 stores, unsigned int milliseconds)
{
	u64 until = dirty_vm_stores(fixture, vcpus) + stores;
	struct deadline deadline = deadline_in_ms(milliseconds);

	while (!deadline_passed(deadline) &&
	       dirty_vm_stores(fixture, vcpus) < until)
		poll(NULL, 0, 1);
}

void dirty_vm_store(struct dirty_vm *fixture, struct vcpu *vcpu,
		    struct writer_list *list)
{
	struct writer_list *shared = writer_list_of(vcpu->guest);
	enum vcpu_event event;

	*shared = *list;
	if (fixture->through)
		vcpu_start(vcpu, fixture->through,
			   (u64)(uintptr_t)writer_store);
	else
		vcpu_start(vcpu, writer_store, 0);
	while ((event = __vcpu_run(vcpu)) != VCPU_DONE) {
		u64 start = clock_ns();
		char text[256];

		if (event == VCPU_RING_FULL) {
			dirty_ring_collect(fixture->dirty);
			fixture->ring_full_ns += clock_ns() - start;
		} else if (event != VCPU_KICKED)
			fail("vCPU %u did not come to the end of its stores: %s",
			     vcpu->index,
			     vcpu_exit_text(vcpu, text, sizeof(text)));
	}
	list->sequence = shared->sequence;
}

void dirty_vm_destroy(struct dirty_vm *fixture)
{
	unsigned int i;

	dirty_free(fixture->dirty);
	vm_destroy(fixture->vm);
	for (i = 0; i < fixture->config.slots; i++)
		backing_destroy(&fixture->backing[i]);
}
