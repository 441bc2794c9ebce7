// SPDX-License-Identifier: GPL-2.0-only
/* A slot whose mappings are taken away and come back by faults. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "clock.h"
#include "fault_field.h"
#include "report.h"

bool field_create(struct field *field, enum backing_kind kind, u64 bytes,
		  unsigned int vcpus)
{
	const struct vm_config config = { .vcpus = vcpus };
	const struct backing_request request = {
		.kind = kind, .size = bytes, .flags = BACKING_POPULATE, .fd = -1
	};
	bool huge = backing_page_size(kind) >= backing_thp_size();

	memset(field, 0, sizeof(*field));
	backing_create(&field->backing, &request);
	if (huge && backing_host_huge_bytes(&field->backing) < bytes) {
		report_info("omitted: %llu MiB of %s, which the host has not mapped huge",
			    bytes >> 20, backing_name(kind));
		backing_destroy(&field->backing);
		return false;
	}
	field->vm = vm_create(&config);
	slot_add(field->vm, &field->slot, SLOT_TEST_FIRST, GPA_TEST,
		 &field->backing, 0);
	/* As large as the memory's pages: shadow paging needs that. */
	vm_map(field->vm, GPA_TEST, GPA_TEST, bytes, backing_page_size(kind));
	/* What lies between a page and a huge page KVM maps by pages. */
	field->unit = huge ? backing_page_size(kind) : field->vm->page_size;
	field->faults = bytes / field->unit;
	field->stride = huge ? field->unit / 2 : field->unit;
	return true;
}

void field_destroy(struct field *field)
{
	vm_destroy(field->vm);
	backing_destroy(&field->backing);
}

static void protect(struct field *field, int protection)
{
	CHECK(!mprotect(field->backing.hva, field->backing.size, protection),
	      "mprotect failed: %s", errno_name(errno));
}

double field_unmap(struct field *field)
{
	u64 start = clock_ns(), end;

	protect(field, PROT_NONE);
	end = clock_ns();
	protect(field, PROT_READ | PROT_WRITE);
	/* No fault of the host's own within the guest's. */
	backing_populate(&field->backing);
	return (double)(end - start);
}

void field_prepare(struct field *field, unsigned int index,
		   enum writer_access access)
{
	struct vcpu *vcpu = &field->vm->vcpus[index];
	struct writer_list *list = writer_list_of(vcpu->guest);
	u64 bytes = field->slot.size / field->vm->vcpu_count;

	*list = (struct writer_list){ .access = access };
	field_access(field, index);
	list->count = 1;
	list->store[0] = (struct writer_store){
		.gva = field->slot.gpa + index * bytes,
		.stride = (s64)field->stride,
		.count = bytes / field->stride,
	};
}

double field_access(struct field *field, unsigned int index)
{
	struct vcpu *vcpu = &field->vm->vcpus[index];
	u64 start = clock_ns();

	vcpu_start(vcpu, writer_store, 0);
	vcpu_run(vcpu, VCPU_DONE);
	return (double)(clock_ns() - start);
}

void field_judge(struct field *field)
{
	u64 faults = field->faults / field->vm->vcpu_count, made;
	bool huge = field->unit > field->vm->page_size;
	struct mapping_sizes before, after;
	struct mapping_probe probe;
	struct memslot part = field->slot;
	char text[128];

	part.size /= field->vm->vcpu_count;
	/* The guest's own tables are read for the first time, and mapped. */
	field_prepare(field, 0, WRITER_STORE);
	field_access(field, 0);
	field_unmap(field);
	mapping_probe_open(&probe, field->vm, part.size / field->stride);
	if (!probe.by_faults)
		mapping_probe_end(&probe, &part, 1, field->stride, &before);
	else
		before = (struct mapping_sizes){ 0 };
	mapping_probe_begin(&probe);
	field_access(field, 0);
	mapping_probe_end(&probe, &part, 1, field->stride, &after);
	mapping_probe_close(&probe);
	if (!after.known)
		return;
	made = huge ? mapping_huge_pages(&after) - mapping_huge_pages(&before) :
		      after.small - before.small;
	if (huge)
		faults *= field->unit / backing_thp_size();
	CHECK(made == faults,
	      "%llu mappings of %llu KiB were to be made by faults: there are %s",
	      faults, (huge ? backing_thp_size() : field->unit) >> 10,
	      mapping_text(&after, text, sizeof(text)));
}
