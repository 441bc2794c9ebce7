// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that are not mapped: a read or a fetch is a fault, which maps the page
 * writable if the host's is (kvm_mmu_faultin_pfn()), and reports it then
 * (make_spte(), mark_page_dirty_in_slot()). So it may be reported, or not.
 */
#include "write_methods_x86.h"

bool arch_reports_absent(void)
{
	return true;
}

static void act_load(struct write_vm *fixture)
{
	write_vm_judge_absent(fixture, WRITER_LOAD);
}

static void act_fetch(struct write_vm *fixture)
{
	write_vm_judge_absent(fixture, WRITER_FETCH);
}

static const struct write_method methods[] = {
	{ .name = "load_absent",
	  .plan = "a load from a page that is not mapped may be reported",
	  .act = act_load },
	{ .name = "fetch_absent",
	  .plan = "executing from a page that is not mapped may be reported",
	  .prepare = write_vm_lay_code,
	  .act = act_fetch },
};

const struct write_method_table *write_methods_absent(void)
{
	static const struct write_method_table table = WRITE_METHOD_TABLE(
		methods);

	return &table;
}
