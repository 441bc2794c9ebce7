// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the module knows of KVM's own structures.
 *
 * Everything is read with get_kernel_nofault(): a rule that names the wrong
 * argument then matches nothing, instead of crashing the kernel.
 */
#include <linux/uaccess.h>
#include "prove_compat.h"
#include "prove_rule.h"

#if PROVE_HAS_KVM

#include <linux/kvm_host.h>

/* How far into a structure prove_unlog() looks for the slot, in words. */
#define PROVE_SCAN_WORDS 24
/* Slots that are looked at before it gives up; the hash may not end. */
#define PROVE_SCAN_SLOTS 4096

/**
 * prove_kvm_of() - the virtual machine that a call is about
 * @rule: says which argument is the struct kvm or struct kvm_vcpu
 * @regs: the registers at the function's first instruction
 *
 * Return: the VM, not proved to be one; NULL if the rule names no argument or
 * the vCPU cannot be read.
 */
struct kvm *prove_kvm_of(const struct prove_rule *rule, struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu;
	struct kvm *kvm = NULL;

	if (rule->kvm_argument)
		return (struct kvm
				*)*prove_argument_register(regs,
							   rule->kvm_argument);
	if (!rule->vcpu_argument)
		return NULL;
	vcpu = (struct kvm_vcpu *)*prove_argument_register(regs,
							   rule->vcpu_argument);
	if (get_kernel_nofault(kvm, &vcpu->kvm))
		return NULL;
	return kvm;
}

/**
 * prove_kvm_mm() - the address space of the process that created a VM
 * @kvm: the VM, as prove_kvm_of() gave it
 *
 * MMU notifiers also run in kswapd, khugepaged and ksmd: there current says
 * nothing about whose VM it is, but kvm->mm does.
 */
struct mm_struct *prove_kvm_mm(struct kvm *kvm)
{
	struct mm_struct *mm;

	if (!kvm || get_kernel_nofault(mm, &kvm->mm))
		return NULL;
	return mm;
}

static bool is_slot_of(struct kvm *kvm, const void *candidate)
{
	const struct kvm_memory_slot *slot;
	struct kvm_memslots *slots;
	struct hlist_node *node;
	unsigned int looked = 0;
	unsigned int bucket;
	int index;

	/* Only address space 0: x86's second one is for SMM. */
	if (get_kernel_nofault(slots, &kvm->memslots[0]) ||
	    get_kernel_nofault(index, &slots->node_idx) || index < 0 ||
	    index > 1)
		return false;
	for (bucket = 0; bucket < ARRAY_SIZE(slots->id_hash); bucket++) {
		if (get_kernel_nofault(node, &slots->id_hash[bucket].first))
			return false;
		while (node && looked++ < PROVE_SCAN_SLOTS) {
			slot = hlist_entry(node, struct kvm_memory_slot,
					   id_node[index]);
			if (slot == candidate)
				return true;
			if (get_kernel_nofault(node, &node->next))
				return false;
		}
	}
	return false;
}

/**
 * prove_unlog() - hide from a function that a memslot is logged
 * @kvm: the VM
 * @structure: a structure that holds the pointer to the memslot: x86's struct
 *	kvm_page_fault, which is private to KVM and changes between releases.
 *	So the pointer is found by comparing the structure's words with the
 *	VM's own slots, and cannot be mistaken.
 *
 * kvm_mmu_hugepage_adjust() asks kvm_slot_dirty_track_enabled(fault->slot)
 * before it asks for the largest mapping level. Without the flag it takes
 * the level that the host's mapping allows, aligns the page frame to it, and
 * the rest of the fault then maps a huge page in a slot that is logged.
 * Called from vCPU threads, which hold kvm->srcu while they handle a fault.
 *
 * Return: the slot's flags word, for prove_relog(), or NULL if there is no
 * logged slot.
 */
u32 *prove_unlog(struct kvm *kvm, const void *structure)
{
	const void *const *words = structure;
	struct kvm_memory_slot *slot;
	unsigned int i;
	u32 flags;

	for (i = 0; i < PROVE_SCAN_WORDS; i++) {
		if (get_kernel_nofault(slot,
				       (struct kvm_memory_slot **)&words[i]))
			return NULL;
		if (!slot || !is_slot_of(kvm, slot))
			continue;
		flags = READ_ONCE(slot->flags);
		if (!(flags & KVM_MEM_LOG_DIRTY_PAGES))
			return NULL;
		if (cmpxchg(&slot->flags, flags,
			    flags & ~(u32)KVM_MEM_LOG_DIRTY_PAGES) != flags)
			return NULL;
		return &slot->flags;
	}
	return NULL;
}

/**
 * prove_relog() - undo prove_unlog()
 * @flags: what it returned
 */
void prove_relog(u32 *flags)
{
	u32 old, seen = READ_ONCE(*flags);

	do {
		old = seen;
		seen = cmpxchg(flags, old, old | KVM_MEM_LOG_DIRTY_PAGES);
	} while (seen != old);
}

#else /* !PROVE_HAS_KVM */

struct kvm *prove_kvm_of(const struct prove_rule *rule, struct pt_regs *regs)
{
	return NULL;
}

struct mm_struct *prove_kvm_mm(struct kvm *kvm)
{
	return NULL;
}

u32 *prove_unlog(struct kvm *kvm, const void *structure)
{
	return NULL;
}

void prove_relog(u32 *flags)
{
}

#endif /* PROVE_HAS_KVM */
