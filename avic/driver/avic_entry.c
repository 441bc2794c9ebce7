// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries of the shadow: what hardware would see, and the pages that they pin.
 *
 * The RFC leaves three helpers to patches that we do not have, and what they do
 * here is our assumption: physid_entry_get_apicid() is -1 if is-running is not
 * set; physid_entry_set_apicid() clears is-running for -1, else sets it and the
 * APIC ID, without cutting that down to its field; a physical APIC ID has the 12
 * bits of x2AVIC.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "avic_device.h"

/* What the kernel has for a CPU without an APIC ID, with 2 bytes for it. */
#define NO_APIC_ID 0xffffU

/* How often a page may change before its entry is left to the next sync. */
#define PIN_TRIES 8

static bool is_fixed(const struct avic_device *device)
{
	return device->personality == SECMMU_AVIC_FIXED;
}

/*
 * The process's memory is going away or changes. What is found there afterwards
 * may be other pages. The RFC does not look.
 */
static bool invalidate(struct mmu_interval_notifier *notifier,
		       const struct mmu_notifier_range *range,
		       unsigned long sequence)
{
	struct avic_device *device = container_of(notifier, struct avic_device,
						  memory);
	u64 dummy = page_to_phys(device->dummy) | SECMMU_AVIC_VALID;
	unsigned int i, number;

	atomic64_inc(&device->invalidations);
	spin_lock(&device->shadow_lock);
	mmu_interval_set_seq(notifier, sequence);
	for (i = 0; i < SECMMU_AVIC_TABLES && is_fixed(device); i++) {
		struct avic_table *table = device->tables[i];

		for (number = 0;
		     table && table->pins && number < SECMMU_AVIC_ENTRIES;
		     number++) {
			struct avic_entry *entry = &table->entry[number];

			if (!entry->pin || entry->pin->address < range->start ||
			    entry->pin->address >= range->end)
				continue;
			WRITE_ONCE(table->shadow[number], dummy);
			list_add(&entry->pin->link, &table->retired);
			entry->pin = NULL;
			entry->stale = true;
			table->pins--;
			table->retired_count++;
		}
	}
	spin_unlock(&device->shadow_lock);
	return true;
}

static const struct mmu_interval_notifier_ops memory_operations = {
	.invalidate = invalidate,
};

/**
 * avic_memory_watch() - be told of invalidations
 * @device: not attached yet; the caller's memory is the VM's
 *
 * Return: 0 or -errno.
 */
int avic_memory_watch(struct avic_device *device)
{
	int error;

	device->dummy = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!device->dummy)
		return -ENOMEM;
	error = mmu_interval_notifier_insert(&device->memory, current->mm, 0,
					     ULONG_MAX, &memory_operations);
	if (error) {
		__free_page(device->dummy);
		device->dummy = NULL;
	}
	return error;
}

/**
 * avic_memory_unwatch() - be told no more
 * @device: being closed, without tables; or not attached after all
 */
void avic_memory_unwatch(struct avic_device *device)
{
	mmu_interval_notifier_remove(&device->memory);
	__free_page(device->dummy);
	device->dummy = NULL;
}

/**
 * avic_address() - where the process has a page of the guest's
 * @device: attached
 * @gfn: the page
 * @write: it is to be written to
 *
 * Return: the address, or 0 if there is none.
 */
unsigned long avic_address(struct avic_device *device, gfn_t gfn, bool write)
{
	int index = srcu_read_lock(&device->kvm->srcu);
	struct kvm_memory_slot *slot = avic_slot(device->kvm, gfn);
	unsigned long address = 0;

	if (slot && !(slot->flags & KVM_MEMSLOT_INVALID) &&
	    !(write && (slot->flags & KVM_MEM_READONLY)))
		address = __gfn_to_hva_memslot(slot, gfn);
	srcu_read_unlock(&device->kvm->srcu, index);
	return address;
}

/* The page, or NULL if there is none that can be written to. */
static int pin(struct avic_device *device, gfn_t gfn, struct avic_pin **result)
{
	struct avic_pin *new = kmalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);

	*result = NULL;
	if (!new)
		return -ENOMEM;
	new->address = avic_address(device, gfn, true);
	if (!new->address ||
	    pin_user_pages_fast(new->address, 1, FOLL_WRITE | FOLL_LONGTERM,
				&new->page) != 1) {
		kfree(new);
		return 0;
	}
	atomic64_inc(&device->pinned);
	*result = new;
	return 0;
}

static void unpin(struct avic_device *device, struct avic_pin *old)
{
	unpin_user_pages_dirty_lock(&old->page, 1, true);
	atomic64_inc(&device->unpinned);
	kfree(old);
}

/**
 * avic_retired_release() - unpin pages
 * @device: whose they were
 * @list: of struct avic_pin; will be empty
 */
void avic_retired_release(struct avic_device *device, struct list_head *list)
{
	struct avic_pin *old, *next;

	list_for_each_entry_safe(old, next, list, link) {
		list_del(&old->link);
		unpin(device, old);
	}
}

/* kvm_cpu_get_apicid() */
static unsigned int cpu_apic_id(int cpu)
{
	if (cpu < 0 || cpu >= nr_cpu_ids || !cpu_present(cpu))
		return NO_APIC_ID;
	return per_cpu(x86_cpu_to_apicid, cpu);
}

/*
 * Where the vCPU runs that an entry names.
 *
 * Return: an APIC ID; -1 if there is no such vCPU.
 */
static int running_at(struct avic_device *device, u64 guest)
{
	struct kvm_vcpu *vcpu;

	if (!(guest & SECMMU_AVIC_RUNNING))
		return -1;
	vcpu = kvm_get_vcpu_by_id(device->kvm, guest & SECMMU_AVIC_APIC_ID);
	if (!vcpu)
		return -1;
	return cpu_apic_id(avic_vcpu_has_run(vcpu) ? READ_ONCE(vcpu->cpu) : -1);
}

/* What hardware is to see of a valid entry. Context: shadow_lock is held. */
static u64 shadow_of(struct avic_device *device, struct avic_table *table,
		     unsigned int number, u64 guest, int apic_id)
{
	struct avic_entry *entry = &table->entry[number];
	u64 shadow;

	if (is_fixed(device)) {
		shadow = page_to_phys(entry->pin ? entry->pin->page :
						   device->dummy);
		shadow |= SECMMU_AVIC_VALID;
		/* A vCPU without a place to run at, or a page of its own. */
		if (apic_id >= 0 && apic_id <= SECMMU_AVIC_APIC_ID &&
		    entry->pin)
			shadow |= SECMMU_AVIC_RUNNING | apic_id;
		return shadow;
	}
	/* avic_physid_shadow_entry_set_vcpu() changes what is there. */
	shadow = READ_ONCE(table->shadow[number]);
	shadow &= ~(SECMMU_AVIC_RUNNING | SECMMU_AVIC_APIC_ID);
	if (apic_id != -1)
		shadow |= SECMMU_AVIC_RUNNING | (u32)apic_id;
	return shadow;
}

/*
 * Put a page behind an entry; NULL for the dummy.
 *
 * Return: whether the page was taken, and was still the right one.
 */
static bool install(struct avic_device *device, struct avic_table *table,
		    unsigned int number, struct avic_pin *new,
		    unsigned long sequence)
{
	struct avic_entry *entry = &table->entry[number];
	int apic_id = running_at(device, entry->guest);
	bool stale;

	spin_lock(&device->shadow_lock);
	stale = is_fixed(device) &&
		mmu_interval_read_retry(&device->memory, sequence);
	entry->pin = stale ? NULL : new;
	entry->stale = stale;
	entry->valid = true;
	table->pins += !!entry->pin;
	WRITE_ONCE(table->shadow[number],
		   page_to_phys(entry->pin ? new->page : device->dummy) |
			   SECMMU_AVIC_VALID);
	/* The RFC, too, leaves the dummy alone when it makes an entry. */
	if (entry->pin)
		WRITE_ONCE(table->shadow[number],
			   shadow_of(device, table, number, entry->guest,
				     apic_id));
	spin_unlock(&device->shadow_lock);
	return !stale;
}

/* If the page changes all the time, the next sync may look for it. */
static int find_page(struct avic_device *device, struct avic_table *table,
		     unsigned int number)
{
	gfn_t gfn = gpa_to_gfn(table->entry[number].guest &
			       SECMMU_AVIC_BACKING);
	unsigned int tries;

	for (tries = 0; tries < PIN_TRIES; tries++) {
		unsigned long sequence = 0;
		struct avic_pin *new;
		int error;

		if (is_fixed(device))
			sequence = mmu_interval_read_begin(&device->memory);
		error = pin(device, gfn, &new);
		if (error)
			return error;
		if (install(device, table, number, new, sequence))
			return 0;
		if (new)
			unpin(device, new);
		cond_resched();
	}
	return 0;
}

/**
 * avic_entry_create() - take up an entry from guest memory
 * @device: attached
 * @table: the table
 * @number: of the entry, not valid yet
 * @guest: what the guest has there
 *
 * Return: 0 or -ENOMEM. Context: tables_lock is held.
 */
int avic_entry_create(struct avic_device *device, struct avic_table *table,
		      unsigned int number, u64 guest)
{
	if (!(guest & SECMMU_AVIC_VALID))
		return 0;
	table->entry[number].guest = guest;
	return find_page(device, table, number);
}

/**
 * avic_entry_refresh() - look again where a page is that was not there
 * @device: attached, SECMMU_AVIC_FIXED
 * @table: the table
 * @number: of the entry
 *
 * And where the vCPU runs.
 *
 * Return: 0 or -ENOMEM. Context: tables_lock is held.
 */
int avic_entry_refresh(struct avic_device *device, struct avic_table *table,
		       unsigned int number)
{
	struct avic_entry *entry = &table->entry[number];
	bool valid, there;

	spin_lock(&device->shadow_lock);
	valid = entry->valid;
	there = entry->pin;
	spin_unlock(&device->shadow_lock);
	if (!valid)
		return 0;
	if (!there)
		return find_page(device, table, number);
	avic_entry_merge(device, table, number, entry->guest);
	return 0;
}

/**
 * avic_entry_merge() - is-running or APIC ID of an entry has changed
 * @device: attached
 * @table: the table
 * @number: of the entry, valid
 * @guest: what the guest has there now
 *
 * Context: tables_lock is held.
 */
void avic_entry_merge(struct avic_device *device, struct avic_table *table,
		      unsigned int number, u64 guest)
{
	int apic_id = running_at(device, guest);

	spin_lock(&device->shadow_lock);
	WRITE_ONCE(table->shadow[number],
		   shadow_of(device, table, number, guest, apic_id));
	spin_unlock(&device->shadow_lock);
	table->entry[number].guest = guest;
}

/* First hardware sees it no more, then its page may go. */
static void remove_fixed(struct avic_device *device, struct avic_table *table,
			 unsigned int number)
{
	struct avic_entry *entry = &table->entry[number];
	LIST_HEAD(list);

	spin_lock(&device->shadow_lock);
	WRITE_ONCE(table->shadow[number], 0);
	entry->valid = false;
	entry->stale = false;
	if (entry->pin) {
		table->pins--;
		/* While it is used, somebody may still have read it. */
		if (table->users) {
			list_add(&entry->pin->link, &table->retired);
			table->retired_count++;
		} else {
			list_add(&entry->pin->link, &list);
		}
		entry->pin = NULL;
	}
	spin_unlock(&device->shadow_lock);
	avic_pause(device, SECMMU_AVIC_AT_REMOVE);
	avic_retired_release(device, &list);
}

/* avic_physid_shadow_entry_remove() */
static void remove_rfc(struct avic_device *device, struct avic_table *table,
		       unsigned int number)
{
	struct avic_entry *entry = &table->entry[number];
	struct avic_pin *old;

	spin_lock(&device->shadow_lock);
	old = entry->pin;
	entry->pin = NULL;
	entry->valid = false;
	if (old) {
		table->pins--;
		if (table->users)
			atomic64_inc(&device->pulled);
	}
	spin_unlock(&device->shadow_lock);
	/*
	 * The RFC finds the page by the address in the shadow, and so takes
	 * another one's reference if that has been spoilt; we do not go so far.
	 */
	if (old)
		unpin(device, old);
	avic_pause(device, SECMMU_AVIC_AT_REMOVE);
	spin_lock(&device->shadow_lock);
	WRITE_ONCE(table->shadow[number], 0);
	spin_unlock(&device->shadow_lock);
}

/**
 * avic_entry_remove() - forget an entry
 * @device: attached
 * @table: the table
 * @number: of the entry, valid
 *
 * Context: tables_lock is held.
 */
void avic_entry_remove(struct avic_device *device, struct avic_table *table,
		       unsigned int number)
{
	if (is_fixed(device))
		remove_fixed(device, table, number);
	else
		remove_rfc(device, table, number);
	table->entry[number].guest = 0;
}
