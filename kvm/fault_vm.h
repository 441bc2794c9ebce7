/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A slot whose mappings can be taken away and come back by faults, again and
 * again, while the host keeps the pages.
 */
#ifndef SECMMU_FAULT_VM_H
#define SECMMU_FAULT_VM_H

#include <stdbool.h>

#include "mem/backing.h"
#include "dirty/mapping.h"
#include "kvm/vm.h"
#include "kvm/writer.h"
#include "core/types.h"

/**
 * struct fault_vm - what was built
 * @vm: VM; every vCPU has a part of the slot
 * @backing: the slot's memory, populated
 * @slot: slot, mapped one to one in the guest
 * @unit: what one mapping covers, bytes: a page, or a page of the memory's kind
 * @faults: how many units there are in all
 * @stride: from one access to the next: two in each unit that is huge
 */
struct fault_vm {
	struct vm *vm;
	struct backing backing;
	struct memslot slot;
	u64 unit;
	u64 faults;
	u64 stride;
};

/**
 * fault_vm_create() - build it
 * @fixture: filled in
 * @kind: kind of memory
 * @bytes: size; a multiple of what the memory's pages take, for each vCPU
 * @vcpus: how many
 *
 * Return: false, having said so and built nothing, if the memory should be huge
 * and the host has not mapped it so.
 */
bool fault_vm_create(struct fault_vm *fixture, enum backing_kind kind,
		     u64 bytes, unsigned int vcpus);

/**
 * fault_vm_destroy() - take it down
 * @fixture: created
 */
void fault_vm_destroy(struct fault_vm *fixture);

/**
 * fault_vm_unmap() - have KVM take all mappings away; the host's pages stay
 * @fixture: created; no vCPU runs
 *
 * By mprotect(PROT_NONE), whose notifier unmaps (change_protection()).
 *
 * Return: what that call has taken, nanoseconds.
 */
double fault_vm_unmap(struct fault_vm *fixture);

/**
 * fault_vm_prepare() - have a vCPU do nothing, and then know what to access
 * @fixture: created
 * @index: the vCPU
 * @access: what to do to its part of the slot
 *
 * What the guest needs to run at all faults now and not later.
 */
void fault_vm_prepare(struct fault_vm *fixture, unsigned int index,
		      enum writer_access access);

/**
 * fault_vm_access() - have a vCPU do that
 * @fixture: created; fault_vm_prepare() was called for it, once at least
 * @index: the vCPU
 *
 * Return: what it has taken, nanoseconds.
 */
double fault_vm_access(struct fault_vm *fixture, unsigned int index);

/**
 * fault_vm_judge() - one round of faults that is not timed: are the mappings made
 * @fixture: created; no vCPU runs
 *
 * Fails the case unless the first vCPU's accesses make just the mappings that
 * they should, where the kernel tells.
 */
void fault_vm_judge(struct fault_vm *fixture);

#endif
