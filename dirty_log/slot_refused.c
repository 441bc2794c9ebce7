// SPDX-License-Identifier: GPL-2.0-only
/* What KVM refuses to do to a logged slot, and that it then has done nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/bitmap.h"
#include "exact_vm.h"
#include "mem/pci.h"
#include "core/report.h"
#include "slot_cases.h"
#include "dirty/write_sets.h"

#define GMEM_BYTES (2UL << 20)
/* KVM_MEM_MAX_NR_PAGES */
#define PAGES_MAX ((1ULL << 31) - 1)

static void refused(struct memslot slot, const char *what, int due)
{
	int error = __slot_set(&slot);

	CHECK(error == due, "%s: %s where %s is documented", what,
	      error ? errno_name(-error) : "success",
	      due ? errno_name(-due) : "success");
}

static void refuse_all(const struct memslot *slot)
{
	u64 page = slot->vm->page_size;
	struct memslot next = *slot, twin = *slot, change;

	refused(*slot, "a slot as it is", 0);
	change = *slot;
	change.flags |= KVM_MEM_READONLY;
	refused(change, "KVM_MEM_READONLY switched on", -EINVAL);
	change = *slot;
	change.flags |= 1U << 30;
	refused(change, "an unknown flag", -EINVAL);
	change = *slot;
	change.hva = (char *)slot->hva + page;
	refused(change, "other memory", -EINVAL);
	change = *slot;
	change.size -= page;
	refused(change, "a smaller size", -EINVAL);
	change.size += 2 * page;
	refused(change, "a larger size", -EINVAL);
	change.flags = 0;
	refused(change, "a larger size, and not logged", -EINVAL);
	change = *slot;
	change.gpa += page / 2;
	refused(change, "half a page further", -EINVAL);
	change = *slot;
	change.gpa = GPA_CONTROL;
	refused(change, "moved onto another slot", -EEXIST);
	change.gpa = GPA_CONTROL - slot->size + page;
	refused(change, "moved so that its end is in another slot", -EEXIST);
	change.gpa = -slot->size;
	refused(change, "moved to where addresses end", -EINVAL);

	twin.id++;
	refused(twin, "another slot at the same place", -EEXIST);
	twin.size = 0;
	refused(twin, "a slot deleted that does not exist", -EINVAL);
	next.id = 0x7fff;
	next.gpa += 16 * slot->size;
	refused(next, "a slot number out of range", -EINVAL);
	next.id = 0x70000 | slot->id;
	refused(next, "an address space that does not exist", -EINVAL);
	next.id = slot->id + 1;
	next.size = (PAGES_MAX + 1) * page;
	/* Whatever is there: so large that it must begin low. */
	next.hva = (void *)0x10000;
	refused(next, "a slot of more pages than a log can have", -EINVAL);
}

void slot_refused(const struct test_case *test)
{
	struct writer_list list = { 0 };
	struct exact exact;
	struct memslot readonly;

	exact_setup(&exact, test);
	exact_store_whole(&exact);
	exact_enable(&exact);
	write_set_whole(&list, exact.watched->slot);
	list.store[0].count /= 3;
	bitmap_zero(exact.written, exact.watched->pages);
	write_set_pages(&list, exact.watched->slot, exact.written);
	exact_store(&exact, &list);
	refuse_all(exact.watched->slot);
	exact_expect(&exact, "written before changes were refused");
	refuse_all(exact.watched->slot);
	exact_expect_nothing(&exact, "after changes were refused");
	exact_store(&exact, &list);
	bitmap_zero(exact.written, exact.watched->pages);
	write_set_pages(&list, exact.watched->slot, exact.written);
	exact_expect(&exact, "written after changes were refused");

	/* The same from the other side. */
	readonly = *exact.watched->slot;
	slot_delete(exact.watched->slot);
	readonly.flags = KVM_MEM_READONLY | KVM_MEM_LOG_DIRTY_PAGES;
	slot_set(&readonly);
	readonly.flags = KVM_MEM_LOG_DIRTY_PAGES;
	refused(readonly, "KVM_MEM_READONLY switched off", -EINVAL);
	exact_teardown(&exact);
}

void slot_refused_pfnmap(const struct test_case *test)
{
	int due = vm_can_log_io_memory() ? 0 : -EINVAL;
	struct vm *vm = vm_create(NULL);
	struct memslot slot = {
		.vm = vm,
		.id = SLOT_TEST_FIRST,
		.gpa = GPA_TEST,
		.size = vm->page_size,
		.hva = pci_map_memory(),
		.guest_memfd = -1,
	};
	unsigned long log = 0;

	(void)test;
	refused(slot, "a slot of a device's memory", 0);
	slot.flags = KVM_MEM_LOG_DIRTY_PAGES;
	refused(slot, "logging switched on for a device's memory", due);
	slot_delete(&slot);
	slot.size = vm->page_size;
	slot.flags = KVM_MEM_LOG_DIRTY_PAGES;
	refused(slot, "a logged slot of a device's memory", due);
	if (!due) {
		int error = __dirty_get(&slot, &log);

		CHECK(!error && !log,
		      "the log of a device's memory that nobody wrote: %s, pages %#lx",
		      errno_name(-error), log);
	}
	vm_destroy(vm);
}

/* check_memory_region_flags(), kvm_set_memory_region() */
void slot_refused_guest_memfd(const struct test_case *test)
{
	const struct backing_request request = {
		.kind = BACKING_ANONYMOUS,
		.size = GMEM_BYTES,
		.fd = -1,
	};
	struct backing backing;
	struct memslot slot, change;
	struct vm *vm = vm_create(NULL);

	(void)test;
	backing_create(&backing, &request);
	slot = (struct memslot){
		.vm = vm,
		.id = SLOT_TEST_FIRST,
		.gpa = GPA_TEST,
		.size = GMEM_BYTES,
		.hva = backing.hva,
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_memfd = vm_guest_memfd(vm, GMEM_BYTES),
	};
	change = slot;
	change.flags |= KVM_MEM_LOG_DIRTY_PAGES;
	refused(change, "a logged slot of guest_memfd", -EINVAL);
	slot_set(&slot);
	refused(change, "logging switched on for guest_memfd", -EINVAL);
	refused(slot, "a slot of guest_memfd as it is", -EINVAL);
	change = slot;
	change.gpa += 2 * GMEM_BYTES;
	refused(change, "a slot of guest_memfd moved", -EINVAL);
	change = slot;
	change.flags = KVM_MEM_LOG_DIRTY_PAGES;
	refused(change, "guest_memfd exchanged for a log", -EINVAL);
	slot_delete(&slot);
	/* As a slot of plain memory the same place can be logged. */
	slot.size = GMEM_BYTES;
	slot.flags = KVM_MEM_LOG_DIRTY_PAGES;
	slot_set(&slot);
	vm_destroy(vm);
	backing_destroy(&backing);
}
