// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM_SET_USER_MEMORY_REGION must reject. The errnos are those of
 * kvm_set_memory_region() (__kvm_set_memory_region() before 6.14); they have not
 * changed since 6.1.
 */
#include <errno.h>

#include "core/report.h"
#include "slot_rules.h"

/* Not a KVM_MEM_* flag in any release. */
#define FLAG_UNKNOWN (1U << 30)

/**
 * struct attempt - a change to try
 * @slot: the changed copy of a slot that exists
 * @other: another slot, or NULL
 * @unused: id of a slot that does not exist
 * @page: host page size, bytes
 */
struct attempt {
	struct memslot slot;
	const struct memslot *other;
	u32 unused;
	u64 page;
};

static void grow(struct attempt *attempt)
{
	attempt->slot.size += attempt->page;
}

static void change_memory(struct attempt *attempt)
{
	attempt->slot.hva = (char *)attempt->slot.hva + attempt->page;
}

static void change_read_only(struct attempt *attempt)
{
	attempt->slot.flags ^= KVM_MEM_READONLY;
}

static void copy_whole(struct attempt *attempt)
{
	attempt->slot.id = attempt->unused;
}

static void copy_last_page(struct attempt *attempt)
{
	attempt->slot.id = attempt->unused;
	attempt->slot.gpa += attempt->slot.size - attempt->page;
}

static void copy_to_first_page(struct attempt *attempt)
{
	attempt->slot.id = attempt->unused;
	attempt->slot.gpa -= attempt->slot.size - attempt->page;
}

static void move_onto(struct attempt *attempt)
{
	attempt->slot.gpa = attempt->other->gpa;
}

static void wrap(struct attempt *attempt)
{
	attempt->slot.id = attempt->unused;
	attempt->slot.gpa = 0 - attempt->page;
	attempt->slot.size = 2 * attempt->page;
}

static void wrap_memory(struct attempt *attempt)
{
	attempt->slot.id = attempt->unused;
	attempt->slot.gpa = 0;
	attempt->slot.hva = (void *)(uintptr_t)(0 - attempt->page);
	attempt->slot.size = 2 * attempt->page;
}

static void shift_address(struct attempt *attempt)
{
	attempt->slot.gpa++;
}

static void shift_memory(struct attempt *attempt)
{
	attempt->slot.hva = (char *)attempt->slot.hva + 1;
}

static void shift_size(struct attempt *attempt)
{
	attempt->slot.size++;
}

static void unknown_flag(struct attempt *attempt)
{
	attempt->slot.flags |= FLAG_UNKNOWN;
}

static void delete_unused(struct attempt *attempt)
{
	attempt->slot.id = attempt->unused;
	attempt->slot.size = 0;
}

static void beyond_ids(struct attempt *attempt)
{
	attempt->slot.id = U16_MAX;
}

static void beyond_spaces(struct attempt *attempt)
{
	/* api.rst 4.35: bits 16 to 31 name the address space. */
	attempt->slot.id |= 0x7fffU << 16;
}

static const struct {
	const char *name;
	void (*apply)(struct attempt *attempt);
	int error;
	bool needs_other;
} rules[] = {
	{ "the size changed", grow, EINVAL, false },
	{ "userspace_addr changed", change_memory, EINVAL, false },
	{ "KVM_MEM_READONLY toggled", change_read_only, EINVAL, false },
	{ "a second slot over all pages", copy_whole, EEXIST, false },
	{ "a second slot over the last page", copy_last_page, EEXIST, false },
	{ "a second slot over the first page", copy_to_first_page, EEXIST,
	  false },
	{ "moved onto another slot", move_onto, EEXIST, true },
	{ "guest addresses that wrap", wrap, EINVAL, false },
	{ "userspace addresses that wrap", wrap_memory, EINVAL, false },
	{ "an unaligned guest address", shift_address, EINVAL, false },
	{ "an unaligned userspace address", shift_memory, EINVAL, false },
	{ "an unaligned size", shift_size, EINVAL, false },
	{ "an unknown flag", unknown_flag, EINVAL, false },
	{ "deletion of a slot that does not exist", delete_unused, EINVAL,
	  false },
	{ "an id above the last one", beyond_ids, EINVAL, false },
	{ "an address space that does not exist", beyond_spaces, EINVAL,
	  false },
};

unsigned int slot_rules_count(void)
{
	return ARRAY_SIZE(rules);
}

const char *slot_rule_name(unsigned int rule)
{
	return rules[rule].name;
}

bool slot_rule_try(const struct memslot *slot, const struct memslot *other,
		   u32 unused, unsigned int rule)
{
	struct attempt attempt = {
		.slot = *slot,
		.other = other,
		.unused = unused,
		.page = slot->vm->page_size,
	};
	int error;

	if (rules[rule].needs_other && !other)
		return false;
	rules[rule].apply(&attempt);
	error = __slot_set(&attempt.slot);
	CHECK(error == -rules[rule].error, "slot %u, %s: expected %s, got %s",
	      slot->id, rules[rule].name, errno_name(rules[rule].error),
	      error ? errno_name(-error) : "success");
	return true;
}
