/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What /dev/secmmu_hmm takes and gives. Shared by the driver and the tests.
 *
 * An open file is one device; what it mirrors is the address space of the
 * process that opened it, whoever calls. All addresses and sizes are in bytes.
 * Every call fails with
 *   EFAULT   a user pointer that cannot be read or written
 *   EINVAL   a field out of its bounds, or one not used that is not zero
 *   ENOTTY   no such call
 *   ESRCH    the process that opened the device is gone
 *   EINTR    a fatal signal came while it waited
 * and with what its own description says. All waits are bounded.
 */
#ifndef SECMMU_HMM_H
#define SECMMU_HMM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define SECMMU_HMM_DEVICE "/dev/secmmu_hmm"

/* Bounds. */
#define SECMMU_HMM_WALK_PAGES	  (1U << 19)
#define SECMMU_HMM_MIRROR_PAGES	  (1U << 18)
#define SECMMU_HMM_MIRRORS	  32
#define SECMMU_HMM_ACCESS_BYTES	  (1U << 24)
#define SECMMU_HMM_MIGRATE_PAGES  1024
#define SECMMU_HMM_PAUSE_MS	  10000
#define SECMMU_HMM_DELAY_US	  2000
#define SECMMU_HMM_BANKS	  2
#define SECMMU_HMM_DEVMEM_PAGES	  4096
#define SECMMU_HMM_FAILURES	  4096
#define SECMMU_HMM_DMA_PAGES	  (1U << 20)
#define SECMMU_HMM_DMA_CALL_PAGES 1024
#define SECMMU_HMM_DMA_COPY_BYTES 2048

/* What is asked for of a page (HMM_PFN_REQ_FAULT, HMM_PFN_REQ_WRITE). */
#define SECMMU_HMM_REQ_FAULT (1U << 0)
#define SECMMU_HMM_REQ_WRITE (1U << 1)
/* Beside them, in secmmu_hmm_walk.default_flags. */
#define SECMMU_HMM_ALIKE (1U << 8)

/*
 * An entry: what the kernel, or the device's own page table, says of a page.
 * The name of a page is equal for equal pages and differs for others; it is a
 * number that means nothing, or the page frame number if the parameter "pfns"
 * of the module is set.
 */
#define SECMMU_HMM_VALID       (1ULL << 63) /* HMM_PFN_VALID */
#define SECMMU_HMM_WRITE       (1ULL << 62) /* HMM_PFN_WRITE */
#define SECMMU_HMM_ERROR       (1ULL << 61) /* HMM_PFN_ERROR */
#define SECMMU_HMM_DEVICE_PAGE (1ULL << 60) /* device-private memory */
#define SECMMU_HMM_EXCLUSIVE   (1ULL << 59) /* of SECMMU_HMM_TABLE alone */
#define SECMMU_HMM_ORDER_SHIFT 48	    /* hmm_pfn_to_map_order() */
#define SECMMU_HMM_ORDER_MASK  0x1fULL
#define SECMMU_HMM_PAGE_MASK   ((1ULL << SECMMU_HMM_ORDER_SHIFT) - 1)

/* Bits of struct secmmu_hmm_info.features. */
#define SECMMU_HMM_HAS_PFNS	 (1U << 0) /* names are page frame numbers */
#define SECMMU_HMM_HAS_MIGRATION (1U << 1) /* SECMMU_HMM_HOLD_MIGRATION */
#define SECMMU_HMM_HAS_MEMORY	 (1U << 2) /* SECMMU_HMM_MIGRATE and others */
#define SECMMU_HMM_HAS_HUGE	 (1U << 3) /* SECMMU_HMM_HUGE is obeyed */
#define SECMMU_HMM_HAS_DMA	 (1U << 8) /* SECMMU_HMM_DMA_* */

/**
 * struct secmmu_hmm_info - SECMMU_HMM_INFO: what this driver can do here
 * @features: SECMMU_HMM_HAS_*
 * @page_shift: of the system's page size
 */
struct secmmu_hmm_info {
	__u32 features;
	__u32 page_shift;
};

/**
 * struct secmmu_hmm_walk - SECMMU_HMM_WALK: one hmm_range_fault(), no more
 * @start: first address
 * @end: behind the last one; both multiples of the page size, @start < @end,
 *	at most SECMMU_HMM_WALK_PAGES pages. They may lie above the address space
 * @entries: address of one __u64 per page: going in, what is asked for of that
 *	page (SECMMU_HMM_REQ_*), but not read with SECMMU_HMM_ALIKE; coming out,
 *	if @error is 0, its entry
 * @default_flags: asked for of all pages; and SECMMU_HMM_ALIKE, if no page is
 *	asked for anything by itself
 * @flags_mask: which of the requests in @entries count
 * @error: what hmm_range_fault() returned
 * @invalidated: 1 if mmu_interval_read_retry() said afterwards that what was
 *	found may be stale
 *
 * mmu_interval_read_begin(), hmm_range_fault(), mmu_interval_read_retry(), with
 * nothing between and nothing repeated. The call itself fails with ENOMEM.
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
 * struct secmmu_hmm_mirror - SECMMU_HMM_MIRROR: begin to mirror a range
 * @start: first address
 * @end: behind the last one; at most SECMMU_HMM_MIRROR_PAGES pages
 * @mirror: coming out, its number
 *
 * The range may overlap other mirrors, which know nothing of each other. Nothing
 * is mapped by it yet. Fails with ENOSPC if there are SECMMU_HMM_MIRRORS already.
 */
struct secmmu_hmm_mirror {
	__u64 start;
	__u64 end;
	__u32 mirror;
	__u32 reserved;
};

/**
 * struct secmmu_hmm_number - SECMMU_HMM_UNMIRROR and others: a mirror's number
 * @mirror: the number
 * @reserved: 0
 *
 * SECMMU_HMM_UNMIRROR fails with EBUSY while a call uses the mirror. Every call
 * with a number fails with ENOENT if there is no such mirror.
 */
struct secmmu_hmm_number {
	__u32 mirror;
	__u32 reserved;
};

/* What a device can do to memory: enum of struct secmmu_hmm_access.operation */
enum secmmu_hmm_operation {
	SECMMU_HMM_READ,  /* memory to buffer */
	SECMMU_HMM_STORE, /* buffer to memory */
	SECMMU_HMM_ADD, /* add the buffer to memory; the buffer gets the old values */
	SECMMU_HMM_EXCHANGE, /* the same, memory becomes what the buffer had */
	SECMMU_HMM_ADD_EXCLUSIVE, /* as ADD, by a device that has exclusive access */
	SECMMU_HMM_OPERATIONS,
};

/**
 * struct secmmu_hmm_access - SECMMU_HMM_ACCESS: the device reads or writes
 * @address: a multiple of 8, in the mirror's range
 * @length: bytes, a multiple of 8, at most SECMMU_HMM_ACCESS_BYTES; all of it in
 *	the mirror's range
 * @buffer: address of so many bytes; whose address space: the caller's
 * @mirror: which mirror's page table to go through
 * @operation: enum secmmu_hmm_operation; each word of 8 bytes is done at once, as
 *	the CPU's own would be, the whole is not
 * @done: bytes that were done
 * @error: 0, or the -errno that stopped it: what hmm_range_fault() returned;
 *	-EBUSY if it could not be done for SECMMU_HMM_PAUSE_MS because the
 *	memory was invalidated again and again; -EACCES for secret memory
 *	(memfd_secret()), which the kernel itself cannot touch; -ESTALE if the
 *	device's page table had a page that is free, which must never happen;
 *	-EOPNOTSUPP for SECMMU_HMM_ADD_EXCLUSIVE if the memory is not private and
 *	anonymous, or if the kernel has no CONFIG_DEVICE_PRIVATE
 * @faults: how often hmm_range_fault() was called
 * @busy: how often it said -EBUSY
 * @retries: how often mmu_interval_read_retry() said that what it had found may
 *	be stale
 *
 * SECMMU_HMM_ADD_EXCLUSIVE is for a device that has no atomic operations: it has
 * exclusive access to the page (make_device_exclusive()), takes the old value,
 * waits, and writes the new one. @faults counts the calls for that, too.
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
 * struct secmmu_hmm_table - SECMMU_HMM_TABLE: look at a mirror's page table
 * @start: first address, in the mirror's range
 * @end: behind the last one
 * @entries: address of one __u64 per page: SECMMU_HMM_VALID, _WRITE and the
 *	name of the page, or 0
 * @mirror: which mirror
 * @reserved: 0
 */
struct secmmu_hmm_table {
	__u64 start;
	__u64 end;
	__u64 entries;
	__u32 mirror;
	__u32 reserved;
};

/* As many as the kernel has kinds of MMU notifications, and some more. */
#define SECMMU_HMM_EVENTS 16

/**
 * struct secmmu_hmm_counters - SECMMU_HMM_COUNTERS: what a mirror went through
 * @mirror: which mirror
 * @reserved: 0
 * @faults: calls of hmm_range_fault()
 * @busy: of them, those that returned -EBUSY
 * @retries: mmu_interval_read_retry() refused what was found
 * @installed: entries written into the page table
 * @dropped: entries that invalidations took out of it
 * @invalidations: by event (enum mmu_notifier_event of this kernel), those that
 *	the mirror was told of
 * @refused: invalidations that could not wait, and were refused because the
 *	page table was in use
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
 * Where the device can be made to wait, so that a test can put something between
 * two steps of the protocol.
 */
enum secmmu_hmm_point {
	SECMMU_HMM_AT_BEGIN, /* before mmu_interval_read_begin() */
	SECMMU_HMM_AT_WALK,  /* after it, before hmm_range_fault() */
	SECMMU_HMM_AT_LOCK,  /* after hmm_range_fault(), before the lock */
	SECMMU_HMM_AT_RETRY, /* with the lock, before mmu_interval_read_retry() */
	SECMMU_HMM_AT_INSTALLED, /* with the lock, after the entries were installed */
	SECMMU_HMM_AT_INVALIDATE, /* in the notifier, before it takes the lock */
	SECMMU_HMM_AT_INVALIDATED, /* in the notifier, after it gave the lock back */
	SECMMU_HMM_AT_FAULT, /* in the fault handler of the device's own mapping */
	SECMMU_HMM_AT_MIGRATION, /* between migrate_vma_setup() and _finalize() */
	SECMMU_HMM_AT_EXCLUSIVE, /* amid ADD_ALONE, with the lock */
	SECMMU_HMM_POINTS,
};

/**
 * struct secmmu_hmm_pause - SECMMU_HMM_ARM, _WAIT, _RELEASE: pause points
 * @point: enum secmmu_hmm_point
 * @timeout_ms: 1 to SECMMU_HMM_PAUSE_MS; with SECMMU_HMM_RELEASE 0
 * @delay_us: SECMMU_HMM_ARM only: if not 0, whoever comes there sleeps for so
 *	long, at most SECMMU_HMM_DELAY_US, and nobody is paused
 * @arrived: coming out: how many came to the point since it was armed first
 *
 * SECMMU_HMM_ARM: the next one who comes to the point waits there until
 * SECMMU_HMM_RELEASE, a fatal signal, the last close of the device, or for
 * @timeout_ms. One is paused at a time; others pass.
 * SECMMU_HMM_WAIT: waits until somebody is paused there; ETIMEDOUT if nobody is
 * after @timeout_ms, or EIO if who was paused there has gone on without being
 * released.
 * SECMMU_HMM_RELEASE: who is paused goes on, and the point is armed no more. EIO
 * as above: then what the test did while it was paused was not between the two
 * steps that it wanted to part.
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
 * @end: behind the last one; in one mapping, at most SECMMU_HMM_MIGRATE_PAGES
 * @pages: coming out: how many pages had migration entries
 * @flags: SECMMU_HMM_HUGE: huge pages as such
 *
 * migrate_vma_setup() (which replaces the pages by migration entries), then the
 * pause point SECMMU_HMM_AT_MIGRATION, then the pages are put back where they
 * were. EOPNOTSUPP if the kernel has no CONFIG_DEVICE_MIGRATION.
 */
struct secmmu_hmm_range {
	__u64 start;
	__u64 end;
	__u32 pages;
	__u32 flags;
};

/* Where pages are: the system's memory, or a bank (its number + 1). */
#define SECMMU_HMM_SYSTEM 0

/* Bits of struct secmmu_hmm_migrate.flags. */
#define SECMMU_HMM_HUGE (1U << 0) /* huge pages as such, if the kernel can */

/**
 * struct secmmu_hmm_migrate - SECMMU_HMM_MIGRATE: move pages to or from a bank
 * @start: first address
 * @end: behind the last one; at most SECMMU_HMM_MIRROR_PAGES pages
 * @from: where the pages are that are moved, others stay: SECMMU_HMM_SYSTEM, or a
 *	bank's number + 1
 * @to: where they are to go, not @from
 * @flags: SECMMU_HMM_HUGE
 * @reserved: 0
 * @pages: coming out: pages that were moved. From the system's memory these are
 *	also pages that were not there, which are zero then
 * @whole: of them, those that were moved as part of a huge page
 * @refused: pages that were not moved since there was no room for them
 *
 * migrate_vma_setup(), _pages() and _finalize(), a page table at a time, with the
 * pause point SECMMU_HMM_AT_MIGRATION before migrate_vma_pages(). Pages that the
 * kernel does not give are not waited for. All three numbers are valid also if
 * the call fails: EFAULT where nothing is mapped, EINVAL for mappings that cannot
 * migrate, ENOMEM, and EOPNOTSUPP without CONFIG_DEVICE_PRIVATE.
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
 * struct secmmu_hmm_devmem - SECMMU_HMM_DEVMEM: what a bank has
 * @devmem: its number, below SECMMU_HMM_BANKS
 * @reserved: 0
 * @pages: coming out: how many it can have
 * @used: how many are in use, by whichever process
 * @faults: how often a CPU's fault brought a page (or a huge page) back
 *
 * A bank is memory that CPUs cannot reach (MEMORY_DEVICE_PRIVATE), with an owner
 * of its own. It belongs to the module: pages in it live until no process has
 * them any more, and until then the module cannot be removed.
 */
struct secmmu_hmm_devmem {
	__u32 devmem;
	__u32 reserved;
	__u64 pages;
	__u64 used;
	__u64 faults;
};

/* What can be made to fail. */
enum secmmu_hmm_failure {
	SECMMU_HMM_FAIL_DEVMEM,	      /* a page of the bank */
	SECMMU_HMM_FAIL_DEVMEM_WHOLE, /* a huge page of it */
	SECMMU_HMM_FAIL_SYSTEM,	      /* a page for what comes back from it */
	SECMMU_HMM_FAIL_SYSTEM_HUGE,  /* a huge page for it */
	SECMMU_HMM_FAIL_KINDS,
};

/**
 * struct secmmu_hmm_fail - SECMMU_HMM_FAIL: let allocations fail
 * @devmem: its number
 * @what: enum secmmu_hmm_failure
 * @skip: how many are to succeed first
 * @count: how many are to fail then, at most SECMMU_HMM_FAILURES; 0: none
 *
 * Until so many have, or this device is closed.
 */
struct secmmu_hmm_fail {
	__u32 devmem;
	__u32 what;
	__u32 skip;
	__u32 count;
};

#define SECMMU_HMM_FUNCTION_NAME 32

/* Bits of struct secmmu_hmm_dma_alloc.features. */
#define SECMMU_HMM_DMA_IOVA (1U << 0) /* one run of addresses behind an IOMMU */
#define SECMMU_HMM_DMA_LIST (1U << 1) /* the kernel keeps an address per page */

/**
 * struct secmmu_hmm_dma_alloc - SECMMU_HMM_DMA_ALLOC: memory for a device's DMA
 * @start: first address
 * @end: behind the last one; at most SECMMU_HMM_DMA_PAGES pages
 * @function: the device: "platform", or the address of a PCI function that was
 *	bound to this driver, as 0000:00:02.0
 * @mask_bits: how many bits of an address it has, 16 to 64
 * @features: coming out: SECMMU_HMM_DMA_IOVA, _LIST
 *
 * hmm_dma_map_alloc(). A file has one such map at a time, and all of one device the
 * same @mask_bits: EBUSY. ENODEV if there
 * is no such device, and from every other call when it was taken away; and what
 * dma_set_mask() and hmm_dma_map_alloc() say. EOPNOTSUPP before Linux 6.16.
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
 * @end: behind the last one; at most SECMMU_HMM_DMA_CALL_PAGES pages
 * @entries: address of one __u64 per page: coming out, its entry
 * @addresses: address of one __u64 per page: coming out, what
 *	hmm_dma_map_pfn() returned; all ones if it could not, or if there is no
 *	page
 * @requests: SECMMU_HMM_REQ_*, of all pages
 * @error: what hmm_range_fault() returned; nothing is mapped, and nothing else
 *	comes out, if it is not 0
 * @lost: pages that were mapped already and that hmm_range_fault() found
 *	elsewhere, or took the flags from, though nothing was invalidated
 * @failed: pages that hmm_dma_map_pfn() could not map
 *
 * hmm_range_fault() by the protocol, then hmm_dma_map_pfn() for each page that
 * there is. EBUSY if memory was invalidated for SECMMU_HMM_PAUSE_MS.
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
 * @end: behind the last one; at most SECMMU_HMM_DMA_CALL_PAGES pages
 * @entries: address of one __u64 per page: coming out, its entry
 * @count: coming out: for how many hmm_dma_unmap_pfn() said that it was mapped;
 *	0 if nothing is to be unmapped
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
 * Flag of struct secmmu_hmm_dma_copy: the device goes where the page would be if
 * it was mapped. It must not be: EEXIST; only behind an IOMMU: EOPNOTSUPP.
 */
#define SECMMU_HMM_DMA_UNMAPPED (1U << 0)

/**
 * struct secmmu_hmm_dma_copy - SECMMU_HMM_DMA_COPY: have the device do DMA
 * @address: of memory in the map's range
 * @buffer: address of so many bytes
 * @length: bytes, at most SECMMU_HMM_DMA_COPY_BYTES, all in one page
 * @operation: SECMMU_HMM_READ or SECMMU_HMM_STORE
 * @flags: SECMMU_HMM_DMA_UNMAPPED
 * @reserved: 0
 *
 * By a device that can copy (QEMU's edu): EOPNOTSUPP. ENXIO if the page is not
 * mapped, or not for what is to be done; EIO if the device does not do it.
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
/* The bank whose pages are this device's own: for its walks and mirrors. 0. */
#define SECMMU_HMM_OWNER _IOW(SECMMU_HMM_MAGIC, 0x4d, struct secmmu_hmm_number)
#define SECMMU_HMM_FAIL	 _IOW(SECMMU_HMM_MAGIC, 0x4e, struct secmmu_hmm_fail)

/*
 * mmap() of the device, MAP_SHARED: the kind of mapping is chosen by the offset,
 * which is the kind times SECMMU_HMM_MAP_PAGES pages, and that is all there is of
 * each. All kinds show the same pages.
 */
enum secmmu_hmm_map {
	SECMMU_HMM_MAP_FAULTED, /* pages come one by one, in the fault handler */
	SECMMU_HMM_MAP_PFNS,	/* remap_pfn_range(): VM_IO and VM_PFNMAP */
	SECMMU_HMM_MAP_MIXED, /* VM_MIXEDMAP: even pages are normal, odd are special */
	SECMMU_HMM_MAPS,
};
#define SECMMU_HMM_MAP_PAGES 16

#endif /* SECMMU_HMM_H */
