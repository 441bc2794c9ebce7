/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The interface of /dev/secmmu_avic, shared by the driver and the tests.
 *
 * An open file is one device, attached to one VM. It records the writes to guest
 * pages that KVM reports to it (write tracking), and shadows AVIC physical-ID
 * tables in guest memory.
 *
 * open() fails with EPERM, ESRCH for a kernel thread, or ENFILE. Every call, and
 * mmap(), needs CAP_SYS_ADMIN: EPERM. Every call fails with
 *   EFAULT    a user pointer cannot be read or written
 *   EINVAL    a field is out of its bounds, or an unused one is not zero
 *   ENOTTY    no such call
 *   ENOTCONN  no VM: SECMMU_AVIC_ATTACH has to be called first
 *   ESRCH     the caller's address space is not the VM's
 *   EINTR     a fatal signal was received
 *   ENOMEM    no memory
 * and with the errors that its own description lists.
 *
 * A call whose argument cannot be written fails with EFAULT. SECMMU_AVIC_ATTACH,
 * _TRACK, _GET and _USE have done nothing then; every other call may have acted.
 *
 * Bounds in time: a pause lasts up to SECMMU_AVIC_PAUSE_MS, a delay up to
 * SECMMU_AVIC_DELAY_US; a fatal signal ends both, and so does the last close, which
 * is never delayed. KVM waits for the device when it deletes a slot: with
 * SECMMU_AVIC_AT_REMOVE delayed, for up to SECMMU_AVIC_TABLES *
 * SECMMU_AVIC_ENTRIES delays (17 s), or until a fatal signal.
 *
 * Bounds in memory: what a call allocates is charged to its caller's cgroup. A file
 * has at most SECMMU_AVIC_RING_TOTAL entries of 64 bytes in its rings, and
 * SECMMU_AVIC_TABLES tables; each table pins up to SECMMU_AVIC_ENTRIES pages, and
 * while it is used up to six times as many.
 */
#ifndef SECMMU_AVIC_H
#define SECMMU_AVIC_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define SECMMU_AVIC_DEVICE "/dev/secmmu_avic"

/* Bounds of numbers, unless a unit is given. */
#define SECMMU_AVIC_RINGS      64
#define SECMMU_AVIC_RING_MIN   64
#define SECMMU_AVIC_RING_MAX   (1U << 16)
#define SECMMU_AVIC_RING_TOTAL (1U << 19) /* entries of all rings */
#define SECMMU_AVIC_DATA       40	  /* recorded bytes of a write */
#define SECMMU_AVIC_PAGES      64	  /* tracked at a time */
#define SECMMU_AVIC_TRACKS     1000	  /* of one page, by one device */
#define SECMMU_AVIC_VM_TRACKS  16384	  /* of one page, by all of a VM */
#define SECMMU_AVIC_FILES      256	  /* open at a time */
#define SECMMU_AVIC_TABLES     16
#define SECMMU_AVIC_TABLE_REFS 1000
#define SECMMU_AVIC_ENTRIES    512
#define SECMMU_AVIC_FLOOD      1000 /* writes per entry: see SECMMU_AVIC_SYNC */
#define SECMMU_AVIC_PAUSE_MS   10000
#define SECMMU_AVIC_DELAY_US   2000

/* Bits of struct secmmu_avic_info.features. */
#define SECMMU_AVIC_HAS_MOVE (1U << 0) /* slots may be moved while attached */

/**
 * struct secmmu_avic_info - SECMMU_AVIC_INFO: what the driver supports
 * @features: SECMMU_AVIC_HAS_*
 * @ring_header: bytes before the first entry of a ring
 */
struct secmmu_avic_info {
	__u32 features;
	__u32 ring_header;
};

/* The rules that the tables follow: see avic/README.md */
enum secmmu_avic_personality {
	SECMMU_AVIC_FIXED, /* the RFC's, with its faults fixed */
	SECMMU_AVIC_RFC,   /* the RFC's, with its faults */
	SECMMU_AVIC_PERSONALITIES,
};

/**
 * struct secmmu_avic_attach - SECMMU_AVIC_ATTACH: attach the device to a VM
 * @vm: the VM's file descriptor; the device holds a reference until it is closed
 * @rings: number of rings, one for each thread that writes, at most
 *	SECMMU_AVIC_RINGS; 0: no writes are recorded
 * @entries: entries of each ring, a power of two from SECMMU_AVIC_RING_MIN to
 *	SECMMU_AVIC_RING_MAX; at most SECMMU_AVIC_RING_TOTAL in all rings
 * @personality: enum secmmu_avic_personality
 * @size: in, 0; out, bytes of all rings, which are mapped at offset 0
 *
 * Fails with EBADF if @vm is no VM, EBUSY if the device is attached, and with the
 * errors of kvm_page_track_register_notifier().
 */
struct secmmu_avic_attach {
	__s32 vm;
	__u32 rings;
	__u32 entries;
	__u32 personality;
	__u64 size;
};

/**
 * struct secmmu_avic_ring - the header of a ring, in the mapping
 * @thread: thread ID of the thread whose writes it records; 0: free
 * @entries: number of entries
 * @head: recorded writes, never wraps; written by the driver
 * @tail: writes that were read, never wraps; written by user space
 * @dropped: writes that were not recorded because the ring was full
 *
 * Ring n starts at n * (SECMMU_AVIC_RING_HEADER + entries * sizeof(struct
 * secmmu_avic_write)). A thread takes the first free ring at its first write.
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
 * struct secmmu_avic_write - a write to a tracked page, as KVM reported it
 * @order: number of the write among all of the device, from 1
 * @gpa: guest physical address
 * @bytes: length, bytes
 * @reserved: 0
 * @data: the first SECMMU_AVIC_DATA bytes written
 */
struct secmmu_avic_write {
	__u64 order;
	__u64 gpa;
	__u32 bytes;
	__u32 reserved;
	__u8 data[SECMMU_AVIC_DATA];
};

/**
 * struct secmmu_avic_page - SECMMU_AVIC_TRACK, _UNTRACK: a guest page
 * @gpa: its guest physical address
 * @tracked: in, 0; out, how often this device tracks it
 * @kernel: in, 0; out, KVM's count of all trackers
 *
 * A page may be tracked more than once, and its writes are recorded until it was
 * untracked as often, or its slot was deleted or moved. SECMMU_AVIC_TRACK fails with
 * ENXIO if no slot contains the page, and ENOSPC for more than SECMMU_AVIC_PAGES
 * pages, SECMMU_AVIC_TRACKS times by this device or SECMMU_AVIC_VM_TRACKS times by
 * all (KVM's count has 16 bits); SECMMU_AVIC_UNTRACK with ENOENT if the page is not
 * tracked.
 */
struct secmmu_avic_page {
	__u64 gpa;
	__u32 tracked;
	__u32 kernel;
};

/**
 * struct secmmu_avic_counters - SECMMU_AVIC_COUNTERS: counters of the device
 * @writes: writes reported for pages of SECMMU_AVIC_TRACK
 * @dropped: of @writes, those that were not recorded because a ring was full
 * @ringless: of @writes, those of threads without a ring
 * @slots: slots that were deleted or moved
 * @invalidations: MMU notifier invalidations of the process's memory
 * @merged: writes that changed is-running or the APIC ID of a table's entry
 * @ignored: writes to entries of a table that are not known
 * @erased: tables that were erased, for any reason
 * @floods: of @erased, those because of too many writes while not in use
 * @reloaded: SECMMU_AVIC_SYNC that read entries from the guest
 * @pinned: pages pinned since the device was opened
 * @unpinned: pages unpinned since the device was opened
 * @left: users of tables that were erased and that they have to leave
 * @pulled: pages unpinned while their table was in use
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
 * struct secmmu_avic_get - SECMMU_AVIC_GET: get a reference to a table's shadow
 * @gpa: the table's guest physical address, page aligned
 * @table: in, 0; out, the number of the shadow
 * @reserved: 0
 *
 * A page has one shadow, created without entries: a second call returns the same
 * number. It is freed when SECMMU_AVIC_PUT was called as often. Fails with ENOSPC
 * for more than SECMMU_AVIC_TABLES tables or SECMMU_AVIC_TABLE_REFS references.
 */
struct secmmu_avic_get {
	__u64 gpa;
	__u32 table;
	__u32 reserved;
};

/**
 * struct secmmu_avic_sync - SECMMU_AVIC_SYNC: read a table from the guest
 * @table: its number
 * @entries: entries needed, 1 to SECMMU_AVIC_ENTRIES
 * @known: in, 0; out, entries that the shadow has
 * @stale: in, 0; out, of @known, those whose backing page was invalidated; another
 *	call looks it up again (SECMMU_AVIC_FIXED)
 *
 * To be called before a table is used. Tracks the table's page and reads the entries
 * that are not known. Fails with ENOENT if the table does not exist, ENXIO if no
 * slot contains it, ENOSPC if it cannot be tracked, EBUSY if too many old pages are
 * still in use.
 *
 * More than SECMMU_AVIC_FLOOD times @known writes without a use erase the table.
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
 * @users: in, 0; out of _USE and _UNUSE, the number of users
 *
 * SECMMU_AVIC_USE models a vCPU that enters the guest with the table,
 * SECMMU_AVIC_UNUSE one that leaves it. ENOENT if the table does not exist, or has
 * no user to leave; EBUSY for more than SECMMU_AVIC_TABLE_REFS users, and for
 * SECMMU_AVIC_PUT of the last reference to a table in use.
 */
struct secmmu_avic_number {
	__u32 table;
	__u32 users;
};

/* Bits of struct secmmu_avic_entry.flags. */
#define SECMMU_AVIC_ENTRY_VALID (1U << 0) /* known and valid in the guest */
#define SECMMU_AVIC_ENTRY_DUMMY (1U << 1) /* the backing page is the dummy */
#define SECMMU_AVIC_ENTRY_STALE (1U << 2) /* the dummy, until the next sync */

/**
 * struct secmmu_avic_entry - an entry, for SECMMU_AVIC_READ
 * @guest: the guest's entry, as last read by the driver
 * @shadow: the entry for hardware, with host physical addresses
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
 * struct secmmu_avic_read - SECMMU_AVIC_READ: read the state of a table
 * @entry: address of @count struct secmmu_avic_entry
 * @dummy: out: host physical address of the dummy page
 * @table: its number
 * @first: first entry to read
 * @count: entries to read; @first + @count at most SECMMU_AVIC_ENTRIES
 * @known: out: entries that the shadow has
 * @pins: out: pages pinned by its entries
 * @retired: out: pages removed from the table, but pinned until it has no user
 *	(SECMMU_AVIC_FIXED)
 * @references: out: SECMMU_AVIC_GET minus SECMMU_AVIC_PUT
 * @users: out: SECMMU_AVIC_USE minus SECMMU_AVIC_UNUSE
 * @leave: out: 1 if the table was erased and its users have not left it
 * @flood: out: writes since the table was last used
 * @tracked: out: how often this device tracks the table's page
 * @kernel: out: KVM's count of all trackers of the page
 *
 * All outputs are 0 going in. They are a consistent snapshot, but for @tracked and
 * @kernel. The call does not wait for paused threads. ENOENT if the table does not
 * exist.
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

/* Pause points: see struct secmmu_avic_pause. */
enum secmmu_avic_point {
	SECMMU_AVIC_AT_WRITE, /* KVM reported a write, before it is handled */
	SECMMU_AVIC_AT_MERGE, /* with the tables' lock, before an entry changes */
	SECMMU_AVIC_AT_TRACKED, /* in a sync: tracked, before the table is read */
	SECMMU_AVIC_AT_FILLED, /* in a sync: entries are set, not counted yet */
	SECMMU_AVIC_AT_REMOVE, /* between the two steps that remove an entry */
	SECMMU_AVIC_AT_SLOT,   /* a slot is deleted, before that is handled */
	SECMMU_AVIC_POINTS,
};

/**
 * struct secmmu_avic_pause - SECMMU_AVIC_ARM, _WAIT, _RELEASE: pause points
 * @point: enum secmmu_avic_point
 * @timeout_ms: milliseconds, 1 to SECMMU_AVIC_PAUSE_MS; 0 for SECMMU_AVIC_RELEASE;
 *	ignored for a delay
 * @delay_us: SECMMU_AVIC_ARM only: microseconds that every thread sleeps at the
 *	point, at most SECMMU_AVIC_DELAY_US; no thread is paused then
 * @arrived: out: threads that reached the point since it was first armed
 *
 * SECMMU_AVIC_ARM: the next thread that reaches the point pauses there until
 * SECMMU_AVIC_RELEASE, a fatal signal, the last close of the device, or for
 * @timeout_ms. Other threads pass. EBUSY while a thread is paused there.
 * SECMMU_AVIC_WAIT: waits until a thread is paused there. ETIMEDOUT after
 * @timeout_ms, EIO if the paused thread has continued without being released.
 * SECMMU_AVIC_RELEASE: the paused thread continues, and the point is disarmed. EIO
 * if it has continued before: the test did not act between the two steps.
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
