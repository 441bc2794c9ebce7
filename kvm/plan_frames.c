// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows of stage2_ops_test's table with memory that a process has by page frame
 * numbers only (VM_PFNMAP): KVM finds them in the page tables
 * (hva_to_pfn_remapped()), and counts no references to them.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "mem/pci.h"
#include "plan.h"
#include "core/report.h"

/* Where another slot can be. */
#define GPA_FRAMES (GPA_TEST + (1ULL << 30))
/* Words that are looked at, until so many did not change meanwhile. */
#define WORDS	  64
#define WORDS_DUE 1

/* The page that the kernel shares with all processes, to tell the time. */
static void *kernel_page(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	void *page = NULL;

	while (maps && !page && fgets(line, sizeof(line), maps)) {
		unsigned long long start;

		if (strstr(line, "[vvar]") &&
		    sscanf(line, "%llx-", &start) == 1)
			page = (void *)(uintptr_t)start;
	}
	if (maps)
		fclose(maps);
	if (!page)
		skip("a page that the kernel maps into each process ([vvar])",
		     "use a kernel with a vDSO");
	return page;
}

/*
 * What the guest reads there is what the host reads, of words that the host reads
 * alike before and after.
 */
static void expect_same(struct stage2_vm *fixture, const volatile u64 *host)
{
	struct writer_list *list = writer_list_of(fixture->vm->vcpus[0].guest);
	unsigned int steady = 0, i;

	for (i = 0; i < WORDS; i++) {
		u64 before = host[i], after, digest;

		*list = (struct writer_list){
			.count = 1,
			.access = WRITER_LOAD,
			.store = { { .gva = fixture->gpa + i * sizeof(before),
				     .count = 1 } },
		};
		vcpu_start(&fixture->vm->vcpus[0], writer_store, 0);
		vcpu_run(&fixture->vm->vcpus[0], VCPU_DONE);
		digest = list->digest;
		after = host[i];
		if (before != after)
			continue;
		CHECK(digest == writer_digest(0, before),
		      "the guest reads in word %u of the page something else than the host, which reads %#llx",
		      i, before);
		/* Zeroes are what any page may have. */
		steady += before != 0;
	}
	CHECK(steady >= WORDS_DUE,
	      "%u words of the page are steady and not zero: nothing to judge",
	      steady);
	report_info("%u words of the page are the host's", steady);
}

static void run_frames(struct stage2_vm *fixture, void *memory, u32 flags)
{
	struct memslot slot;

	plan_build(fixture, (struct stage2_vm_config){ 0 });
	slot = (struct memslot){
		.vm = fixture->vm,
		.id = SLOT_TEST_FIRST + 1,
		.gpa = GPA_FRAMES,
		.size = fixture->page,
		.hva = memory,
		.flags = flags,
		.guest_memfd = -1,
	};
	slot_set(&slot);
	vm_map(fixture->vm, GPA_FRAMES, GPA_FRAMES, fixture->page,
	       fixture->page);
	fixture->gpa = GPA_FRAMES;
	operations_forget(&fixture->watch);
	expect_same(fixture, memory);
	stage2_vm_reached(fixture, OPERATION_MAP, 0, 1, 1);
	operations_forget(&fixture->watch);
	expect_same(fixture, memory);
	stage2_vm_not_reached(fixture, OPERATION_MAP, "it is mapped already");
	slot_delete(&slot);
}

void run_map_kernel_page(struct stage2_vm *fixture)
{
	run_frames(fixture, kernel_page(), KVM_MEM_READONLY);
}

void run_map_device(struct stage2_vm *fixture)
{
	u64 size;
	void *memory = pci_map_unused(&size);

	run_frames(fixture, memory, 0);
	munmap(memory, size);
}
