// SPDX-License-Identifier: GPL-2.0-only
/*
 * Executing from logged memory is not a write: fetched pages are not reported, and
 * stores to them are, before and after.
 *
 * On arm64 a page becomes executable by a fault on its first fetch
 * (kvm_s2_fault_compute_prot()) where the CPU's caches require that (CTR_EL0.DIC).
 * With a block mapped and logging enabled, this permission fault, which is not a
 * write, has to split the block.
 */
#include "core/variant.h"
#include "dirty/dirty_vm.h"

/* One fetch in each huge page. */
#define STRIDE (2UL << 20)
/*
 * More huge pages than a vCPU's memory cache has objects
 * (KVM_ARCH_NR_OBJS_PER_MEMORY_CACHE), so that splitting them refills it.
 */
#define FETCHES 48
/* Stores spare the code. */
#define STORE_OFFSET 64

static const struct dimension dimensions[] = {
	DIMENSION(struct dirty_vm_config, mode, &dirty_modes),
	DIMENSION_SOME(struct dirty_vm_config, backing, &backings,
		       BACKING_ANONYMOUS_THP, BACKING_HUGETLB_2M,
		       BACKING_SHMEM),
};

static void fetch(const struct dirty_vm_config *config)
{
	struct dirty_vm *vm = dirty_vm_create(config);
	struct writer_list code = dirty_vm_list_every(vm, 0, STRIDE);
	struct writer_list data = dirty_vm_list_every(vm, STORE_OFFSET, STRIDE);

	dirty_vm_lay_code(vm);
	/* One vCPU maps the pages writable, the other one executes them. */
	dirty_vm_store(vm, 0, &data);
	dirty_vm_enable(vm);

	/*
	 * An x86 fetch fault on an absent page may map it writable and report it
	 * (kvm_mmu_faultin_pfn(), make_spte()): with shadow paging, pages are absent
	 * after logging has started.
	 */
	dirty_vm_fetch(vm, 1, &code);
	dirty_vm_expect_at_most(vm, &code, "fetches while logged");
	dirty_vm_store(vm, 0, &data);
	dirty_vm_expect_exactly(vm, &data, "stores after fetches");
	dirty_vm_fetch(vm, 1, &code);
	dirty_vm_expect_at_most(vm, &code, "fetches after the harvest");
	dirty_vm_store(vm, 1, &data);
	dirty_vm_fetch(vm, 0, &code);
	dirty_vm_expect_exactly(vm, &data, "stores before fetches");

	dirty_vm_check_stopped(vm);
	dirty_vm_disable(vm);
	dirty_vm_fetch(vm, 0, &code);
	dirty_vm_store(vm, 1, &data);
}

static const struct scenario scenarios[] = {
	SCENARIO("fetch", fetch, struct dirty_vm_config, dimensions,
		 FIXED(struct dirty_vm_config, .vcpus = 2,
		       .slot_bytes = FETCHES * STRIDE, .no_mirror = true),
		 .sampling = SAMPLE_ALL,
		 .plan = "fetched pages are not reported, stored pages are"),
};

TEST_PROGRAM("dirty_log_fetch_test",
	     "executing from logged memory is not a write", scenarios,
	     .needs = { .kvm = true })
