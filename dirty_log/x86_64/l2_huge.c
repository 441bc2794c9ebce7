// SPDX-License-Identifier: GPL-2.0-only
/* By what mappings of L0's a guest of the guest's has its memory. */
#include "l2_huge.h"
#include "core/report.h"

/*
 * An MMU notifier may take a mapping away at any moment: with two nodes NUMA
 * balancing does (change_prot_numa()). So memory is touched so often at most.
 */
#define ATTEMPTS 3
/* Stores to a huge page. */
#define TOUCHES 4

/* @whole: else nothing is stored, but the vCPU enters L2 and comes back. */
static void touch(struct dirty_vm *fixture, bool whole,
		  struct mapping_sizes *sizes)
{
	u64 stride = fixture->huge_size / TOUCHES;
	struct writer_list list = {
		.count = whole,
		.store[0] = {
			.gva = fixture->slot[0].gpa,
			.stride = (s64)stride,
			.count = fixture->slot[0].size / stride,
		},
	};
	struct mapping_probe probe;

	mapping_probe_open(&probe, fixture->vm, 0);
	mapping_probe_begin(&probe);
	dirty_vm_store(fixture, 0, &list);
	mapping_probe_end(&probe, fixture->slot, 1, stride, sizes);
	mapping_probe_close(&probe);
}

/* What is mapped huge now and was not before, in huge pages. */
static long long since(const struct mapping_sizes *before,
		       const struct mapping_sizes *after)
{
	return (long long)mapping_huge_pages(after) -
	       (long long)mapping_huge_pages(before);
}

void l2_huge_judge(struct dirty_vm *fixture, enum l2_paging paging)
{
	long long fit = paging == L2_PAGING_4K ?
				0 :
				(long long)fixture->huge_pages[0];
	struct mapping_sizes before, after;
	char text[2][128];
	unsigned int attempt;

	/* What L2 needs beside the slot is mapped then. */
	fixture->through = l2_run;
	touch(fixture, false, &before);
	for (attempt = 0; attempt < ATTEMPTS; attempt++) {
		touch(fixture, true, &after);
		if (since(&before, &after) >= fit)
			break;
	}
	if (!after.known)
		return;
	mapping_text(&before, text[0], sizeof(text[0]));
	mapping_text(&after, text[1], sizeof(text[1]));
	/* What is huge before is not of the slot, and there may be more of it now. */
	CHECK(paging != L2_PAGING_4K || mapping_huge_pages(&before) ||
		      !mapping_huge_pages(&after),
	      "L1 maps L2's memory by small pages, and KVM maps it huge: before %s; after %s",
	      text[0], text[1]);
	CHECK(!dirty_vm_host_huge(fixture) || since(&before, &after) >= fit,
	      "the host maps all %lld huge pages of the slot huge, but KVM does not so for L2: before %s; after %s",
	      (long long)fixture->huge_pages[0], text[0], text[1]);
}

void l2_huge_touch(struct dirty_vm *fixture, struct mapping_sizes *sizes)
{
	fixture->through = NULL;
	touch(fixture, true, sizes);
	fixture->through = l2_run;
	touch(fixture, true, sizes);
}

void l2_huge_recovered(struct dirty_vm *fixture,
		       const struct mapping_sizes *before)
{
	struct mapping_sizes after;
	char text[2][128];
	unsigned int attempt;

	for (attempt = 0; attempt < ATTEMPTS; attempt++) {
		l2_huge_touch(fixture, &after);
		if (mapping_recovered(before, &after))
			return;
	}
	fail("huge mappings did not come back after logging: before %s; after %s",
	     mapping_text(before, text[0], sizeof(text[0])),
	     mapping_text(&after, text[1], sizeof(text[1])));
}
