// SPDX-License-Identifier: GPL-2.0-only
/* The protocol by which the dirty log of a struct dirty_vm is judged. */
#include <stdio.h>
#include <stdlib.h>

#include "core/bitmap.h"
#include "core/report.h"
#include "dirty/dirty_vm.h"
#include "dirty/exact.h"
#include "dirty/write_sets.h"

static void prepare_slot(struct dirty_vm *vm, unsigned int slot)
{
	struct dirty_slot *watched = vm->watched[slot];
	char name[32];

	if (!vm->reported[slot])
		vm->reported[slot] = bitmap_new(watched->pages);
	bitmap_zero(vm->reported[slot], watched->pages);
	if (vm->mirror[slot] || vm->config.no_mirror)
		return;
	snprintf(name, sizeof(name), "slot %u", watched->slot->id);
	vm->mirror[slot] = mirror_new(name, watched->slot->hva, watched->pages,
				      vm->vm->page_size);
}

/* Every page is dirty (kvm_prepare_memory_region(): bitmap_set()). */
static void clear_first(struct dirty_vm *vm, unsigned int slot)
{
	struct dirty_slot *watched = vm->watched[slot];
	unsigned long *all = bitmap_new(watched->pages);

	bitmap_fill(all, watched->pages);
	dirty_harvest(vm->dirty, watched, NULL);
	exact_judge("KVM_DIRTY_LOG_INITIALLY_SET, first clear", all,
		    watched->fresh, watched->pages);
	free(all);
}

void dirty_vm_enable_slot(struct dirty_vm *vm, unsigned int slot,
			  enum dirty_vm_first_clear first_clear)
{
	bool clear_whole = vm->config.mode == DIRTY_MODE_CLEAR_INITIALLY_SET &&
			   first_clear == DIRTY_VM_CLEAR_WHOLE;
	struct mirror *mirror;

	CHECK(!vm->watched[slot]->logging,
	      "slot %u is logged already: a fault of the test", slot);
	prepare_slot(vm, slot);
	mirror = vm->mirror[slot];
	vm->count.enables++;
	if (mirror)
		mirror_note(mirror, "enable, number", vm->count.enables);
	dirty_enable(vm->dirty, vm->watched[slot]);
	if (clear_whole)
		clear_first(vm, slot);
	if (!mirror)
		return;
	if (clear_whole)
		mirror_copy_all(mirror);
	else
		mirror_begin(mirror, vm->config.mode);
}

void dirty_vm_enable(struct dirty_vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->config.slots; i++)
		dirty_vm_enable_slot(vm, i, DIRTY_VM_CLEAR_WHOLE);
}

/* The harvested pages are re-protected: now they may be copied. */
static size_t take(struct dirty_vm *vm, unsigned int slot, size_t pages)
{
	struct dirty_slot *watched = vm->watched[slot];

	if (vm->threads)
		vcpu_threads_ring_room(vm->threads);
	bitmap_or(vm->reported[slot], watched->fresh, watched->pages);
	if (vm->mirror[slot])
		vm->count.verified += mirror_take(vm->mirror[slot],
						  watched->fresh);
	vm->count.collections++;
	return pages;
}

static size_t collect_final(struct dirty_vm *vm, unsigned int slot)
{
	return take(vm, slot,
		    dirty_harvest_final(vm->dirty, vm->watched[slot]));
}

size_t dirty_vm_collect(struct dirty_vm *vm, struct random_stream *partial)
{
	size_t pages = 0;
	unsigned int i;

	for (i = 0; i < vm->config.slots; i++)
		if (vm->watched[i]->logging)
			pages += take(vm, i,
				      dirty_harvest(vm->dirty, vm->watched[i],
						    partial));
	return pages;
}

static unsigned long *pages_of(const struct dirty_vm *vm, unsigned int slot,
			       const struct writer_list *list)
{
	unsigned long *pages = bitmap_new(vm->watched[slot]->pages);

	if (list)
		write_set_pages(list, &vm->slot[slot], pages);
	return pages;
}

static void expect(struct dirty_vm *vm, const struct writer_list *list,
		   bool exactly, const char *what)
{
	unsigned int i;

	for (i = 0; i < vm->config.slots; i++) {
		size_t size = vm->watched[i]->pages;
		unsigned long *pages;

		if (!vm->watched[i]->logging)
			continue;
		if (list || vm->threads)
			take(vm, i,
			     dirty_harvest(vm->dirty, vm->watched[i], NULL));
		else
			collect_final(vm, i);
		pages = pages_of(vm, i, list);
		if (!exactly)
			bitmap_and(pages, vm->reported[i], size);
		exact_judge(what, pages, vm->reported[i], size);
		bitmap_zero(vm->reported[i], size);
		free(pages);
	}
}

void dirty_vm_expect_exactly(struct dirty_vm *vm,
			     const struct writer_list *list, const char *what)
{
	expect(vm, list, true, what);
}

void dirty_vm_expect_at_most(struct dirty_vm *vm,
			     const struct writer_list *list, const char *what)
{
	expect(vm, list, false, what);
}

void dirty_vm_check_stopped(struct dirty_vm *vm)
{
	unsigned int i;
	size_t left;

	dirty_vm_pause(vm);
	for (i = 0; i < vm->config.slots; i++) {
		if (!vm->watched[i]->logging)
			continue;
		collect_final(vm, i);
		left = collect_final(vm, i);
		CHECK(!left,
		      "slot %u: the second harvest reports %zu pages though no vCPU runs, the first is page %zu",
		      i, left,
		      bitmap_next(vm->watched[i]->fresh, vm->watched[i]->pages,
				  0));
		if (vm->mirror[i])
			mirror_judge(vm->mirror[i]);
	}
	vm->count.checks++;
}

void dirty_vm_disable(struct dirty_vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->config.slots; i++) {
		if (!vm->watched[i]->logging)
			continue;
		if (vm->mirror[i])
			mirror_note(vm->mirror[i], "disable, number",
				    vm->count.enables);
		dirty_disable(vm->dirty, vm->watched[i]);
		if (vm->threads)
			vcpu_threads_ring_room(vm->threads);
	}
}

void dirty_vm_check_verified(const struct dirty_vm *vm)
{
	u64 stores = dirty_vm_accesses(vm);

	report_info("enables %llu harvests %llu stops %llu recoveries %llu ring-full exits %llu",
		    vm->count.enables, vm->count.collections, vm->count.checks,
		    vm->count.recoveries,
		    vcpu_threads_ring_full_exits(vm->threads));
	report_info("guest stores %llu verified page writes %llu", stores,
		    vm->count.verified);
	CHECK(vm->count.verified,
	      "no page write was verified in %llu harvests: the guest made %llu stores",
	      vm->count.collections, stores);
}
