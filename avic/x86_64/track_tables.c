// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page of the guest's own page tables is tracked. KVM can do that where it
 * shadows them: then it tracks them itself. By nested paging the CPU walks them
 * with write access, each walk faults, and KVM has nothing to emulate
 * (kvm_mmu_page_fault(), PFERR_NESTED_GUEST_PAGE).
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/report.h"
#include "kvm/x86_64/supported.h"
#include "track_slots.h"

#define ENTRY_FLAGS   0x63ULL /* present, writable, accessed, dirty */
#define ENTRY_ADDRESS 0x000ffffffffff000ULL
/* 2 MiB that nothing else is mapped in. */
#define WINDOW (GPA_TEST + (64ULL << 30))
#define PAGES  4

/* Have this page be the table that maps the window's 2 MiB. */
static void make_table(struct vm *vm, u64 gpa)
{
	u64 *entry, table = vm->table_root;
	unsigned int shift;

	vm_map(vm, WINDOW, GPA_TEST, 4096, 4096);
	for (shift = 39;; shift -= 9) {
		entry = (u64 *)((char *)vm->system + table) +
			((WINDOW >> shift) & 511);
		if (shift == 21)
			break;
		table = (*entry & ENTRY_ADDRESS) - GPA_SYSTEM;
	}
	*entry = gpa | ENTRY_FLAGS;
}

/* Every change is told of, and the guest writes where it says. */
void track_page_table(const struct test_case *test)
{
	struct track_vm fixture;
	struct track_remap *remap;
	struct secmmu_avic_write told;
	unsigned int i;

	(void)test;
	if (paging_is_nested())
		skip("KVM without nested paging, which tracks page tables itself",
		     "use a target with npt=0 (kvm_amd.npt=0, kvm_intel.ept=0)");
	track_begin(&fixture, &track_small);
	make_table(fixture.vm, fixture.slot.gpa + TRACK_PAGE_ONE);
	track_page(&fixture, TRACK_PAGE_ONE);
	remap = track_remap_of(fixture.vm->vcpus[0].guest);
	*remap = (struct track_remap){
		.entry = fixture.slot.gpa + TRACK_PAGE_ONE,
		.window = WINDOW,
	};
	for (i = 0; i + 1 < TRACK_REPEAT; i++)
		remap->value[i] = (fixture.slot.gpa + (8 + i % PAGES) * 4096) |
				  ENTRY_FLAGS;
	vcpu_start(&fixture.vm->vcpus[0], track_remap_run, 0);
	vcpu_run(&fixture.vm->vcpus[0], VCPU_DONE);
	for (i = 0; i + 1 < TRACK_REPEAT; i++) {
		CHECK(avic_next(&fixture.avic,
				avic_ring(&fixture.avic, gettid()), &told),
		      "of %u writes to a tracked page table, KVM told of %u",
		      TRACK_REPEAT - 1, i);
		CHECK(told.gpa == remap->entry && told.bytes == 8 &&
			      !memcmp(told.data, &remap->value[i], 8),
		      "write %u to a tracked page table: KVM told of %u bytes at %#llx",
		      i + 1, told.bytes, told.gpa);
	}
	track_judge_nothing(&fixture.avic);
	for (i = 0; i < PAGES; i++) {
		u64 last = TRACK_REPEAT - 1 - (TRACK_REPEAT - 2 - i) % PAGES;
		u64 is;

		memcpy(&is, (char *)fixture.slot.hva + (8 + i) * 4096, 8);
		CHECK(is == last,
		      "the guest's write after a change of its page table went to another page: page %u has %llu where it has to have %llu",
		      i, is, last);
	}
	track_end(&fixture);
}
