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
#ifdef CONFIG_ARM64
#include <asm/kvm_emulate.h>
#endif

/* How far into a structure prove_unlog() looks for the slot, in words. */
#define PROVE_SCAN_WORDS 24
/* Slots that are looked at before it gives up; the hash may not end. */
#define PROVE_SCAN_SLOTS 4096

/*
 * Does a pointer lead to a struct kvm? One contains what its memslots[0] points
 * to, which nothing else does, and has users as long as it is not freed.
 */
static bool is_vm(struct kvm *kvm)
{
	struct kvm_memslots *slots;
	refcount_t users;

	return kvm && !get_kernel_nofault(slots, &kvm->memslots[0]) &&
	       (slots == &kvm->__memslots[0][0] ||
		slots == &kvm->__memslots[0][1]) &&
	       !get_kernel_nofault(users, &kvm->users_count) &&
	       refcount_read(&users);
}

/**
 * prove_kvm_of() - the virtual machine that a call is about
 * @rule: says which argument is the struct kvm or struct kvm_vcpu
 * @regs: the registers at the function's first instruction
 *
 * Return: the VM; NULL if the rule names no argument, or one that is neither a
 * struct kvm nor a struct kvm_vcpu of one.
 */
struct kvm *prove_kvm_of(const struct prove_rule *rule, struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu;
	struct kvm *kvm = NULL;

	if (rule->kvm_argument) {
		kvm = (struct kvm *)*prove_argument_register(regs,
							     rule->kvm_argument);
	} else if (rule->vcpu_argument) {
		vcpu = (struct kvm_vcpu
				*)*prove_argument_register(regs,
							   rule->vcpu_argument);
		if (get_kernel_nofault(kvm, &vcpu->kvm))
			return NULL;
	}
	return is_vm(kvm) ? kvm : NULL;
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

#ifdef CONFIG_X86_64
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

/*
 * x86's struct kvm_page_fault has the pointer to the slot, but is private to
 * KVM and changes between releases. So the pointer is found by comparing the
 * structure's words with the VM's own slots, and cannot be mistaken.
 */
static struct kvm_memory_slot *slot_in(struct kvm *kvm, const void *structure)
{
	const void *const *words = structure;
	struct kvm_memory_slot *slot;
	unsigned int i;

	for (i = 0; i < PROVE_SCAN_WORDS; i++) {
		if (get_kernel_nofault(slot,
				       (struct kvm_memory_slot **)&words[i]))
			return NULL;
		if (slot && is_slot_of(kvm, slot))
			return slot;
	}
	return NULL;
}

/*
 * kvm_mmu_hugepage_adjust() asks kvm_slot_dirty_track_enabled(fault->slot)
 * before it asks for the largest mapping level.
 */
static bool hide(struct prove_hidden *hidden)
{
	u32 flags = READ_ONCE(hidden->slot->flags);

	return (flags & KVM_MEM_LOG_DIRTY_PAGES) &&
	       cmpxchg(&hidden->slot->flags, flags,
		       flags & ~(u32)KVM_MEM_LOG_DIRTY_PAGES) == flags;
}

static void show(struct prove_hidden *hidden)
{
	u32 old, seen = READ_ONCE(hidden->slot->flags);

	do {
		old = seen;
		seen = cmpxchg(&hidden->slot->flags, old,
			       old | KVM_MEM_LOG_DIRTY_PAGES);
	} while (seen != old);
}
#else
/*
 * arm64 has no such structure at a function's border: by the address, if this is
 * one of the VM's vCPUs.
 */
static struct kvm_memory_slot *slot_in(struct kvm *kvm, const void *structure)
{
	const struct kvm_vcpu *vcpu = structure;
	int index;

	if (get_kernel_nofault(index, &vcpu->vcpu_idx) || index < 0 ||
	    kvm_get_vcpu(kvm, index) != vcpu)
		return NULL;
	return __gfn_to_memslot(kvm_memslots(kvm),
				kvm_vcpu_get_fault_ipa(vcpu) >> PAGE_SHIFT);
}

/* memslot_is_logging() of arch/arm64/kvm/mmu.c looks at the bitmap. */
static bool hide(struct prove_hidden *hidden)
{
	hidden->bitmap = xchg(&hidden->slot->dirty_bitmap, NULL);
	return hidden->bitmap;
}

static void show(struct prove_hidden *hidden)
{
	WRITE_ONCE(hidden->slot->dirty_bitmap, hidden->bitmap);
}
#endif

/**
 * prove_unlog() - hide from a function that a memslot is logged
 * @kvm: the VM
 * @structure: what the function was given: x86's struct kvm_page_fault; on
 *	arm64 the struct kvm_vcpu whose guest has faulted
 * @hidden: what prove_relog() needs to know
 *
 * With its slot taken for one that is not logged, the fault takes the level
 * that the host's mapping allows, and maps a huge page in a slot that is
 * logged. On arm64 a page is then marked in its vCPU's dirty ring only, since the
 * bitmap is what is hidden.
 *
 * Return: true if there is a logged slot, which stays allocated until
 * prove_relog(); false if there is nothing to undo.
 */
bool prove_unlog(struct kvm *kvm, const void *structure,
		 struct prove_hidden *hidden)
{
	if (!kvm)
		return false;
	hidden->kvm = kvm;
	hidden->srcu = srcu_read_lock(&kvm->srcu);
	hidden->slot = slot_in(kvm, structure);
	if (hidden->slot && hide(hidden))
		return true;
	srcu_read_unlock(&kvm->srcu, hidden->srcu);
	return false;
}

/**
 * prove_relog() - undo prove_unlog()
 * @hidden: what it left
 */
void prove_relog(struct prove_hidden *hidden)
{
	show(hidden);
	srcu_read_unlock(&hidden->kvm->srcu, hidden->srcu);
}

/* Two generations of a memslot, of which the caller of the function writes one. */
static bool is_same_slot(const struct kvm_memory_slot *old,
			 const struct kvm_memory_slot *new)
{
	unsigned long pages[2];
	gfn_t first[2];
	short id[2];

	return old && new &&old != new &&
	       !get_kernel_nofault(first[0], &old->base_gfn) &&
	       !get_kernel_nofault(first[1], &new->base_gfn) &&
	       !get_kernel_nofault(pages[0], &old->npages) &&
	       !get_kernel_nofault(pages[1], &new->npages) &&
	       !get_kernel_nofault(id[0], &old->id) &&
	       !get_kernel_nofault(id[1], &new->id) && first[0] == first[1] &&
	       pages[0] && pages[0] == pages[1] && id[0] == id[1];
}

/**
 * prove_keeplog() - let a memslot look logged when logging has ended
 * @old: the slot as it was
 * @new: as it will be
 *
 * arm64's memslot_is_logging() looks for a dirty bitmap. One that @new has,
 * kvm_commit_memory_region() does not free; the slot's end does.
 *
 * Return: true if that makes a difference.
 */
bool prove_keeplog(struct kvm_memory_slot *old, struct kvm_memory_slot *new)
{
	unsigned long *was, *is;

	if (!is_same_slot(old, new) ||
	    get_kernel_nofault(was, &old->dirty_bitmap) ||
	    get_kernel_nofault(is, &new->dirty_bitmap) || !was || is)
		return false;
	new->dirty_bitmap = was;
	return true;
}

/**
 * prove_shorten() - let an MMU notifier forget the last page of what it is told
 * @range: the struct kvm_gfn_range; its callers use it for nothing else
 *
 * Return: true if something is left of it.
 */
bool prove_shorten(void *range)
{
	struct kvm_gfn_range *gfns = range;
	struct kvm_memory_slot *slot;
	unsigned long pages;
	gfn_t start, end, first;

	/* One that lies in the slot that it names. */
	if (get_kernel_nofault(start, &gfns->start) ||
	    get_kernel_nofault(end, &gfns->end) || end < start + 2 ||
	    get_kernel_nofault(slot, &gfns->slot) || !slot ||
	    get_kernel_nofault(first, &slot->base_gfn) ||
	    get_kernel_nofault(pages, &slot->npages) || start < first ||
	    end - first > pages)
		return false;
	gfns->end = end - 1;
	return true;
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

bool prove_unlog(struct kvm *kvm, const void *structure,
		 struct prove_hidden *hidden)
{
	return false;
}

void prove_relog(struct prove_hidden *hidden)
{
}

bool prove_keeplog(struct kvm_memory_slot *old, struct kvm_memory_slot *new)
{
	return false;
}

bool prove_shorten(void *range)
{
	return false;
}

#endif /* PROVE_HAS_KVM */
