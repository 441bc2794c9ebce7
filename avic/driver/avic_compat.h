/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that differs between kernel releases, 6.1 to 7.3.
 *
 * What newer kernels still export of KVM to modules like this one is little:
 * registering a notifier, tracking a page, references to a VM. The rest (a VM
 * from its file, memslots, guest memory) is done here with inline functions of
 * linux/kvm_host.h on all releases alike.
 */
#ifndef AVIC_COMPAT_H
#define AVIC_COMPAT_H

#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/version.h>
#include <asm/kvm_page_track.h>
#include <asm/smp.h>

/* The reworked interface: no vCPU, no slot, deleted regions by number. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define AVIC_NEW_TRACKING
#endif

/*
 * Slots cannot be moved any more while somebody is registered
 * (kvm_arch_prepare_memory_region()).
 */
#ifdef AVIC_NEW_TRACKING
#define AVIC_SLOTS_MOVE false
#else
#define AVIC_SLOTS_MOVE true
#endif

/*
 * file_is_kvm() is for KVM's own modules only since 6.18. Names of anonymous
 * inodes are chosen by kernel code alone.
 */
static inline bool avic_file_is_vm(struct file *file)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
	return file_is_kvm(file);
#else
	struct module *owner = file->f_op->owner;

	if (file_inode(file)->i_sb->s_magic != ANON_INODE_FS_MAGIC ||
	    strcmp(file->f_path.dentry->d_name.name, "kvm-vm"))
		return false;
	if (!IS_MODULE(CONFIG_KVM))
		return true;
	return owner && strstarts(module_name(owner), "kvm");
#endif
}

/* vm_flags_set() came when vm_flags became read-only, with 6.3. */
static inline void avic_vm_flags_set(struct vm_area_struct *vma,
				     unsigned long flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	vma->vm_flags |= flags;
#else
	vm_flags_set(vma, flags);
#endif
}

static inline bool avic_vcpu_has_run(struct kvm_vcpu *vcpu)
{
	/*
	 * kvm_vcpu_ioctl() notes the thread at the first KVM_RUN. vcpu->cpu alone
	 * does not tell: kvm_arch_vcpu_create() loads each new vCPU once.
	 */
	return READ_ONCE(vcpu->pid);
}

/* Context: kvm->srcu is held. */
static inline struct kvm_memory_slot *avic_slot(struct kvm *kvm, gfn_t gfn)
{
	struct kvm_memory_slot *slot = __gfn_to_memslot(kvm_memslots(kvm), gfn);

	/* As kvm_is_visible_memslot(), but for KVM's own slots. */
	return slot && slot->id < KVM_USER_MEM_SLOTS ? slot : NULL;
}

/* How often a page is tracked. Context: kvm->srcu is held. */
static inline unsigned int avic_slot_tracked(struct kvm_memory_slot *slot,
					     gfn_t gfn)
{
#ifdef AVIC_NEW_TRACKING
	unsigned short *counts = READ_ONCE(slot->arch.gfn_write_track);
#else
	unsigned short *counts = READ_ONCE(
		slot->arch.gfn_track[KVM_PAGE_TRACK_WRITE]);
#endif

	return counts ? READ_ONCE(counts[gfn - slot->base_gfn]) : 0;
}

#ifdef AVIC_NEW_TRACKING

static inline int avic_register(struct kvm *kvm,
				struct kvm_page_track_notifier_node *node)
{
	/*
	 * kvm_enable_external_write_tracking() walks the memslots without
	 * kvm->srcu, to which lockdep objects; as mmu_first_shadow_root_alloc()
	 * does, whose callers have it.
	 */
	int index = srcu_read_lock(&kvm->srcu);
	int error = kvm_page_track_register_notifier(kvm, node);

	srcu_read_unlock(&kvm->srcu, index);
	return error;
}

static inline int avic_kvm_track(struct kvm *kvm, gfn_t gfn)
{
	return kvm_write_track_add_gfn(kvm, gfn);
}

static inline void avic_kvm_untrack(struct kvm *kvm, gfn_t gfn)
{
	/* It fails if the slot has gone, and its tracking with it. */
	kvm_write_track_remove_gfn(kvm, gfn);
}

#else

static inline int avic_register(struct kvm *kvm,
				struct kvm_page_track_notifier_node *node)
{
	if (kvm->mm != current->mm)
		return -ESRCH;
	kvm_page_track_register_notifier(kvm, node);
	return 0;
}

static inline int avic_kvm_track(struct kvm *kvm, gfn_t gfn)
{
	int index = srcu_read_lock(&kvm->srcu), error = -EINVAL;
	struct kvm_memory_slot *slot = avic_slot(kvm, gfn);

	/* One that is going away has told of it already, or soon will. */
	if (slot && !(slot->flags & KVM_MEMSLOT_INVALID)) {
		write_lock(&kvm->mmu_lock);
		kvm_slot_page_track_add_page(kvm, slot, gfn,
					     KVM_PAGE_TRACK_WRITE);
		write_unlock(&kvm->mmu_lock);
		error = 0;
	}
	srcu_read_unlock(&kvm->srcu, index);
	return error;
}

static inline void avic_kvm_untrack(struct kvm *kvm, gfn_t gfn)
{
	int index = srcu_read_lock(&kvm->srcu);
	struct kvm_memory_slot *slot = avic_slot(kvm, gfn);

	if (slot) {
		write_lock(&kvm->mmu_lock);
		kvm_slot_page_track_remove_page(kvm, slot, gfn,
						KVM_PAGE_TRACK_WRITE);
		write_unlock(&kvm->mmu_lock);
	}
	srcu_read_unlock(&kvm->srcu, index);
}

#endif /* AVIC_NEW_TRACKING */

#endif /* AVIC_COMPAT_H */
