// SPDX-License-Identifier: GPL-2.0-only
/* arm64: the size of the IPA space. */
#include <errno.h>

#include "../limits.h"
#include "kvm/arch.h"
#include "core/cases.h"
#include "protected.h"
#include "kvm/arm64/state_arm64.h"

/* ARM64_MIN_PARANGE_BITS of arch/arm64/kvm/mmu.c */
#define BITS_MIN     32
#define ADDRESS_BITS 48

#define ESR_CLASS(esr)	((esr) >> 26 & 0x3f)
#define ESR_STATUS(esr) ((esr)&0x3f)
#define CLASS_FETCH	0x21
#define CLASS_DATA	0x25
/* Synchronous external abort, not on a walk of page tables. */
#define STATUS_EXTERNAL 0x10

/*
 * kvm_init_ipa_range(): in protected mode every VM has the largest size,
 * whatever it requests. kvm_arm_setup_stage2() before 6.2 did not do that.
 */
static bool has_one_size(void)
{
	static const struct needs needs = { .kernel_min = NEEDS_KERNEL(6, 2) };

	return protected_mode() && needs_met(&needs, NULL);
}

const unsigned int *limits_sizes(size_t *count)
{
	static const unsigned int sizes[] = { 0,  32, 33, 36, 39, 40,
					      42, 44, 47, 48, 52 };

	*count = ARRAY_SIZE(sizes);
	/* All sizes are the same there, and closing a VM is slow. */
	if (has_one_size())
		*count = 2;
	return sizes;
}

unsigned int limits_bits(unsigned int bits)
{
	unsigned int most = arch_physical_bits(NULL);

	if (has_one_size())
		return most;
	if (!bits)
		bits = 40;
	return bits < BITS_MIN || bits > most ? 0 : bits;
}

bool limits_named_beyond(unsigned int *bits)
{
	*bits = BITS_MIN;
	return !has_one_size();
}

bool limits_can_choose(void)
{
	return true;
}

unsigned int limits_slot_bits(unsigned int bits)
{
	return bits;
}

/* kvm_arch_prepare_memory_region() */
int limits_slot_error(void)
{
	return EFAULT;
}

/*
 * ID_AA64MMFR0_EL1.PARange, as far as the guest's descriptors go. For a VM of
 * the default size, TCR_EL1.IPS is that size.
 */
unsigned int limits_addressable_bits(struct vm *vm)
{
	static const unsigned int bits[] = { 32, 36, 40, 42, 44, 48 };
	u64 range = arm64_get_register(&vm->vcpus[0], REG_MMFR0) & 0xf;

	if (!vm->config.physical_bits)
		return arch_physical_bits(&vm->config);
	return range < ARRAY_SIZE(bits) ? bits[range] : ADDRESS_BITS;
}

/* kvm_handle_guest_abort(): "Falls between the IPA range and the PARange?" */
bool limits_is_abort(const struct guest_exception *exception,
		     enum limits_access access)
{
	return ESR_CLASS(exception->code) ==
		       (access == LIMITS_FETCH ? CLASS_FETCH : CLASS_DATA) &&
	       ESR_STATUS(exception->code) == STATUS_EXTERNAL;
}

const char *limits_abort_text(void)
{
	return "a synchronous external abort";
}

bool limits_fetch_aborts(void)
{
	return true;
}
