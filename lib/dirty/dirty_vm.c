// SPDX-License-Identifier: GPL-2.0-only
/* The fixture of dirty-logging tests: VM, memory, vCPU threads, guest accesses. */
#include <poll.h>
#include <stdlib.h>
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
/* Memory of huge pages has at least this number of them. */
#define HUGE_PAGES_MIN 2
/* Defaults of struct dirty_vm_config. */
#define VCPUS		 2
#define CHECK_SLOT_BYTES (2UL << 20)
#define SLOT_BYTES	 (4UL << 20)
/* The words that dirty_vm_list_random() names. */
#define RANDOM_WORDS 24

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
dirty_vm_choose_pace(struct dirty_vm_config *config,
		     const struct dirty_vm_pace *check,
		     const struct dirty_vm_pace *stress)
{
	const struct options *chosen = options();
	const struct dirty_vm_pace *pace = chosen->mode == MODE_STRESS ?
						   stress :
						   check;

	config->vcpus = chosen->vcpus ? chosen->vcpus : VCPUS;
	config->slot_bytes = chosen->memory ? chosen->memory : pace->slot_bytes;
	return pace;
}

u64 dirty_vm_slot_bytes(enum backing_kind backing, u64 bytes)
{
	u64 huge = backing_thp_size();

	if (backing_page_size(backing) >= huge && bytes < HUGE_PAGES_MIN * huge)
		return HUGE_PAGES_MIN * huge;
	return bytes;
}

static void look_huge(struct dirty_vm *vm, unsigned int index)
{
	const struct backing *backing = &vm->backing[index];
	u64 huge = vm->huge_size;

	vm->host_huge[index] = backing_page_size(backing->kind) >= huge &&
			       backing_host_huge_bytes(backing) >=
				       vm->huge_pages[index] * huge;
}

bool dirty_vm_host_huge(const struct dirty_vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->config.slots; i++)
		if (!vm->host_huge[i])
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

static void create_slot(struct dirty_vm *vm, unsigned int index)
{
	const struct dirty_vm_config *config = &vm->config;
	struct backing *backing = &vm->backing[index];
	struct memslot *slot = &vm->slot[index];
	u64 page = vm->vm->page_size, huge = vm->huge_size;
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
	slot_add(vm->vm, slot, SLOT_TEST_FIRST + index, gpa, backing, 0);
	/* Huge where it fits: shadow paging needs the guest to map huge. */
	vm_map(vm->vm, gpa, gpa, slot->size, huge);
	vm->watched[index] = dirty_watch(vm->dirty, slot);

	if (maps_huge && config->geometry != GEOMETRY_SKEWED)
		vm->huge_pages[index] = whole_huge_pages(gpa, slot->size, huge);
	look_huge(vm, index);
}

static void set_defaults(struct dirty_vm_config *config)
{
	const struct options *chosen = options();

	if (!config->vcpus)
		config->vcpus = chosen->vcpus ? chosen->vcpus : VCPUS;
	if (!config->slots)
		config->slots = 1;
	if (!config->slot_bytes)
		config->slot_bytes = chosen->memory ? chosen->memory :
				     chosen->mode == MODE_CHECK ?
						      CHECK_SLOT_BYTES :
						      SLOT_BYTES;
}

void dirty_vm_init(struct dirty_vm *vm, const struct dirty_vm_config *config)
{
	struct vm_config vm_config = {
		.table_bytes = config->table_bytes,
		.interrupts = config->interrupts,
		.granule = config->granule,
		.eager_split = config->eager_split,
	};
	unsigned int i;

	memset(vm, 0, sizeof(*vm));
	vm->config = *config;
	set_defaults(&vm->config);
	vm_config.vcpus = vm->config.vcpus + vm->config.spare_vcpus;
	vm->huge_size = backing_thp_size();
	dirty_mode_configure(config->mode, &vm_config, config->ring_entries);
	vm->vm = vm_create(&vm_config);
	vm->dirty = dirty_new(vm->vm, config->mode);
	for (i = 0; i < vm->config.slots; i++)
		create_slot(vm, i);
}

struct dirty_vm *dirty_vm_create(const struct dirty_vm_config *config)
{
	struct dirty_vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		fail("out of memory for a fixture");
	dirty_vm_init(vm, config);
	vm->allocated = true;
	return vm;
}

bool dirty_vm_renew_memory(struct dirty_vm *vm)
{
	unsigned int i;
	int error;

	if (vm->config.geometry != GEOMETRY_ALIGNED)
		return false;
	for (i = 0; i < vm->config.slots; i++)
		if (vm->backing[i].size % vm->backing[i].page_size)
			return false;
	for (i = 0; i < vm->config.slots; i++) {
		struct backing *backing = &vm->backing[i];

		error = backing_discard(backing, 0, backing->size);
		if (error)
			fail("slot %u: its memory cannot be discarded: %s",
			     vm->slot[i].id, errno_name(-error));
		backing_populate(backing);
		look_huge(vm, i);
	}
	return true;
}

void dirty_vm_setup_writers(struct dirty_vm *vm)
{
	unsigned int i, j;

	for (i = 0; i < vm->vm->vcpu_count; i++) {
		struct writer *writer = writer_of(vm->vm->vcpus[i].guest);

		memset(writer, 0, sizeof(*writer));
		writer->page_size = vm->vm->page_size;
		writer->pattern = WRITER_RANDOM;
		writer->hot_pages = 16;
		writer->range_count = vm->config.slots;
		for (j = 0; j < writer->range_count; j++) {
			writer->range[j].gva = vm->slot[j].gpa;
			writer->range[j].pages = vm->watched[j]->pages;
		}
		case_random(&writer->random, "guest writer", i);
	}
}

static void run(struct dirty_vm *vm, unsigned int vcpus,
		guest_function function)
{
	struct vcpu_threads_config config = {
		.function = function,
		.vcpus = vcpus,
	};
	unsigned int i;

	if (vm->through) {
		config.function = vm->through;
		config.argument = (u64)(uintptr_t)function;
	}
	vm->running = vcpus;
	for (i = 0; i < vcpus; i++)
		vm->vm->vcpus[i].guest->beat = 0;
	vm->threads = vcpu_threads_new(vm->vm, &config);
	vcpu_threads_start(vm->threads);
}

void dirty_vm_run_writers(struct dirty_vm *vm)
{
	dirty_vm_setup_writers(vm);
	run(vm, vm->config.vcpus, writer_run);
}

void dirty_vm_run_readers(struct dirty_vm *vm, unsigned int vcpus,
			  const struct writer_list *list)
{
	unsigned int i;

	for (i = 0; i < vcpus; i++) {
		struct writer_list *shared = writer_list_of(
			vm->vm->vcpus[i].guest);

		*shared = *list;
		shared->access = WRITER_LOAD;
	}
	run(vm, vcpus, writer_store);
}

void dirty_vm_set_pattern(struct dirty_vm *vm, enum writer_pattern pattern,
			  struct random_stream *random)
{
	unsigned int i;

	for (i = 0; i < vm->config.vcpus; i++)
		writer_of(vm->vm->vcpus[i].guest)->pattern =
			pattern == WRITER_PATTERNS ?
				random_below(random, WRITER_PATTERNS) :
				pattern;
}

void dirty_vm_pause(struct dirty_vm *vm)
{
	if (vm->threads)
		vcpu_threads_pause(vm->threads);
}

void dirty_vm_resume(struct dirty_vm *vm)
{
	if (vm->threads)
		vcpu_threads_resume(vm->threads);
}

u64 dirty_vm_stores(const struct dirty_vm *vm, unsigned int vcpus)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < vcpus; i++)
		sum += writer_of(vm->vm->vcpus[i].guest)->sequence;
	return sum;
}

void dirty_vm_let_write(const struct dirty_vm *vm, unsigned int vcpus,
			u64 stores, unsigned int milliseconds)
{
	u64 until = dirty_vm_stores(vm, vcpus) + stores;
	struct deadline deadline = deadline_in_ms(milliseconds);

	while (!deadline_passed(deadline) && dirty_vm_stores(vm, vcpus) < until)
		poll(NULL, 0, 1);
}

/* writer_run() and writer_store() count each access. */
u64 dirty_vm_accesses(const struct dirty_vm *vm)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < vm->running; i++)
		sum += __atomic_load_n(&vm->vm->vcpus[i].guest->beat,
				       __ATOMIC_RELAXED);
	return sum;
}

void dirty_vm_let_run(const struct dirty_vm *vm, u64 accesses,
		      unsigned int milliseconds)
{
	u64 before = dirty_vm_accesses(vm);
	struct deadline deadline = deadline_in_ms(milliseconds);

	while (!deadline_passed(deadline) &&
	       dirty_vm_accesses(vm) - before < accesses)
		poll(NULL, 0, 1);
}

void dirty_vm_let_fill(const struct dirty_vm *vm, unsigned int milliseconds)
{
	u64 full = vcpu_threads_ring_full_exits(vm->threads);
	struct deadline deadline = deadline_in_ms(milliseconds);

	while (!deadline_passed(deadline) &&
	       vcpu_threads_ring_full_exits(vm->threads) == full)
		poll(NULL, 0, 1);
}

struct writer_list dirty_vm_list_every(const struct dirty_vm *vm, u64 offset,
				       u64 stride)
{
	struct writer_list list = { .count = vm->config.slots };
	unsigned int i;

	for (i = 0; i < vm->config.slots; i++)
		list.store[i] = (struct writer_store){
			.gva = vm->slot[i].gpa + offset,
			.stride = (s64)stride,
			.count = (vm->slot[i].size - offset + stride - 1) /
				 stride,
		};
	return list;
}

struct writer_list dirty_vm_list_random(const struct dirty_vm *vm,
					struct random_stream *random)
{
	struct writer_list list = {
		.count = random_between(random, 1, RANDOM_WORDS),
	};
	unsigned int i;

	for (i = 0; i < list.count; i++) {
		const struct memslot *slot =
			&vm->slot[random_below(random, vm->config.slots)];
		u64 word = random_below(random, slot->size / sizeof(u64));

		list.store[i] = (struct writer_store){
			.gva = slot->gpa + word * sizeof(u64),
			.count = 1,
		};
	}
	return list;
}

static void access_list(struct dirty_vm *vm, unsigned int index,
			const struct writer_list *list,
			enum writer_access access)
{
	struct vcpu *vcpu = &vm->vm->vcpus[index];
	struct writer_list *shared = writer_list_of(vcpu->guest);
	u64 first = vm->sequence, accesses = 0, start, i;
	enum vcpu_event event;
	char text[256];

	for (i = 0; i < list->count; i++)
		accesses += list->store[i].count;
	*shared = *list;
	shared->sequence = first;
	shared->access = access;
	if (vm->through)
		vcpu_start(vcpu, vm->through, (u64)(uintptr_t)writer_store);
	else
		vcpu_start(vcpu, writer_store, 0);
	while ((event = __vcpu_run(vcpu)) != VCPU_DONE) {
		start = clock_ns();
		if (event == VCPU_RING_FULL) {
			dirty_ring_collect(vm->dirty);
			if (vm->threads)
				vcpu_threads_ring_room(vm->threads);
			vm->ring_full_ns += clock_ns() - start;
		} else if (event != VCPU_KICKED) {
			fail("vCPU %u exited before it had made its accesses: %s",
			     vcpu->index,
			     vcpu_exit_text(vcpu, text, sizeof(text)));
		}
	}
	vm->sequence = shared->sequence;
	CHECK(vm->sequence == first + accesses,
	      "vCPU %u: expected %llu accesses, the guest counted %llu", index,
	      accesses, vm->sequence - first);
}

void dirty_vm_store(struct dirty_vm *vm, unsigned int vcpu,
		    const struct writer_list *list)
{
	access_list(vm, vcpu, list, list->access);
}

void dirty_vm_load(struct dirty_vm *vm, unsigned int vcpu,
		   const struct writer_list *list)
{
	access_list(vm, vcpu, list, WRITER_LOAD);
}

void dirty_vm_fetch(struct dirty_vm *vm, unsigned int vcpu,
		    const struct writer_list *list)
{
	access_list(vm, vcpu, list, WRITER_FETCH);
}

void dirty_vm_lay_code(struct dirty_vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->config.slots; i++)
		writer_lay_code(vm->slot[i].hva, vm->slot[i].size,
				vm->vm->page_size);
}

void dirty_vm_destroy(struct dirty_vm *vm)
{
	unsigned int i;

	if (vm->threads)
		vcpu_threads_finish(vm->threads);
	mapping_probe_close(&vm->probe);
	dirty_free(vm->dirty);
	vm_destroy(vm->vm);
	for (i = 0; i < vm->config.slots; i++) {
		if (vm->mirror[i])
			mirror_free(vm->mirror[i]);
		free(vm->reported[i]);
		backing_destroy(&vm->backing[i]);
	}
	if (vm->allocated)
		free(vm);
}
