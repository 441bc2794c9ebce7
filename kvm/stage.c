// SPDX-License-Identifier: GPL-2.0-only
/* A VM, a slot with known contents, and a record of what KVM does to it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bitmap.h"
#include "exact.h"
#include "report.h"
#include "stage.h"
#include "stamp.h"

void stage_create(struct stage *stage, const struct stage_config *config)
{
	struct vm_config vm_config = { .vcpus = 1 };
	struct backing_request request = {
		.kind = config->backing,
		.size = config->bytes,
		.flags = config->empty ? 0 : BACKING_POPULATE,
		.fd = -1,
	};

	memset(stage, 0, sizeof(*stage));
	stage->huge = backing_thp_size();
	stage->gpa = GPA_TEST;
	if (config->eager_split)
		vm_config.eager_split = stage->huge;
	if (request.size < backing_page_size(config->backing))
		request.size = backing_page_size(config->backing);
	harvester_configure(config->harvester, &vm_config, 0);
	stage->memfd = -1;
	/* What was mapped stays so, unless the test takes it away. */
	backing_keep_mapped();
	/* Only a guest_memfd belongs to a VM; others are had first, or skip. */
	if (request.kind != BACKING_GUEST_MEMFD)
		backing_create(&stage->backing, &request);
	stage->vm = vm_create(&vm_config);
	if (request.kind == BACKING_GUEST_MEMFD) {
		request.fd_size = request.size;
		request.fd = stage->memfd = vm_guest_memfd(stage->vm,
							   request.size);
		backing_create(&stage->backing, &request);
	}
	stage->page = stage->vm->page_size;
	stage->pages = request.size / stage->page;
	stage->dirty = dirty_new(stage->vm, config->harvester);
	slot_add(stage->vm, &stage->slot, SLOT_TEST_FIRST, GPA_TEST,
		 &stage->backing, 0);
	vm_map(stage->vm, GPA_TEST, GPA_TEST, request.size, stage->huge);
	stage->watched = dirty_watch(stage->dirty, &stage->slot);
	if (!config->empty)
		stage_fill(stage, 0);
	operations_watch(&stage->watch, config->operations);
}

void stage_destroy(struct stage *stage)
{
	if (stage->dirty)
		dirty_free(stage->dirty);
	if (stage->vm)
		vm_destroy(stage->vm);
	if (stage->backing.hva)
		backing_destroy(&stage->backing);
	if (stage->memfd > 0)
		close(stage->memfd);
	operations_end(&stage->watch);
}

u64 stage_word(u64 page, u64 generation)
{
	return (generation + 1) << 40 | (page + 1);
}

static volatile u64 *word_of(struct stage *stage, u64 page)
{
	return (volatile u64 *)((char *)stage->backing.hva +
				page * stage->page);
}

void stage_fill(struct stage *stage, u64 generation)
{
	u64 page;

	for (page = 0; page < stage->pages; page++)
		*word_of(stage, page) = stage_word(page, generation);
}

static struct writer_list *list_of(struct stage *stage)
{
	return writer_list_of(stage->vm->vcpus[0].guest);
}

enum vcpu_event stage_try(struct stage *stage, enum writer_access access,
			  u64 first, u64 count, u64 stride)
{
	*list_of(stage) = (struct writer_list){
		.count = 1,
		.access = access,
		.store = { { .gva = stage->gpa + first * stage->page,
			     .stride = (s64)(stride * stage->page),
			     .count = count } },
	};
	vcpu_start(&stage->vm->vcpus[0], writer_store, 0);
	return vcpu_run_one_of(&stage->vm->vcpus[0], 1U << VCPU_DONE |
							     1U << VCPU_FAULT |
							     1U << VCPU_OTHER);
}

void stage_access(struct stage *stage, enum writer_access access, u64 first,
		  u64 count, u64 stride)
{
	enum vcpu_event event = stage_try(stage, access, first, count, stride);
	char text[256];

	CHECK(event == VCPU_DONE,
	      "the guest came to access %llu of %llu pages from page %llu on: %s",
	      list_of(stage)->sequence, count, first,
	      event == VCPU_FAULT ?
		      "KVM_RUN failed with EFAULT" :
		      vcpu_exit_text(&stage->vm->vcpus[0], text, sizeof(text)));
}

void stage_expect_words(struct stage *stage, s64 generation, u64 first,
			u64 count, u64 stride)
{
	u64 digest = 0, page, i;

	stage_access(stage, WRITER_LOAD, first, count, stride);
	for (i = 0, page = first; i < count; i++, page += stride)
		digest = writer_digest(digest,
				       generation < 0 ?
					       0 :
					       stage_word(page,
							  (u64)generation));
	CHECK(list_of(stage)->digest == digest,
	      "the guest does not read in %llu pages from page %llu on what the host has there (%s)",
	      count, first, generation < 0 ? "zeroes" : "the page's number");
}

void stage_store(struct stage *stage, u64 first, u64 count, u64 stride)
{
	u64 page, i;

	stage_access(stage, WRITER_STORE, first, count, stride);
	for (i = 0, page = first; i < count; i++, page += stride)
		CHECK(*word_of(stage, page) == stamp(0, i + 1),
		      "the guest stored %#llx into page %llu, where the host reads %#llx",
		      stamp(0, i + 1), page, *word_of(stage, page));
}

void stage_expect_dirty(struct stage *stage, u64 first, u64 count, u64 stride,
			const char *what)
{
	unsigned long *written = bitmap_new(stage->pages);
	u64 i;

	for (i = 0; i < count; i++)
		bitmap_set(written, first + i * stride);
	dirty_harvest(stage->dirty, stage->watched, NULL);
	exact_judge(what, written, stage->watched->fresh, stage->pages);
	free(written);
}

size_t stage_reached(struct stage *stage, enum operation operation, u64 first,
		     u64 count, u64 stride)
{
	size_t calls, i;

	operations_collect(&stage->watch);
	calls = operations_count(&stage->watch, operation, stage->gpa,
				 stage->pages * stage->page);
	for (i = 0; i < count; i++) {
		u64 page = first + i * stride;

		CHECK(operations_count(&stage->watch, operation,
				       stage->gpa + page * stage->page,
				       stage->page),
		      "the operation %s was not reached for page %llu (%zu calls concern the slot)",
		      operation_name(operation), page, calls);
	}
	report_info("reached: %s, %zu calls", operation_name(operation), calls);
	return calls;
}

void stage_not_reached(struct stage *stage, enum operation operation,
		       const char *why)
{
	size_t calls;

	operations_collect(&stage->watch);
	calls = operations_count(&stage->watch, operation, stage->gpa,
				 stage->pages * stage->page);
	CHECK(!calls, "the operation %s was done %zu times to the slot: %s",
	      operation_name(operation), calls, why);
}

void stage_mapped_by(struct stage *stage, u64 size, u64 first, u64 count,
		     u64 stride)
{
	u64 seen = operations_size(&stage->watch, OPERATION_MAP,
				   stage->gpa + first * stage->page,
				   ((count - 1) * stride + 1) * stage->page);

	CHECK(seen != OPERATION_SIZES_DIFFER,
	      "memory was mapped by several sizes, where %llu bytes were due",
	      size);
	CHECK(!seen || seen == size,
	      "memory was mapped by %llu bytes at a time, where %llu were due",
	      seen, size);
}
