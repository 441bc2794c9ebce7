// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a shadow follows the guest's table, and when it is given up: the rules of
 * the RFC (avic_physid_shadow_table_sync(), _track_write(), _flush_memslot()), or
 * those that we hold to be right.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>
#include "avic_device.h"

/* Pages that are kept for users who do not leave: then the table waits. */
#define RETIRED_MAX (4 * SECMMU_AVIC_ENTRIES)

/* What the guest has in an entry now. Context: the VM's process. */
static int read_guest(struct avic_device *device, struct avic_table *table,
		      unsigned int number, u64 *guest)
{
	unsigned long address = avic_address(device, table->gfn, false);

	if (!address)
		return -ENXIO;
	if (get_user(*guest, (u64 __user *)address + number))
		return -ENXIO;
	return 0;
}

/* Entries may be seen before the count says so, but not the other way round. */
static void publish(struct avic_device *device, struct avic_table *table,
		    unsigned int entries)
{
	avic_pause(device, SECMMU_AVIC_AT_FILLED);
	smp_wmb();
	spin_lock(&device->shadow_lock);
	WRITE_ONCE(table->known, entries);
	spin_unlock(&device->shadow_lock);
	atomic64_inc(&device->reloaded);
}

/*
 * The RFC maps the page as the guest would write to it, after it has it tracked;
 * and leaves it tracked if that fails.
 */
static long sync_rfc(struct avic_device *device, struct avic_table *table,
		     unsigned int entries)
{
	unsigned long address;
	struct page *page;
	unsigned int i;
	long error = 0;

	if (table->known >= entries)
		return 0;
	if (!table->known && avic_table_track(device, table->gfn))
		return -ENXIO;
	avic_pause(device, SECMMU_AVIC_AT_TRACKED);
	address = avic_address(device, table->gfn, true);
	if (!address || pin_user_pages_fast(address, 1, FOLL_WRITE, &page) != 1)
		return -ENXIO;
	for (i = table->known; i < entries && !error; i++)
		error = avic_entry_create(device, table, i,
					  READ_ONCE(((u64 *)page_address(
						  page))[i]));
	unpin_user_page(page);
	publish(device, table, error ? i - 1 : entries);
	return error;
}

static long fill(struct avic_device *device, struct avic_table *table,
		 unsigned int entries)
{
	unsigned int i;
	long error;
	u64 guest;

	for (i = 0; i < table->known; i++) {
		error = avic_entry_refresh(device, table, i);
		if (error)
			return error;
	}
	/* Also where there is nothing new: is there a table still? */
	error = read_guest(device, table, 0, &guest);
	for (i = table->known; i < entries && !error; i++) {
		error = read_guest(device, table, i, &guest);
		if (!error)
			error = avic_entry_create(device, table, i, guest);
	}
	return error;
}

static long sync_fixed(struct avic_device *device, struct avic_table *table,
		       unsigned int entries)
{
	long error = 0;
	LIST_HEAD(list);

	spin_lock(&device->shadow_lock);
	if (!table->users) {
		list_splice_init(&table->retired, &list);
		table->retired_count = 0;
	}
	if (table->retired_count > RETIRED_MAX)
		error = -EBUSY;
	spin_unlock(&device->shadow_lock);
	avic_retired_release(device, &list);
	if (error)
		return error;
	if (!table->tracked) {
		error = avic_table_track(device, table->gfn);
		if (error)
			return error;
		table->tracked = true;
	}
	avic_pause(device, SECMMU_AVIC_AT_TRACKED);
	error = fill(device, table, entries);
	if (error) {
		/* Nothing is left behind of what was begun. */
		avic_table_erase(device, table);
		return error;
	}
	if (entries > table->known)
		publish(device, table, entries);
	return 0;
}

static unsigned int count_stale(struct avic_device *device,
				struct avic_table *table)
{
	unsigned int i, stale = 0;

	spin_lock(&device->shadow_lock);
	for (i = 0; i < table->known; i++)
		stale += table->entry[i].stale;
	spin_unlock(&device->shadow_lock);
	return stale;
}

/**
 * avic_table_sync() - SECMMU_AVIC_SYNC
 * @device: attached
 * @sync: which table, and how much of it
 */
long avic_table_sync(struct avic_device *device, struct secmmu_avic_sync *sync)
{
	struct avic_table *table;
	long error;

	if (!sync->entries || sync->entries > SECMMU_AVIC_ENTRIES ||
	    sync->known || sync->stale)
		return -EINVAL;
	/* It reads the guest's memory by the process's addresses. */
	if (device->kvm->mm != current->mm)
		return -ESRCH;
	if (mutex_lock_killable(&device->tables_lock))
		return -EINTR;
	table = avic_table_by_number(device, sync->table);
	if (!table)
		error = -ENOENT;
	else if (device->personality == SECMMU_AVIC_RFC)
		error = sync_rfc(device, table, sync->entries);
	else
		error = sync_fixed(device, table, sync->entries);
	if (table) {
		sync->known = table->known;
		sync->stale = count_stale(device, table);
	}
	mutex_unlock(&device->tables_lock);
	return error;
}

/*
 * What an entry is after a write to it. KVM has stored first and tells then, and
 * two who are told may come here in another order than they stored in: so the
 * RFC, which takes the bytes that it is told of, may end with the older one's.
 */
static int entry_after(struct avic_device *device, struct avic_table *table,
		       unsigned int number, unsigned int offset, const u8 *data,
		       int bytes, u64 *guest)
{
	if (device->personality == SECMMU_AVIC_FIXED)
		return read_guest(device, table, number, guest);
	*guest = table->entry[number].guest;
	memcpy((u8 *)guest + offset, data, bytes);
	return 0;
}

static bool is_flood(struct avic_device *device, struct avic_table *table)
{
	if (READ_ONCE(table->users)) {
		WRITE_ONCE(table->flood, 0);
		return false;
	}
	WRITE_ONCE(table->flood, table->flood + 1);
	if (table->flood <= table->known * SECMMU_AVIC_FLOOD)
		return false;
	atomic64_inc(&device->floods);
	return true;
}

/* Return: false if the shadow cannot follow. */
static bool follow(struct avic_device *device, struct avic_table *table,
		   gpa_t gpa, const u8 *data, int bytes)
{
	unsigned int offset = offset_in_page(gpa);
	unsigned int first = offset / sizeof(u64);
	unsigned int last = (offset + bytes - 1) / sizeof(u64);
	u64 guest;

	if (first >= table->known) {
		atomic64_inc(&device->ignored);
		return true;
	}
	if (first != last || !READ_ONCE(table->entry[first].valid))
		return false;
	if (entry_after(device, table, first, offset % sizeof(u64), data, bytes,
			&guest) ||
	    avic_backing(guest) != avic_backing(table->entry[first].guest))
		return false;
	if (is_flood(device, table))
		return false;
	avic_pause(device, SECMMU_AVIC_AT_MERGE);
	avic_entry_merge(device, table, first, guest);
	atomic64_inc(&device->merged);
	return true;
}

/**
 * avic_tables_write() - the guest has written to a page that may be a table
 * @device: attached
 * @gpa: where
 * @data: what
 * @bytes: how much; all in one page
 */
void avic_tables_write(struct avic_device *device, gpa_t gpa, const u8 *data,
		       int bytes)
{
	struct avic_table *table;

	if (bytes <= 0)
		return;
	mutex_lock(&device->tables_lock);
	table = avic_table_find(device, gpa_to_gfn(gpa));
	if (table && !follow(device, table, gpa, data, bytes))
		avic_table_erase(device, table);
	mutex_unlock(&device->tables_lock);
}

static bool is_in(gfn_t gfn, gfn_t first, u64 pages)
{
	return gfn >= first && gfn - first < pages;
}

static bool concerns(const struct avic_table *table, gfn_t first, u64 pages)
{
	unsigned int i;

	if (is_in(table->gfn, first, pages))
		return true;
	for (i = 0; i < SECMMU_AVIC_ENTRIES; i++)
		if (READ_ONCE(table->entry[i].valid) &&
		    is_in(gpa_to_gfn(avic_backing(table->entry[i].guest)),
			  first, pages))
			return true;
	return false;
}

/**
 * avic_tables_slot() - a slot goes away
 * @device: attached
 * @first: its first page
 * @pages: how many it has
 */
void avic_tables_slot(struct avic_device *device, gfn_t first, u64 pages)
{
	unsigned int i;

	mutex_lock(&device->tables_lock);
	for (i = 0; i < SECMMU_AVIC_TABLES; i++)
		if (device->tables[i] &&
		    concerns(device->tables[i], first, pages))
			avic_table_erase(device, device->tables[i]);
	mutex_unlock(&device->tables_lock);
}
