/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exceptions that a guest does not expect, and what must be said of them.
 * lib/x86_64/ and lib/arm64/ have what their CPUs can raise.
 */
#ifndef SECMMU_HARNESS_RAISE_H
#define SECMMU_HARNESS_RAISE_H

#include <stddef.h>

#include "kvm/vm.h"
#include "core/types.h"

/* No page table of the harness maps it. */
#define RAISE_UNMAPPED 0x123456789000ULL

/**
 * struct harness_raise - one exception
 * @name: as cases use it
 * @function: guest function that raises it
 * @argument: its argument
 * @prepare: what the host does before the guest runs, or NULL
 * @awaited: what @prepare makes pending and the guest waits for, or NULL
 * @says: what the failure's text must contain; NULL at the end
 */
struct harness_raise {
	const char *name;
	guest_function function;
	u64 argument;
	void (*prepare)(struct vcpu *vcpu);
	const char *awaited;
	const char *says[4];
};

/**
 * harness_raises() - the architecture's exceptions
 * @count: their number
 *
 * Return: the table.
 */
const struct harness_raise *harness_raises(size_t *count);

/* Guest functions: an instruction that does not exist. */
void harness_undefined(struct guest_vcpu *self, u64 unused);
/* A load, a store, and a call of an address. */
void harness_load(struct guest_vcpu *self, u64 address);
void harness_store_to(struct guest_vcpu *self, u64 address);
void harness_call(struct guest_vcpu *self, u64 address);
/* A push with the stack pointer at an address. */
void harness_lose_stack(struct guest_vcpu *self, u64 address);

#endif
