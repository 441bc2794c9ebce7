/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the driver share.
 *
 * Locks, outermost first:
 *   avic_device.attach_lock
 *   avic_device.tables_lock, as the RFC has it: the tables and what they know of
 *	the guest. With it guest memory is read and pinned (mmap_lock)
 *   avic_device.track_lock, what is tracked
 *   kvm->mmu_lock
 *   avic_device.shadow_lock, a spinlock: what hardware would see, and pins.
 *	Invalidations of memory take it, with mmap_lock held
 *
 * KVM calls back with kvm->srcu held, and waits for the end of its readers only
 * where it holds none of these.
 */
#ifndef AVIC_DEVICE_H
#define AVIC_DEVICE_H

#include <linux/atomic.h>
#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include "avic_compat.h"
#include "pause.h"
#include "secmmu_avic.h"

#define AVIC_HASH_BITS 8

/**
 * struct avic_ring - writes of one thread
 * @thread: who took it; 0: nobody
 * @head: of the ring. What user space sees is a copy
 * @dropped: the same
 * @shared: the ring's header, which user space can write to
 * @entry: its entries, the same
 */
struct avic_ring {
	pid_t thread;
	u64 head;
	u64 dropped;
	struct secmmu_avic_ring *shared;
	struct secmmu_avic_write *entry;
};

/**
 * struct avic_tracked - a page that is tracked
 * @gfn: which; read without a lock by who is told of a write
 * @writes: how often for its writes to be recorded; the same. 0 and @tables 0:
 *	not in use
 * @tables: how often for a table
 */
struct avic_tracked {
	gfn_t gfn;
	unsigned int writes;
	unsigned int tables;
};

/**
 * struct avic_pin - a pinned page of the guest's
 * @page: it
 * @address: where the process has it
 * @link: in avic_table.retired
 */
struct avic_pin {
	struct page *page;
	unsigned long address;
	struct list_head link;
};

/**
 * struct avic_entry - what is known of an entry of a table
 * @guest: as the guest wrote it; under tables_lock
 * @valid: whether the shadow has it; this and the rest under shadow_lock
 * @stale: @pin was taken away since its page left the process's memory
 * @pin: the backing page; NULL: the dummy stands for it
 */
struct avic_entry {
	u64 guest;
	bool valid;
	bool stale;
	struct avic_pin *pin;
};

/**
 * struct avic_table - the shadow of a table in guest memory
 * @link: in avic_device.hash
 * @gfn: the table's page
 * @number: its index in avic_device.tables
 * @references: how often it was got; this and the others until @retired are
 *	written to under shadow_lock
 * @users: how many vCPUs are in the guest with it
 * @leave: it was erased while in use, and still is
 * @known: how many entries it has
 * @pins: pages that they pin
 * @retired_count: pages in @retired
 * @retired: pages that are in the table no more and still pinned
 * @flood: writes since it was used last; under tables_lock
 * @tracked: SECMMU_AVIC_FIXED: its page is tracked; the same
 * @shadow: the page that hardware would read; under shadow_lock
 * @entry: what is known of its entries
 */
struct avic_table {
	struct hlist_node link;
	gfn_t gfn;
	unsigned int number;
	unsigned int references;
	unsigned int users;
	bool leave;
	unsigned int known;
	unsigned int pins;
	unsigned int retired_count;
	struct list_head retired;
	unsigned int flood;
	bool tracked;
	u64 *shadow;
	struct avic_entry entry[SECMMU_AVIC_ENTRIES];
};

/**
 * struct avic_device - an open file
 * @attach_lock: one attaches at a time
 * @kvm: the VM; set once, by smp_store_release()
 * @node: told of writes and of slots that go away
 * @memory: told of invalidations of the process's memory
 * @personality: enum secmmu_avic_personality
 * @rings: number of rings
 * @entries: of each of them
 * @area: all rings, from vmalloc_user(); or NULL
 * @size: its bytes
 * @ring: the rings
 * @order: writes so far
 * @track_lock: protects @tracked against other changes
 * @tracked: what is tracked
 * @tables_lock: protects the tables
 * @shadow_lock: protects what hardware would see of them
 * @tables: all of them, by number; changed with both locks
 * @hash: and by guest frame
 * @dummy: page that stands for those that are not there
 * @points: where one can be made to wait
 * @point: the same
 * @writes: and the rest: see struct secmmu_avic_counters
 */
struct avic_device {
	struct mutex attach_lock;
	struct kvm *kvm;
	struct kvm_page_track_notifier_node node;
	struct mmu_interval_notifier memory;
	unsigned int personality;
	unsigned int rings;
	unsigned int entries;
	void *area;
	size_t size;
	struct avic_ring ring[SECMMU_AVIC_RINGS];
	atomic64_t order;
	struct mutex track_lock;
	struct avic_tracked tracked[SECMMU_AVIC_PAGES];
	struct mutex tables_lock;
	spinlock_t shadow_lock;
	struct avic_table *tables[SECMMU_AVIC_TABLES];
	struct hlist_head hash[1 << AVIC_HASH_BITS];
	struct page *dummy;
	struct pause_points points;
	struct pause_point point[SECMMU_AVIC_POINTS];
	atomic64_t writes, dropped, ringless, slots, invalidations, merged,
		ignored, erased, floods, reloaded, pinned, unpinned, left,
		pulled;
};

/* avic_ring.c */
int avic_rings_create(struct avic_device *device, unsigned int rings,
		      unsigned int entries);
void avic_rings_free(struct avic_device *device);
int avic_rings_map(struct avic_device *device, struct vm_area_struct *vma);
void avic_ring_record(struct avic_device *device, gpa_t gpa, const u8 *data,
		      int bytes);

/* avic_track.c */
int avic_watch(struct avic_device *device, struct kvm *kvm);
void avic_unwatch(struct avic_device *device);
long avic_page_track(struct avic_device *device, struct secmmu_avic_page *page);
long avic_page_untrack(struct avic_device *device,
		       struct secmmu_avic_page *page);
int avic_table_track(struct avic_device *device, gfn_t gfn);
void avic_table_untrack(struct avic_device *device, gfn_t gfn);
void avic_tracked_counts(struct avic_device *device, gfn_t gfn, u32 *tracked,
			 u32 *kernel);

/* avic_entry.c */
int avic_memory_watch(struct avic_device *device);
void avic_memory_unwatch(struct avic_device *device);
unsigned long avic_address(struct avic_device *device, gfn_t gfn, bool write);
int avic_entry_create(struct avic_device *device, struct avic_table *table,
		      unsigned int number, u64 guest);
int avic_entry_refresh(struct avic_device *device, struct avic_table *table,
		       unsigned int number);
void avic_entry_merge(struct avic_device *device, struct avic_table *table,
		      unsigned int number, u64 guest);
void avic_entry_remove(struct avic_device *device, struct avic_table *table,
		       unsigned int number);
void avic_retired_release(struct avic_device *device, struct list_head *list);

/* avic_table.c */
u64 avic_backing(u64 entry);
void avic_table_erase(struct avic_device *device, struct avic_table *table);
long avic_table_get(struct avic_device *device, struct secmmu_avic_get *get);
long avic_table_put(struct avic_device *device,
		    struct secmmu_avic_number *number);
long avic_table_use(struct avic_device *device,
		    struct secmmu_avic_number *number);
long avic_table_unuse(struct avic_device *device,
		      struct secmmu_avic_number *number);
long avic_table_read(struct avic_device *device, struct secmmu_avic_read *read);
struct avic_table *avic_table_find(struct avic_device *device, gfn_t gfn);
struct avic_table *avic_table_by_number(struct avic_device *device,
					unsigned int number);
void avic_tables_free(struct avic_device *device);

/* avic_policy.c */
long avic_table_sync(struct avic_device *device, struct secmmu_avic_sync *sync);
void avic_tables_write(struct avic_device *device, gpa_t gpa, const u8 *data,
		       int bytes);
void avic_tables_slot(struct avic_device *device, gfn_t first, u64 pages);

/* avic_pause.c */
void avic_pause_init(struct avic_device *device);
void avic_pause(struct avic_device *device, enum secmmu_avic_point point);
void avic_pause_end(struct avic_device *device);
long avic_pause_arm(struct avic_device *device,
		    struct secmmu_avic_pause *pause);
long avic_pause_wait(struct avic_device *device,
		     struct secmmu_avic_pause *pause);
long avic_pause_release(struct avic_device *device,
			struct secmmu_avic_pause *pause);

#endif /* AVIC_DEVICE_H */
