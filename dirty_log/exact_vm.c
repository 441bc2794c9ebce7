// SPDX-License-Identifier: GPL-2.0-only
/* One logged slot and what the guest is known to have written to it. */
#include <stdlib.h>
#include <string.h>

#include "core/bitmap.h"
#include "dirty/exact.h"
#include "exact_vm.h"
#include "core/options.h"
#include "dirty/write_sets.h"

/* A check has a third of a second for each case. */
#define CHECK_SLOT_BYTES (2UL << 20)
#define SLOT_BYTES	 (4UL << 20)
#define VCPUS		 2

void exact_setup_vm(struct exact *exact, const struct dirty_vm_config *config)
{
	memset(exact, 0, sizeof(*exact));
	dirty_vm_init(&exact->fixture, config);
	exact->watched = exact->fixture.watched[0];
	exact->written = bitmap_new(exact->watched->pages);
	case_random(&exact->random, "write sets", 0);
}

void exact_setup(struct exact *exact, const struct test_case *test)
{
	u64 bytes = options()->mode == MODE_CHECK ? CHECK_SLOT_BYTES :
						    SLOT_BYTES;
	struct dirty_vm_config config = {
		.mode = test->number[DIRTY_VM_MODE],
		.backing = test->number[DIRTY_VM_BACKING],
		.geometry = test->number[DIRTY_VM_GEOMETRY],
		.vcpus = options()->vcpus ? options()->vcpus : VCPUS,
		.slots = 1,
		.slot_bytes = options()->memory ? options()->memory :
			      test->number[EXACT_BYTES] ?
						  test->number[EXACT_BYTES] :
						  bytes,
		.granule = test->number[EXACT_GRANULE],
		.eager_split = test->number[EXACT_SPLIT] ? backing_thp_size() :
							   0,
	};

	exact_setup_vm(exact, &config);
	mapping_probe_open(&exact->probe, exact->fixture.vm,
			   exact->fixture.huge_pages[0] ?
				   exact->watched->pages :
				   0);
}

void exact_teardown(struct exact *exact)
{
	free(exact->written);
	mapping_probe_close(&exact->probe);
	dirty_vm_destroy(&exact->fixture);
}

void exact_store(struct exact *exact, struct writer_list *list)
{
	struct vm *vm = exact->fixture.vm;

	dirty_vm_store(&exact->fixture, exact->turn++ % vm->vcpu_count, list);
}

void exact_store_whole(struct exact *exact)
{
	struct writer_list list = { 0 };

	write_set_whole(&list, exact->watched->slot);
	exact_store(exact, &list);
}

void exact_expect(struct exact *exact, const char *what)
{
	dirty_harvest(exact->fixture.dirty, exact->watched, NULL);
	exact_judge(what, exact->written, exact->watched->fresh,
		    exact->watched->pages);
}

void exact_expect_nothing(struct exact *exact, const char *what)
{
	bitmap_zero(exact->written, exact->watched->pages);
	exact_expect(exact, what);
}

void exact_enable(struct exact *exact)
{
	dirty_enable(exact->fixture.dirty, exact->watched);
	if (exact->fixture.config.mode != DIRTY_MODE_CLEAR_INITIALLY_SET)
		return;
	/* kvm_prepare_memory_region(): bitmap_set() of the whole slot. */
	bitmap_fill(exact->written, exact->watched->pages);
	exact_expect(exact, "KVM_DIRTY_LOG_INITIALLY_SET, first clear");
}
