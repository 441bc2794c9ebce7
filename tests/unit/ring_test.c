// SPDX-License-Identifier: GPL-2.0-only
/* What is read out of a dirty ring, from rings that we fill in ourselves. */
#include <string.h>

#include "kvm/arch.h"
#include "core/cases.h"
#include "dirty/dirty.h"
#include "core/expect.h"
#include "core/report.h"

#define ENTRIES 1024
#define SLOT	8
#define PAGES	200

/* A VM that no kernel knows: its ioctls fail. */
struct fake {
	struct vm vm;
	struct vcpu vcpu;
	struct kvm_dirty_gfn ring[ENTRIES];
	struct memslot slot;
	struct dirty_log *dirty;
	struct dirty_slot *watched;
};

static void begin(struct fake *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->vm.fd = -1;
	fake->vm.page_size = 4096;
	fake->vm.config.ring_entries = ENTRIES;
	fake->vm.vcpu_count = 1;
	fake->vm.vcpus = &fake->vcpu;
	fake->vcpu.vm = &fake->vm;
	fake->vcpu.ring = fake->ring;
	fake->slot.vm = &fake->vm;
	fake->slot.id = SLOT;
	fake->slot.size = PAGES * 4096UL;
	fake->dirty = dirty_new(&fake->vm, DIRTY_MODE_RING_ACQ_REL);
	fake->watched = dirty_watch(fake->dirty, &fake->slot);
}

static void put(struct fake *fake, u32 index, u32 flags)
{
	fake->ring[index % ENTRIES] = (struct kvm_dirty_gfn){
		.flags = flags,
		.slot = SLOT,
		.offset = index % PAGES,
	};
}

static void test_pending(const struct test_case *test)
{
	struct fake fake;
	u32 i;

	(void)test;
	begin(&fake);
	CHECK(!dirty_ring_pending(&fake.vcpu), "nothing pends in a new ring");
	CHECK(!dirty_ring_used(&fake.vcpu), "nothing is used in a new ring");

	/* Around the end, behind two that were harvested and not reset. */
	fake.vcpu.ring_next = 3 * ENTRIES - 2;
	put(&fake, 3 * ENTRIES - 4, KVM_DIRTY_GFN_F_RESET);
	put(&fake, 3 * ENTRIES - 3,
	    KVM_DIRTY_GFN_F_RESET | KVM_DIRTY_GFN_F_DIRTY);
	for (i = 0; i < 5; i++)
		put(&fake, 3 * ENTRIES - 2 + i, KVM_DIRTY_GFN_F_DIRTY);
	CHECK(dirty_ring_pending(&fake.vcpu) == 5, "%u entries pend, not 5",
	      dirty_ring_pending(&fake.vcpu));
	CHECK(dirty_ring_used(&fake.vcpu) == 7, "%u entries are used, not 7",
	      dirty_ring_used(&fake.vcpu));

	for (i = 0; i < ENTRIES; i++)
		put(&fake, i, KVM_DIRTY_GFN_F_DIRTY);
	CHECK(dirty_ring_pending(&fake.vcpu) == ENTRIES,
	      "%u entries pend in a ring that has overflown",
	      dirty_ring_pending(&fake.vcpu));
	dirty_free(fake.dirty);
}

static void test_limits(const struct test_case *test)
{
	struct fake fake;

	(void)test;
	begin(&fake);
	CHECK(dirty_ring_soft_limit(&fake.vm) < dirty_ring_most(&fake.vm) + 1,
	      "full at %u, and at most %u are used",
	      dirty_ring_soft_limit(&fake.vm), dirty_ring_most(&fake.vm));
	CHECK(dirty_ring_most(&fake.vm) < ENTRIES || !arch_maps_huge(),
	      "all %u entries may be used before a ring counts as full",
	      ENTRIES);
	dirty_free(fake.dirty);
}

static void collect(void *argument)
{
	dirty_ring_collect(argument);
}

static void test_foreign(const struct test_case *test)
{
	struct fake fake;

	(void)test;
	begin(&fake);
	put(&fake, 0, KVM_DIRTY_GFN_F_DIRTY);
	fake.ring[0].slot = SLOT + 1;
	expect_failure(collect, fake.dirty,
		       "ring entry 0 of vCPU 0 names slot 9, which is not logged");
	fake.ring[0].slot = SLOT;
	fake.ring[0].offset = PAGES;
	expect_failure(
		collect, fake.dirty,
		"ring entry 0 of vCPU 0 names page 200 of slot 8, which has 200");
	dirty_free(fake.dirty);
}

/* More was reset than was harvested. */
static void test_reset_count(const struct test_case *test)
{
	struct fake fake;

	(void)test;
	begin(&fake);
	put(&fake, 0, KVM_DIRTY_GFN_F_DIRTY);
	fake.dirty->ring_reset = 2;
	expect_failure(
		collect, fake.dirty,
		"1 ring entries were harvested, but KVM_RESET_DIRTY_RINGS reset 2");
	dirty_free(fake.dirty);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ .name = "pending", .run = test_pending },
		{ .name = "limits", .run = test_limits },
		{ .name = "foreign_entry", .run = test_foreign },
		{ .name = "reset_count", .run = test_reset_count },
	};
	static const struct program program = {
		.name = "ring_test",
		.summary = "what is read out of a dirty ring",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
	};

	return cases_main(argc, argv, &program);
}
