// SPDX-License-Identifier: GPL-2.0-only
/* What the host does for guests of the guest's that write. */
#include <stdlib.h>

#include "l2.h"
#include "core/report.h"

/* Below the slots under test: all that L1 itself has. */
#define OWN_SIZE GPA_TEST
#define GIGABYTE (1UL << 30)

static const struct {
	const char *name;
	u64 page_size;
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
static u64 turn_of(const struct dirty_vm *fixture, enum l2_paging paging,
		   unsigned int slot)
{
	u64 huge = fixture->huge_size;

	if (!pagings[paging].turned || fixture->slot[slot].size % huge)
		return 0;
	/* A giant page stays whole, in the hope of giant mappings. */
	if (fixture->slot[slot].size >= 2 * GIGABYTE)
		return GIGABYTE;
	return fixture->slot[slot].size > huge ? huge : 0;
}

static void map(struct dirty_vm *fixture, struct l2_guest *l2, u64 from, u64 to,
		u64 size, u64 page_size)
{
	if (l2->kind == L2_SVM)
		svm_map(fixture->vm, &l2->svm, from, to, size, page_size);
	else
		vmx_map(fixture->vm, &l2->vmx, from, to, size, page_size);
}

static void prepare_tables(struct dirty_vm *fixture, struct l2_guest *l2,
			   u64 page_size)
{
	if (l2->kind == L2_SVM) {
		svm_prepare_tables(fixture->vm, &l2->svm);
		return;
	}
	vmx_prepare_tables(fixture->vm, &l2->vmx);
	vmx_need_page_size(page_size);
}

static void map_nested(struct dirty_vm *fixture, struct l2_guest *l2,
		       enum l2_paging paging)
{
	u64 page_size = pagings[paging].page_size, end = GPA_TEST;
	unsigned int i;

	prepare_tables(fixture, l2, page_size);
	map(fixture, l2, 0, 0, OWN_SIZE, GIGABYTE);
	if (!pagings[paging].turned) {
		for (i = 0; i < fixture->config.slots; i++)
			end = fixture->slot[i].gpa + fixture->slot[i].size;
		/* Pages of 1 GiB cover more than what is there. */
		end = (end + GIGABYTE - 1) / GIGABYTE * GIGABYTE;
		map(fixture, l2, GPA_TEST, GPA_TEST, end - GPA_TEST, page_size);
		return;
	}
	for (i = 0; i < fixture->config.slots; i++) {
		const struct memslot *slot = &fixture->slot[i];
		u64 turn = turn_of(fixture, paging, i);
		u64 rest = slot->size - turn;

		map(fixture, l2, slot->gpa, slot->gpa + turn, rest, page_size);
		map(fixture, l2, slot->gpa + rest, slot->gpa, turn, page_size);
	}
}

void l2_map_own(struct dirty_vm *fixture, u64 gpa, u64 size)
{
	struct l2_guest *l2 = l2_of(fixture->vm->vcpus[0].guest);

	if (l2->kind == L2_SVM ? l2->svm.tables : l2->vmx.tables)
		map(fixture, l2, gpa, gpa, size, GIGABYTE);
}

/* One vCPU's L2; @first, if any, has the tables that all share. */
static void prepare_one(struct dirty_vm *fixture, struct l2_guest *l2,
			const struct l2_guest *first, enum l2_paging paging)
{
	l2->kind = vmx_there() ? L2_VMX : L2_SVM;
	if (l2->kind == L2_SVM)
		svm_prepare(fixture->vm, &l2->svm);
	else
		vmx_prepare(fixture->vm, &l2->vmx);
	if (paging == L2_PAGING_NONE)
		return;
	if (!first)
		map_nested(fixture, l2, paging);
	else if (l2->kind == L2_SVM)
		l2->svm.tables = first->svm.tables;
	else
		l2->vmx.tables = first->vmx.tables;
}

void l2_prepare(struct dirty_vm *fixture, enum l2_paging paging,
		unsigned int every)
{
	struct l2_guest *first = NULL, *l2;
	unsigned int i;

	fixture->through = l2_run;
	for (i = 0; i < fixture->vm->vcpu_count; i += every) {
		l2 = l2_of(fixture->vm->vcpus[i].guest);
		prepare_one(fixture, l2, first, paging);
		first = first ? first : l2;
	}
}

void l2_set_control(struct vcpu *vcpu, u64 address)
{
	struct l2_guest *l2 = l2_of(vcpu->guest);

	if (l2->kind == L2_SVM)
		l2->svm.vmcb = address;
	else
		l2->vmx.vmcs = address;
}

u64 l2_turned(const struct dirty_vm *fixture, enum l2_paging paging,
	      unsigned int slot)
{
	return turn_of(fixture, paging, slot);
}

void l2_turn(const struct dirty_vm *fixture, enum l2_paging paging,
	     unsigned int slot, unsigned long *pages)
{
	size_t count = fixture->slot[slot].size / fixture->vm->page_size, page;
	size_t turn = turn_of(fixture, paging, slot) / fixture->vm->page_size;
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
