// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86: functions that do operations on an NPT, EPT or shadow page table
 * (arch/x86/kvm/mmu/).
 *
 * Two structures are read by offset. struct kvm_gfn_range starts with slot,
 * start, end. In struct kvm_memory_slot, base_gfn and npages follow two nodes
 * each of a hash list, an interval tree and a red-black tree: 2 * 16 + 2 * 48 +
 * 2 * 24 bytes. Both hold from 6.1 to 7.3.
 */
#include <stddef.h>
#include <stdio.h>

#include "../operation.h"
#include "core/report.h"
#include "core/settings.h"
#include "kvm/x86_64/paging.h"

#define GFN_RANGE    "gfn=+8($arg2):x64 end=+16($arg2):x64"
#define SLOT	     "gfn=+176($arg2):x64 pages=+184($arg2):x64"
#define COUNT(array) (ARRAY_SIZE(array))

#define COMMON                                                                 \
	{ OPERATION_INIT, "kvm_mmu_init_vm", NULL },                           \
		{ OPERATION_DESTROY, "kvm_mmu_uninit_vm", NULL },              \
		{ OPERATION_WRITE_PROTECT, "kvm_mmu_slot_remove_write_access", \
		  SLOT },                                                      \
		{ OPERATION_WRITE_PROTECT,                                     \
		  "kvm_arch_mmu_enable_log_dirty_pt_masked", SLOT },           \
		{ OPERATION_UNMAP, "kvm_unmap_gfn_range", GFN_RANGE },         \
		{ OPERATION_UNMAP, "kvm_arch_flush_shadow_memslot", SLOT },    \
	{                                                                      \
		OPERATION_AGE, "kvm_age_gfn", GFN_RANGE                        \
	}

/* The address is the first member of struct kvm_page_fault. */
static const struct operation_function tdp_functions[] = {
	COMMON,
	{ OPERATION_MAP, "kvm_tdp_mmu_map", "gpa=+0($arg2):x64" },
};

static const struct operation_function shadow_functions[] = {
	COMMON,
	{ OPERATION_MAP, "mmu_set_spte", "gfn=$arg5:x64" },
};

const struct operation_table *arch_operations(void)
{
	static const struct operation_table tdp = {
		.functions = tdp_functions,
		.count = COUNT(tdp_functions),
	};
	static const struct operation_table shadow = {
		.functions = shadow_functions,
		.count = COUNT(shadow_functions),
	};

	return shadow_paging() ? &shadow : &tdp;
}

bool arch_has_operation(enum operation operation)
{
	size_t i;

	for (i = 0; i < COUNT(tdp_functions); i++)
		if (tdp_functions[i].operation == operation)
			return true;
	return false;
}

bool arch_vms_end_slowly(void)
{
	return false;
}

bool arch_split_early(bool wanted)
{
	static struct setting setting = {
		.file = "/sys/module/kvm/parameters/eager_page_split",
	};
	FILE *file = fopen(setting.file, "re");
	bool was;

	if (!file)
		return false;
	was = fgetc(file) == 'Y';
	fclose(file);
	setting.value = wanted ? "Y" : "N";
	CHECK(was == wanted || settings_set(&setting, 1),
	      "cannot write '%s' to %s", setting.value, setting.file);
	return was;
}

bool arch_maps_executable(void)
{
	return true;
}

bool arch_notes_accesses(struct vm *vm)
{
	(void)vm;
	return true;
}
