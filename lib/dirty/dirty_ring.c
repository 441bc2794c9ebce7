// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty ring: entries are published by the vCPU with DIRTY, handed back by
 * user space with RESET, and re-protected by KVM_RESET_DIRTY_RINGS
 * (Documentation/virt/kvm/api.rst 8.29).
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "kvm/arch.h"
#include "core/bitmap.h"
#include "dirty/dirty.h"

/*
 * A reset has failed after this number of tries in a row without progress. After the
 * first ones each waits a millisecond for another thread's call to return.
 */
#define RESET_TRIES	    5000
#define RESET_TRIES_AT_ONCE 100

static void queue_entry(struct dirty_log *dirty, const struct vcpu *vcpu,
			u32 slot_id, u64 page)
{
	unsigned int i;

	for (i = 0; i < dirty->slot_count; i++) {
		struct dirty_slot *watched = &dirty->slots[i];

		if (watched->slot->id != slot_id)
			continue;
		if (page >= watched->pages)
			fail("ring entry %u of vCPU %u names page %llu of slot %u, which has %zu",
			     vcpu->ring_next, vcpu->index, page, slot_id,
			     watched->pages);
		bitmap_set(watched->queued, page);
		return;
	}
	fail("ring entry %u of vCPU %u names slot %u, which is not logged",
	     vcpu->ring_next, vcpu->index, slot_id);
}

static struct kvm_dirty_gfn *entry_of(const struct vcpu *vcpu, u32 index)
{
	return &vcpu->ring[index % vcpu->vm->config.ring_entries];
}

static u32 flags_of(const struct vcpu *vcpu, u32 index)
{
	return __atomic_load_n(&entry_of(vcpu, index)->flags,
			       __ATOMIC_ACQUIRE) &
	       (KVM_DIRTY_GFN_F_DIRTY | KVM_DIRTY_GFN_F_RESET);
}

static u64 collect_vcpu(struct dirty_log *dirty, struct vcpu *vcpu, u32 most)
{
	u64 count = 0;

	while (count < most &&
	       flags_of(vcpu, vcpu->ring_next) == KVM_DIRTY_GFN_F_DIRTY) {
		struct kvm_dirty_gfn *entry = entry_of(vcpu, vcpu->ring_next);

		queue_entry(dirty, vcpu, entry->slot, entry->offset);
		__atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET,
				 __ATOMIC_RELEASE);
		vcpu->ring_next++;
		count++;
	}
	return count;
}

u64 dirty_ring_reset(struct dirty_log *dirty)
{
	int done = __vm_ioctl(dirty->vm, KVM_RESET_DIRTY_RINGS, 0);

	/* A signal may end the ioctl early (kvm_dirty_ring_reset(), 6.16). */
	if (done == -EINTR)
		return 0;
	if (done < 0)
		fail("KVM_RESET_DIRTY_RINGS failed: %s", errno_name(-done));
	__atomic_fetch_add(&dirty->ring_reset, (u64)done, __ATOMIC_SEQ_CST);
	return done;
}

static u64 reset_so_far(const struct dirty_log *dirty)
{
	return __atomic_load_n(&dirty->ring_reset, __ATOMIC_SEQ_CST);
}

u64 dirty_ring_take(struct dirty_log *dirty, struct vcpu *vcpu, u32 most)
{
	u64 count = collect_vcpu(dirty, vcpu, most);

	dirty->ring_entries += count;
	return count;
}

u64 dirty_ring_collect_some(struct dirty_log *dirty, u32 most)
{
	u64 count = 0, before;
	unsigned int i, idle = 0;

	for (i = 0; i < dirty->vm->vcpu_count; i++)
		count += dirty_ring_take(dirty, &dirty->vm->vcpus[i], most);

	while ((before = reset_so_far(dirty)) < dirty->ring_entries &&
	       idle < RESET_TRIES) {
		if (!dirty->reset_elsewhere)
			dirty_ring_reset(dirty);
		if (++idle > RESET_TRIES_AT_ONCE)
			poll(NULL, 0, 1);
		if (reset_so_far(dirty) != before)
			idle = 0;
	}
	if (reset_so_far(dirty) != dirty->ring_entries)
		fail("%llu ring entries were harvested, but KVM_RESET_DIRTY_RINGS reset %llu",
		     dirty->ring_entries, reset_so_far(dirty));
	return count;
}

u64 dirty_ring_collect(struct dirty_log *dirty)
{
	/* At most one turn of the ring: a writing vCPU must not prolong it for ever. */
	return dirty_ring_collect_some(dirty, dirty->vm->config.ring_entries);
}

u32 dirty_mode_smallest_ring(enum dirty_mode mode)
{
	struct vm_config config = { .vcpus = 1 };
	u32 entries, limit;
	struct vm probe;
	int error = -EINVAL;

	/* Skips without a ring, and sets the largest size. */
	dirty_mode_configure(mode, &config, U32_MAX);
	limit = config.ring_entries;
	probe = (struct vm){ .fd = kvm_ioctl(KVM_CREATE_VM, 0) };
	for (entries = 1; entries <= limit; entries *= 2) {
		error = __vm_enable_cap(&probe, config.ring_capability,
					entries * sizeof(struct kvm_dirty_gfn));
		if (error != -EINVAL)
			break;
	}
	close(probe.fd);
	if (error)
		fail("no ring of up to %u entries is accepted: %s", limit,
		     errno_name(-error));
	return entries;
}

u32 dirty_ring_soft_limit(const struct vm *vm)
{
	/* kvm_dirty_ring_get_rsvd_entries() */
	return vm->config.ring_entries - DIRTY_RING_RESERVED -
	       arch_dirty_log_size();
}

u32 dirty_ring_most(const struct vm *vm)
{
	u32 log_size = arch_dirty_log_size();

	/* An emulated guest continues for a while before it exits. */
	if (!arch_maps_huge())
		return vm->config.ring_entries;
	return dirty_ring_soft_limit(vm) - 1 + (log_size ? log_size : 1);
}

bool dirty_ring_keeps_order(void)
{
	return !arch_dirty_log_size();
}

u32 dirty_ring_pending(const struct vcpu *vcpu)
{
	u32 count = 0;

	while (count < vcpu->vm->config.ring_entries &&
	       flags_of(vcpu, vcpu->ring_next + count) == KVM_DIRTY_GFN_F_DIRTY)
		count++;
	return count;
}

bool dirty_ring_peek(const struct vcpu *vcpu, u32 ahead, u32 *slot_id,
		     u64 *page)
{
	u32 index = vcpu->ring_next + ahead;
	const struct kvm_dirty_gfn *entry = entry_of(vcpu, index);

	if (ahead >= vcpu->vm->config.ring_entries ||
	    flags_of(vcpu, index) != KVM_DIRTY_GFN_F_DIRTY)
		return false;
	*slot_id = entry->slot;
	*page = entry->offset;
	return true;
}

void dirty_ring_mark(const struct vcpu *vcpu, u32 ahead, bool harvested)
{
	__atomic_store_n(&entry_of(vcpu, vcpu->ring_next + ahead)->flags,
			 harvested ? KVM_DIRTY_GFN_F_RESET :
				     KVM_DIRTY_GFN_F_DIRTY,
			 __ATOMIC_RELEASE);
}

u32 dirty_ring_used(const struct vcpu *vcpu)
{
	u32 count = 0, i;

	for (i = 0; i < vcpu->vm->config.ring_entries; i++)
		count += flags_of(vcpu, i) != 0;
	return count;
}
