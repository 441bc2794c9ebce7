// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that are not mapped: a read or a fetch is a fault, which maps the page
 * writable if the host's is (kvm_mmu_faultin_pfn()), and reports it then
 * (make_spte(), mark_page_dirty_in_slot()). So it may be reported, or not.
 */
#include "ways_x86.h"

bool arch_reports_absent(void)
{
	return true;
}

static void act_load(struct stage *stage)
{
	stage_judge_absent(stage, WRITER_LOAD);
}

static void act_fetch(struct stage *stage)
{
	stage_judge_absent(stage, WRITER_FETCH);
}

static const struct way ways[] = {
	{ .name = "load_absent",
	  .plan = "a load from a page that is not mapped may be reported",
	  .act = act_load },
	{ .name = "fetch_absent",
	  .plan = "executing from a page that is not mapped may be reported",
	  .prepare = stage_lay_code,
	  .act = act_fetch },
};

const struct way_table *ways_absent(void)
{
	static const struct way_table table = WAY_TABLE(ways);

	return &table;
}
