// SPDX-License-Identifier: GPL-2.0-only
/* Flags in the page tables of a guest that has 32 bits. */
#include "pae.h"
#include "supported.h"
#include "ways_x86.h"

#define DIRECTORY_PAGE 63
#define TABLE_PAGE     64
#define TARGET_PAGE    200

static struct pae pages_of(const struct stage *stage)
{
	return (struct pae){
		.directory = stage_address(stage, DIRECTORY_PAGE),
		.table = stage_address(stage, TABLE_PAGE),
		.target = stage_address(stage, TARGET_PAGE),
	};
}

static void prepare(struct stage *stage)
{
	const struct pae pae = pages_of(stage);

	pae_begin(stage->vcpu, &pae, stage->slot);
}

static void act_accessed(struct stage *stage)
{
	const struct pae pae = pages_of(stage);

	stage_must(stage, DIRECTORY_PAGE);
	stage_must(stage, TABLE_PAGE);
	pae_reset(stage->vcpu, &pae);
	stage_judge(stage, "the guest has taken the flags away", true);
	stage_must(stage, DIRECTORY_PAGE);
	stage_must(stage, TABLE_PAGE);
	pae_read(stage->vcpu);
}

static void act_dirty(struct stage *stage)
{
	act_accessed(stage);
	stage_judge(stage, "accessed flags", false);
	stage_must(stage, TABLE_PAGE);
	stage_must(stage, TARGET_PAGE);
	/* AMD: a nested walk is a write to every table (APM volume 2, 15.25.5). */
	if (paging_is_nested())
		stage_may(stage, DIRECTORY_PAGE);
	pae_write(stage->vcpu, (u32)++stage->own[0]);
}

static const struct way ways[] = {
	{ .name = "pae_accessed",
	  .plan = "accessed flags in the page tables of a guest with 32 bits",
	  .prepare = prepare,
	  .act = act_accessed },
	{ .name = "pae_dirty",
	  .plan = "dirty flags in the page tables of a guest with 32 bits",
	  .prepare = prepare,
	  .act = act_dirty },
};

const struct way_table *ways_pae(void)
{
	static const struct way_table table = WAY_TABLE(ways);

	return &table;
}
