// SPDX-License-Identifier: GPL-2.0-only
/* What the host does for guests of the guest's that write. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "l2.h"
#include "report.h"

/* Below the slots under test: all that L1 itself has. */
#define OWN_SIZE GPA_TEST
#define GIGABYTE (1UL << 30)

static const struct {
	const char *name;
	uint64_t page_size;
	bool turned;
} pagings[L2_PAGINGS] = {
	[L2_PAGING_NONE] = { "no_npt", 0, false },
	[L2_PAGING_4K] = { "npt_4k", 1UL << 12, true },
	[L2_PAGING_2M] = { "npt_2m", 1UL << 21, true },
	[L2_PAGING_1G] = { "npt_1g", GIGABYTE, false },
};

const char *l2_paging_name(enum l2_paging paging)
{
	return pagings[paging].name;
}

/* How far a slot's memory is turned, bytes. */
static uint64_t turn_of(const struct scene *scene, enum l2_paging paging,
			unsigned int slot)
{
	uint64_t huge = scene->huge_size;

	if (!pagings[paging].turned || scene->slot[slot].size % huge)
		return 0;
	/* A giant page stays whole, in the hope of giant mappings. */
	if (scene->slot[slot].size >= 2 * GIGABYTE)
		return GIGABYTE;
	return scene->slot[slot].size > huge ? huge : 0;
}

static void map_nested(struct scene *scene, struct svm_nested *svm,
		       enum l2_paging paging)
{
	uint64_t page_size = pagings[paging].page_size, end = GPA_TEST;
	unsigned int i;

	svm_prepare_tables(scene->vm, svm);
	svm_map(scene->vm, svm, 0, 0, OWN_SIZE, GIGABYTE);
	if (!pagings[paging].turned) {
		for (i = 0; i < scene->config.slots; i++)
			end = scene->slot[i].gpa + scene->slot[i].size;
		/* Pages of 1 GiB cover more than what is there. */
		end = (end + GIGABYTE - 1) / GIGABYTE * GIGABYTE;
		svm_map(scene->vm, svm, GPA_TEST, GPA_TEST, end - GPA_TEST,
			page_size);
		return;
	}
	for (i = 0; i < scene->config.slots; i++) {
		const struct memslot *slot = &scene->slot[i];
		uint64_t turn = turn_of(scene, paging, i);
		uint64_t rest = slot->size - turn;

		svm_map(scene->vm, svm, slot->gpa, slot->gpa + turn, rest,
			page_size);
		svm_map(scene->vm, svm, slot->gpa + rest, slot->gpa, turn,
			page_size);
	}
}

void l2_prepare(struct scene *scene, enum l2_paging paging, unsigned int every)
{
	struct svm_nested *first = NULL, *svm;
	unsigned int i;

	scene->through = l2_run;
	for (i = 0; i < scene->vm->vcpu_count; i += every) {
		svm = &l2_of(scene->vm->vcpus[i].guest)->svm;
		svm_prepare(scene->vm, svm);
		if (paging == L2_PAGING_NONE)
			continue;
		if (first)
			svm->tables = first->tables;
		else
			map_nested(scene, svm, paging);
		first = first ? first : svm;
	}
}

void l2_turn(const struct scene *scene, enum l2_paging paging,
	     unsigned int slot, unsigned long *pages)
{
	size_t count = scene->slot[slot].size / scene->vm->page_size, page;
	size_t turn = turn_of(scene, paging, slot) / scene->vm->page_size;
	unsigned long *before;

	if (!turn)
		return;
	before = bitmap_new(count);
	bitmap_copy(before, pages, count);
	bitmap_zero(pages, count);
	for (page = bitmap_next(before, count, 0); page < count;
	     page = bitmap_next(before, count, page + 1))
		bitmap_set(pages, (page + turn) % count);
	free(before);
}
