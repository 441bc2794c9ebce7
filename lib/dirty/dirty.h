/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirty logging: every way of harvesting behind one interface.
 *
 * dirty_harvest() has one meaning for all of them: the pages that it reports
 * have been re-protected by the time it returns. That is what makes the mirror
 * oracle exact (lib/mirror.h), and it is not the same step for each:
 *
 *	log	after KVM_GET_DIRTY_LOG, which protects (kvm_get_dirty_log_protect())
 *	clear	after KVM_CLEAR_DIRTY_LOG of the page; KVM_GET_DIRTY_LOG alone
 *		protects nothing under KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2
 *	ring	after KVM_RESET_DIRTY_RINGS of the entry (kvm_reset_dirty_gfn())
 *
 * With a bitmap beside the ring, what was dirtied while no vCPU ran is in the
 * bitmap and nowhere else: dirty_harvest_final() collects that, too.
 */
#ifndef SECMMU_DIRTY_H
#define SECMMU_DIRTY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/random.h"
#include "core/report.h"
#include "kvm/vm.h"
#include "core/types.h"

/* KVM_DIRTY_RING_RSVD_ENTRIES: kept free for the last exit before it is full. */
#define DIRTY_RING_RESERVED 64

/**
 * enum dirty_mode - how dirty pages are learned
 * @DIRTY_MODE_LOG: KVM_GET_DIRTY_LOG
 * @DIRTY_MODE_CLEAR: KVM_GET_DIRTY_LOG, then KVM_CLEAR_DIRTY_LOG
 * @DIRTY_MODE_CLEAR_INITIALLY_SET: the same with KVM_DIRTY_LOG_INITIALLY_SET:
 *	enabling protects nothing, every page is dirty until its first clear
 * @DIRTY_MODE_RING: KVM_CAP_DIRTY_LOG_RING
 * @DIRTY_MODE_RING_ACQ_REL: KVM_CAP_DIRTY_LOG_RING_ACQ_REL
 * @DIRTY_MODE_RING_BITMAP: the same with KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, as
 *	arm64's user space needs it: rings while the guest runs, and a
 *	KVM_GET_DIRTY_LOG as the very last thing
 * @DIRTY_MODE_COUNT: number of harvesters
 */
enum dirty_mode {
	DIRTY_MODE_LOG,
	DIRTY_MODE_CLEAR,
	DIRTY_MODE_CLEAR_INITIALLY_SET,
	DIRTY_MODE_RING,
	DIRTY_MODE_RING_ACQ_REL,
	DIRTY_MODE_RING_BITMAP,
	DIRTY_MODE_COUNT,
};

/* Slots that one dirty_log can watch. */
#define DIRTY_SLOTS_MAX 512

/**
 * struct dirty_slot - one slot whose log is harvested
 * @slot: the memslot
 * @pages: its size in host pages
 * @fresh: what the last dirty_harvest() reported and re-protected, a bitmap
 * @log: what KVM_GET_DIRTY_LOG said last
 * @queued: ring entries that were reset but not yet handed out
 * @logging: KVM_MEM_LOG_DIRTY_PAGES is set
 */
struct dirty_slot {
	struct memslot *slot;
	size_t pages;
	unsigned long *fresh;
	unsigned long *log;
	unsigned long *queued;
	bool logging;
};

/**
 * struct dirty_log - the dirty logging of a VM
 * @vm: VM
 * @mode: how
 * @slots: the watched slots
 * @slot_count: their number
 * @ring_entries: ring entries harvested so far, all vCPUs
 * @ring_reset: entries that KVM_RESET_DIRTY_RINGS has reset so far, by calls of
 *	any thread that have returned
 * @reset_elsewhere: other threads call dirty_ring_reset() all the time, and
 *	whoever harvests waits for them and makes no call of its own
 */
struct dirty_log {
	struct vm *vm;
	enum dirty_mode mode;
	struct dirty_slot slots[DIRTY_SLOTS_MAX];
	unsigned int slot_count;
	u64 ring_entries;
	u64 ring_reset;
	bool reset_elsewhere;
};

/**
 * dirty_mode_name() - a harvester's name as cases use it
 * @mode: harvester
 *
 * Return: "log", "clear", "clear_initially_set", "ring", "ring_acq_rel" or
 * "ring_bitmap".
 */
const char *dirty_mode_name(enum dirty_mode mode);

/**
 * dirty_mode_is_ring() - does it use dirty rings
 * @mode: harvester
 *
 * Return: true for every kind of ring.
 */
bool dirty_mode_is_ring(enum dirty_mode mode);

/* Every kind of ring. */
#define DIRTY_MODE_RINGS 3
extern const enum dirty_mode dirty_mode_rings[DIRTY_MODE_RINGS];

/**
 * dirty_mode_exists() - is there such a harvester on this architecture at all
 * @mode: harvester
 *
 * For choosing cases: the running kernel may lack it nevertheless.
 *
 * Return: false if no kernel of this architecture has it.
 */
bool dirty_mode_exists(enum dirty_mode mode);

struct choices;

/* For variants' dimensions, as far as they exist: all modes ... */
extern const struct choices dirty_modes;
/* ... those that use rings, and those that use only the bitmap. */
extern const struct choices dirty_ring_modes, dirty_bitmap_modes;

/**
 * dirty_mode_configure() - ask for it in a VM's configuration
 * @mode: harvester
 * @config: to change
 * @ring_entries: entries per vCPU for the rings, a power of two; 0: 4096.
 *	Clipped to what the kernel offers
 *
 * Skips the test case where the kernel does not have the harvester.
 */
void dirty_mode_configure(enum dirty_mode mode, struct vm_config *config,
			  u32 ring_entries);

/**
 * dirty_new() - begin to watch a VM
 * @vm: VM, created with dirty_mode_configure()'s configuration
 * @mode: the same harvester
 *
 * Return: the log. Free it with dirty_free().
 */
struct dirty_log *dirty_new(struct vm *vm, enum dirty_mode mode);

/**
 * dirty_free() - stop watching; slots and VM stay
 * @dirty: log
 */
void dirty_free(struct dirty_log *dirty);

/**
 * dirty_watch() - add a slot
 * @dirty: log
 * @slot: an existing slot; its size may not change while it is watched
 *
 * Return: the watched slot.
 */
struct dirty_slot *dirty_watch(struct dirty_log *dirty, struct memslot *slot);

/**
 * dirty_enable() - set KVM_MEM_LOG_DIRTY_PAGES
 * @dirty: log
 * @watched: slot
 */
void dirty_enable(struct dirty_log *dirty, struct dirty_slot *watched);

/**
 * dirty_disable() - clear KVM_MEM_LOG_DIRTY_PAGES
 * @dirty: log
 * @watched: slot
 *
 * Rings are drained and reset before: an entry that is reset later would
 * re-protect a page of a slot that is not logged (kvm_reset_dirty_gfn() does
 * not look at the slot's flags).
 */
void dirty_disable(struct dirty_log *dirty, struct dirty_slot *watched);

/**
 * dirty_harvest() - collect dirty pages and re-protect them
 * @dirty: log
 * @watched: slot
 * @partial: NULL: all that is dirty. Otherwise with the clear harvesters only
 *	random ranges are cleared, drawn from this stream, and only these are
 *	reported; what is left stays dirty
 *
 * Fills @watched->fresh. May run while vCPUs run. Ring harvests take the
 * entries of all slots; those of others are kept for their own harvest.
 *
 * Return: number of pages in @watched->fresh.
 *
 * Context: one thread per struct dirty_log.
 */
size_t dirty_harvest(struct dirty_log *dirty, struct dirty_slot *watched,
		     struct random_stream *partial);

/**
 * dirty_harvest_final() - collect dirty pages when the guest's state is final
 * @dirty: log
 * @watched: slot that is logged
 *
 * As dirty_harvest() of everything; and with DIRTY_MODE_RING_BITMAP, after the
 * rings, also what the bitmap beside them holds. "Collecting the dirty bitmap
 * should be the very last thing that the VMM does before considering the state
 * as complete" (api.rst 7.36). KVM_GET_DIRTY_LOG protects what it reports
 * again, as it does without rings (kvm_get_dirty_log_protect()).
 *
 * Return: number of pages in @watched->fresh.
 *
 * Context: no vCPU runs, and no device ioctl that writes guest memory.
 */
size_t dirty_harvest_final(struct dirty_log *dirty, struct dirty_slot *watched);

/**
 * dirty_harvest_changing() - as dirty_harvest(), while others change the slot
 * @dirty: log
 * @watched: slot, as large at dirty_watch() as it ever becomes
 *
 * Meanwhile the slot may be deleted, created again, moved, and not be logged.
 * Where KVM refuses for that, nothing is reported, and nothing is lost: what it
 * had not reported yet stays dirty, or went with the slot. Every page that is
 * reported has been re-protected, in whatever slot has the number by then.
 *
 * Return: number of pages in @watched->fresh.
 *
 * Context: one thread per struct dirty_log; bitmaps may be harvested by several
 * threads, each with a log of its own.
 */
size_t dirty_harvest_changing(struct dirty_log *dirty,
			      struct dirty_slot *watched);

/**
 * dirty_harvest_queued() - what rings gave so far for a slot
 * @watched: slot
 *
 * The end of a ring's dirty_harvest(), for callers of
 * dirty_ring_collect_some(): nothing is taken out of the rings.
 *
 * Return: number of pages in @watched->fresh.
 */
size_t dirty_harvest_queued(struct dirty_slot *watched);

/**
 * dirty_ring_collect_some() - take entries out of the rings and reset them
 * @dirty: log with a ring harvester
 * @most: at most so many of each vCPU
 *
 * On return every entry that was harvested has been reset by a call of
 * KVM_RESET_DIRTY_RINGS that has returned. That it has returned matters where
 * several threads call it: it flushes the vCPUs' TLBs as its last step, when
 * others may reset already (kvm_vm_ioctl_reset_dirty_pages()).
 *
 * Fails the test if KVM_RESET_DIRTY_RINGS does not reset exactly the entries
 * that were harvested, or if an entry names no page of a known slot.
 *
 * Return: number of entries harvested.
 */
u64 dirty_ring_collect_some(struct dirty_log *dirty, u32 most);

/**
 * dirty_ring_collect() - empty the rings of all vCPUs and reset them
 * @dirty: log with a ring harvester
 *
 * Return: number of entries harvested; see dirty_ring_collect_some().
 */
u64 dirty_ring_collect(struct dirty_log *dirty);

/**
 * dirty_ring_reset() - one call of KVM_RESET_DIRTY_RINGS
 * @dirty: log with a ring harvester
 *
 * Return: how many entries it has reset. Context: any thread, any number of
 * them.
 */
u64 dirty_ring_reset(struct dirty_log *dirty);

/**
 * dirty_mode_smallest_ring() - the smallest ring that the kernel accepts
 * @mode: a ring harvester
 *
 * A ring has at least a page, and more entries than are reserved
 * (kvm_vm_ioctl_enable_dirty_log_ring()). Skips the test case where the kernel
 * does not have the harvester.
 *
 * Return: entries per vCPU.
 */
u32 dirty_mode_smallest_ring(enum dirty_mode mode);

/**
 * dirty_ring_soft_limit() - when a ring counts as full
 * @vm: VM with rings
 *
 * A vCPU comes back with KVM_EXIT_DIRTY_RING_FULL before it would enter the
 * guest with so many entries in use (kvm_dirty_ring_soft_full()).
 *
 * Return: entries.
 */
u32 dirty_ring_soft_limit(const struct vm *vm);

/**
 * dirty_ring_most() - the most entries that can be in use at an exit
 * @vm: VM with rings
 *
 * The guest is entered with less than the soft limit, and comes back with one
 * more, or with all that the CPU's own log had. For guests whose every exit
 * writes one page at most; KVM's emulation of a string instruction writes many.
 * Where no hardware runs the guest there is no such limit.
 *
 * Return: entries.
 */
u32 dirty_ring_most(const struct vm *vm);

/**
 * dirty_ring_keeps_order() - are a vCPU's entries in the order of its writes
 *
 * Return: false where the CPU keeps a log of its own, which KVM reads in bulk
 * (before 6.14 from its end, vmx_flush_pml_buffer()).
 */
bool dirty_ring_keeps_order(void);

/**
 * dirty_ring_pending() - how many entries wait to be harvested
 * @vcpu: vCPU with a ring
 *
 * Return: entries.
 */
u32 dirty_ring_pending(const struct vcpu *vcpu);

/**
 * dirty_ring_peek() - look at an entry that waits to be harvested
 * @vcpu: vCPU with a ring
 * @ahead: 0 for the next one to be harvested, up to dirty_ring_pending() - 1
 * @slot_id: filled in
 * @page: filled in: page of that slot
 *
 * Return: false if there is no such entry.
 */
bool dirty_ring_peek(const struct vcpu *vcpu, u32 ahead, u32 *slot_id,
		     u64 *page);

/**
 * dirty_ring_take() - mark entries as harvested, and do not reset them
 * @dirty: log with a ring harvester
 * @vcpu: vCPU of the VM
 * @most: at most so many
 *
 * dirty_ring_collect_some() with none more resets them.
 *
 * Return: number of entries harvested.
 */
u64 dirty_ring_take(struct dirty_log *dirty, struct vcpu *vcpu, u32 most);

/**
 * dirty_ring_mark() - mark one entry that waits, out of turn
 * @vcpu: vCPU with a ring
 * @ahead: as dirty_ring_peek() has it
 * @harvested: as harvested, or again as dirty, if it was not reset
 *
 * What no user space may rely on: entries are harvested in order (api.rst 8.29).
 */
void dirty_ring_mark(const struct vcpu *vcpu, u32 ahead, bool harvested);

/**
 * dirty_ring_used() - how many entries are not free
 * @vcpu: vCPU with a ring
 *
 * Return: entries that are dirty, or harvested and not reset yet.
 */
u32 dirty_ring_used(const struct vcpu *vcpu);

/**
 * __dirty_get() - raw KVM_GET_DIRTY_LOG, may fail
 * @slot: slot
 * @bitmap: one bit per host page, whole words of 64 bits
 *
 * Return: 0 or -errno.
 */
int __dirty_get(struct memslot *slot, unsigned long *bitmap);

/**
 * dirty_expect_no_log() - a slot that is not logged, or not there, has no bitmap
 * @watched: slot
 * @when: for the reason
 *
 * Fails the case if KVM_GET_DIRTY_LOG does not say ENOENT (api.rst 4.8).
 */
void dirty_expect_no_log(struct dirty_slot *watched, const char *when);

/**
 * __dirty_clear() - raw KVM_CLEAR_DIRTY_LOG, may fail
 * @vm: VM
 * @slot_id: slot number
 * @first: first page
 * @count: number of pages
 * @bitmap: bit 0 is page @first
 *
 * Return: 0 or -errno.
 */
int __dirty_clear(struct vm *vm, u32 slot_id, u64 first, u32 count,
		  unsigned long *bitmap);

#endif
