/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the driver share.
 *
 * Locks, outermost first (those of DMA: hmm_dma.c):
 *   mmap_lock of the mirrored address space
 *   hmm_mirror.lock, which protects a page table. Invalidations take it, and
 *	they come from reclaim, too: with it nothing may be allocated that
 *	could reclaim, and no user memory touched
 *   hmm_device.lock and hmm_devmem.lock, spinlocks
 */
#ifndef HMM_DEVICE_H
#define HMM_DEVICE_H

#include <linux/atomic.h>
#include <linux/hmm.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include "pause.h"
#include "secmmu_hmm.h"

struct hmm_devmem;

/**
 * struct hmm_device - an open file
 * @mm: the address space of who opened it, by mmgrab()
 * @lock: protects mirrors, their users and @mirrored
 * @mirrors: by number
 * @points: where one can be made to wait
 * @point: the same, by enum secmmu_hmm_point
 * @own: the bank whose pages are this device's own
 * @memory: SECMMU_HMM_MAP_PAGES pages for mmap(), each on its own; or NULL
 * @memory_lock: makes @memory be allocated once
 * @dma: memory that a device reaches by DMA, or NULL
 * @dma_lock: one call of SECMMU_HMM_DMA_* at a time; protects @dma
 * @mirrored: pages of all mirrors, at most SECMMU_HMM_FILE_PAGES
 */
struct hmm_device {
	struct mm_struct *mm;
	spinlock_t lock;
	struct hmm_mirror *mirrors[SECMMU_HMM_MIRRORS];
	struct pause_points points;
	struct pause_point point[SECMMU_HMM_POINTS];
	struct hmm_devmem *own;
	void *memory;
	struct mutex memory_lock;
	struct hmm_dma *dma;
	struct mutex dma_lock;
	u64 mirrored;
};

/*
 * In a mirror's table: the CPUs have no access as long as the entry is there. An
 * entry there has no errors, so that bit is free.
 */
#define HMM_TABLE_EXCLUSIVE HMM_PFN_ERROR

/**
 * struct hmm_exclusive - a call that makes a page exclusive; on its stack
 * @link: in hmm_mirror.exclusive
 * @task: the calling thread
 * @address: of the page
 * @invalidated: the page was invalidated by anything but the call itself
 */
struct hmm_exclusive {
	struct list_head link;
	struct task_struct *task;
	unsigned long address;
	bool invalidated;
};

/**
 * struct hmm_mirror - a mirrored range, with the device's page table of it
 * @notifier: tells of invalidations
 * @device: whose it is
 * @lock: protects @table and @exclusive
 * @start: first address
 * @end: behind the last one
 * @users: calls that use it now; under hmm_device.lock
 * @table: one entry per page: page frame number, HMM_PFN_VALID, HMM_PFN_WRITE,
 *	HMM_TABLE_EXCLUSIVE
 * @exclusive: calls that make a page of the range exclusive
 * @faults: and the rest: see struct secmmu_hmm_counters
 */
struct hmm_mirror {
	struct mmu_interval_notifier notifier;
	struct hmm_device *device;
	struct mutex lock;
	unsigned long start, end;
	unsigned int users;
	unsigned long *table;
	struct list_head exclusive;
	atomic64_t faults, busy, retries, installed, dropped, refused;
	atomic64_t invalidations[SECMMU_HMM_EVENTS];
};

/* hmm_file.c */
u64 hmm_entry_to_user(unsigned long entry);
void hmm_entries_to_user(u64 *entries, size_t count);
u64 hmm_table_to_user(unsigned long entry);

/* hmm_walk.c */
long hmm_walk(struct hmm_device *device, struct secmmu_hmm_walk *walk);

/* hmm_mirror.c */
bool hmm_range_is_sane(u64 start, u64 end, u64 pages_max);
long hmm_mirror_add(struct hmm_device *device, struct secmmu_hmm_mirror *add);
long hmm_mirror_remove(struct hmm_device *device,
		       struct secmmu_hmm_number *number);
void hmm_mirror_remove_all(struct hmm_device *device);
struct hmm_mirror *hmm_mirror_get(struct hmm_device *device,
				  unsigned int number);
void hmm_mirror_put(struct hmm_mirror *mirror);
long hmm_mirror_table(struct hmm_device *device,
		      struct secmmu_hmm_table *table);
long hmm_mirror_counters(struct hmm_device *device,
			 struct secmmu_hmm_counters *counters);
bool hmm_mirror_retry(struct hmm_mirror *mirror, unsigned long sequence);

/* hmm_access.c */
long hmm_access(struct hmm_device *device, struct secmmu_hmm_access *access);

/* hmm_exclusive.c */
int hmm_exclusive_fault(struct hmm_mirror *mirror, unsigned long address);

/* hmm_devmem.c */
struct hmm_devmem *hmm_devmem(unsigned int number);
long hmm_devmem_look(struct secmmu_hmm_devmem *look);
long hmm_devmem_own(struct hmm_device *device,
		    struct secmmu_hmm_number *number);
long hmm_devmem_set_failure(struct hmm_device *device,
			    struct secmmu_hmm_fail *fail);
void hmm_devmem_forget(struct hmm_device *device);
void *hmm_page_map(struct page *page);
void hmm_page_unmap(struct page *page, void *contents);
void hmm_devmems_init(void);
void hmm_devmems_exit(void);

/* hmm_transfer.c */
long hmm_transfer(struct hmm_device *device,
		  struct secmmu_hmm_migrate *migrate);

/* hmm_pause.c */
void hmm_pause_init(struct hmm_device *device);
void hmm_pause(struct hmm_device *device, enum secmmu_hmm_point point);
void hmm_pause_end(struct hmm_device *device);
long hmm_pause_arm(struct hmm_device *device, struct secmmu_hmm_pause *pause);
long hmm_pause_wait(struct hmm_device *device, struct secmmu_hmm_pause *pause);
long hmm_pause_release(struct hmm_device *device,
		       struct secmmu_hmm_pause *pause);

/* hmm_map.c */
int hmm_map(struct hmm_device *device, struct vm_area_struct *vma);
void hmm_map_free(struct hmm_device *device);

/* hmm_migrate.c */
long hmm_hold_migration(struct hmm_device *device,
			struct secmmu_hmm_range *range);

/* hmm_dma.c */
long hmm_dma(struct hmm_device *device, unsigned int command, void *argument);
void hmm_dma_close(struct hmm_device *device);

#endif /* HMM_DEVICE_H */
