// SPDX-License-Identifier: GPL-2.0-only
/* A slot whose mappings are taken away and come back by faults. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "core/clock.h"
#include "fault_vm.h"
#include "core/report.h"

bool fault_vm_create(struct fault_vm *fixture, enum backing_kind kind,
		     u64 bytes, unsigned int vcpus)
{
	const struct vm_config config = { .vcpus = vcpus };
	const struct backing_request request = {
		.kind = kind, .size = bytes, .flags = BACKING_POPULATE, .fd = -1
	};
	bool huge = backing_page_size(kind) >= backing_thp_size();

	memset(fixture, 0, sizeof(*fixture));
	backing_create(&fixture->backing, &request);
	if (huge && backing_host_huge_bytes(&fixture->backing) < bytes) {
		report_info("omitted: %llu MiB of %s, which the host has not mapped huge",
			    bytes >> 20, backing_name(kind));
		backing_destroy(&fixture->backing);
		return false;
	}
	fixture->vm = vm_create(&config);
	slot_add(fixture->vm, &fixture->slot, SLOT_TEST_FIRST, GPA_TEST,
		 &fixture->backing, 0);
	/* As large as the memory's pages: shadow paging needs that. */
	vm_map(fixture->vm, GPA_TEST, GPA_TEST, bytes, backing_page_size(kind));
	/* What lies between a page and a huge page KVM maps by pages. */
	fixture->unit = huge ? backing_page_size(kind) : fixture->vm->page_size;
	fixture->faults = bytes / fixture->unit;
	fixture->stride = huge ? fixture->unit / 2 : fixture->unit;
	return true;
}

void fault_vm_destroy(struct fault_vm *fixture)
{
	vm_destroy(fixture->vm);
	backing_destroy(&fixture->backing);
}

static void protect(struct fault_vm *fixture, int protection)
{
	CHECK(!mprotect(fixture->backing.hva, fixture->backing.size,
			protection),
	      "mprotect failed: %s", errno_name(errno));
}

double fault_vm_unmap(struct fault_vm *fixture)
{
	u64 start = clock_ns(), end;

	protect(fixture, PROT_NONE);
	end = clock_ns();
	protect(fixture, PROT_READ | PROT_WRITE);
	/* No fault of the host's own within the guest's. */
	backing_populate(&fixture->backing);
	return (double)(end - start);
}

void fault_vm_prepare(struct fault_vm *fixture, unsigned int index,
		      enum writer_access access)
{
	struct vcpu *vcpu = &fixture->vm->vcpus[index];
	struct writer_list *list = writer_list_of(vcpu->guest);
	u64 bytes = fixture->slot.size / fixture->vm->vcpu_count;

	*list = (struct writer_list){ .access = access };
	fault_vm_access(fixture, index);
	list->count = 1;
	list->store[0] = (struct writer_store){
		.gva = fixture->slot.gpa + index * bytes,
		.stride = (s64)fixture->stride,
		.count = bytes / fixture->stride,
	};
}

double fault_vm_access(struct fault_vm *fixture, unsigned int index)
{
	struct vcpu *vcpu = &fixture->vm->vcpus[index];
	u64 start = clock_ns();

	vcpu_start(vcpu, writer_store, 0);
	vcpu_run(vcpu, VCPU_DONE);
	return (double)(clock_ns() - start);
}

void fault_vm_judge(struct fault_vm *fixture)
{
	u64 faults = fixture->faults / fixture->vm->vcpu_count, made;
	bool huge = fixture->unit > fixture->vm->page_size;
	struct mapping_sizes before, after;
	struct mapping_probe probe;
	struct memslot part = fixture->slot;
	char text[128];

	part.size /= fixture->vm->vcpu_count;
	/* The guest's own tables are read for the first time, and mapped. */
	fault_vm_prepare(fixture, 0, WRITER_STORE);
	fault_vm_access(fixture, 0);
	fault_vm_unmap(fixture);
	mapping_probe_open(&probe, fixture->vm, part.size / fixture->stride);
	if (!probe.by_faults)
		mapping_probe_end(&probe, &part, 1, fixture->stride, &before);
	else
		before = (struct mapping_sizes){ 0 };
	mapping_probe_begin(&probe);
	fault_vm_access(fixture, 0);
	mapping_probe_end(&probe, &part, 1, fixture->stride, &after);
	mapping_probe_close(&probe);
	if (!after.known)
		return;
	made = huge ? mapping_huge_pages(&after) - mapping_huge_pages(&before) :
		      after.small - before.small;
	if (huge)
		faults *= fixture->unit / backing_thp_size();
	CHECK(made == faults,
	      "%llu mappings of %llu KiB were to be made by faults: there are %s",
	      faults, (huge ? backing_thp_size() : fixture->unit) >> 10,
	      mapping_text(&after, text, sizeof(text)));
}
