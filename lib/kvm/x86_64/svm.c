// SPDX-License-Identifier: GPL-2.0-only
/* Nested SVM: host functions. */
#include <stdlib.h>

#include "kvm/arch.h"
#include "kvm/x86_64/supported.h"
#include "kvm/x86_64/tables_x86.h"
#include "core/report.h"
#include "kvm/x86_64/svm.h"

#define CPUID_EXTENDED 0x80000001U
#define ECX_SVM	       (1U << 2)
#define CPUID_SVM      0x8000000aU
#define EDX_PAGE1GB    (1U << 26)
#define STACK_PAGES    4

/* Nested tables are walked as user accesses (APM volume 2, 15.25.5). */
#define ENTRY_FLAGS \
	(PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)
/* Range that svm_prepare_paging() maps. */
#define SVM_REACH (512UL << 30)

u32 svm_features(void)
{
	return cpuid_supported(CPUID_EXTENDED).ecx & ECX_SVM ?
		       cpuid_supported(CPUID_SVM).edx :
		       0;
}

void svm_need(void)
{
	if (!(cpuid_supported(CPUID_EXTENDED).ecx & ECX_SVM))
		skip("SVM for guests",
		     "use an AMD processor, with kvm_amd.nested=1");
}

u64 svm_page(struct vm *vm)
{
	u64 page = GPA_SYSTEM + vm_alloc_table(vm, vm->granule);

	vm_map(vm, page, page, vm->granule, vm->granule);
	return page;
}

u64 svm_stack(struct vm *vm)
{
	u64 stack = GPA_SYSTEM + vm_alloc_table(vm, STACK_PAGES * vm->granule);
	unsigned int i;

	/* Mapping a page may allocate a table: each page gets its own guard. */
	for (i = 0; i < STACK_PAGES; i++, stack += vm->granule)
		vm_map(vm, stack, stack, vm->granule, vm->granule);
	return stack;
}

void svm_prepare(struct vm *vm, struct svm_nested *nested)
{
	svm_need();
	nested->vmcb = svm_page(vm);
	nested->save = svm_page(vm);
	nested->stack = svm_stack(vm);
}

void svm_prepare_tables(struct vm *vm, struct svm_nested *nested)
{
	if (!(svm_features() & SVM_FEATURE_PAGING))
		skip("nested paging in guests' SVM", "use kvm_amd.npt=1");
	nested->tables = svm_page(vm);
}

void svm_map(struct vm *vm, struct svm_nested *nested, u64 l2, u64 l1, u64 size,
	     u64 page_size)
{
	table_map_range(vm, nested->tables - GPA_SYSTEM, ENTRY_FLAGS, 0, l2, l1,
			size, page_size);
}

void svm_prepare_paging(struct vm *vm, struct svm_nested *nested)
{
	svm_prepare_tables(vm, nested);
	if (!(cpuid_supported(CPUID_EXTENDED).edx & EDX_PAGE1GB))
		skip("pages of 1 GiB in guests", "use kvm_amd.npt=1");
	svm_map(vm, nested, 0, 0, SVM_REACH, 1UL << 30);
}
