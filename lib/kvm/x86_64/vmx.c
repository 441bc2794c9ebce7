// SPDX-License-Identifier: GPL-2.0-only
/* Nested VMX: host functions. */
#include "kvm/arch.h"
#include "core/report.h"
#include "kvm/x86_64/supported.h"
#include "kvm/x86_64/svm.h"
#include "kvm/x86_64/tables_x86.h"
#include "kvm/x86_64/vmx.h"

#define CPUID_FEATURES 1U
#define ECX_VMX	       (1U << 5)

/* SDM appendix A.3.3 and A.10. */
#define MSR_SECONDARY  0x48b
#define MSR_EPT	       0x48c
#define SECONDARY_EPT  (1ULL << 1 << 32)
#define EPT_WALK_4     (1ULL << 6)
#define EPT_WRITE_BACK (1ULL << 14)
#define EPT_2M	       (1ULL << 16)
#define EPT_1G	       (1ULL << 17)
#define EPT_ALL	       7	/* read, write, execute */
#define EPT_LEAF       (6 << 3) /* write-back */

bool vmx_there(void)
{
	return cpuid_supported(CPUID_FEATURES).ecx & ECX_VMX;
}

/* Value of an MSR in a new vCPU; 0 if it does not exist. */
static u64 feature(u32 number)
{
	struct {
		struct kvm_msrs header;
		struct kvm_msr_entry entry;
	} msrs = { .header.nmsrs = 1, .entry.index = number };

	return __kvm_ioctl(KVM_GET_MSRS, &msrs) == 1 ? msrs.entry.data : 0;
}

void vmx_need(void)
{
	if (!vmx_there())
		skip("VMX for guests",
		     "use an Intel processor, with kvm_intel.nested=1");
}

void vmx_prepare(struct vm *vm, struct vmx_nested *nested)
{
	vmx_need();
	nested->vmcs = svm_page(vm);
	nested->on = svm_page(vm);
	nested->msrs = svm_page(vm);
	nested->stack = svm_stack(vm);
}

void vmx_prepare_tables(struct vm *vm, struct vmx_nested *nested)
{
	const u64 need = EPT_WALK_4 | EPT_WRITE_BACK;

	if (!(feature(MSR_SECONDARY) & SECONDARY_EPT) ||
	    (feature(MSR_EPT) & need) != need)
		skip("extended page tables in guests' VMX",
		     "use kvm_intel.ept=1");
	nested->tables = svm_page(vm);
}

static bool has_page_size(u64 size)
{
	u64 has = feature(MSR_EPT);

	return size == 1UL << 12 || (size == 1UL << 21 && has & EPT_2M) ||
	       (size == 1UL << 30 && has & EPT_1G);
}

void vmx_need_page_size(u64 size)
{
	if (!has_page_size(size))
		skip("mappings of that size in guests' EPT",
		     "use a processor that has them, with kvm_intel.ept=1");
}

void vmx_map(struct vm *vm, struct vmx_nested *nested, u64 l2, u64 l1, u64 size,
	     u64 page_size)
{
	while (!has_page_size(page_size))
		page_size >>= 9;
	table_map_range(vm, nested->tables - GPA_SYSTEM, EPT_ALL, EPT_LEAF, l2,
			l1, size, page_size);
}
