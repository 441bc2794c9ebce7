// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of guest physical memory. Memory works up to the last page, and no
 * slot ends beyond it. An access outside every slot exits to user space with
 * its address. An access beyond the end takes the exception that the
 * architecture defines. Nothing hangs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kvm/arch.h"
#include "mem/backing.h"
#include "limits.h"
#include "core/report.h"
#include "core/variant.h"
#include "kvm/stamp.h"
#include "kvm/writer.h"

#define PAGES 4
/* The largest size that KVM_CREATE_VM's argument can name. */
#define BITS_MAX 255
/*
 * Closing a VM walks its whole address space, 1 GiB at a time with pages of 4
 * KiB (stage2_destroy_range() from 6.18 on). With 52 bits these are four
 * million steps, seconds in an emulator: a check leaves larger sizes out.
 */
#define BITS_QUICK 48
#define WORD	   0x5ec3301234567890ULL

struct variant {
	unsigned int bits; /* 0: the default */
};

/**
 * struct space - a VM and the end of its guest physical memory
 * @vm: VM with one vCPU
 * @bits: size of the address space
 * @end: the first address beyond, bytes
 * @backing: memory of a few pages
 * @slot: slot of it, not created yet
 * @window: guest virtual address for the next access
 * @page: host page size, bytes
 */
struct space {
	struct vm *vm;
	unsigned int bits;
	u64 end;
	struct backing backing;
	struct memslot slot;
	u64 window;
	u64 page;
};

/* False if there is no such VM, and KVM rejected it. */
static bool build(struct space *space, unsigned int asked_bits)
{
	struct vm_config config = { .physical_bits = asked_bits };
	struct backing_request request = {
		.kind = BACKING_ANONYMOUS,
		.size = PAGES * backing_page_size(BACKING_ANONYMOUS),
		.flags = BACKING_POPULATE,
		.fd = -1,
	};
	unsigned int bits = limits_bits(asked_bits);
	int fd;

	memset(space, 0, sizeof(*space));
	if (!bits) {
		fd = __vm_create_only(&config);
		CHECK(fd == -EINVAL,
		      "KVM_CREATE_VM with %u bits: expected EINVAL, got %s; the machine has %u bits",
		      asked_bits, fd < 0 ? errno_name(-fd) : "success",
		      arch_physical_bits(NULL));
		report_info("rejected: the machine has %u bits",
			    arch_physical_bits(NULL));
		return false;
	}
	backing_create(&space->backing, &request);
	space->vm = vm_create(&config);
	space->vm->vcpus[0].refusal_allowed = true;
	space->bits = bits;
	space->end = 1ULL << bits;
	space->page = space->vm->page_size;
	space->window = GPA_TEST;
	space->slot = (struct memslot){
		.vm = space->vm,
		.id = SLOT_TEST_FIRST,
		.size = space->backing.size,
		.hva = space->backing.hva,
		.guest_memfd = -1,
	};
	return true;
}

static void tear_down(struct space *space)
{
	vm_destroy(space->vm);
	backing_destroy(&space->backing);
}

/* One access to a guest physical address, by a guest page that maps it. */
static enum vcpu_event touch(struct space *space, enum writer_access access,
			     u64 gpa, u64 *gva)
{
	struct vcpu *vcpu = &space->vm->vcpus[0];
	struct writer_list *list = writer_list_of(vcpu->guest);
	u64 offset = gpa % space->vm->granule;

	*gva = space->window + offset;
	vm_map(space->vm, space->window, gpa - offset, space->vm->granule,
	       space->vm->granule);
	/* A new virtual address each time, so that no TLB entry is stale. */
	space->window += space->vm->granule;
	*list = (struct writer_list){
		.count = 1,
		.access = access,
		.store = { { .gva = *gva, .count = 1 } },
	};
	/* A refused access may leave an earlier exception in place. */
	memset(&vcpu->guest->exception, 0, sizeof(vcpu->guest->exception));
	vcpu_start(vcpu, writer_store, 0);
	return vcpu_run_one_of(vcpu, 1U << VCPU_DONE | 1U << VCPU_FAULT |
					     1U << VCPU_REFUSED |
					     1U << VCPU_OTHER);
}

static const char *outcome(struct space *space, enum vcpu_event event)
{
	static char text[256];

	switch (event) {
	case VCPU_DONE:
		return "success";
	case VCPU_FAULT:
		return "KVM_RUN failed with EFAULT";
	case VCPU_REFUSED:
		arch_exception_text(space->vm->vcpus[0].guest, text,
				    sizeof(text));
		return text;
	default:
		return vcpu_exit_text(&space->vm->vcpus[0], text, sizeof(text));
	}
}

static void expect_memory(struct space *space, u64 gpa, u64 *word)
{
	struct writer_list *list = writer_list_of(space->vm->vcpus[0].guest);
	enum vcpu_event event;
	u64 gva;

	*word = WORD;
	event = touch(space, WRITER_LOAD, gpa, &gva);
	CHECK(event == VCPU_DONE,
	      "a load at %#llx, in a slot: expected success, got %s", gpa,
	      outcome(space, event));
	CHECK(list->digest == writer_digest(0, WORD),
	      "a load at %#llx, in a slot: the guest reads another word than the host",
	      gpa);
	event = touch(space, WRITER_STORE, gpa, &gva);
	CHECK(event == VCPU_DONE,
	      "a store at %#llx, in a slot: expected success, got %s", gpa,
	      outcome(space, event));
	CHECK(*(volatile u64 *)word == stamp(0, 1),
	      "a store at %#llx, in a slot: the host reads another word than the guest stored",
	      gpa);
}

/*
 * Within the limit and outside every slot: an exit to user space with the
 * address.
 */
static void expect_hole(struct space *space, u64 gpa)
{
	static const enum writer_access accesses[] = { WRITER_LOAD,
						       WRITER_STORE };
	enum vcpu_event event;
	u64 gva, seen;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(accesses); i++) {
		event = touch(space, accesses[i], gpa, &gva);
		CHECK(event == VCPU_OTHER &&
			      vcpu_mmio(&space->vm->vcpus[0], &seen),
		      "an access to %#llx, outside every slot: expected an exit to user space, got %s",
		      gpa, outcome(space, event));
		CHECK(seen == gpa,
		      "an access to %#llx, outside every slot, exited to user space as one to %#llx",
		      gpa, seen);
	}
	if (!limits_fetch_aborts())
		return;
	event = touch(space, WRITER_FETCH, gpa, &gva);
	CHECK(event == VCPU_REFUSED &&
		      limits_is_abort(&space->vm->vcpus[0].guest->exception,
				      LIMITS_FETCH),
	      "a fetch from %#llx, outside every slot: expected %s, got %s",
	      gpa, limits_abort_text(), outcome(space, event));
}
static void expect_abort(struct space *space, u64 gpa)
{
	static const enum writer_access accesses[] = { WRITER_LOAD,
						       WRITER_STORE,
						       WRITER_FETCH };
	enum vcpu_event event;
	u64 gva;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(accesses); i++) {
		event = touch(space, accesses[i], gpa, &gva);
		CHECK(event == VCPU_REFUSED &&
			      limits_is_abort(&space->vm->vcpus[0]
						       .guest->exception,
					      accesses[i] == WRITER_FETCH ?
						      LIMITS_FETCH :
						      LIMITS_DATA),
		      "an access to %#llx, beyond %u bits: expected %s, got %s",
		      gpa, space->bits, limits_abort_text(),
		      outcome(space, event));
	}
}

static void test_access(const struct variant *variant)
{
	struct space space;
	u64 last, gpa;
	unsigned int bits;

	if (!build(&space, variant->bits))
		return;
	last = PAGES * space.page - sizeof(u64);
	bits = limits_addressable_bits(space.vm);
	if (bits < space.bits) {
		report_info("guest page tables cannot name addresses of %u bits: no access at the limit or beyond",
			    space.bits);
		expect_hole(&space, (1ULL << bits) - space.page);
		tear_down(&space);
		return;
	}
	/* Without a slot, then with a slot up to the end. */
	expect_hole(&space, space.end - space.page);
	space.slot.gpa = space.end - space.slot.size;
	slot_set(&space.slot);
	expect_memory(&space, space.slot.gpa, space.backing.hva);
	expect_memory(&space, space.slot.gpa + last,
		      (u64 *)((char *)space.backing.hva + last));
	expect_hole(&space, space.slot.gpa - sizeof(u64));

	for (gpa = space.end; gpa < 1ULL << bits; gpa <<= 1) {
		expect_abort(&space, gpa);
		expect_abort(&space, gpa + space.page);
	}
	if (bits > space.bits)
		expect_abort(&space, (1ULL << bits) - sizeof(u64));
	report_info("%u bits, addresses up to %u bits tried", space.bits, bits);
	/* The slot's memory still works. */
	expect_memory(&space, space.slot.gpa + last,
		      (u64 *)((char *)space.backing.hva + last));
	slot_delete(&space.slot);
	tear_down(&space);
}

/*
 * FAR_EL1 and CR2 report virtual addresses. The access uses one that differs
 * from the guest physical address, so that they cannot be mixed up.
 */
static void test_address(void)
{
	enum vcpu_event event;
	struct space space;
	unsigned int bits;
	u64 gva, seen;

	if (!limits_named_beyond(&bits) || !build(&space, bits))
		return;
	/* With 52 bits, page tables cannot name an address beyond them. */
	if (limits_addressable_bits(space.vm) <= space.bits)
		skip("guest page tables that can name addresses beyond the guest's",
		     "use a processor with fewer physical address bits");
	event = touch(&space, WRITER_LOAD, space.end + space.page, &gva);
	CHECK(event == VCPU_REFUSED,
	      "an access to %#llx, beyond %u bits: expected an abort, got %s",
	      space.end + space.page, space.bits, outcome(&space, event));
	seen = space.vm->vcpus[0].guest->exception.address;
	CHECK(seen == gva,
	      "an access to %#llx, guest physical %#llx: the abort reports %#llx",
	      gva, space.end + space.page, seen);
	tear_down(&space);
}

static void expect_refused(struct space *space, u64 gpa, int expected,
			   const char *what)
{
	struct memslot slot = space->slot;
	int error;

	slot.gpa = gpa;
	error = __slot_set(&slot);
	CHECK(error == -expected, "a slot at %#llx, %s: expected %s, got %s",
	      gpa, what, errno_name(expected),
	      error ? errno_name(-error) : "success");
}

static void test_slots(const struct variant *variant)
{
	int expected = limits_slot_error();
	struct space space;
	u64 size, end;

	if (!build(&space, variant->bits))
		return;
	size = space.slot.size;
	end = 1ULL << limits_slot_bits(space.bits);
	expect_refused(&space, end, expected, "at the limit");
	expect_refused(&space, end - space.page, expected,
		       "all but a page of it beyond the limit");
	expect_refused(&space, end - size + space.page, expected,
		       "a page of it beyond the limit");
	expect_refused(&space, 1ULL << 62, expected, "far beyond the limit");
	expect_refused(&space, 0 - space.page, EINVAL, "that wraps");
	expect_refused(&space, 0 - size, EINVAL, "that ends at 2^64");

	/*
	 * A move beyond the limit is rejected too, and the slot stays where it
	 * is.
	 */
	space.slot.gpa = end - size;
	slot_set(&space.slot);
	expect_refused(&space, end - size + space.page, expected,
		       "moved beyond the limit");
	if (end == space.end && limits_addressable_bits(space.vm) >= space.bits)
		expect_memory(&space, space.slot.gpa, space.backing.hva);
	slot_delete(&space.slot);
	tear_down(&space);
}

static void test_sizes(void)
{
	unsigned int bits, made = 0;

	for (bits = 0; bits <= BITS_MAX; bits++) {
		const struct vm_config config = { .physical_bits = bits };
		unsigned int expected = limits_bits(bits);
		int fd;

		if (bits > BITS_QUICK && expected == bits &&
		    options()->mode == MODE_CHECK)
			continue;
		fd = __vm_create_only(&config);
		if (expected)
			CHECK(fd >= 0, "KVM_CREATE_VM with %u bits failed: %s",
			      bits, errno_name(-fd));
		else
			CHECK(fd == -EINVAL,
			      "KVM_CREATE_VM with %u bits: expected EINVAL, got %s",
			      bits, fd < 0 ? errno_name(-fd) : "success");
		made += fd >= 0;
		if (fd >= 0)
			close(fd);
		/*
		 * Where every size is accepted, try a few: closing VMs is slow.
		 */
		if (expected && limits_bits(BITS_MAX))
			bits += BITS_MAX / 8;
	}
	report_info("%u VMs created, the machine has %u bits", made,
		    arch_physical_bits(NULL));
}

static const struct choice *generate_sizes(size_t *count)
{
	const unsigned int *sizes = limits_sizes(count);
	static struct choice list[16];
	static char names[ARRAY_SIZE(list)][16];
	size_t i;

	CHECK(*count <= ARRAY_SIZE(list), "%zu sizes, more than %zu", *count,
	      ARRAY_SIZE(list));
	for (i = 0; i < *count; i++) {
		snprintf(names[i], sizeof(names[i]), "%u", sizes[i]);
		list[i] = (struct choice)CHOICE(sizes[i] ? names[i] : "default",
						sizes[i]);
	}
	return list;
}

static const struct choices sizes = { .generate = generate_sizes };

static const struct dimension dimensions[] = {
	DIMENSION(struct variant, bits, &sizes),
};

static bool is_quick(const struct variant *variant)
{
	return variant->bits <= BITS_QUICK || options()->mode != MODE_CHECK;
}

static bool can_choose(const void *unused)
{
	(void)unused;
	return limits_can_choose();
}

static bool can_name_beyond(const void *unused)
{
	unsigned int bits;

	(void)unused;
	return limits_named_beyond(&bits);
}

static const struct scenario scenarios[] = {
	{ .name = "create/sizes",
	  .plan = "KVM_CREATE_VM accepts the sizes that the machine supports, no others",
	  .run_alone = test_sizes,
	  .allowed = can_choose },
	{ .name = "abort/address",
	  .plan = "an abort beyond the limit reports the virtual address",
	  .run_alone = test_address,
	  .allowed = can_name_beyond },
	SCENARIO("slots", test_slots, struct variant, dimensions,
		 .sampling = SAMPLE_ALL,
		 .sampled = VARIANT_IF(struct variant, is_quick),
		 .plan = "slots end at the limit, not beyond it"),
	SCENARIO("access", test_access, struct variant, dimensions,
		 .sampling = SAMPLE_ALL,
		 .sampled = VARIANT_IF(struct variant, is_quick),
		 .plan = "accesses at the limit, outside slots and beyond the limit"),
};

TEST_PROGRAM(
	"ipa_limit_test",
	"memory works up to the last guest physical address, and accesses beyond it abort",
	scenarios, .needs = { .kvm = true })
