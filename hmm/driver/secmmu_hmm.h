/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The interface of /dev/secmmu_hmm, shared by the driver and the tests.
 *
 * An open file is one device. It mirrors the address space of the process that
 * opened it, whichever process calls. Addresses and sizes are in bytes.
 *
 * open() fails with EPERM, ESRCH for a kernel thread, or ENFILE. Every call, and
 * mmap(), needs CAP_SYS_ADMIN: EPERM. Every call fails with
 *   EFAULT   a user pointer cannot be read or written
 *   EINVAL   a field is out of its bounds, or an unused one is not zero
 *   ENOTTY   no such call
 *   ESRCH    the address space of the process that opened the device is gone
 *   EINTR    a fatal signal was received
 *   ENOMEM   no memory
 * and with the errors that its own description lists.
 *
 * A call whose argument cannot be written fails with EFAULT. SECMMU_HMM_MIRROR and
 * SECMMU_HMM_DMA_ALLOC have created nothing then; every other call may have acted.
 *
 * Bounds in time: a pause lasts up to SECMMU_HMM_PAUSE_MS, a delay up to
 * SECMMU_HMM_DELAY_US; a fatal signal or the last close ends both. A mirror's lock,
 * for which invalidations wait, is held for 64 KiB of memory or for one delayed
 * word; the lock of a map for DMA for SECMMU_HMM_DMA_CALL_PAGES pages or for one
 * copy by the device (10 s if it is broken). No lock or reference that an
 * invalidation or the removal of a function waits for is held while user memory is
 * accessed.
 *
 * Bounds in memory: what a call allocates is charged to its caller's cgroup, except
 * the tables of maps for DMA (16 bytes a page, at most SECMMU_HMM_DMA_TOTAL pages
 * for all files) and the device memory itself, which belongs to the module. Tables
 * of mirrors need 8 bytes a page, at most SECMMU_HMM_FILE_PAGES pages for a file.
 */
#ifndef SECMMU_HMM_H
#define SECMMU_HMM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define SECMMU_HMM_DEVICE "/dev/secmmu_hmm"

/* Bounds; of pages, unless the name says otherwise. */
#define SECMMU_HMM_WALK_PAGES	  (1U << 19)
#define SECMMU_HMM_MIRROR_PAGES	  (1U << 18)
#define SECMMU_HMM_MIRRORS	  32
#define SECMMU_HMM_FILE_PAGES	  (1U << 20) /* of all mirrors of a file */
#define SECMMU_HMM_FILES	  256	     /* open at a time */
#define SECMMU_HMM_ACCESS_BYTES	  (1U << 24)
#define SECMMU_HMM_MIGRATE_PAGES  1024
#define SECMMU_HMM_PAUSE_MS	  10000
#define SECMMU_HMM_DELAY_US	  2000
#define SECMMU_HMM_DEVMEMS	  2
#define SECMMU_HMM_DEVMEM_PAGES	  4096
#define SECMMU_HMM_FAILURES	  4096
#define SECMMU_HMM_DMA_PAGES	  (1U << 20)
#define SECMMU_HMM_DMA_CALL_PAGES 1024
#define SECMMU_HMM_DMA_TOTAL	  (1U << 22) /* pages of the maps of all files */
#define SECMMU_HMM_DMA_COPY_BYTES 2048

/* Requests for a page (HMM_PFN_REQ_FAULT, HMM_PFN_REQ_WRITE). */
#define SECMMU_HMM_REQ_FAULT (1U << 0)
#define SECMMU_HMM_REQ_WRITE (1U << 1)
/* In secmmu_hmm_walk.default_flags only: no page has requests of its own. */
#define SECMMU_HMM_ALIKE (1U << 8)

/*
 * An entry describes a page, as hmm_range_fault() or the device's page table does.
 * Its bits SECMMU_HMM_PAGE_MASK identify the page: by the page frame number if the
 * module's parameter "pfns" is set, else by a number derived from it.
 */
#define SECMMU_HMM_VALID       (1ULL << 63) /* HMM_PFN_VALID */
#define SECMMU_HMM_WRITE       (1ULL << 62) /* HMM_PFN_WRITE */
#define SECMMU_HMM_ERROR       (1ULL << 61) /* HMM_PFN_ERROR */
#define SECMMU_HMM_DEVICE_PAGE (1ULL << 60) /* device-private memory */
#define SECMMU_HMM_EXCLUSIVE   (1ULL << 59) /* in SECMMU_HMM_TABLE only */
#define SECMMU_HMM_ORDER_SHIFT 48	    /* hmm_pfn_to_map_order() */
#define SECMMU_HMM_ORDER_MASK  0x1fULL
#define SECMMU_HMM_PAGE_MASK   ((1ULL << SECMMU_HMM_ORDER_SHIFT) - 1)

/* Bits of struct secmmu_hmm_info.features. */
#define SECMMU_HMM_HAS_PFNS	 (1U << 0) /* entries have page frame numbers */
#define SECMMU_HMM_HAS_MIGRATION (1U << 1) /* SECMMU_HMM_HOLD_MIGRATION */
#define SECMMU_HMM_HAS_MEMORY	 (1U << 2) /* SECMMU_HMM_MIGRATE and others */
#define SECMMU_HMM_HAS_HUGE	 (1U << 3) /* SECMMU_HMM_HUGE */
#define SECMMU_HMM_HAS_DMA	 (1U << 8) /* SECMMU_HMM_DMA_* */

/**
 * struct secmmu_hmm_info - SECMMU_HMM_INFO: what the driver supports
 * @features: SECMMU_HMM_HAS_*
 * @page_shift: log2 of the page size
 */
struct secmmu_hmm_info {
	__u32 features;
	__u32 page_shift;
};

/**
 * struct secmmu_hmm_walk - SECMMU_HMM_WALK: a single hmm_range_fault()
 * @start: first address
 * @end: end address, exclusive; both multiples of the page size, @start < @end,
 *	at most SECMMU_HMM_WALK_PAGES pages. They may lie above the address space
 * @entries: address of one __u64 per page: in, the requests for the page
 *	(SECMMU_HMM_REQ_*), not read with SECMMU_HMM_ALIKE; out, if @error is 0,
 *	its entry
 * @default_flags: requests for all pages, and SECMMU_HMM_ALIKE
 * @flags_mask: mask for the requests in @entries
 * @error: out: what hmm_range_fault() returned, -errno
 * @invalidated: out: 1 if mmu_interval_read_retry() returned true afterwards
 *
 * Calls mmu_interval_read_begin(), hmm_range_fault() and mmu_interval_read_retry()
 * once each.
 */
struct secmmu_hmm_walk {
	__u64 start;
	__u64 end;
	__u64 entries;
	__u32 default_flags;
	__u32 flags_mask;
	__s32 error;
	__u32 invalidated;
};

/**
 * struct secmmu_hmm_mirror - SECMMU_HMM_MIRROR: start to mirror a range
 * @start: first address
 * @end: end address, exclusive; at most SECMMU_HMM_MIRROR_PAGES pages
 * @mirror: in, 0; out, the mirror's number
 * @reserved: 0
 *
 * Mirrors may overlap; each has a separate page table, empty at first. Fails with
 * ENOSPC for more than SECMMU_HMM_MIRRORS mirrors or SECMMU_HMM_FILE_PAGES pages
 * in all mirrors of the file.
 */
struct secmmu_hmm_mirror {
	__u64 start;
	__u64 end;
	__u32 mirror;
	__u32 reserved;
};

/**
 * struct secmmu_hmm_number - SECMMU_HMM_UNMIRROR and others: a mirror's number
 * @mirror: the number; for SECMMU_HMM_OWNER, of device memory
 * @reserved: 0
 *
 * SECMMU_HMM_UNMIRROR fails with EBUSY while a call uses the mirror. Every call
 * fails with ENOENT if the mirror does not exist.
 */
struct secmmu_hmm_number {
	__u32 mirror;
	__u32 reserved;
};

/* How a device accesses memory. */
enum secmmu_hmm_operation {
	SECMMU_HMM_READ,  /* memory to buffer */
	SECMMU_HMM_STORE, /* buffer to memory */
	SECMMU_HMM_ADD,	  /* memory += buffer, the buffer gets the old values */
	SECMMU_HMM_EXCHANGE,	  /* swap memory and buffer */
	SECMMU_HMM_ADD_EXCLUSIVE, /* as ADD, with exclusive access */
	SECMMU_HMM_OPERATIONS,
};

/**
 * struct secmmu_hmm_access - SECMMU_HMM_ACCESS: the device reads or writes
 * @address: a multiple of 8, in the mirror's range
 * @length: bytes, a multiple of 8, at most SECMMU_HMM_ACCESS_BYTES; the mirror's
 *	range contains all of them
 * @buffer: address of @length bytes in the caller's address space
 * @mirror: number of the mirror whose page table the device uses
 * @operation: enum secmmu_hmm_operation; atomic for each word of 8 bytes
 * @done: out: bytes that were accessed
 * @error: out: 0, or the -errno that stopped the access: what hmm_range_fault()
 *	returned; -EBUSY if invalidations prevented any progress for
 *	SECMMU_HMM_PAUSE_MS; -EINTR for a fatal signal, looked for at each word
 *	of SECMMU_HMM_ADD_EXCLUSIVE and at each 64 KiB otherwise; -EACCES for
 *	memory of memfd_secret(), which the kernel cannot access; -ESTALE if the
 *	device's page table had an entry for a free page, which must never
 *	happen; -EOPNOTSUPP for SECMMU_HMM_ADD_EXCLUSIVE if the memory is not
 *	private and anonymous, or without CONFIG_DEVICE_PRIVATE
 * @faults: out: calls of hmm_range_fault() and make_device_exclusive()
 * @busy: out: calls of hmm_range_fault() that returned -EBUSY
 * @retries: out: mappings that were discarded because of an invalidation
 *
 * SECMMU_HMM_ADD_EXCLUSIVE models a device without atomic operations: it gets
 * exclusive access to the page (make_device_exclusive()), reads the old value,
 * passes SECMMU_HMM_AT_EXCLUSIVE and writes the new one. Exclusive access keeps out
 * CPUs and every other mirror, those of the same device included.
 */
struct secmmu_hmm_access {
	__u64 address;
	__u64 length;
	__u64 buffer;
	__u32 mirror;
	__u32 operation;
	__u64 done;
	__s32 error;
	__u32 faults;
	__u32 busy;
	__u32 retries;
};

/**
 * struct secmmu_hmm_table - SECMMU_HMM_TABLE: read a mirror's page table
 * @start: first address, in the mirror's range
 * @end: end address, exclusive
 * @entries: address of one __u64 per page: out, SECMMU_HMM_VALID, _WRITE,
 *	_EXCLUSIVE and the page, or 0
 * @mirror: the mirror's number
 * @reserved: 0
 */
struct secmmu_hmm_table {
	__u64 start;
	__u64 end;
	__u64 entries;
	__u32 mirror;
	__u32 reserved;
};

/* At least the number of enum mmu_notifier_event. */
#define SECMMU_HMM_EVENTS 16

/**
 * struct secmmu_hmm_counters - SECMMU_HMM_COUNTERS: counters of a mirror
 * @mirror: the mirror's number
 * @reserved: 0
 * @faults: calls of hmm_range_fault() and make_device_exclusive()
 * @busy: calls of hmm_range_fault() that returned -EBUSY
 * @retries: mappings that were discarded because of an invalidation
 * @installed: entries written into the page table
 * @dropped: entries removed from it by invalidations
 * @invalidations: invalidations by event (enum mmu_notifier_event of this kernel),
 *	without those that the mirror itself caused by make_device_exclusive()
 * @refused: non-blockable invalidations that were refused because the page
 *	table was locked
 */
struct secmmu_hmm_counters {
	__u32 mirror;
	__u32 reserved;
	__u64 faults;
	__u64 busy;
	__u64 retries;
	__u64 installed;
	__u64 dropped;
	__u64 invalidations[SECMMU_HMM_EVENTS];
	__u64 refused;
};

/*
 * Pause points: a test pauses the device here to act between two steps of the
 * protocol.
 */
enum secmmu_hmm_point {
	SECMMU_HMM_AT_BEGIN, /* before mmu_interval_read_begin() */
	SECMMU_HMM_AT_WALK,  /* after it, before hmm_range_fault() */
	SECMMU_HMM_AT_LOCK,  /* after hmm_range_fault(), before the lock */
	SECMMU_HMM_AT_RETRY, /* with the lock, before mmu_interval_read_retry() */
	SECMMU_HMM_AT_INSTALLED, /* with the lock, after installing the entries */
	SECMMU_HMM_AT_INVALIDATE, /* in the notifier, before the lock is taken */
	SECMMU_HMM_AT_INVALIDATED, /* in the notifier, after the lock is released */
	SECMMU_HMM_AT_FAULT, /* in the fault handler of the device's own mapping */
	SECMMU_HMM_AT_MIGRATION, /* between migrate_vma_setup() and _finalize() */
	SECMMU_HMM_AT_EXCLUSIVE, /* amid ADD_EXCLUSIVE, with the lock */
	SECMMU_HMM_POINTS,
};

/**
 * struct secmmu_hmm_pause - SECMMU_HMM_ARM, _WAIT, _RELEASE: pause points
 * @point: enum secmmu_hmm_point
 * @timeout_ms: milliseconds, 1 to SECMMU_HMM_PAUSE_MS; 0 for SECMMU_HMM_RELEASE;
 *	ignored for a delay
 * @delay_us: SECMMU_HMM_ARM only: microseconds that every thread sleeps at the
 *	point, at most SECMMU_HMM_DELAY_US; no thread is paused then
 * @arrived: out: threads that reached the point since it was first armed
 *
 * SECMMU_HMM_ARM: the next thread that reaches the point pauses there until
 * SECMMU_HMM_RELEASE, a fatal signal, the last close of the device, or for
 * @timeout_ms. Other threads pass. EBUSY while a thread is paused there.
 * SECMMU_HMM_WAIT: waits until a thread is paused there. ETIMEDOUT after
 * @timeout_ms, EIO if the paused thread has continued without being released.
 * SECMMU_HMM_RELEASE: the paused thread continues, and the point is disarmed. EIO
 * if it has continued before: the test did not act between the two steps.
 */
struct secmmu_hmm_pause {
	__u32 point;
	__u32 timeout_ms;
	__u32 delay_us;
	__u32 arrived;
};

/**
 * struct secmmu_hmm_range - SECMMU_HMM_HOLD_MIGRATION: migration entries
 * @start: first address
 * @end: end address, exclusive; in one mapping, at most SECMMU_HMM_MIGRATE_PAGES
 * @pages: out: pages that had migration entries
 * @flags: SECMMU_HMM_HUGE
 *
 * Calls migrate_vma_setup(), which replaces the pages by migration entries, passes
 * SECMMU_HMM_AT_MIGRATION, and restores the pages. Fails with EINVAL for a mapping
 * that is not anonymous, or whose pages may be merged (madvise(MADV_MERGEABLE)):
 * other processes that use such a page would wait, too. EOPNOTSUPP without
 * CONFIG_DEVICE_MIGRATION.
 */
struct secmmu_hmm_range {
	__u64 start;
	__u64 end;
	__u32 pages;
	__u32 flags;
};

/* Where pages are: system memory, or device memory (its number + 1). */
#define SECMMU_HMM_SYSTEM 0

/* Bits of struct secmmu_hmm_migrate.flags. */
#define SECMMU_HMM_HUGE (1U << 0) /* do not split huge pages, if supported */

/**
 * struct secmmu_hmm_migrate - SECMMU_HMM_MIGRATE: migrate pages
 * @start: first address
 * @end: end address, exclusive; at most SECMMU_HMM_MIRROR_PAGES pages
 * @from: only pages here are migrated: SECMMU_HMM_SYSTEM, or the number of device
 *	memory + 1
 * @to: the destination, not @from
 * @flags: SECMMU_HMM_HUGE
 * @reserved: 0
 * @pages: out: migrated pages; from system memory also holes, which become pages
 *	of zeros
 * @whole: out: of @pages, those that were migrated as part of a huge page
 * @refused: out: pages that were not migrated because no page could be allocated
 *
 * Calls migrate_vma_setup(), _pages() and _finalize() for one page table at a time,
 * and passes SECMMU_HMM_AT_MIGRATION before migrate_vma_pages(). Pages that
 * migrate_vma_setup() does not collect stay. Looks for a fatal signal after each
 * page table. The outputs are valid after an error, too: EFAULT if an address is
 * not mapped, EINVAL for a mapping that cannot migrate, EOPNOTSUPP without
 * CONFIG_DEVICE_PRIVATE.
 */
struct secmmu_hmm_migrate {
	__u64 start;
	__u64 end;
	__u32 from;
	__u32 to;
	__u32 flags;
	__u32 reserved;
	__u64 pages;
	__u64 whole;
	__u64 refused;
};

/**
 * struct secmmu_hmm_devmem - SECMMU_HMM_DEVMEM: state of device memory
 * @devmem: its number, below SECMMU_HMM_DEVMEMS
 * @reserved: 0
 * @pages: out: its size in pages
 * @used: out: pages in use, by any process
 * @faults: out: calls of migrate_to_ram(), one per page or huge page
 *
 * Device memory is MEMORY_DEVICE_PRIVATE, which CPUs cannot access, each with a
 * separate pgmap owner. It belongs to the module, which cannot be removed while a
 * page is in use.
 */
struct secmmu_hmm_devmem {
	__u32 devmem;
	__u32 reserved;
	__u64 pages;
	__u64 used;
	__u64 faults;
};

/* Allocations that can be made to fail. */
enum secmmu_hmm_failure {
	SECMMU_HMM_FAIL_DEVMEM,	      /* a page of device memory */
	SECMMU_HMM_FAIL_DEVMEM_WHOLE, /* a huge page of it */
	SECMMU_HMM_FAIL_SYSTEM,	      /* a page to migrate back to */
	SECMMU_HMM_FAIL_SYSTEM_HUGE,  /* a huge page to migrate back to */
	SECMMU_HMM_FAIL_KINDS,
};

/**
 * struct secmmu_hmm_fail - SECMMU_HMM_FAIL: let allocations fail
 * @devmem: number of the device memory
 * @what: enum secmmu_hmm_failure
 * @skip: number of allocations that succeed first
 * @count: number of allocations that fail then, at most SECMMU_HMM_FAILURES; 0
 *	ends it
 *
 * Ends when @count allocations have failed or this device is closed.
 */
struct secmmu_hmm_fail {
	__u32 devmem;
	__u32 what;
	__u32 skip;
	__u32 count;
};

#define SECMMU_HMM_FUNCTION_NAME 32

/* Bits of struct secmmu_hmm_dma_alloc.features. */
#define SECMMU_HMM_DMA_IOVA (1U << 0) /* contiguous IOVA behind an IOMMU */
#define SECMMU_HMM_DMA_LIST (1U << 1) /* the kernel keeps an address per page */

/**
 * struct secmmu_hmm_dma_alloc - SECMMU_HMM_DMA_ALLOC: a map for a device's DMA
 * @start: first address
 * @end: end address, exclusive; at most SECMMU_HMM_DMA_PAGES pages
 * @function: the device: "platform", or the address of a PCI function bound to this
 *	driver, such as 0000:00:02.0
 * @mask_bits: width of the device's DMA addresses, 16 to 64 bits
 * @features: in, 0; out, SECMMU_HMM_DMA_IOVA, _LIST
 *
 * Calls dma_set_mask() and hmm_dma_map_alloc(), and fails with their errors. A file
 * has one map at a time, and all maps of a device have the same @mask_bits: EBUSY.
 * ENOSPC for more than SECMMU_HMM_DMA_TOTAL pages in the maps of all files.
 * ENODEV if the device does not exist; every other call returns it once the device
 * was removed. ENOENT from a call without a map. EOPNOTSUPP before Linux 6.16.
 */
struct secmmu_hmm_dma_alloc {
	__u64 start;
	__u64 end;
	char function[SECMMU_HMM_FUNCTION_NAME];
	__u32 mask_bits;
	__u32 features;
};

/* More bits of an entry, of SECMMU_HMM_DMA_*: the kernel's HMM_PFN_*. */
#define SECMMU_HMM_DMA_MAPPED	(1ULL << 59) /* HMM_PFN_DMA_MAPPED */
#define SECMMU_HMM_DMA_PEER	(1ULL << 58) /* HMM_PFN_P2PDMA */
#define SECMMU_HMM_DMA_PEER_BUS (1ULL << 57) /* HMM_PFN_P2PDMA_BUS */

/**
 * struct secmmu_hmm_dma_map - SECMMU_HMM_DMA_MAP: map pages for DMA
 * @start: first address, in the map's range
 * @end: end address, exclusive; at most SECMMU_HMM_DMA_CALL_PAGES pages
 * @entries: address of one __u64 per page: out, its entry
 * @addresses: address of one __u64 per page: out, the DMA address that
 *	hmm_dma_map_pfn() returned; all ones if it failed or there is no page
 * @requests: SECMMU_HMM_REQ_*, for all pages
 * @error: out: what hmm_range_fault() returned, -errno; if not 0, nothing is mapped
 *	and the other outputs are invalid
 * @lost: out: pages that were mapped before, and for which hmm_range_fault()
 *	returned another page or cleared flags without an invalidation
 * @failed: out: pages for which hmm_dma_map_pfn() failed
 *
 * Calls hmm_range_fault() by the protocol, then hmm_dma_map_pfn() for each page
 * found. EBUSY if invalidations prevented it for SECMMU_HMM_PAUSE_MS.
 */
struct secmmu_hmm_dma_map {
	__u64 start;
	__u64 end;
	__u64 entries;
	__u64 addresses;
	__u32 requests;
	__s32 error;
	__u32 lost;
	__u32 failed;
};

/**
 * struct secmmu_hmm_dma_range - SECMMU_HMM_DMA_UNMAP, SECMMU_HMM_DMA_LOOK
 * @start: first address, in the map's range
 * @end: end address, exclusive; at most SECMMU_HMM_DMA_CALL_PAGES pages
 * @entries: address of one __u64 per page: out, its entry
 * @count: out: pages for which hmm_dma_unmap_pfn() returned true; 0 for
 *	SECMMU_HMM_DMA_LOOK
 * @reserved: 0
 */
struct secmmu_hmm_dma_range {
	__u64 start;
	__u64 end;
	__u64 entries;
	__u32 count;
	__u32 reserved;
};

/*
 * Flag of struct secmmu_hmm_dma_copy: the device accesses the IOVA of a page that is
 * not mapped. EEXIST if it is mapped, EOPNOTSUPP without an IOMMU.
 */
#define SECMMU_HMM_DMA_UNMAPPED (1U << 0)

/**
 * struct secmmu_hmm_dma_copy - SECMMU_HMM_DMA_COPY: DMA by the device
 * @address: of memory in the map's range
 * @buffer: address of @length bytes
 * @length: bytes, 1 to SECMMU_HMM_DMA_COPY_BYTES, within one page
 * @operation: SECMMU_HMM_READ or SECMMU_HMM_STORE
 * @flags: SECMMU_HMM_DMA_UNMAPPED
 * @reserved: 0
 *
 * EOPNOTSUPP if the device has no DMA engine (QEMU's edu has). ENXIO if the page is
 * not mapped, or read-only for SECMMU_HMM_STORE; EIO if the device fails.
 */
struct secmmu_hmm_dma_copy {
	__u64 address;
	__u64 buffer;
	__u32 length;
	__u32 operation;
	__u32 flags;
	__u32 reserved;
};

#define SECMMU_HMM_MAGIC 0xb7
#define SECMMU_HMM_INFO	 _IOR(SECMMU_HMM_MAGIC, 0x40, struct secmmu_hmm_info)
#define SECMMU_HMM_WALK	 _IOWR(SECMMU_HMM_MAGIC, 0x41, struct secmmu_hmm_walk)
#define SECMMU_HMM_MIRROR \
	_IOWR(SECMMU_HMM_MAGIC, 0x42, struct secmmu_hmm_mirror)
#define SECMMU_HMM_UNMIRROR \
	_IOW(SECMMU_HMM_MAGIC, 0x43, struct secmmu_hmm_number)
#define SECMMU_HMM_ACCESS \
	_IOWR(SECMMU_HMM_MAGIC, 0x44, struct secmmu_hmm_access)
#define SECMMU_HMM_TABLE _IOWR(SECMMU_HMM_MAGIC, 0x45, struct secmmu_hmm_table)
#define SECMMU_HMM_COUNTERS \
	_IOWR(SECMMU_HMM_MAGIC, 0x46, struct secmmu_hmm_counters)
#define SECMMU_HMM_ARM	_IOWR(SECMMU_HMM_MAGIC, 0x47, struct secmmu_hmm_pause)
#define SECMMU_HMM_WAIT _IOWR(SECMMU_HMM_MAGIC, 0x48, struct secmmu_hmm_pause)
#define SECMMU_HMM_RELEASE \
	_IOWR(SECMMU_HMM_MAGIC, 0x49, struct secmmu_hmm_pause)
#define SECMMU_HMM_HOLD_MIGRATION \
	_IOWR(SECMMU_HMM_MAGIC, 0x4a, struct secmmu_hmm_range)
#define SECMMU_HMM_DMA_ALLOC \
	_IOWR(SECMMU_HMM_MAGIC, 0x60, struct secmmu_hmm_dma_alloc)
#define SECMMU_HMM_DMA_FREE _IO(SECMMU_HMM_MAGIC, 0x61)
#define SECMMU_HMM_DMA_MAP \
	_IOWR(SECMMU_HMM_MAGIC, 0x62, struct secmmu_hmm_dma_map)
#define SECMMU_HMM_DMA_UNMAP \
	_IOWR(SECMMU_HMM_MAGIC, 0x63, struct secmmu_hmm_dma_range)
#define SECMMU_HMM_DMA_LOOK \
	_IOWR(SECMMU_HMM_MAGIC, 0x64, struct secmmu_hmm_dma_range)
#define SECMMU_HMM_DMA_COPY \
	_IOW(SECMMU_HMM_MAGIC, 0x65, struct secmmu_hmm_dma_copy)

#define SECMMU_HMM_MIGRATE \
	_IOWR(SECMMU_HMM_MAGIC, 0x4b, struct secmmu_hmm_migrate)
#define SECMMU_HMM_DEVMEM \
	_IOWR(SECMMU_HMM_MAGIC, 0x4c, struct secmmu_hmm_devmem)
/* Chooses the pgmap owner for this device's walks and mirrors; at first 0. */
#define SECMMU_HMM_OWNER _IOW(SECMMU_HMM_MAGIC, 0x4d, struct secmmu_hmm_number)
#define SECMMU_HMM_FAIL	 _IOW(SECMMU_HMM_MAGIC, 0x4e, struct secmmu_hmm_fail)

/*
 * mmap() of the device, MAP_SHARED: the offset selects the kind of mapping. It is
 * the kind times SECMMU_HMM_MAP_PAGES pages; each kind maps the same
 * SECMMU_HMM_MAP_PAGES pages.
 */
enum secmmu_hmm_map {
	SECMMU_HMM_MAP_FAULTED, /* pages are mapped by the fault handler */
	SECMMU_HMM_MAP_PFNS,	/* remap_pfn_range(): VM_IO and VM_PFNMAP */
	SECMMU_HMM_MAP_MIXED, /* VM_MIXEDMAP: even pages are normal, odd are special */
	SECMMU_HMM_MAPS,
};
#define SECMMU_HMM_MAP_PAGES 16

#endif /* SECMMU_HMM_H */
