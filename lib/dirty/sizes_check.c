// SPDX-License-Identifier: GPL-2.0-only
/* The mapping-size oracle, for a struct dirty_vm. */
#include "core/report.h"
#include "dirty/dirty_vm.h"

/*
 * An MMU notifier may remove a mapping at any moment: with two nodes NUMA balancing
 * does (change_prot_numa()). So touch again; where KVM does not map huge, no touch
 * helps.
 */
#define ATTEMPTS 3

/* Have memory touched, and see by what mappings. */
static void touch(struct dirty_vm *vm, struct mapping_sizes *sizes)
{
	mapping_probe_begin(&vm->probe);
	dirty_vm_store(vm, vm->touch_vcpu, &vm->touch);
	mapping_probe_end(&vm->probe, vm->slot, vm->config.slots,
			  (u64)vm->touch.store[0].stride, sizes);
}

/* Where faults tell the sizes of mappings, every page has to fault. */
static void protect(struct dirty_vm *vm)
{
	unsigned int i;

	for (i = 0; vm->probe.by_faults && i < vm->config.slots; i++) {
		dirty_enable(vm->dirty, vm->watched[i]);
		dirty_harvest(vm->dirty, vm->watched[i], NULL);
		dirty_disable(vm->dirty, vm->watched[i]);
	}
}

static u64 all_huge_pages(const struct dirty_vm *vm)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < vm->config.slots; i++)
		sum += vm->huge_pages[i];
	return sum;
}

void dirty_vm_measure_sizes(struct dirty_vm *vm, unsigned int vcpu,
			    enum writer_access access, u64 stride)
{
	u64 huge = all_huge_pages(vm), touches = 0;
	unsigned int attempt, i;
	char text[128];

	vm->touch_vcpu = vcpu;
	vm->touch = dirty_vm_list_every(vm, 0,
					stride ? stride :
						 vm->huge_size /
							 DIRTY_VM_TOUCHES);
	vm->touch.access = access;
	for (i = 0; huge && i < vm->config.slots; i++)
		touches += vm->touch.store[i].count;
	mapping_probe_open(&vm->probe, vm->vm, touches);
	touch(vm, &vm->before);
	if (!vm->before.known || !dirty_vm_host_huge(vm))
		return;
	for (attempt = 1;
	     attempt < ATTEMPTS && mapping_huge_pages(&vm->before) < huge;
	     attempt++) {
		protect(vm);
		touch(vm, &vm->before);
	}
	/* Otherwise the checks below would judge nothing. */
	CHECK(mapping_huge_pages(&vm->before) >= huge,
	      "the host maps all %llu huge pages of the slots huge, but KVM does not: %s",
	      huge, mapping_text(&vm->before, text, sizeof(text)));
}

void dirty_vm_check_split(struct dirty_vm *vm)
{
	u64 huge = all_huge_pages(vm);
	struct mapping_sizes sizes;
	unsigned int i;
	char text[128];

	for (i = 0; i < vm->config.slots; i++)
		if (!vm->watched[i]->logging)
			return;
	touch(vm, &sizes);
	CHECK(mapping_logged_ok(&sizes, huge, huge),
	      "each of %llu huge pages was written while logged, but the slots have %s",
	      huge, mapping_text(&sizes, text, sizeof(text)));
}

void dirty_vm_check_recovered(struct dirty_vm *vm)
{
	struct mapping_sizes after;
	unsigned int attempt;
	char text[2][128];

	if (!vm->before.known || !all_huge_pages(vm) ||
	    (vm->threads && !dirty_vm_host_huge(vm)))
		return;
	dirty_vm_pause(vm);
	for (attempt = 0; attempt < ATTEMPTS; attempt++) {
		protect(vm);
		touch(vm, &after);
		if (mapping_recovered(&vm->before, &after))
			break;
	}
	CHECK(mapping_recovered(&vm->before, &after),
	      "huge mappings did not come back after logging: before %s; after %s",
	      mapping_text(&vm->before, text[0], sizeof(text[0])),
	      mapping_text(&after, text[1], sizeof(text[1])));
	vm->count.recoveries++;
}
