// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty ring: entries are published by the vCPU with DIRTY, handed back by
 * user space with RESET, and re-protected by KVM_RESET_DIRTY_RINGS
 * (Documentation/virt/kvm/api.rst 8.29).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>

#include "bitmap.h"
#include "dirty.h"

/* A reset that makes no progress so many times in a row has failed. */
#define RESET_TRIES 100

static void queue_entry(struct dirty_log *dirty, const struct vcpu *vcpu,
			uint32_t slot_id, uint64_t page)
{
	unsigned int i;

	for (i = 0; i < dirty->slot_count; i++) {
		struct dirty_slot *watched = &dirty->slots[i];

		if (watched->slot->id != slot_id)
			continue;
		if (page >= watched->pages)
			fail("ring entry %u of vCPU %u names page %llu of slot %u, which has %zu",
			     vcpu->ring_next, vcpu->index,
			     (unsigned long long)page, slot_id, watched->pages);
		bitmap_set(watched->queued, page);
		return;
	}
	fail("ring entry %u of vCPU %u names slot %u, which is not logged",
	     vcpu->ring_next, vcpu->index, slot_id);
}

static uint64_t collect_vcpu(struct dirty_log *dirty, struct vcpu *vcpu)
{
	uint32_t entries = dirty->vm->config.ring_entries;
	uint64_t count = 0;

	/* At most one turn: a writing vCPU must not keep us here for ever. */
	while (count < entries) {
		struct kvm_dirty_gfn *entry =
			&vcpu->ring[vcpu->ring_next % entries];
		uint32_t flags = __atomic_load_n(&entry->flags,
						 __ATOMIC_ACQUIRE);

		if ((flags & (KVM_DIRTY_GFN_F_DIRTY | KVM_DIRTY_GFN_F_RESET)) !=
		    KVM_DIRTY_GFN_F_DIRTY)
			break;
		queue_entry(dirty, vcpu, entry->slot, entry->offset);
		__atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET,
				 __ATOMIC_RELEASE);
		vcpu->ring_next++;
		count++;
	}
	return count;
}

uint64_t dirty_ring_collect(struct dirty_log *dirty)
{
	uint64_t count = 0, reset = 0;
	unsigned int i, idle = 0;

	for (i = 0; i < dirty->vm->vcpu_count; i++)
		count += collect_vcpu(dirty, &dirty->vm->vcpus[i]);

	/* A signal may end the ioctl early (kvm_dirty_ring_reset(), 6.16). */
	while (reset < count) {
		int done = __vm_ioctl(dirty->vm, KVM_RESET_DIRTY_RINGS, 0);

		if (done < 0 && done != -EINTR)
			fail("KVM_RESET_DIRTY_RINGS failed: %s",
			     errno_name(-done));
		if (done > 0)
			reset += done;
		else if (++idle == RESET_TRIES)
			break;
	}
	if (reset != count)
		fail("%llu ring entries were harvested, but KVM_RESET_DIRTY_RINGS reset %llu",
		     (unsigned long long)count, (unsigned long long)reset);
	dirty->ring_entries += count;
	dirty->ring_resets++;
	return count;
}
