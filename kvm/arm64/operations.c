// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm64: functions that do operations on a stage 2, by release and mode.
 *
 * KVM's page-table code is arch/arm64/kvm/hyp/pgtable.c. With
 * kvm-arm.mode=protected and from 6.14 on, the hypervisor at EL2 owns the
 * tables of all guests, and mmu.c calls pkvm.c instead (KVM_PGT_FN()), which
 * makes hypercalls. Before 6.14, the host owned the guests' tables in protected
 * mode too.
 */
#include <stdio.h>
#include <string.h>

#include "../operation.h"
#include "protected.h"
#include "kvm/arm64/state_arm64.h"

#define RANGE	     "gpa=$arg2:x64 size=$arg3:x64"
#define ADDRESS	     "gpa=$arg2:x64"
#define COUNT(array) (ARRAY_SIZE(array))

/*
 * 6.1 has mkold and is_young, later kernels one function for both. Before 6.17
 * one function destroyed the tables; before 6.14 init was a macro.
 */
static const struct operation_function host_functions[] = {
	{ OPERATION_INIT, "kvm_pgtable_stage2_init,__kvm_pgtable_stage2_init",
	  NULL },
	{ OPERATION_DESTROY,
	  "kvm_pgtable_stage2_destroy_pgd,kvm_pgtable_stage2_destroy", NULL },
	{ OPERATION_MAP, "kvm_pgtable_stage2_map", RANGE },
	{ OPERATION_RELAX, "kvm_pgtable_stage2_relax_perms", ADDRESS },
	{ OPERATION_WRITE_PROTECT, "kvm_pgtable_stage2_wrprotect", RANGE },
	{ OPERATION_UNMAP, "kvm_pgtable_stage2_unmap", RANGE },
	{ OPERATION_AGE,
	  "kvm_pgtable_stage2_test_clear_young,kvm_pgtable_stage2_mkold",
	  ADDRESS },
	{ OPERATION_MAKE_YOUNG, "kvm_pgtable_stage2_mkyoung", ADDRESS },
	{ OPERATION_FLUSH, "kvm_pgtable_stage2_flush", RANGE },
	{ OPERATION_SPLIT, "kvm_pgtable_stage2_split", RANGE },
	{ OPERATION_FREE_UNLINKED, "kvm_pgtable_stage2_free_unlinked", NULL },
};

static const struct operation_function hypervisor_functions[] = {
	{ OPERATION_INIT, "pkvm_pgtable_stage2_init", NULL },
	{ OPERATION_DESTROY,
	  "pkvm_pgtable_stage2_destroy_pgd,pkvm_pgtable_stage2_destroy", NULL },
	{ OPERATION_MAP, "pkvm_pgtable_stage2_map", RANGE },
	{ OPERATION_RELAX, "pkvm_pgtable_stage2_relax_perms", ADDRESS },
	{ OPERATION_WRITE_PROTECT, "pkvm_pgtable_stage2_wrprotect", RANGE },
	{ OPERATION_UNMAP, "pkvm_pgtable_stage2_unmap", RANGE },
	{ OPERATION_AGE, "pkvm_pgtable_stage2_test_clear_young", RANGE },
	{ OPERATION_MAKE_YOUNG, "pkvm_pgtable_stage2_mkyoung", ADDRESS },
	{ OPERATION_FLUSH, "pkvm_pgtable_stage2_flush", RANGE },
};

static const char *const host_never[] = {
	"pkvm_pgtable_stage2_map",
	"pkvm_pgtable_stage2_unmap",
	"pkvm_pgtable_stage2_wrprotect",
	"pkvm_pgtable_stage2_relax_perms",
	"pkvm_pgtable_stage2_test_clear_young",
	NULL,
};

/*
 * The host's page-table code must not touch the hypervisor's tables. The
 * hypervisor has no split, free_unlinked and create_unlinked: calling them is a
 * WARN_ON_ONCE() in pkvm.c.
 */
static const char *const hypervisor_never[] = {
	"kvm_pgtable_stage2_map",
	"kvm_pgtable_stage2_unmap",
	"kvm_pgtable_stage2_wrprotect",
	"kvm_pgtable_stage2_relax_perms",
	"kvm_pgtable_stage2_test_clear_young",
	"kvm_pgtable_stage2_mkyoung",
	"kvm_pgtable_stage2_flush",
	"kvm_pgtable_stage2_split",
	"kvm_pgtable_stage2_free_unlinked",
	"pkvm_pgtable_stage2_split",
	"pkvm_pgtable_stage2_free_unlinked",
	"pkvm_pgtable_stage2_create_unlinked",
	NULL,
};

const struct operation_table *arch_operations(void)
{
	static const struct operation_table host = {
		.functions = host_functions,
		.count = COUNT(host_functions),
		.never = host_never,
	};
	static const struct operation_table hypervisor = {
		.functions = hypervisor_functions,
		.count = COUNT(hypervisor_functions),
		.never = hypervisor_never,
	};

	return hypervisor_has_tables() ? &hypervisor : &host;
}

bool arch_has_operation(enum operation operation)
{
	size_t i;

	for (i = 0; i < COUNT(host_functions); i++)
		if (host_functions[i].operation == operation)
			return true;
	return false;
}

bool arch_vms_end_slowly(void)
{
	return hypervisor_has_tables();
}

bool arch_split_early(bool wanted)
{
	(void)wanted;
	return false;
}

/* CTR_EL0.DIC, read in user space; ARM64_HAS_CACHE_DIC in KVM. */
bool arch_maps_executable(void)
{
	u64 cache_type;

	asm("mrs %0, ctr_el0" : "=r"(cache_type));
	return cache_type >> 29 & 1;
}

/* ID_AA64MMFR1_EL1.HAFDBS: if set, kvm_get_vtcr() sets VTCR_EL2.HA. */
bool arch_notes_accesses(struct vm *vm)
{
	return arm64_get_register(&vm->vcpus[0], REG_MMFR1) & 0xf;
}
