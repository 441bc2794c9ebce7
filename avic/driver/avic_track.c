// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is tracked, and where KVM calls us back.
 */
#include <linux/sched/mm.h>
#include "avic_device.h"

/*
 * KVM counts in 16 bits how often a page is tracked, by all devices of the VM and
 * for itself. This bounds the sum of the devices, of any VM.
 */
static DEFINE_MUTEX(counts_lock);

/* Context: track_lock is held. */
static struct avic_tracked *find(struct avic_device *device, gfn_t gfn)
{
	unsigned int i;

	for (i = 0; i < SECMMU_AVIC_PAGES; i++) {
		struct avic_tracked *tracked = &device->tracked[i];

		if (tracked->gfn == gfn && (tracked->writes || tracked->tables))
			return tracked;
	}
	return NULL;
}

static struct avic_tracked *find_free(struct avic_device *device)
{
	unsigned int i;

	for (i = 0; i < SECMMU_AVIC_PAGES; i++)
		if (!device->tracked[i].writes && !device->tracked[i].tables)
			return &device->tracked[i];
	return NULL;
}

static unsigned int kvm_count(struct avic_device *device, gfn_t gfn)
{
	int index = srcu_read_lock(&device->kvm->srcu);
	struct kvm_memory_slot *slot = avic_slot(device->kvm, gfn);
	unsigned int count = slot ? avic_slot_tracked(slot, gfn) : 0;

	srcu_read_unlock(&device->kvm->srcu, index);
	return count;
}

static int kvm_track(struct avic_device *device, gfn_t gfn)
{
	int error = -ENOSPC;

	mutex_lock(&counts_lock);
	if (kvm_count(device, gfn) < SECMMU_AVIC_VM_TRACKS)
		error = avic_kvm_track(device->kvm, gfn) ? -ENXIO : 0;
	mutex_unlock(&counts_lock);
	return error;
}

/*
 * Writes are recorded from before KVM tracks the page until after: so whatever
 * KVM tells of is recorded.
 */
static int track(struct avic_device *device, gfn_t gfn, bool table)
{
	struct avic_tracked *tracked = find(device, gfn);
	unsigned int *count;
	int error;

	lockdep_assert_held(&device->track_lock);
	if (!tracked)
		tracked = find_free(device);
	if (!tracked)
		return -ENOSPC;
	count = table ? &tracked->tables : &tracked->writes;
	if (*count >= SECMMU_AVIC_TRACKS)
		return -ENOSPC;
	WRITE_ONCE(tracked->gfn, gfn);
	/* Pairs with is_recorded(). */
	smp_store_release(count, *count + 1);
	error = kvm_track(device, gfn);
	if (error)
		WRITE_ONCE(*count, *count - 1);
	return error;
}

static int untrack(struct avic_device *device, gfn_t gfn, bool table)
{
	struct avic_tracked *tracked = find(device, gfn);
	unsigned int *count;

	lockdep_assert_held(&device->track_lock);
	if (!tracked)
		return -ENOENT;
	count = table ? &tracked->tables : &tracked->writes;
	if (!*count)
		return -ENOENT;
	avic_kvm_untrack(device->kvm, gfn);
	WRITE_ONCE(*count, *count - 1);
	return 0;
}

static bool is_recorded(struct avic_device *device, gfn_t gfn)
{
	unsigned int i;

	for (i = 0; i < SECMMU_AVIC_PAGES; i++)
		if (smp_load_acquire(&device->tracked[i].writes) &&
		    READ_ONCE(device->tracked[i].gfn) == gfn)
			return true;
	return false;
}

/**
 * avic_tracked_counts() - how often a page is tracked
 * @device: attached
 * @gfn: the page
 * @tracked: by this device
 * @kernel: by all, as KVM counts
 */
void avic_tracked_counts(struct avic_device *device, gfn_t gfn, u32 *tracked,
			 u32 *kernel)
{
	unsigned int i;

	*kernel = kvm_count(device, gfn);
	*tracked = 0;
	for (i = 0; i < SECMMU_AVIC_PAGES; i++)
		if (READ_ONCE(device->tracked[i].gfn) == gfn)
			*tracked += READ_ONCE(device->tracked[i].writes) +
				    READ_ONCE(device->tracked[i].tables);
}

/**
 * avic_page_track() - SECMMU_AVIC_TRACK
 * @device: attached
 * @page: which
 */
long avic_page_track(struct avic_device *device, struct secmmu_avic_page *page)
{
	long error;

	if (offset_in_page(page->gpa) || page->tracked || page->kernel)
		return -EINVAL;
	mutex_lock(&device->track_lock);
	error = track(device, gpa_to_gfn(page->gpa), false);
	mutex_unlock(&device->track_lock);
	avic_tracked_counts(device, gpa_to_gfn(page->gpa), &page->tracked,
			    &page->kernel);
	return error;
}

/**
 * avic_page_untrack() - SECMMU_AVIC_UNTRACK
 * @device: attached
 * @page: which
 */
long avic_page_untrack(struct avic_device *device,
		       struct secmmu_avic_page *page)
{
	long error;

	if (offset_in_page(page->gpa) || page->tracked || page->kernel)
		return -EINVAL;
	mutex_lock(&device->track_lock);
	error = untrack(device, gpa_to_gfn(page->gpa), false);
	mutex_unlock(&device->track_lock);
	avic_tracked_counts(device, gpa_to_gfn(page->gpa), &page->tracked,
			    &page->kernel);
	return error;
}

/**
 * avic_table_track() - have a table's page tracked
 * @device: attached
 * @gfn: the page
 *
 * Return: 0, -ENXIO if no slot has it, -ENOSPC if it is tracked too often.
 */
int avic_table_track(struct avic_device *device, gfn_t gfn)
{
	int error;

	mutex_lock(&device->track_lock);
	error = track(device, gfn, true);
	mutex_unlock(&device->track_lock);
	return error;
}

/**
 * avic_table_untrack() - have it tracked no more
 * @device: attached
 * @gfn: the page; it is no error if its slot has gone meanwhile
 */
void avic_table_untrack(struct avic_device *device, gfn_t gfn)
{
	mutex_lock(&device->track_lock);
	untrack(device, gfn, true);
	mutex_unlock(&device->track_lock);
}

/* A slot is going away, and with it what was tracked in it. */
static void forget(struct avic_device *device, gfn_t first, u64 pages)
{
	unsigned int i;

	mutex_lock(&device->track_lock);
	for (i = 0; i < SECMMU_AVIC_PAGES; i++) {
		struct avic_tracked *tracked = &device->tracked[i];

		if (tracked->gfn - first >= pages)
			continue;
		while (tracked->writes)
			untrack(device, tracked->gfn, false);
		while (tracked->tables)
			untrack(device, tracked->gfn, true);
		cond_resched();
	}
	mutex_unlock(&device->track_lock);
}

static void told_of_write(struct avic_device *device, gpa_t gpa, const u8 *data,
			  int bytes)
{
	avic_pause(device, SECMMU_AVIC_AT_WRITE);
	if (is_recorded(device, gpa_to_gfn(gpa)))
		avic_ring_record(device, gpa, data, bytes);
	/* Attached: before that there are no tables. */
	if (smp_load_acquire(&device->kvm))
		avic_tables_write(device, gpa, data, bytes);
}

static void told_of_slot(struct avic_device *device, gfn_t first, u64 pages)
{
	avic_pause(device, SECMMU_AVIC_AT_SLOT);
	atomic64_inc(&device->slots);
	if (!smp_load_acquire(&device->kvm))
		return;
	avic_tables_slot(device, first, pages);
	forget(device, first, pages);
}

#ifdef AVIC_NEW_TRACKING

static void avic_track_write(gpa_t gpa, const u8 *data, int bytes,
			     struct kvm_page_track_notifier_node *node)
{
	told_of_write(container_of(node, struct avic_device, node), gpa, data,
		      bytes);
}

static void avic_track_remove(gfn_t first, unsigned long pages,
			      struct kvm_page_track_notifier_node *node)
{
	told_of_slot(container_of(node, struct avic_device, node), first,
		     pages);
}

static const struct kvm_page_track_notifier_node callbacks = {
	.track_write = avic_track_write,
	.track_remove_region = avic_track_remove,
};

#else

static void avic_track_write(struct kvm_vcpu *vcpu, gpa_t gpa, const u8 *data,
			     int bytes,
			     struct kvm_page_track_notifier_node *node)
{
	told_of_write(container_of(node, struct avic_device, node), gpa, data,
		      bytes);
}

static void avic_track_flush(struct kvm *kvm, struct kvm_memory_slot *slot,
			     struct kvm_page_track_notifier_node *node)
{
	told_of_slot(container_of(node, struct avic_device, node),
		     slot->base_gfn, slot->npages);
}

static const struct kvm_page_track_notifier_node callbacks = {
	.track_write = avic_track_write,
	.track_flush_slot = avic_track_flush,
};

#endif

/**
 * avic_watch() - be told of the VM's writes and slots
 * @device: not attached yet; its rings are there
 * @kvm: the VM, which the caller has a reference to
 *
 * Return: 0 or -errno.
 */
int avic_watch(struct avic_device *device, struct kvm *kvm)
{
	device->node = callbacks;
	return avic_register(kvm, &device->node);
}

/**
 * avic_unwatch() - track nothing, and be told of nothing any more
 * @device: attached, being closed
 */
void avic_unwatch(struct avic_device *device)
{
	forget(device, 0, ~0ULL);
	kvm_page_track_unregister_notifier(device->kvm, &device->node);
}
