/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirty logging: all dirty-log modes behind one interface.
 *
 * The pages that dirty_harvest() reports are re-protected when it returns. That makes
 * the mirror oracle exact (dirty/mirror.h). Which step protects them depends on the mode:
 *
 *	log	after KVM_GET_DIRTY_LOG, which protects (kvm_get_dirty_log_protect())
 *	clear	after KVM_CLEAR_DIRTY_LOG of the page; KVM_GET_DIRTY_LOG alone
 *		protects nothing under KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2
 *	ring	after KVM_RESET_DIRTY_RINGS of the entry (kvm_reset_dirty_gfn())
 *
 * With a bitmap beside the ring, pages that were dirtied without a running vCPU are only
 * in the bitmap: dirty_harvest_final() collects these, too.
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
 * enum dirty_mode - dirty-log mode
 * @DIRTY_MODE_LOG: KVM_GET_DIRTY_LOG
 * @DIRTY_MODE_CLEAR: KVM_GET_DIRTY_LOG, then KVM_CLEAR_DIRTY_LOG
 * @DIRTY_MODE_CLEAR_INITIALLY_SET: the same with KVM_DIRTY_LOG_INITIALLY_SET:
 *	enabling protects nothing, every page is dirty until its first clear
 * @DIRTY_MODE_RING: KVM_CAP_DIRTY_LOG_RING
 * @DIRTY_MODE_RING_ACQ_REL: KVM_CAP_DIRTY_LOG_RING_ACQ_REL
 * @DIRTY_MODE_RING_BITMAP: the same with KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, as
 *	user space on arm64 needs it: rings while the guest runs, and one
 *	KVM_GET_DIRTY_LOG as the last step
 * @DIRTY_MODE_COUNT: number of modes
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

/* Slots that one struct dirty_log can harvest. */
#define DIRTY_SLOTS_MAX 512

/**
 * struct dirty_slot - one slot whose log is harvested
 * @slot: the memslot
 * @pages: its size in host pages
 * @fresh: what the last dirty_harvest() reported and re-protected, a bitmap
 * @log: what KVM_GET_DIRTY_LOG returned last
 * @queued: pages whose ring entries were reset, for the next dirty_harvest()
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
 * @mode: dirty-log mode
 * @slots: the harvested slots
 * @slot_count: their number
 * @ring_entries: ring entries harvested so far, all vCPUs
 * @ring_reset: entries that KVM_RESET_DIRTY_RINGS has reset so far, by calls of
 *	any thread that have returned
 * @reset_elsewhere: other threads call dirty_ring_reset() all the time; the
 *	harvesting thread waits for them instead of calling it
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
 * dirty_mode_name() - a mode's name in case names
 * @mode: dirty-log mode
 *
 * Return: "log", "clear", "clear_initially_set", "ring", "ring_acq_rel" or
 * "ring_bitmap".
 */
const char *dirty_mode_name(enum dirty_mode mode);

/**
 * dirty_mode_is_ring() - whether a mode uses dirty rings
 * @mode: dirty-log mode
 *
 * Return: true for every kind of ring.
 */
bool dirty_mode_is_ring(enum dirty_mode mode);

/* Every kind of ring. */
#define DIRTY_MODE_RINGS 3
extern const enum dirty_mode dirty_mode_rings[DIRTY_MODE_RINGS];

/**
 * dirty_mode_exists() - whether this architecture can support a mode at all
 * @mode: dirty-log mode
 *
 * For choosing cases: the running kernel may lack it nevertheless.
 *
 * Return: false if no kernel of this architecture supports it.
 */
bool dirty_mode_exists(enum dirty_mode mode);

struct choices;

/* For variants' dimensions, as far as they exist: all modes ... */
extern const struct choices dirty_modes;
/* ... those that use rings, and those that use only the bitmap. */
extern const struct choices dirty_ring_modes, dirty_bitmap_modes;

/**
 * dirty_mode_configure() - request a mode in a VM's configuration
 * @mode: dirty-log mode
 * @config: configuration to change
 * @ring_entries: entries per vCPU for the rings, a power of two; 0: 4096.
 *	Clipped to what the kernel offers
 *
 * Skips the test case where the kernel does not support the mode.
 */
void dirty_mode_configure(enum dirty_mode mode, struct vm_config *config,
			  u32 ring_entries);

/**
 * dirty_new() - create the dirty log of a VM
 * @vm: VM, created with dirty_mode_configure()'s configuration
 * @mode: the same mode
 *
 * Return: the log. Free it with dirty_free().
 */
struct dirty_log *dirty_new(struct vm *vm, enum dirty_mode mode);

/**
 * dirty_free() - free a dirty log; slots and VM stay
 * @dirty: log
 */
void dirty_free(struct dirty_log *dirty);

/**
 * dirty_watch() - add a slot to a dirty log
 * @dirty: log
 * @slot: an existing slot, whose size must not change
 *
 * Return: the slot as it is harvested.
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
 * @partial: NULL: all dirty pages. Otherwise the clear modes clear and report
 *	only random ranges, drawn from this stream; the rest stays dirty
 *
 * Fills @watched->fresh. May run while vCPUs run. Ring modes take the entries of
 * all slots; entries of other slots are kept for their harvest.
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
 * As dirty_harvest() of everything; with DIRTY_MODE_RING_BITMAP, the bitmap is
 * collected after the rings. "Collecting the dirty bitmap
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
 * dirty_harvest_changing() - as dirty_harvest(), while other threads change the slot
 * @dirty: log
 * @watched: slot, at dirty_watch() as large as it ever becomes
 *
 * Meanwhile the slot may be deleted, created again, moved, or not logged. Where
 * KVM rejects the harvest for that reason, nothing is reported and nothing is
 * lost: pages that were not reported yet stay dirty, or were deleted with the slot.
 * Every reported page is re-protected, in the slot that has the number at that time.
 *
 * Return: number of pages in @watched->fresh.
 *
 * Context: one thread per struct dirty_log; several threads may harvest bitmaps,
 * each with a separate log.
 */
size_t dirty_harvest_changing(struct dirty_log *dirty,
			      struct dirty_slot *watched);

/**
 * dirty_harvest_queued() - report the ring entries that were taken so far
 * @watched: slot
 *
 * The last step of a ring's dirty_harvest(), for callers of
 * dirty_ring_collect_some(): nothing is taken out of the rings.
 *
 * Return: number of pages in @watched->fresh.
 */
size_t dirty_harvest_queued(struct dirty_slot *watched);

/**
 * dirty_ring_collect_some() - take entries out of the rings and reset them
 * @dirty: log with a ring mode
 * @most: largest number of entries of each vCPU
 *
 * On return every harvested entry was reset by a call of KVM_RESET_DIRTY_RINGS that
 * has returned. This matters where several threads call it: the TLB flush is its last
 * step, when other calls may already reset (kvm_vm_ioctl_reset_dirty_pages()).
 *
 * Fails the test if KVM_RESET_DIRTY_RINGS does not reset exactly the entries
 * that were harvested, or if an entry names no page of a known slot.
 *
 * Return: number of entries harvested.
 */
u64 dirty_ring_collect_some(struct dirty_log *dirty, u32 most);

/**
 * dirty_ring_collect() - empty the rings of all vCPUs and reset them
 * @dirty: log with a ring mode
 *
 * Return: number of entries harvested; see dirty_ring_collect_some().
 */
u64 dirty_ring_collect(struct dirty_log *dirty);

/**
 * dirty_ring_reset() - one call of KVM_RESET_DIRTY_RINGS
 * @dirty: log with a ring mode
 *
 * Return: number of entries reset. Context: any number of threads.
 */
u64 dirty_ring_reset(struct dirty_log *dirty);

/**
 * dirty_mode_smallest_ring() - the smallest ring that the kernel accepts
 * @mode: a ring mode
 *
 * A ring has at least one page, and more entries than are reserved
 * (kvm_vm_ioctl_enable_dirty_log_ring()). Skips the test case where the kernel
 * does not support the mode.
 *
 * Return: entries per vCPU.
 */
u32 dirty_mode_smallest_ring(enum dirty_mode mode);

/**
 * dirty_ring_soft_limit() - entries with which a ring is full
 * @vm: VM with rings
 *
 * KVM_RUN returns KVM_EXIT_DIRTY_RING_FULL instead of entering the guest with this
 * number of entries in use (kvm_dirty_ring_soft_full()).
 *
 * Return: entries.
 */
u32 dirty_ring_soft_limit(const struct vm *vm);

/**
 * dirty_ring_most() - the largest number of entries in use at an exit
 * @vm: VM with rings
 *
 * The guest is entered below the soft limit, and an exit adds one entry, or all of
 * the CPU's log of dirty pages. Only for guests whose exits write one page at
 * most: KVM's emulation of a string instruction writes many. Without hardware
 * virtualization there is no such limit.
 *
 * Return: entries.
 */
u32 dirty_ring_most(const struct vm *vm);

/**
 * dirty_ring_keeps_order() - whether a vCPU's entries are in the order of its writes
 *
 * Return: false where the CPU has a log of dirty pages, which KVM reads in bulk
 * (before 6.14 from its end, vmx_flush_pml_buffer()).
 */
bool dirty_ring_keeps_order(void);

/**
 * dirty_ring_pending() - number of entries to be harvested
 * @vcpu: vCPU with a ring
 *
 * Return: entries.
 */
u32 dirty_ring_pending(const struct vcpu *vcpu);

/**
 * dirty_ring_peek() - read an entry without harvesting it
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
 * @dirty: log with a ring mode
 * @vcpu: vCPU of the VM
 * @most: largest number of entries
 *
 * dirty_ring_collect_some() of 0 entries resets them.
 *
 * Return: number of entries harvested.
 */
u64 dirty_ring_take(struct dirty_log *dirty, struct vcpu *vcpu, u32 most);

/**
 * dirty_ring_mark() - mark one entry out of order
 * @vcpu: vCPU with a ring
 * @ahead: as in dirty_ring_peek()
 * @harvested: mark it as harvested; false: as dirty again, if it was not reset
 *
 * User space must harvest entries in order (api.rst 8.29).
 */
void dirty_ring_mark(const struct vcpu *vcpu, u32 ahead, bool harvested);

/**
 * dirty_ring_used() - number of entries that are not free
 * @vcpu: vCPU with a ring
 *
 * Return: entries that are dirty, or harvested and not reset yet.
 */
u32 dirty_ring_used(const struct vcpu *vcpu);

/**
 * __dirty_get() - KVM_GET_DIRTY_LOG, may fail
 * @slot: slot
 * @bitmap: one bit per host page, whole words of 64 bits
 *
 * Return: 0 or -errno.
 */
int __dirty_get(struct memslot *slot, unsigned long *bitmap);

/**
 * dirty_expect_no_log() - a slot that is not logged, or does not exist, has no bitmap
 * @watched: slot
 * @when: for the failure's reason
 *
 * Fails the case if KVM_GET_DIRTY_LOG does not return ENOENT (api.rst 4.8).
 */
void dirty_expect_no_log(struct dirty_slot *watched, const char *when);

/**
 * __dirty_clear() - KVM_CLEAR_DIRTY_LOG, may fail
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
