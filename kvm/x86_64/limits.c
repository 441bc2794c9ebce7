// SPDX-License-Identifier: GPL-2.0-only
/* x86: MAXPHYADDR. */
#include <errno.h>

#include "../limits.h"
#include "kvm/arch.h"
#include "kvm/x86_64/paging.h"

#define VECTOR_PAGE_FAULT 14
/*
 * Page-fault error code: reserved bit set. The manuals set bit 0 (present) with
 * it, QEMU 7.2's TCG does not (do_fault_rsvd).
 */
#define ERROR_RESERVED (1ULL << 3)

const unsigned int *limits_sizes(size_t *count)
{
	static const unsigned int sizes[] = { 0 };

	*count = ARRAY_SIZE(sizes);
	return sizes;
}

unsigned int limits_bits(unsigned int bits)
{
	return bits ? 0 : arch_physical_bits(NULL);
}

bool limits_named_beyond(unsigned int *bits)
{
	*bits = 0;
	return true;
}

bool limits_can_choose(void)
{
	return false;
}

/*
 * kvm_mmu_max_gfn(): with shadow paging, all addresses that fit into an entry.
 */
unsigned int limits_slot_bits(unsigned int bits)
{
	return shadow_paging() ? 52 : bits;
}

/* kvm_arch_prepare_memory_region(): kvm_mmu_max_gfn() */
int limits_slot_error(void)
{
	return EINVAL;
}

unsigned int limits_addressable_bits(struct vm *vm)
{
	(void)vm;
	/* Bit 51 is the last of an entry's address. */
	return 52;
}

/* Bits of an entry's address from MAXPHYADDR on are reserved. */
bool limits_is_abort(const struct guest_exception *exception,
		     enum limits_access access)
{
	(void)access;
	return exception->vector == VECTOR_PAGE_FAULT &&
	       exception->code & ERROR_RESERVED;
}

const char *limits_abort_text(void)
{
	return "a page fault for a reserved bit";
}

bool limits_fetch_aborts(void)
{
	return false;
}
