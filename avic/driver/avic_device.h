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

struct avic_table;

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
 * @tables: all of them, by number
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
