// SPDX-License-Identifier: GPL-2.0-only
/*
 * One vCPU loads a logged slot without pause while another one makes known stores:
 * exactly the stored pages are reported.
 */
#include "core/clock.h"
#include "core/report.h"
#include "core/variant.h"
#include "dirty/dirty_vm.h"

enum { READER, WRITER, VCPUS };

#define ROUNDS_MIN 4
#define PACE_MS	   100

static const struct dimension dimensions[] = {
	DIMENSION(struct dirty_vm_config, mode, &dirty_modes),
	DIMENSION(struct dirty_vm_config, backing, &backings),
	DIMENSION(struct dirty_vm_config, geometry, &geometries),
};

static void read_beside(const struct dirty_vm_config *config)
{
	struct dirty_vm *vm = dirty_vm_create(config);
	struct writer_list all = dirty_vm_list_every(vm, 0, vm->vm->page_size);
	struct writer_list some;
	struct random_stream random;
	u64 end = clock_ns() + case_duration_ns(), rounds;

	/* A load of a page that NUMA balancing has unmapped may be reported on x86. */
	backing_keep_mapped();
	case_random(&random, "stores", 0);
	dirty_vm_enable(vm);
	/* Splits huge mappings and maps every page: no load faults from here on. */
	dirty_vm_store(vm, WRITER, &all);
	dirty_vm_expect_exactly(vm, &all, "every page");

	dirty_vm_run_readers(vm, READER + 1, &all);
	for (rounds = 0; rounds < ROUNDS_MIN || clock_ns() < end; rounds++) {
		some = dirty_vm_list_random(vm, &random);
		dirty_vm_store(vm, WRITER, &some);
		dirty_vm_let_run(vm, all.store[0].count, PACE_MS);
		dirty_vm_collect(vm, &random);
		dirty_vm_expect_exactly(vm, &some, "stores beside loads");
	}
	CHECK(dirty_vm_accesses(vm), "the reader made no load in %llu rounds",
	      rounds);
	dirty_vm_check_stopped(vm);
	dirty_vm_disable(vm);
}

static const struct scenario scenarios[] = {
	SCENARIO("read", read_beside, struct dirty_vm_config, dimensions,
		 FIXED(struct dirty_vm_config, .vcpus = VCPUS), .stress_s = 2,
		 .plan = "loads are not reported, stores beside them are"),
};

TEST_PROGRAM("dirty_log_reader_test",
	     "loads of logged memory are not reported, stores beside them are",
	     scenarios, .needs = { .kvm = true })
