/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM without the harness: one vCPU with its MMU off, one slot of private
 * anonymous memory, and a few instructions in it. What the guest has to tell it
 * tells by an access to where no memory is. For protected VMs, which share no
 * memory with the host.
 */
#ifndef SECMMU_BARE_H
#define SECMMU_BARE_H

#include <stdbool.h>

#include "kvm/vm.h"
#include "core/types.h"

/* Where the slot's pages are, but for the first, which has the code. */
#define BARE_PAGES 16

/**
 * struct bare - such a VM
 * @vm: as far as the words of vm.h need it: file, vCPU
 * @vcpu: its vCPU
 * @guest: what vcpu_start() writes to
 * @slot: the slot, at guest physical address 0
 * @memory: its memory; page 0 has the code
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
 * bare_need_protected() - skip the case if there are no protected VMs
 */
void bare_need_protected(void);

/**
 * bare_create() - create it
 * @bare: filled in
 * @protected_guest: KVM_VM_TYPE_ARM_PROTECTED
 * @memory: the slot's memory, which stays the caller's; NULL: new memory
 */
void bare_create(struct bare *bare, bool protected_guest, char *memory);

/**
 * bare_close() - close the VM; its memory stays
 * @bare: created
 */
void bare_close(struct bare *bare);

/**
 * bare_free() - give its memory back
 * @bare: closed
 */
void bare_free(struct bare *bare);

/**
 * bare_new_memory() - memory for bare_create()
 *
 * Private anonymous small pages, all zero, with the code in the first.
 *
 * Return: the memory.
 */
char *bare_new_memory(void);

/**
 * __bare_exchange() - have the guest store a word, and load it
 * @bare: created
 * @page: page of the slot
 * @store: the word; 0: store nothing
 * @loaded: filled in with what the guest then loads there
 *
 * Return: 0, or the -errno that KVM_RUN failed with.
 */
int __bare_exchange(struct bare *bare, unsigned int page, u64 store,
		    u64 *loaded);

/**
 * bare_exchange() - as __bare_exchange(), must succeed
 * @bare: created
 * @page: page of the slot
 * @store: the word; 0: store nothing
 *
 * Return: what the guest has loaded.
 */
u64 bare_exchange(struct bare *bare, unsigned int page, u64 store);

#endif
