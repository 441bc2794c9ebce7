// SPDX-License-Identifier: GPL-2.0-only
/* A VM, a slot with known contents, and a record of KVM's operations. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bitmap.h"
#include "dirty/exact.h"
#include "core/report.h"
#include "stage2_vm.h"
#include "kvm/stamp.h"

void stage2_vm_create(struct stage2_vm *fixture,
		      const struct stage2_vm_config *config)
{
	struct vm_config vm_config = { .vcpus = 1 };
	struct backing_request request = {
		.kind = config->backing,
		.size = config->bytes,
		.flags = config->empty ? 0 : BACKING_POPULATE,
		.fd = -1,
	};

	memset(fixture, 0, sizeof(*fixture));
	fixture->huge = backing_thp_size();
	fixture->gpa = GPA_TEST;
	if (config->eager_split)
		vm_config.eager_split = fixture->huge;
	if (request.size < backing_page_size(config->backing))
		request.size = backing_page_size(config->backing);
	dirty_mode_configure(config->mode, &vm_config, 0);
	fixture->memfd = -1;
	/* Nothing may unmap the memory but the test. */
	backing_keep_mapped();
	/*
	 * A guest_memfd needs its VM. Other memory comes first: it may skip the
	 * case.
	 */
	if (request.kind != BACKING_GUEST_MEMFD)
		backing_create(&fixture->backing, &request);
	fixture->vm = vm_create(&vm_config);
	if (request.kind == BACKING_GUEST_MEMFD) {
		request.fd_size = request.size;
		fixture->memfd = vm_guest_memfd(fixture->vm, request.size);
		request.fd = fixture->memfd;
		backing_create(&fixture->backing, &request);
	}
	fixture->page = fixture->vm->page_size;
	fixture->pages = request.size / fixture->page;
	fixture->dirty = dirty_new(fixture->vm, config->mode);
	slot_add(fixture->vm, &fixture->slot, SLOT_TEST_FIRST, GPA_TEST,
		 &fixture->backing, 0);
	vm_map(fixture->vm, GPA_TEST, GPA_TEST, request.size, fixture->huge);
	fixture->watched = dirty_watch(fixture->dirty, &fixture->slot);
	if (!config->empty)
		stage2_vm_fill(fixture, 0);
	operations_watch(&fixture->watch, config->operations);
}

void stage2_vm_destroy(struct stage2_vm *fixture)
{
	if (fixture->dirty)
		dirty_free(fixture->dirty);
	if (fixture->vm)
		vm_destroy(fixture->vm);
	if (fixture->backing.hva)
		backing_destroy(&fixture->backing);
	if (fixture->memfd > 0)
		close(fixture->memfd);
	operations_end(&fixture->watch);
}

u64 stage2_vm_word(u64 page, u64 generation)
{
	return (generation + 1) << 40 | (page + 1);
}

static volatile u64 *word_of(struct stage2_vm *fixture, u64 page)
{
	return (volatile u64 *)((char *)fixture->backing.hva +
				page * fixture->page);
}

void stage2_vm_fill(struct stage2_vm *fixture, u64 generation)
{
	u64 page;

	for (page = 0; page < fixture->pages; page++)
		*word_of(fixture, page) = stage2_vm_word(page, generation);
}

static struct writer_list *list_of(struct stage2_vm *fixture)
{
	return writer_list_of(fixture->vm->vcpus[0].guest);
}

enum vcpu_event stage2_vm_try(struct stage2_vm *fixture,
			      enum writer_access access, u64 first, u64 count,
			      u64 stride)
{
	*list_of(fixture) = (struct writer_list){
		.count = 1,
		.access = access,
		.store = { { .gva = fixture->gpa + first * fixture->page,
			     .stride = (s64)(stride * fixture->page),
			     .count = count } },
	};
	vcpu_start(&fixture->vm->vcpus[0], writer_store, 0);
	return vcpu_run_one_of(&fixture->vm->vcpus[0],
			       1U << VCPU_DONE | 1U << VCPU_FAULT |
				       1U << VCPU_OTHER);
}

void stage2_vm_access(struct stage2_vm *fixture, enum writer_access access,
		      u64 first, u64 count, u64 stride)
{
	enum vcpu_event event = stage2_vm_try(fixture, access, first, count,
					      stride);
	char text[256];

	CHECK(event == VCPU_DONE,
	      "the guest accessed %llu of %llu pages from page %llu on: %s",
	      list_of(fixture)->sequence, count, first,
	      event == VCPU_FAULT ? "KVM_RUN failed with EFAULT" :
				    vcpu_exit_text(&fixture->vm->vcpus[0], text,
						   sizeof(text)));
}

void stage2_vm_expect_words(struct stage2_vm *fixture, s64 generation,
			    u64 first, u64 count, u64 stride)
{
	u64 digest = 0, page, i;

	stage2_vm_access(fixture, WRITER_LOAD, first, count, stride);
	for (i = 0, page = first; i < count; i++, page += stride)
		digest = writer_digest(digest,
				       generation < 0 ?
					       0 :
					       stage2_vm_word(page,
							      (u64)generation));
	CHECK(list_of(fixture)->digest == digest,
	      "%llu pages from page %llu on: the guest reads other contents than the host's (%s)",
	      count, first, generation < 0 ? "zeroes" : "numbered words");
}

void stage2_vm_store(struct stage2_vm *fixture, u64 first, u64 count,
		     u64 stride)
{
	u64 page, i;

	stage2_vm_access(fixture, WRITER_STORE, first, count, stride);
	for (i = 0, page = first; i < count; i++, page += stride)
		CHECK(*word_of(fixture, page) == stamp(0, i + 1),
		      "page %llu: the guest stored %#llx, the host reads %#llx",
		      page, stamp(0, i + 1), *word_of(fixture, page));
}

void stage2_vm_expect_dirty(struct stage2_vm *fixture, u64 first, u64 count,
			    u64 stride, const char *what)
{
	unsigned long *written = bitmap_new(fixture->pages);
	u64 i;

	for (i = 0; i < count; i++)
		bitmap_set(written, first + i * stride);
	dirty_harvest(fixture->dirty, fixture->watched, NULL);
	exact_judge(what, written, fixture->watched->fresh, fixture->pages);
	free(written);
}

size_t stage2_vm_reached(struct stage2_vm *fixture, enum operation operation,
			 u64 first, u64 count, u64 stride)
{
	size_t calls, i;

	operations_collect(&fixture->watch);
	calls = operations_count(&fixture->watch, operation, fixture->gpa,
				 fixture->pages * fixture->page);
	for (i = 0; i < count; i++) {
		u64 page = first + i * stride;

		CHECK(operations_count(&fixture->watch, operation,
				       fixture->gpa + page * fixture->page,
				       fixture->page),
		      "the operation %s was not reached for page %llu (%zu calls for the slot)",
		      operation_name(operation), page, calls);
	}
	report_info("reached: %s, %zu calls", operation_name(operation), calls);
	return calls;
}

void stage2_vm_not_reached(struct stage2_vm *fixture, enum operation operation,
			   const char *why)
{
	size_t calls;

	operations_collect(&fixture->watch);
	calls = operations_count(&fixture->watch, operation, fixture->gpa,
				 fixture->pages * fixture->page);
	CHECK(!calls,
	      "the operation %s: expected no call for the slot, got %zu: %s",
	      operation_name(operation), calls, why);
}

void stage2_vm_mapped_by(struct stage2_vm *fixture, u64 size, u64 first,
			 u64 count, u64 stride)
{
	u64 seen = operations_size(&fixture->watch, OPERATION_MAP,
				   fixture->gpa + first * fixture->page,
				   ((count - 1) * stride + 1) * fixture->page);

	CHECK(seen != OPERATION_SIZES_DIFFER,
	      "memory was mapped by several sizes, expected %llu bytes", size);
	CHECK(!seen || seen == size,
	      "memory was mapped by mappings of %llu bytes, expected %llu",
	      seen, size);
}
