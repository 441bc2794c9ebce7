/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of guest physical memory as the architecture defines it:
 * arm64/limits.c and x86_64/limits.c.
 */
#ifndef SECMMU_LIMITS_H
#define SECMMU_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "kvm/vm.h"

/**
 * limits_sizes() - sizes of the guest physical address space to try
 * @count: number of sizes
 *
 * Return: bits, ascending; 0: the default. A machine may lack some of them.
 */
const unsigned int *limits_sizes(size_t *count);

/**
 * limits_bits() - the size that a VM gets
 * @bits: as requested; 0: the default
 *
 * Return: bits; 0 if KVM_CREATE_VM must reject the request.
 */
unsigned int limits_bits(unsigned int bits);

/**
 * limits_named_beyond() - a size beyond which guests can name addresses
 * @bits: filled in, for vm_config.physical_bits
 *
 * Return: false if the machine has none.
 */
bool limits_named_beyond(unsigned int *bits);

/**
 * limits_can_choose() - does KVM_CREATE_VM accept a size?
 *
 * Return: true if it does.
 */
bool limits_can_choose(void);

/**
 * limits_slot_bits() - the limit of memslots
 * @bits: size of the VM, from limits_bits()
 *
 * Return: bits.
 */
unsigned int limits_slot_bits(unsigned int bits);

/**
 * limits_slot_error() - errno for a slot that ends beyond the limit
 *
 * Return: a positive number.
 */
int limits_slot_error(void);

/**
 * limits_addressable_bits() - the largest address that a guest can name
 * @vm: VM
 *
 * Return: bits, with page tables as vm_map() builds them.
 */
unsigned int limits_addressable_bits(struct vm *vm);

/**
 * enum limits_access - kind of an access beyond the limit
 * @LIMITS_DATA: load or store
 * @LIMITS_FETCH: fetch
 */
enum limits_access {
	LIMITS_DATA,
	LIMITS_FETCH,
};

/**
 * limits_is_abort() - is this the exception that the architecture defines?
 * @exception: the exception that the guest took
 * @access: the access beyond the limit
 *
 * Return: true if it is, whatever address it reports.
 */
bool limits_is_abort(const struct guest_exception *exception,
		     enum limits_access access);

/**
 * limits_abort_text() - name of that exception
 *
 * Return: a static string.
 */
const char *limits_abort_text(void);

/**
 * limits_fetch_aborts() - does a fetch outside every slot abort too?
 *
 * Return: false where it exits to user space (x86: KVM cannot emulate it).
 */
bool limits_fetch_aborts(void);

#endif
