// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of guest physical memory: memory works up to its last page, and no
 * slot goes beyond. What a guest touches where no memory is goes to user space
 * with its address; what it touches beyond the end is the exception that the
 * architecture demands; and nothing hangs.
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
/* All that KVM_CREATE_VM's argument has room for. */
#define BITS_MAX 255
/*
 * Closing a VM walks all of its addresses, 1 GiB at a time where pages are of
 * 4 KiB (stage2_destroy_range() from 6.18 on): with 52 bits that is four million
 * steps, and takes seconds in an emulator. A check does without.
 */
#define BITS_QUICK 48
#define WORD	   0x5ec3301234567890ULL

struct variant {
	unsigned int bits; /* 0: the default */
};

/**
 * struct space - a VM and the end of its memory
 * @vm: VM with one vCPU
 * @bits: the size of its guest physical addresses, bits
 * @end: the first address beyond, bytes; 0 with 64 bits
 * @backing: a few pages
 * @slot: not created yet
 * @window: where the next address is mapped in the guest
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

/* Returns false if there can be no such VM, and KVM said so. */
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
		      "KVM_CREATE_VM with %u bits: %s where the machine has %u and EINVAL is documented",
		      asked_bits, fd < 0 ? errno_name(-fd) : "success",
		      arch_physical_bits(NULL));
		report_info("refused: the machine has %u bits",
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

/* One access to a guest physical address, by a page of the guest's own. */
static enum vcpu_event touch(struct space *space, enum writer_access access,
			     u64 gpa, u64 *gva)
{
	struct vcpu *vcpu = &space->vm->vcpus[0];
	struct writer_list *list = writer_list_of(vcpu->guest);
	u64 offset = gpa % space->vm->granule;

	*gva = space->window + offset;
	vm_map(space->vm, space->window, gpa - offset, space->vm->granule,
	       space->vm->granule);
	/* A new address each time: no entry of a TLB is stale. */
	space->window += space->vm->granule;
	*list = (struct writer_list){
		.count = 1,
		.access = access,
		.store = { { .gva = *gva, .count = 1 } },
	};
	/* A refusal may be another one's than the guest's own exception. */
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
		return "it was as if there were memory";
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
	CHECK(event == VCPU_DONE, "a load at %#llx, in a slot: %s", gpa,
	      outcome(space, event));
	CHECK(list->digest == writer_digest(0, WORD),
	      "a load at %#llx, in a slot, gave something else than the host has there",
	      gpa);
	event = touch(space, WRITER_STORE, gpa, &gva);
	CHECK(event == VCPU_DONE, "a store at %#llx, in a slot: %s", gpa,
	      outcome(space, event));
	CHECK(*(volatile u64 *)word == stamp(0, 1),
	      "a store at %#llx, in a slot, does not show in the host's memory",
	      gpa);
}

/* Within the limit, no slot: user space gets the address. */
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
		      "an access to %#llx, where no slot is: %s", gpa,
		      outcome(space, event));
		CHECK(seen == gpa,
		      "an access to %#llx, where no slot is, came to user space as one to %#llx",
		      gpa, seen);
	}
	if (!limits_fetch_aborts())
		return;
	event = touch(space, WRITER_FETCH, gpa, &gva);
	CHECK(event == VCPU_REFUSED &&
		      limits_is_abort(&space->vm->vcpus[0].guest->exception,
				      LIMITS_FETCH),
	      "a fetch from %#llx, where no slot is: %s where %s is due", gpa,
	      outcome(space, event), limits_abort_text());
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
		      "an access to %#llx, beyond %u bits: %s where %s is due",
		      gpa, space->bits, outcome(space, event),
		      limits_abort_text());
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
		report_info("a guest of the harness cannot name addresses of %u bits: nothing beyond it, and no access at the limit",
			    space.bits);
		expect_hole(&space, (1ULL << bits) - space.page);
		tear_down(&space);
		return;
	}
	/* Before there is a slot, and with one up to the end. */
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
	/* And all is as before. */
	expect_memory(&space, space.slot.gpa + last,
		      (u64 *)((char *)space.backing.hva + last));
	slot_delete(&space.slot);
	tear_down(&space);
}

/*
 * What is told of an abort is where the guest has touched: FAR_EL1, CR2 are
 * virtual addresses. Another one than the guest physical address, so that they
 * cannot be taken for each other.
 */
static void test_address(void)
{
	enum vcpu_event event;
	struct space space;
	unsigned int bits;
	u64 gva, seen;

	if (!limits_named_beyond(&bits) || !build(&space, bits))
		return;
	/* Of 52 bits all can be named, and what would be the next is no address. */
	if (limits_addressable_bits(space.vm) <= space.bits)
		skip("guest page tables that name addresses beyond those that the guest has",
		     "use a processor with fewer physical address bits");
	event = touch(&space, WRITER_LOAD, space.end + space.page, &gva);
	CHECK(event == VCPU_REFUSED, "an access to %#llx, beyond %u bits: %s",
	      space.end + space.page, space.bits, outcome(&space, event));
	seen = space.vm->vcpus[0].guest->exception.address;
	CHECK(seen == gva,
	      "the guest touched its address %#llx, which is guest physical %#llx: the abort tells it %#llx",
	      gva, space.end + space.page, seen);
	tear_down(&space);
}

static void expect_refused(struct space *space, u64 gpa, int due,
			   const char *what)
{
	struct memslot slot = space->slot;
	int error;

	slot.gpa = gpa;
	error = __slot_set(&slot);
	CHECK(error == -due, "a slot at %#llx, %s: %s where %s is due", gpa,
	      what, error ? errno_name(-error) : "success", errno_name(due));
}

static void test_slots(const struct variant *variant)
{
	int due = limits_slot_error();
	struct space space;
	u64 size, end;

	if (!build(&space, variant->bits))
		return;
	size = space.slot.size;
	end = 1ULL << limits_slot_bits(space.bits);
	expect_refused(&space, end, due, "at the limit");
	expect_refused(&space, end - space.page, due,
		       "all but a page of it beyond the limit");
	expect_refused(&space, end - size + space.page, due,
		       "a page of it beyond the limit");
	expect_refused(&space, 1ULL << 62, due, "far beyond the limit");
	expect_refused(&space, 0 - space.page, EINVAL, "that wraps");
	expect_refused(&space, 0 - size, EINVAL, "that ends at 2^64");

	/* To be moved there is as bad, and leaves it where it was. */
	space.slot.gpa = end - size;
	slot_set(&space.slot);
	expect_refused(&space, end - size + space.page, due,
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
		unsigned int due = limits_bits(bits);
		int fd;

		if (bits > BITS_QUICK && due == bits &&
		    options()->mode == MODE_CHECK)
			continue;
		fd = __vm_create_only(&config);
		if (due)
			CHECK(fd >= 0, "KVM_CREATE_VM with %u bits failed: %s",
			      bits, errno_name(-fd));
		else
			CHECK(fd == -EINVAL,
			      "KVM_CREATE_VM with %u bits: %s where EINVAL is documented",
			      bits, fd < 0 ? errno_name(-fd) : "success");
		made += fd >= 0;
		if (fd >= 0)
			close(fd);
		/* Where no size is refused, closing VMs takes its time. */
		if (due && limits_bits(BITS_MAX))
			bits += BITS_MAX / 8;
	}
	report_info("%u VMs were created, the largest size is %u bits", made,
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
