// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CPU without FEAT_S2FWB cannot force guests' accesses to be cached. There
 * KVM traps a guest that enables or disables its caches, and cleans all guest
 * memory from the caches (kvm_toggle_cache(), kvm_set_way_flush()); else the
 * guest or the host would read old data. With FEAT_S2FWB KVM must not clean.
 */
#include "kvm/arch.h"
#include "cache_guest.h"
#include "core/report.h"
#include "core/variant.h"

#include "../stage2_vm.h"
#include "kvm/arm64/state_arm64.h"

#define PAGES 16

static void build(struct stage2_vm *fixture, enum operation operation)
{
	const struct stage2_vm_config config = {
		.backing = BACKING_ANONYMOUS,
		.bytes = PAGES * backing_page_size(BACKING_ANONYMOUS),
		.operations = 1U << operation,
	};

	stage2_vm_create(fixture, &config);
	stage2_vm_expect_words(fixture, 0, 0, PAGES, 1);
	operations_forget(&fixture->watch);
}

/* ID_AA64MMFR2_EL1.FWB */
static bool forces_caching(const struct stage2_vm *fixture)
{
	return arm64_get_register(&fixture->vm->vcpus[0], REG_MMFR2) >> 40 &
	       0xf;
}

/* Run a guest function; each page must be cleaned @expected times. */
static void expect_flushes(struct stage2_vm *fixture, guest_function function,
			   size_t expected, const char *what)
{
	size_t page, count;

	if (forces_caching(fixture))
		expected = 0;
	operations_forget(&fixture->watch);
	vcpu_start(&fixture->vm->vcpus[0], function, 0);
	vcpu_run(&fixture->vm->vcpus[0], VCPU_DONE);
	operations_collect(&fixture->watch);
	for (page = 0; page < PAGES; page++) {
		count = operations_count(&fixture->watch, OPERATION_FLUSH,
					 fixture->gpa + page * fixture->page,
					 fixture->page);
		CHECK(count == expected,
		      "%s: page %zu: expected %zu cache cleans, got %zu", what,
		      page, expected, count);
	}
	report_info("%s: reached %zu times", what, expected);
}

static void test_toggle(void)
{
	struct stage2_vm fixture;

	build(&fixture, OPERATION_FLUSH);
	/* KVM traps from the vCPU's reset until the caches are enabled. */
	expect_flushes(&fixture, cache_toggle, 2,
		       "caches disabled and enabled");
	expect_flushes(&fixture, cache_toggle, 0,
		       "caches disabled and enabled without a trap");
	stage2_vm_expect_words(&fixture, 0, 0, PAGES, 1);
	stage2_vm_destroy(&fixture);
}

static void test_set_way(void)
{
	struct stage2_vm fixture;

	build(&fixture, OPERATION_FLUSH);
	expect_flushes(&fixture, cache_toggle, 2,
		       "caches disabled and enabled");
	expect_flushes(&fixture, cache_set_way, 1, "first set/way operation");
	expect_flushes(&fixture, cache_set_way, 0, "second set/way operation");
	/* The first set/way operation enables the trap again. */
	expect_flushes(&fixture, cache_toggle, 2,
		       "caches disabled and enabled after that");
	stage2_vm_expect_words(&fixture, 0, 0, PAGES, 1);
	stage2_vm_destroy(&fixture);
}

/*
 * kvm_arch_vcpu_ioctl_vcpu_init(): a vCPU that has run and is reset faults its
 * memory in again.
 */
static void test_reset(void)
{
	struct stage2_vm fixture;

	build(&fixture, OPERATION_UNMAP);
	arch_vcpu_init(&fixture.vm->vcpus[0]);
	if (forces_caching(&fixture))
		stage2_vm_not_reached(&fixture, OPERATION_UNMAP,
				      "all accesses are cached");
	else
		stage2_vm_reached(&fixture, OPERATION_UNMAP, 0, PAGES, 1);
	stage2_vm_expect_words(&fixture, 0, 0, PAGES, 1);
	stage2_vm_destroy(&fixture);
}

static const struct scenario scenarios[] = {
	{ .name = "flush/toggle",
	  .plan = "the guest disables and enables its caches: all memory is cleaned each time",
	  .run_alone = test_toggle },
	{ .name = "flush/set_way",
	  .plan = "a set/way operation cleans all memory, once until the caches are enabled",
	  .run_alone = test_set_way },
	{ .name = "unmap/reset",
	  .plan = "KVM_ARM_VCPU_INIT of a vCPU that has run unmaps the memory",
	  .run_alone = test_reset },
};

TEST_PROGRAM(
	"stage2_flush_test",
	"guest memory is cleaned from the caches where the CPU lacks FEAT_S2FWB",
	scenarios, .needs = { .root = true, .kvm = true })
