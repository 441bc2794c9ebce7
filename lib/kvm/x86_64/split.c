// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86: kvm.eager_page_split, one setting for all VMs
 * (Documentation/admin-guide/kernel-parameters.txt).
 */
#include "kvm/x86_64/paging.h"
#include "core/report.h"
#include "core/settings.h"
#include "kvm/split.h"

static struct setting setting = {
	.file = "/sys/module/kvm/parameters/eager_page_split",
};

const struct split *splits(size_t *count)
{
	static const struct split all[] = {
		{ .name = "lazy" },
		{ .name = "eager", .eager = true },
	};

	*count = ARRAY_SIZE(all);
	return all;
}

void split_begin(const struct split *split)
{
	/*
	 * kvm_mmu_slot_try_split_huge_pages() splits only nested guests' shadow
	 * pages.
	 */
	if (split->eager && shadow_paging())
		skip("nested paging",
		     "run it without kvm_amd.npt=0 or kvm_intel.ept=0");
	setting.value = split->eager ? "Y" : "N";
	if (!settings_set(&setting, 1))
		skip("a kernel whose kvm.eager_page_split can be set",
		     "run it as root on a kernel from 5.18 on");
}

void split_end(void)
{
	settings_restore(&setting, 1);
}
