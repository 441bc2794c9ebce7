/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM without the harness, for protected VMs, which share no memory with the
 * host: one vCPU with its MMU off, one slot of private anonymous memory, and a
 * few instructions in it. The guest reports a value by a store outside every
 * slot.
 */
#ifndef SECMMU_BARE_H
#define SECMMU_BARE_H

#include <stdbool.h>

#include "kvm/vm.h"
#include "core/types.h"

/* Pages of the slot; the first one holds the code. */
#define BARE_PAGES 16

/**
 * struct bare - such a VM
 * @vm: only the members that functions of vm.h need: file, vCPU
 * @vcpu: its vCPU
 * @guest: control block that vcpu_start() writes to
 * @slot: the slot, at guest physical address 0
 * @memory: the slot's memory; the code is in page 0
 * @page: host page size, bytes
 */
struct bare {
	struct vm vm;
	struct vcpu vcpu;
	struct guest_vcpu *guest;
	struct memslot slot;
	char *memory;
	u64 page;
};

/**
 * bare_need_protected() - skip the case if KVM has no protected VMs
 */
void bare_need_protected(void);

/**
 * bare_create() - create the VM
 * @bare: filled in
 * @protected_guest: create it with KVM_VM_TYPE_ARM_PROTECTED
 * @memory: memory for the slot; NULL: new memory. The caller keeps it
 */
void bare_create(struct bare *bare, bool protected_guest, char *memory);

/**
 * bare_close() - close the VM and keep its memory
 * @bare: created
 */
void bare_close(struct bare *bare);

/**
 * bare_free() - unmap its memory
 * @bare: closed
 */
void bare_free(struct bare *bare);

/**
 * bare_new_memory() - map memory for bare_create()
 *
 * Private anonymous small pages, zeroed, with the code in the first one.
 *
 * Return: the memory.
 */
char *bare_new_memory(void);

/**
 * __bare_exchange() - have the guest store a word and load it again
 * @bare: created
 * @page: page of the slot
 * @store: the word; 0: no store
 * @loaded: filled in with the word that the guest loads
 *
 * Return: 0, or a negative errno from KVM_RUN.
 */
int __bare_exchange(struct bare *bare, unsigned int page, u64 store,
		    u64 *loaded);

/**
 * bare_exchange() - as __bare_exchange(); fails the case on an error
 * @bare: created
 * @page: page of the slot
 * @store: the word; 0: store nothing
 *
 * Return: the word that the guest loaded.
 */
u64 bare_exchange(struct bare *bare, unsigned int page, u64 store);

#endif
