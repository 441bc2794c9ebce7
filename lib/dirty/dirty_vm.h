/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of dirty-logging tests: a VM with memslots over memory of some
 * kind, and the protocol by which their dirty log is judged.
 *
 *	create		VM, memory, memslots; nothing is logged
 *	enable		set KVM_MEM_LOG_DIRTY_PAGES, first clear with
 *			KVM_DIRTY_LOG_INITIALLY_SET, full copy into the mirror
 *	collect		harvest, make room in the rings, copy what was re-protected
 *			into the mirror; also while vCPUs run
 *	expect		collect, and compare all reported pages with known accesses
 *	check_stopped	pause the vCPUs, collect, collect again: must be empty;
 *			memory and mirror must be equal
 *	disable		drain and reset the rings, clear the flag
 *
 * The order of steps is what makes the verdicts exact:
 *
 * Mirror. A page is copied only after it was re-protected, so a later write to it
 * is in a later harvest. Which step re-protects depends on the mode (dirty.h):
 * KVM_GET_DIRTY_LOG (kvm_get_dirty_log_protect()), KVM_CLEAR_DIRTY_LOG of the page
 * (kvm_clear_dirty_log_protect()), KVM_RESET_DIRTY_RINGS of the entry
 * (kvm_reset_dirty_gfn()). Enabling protects the whole slot
 * (kvm_mmu_slot_remove_write_access(), kvm_mmu_wp_memory_region()), so the full
 * copy follows the ioctl; with KVM_DIRTY_LOG_INITIALLY_SET it follows the first
 * clear, before which every page is dirty (kvm_prepare_memory_region()). Disabling
 * while vCPUs run ends the mirror: writes since the last collection are legally
 * lost. Rings are reset before the flag is cleared, because an entry that is reset
 * later re-protects a page of a slot that is not logged.
 *
 * Exactness. A page that was not written is not reported, if every page was mapped
 * before logging started: an x86 read or fetch fault on an absent page may map it
 * writable and mark it dirty (kvm_mmu_faultin_pfn(), make_spte()). A ring may name
 * a page several times.
 *
 * A test frees nothing: each case is a process, and its end frees all.
 */
#ifndef SECMMU_DIRTY_VM_H
#define SECMMU_DIRTY_VM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/random.h"
#include "core/types.h"
#include "dirty/dirty.h"
#include "dirty/mapping.h"
#include "dirty/mirror.h"
#include "kvm/vcpu_threads.h"
#include "kvm/vm.h"
#include "kvm/writer.h"
#include "mem/backing.h"

#define DIRTY_VM_SLOTS_MAX 4

/**
 * enum geometry - alignment of a memslot
 * @GEOMETRY_ALIGNED: gpa and hva start at a huge page, the size is whole huge pages
 * @GEOMETRY_SHIFTED: both start three pages behind a huge page, so huge mappings fit
 *	inside; the size is no multiple of 64 pages
 * @GEOMETRY_SKEWED: gpa and hva differ modulo a huge page, so no huge mapping fits
 * @GEOMETRY_COUNT: number of alignments
 */
enum geometry {
	GEOMETRY_ALIGNED,
	GEOMETRY_SHIFTED,
	GEOMETRY_SKEWED,
	GEOMETRY_COUNT,
};

/**
 * struct dirty_vm_config - what to create; zero means the default everywhere
 * @mode: dirty-log mode
 * @backing: kind of memory
 * @geometry: alignment of the slots
 * @vcpus: number of vCPUs; 0: --vcpus, or 2
 * @spare_vcpus: further vCPUs, which dirty_vm_run_writers() leaves to the test
 * @slots: number of slots, at most DIRTY_VM_SLOTS_MAX; 0: 1
 * @slot_bytes: size of each slot, a multiple of 2 MiB; 0: --memory, or 2 MiB in check
 *	mode and 4 MiB otherwise. At least two pages of huge memory; other alignments
 *	than %GEOMETRY_ALIGNED take some pages off
 * @ring_entries: dirty ring entries of each vCPU; 0: 4096
 * @granule: page size of the guest's own page tables, one of vm_granules(), in
 *	bytes; 0: the host's page size
 * @eager_split: as in struct vm_config
 * @on_node: take small and transparent huge pages from this NUMA node, counted from
 *	1 among those with memory; 0: from any
 * @table_bytes: as in struct vm_config
 * @interrupts: as in struct vm_config
 * @no_mirror: dirty_vm_enable() makes no mirror: for slots too large to copy, and for
 *	what is timed. dirty_vm_check_stopped() then only checks that the log is empty
 */
struct dirty_vm_config {
	enum dirty_mode mode;
	enum backing_kind backing;
	enum geometry geometry;
	unsigned int vcpus;
	unsigned int spare_vcpus;
	unsigned int slots;
	u64 slot_bytes;
	u32 ring_entries;
	u64 granule;
	u64 eager_split;
	unsigned int on_node;
	u64 table_bytes;
	bool interrupts;
	bool no_mirror;
};

/**
 * struct dirty_vm_counts - what a fixture has done so far
 * @enables: slots for which logging was enabled
 * @collections: harvests of a slot
 * @checks: dirty_vm_check_stopped()
 * @recoveries: dirty_vm_check_recovered() that had something to judge
 * @verified: pages that a harvest reported and that had changed: each is a write
 *	that the mirror has proved to be in the log
 */
struct dirty_vm_counts {
	u64 enables;
	u64 collections;
	u64 checks;
	u64 recoveries;
	u64 verified;
};

/**
 * struct dirty_vm - a VM with slots that can be logged
 * @config: what it was created from, with defaults replaced by their values
 * @vm: VM
 * @dirty: its dirty log
 * @backing: memory of each slot
 * @slot: slots, mapped one to one in the guest
 * @watched: slots as @dirty harvests them
 * @huge_size: size of a huge page of this machine, in bytes
 * @huge_pages: huge pages that fit into each slot and can be mapped huge
 * @host_huge: whether the host maps all huge pages of the slot huge
 * @ring_full_ns: nanoseconds that dirty_vm_store() has spent so far on emptying full
 *	rings
 * @through: guest function that runs another one, its second argument, for example in
 *	a nested guest; NULL: accesses are made by the vCPU itself
 * @threads: threads of the running vCPUs, or NULL
 * @running: number of vCPUs that @threads run
 * @mirror: mirror of each slot, made by the first dirty_vm_enable()
 * @reported: pages of each slot that were reported since it was enabled or last
 *	expected, a bitmap
 * @sequence: accesses of dirty_vm_store() so far; the next stamp follows it
 * @probe: how the kernel tells the sizes of mappings
 * @before: sizes of mappings before logging
 * @touch: how dirty_vm_measure_sizes() touches memory
 * @touch_vcpu: vCPU that touches
 * @count: statistics
 * @allocated: made by dirty_vm_create()
 */
struct dirty_vm {
	struct dirty_vm_config config;
	struct vm *vm;
	struct dirty_log *dirty;
	struct backing backing[DIRTY_VM_SLOTS_MAX];
	struct memslot slot[DIRTY_VM_SLOTS_MAX];
	struct dirty_slot *watched[DIRTY_VM_SLOTS_MAX];
	u64 huge_size;
	u64 huge_pages[DIRTY_VM_SLOTS_MAX];
	bool host_huge[DIRTY_VM_SLOTS_MAX];
	u64 ring_full_ns;
	guest_function through;
	struct vcpu_threads *threads;
	unsigned int running;
	struct mirror *mirror[DIRTY_VM_SLOTS_MAX];
	unsigned long *reported[DIRTY_VM_SLOTS_MAX];
	u64 sequence;
	struct mapping_probe probe;
	struct mapping_sizes before;
	struct writer_list touch;
	unsigned int touch_vcpu;
	struct dirty_vm_counts count;
	bool allocated;
};

/* The first dimensions of a test's matrix; tests add further ones. */
enum {
	DIRTY_VM_MODE,
	DIRTY_VM_BACKING,
	DIRTY_VM_GEOMETRY,
	DIRTY_VM_DIMENSIONS
};

/**
 * dirty_vm_wanted() - struct case_matrix's @allowed: memory that machines like this
 *	one have, and that --backing names
 * @tuple: a choice per dimension
 * @context: not used
 *
 * Return: true if the tuple's backing exists, and there is no --backing or it is
 * the tuple's.
 */
bool dirty_vm_wanted(const unsigned int *tuple, const void *context);

/* For variants' dimensions: all alignments. */
extern const struct choices geometries;

/**
 * geometry_name() - an alignment's name in case names
 * @geometry: alignment
 *
 * Return: "aligned", "shifted" or "skewed".
 */
const char *geometry_name(enum geometry geometry);

/**
 * struct dirty_vm_pace - size and speed of a run of rounds
 * @slot_bytes: as in struct dirty_vm_config
 * @harvests_max: collections of a round at most, while vCPUs run
 * @pace_ms: time for the guest between two of them at most, in milliseconds
 */
struct dirty_vm_pace {
	u64 slot_bytes;
	unsigned int harvests_max;
	unsigned int pace_ms;
};

/**
 * dirty_vm_choose_pace() - choose by --mode, --vcpus and --memory
 * @config: vCPUs and bytes of a slot are set
 * @check: for check mode, and the full matrix
 * @stress: for stress mode
 *
 * Return: @check or @stress. Context: a case.
 */
const struct dirty_vm_pace *
dirty_vm_choose_pace(struct dirty_vm_config *config,
		     const struct dirty_vm_pace *check,
		     const struct dirty_vm_pace *stress);

/**
 * dirty_vm_slot_bytes() - size of a slot that is created for a requested size
 * @backing: kind of memory
 * @bytes: requested size, in bytes
 *
 * Return: bytes; memory of huge pages has at least two of them.
 */
u64 dirty_vm_slot_bytes(enum backing_kind backing, u64 bytes);

/**
 * dirty_vm_create() - create the fixture
 * @config: what to create
 *
 * Skips the test case where the machine lacks something.
 *
 * Return: the fixture. A test need not destroy it.
 */
struct dirty_vm *dirty_vm_create(const struct dirty_vm_config *config);

/**
 * dirty_vm_init() - create a fixture that is part of another object
 * @vm: fixture, filled in
 * @config: what to create
 *
 * See dirty_vm_create().
 */
void dirty_vm_init(struct dirty_vm *vm, const struct dirty_vm_config *config);

/**
 * dirty_vm_destroy() - stop the vCPUs and free the fixture, for cases that need many
 * @vm: fixture; no thread of the test runs a vCPU
 */
void dirty_vm_destroy(struct dirty_vm *vm);

/**
 * dirty_vm_host_huge() - whether all that can be mapped huge is
 * @vm: fixture
 *
 * Return: true if the host maps all huge pages of all slots huge.
 */
bool dirty_vm_host_huge(const struct dirty_vm *vm);

/**
 * dirty_vm_renew_memory() - replace the slots' memory by new pages
 * @vm: fixture; the slots' contents are lost
 *
 * The addresses stay: KVM is notified by its MMU notifier. @host_huge is determined
 * again. Only for %GEOMETRY_ALIGNED and slots of whole pages of their backing.
 *
 * Return: false if the slots are different, and nothing was done.
 */
bool dirty_vm_renew_memory(struct dirty_vm *vm);

/* ---- accesses of the guest ----------------------------------------------- */

/**
 * dirty_vm_list_every() - accesses at regular distances, in every slot
 * @vm: fixture
 * @offset: of the first access, from each slot's start, in bytes
 * @stride: from one access to the next, in bytes
 *
 * Return: the list.
 */
struct writer_list dirty_vm_list_every(const struct dirty_vm *vm, u64 offset,
				       u64 stride);

/**
 * dirty_vm_list_random() - accesses to random words of the slots
 * @vm: fixture
 * @random: stream
 *
 * Return: a list of at most WRITER_STORES_MAX accesses, at least one.
 */
struct writer_list dirty_vm_list_random(const struct dirty_vm *vm,
					struct random_stream *random);

/**
 * dirty_vm_store() - a vCPU makes the accesses of a list, and returns
 * @vm: fixture
 * @vcpu: index of a vCPU that no thread runs
 * @list: the accesses; stores by default. Every store has a new stamp
 *
 * Full rings are emptied for the next collection.
 *
 * Context: the thread that collects.
 */
void dirty_vm_store(struct dirty_vm *vm, unsigned int vcpu,
		    const struct writer_list *list);

/**
 * dirty_vm_load() - as dirty_vm_store(), but each access is a load
 * @vm: fixture
 * @vcpu: index of a vCPU that no thread runs
 * @list: the accesses
 */
void dirty_vm_load(struct dirty_vm *vm, unsigned int vcpu,
		   const struct writer_list *list);

/**
 * dirty_vm_fetch() - as dirty_vm_store(), but each access is a call
 * @vm: fixture; dirty_vm_lay_code() has put functions into its memory
 * @vcpu: index of a vCPU that no thread runs
 * @list: the accesses, to the first bytes of pages
 */
void dirty_vm_fetch(struct dirty_vm *vm, unsigned int vcpu,
		    const struct writer_list *list);

/**
 * dirty_vm_lay_code() - let each page start with a function that returns
 * @vm: fixture, not logged
 */
void dirty_vm_lay_code(struct dirty_vm *vm);

/**
 * dirty_vm_setup_writers() - let every vCPU's writer_run() store to all slots
 * @vm: fixture; no vCPU runs
 *
 * Each vCPU has a separate random stream; the pattern is %WRITER_RANDOM.
 */
void dirty_vm_setup_writers(struct dirty_vm *vm);

/**
 * dirty_vm_run_writers() - all vCPUs but the spare ones store without pause
 * @vm: fixture; no vCPU runs
 *
 * Threads run writer_run() on them, by @through if that is set.
 */
void dirty_vm_run_writers(struct dirty_vm *vm);

/**
 * dirty_vm_run_readers() - the first vCPUs load without pause
 * @vm: fixture; no vCPU runs
 * @vcpus: number of vCPUs
 * @list: loads that each of them repeats
 */
void dirty_vm_run_readers(struct dirty_vm *vm, unsigned int vcpus,
			  const struct writer_list *list);

/**
 * dirty_vm_set_pattern() - in which order running writers store from now on
 * @vm: fixture
 * @pattern: enum writer_pattern; %WRITER_PATTERNS: a random one for each vCPU
 * @random: stream, if @pattern is %WRITER_PATTERNS
 */
void dirty_vm_set_pattern(struct dirty_vm *vm, enum writer_pattern pattern,
			  struct random_stream *random);

/**
 * dirty_vm_stores() - stores that writers have made
 * @vm: fixture
 * @vcpus: number of vCPUs, from the first, that run a writer
 *
 * Return: stores so far.
 */
u64 dirty_vm_stores(const struct dirty_vm *vm, unsigned int vcpus);

/**
 * dirty_vm_let_write() - wait until writers have made some stores
 * @vm: fixture
 * @vcpus: number of vCPUs, from the first, that run a writer
 * @stores: number of stores of all of them together
 * @milliseconds: the longest wait
 *
 * Only a pace: nothing may depend on it.
 */
void dirty_vm_let_write(const struct dirty_vm *vm, unsigned int vcpus,
			u64 stores, unsigned int milliseconds);

/**
 * dirty_vm_accesses() - accesses of the running vCPUs
 * @vm: fixture, vCPUs run
 *
 * Return: stores or loads so far.
 */
u64 dirty_vm_accesses(const struct dirty_vm *vm);

/**
 * dirty_vm_let_run() - wait until running vCPUs have made some accesses
 * @vm: fixture, vCPUs run
 * @accesses: number of stores or loads of all of them together
 * @milliseconds: the longest wait
 *
 * Only a pace: nothing may depend on it.
 */
void dirty_vm_let_run(const struct dirty_vm *vm, u64 accesses,
		      unsigned int milliseconds);

/**
 * dirty_vm_let_fill() - wait until a vCPU exits because its ring is full
 * @vm: fixture
 * @milliseconds: the longest wait
 *
 * Only a pace: nothing may depend on it.
 */
void dirty_vm_let_fill(const struct dirty_vm *vm, unsigned int milliseconds);

/**
 * dirty_vm_pause() - bring all running vCPUs out of KVM_RUN
 * @vm: fixture
 */
void dirty_vm_pause(struct dirty_vm *vm);

/**
 * dirty_vm_resume() - let paused vCPUs continue
 * @vm: fixture
 */
void dirty_vm_resume(struct dirty_vm *vm);

/* ---- the protocol --------------------------------------------------------- */

/**
 * dirty_vm_enable() - log all slots
 * @vm: fixture, not logged
 *
 * With KVM_DIRTY_LOG_INITIALLY_SET, the first clear is part of it: it must report
 * every page. So in any mode, what was written before is not reported afterwards.
 */
void dirty_vm_enable(struct dirty_vm *vm);

/**
 * enum dirty_vm_first_clear - the first clear with KVM_DIRTY_LOG_INITIALLY_SET
 * @DIRTY_VM_CLEAR_WHOLE: the whole slot, when logging is enabled
 * @DIRTY_VM_CLEAR_LATER: by collections, in any parts. Every page must have been
 *	reported when dirty_vm_check_stopped() compares
 */
enum dirty_vm_first_clear {
	DIRTY_VM_CLEAR_WHOLE,
	DIRTY_VM_CLEAR_LATER,
};

/**
 * dirty_vm_enable_slot() - log one slot
 * @vm: fixture
 * @slot: index of the slot, not logged
 * @first_clear: with other modes without effect
 */
void dirty_vm_enable_slot(struct dirty_vm *vm, unsigned int slot,
			  enum dirty_vm_first_clear first_clear);

/**
 * dirty_vm_collect() - harvest all logged slots, and copy into their mirrors
 * @vm: fixture
 * @partial: NULL: everything that is dirty. Otherwise, with the clear modes, random
 *	ranges, drawn from this stream; the rest stays dirty
 *
 * May be called while vCPUs run, and waits for nothing.
 *
 * Return: pages reported. Context: any thread, one at a time.
 */
size_t dirty_vm_collect(struct dirty_vm *vm, struct random_stream *partial);

/**
 * dirty_vm_expect_exactly() - collect; what was reported is what a list accesses
 * @vm: fixture
 * @list: stores that were made since the slots were enabled, or since the last
 *	dirty_vm_expect_*(); NULL: none
 * @what: what the guest did, for the failure's reason
 *
 * Judges all collections since then. Pages of slots that are not logged are not
 * expected. Where nothing is expected and no vCPU runs, a bitmap beside the rings
 * must be empty, too: it is for writes without a vCPU (mark_page_dirty_in_slot()).
 *
 * Context: vCPUs that run make no stores.
 */
void dirty_vm_expect_exactly(struct dirty_vm *vm,
			     const struct writer_list *list, const char *what);

/**
 * dirty_vm_expect_at_most() - collect; nothing is reported but what a list accesses
 * @vm: fixture
 * @list: accesses since the slots were enabled, or since the last
 *	dirty_vm_expect_*(), that KVM may report: for example loads of absent pages
 * @what: what the guest did, for the failure's reason
 */
void dirty_vm_expect_at_most(struct dirty_vm *vm,
			     const struct writer_list *list, const char *what);

/**
 * dirty_vm_check_stopped() - no write is lost
 * @vm: fixture; vCPUs that run are paused, and stay so until dirty_vm_resume()
 *
 * Collects all logged slots as if it were the last time, with the bitmap beside
 * rings (dirty_harvest_final()); collects again, which must report nothing since no
 * vCPU runs; compares memory and mirrors byte for byte.
 */
void dirty_vm_check_stopped(struct dirty_vm *vm);

/**
 * dirty_vm_disable() - end logging of all slots that are logged
 * @vm: fixture
 *
 * While vCPUs run, writes since the last collection are legally lost.
 */
void dirty_vm_disable(struct dirty_vm *vm);

/**
 * dirty_vm_check_verified() - the run has shown something
 * @vm: fixture
 *
 * Reports the counts. Fails if no mirror has verified a write.
 */
void dirty_vm_check_verified(const struct dirty_vm *vm);

/* ---- sizes of mappings ---------------------------------------------------- */

/* Accesses to each huge page when the sizes of mappings are measured; one tells nothing. */
#define DIRTY_VM_TOUCHES 4

/**
 * dirty_vm_measure_sizes() - find out by what mappings the guest uses the slots
 * @vm: fixture, not logged; no vCPU runs
 * @vcpu: index of the vCPU that touches memory now and whenever sizes are checked;
 *	no thread runs it, and the calling thread does
 * @access: %WRITER_STORE, or %WRITER_REWRITE where the contents are needed
 * @stride: from one touched address to the next, in bytes; 0: DIRTY_VM_TOUCHES in
 *	each huge page
 *
 * Fails if the host maps all huge pages huge, and KVM does not. Where the kernel
 * does not tell (mapping.h), the checks below do nothing.
 */
void dirty_vm_measure_sizes(struct dirty_vm *vm, unsigned int vcpu,
			    enum writer_access access, u64 stride);

/**
 * dirty_vm_check_split() - no huge mapping covers a page that was written while logged
 * @vm: fixture, measured; everything dirty was collected
 *
 * Does nothing unless all slots are logged: KVM counts mappings of the whole VM.
 * Otherwise touches all of them, which the next collection reports.
 *
 * Context: no vCPU runs.
 */
void dirty_vm_check_split(struct dirty_vm *vm);

/**
 * dirty_vm_check_recovered() - huge mappings come back after logging
 * @vm: fixture, measured, not logged
 *
 * Pauses vCPUs that run; they stay paused until dirty_vm_resume(). Does nothing where
 * vCPUs run and the host maps only some huge pages huge: it may split these, too.
 */
void dirty_vm_check_recovered(struct dirty_vm *vm);

#endif
