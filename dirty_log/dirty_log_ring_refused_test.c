// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty rings that cannot be: of a wrong size, asked for too late or twice, and
 * what a VM with rings does not have. Each gets its errno
 * (Documentation/virt/kvm/api.rst 8.29), and nothing is changed by it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kvm/arch.h"
#include "core/bitmap.h"
#include "core/cases.h"
#include "core/report.h"
#include "dirty/dirty_vm.h"

#define SLOT_BYTES (2UL << 20)
#define STORES	   16

/* What is asked for, and what the kernel offers. */
struct wanted {
	enum dirty_mode mode;
	u32 capability;
	u64 smallest;
	u64 largest;
};

/*
 * At least a page, and what is reserved (kvm_dirty_ring_get_rsvd_entries()); a power
 * of two.
 */
static u64 smallest_by_rule(void)
{
	u64 least = (DIRTY_RING_RESERVED + arch_dirty_log_size()) *
		    sizeof(struct kvm_dirty_gfn);
	u64 bytes = (u64)sysconf(_SC_PAGESIZE);

	while (bytes < least)
		bytes *= 2;
	return bytes;
}

static struct wanted want(const struct test_case *test)
{
	struct wanted wanted = { .mode = dirty_mode_rings[test->number[0]] };
	struct vm_config config = { .vcpus = 1 };

	/* Skips where there is none. */
	dirty_mode_configure(wanted.mode, &config, U32_MAX);
	wanted.capability = config.ring_capability;
	wanted.largest = config.ring_entries * sizeof(struct kvm_dirty_gfn);
	wanted.smallest = smallest_by_rule();
	return wanted;
}

static void expect(struct vm *vm, const struct wanted *wanted, u64 bytes,
		   int error, const char *what)
{
	int result = __vm_enable_cap(vm, wanted->capability, bytes);

	CHECK(result == error, "a ring of %llu bytes, %s: expected %s, got %s",
	      bytes, what, error ? errno_name(-error) : "success",
	      result ? errno_name(-result) : "success");
}

static struct vm bare_vm(void)
{
	const struct vm_config config = { .vcpus = 1 };
	struct vm vm = { .fd = __vm_create_only(&config) };

	CHECK(vm.fd >= 0, "KVM_CREATE_VM failed: %s", errno_name(-vm.fd));
	return vm;
}

/* kvm_vm_ioctl_enable_dirty_log_ring() */
static void test_sizes(const struct test_case *test)
{
	const struct wanted wanted = want(test);
	struct vm vm = bare_vm();

	expect(&vm, &wanted, 0, -EINVAL, "nothing");
	expect(&vm, &wanted, 16, -EINVAL, "one entry");
	expect(&vm, &wanted, wanted.smallest / 2, -EINVAL,
	       "half of the smallest");
	expect(&vm, &wanted, wanted.smallest + 16, -EINVAL, "no power of two");
	expect(&vm, &wanted, wanted.smallest * 3, -EINVAL, "no power of two");
	expect(&vm, &wanted, wanted.largest * 2, -E2BIG,
	       "more than is offered");
	expect(&vm, &wanted, 1ULL << 31, -E2BIG, "far more than is offered");
	/* None of these counts as the one that is allowed. */
	expect(&vm, &wanted, wanted.smallest, 0, "the smallest");
	close(vm.fd);
	vm = bare_vm();
	expect(&vm, &wanted, wanted.largest, 0, "the largest");
	close(vm.fd);
}

static void test_twice(const struct test_case *test)
{
	const struct wanted wanted = want(test);
	struct vm vm = bare_vm();

	expect(&vm, &wanted, wanted.smallest, 0, "the first");
	expect(&vm, &wanted, wanted.smallest, -EINVAL, "the same again");
	expect(&vm, &wanted, wanted.smallest * 2, -EINVAL,
	       "another one behind the first");
	close(vm.fd);
}

/* A vCPU gets its ring when it is made. */
static void test_late(const struct test_case *test)
{
	const struct wanted wanted = want(test);
	struct vm *vm = vm_create(NULL);
	int error;

	expect(vm, &wanted, wanted.smallest, -EINVAL, "when there is a vCPU");
	error = __vm_ioctl(vm, KVM_RESET_DIRTY_RINGS, 0);
	CHECK(error == -EINVAL,
	      "KVM_RESET_DIRTY_RINGS of a VM without rings: expected EINVAL, got %s",
	      error < 0 ? errno_name(-error) : "success");
	vm_destroy(vm);
}

/* The bitmap beside rings: after them, and before the first slot (7.36). */
static void test_bitmap(const struct test_case *test)
{
	const struct wanted wanted = want(test);
	struct vm vm = bare_vm();
	struct backing_request request = {
		.kind = BACKING_ANONYMOUS,
		.size = SLOT_BYTES,
		.fd = -1,
	};
	struct backing backing;
	struct memslot slot;
	int error, due;

	error = __vm_enable_cap(&vm, KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, 0);
	CHECK(error == -EINVAL,
	      "a bitmap before rings are enabled: expected EINVAL, got %s",
	      error ? errno_name(-error) : "success");
	expect(&vm, &wanted, wanted.smallest, 0, "the first");
	backing_create(&backing, &request);
	slot_add(&vm, &slot, SLOT_TEST_FIRST, GPA_TEST, &backing, 0);
	error = __vm_enable_cap(&vm, KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, 0);
	CHECK(error == -EINVAL,
	      "a bitmap beside rings after a slot was created: expected EINVAL, got %s",
	      error ? errno_name(-error) : "success");
	slot_delete(&slot);
	error = __vm_enable_cap(&vm, KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, 0);
	due = kvm_check_extension(KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP) > 0 ?
		      0 :
		      -EINVAL;
	CHECK(error == due, "a bitmap beside rings: expected %s, got %s",
	      due ? errno_name(-due) : "success",
	      error ? errno_name(-error) : "success");
	close(vm.fd);
	backing_destroy(&backing);
}

/* A slot of a VM with rings has no log to get, unless there is a bitmap. */
static void test_log(const struct test_case *test)
{
	const struct wanted wanted = want(test);
	const struct dirty_vm_config config = {
		.mode = wanted.mode,
		.backing = BACKING_ANONYMOUS,
		.vcpus = 1,
		.slots = 1,
		.slot_bytes = SLOT_BYTES,
	};
	struct writer_list list = { .count = 1 };
	bool bitmap = wanted.mode == DIRTY_MODE_RING_BITMAP;
	unsigned long *log;
	struct dirty_vm fixture;
	size_t pages;
	int error;

	dirty_vm_init(&fixture, &config);
	log = bitmap_new(fixture.watched[0]->pages);
	dirty_enable(fixture.dirty, fixture.watched[0]);
	error = __dirty_get(&fixture.slot[0], log);
	CHECK(error == (bitmap ? 0 : -ENXIO),
	      "KVM_GET_DIRTY_LOG of a VM with rings: expected %s, got %s",
	      bitmap ? "success" : "ENXIO",
	      error ? errno_name(-error) : "success");
	error = __dirty_clear(fixture.vm, fixture.slot[0].id, 0,
			      (u32)fixture.watched[0]->pages, log);
	CHECK(error == (bitmap ? 0 : -ENXIO),
	      "KVM_CLEAR_DIRTY_LOG of a VM with rings: expected %s, got %s",
	      bitmap ? "success" : "ENXIO",
	      error ? errno_name(-error) : "success");
	/* The rings work none the less. */
	list.store[0] = (struct writer_store){
		.gva = fixture.slot[0].gpa,
		.stride = (s64)fixture.vm->page_size,
		.count = STORES,
	};
	dirty_vm_store(&fixture, 0, &list);
	pages = dirty_harvest(fixture.dirty, fixture.watched[0], NULL);
	CHECK(pages == STORES, "%d pages were written, %zu are in the ring",
	      STORES, pages);
	free(log);
	dirty_vm_destroy(&fixture);
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	static const struct {
		const char *name;
		void (*run)(const struct test_case *test);
	} tests[] = {
		{ "sizes", test_sizes }, { "twice", test_twice },
		{ "late", test_late },	 { "bitmap", test_bitmap },
		{ "no_log", test_log },
	};
	size_t count = 0, ring, i;
	struct test_case *test;

	(void)options;
	for (ring = 0; ring < DIRTY_MODE_RINGS; ring++) {
		if (!dirty_mode_exists(dirty_mode_rings[ring]))
			continue;
		for (i = 0; i < ARRAY_SIZE(tests); i++) {
			test = case_add(cases, &count, max, tests[i].run);
			test->number[0] = ring;
			snprintf(test->name, sizeof(test->name), "%s/%s",
				 tests[i].name,
				 dirty_mode_name(dirty_mode_rings[ring]));
		}
	}
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "dirty_log_ring_refused_test",
		.summary =
			"dirty rings that cannot be are refused, by the errno that is documented",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
