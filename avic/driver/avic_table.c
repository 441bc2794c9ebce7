// SPDX-License-Identifier: GPL-2.0-only
/* Tables: which there are, who uses them, and what they look like. */
#include <linux/hash.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "avic_device.h"

static struct hlist_head *bucket(struct avic_device *device, gfn_t gfn)
{
	return &device->hash[hash_64(gfn, AVIC_HASH_BITS)];
}

/**
 * avic_table_find() - the shadow of a page
 * @device: attached
 * @gfn: the page
 *
 * Return: the table, or NULL. Context: tables_lock is held.
 */
struct avic_table *avic_table_find(struct avic_device *device, gfn_t gfn)
{
	struct avic_table *table;

	hlist_for_each_entry(table, bucket(device, gfn), link) {
		if (table->gfn == gfn)
			return table;
	}
	return NULL;
}

/**
 * avic_table_by_number() - a table
 * @device: attached
 * @number: its number, from user space
 *
 * Return: the table, or NULL. Context: tables_lock or shadow_lock is held.
 */
struct avic_table *avic_table_by_number(struct avic_device *device,
					unsigned int number)
{
	if (number >= SECMMU_AVIC_TABLES)
		return NULL;
	return device->tables[array_index_nospec(number, SECMMU_AVIC_TABLES)];
}

/**
 * avic_backing() - where an entry's backing page is
 * @entry: as the guest has it
 *
 * physid_entry_get_backing_table()
 *
 * Return: its guest physical address, ~0 if the entry is not valid.
 */
u64 avic_backing(u64 entry)
{
	return entry & SECMMU_AVIC_VALID ? entry & SECMMU_AVIC_BACKING : ~0ULL;
}

/* All pages that are not in a table any more, and that nobody can be using. */
static void release_retired(struct avic_device *device,
			    struct avic_table *table)
{
	LIST_HEAD(list);

	spin_lock(&device->shadow_lock);
	if (!table->users) {
		list_splice_init(&table->retired, &list);
		table->retired_count = 0;
		table->leave = false;
	}
	spin_unlock(&device->shadow_lock);
	avic_retired_release(device, &list);
}

/**
 * avic_table_erase() - forget all entries, and track the page no more
 * @device: attached
 * @table: the table
 *
 * avic_physid_shadow_table_erase(), which does nothing for a table without
 * entries even if its page is tracked, and lets go of pages that are in use.
 *
 * Context: tables_lock is held.
 */
void avic_table_erase(struct avic_device *device, struct avic_table *table)
{
	unsigned int i;

	lockdep_assert_held(&device->tables_lock);
	if (device->personality == SECMMU_AVIC_RFC) {
		if (!table->known)
			return;
		avic_table_untrack(device, table->gfn);
	} else {
		if (table->tracked)
			avic_table_untrack(device, table->gfn);
		table->tracked = false;
		spin_lock(&device->shadow_lock);
		if (table->known && table->users) {
			table->leave = true;
			atomic64_add(table->users, &device->left);
		}
		spin_unlock(&device->shadow_lock);
	}
	if (table->known)
		atomic64_inc(&device->erased);
	for (i = 0; i < SECMMU_AVIC_ENTRIES; i++)
		if (READ_ONCE(table->entry[i].valid))
			avic_entry_remove(device, table, i);
	spin_lock(&device->shadow_lock);
	table->known = 0;
	spin_unlock(&device->shadow_lock);
	table->flood = 0;
	if (device->personality == SECMMU_AVIC_FIXED)
		release_retired(device, table);
}

static struct avic_table *create(struct avic_device *device, gfn_t gfn)
{
	struct avic_table *table;
	unsigned int number;

	for (number = 0; number < SECMMU_AVIC_TABLES; number++)
		if (!device->tables[number])
			break;
	if (number == SECMMU_AVIC_TABLES)
		return ERR_PTR(-ENOSPC);
	table = kvzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return ERR_PTR(-ENOMEM);
	table->shadow = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!table->shadow) {
		kvfree(table);
		return ERR_PTR(-ENOMEM);
	}
	BUILD_BUG_ON(SECMMU_AVIC_ENTRIES * sizeof(u64) != PAGE_SIZE);
	INIT_LIST_HEAD(&table->retired);
	table->gfn = gfn;
	table->number = number;
	hlist_add_head(&table->link, bucket(device, gfn));
	spin_lock(&device->shadow_lock);
	device->tables[number] = table;
	spin_unlock(&device->shadow_lock);
	return table;
}

/* Nobody finds it any more. */
static void destroy(struct avic_device *device, struct avic_table *table)
{
	avic_table_erase(device, table);
	hlist_del(&table->link);
	spin_lock(&device->shadow_lock);
	device->tables[table->number] = NULL;
	spin_unlock(&device->shadow_lock);
	avic_retired_release(device, &table->retired);
	free_page((unsigned long)table->shadow);
	kvfree(table);
}

/**
 * avic_table_get() - SECMMU_AVIC_GET
 * @device: attached
 * @get: which page; and the table's number
 */
long avic_table_get(struct avic_device *device, struct secmmu_avic_get *get)
{
	struct avic_table *table;
	long error = 0;

	if (offset_in_page(get->gpa) || get->table || get->reserved)
		return -EINVAL;
	if (mutex_lock_killable(&device->tables_lock))
		return -EINTR;
	table = avic_table_find(device, gpa_to_gfn(get->gpa));
	if (!table)
		table = create(device, gpa_to_gfn(get->gpa));
	if (IS_ERR(table)) {
		error = PTR_ERR(table);
	} else if (table->references >= SECMMU_AVIC_TABLE_REFS) {
		error = -ENOSPC;
	} else {
		spin_lock(&device->shadow_lock);
		table->references++;
		spin_unlock(&device->shadow_lock);
		get->table = table->number;
	}
	mutex_unlock(&device->tables_lock);
	return error;
}

/**
 * avic_table_put() - SECMMU_AVIC_PUT
 * @device: attached
 * @number: of the table
 */
long avic_table_put(struct avic_device *device,
		    struct secmmu_avic_number *number)
{
	struct avic_table *table;
	bool last = false;
	long error = 0;

	if (number->users)
		return -EINVAL;
	if (mutex_lock_killable(&device->tables_lock))
		return -EINTR;
	spin_lock(&device->shadow_lock);
	table = avic_table_by_number(device, number->table);
	if (!table) {
		error = -ENOENT;
	} else if (table->references == 1 && table->users) {
		error = -EBUSY;
	} else {
		table->references--;
		last = !table->references;
	}
	spin_unlock(&device->shadow_lock);
	if (last)
		destroy(device, table);
	mutex_unlock(&device->tables_lock);
	return error;
}

/**
 * avic_table_use() - SECMMU_AVIC_USE
 * @device: attached
 * @number: of the table
 */
long avic_table_use(struct avic_device *device,
		    struct secmmu_avic_number *number)
{
	struct avic_table *table;
	long error = 0;

	if (number->users)
		return -EINVAL;
	spin_lock(&device->shadow_lock);
	table = avic_table_by_number(device, number->table);
	/* Without references it is about to go. */
	if (!table || !table->references)
		error = -ENOENT;
	else if (table->users >= SECMMU_AVIC_TABLE_REFS)
		error = -EBUSY;
	else
		number->users = ++table->users;
	spin_unlock(&device->shadow_lock);
	return error;
}

/**
 * avic_table_unuse() - SECMMU_AVIC_UNUSE
 * @device: attached
 * @number: of the table
 *
 * With the last user, pages go that were kept for users only.
 */
long avic_table_unuse(struct avic_device *device,
		      struct secmmu_avic_number *number)
{
	struct avic_table *table;
	long error = 0;
	LIST_HEAD(list);

	if (number->users)
		return -EINVAL;
	spin_lock(&device->shadow_lock);
	table = avic_table_by_number(device, number->table);
	if (!table || !table->users) {
		error = -ENOENT;
	} else {
		number->users = --table->users;
		if (!table->users) {
			list_splice_init(&table->retired, &list);
			table->retired_count = 0;
			table->leave = false;
		}
	}
	spin_unlock(&device->shadow_lock);
	avic_retired_release(device, &list);
	return error;
}

/* Context: shadow_lock is held. */
static void copy_entries(const struct avic_table *table, unsigned int first,
			 unsigned int count, struct secmmu_avic_entry *to)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		const struct avic_entry *entry = &table->entry[first + i];

		to[i] = (struct secmmu_avic_entry){
			.guest = READ_ONCE(entry->guest),
			.shadow = READ_ONCE(table->shadow[first + i]),
		};
		if (!entry->valid)
			continue;
		to[i].flags = SECMMU_AVIC_ENTRY_VALID;
		if (!entry->pin)
			to[i].flags |= SECMMU_AVIC_ENTRY_DUMMY;
		if (entry->stale)
			to[i].flags |= SECMMU_AVIC_ENTRY_STALE;
	}
}

/**
 * avic_table_read() - SECMMU_AVIC_READ
 * @device: attached
 * @read: which table; and all there is to know of it
 */
long avic_table_read(struct avic_device *device, struct secmmu_avic_read *read)
{
	struct secmmu_avic_entry *entry;
	struct avic_table *table;
	long error = 0;
	gfn_t gfn = 0;

	if (read->first > SECMMU_AVIC_ENTRIES ||
	    read->count > SECMMU_AVIC_ENTRIES - read->first || read->dummy ||
	    read->known || read->pins || read->retired || read->references ||
	    read->users || read->leave || read->flood || read->tracked ||
	    read->kernel)
		return -EINVAL;
	entry = kvcalloc(SECMMU_AVIC_ENTRIES, sizeof(*entry),
			 GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;
	spin_lock(&device->shadow_lock);
	table = avic_table_by_number(device, read->table);
	if (!table) {
		error = -ENOENT;
	} else {
		copy_entries(table,
			     array_index_nospec(read->first,
						SECMMU_AVIC_ENTRIES + 1),
			     read->count, entry);
		gfn = table->gfn;
		read->dummy = page_to_phys(device->dummy);
		read->known = table->known;
		read->pins = table->pins;
		read->retired = table->retired_count;
		read->references = table->references;
		read->users = table->users;
		read->leave = table->leave;
		read->flood = READ_ONCE(table->flood);
	}
	spin_unlock(&device->shadow_lock);
	if (!error) {
		avic_tracked_counts(device, gfn, &read->tracked, &read->kernel);
		if (copy_to_user(u64_to_user_ptr(read->entry), entry,
				 read->count * sizeof(*entry)))
			error = -EFAULT;
	}
	kvfree(entry);
	return error;
}

/**
 * avic_tables_free() - no more tables
 * @device: being closed
 */
void avic_tables_free(struct avic_device *device)
{
	unsigned int i;

	mutex_lock(&device->tables_lock);
	for (i = 0; i < SECMMU_AVIC_TABLES; i++)
		if (device->tables[i])
			destroy(device, device->tables[i]);
	mutex_unlock(&device->tables_lock);
}
