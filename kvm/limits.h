/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the architecture says about the end of guest physical memory;
 * arm64/limits.c and x86_64/limits.c.
 */
#ifndef SECMMU_LIMITS_H
#define SECMMU_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "kvm/vm.h"

/**
 * limits_sizes() - sizes of guest physical addresses to try
 * @count: number of sizes
 *
 * Return: bits, ascending; 0: the default. Not every machine has all of them.
 */
const unsigned int *limits_sizes(size_t *count);

/**
 * limits_bits() - the size that a VM then really has
 * @bits: as asked for, 0: the default
 *
 * Return: bits; 0 if KVM_CREATE_VM must refuse it.
 */
unsigned int limits_bits(unsigned int bits);

/**
 * limits_named_beyond() - a size that guests can name addresses beyond
 * @bits: filled in, for vm_config.physical_bits
 *
 * Return: false if there is none on machines like this one.
 */
bool limits_named_beyond(unsigned int *bits);

/**
 * limits_can_choose() - do VMs differ in their sizes at all
 *
 * Return: true if KVM_CREATE_VM takes a size.
 */
bool limits_can_choose(void);

/**
 * limits_slot_bits() - the limit that slots have
 * @bits: of the VM, as limits_bits() says
 *
 * Return: bits.
 */
unsigned int limits_slot_bits(unsigned int bits);

/**
 * limits_slot_error() - the errno for a slot that ends beyond the limit
 *
 * Return: a positive number.
 */
int limits_slot_error(void);

/**
 * limits_addressable_bits() - the largest address that a guest can name
 * @vm: VM
 *
 * Return: bits, of its page tables as the harness makes them.
 */
unsigned int limits_addressable_bits(struct vm *vm);

/**
 * enum limits_access - how a guest touches what it should not
 * @LIMITS_DATA: by a load or a store
 * @LIMITS_FETCH: by a fetch
 */
enum limits_access {
	LIMITS_DATA,
	LIMITS_FETCH,
};

/**
 * limits_is_abort() - is it the exception that the architecture demands
 * @exception: what the guest got
 * @access: how it has touched an address beyond the limit
 *
 * Return: true if it is; whatever address it tells.
 */
bool limits_is_abort(const struct guest_exception *exception,
		     enum limits_access access);

/**
 * limits_abort_text() - that exception in words
 *
 * Return: a static string.
 */
const char *limits_abort_text(void);

/**
 * limits_fetch_aborts() - does a fetch from where no memory is abort, too
 *
 * Return: false where KVM leaves it to user space (x86: it cannot emulate it).
 */
bool limits_fetch_aborts(void);

#endif
