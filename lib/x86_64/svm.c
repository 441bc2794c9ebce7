// SPDX-License-Identifier: GPL-2.0-only
/* What a host does for a guest that has guests of its own. */
#include <stdlib.h>

#include "supported.h"
#include "report.h"
#include "svm.h"

#define CPUID_EXTENDED 0x80000001U
#define ECX_SVM	       (1U << 2)
#define CPUID_SVM      0x8000000aU
#define EDX_PAGE1GB    (1U << 26)
#define STACK_PAGES    4

/* Nested tables are walked as by a user's accesses (APM volume 2, 15.25.5). */
#define ENTRY_FLAGS 0x67ULL
#define ENTRY_LARGE 0x80ULL

uint32_t svm_features(void)
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

uint64_t svm_page(struct vm *vm)
{
	uint64_t page = GPA_SYSTEM + vm_alloc_table(vm, vm->granule);

	vm_map(vm, page, page, vm->granule, vm->granule);
	return page;
}

void svm_prepare(struct vm *vm, struct svm_nested *nested)
{
	unsigned int i;

	svm_need();
	nested->vmcb = svm_page(vm);
	nested->save = svm_page(vm);
	/* Mapping one may take a page for tables: each has its own guard. */
	nested->stack = GPA_SYSTEM +
			vm_alloc_table(vm, STACK_PAGES * vm->granule);
	for (i = 0; i < STACK_PAGES; i++, nested->stack += vm->granule)
		vm_map(vm, nested->stack, nested->stack, vm->granule,
		       vm->granule);
}

void svm_prepare_paging(struct vm *vm, struct svm_nested *nested)
{
	uint64_t upper = svm_page(vm), *entry;
	unsigned int i;

	if (!(svm_features() & SVM_FEATURE_PAGING))
		skip("nested paging in guests' SVM", "use kvm_amd.npt=1");
	if (!(cpuid_supported(CPUID_EXTENDED).edx & EDX_PAGE1GB))
		skip("pages of 1 GiB in guests", "use kvm_amd.npt=1");
	nested->tables = svm_page(vm);
	entry = (uint64_t *)((char *)vm->system + nested->tables - GPA_SYSTEM);
	entry[0] = upper | ENTRY_FLAGS;
	entry = (uint64_t *)((char *)vm->system + upper - GPA_SYSTEM);
	for (i = 0; i < 512; i++)
		entry[i] = (uint64_t)i << 30 | ENTRY_LARGE | ENTRY_FLAGS;
}
