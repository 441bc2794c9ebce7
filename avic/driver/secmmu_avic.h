/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What /dev/secmmu_avic takes and gives. Shared by the driver and the tests.
 *
 * An open file is one device, for one VM. It records the writes to guest pages
 * that KVM tells it of (the tracker), and it keeps shadows of AVIC physical-ID
 * tables in guest memory (the tables). Every call fails with
 *   EFAULT    a user pointer that cannot be read or written
 *   EINVAL    a field out of its bounds, or one not used that is not zero
 *   ENOTTY    no such call
 *   ENOTCONN  no VM: SECMMU_AVIC_ATTACH comes first
 *   ESRCH     the caller is not of the process that made the VM
 *   EINTR     a fatal signal came while it waited
 *   ENOMEM    no memory
 * and with what its own description says. All waits are bounded.
 */
#ifndef SECMMU_AVIC_H
#define SECMMU_AVIC_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define SECMMU_AVIC_DEVICE "/dev/secmmu_avic"

/* Bounds. */
#define SECMMU_AVIC_RINGS      64
#define SECMMU_AVIC_RING_MIN   64
#define SECMMU_AVIC_RING_MAX   (1U << 16)
#define SECMMU_AVIC_RING_TOTAL (1U << 19) /* entries of all rings */
#define SECMMU_AVIC_DATA       40	  /* bytes of a write that are kept */
#define SECMMU_AVIC_PAGES      64	  /* tracked at a time */
#define SECMMU_AVIC_TRACKS     1000	  /* of one page */
#define SECMMU_AVIC_TABLES     16
#define SECMMU_AVIC_TABLE_REFS 1000
#define SECMMU_AVIC_ENTRIES    512
#define SECMMU_AVIC_FLOOD      1000 /* writes per entry: see SECMMU_AVIC_SYNC */
#define SECMMU_AVIC_PAUSE_MS   10000
#define SECMMU_AVIC_DELAY_US   2000

/* Bits of struct secmmu_avic_info.features. */
#define SECMMU_AVIC_HAS_MOVE (1U << 0) /* slots may be moved while attached */

/**
 * struct secmmu_avic_info - SECMMU_AVIC_INFO: what this driver can do here
 * @features: SECMMU_AVIC_HAS_*
 * @ring_header: bytes before a ring's first entry
 */
struct secmmu_avic_info {
	__u32 features;
	__u32 ring_header;
};

/* Which rules the tables follow: see avic/README.md */
enum secmmu_avic_personality {
	SECMMU_AVIC_FIXED, /* those that we hold to be right */
	SECMMU_AVIC_RFC,   /* those of the RFC, with its faults */
	SECMMU_AVIC_PERSONALITIES,
};

/**
 * struct secmmu_avic_attach - SECMMU_AVIC_ATTACH: the VM to watch
 * @vm: its file descriptor; the VM lives as long as the device is open
 * @rings: one for each thread that will write, at most SECMMU_AVIC_RINGS; 0 if
 *	writes are not to be recorded
 * @entries: of a ring, a power of two from SECMMU_AVIC_RING_MIN to
 *	SECMMU_AVIC_RING_MAX, all rings together at most SECMMU_AVIC_RING_TOTAL
 * @personality: enum secmmu_avic_personality
 * @size: coming out: bytes of all rings, to be mapped at offset 0
 *
 * Fails with EBADF if that is no VM, EBUSY if the device has one already, and
 * with what kvm_page_track_register_notifier() says.
 */
struct secmmu_avic_attach {
	__s32 vm;
	__u32 rings;
	__u32 entries;
	__u32 personality;
	__u64 size;
};

/**
 * struct secmmu_avic_ring - a ring's header, in the mapping
 * @thread: who writes there, as gettid() in it says; 0: nobody yet
 * @entries: how many the ring has
 * @head: writes recorded so far, without wrap
 * @tail: those that are read; user space's to write
 * @dropped: writes that did not fit
 *
 * Ring number n is at n * (SECMMU_AVIC_RING_HEADER + entries * sizeof(struct
 * secmmu_avic_write)). A thread takes the first free ring with its first write.
 */
struct secmmu_avic_ring {
	__u32 thread;
	__u32 entries;
	__u64 head;
	__u64 tail;
	__u64 dropped;
};
#define SECMMU_AVIC_RING_HEADER 4096

/**
 * struct secmmu_avic_write - a write to a tracked page, as KVM told of it
 * @order: which of all the device's writes this was, from 1
 * @gpa: where
 * @bytes: how many
 * @reserved: 0
 * @data: what was written, the first SECMMU_AVIC_DATA bytes
 */
struct secmmu_avic_write {
	__u64 order;
	__u64 gpa;
	__u32 bytes;
	__u32 reserved;
	__u8 data[SECMMU_AVIC_DATA];
};

/**
 * struct secmmu_avic_page - SECMMU_AVIC_TRACK, _UNTRACK: a page of the guest's
 * @gpa: its guest physical address
 * @tracked: coming out: how often this device tracks it now
 * @kernel: coming out: how often KVM has it tracked, by whomever
 *
 * A page may be tracked more than once, and is recorded until it is untracked as
 * often. Deleting or moving its slot ends that, too. SECMMU_AVIC_TRACK fails with
 * ENXIO if no slot has the page, ENOSPC for too many; SECMMU_AVIC_UNTRACK with
 * ENOENT if the page is not tracked.
 */
struct secmmu_avic_page {
	__u64 gpa;
	__u32 tracked;
	__u32 kernel;
};

/**
 * struct secmmu_avic_counters - SECMMU_AVIC_COUNTERS: what the device went through
 * @writes: recorded, or dropped
 * @dropped: of them, those that did not fit into a ring
 * @ringless: writes of threads for which there was no ring left
 * @slots: slots that were deleted or moved
 * @invalidations: of the process's memory
 * @merged: writes to a table that changed is-running or APIC ID of an entry
 * @ignored: writes to a table behind its known entries
 * @erased: tables that were erased, for whatever reason
 * @floods: of them, because of too many writes while not in use
 * @reloaded: syncs that had something to do
 * @pinned: pages pinned since the device was opened
 * @unpinned: and unpinned
 * @left: users that were told to leave a table since it was erased
 * @pulled: pins dropped while somebody used the table
 */
struct secmmu_avic_counters {
	__u64 writes;
	__u64 dropped;
	__u64 ringless;
	__u64 slots;
	__u64 invalidations;
	__u64 merged;
	__u64 ignored;
	__u64 erased;
	__u64 floods;
	__u64 reloaded;
	__u64 pinned;
	__u64 unpinned;
	__u64 left;
	__u64 pulled;
};

/*
 * An entry of a physical-ID table, in guest memory and in the shadow (AMD64
 * Architecture Programmer's Manual, volume 2, 15.29.5).
 */
#define SECMMU_AVIC_VALID   (1ULL << 63)
#define SECMMU_AVIC_RUNNING (1ULL << 62)
#define SECMMU_AVIC_BACKING 0x000ffffffffff000ULL
#define SECMMU_AVIC_APIC_ID 0x0000000000000fffULL

/**
 * struct secmmu_avic_get - SECMMU_AVIC_GET: the shadow of a table
 * @gpa: the table's guest physical address, a page of its own
 * @table: coming out, its number
 * @reserved: 0
 *
 * There is one shadow for a page: a second call gives the same number, and it
 * lives until SECMMU_AVIC_PUT was called as often. It has no entries yet. Fails
 * with ENOSPC if there are too many.
 */
struct secmmu_avic_get {
	__u64 gpa;
	__u32 table;
	__u32 reserved;
};

/**
 * struct secmmu_avic_sync - SECMMU_AVIC_SYNC, what is done before a table is used
 * @table: its number
 * @entries: how many it is to have at least, 1 to SECMMU_AVIC_ENTRIES
 * @known: coming out: how many it has
 * @stale: coming out: of them, those whose page changed meanwhile, which a
 *	further call takes up (SECMMU_AVIC_FIXED)
 *
 * The page is tracked, and the entries that are not known yet are taken from it.
 * Fails with ENOENT if there is no such table, ENXIO if the guest has no memory
 * there, EBUSY if too many old pages are still in use.
 *
 * More than SECMMU_AVIC_FLOOD times as many writes as there are entries erase
 * the table, unless it was used meanwhile.
 */
struct secmmu_avic_sync {
	__u32 table;
	__u32 entries;
	__u32 known;
	__u32 stale;
};

/**
 * struct secmmu_avic_number - SECMMU_AVIC_PUT, _USE, _UNUSE: a table's number
 * @table: its number
 * @users: coming out of _USE, _UNUSE: who use it now
 *
 * SECMMU_AVIC_USE is what a vCPU does when it enters the guest with the table,
 * SECMMU_AVIC_UNUSE when it leaves. ENOENT if there is no such table, or nobody
 * uses it; EBUSY for too many, and for SECMMU_AVIC_PUT of the last reference of
 * a table that is in use.
 */
struct secmmu_avic_number {
	__u32 table;
	__u32 users;
};

/* Bits of struct secmmu_avic_entry.flags. */
#define SECMMU_AVIC_ENTRY_VALID (1U << 0) /* known, and valid in the guest */
#define SECMMU_AVIC_ENTRY_DUMMY (1U << 1) /* the backing page is the dummy */
#define SECMMU_AVIC_ENTRY_STALE (1U << 2) /* and only until the next sync */

/**
 * struct secmmu_avic_entry - an entry, as SECMMU_AVIC_READ tells it
 * @guest: as the guest wrote it, as far as the driver knows
 * @shadow: what hardware would see: host physical addresses
 * @flags: SECMMU_AVIC_ENTRY_*
 * @reserved: 0
 */
struct secmmu_avic_entry {
	__u64 guest;
	__u64 shadow;
	__u32 flags;
	__u32 reserved;
};

/**
 * struct secmmu_avic_read - SECMMU_AVIC_READ: look at a table
 * @entry: address of @count struct secmmu_avic_entry
 * @dummy: coming out: host physical address of the dummy page
 * @table: its number
 * @first: first entry that is wanted
 * @count: how many; @first + @count at most SECMMU_AVIC_ENTRIES
 * @known: coming out: how many entries the table has
 * @pins: coming out: pages that its entries pin
 * @retired: coming out: pages that are no more in the table, but pinned until
 *	nobody uses it (SECMMU_AVIC_FIXED)
 * @references: coming out: SECMMU_AVIC_GET less SECMMU_AVIC_PUT
 * @users: coming out: SECMMU_AVIC_USE less SECMMU_AVIC_UNUSE
 * @leave: coming out: 1 if the table was erased and its users have not left
 * @flood: coming out: writes since the table was last used
 * @tracked: coming out: how often the device tracks the table's page
 * @kernel: coming out: how often KVM has it tracked
 * @reserved: 0
 *
 * One moment's state. It waits for nobody who is paused.
 */
struct secmmu_avic_read {
	__u64 entry;
	__u64 dummy;
	__u32 table;
	__u32 first;
	__u32 count;
	__u32 known;
	__u32 pins;
	__u32 retired;
	__u32 references;
	__u32 users;
	__u32 leave;
	__u32 flood;
	__u32 tracked;
	__u32 kernel;
};

/* Where the device can be made to wait: see struct secmmu_avic_pause. */
enum secmmu_avic_point {
	SECMMU_AVIC_AT_WRITE, /* KVM told of a write, nothing done yet */
	SECMMU_AVIC_AT_MERGE, /* with the tables' lock: before an entry is changed */
	SECMMU_AVIC_AT_TRACKED, /* in a sync: tracked, before the table is read */
	SECMMU_AVIC_AT_FILLED, /* in a sync: entries are there, not counted yet */
	SECMMU_AVIC_AT_REMOVE, /* between the two steps that remove an entry */
	SECMMU_AVIC_AT_SLOT,   /* a slot goes away, nothing done yet */
	SECMMU_AVIC_POINTS,
};

/**
 * struct secmmu_avic_pause - SECMMU_AVIC_ARM, _WAIT, _RELEASE: pause points
 * @point: enum secmmu_avic_point
 * @timeout_ms: 1 to SECMMU_AVIC_PAUSE_MS; with SECMMU_AVIC_RELEASE 0
 * @delay_us: SECMMU_AVIC_ARM only: if not 0, whoever comes there sleeps for so
 *	long, at most SECMMU_AVIC_DELAY_US, and nobody is paused
 * @arrived: coming out: how many came to the point since it was armed first
 *
 * SECMMU_AVIC_ARM: the next one who comes to the point waits there until
 * SECMMU_AVIC_RELEASE, a fatal signal, the last close of the device, or for
 * @timeout_ms. One is paused at a time; others pass.
 * SECMMU_AVIC_WAIT: waits until somebody is paused there; ETIMEDOUT if nobody is
 * after @timeout_ms, or EIO if who was paused there has gone on without being
 * released.
 * SECMMU_AVIC_RELEASE: who is paused goes on, and the point is armed no more. EIO
 * as above: then what the test did while it was paused was not between the two
 * steps that it wanted to part.
 */
struct secmmu_avic_pause {
	__u32 point;
	__u32 timeout_ms;
	__u32 delay_us;
	__u32 arrived;
};

#define SECMMU_AVIC_MAGIC 0xb8
#define SECMMU_AVIC_INFO  _IOR(SECMMU_AVIC_MAGIC, 0x40, struct secmmu_avic_info)
#define SECMMU_AVIC_ATTACH \
	_IOWR(SECMMU_AVIC_MAGIC, 0x41, struct secmmu_avic_attach)
#define SECMMU_AVIC_TRACK \
	_IOWR(SECMMU_AVIC_MAGIC, 0x42, struct secmmu_avic_page)
#define SECMMU_AVIC_UNTRACK \
	_IOWR(SECMMU_AVIC_MAGIC, 0x43, struct secmmu_avic_page)
#define SECMMU_AVIC_COUNTERS \
	_IOR(SECMMU_AVIC_MAGIC, 0x44, struct secmmu_avic_counters)
#define SECMMU_AVIC_GET _IOWR(SECMMU_AVIC_MAGIC, 0x45, struct secmmu_avic_get)
#define SECMMU_AVIC_PUT \
	_IOWR(SECMMU_AVIC_MAGIC, 0x46, struct secmmu_avic_number)
#define SECMMU_AVIC_SYNC _IOWR(SECMMU_AVIC_MAGIC, 0x47, struct secmmu_avic_sync)
#define SECMMU_AVIC_USE \
	_IOWR(SECMMU_AVIC_MAGIC, 0x48, struct secmmu_avic_number)
#define SECMMU_AVIC_UNUSE \
	_IOWR(SECMMU_AVIC_MAGIC, 0x49, struct secmmu_avic_number)
#define SECMMU_AVIC_READ _IOWR(SECMMU_AVIC_MAGIC, 0x4a, struct secmmu_avic_read)
#define SECMMU_AVIC_ARM	 _IOWR(SECMMU_AVIC_MAGIC, 0x4b, struct secmmu_avic_pause)
#define SECMMU_AVIC_WAIT \
	_IOWR(SECMMU_AVIC_MAGIC, 0x4c, struct secmmu_avic_pause)
#define SECMMU_AVIC_RELEASE \
	_IOWR(SECMMU_AVIC_MAGIC, 0x4d, struct secmmu_avic_pause)

#endif /* SECMMU_AVIC_H */
