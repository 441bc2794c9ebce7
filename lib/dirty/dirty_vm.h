/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every dirty-logging test begins with: a VM, memory of some kind behind
 * one or more slots, and a harvester.
 */
#ifndef SECMMU_DIRTY_VM_H
#define SECMMU_DIRTY_VM_H

#include <stddef.h>

#include "mem/backing.h"
#include "dirty/dirty.h"
#include "kvm/vm.h"
#include "kvm/writer.h"
#include "core/types.h"

#define DIRTY_VM_SLOTS_MAX 4

/**
 * enum geometry - how a slot lies
 * @GEOMETRY_ALIGNED: gpa and hva at a huge page's start, whole huge pages
 * @GEOMETRY_SHIFTED: both three pages behind one, so huge mappings fit inside;
 *	the size is no multiple of 64 pages
 * @GEOMETRY_SKEWED: gpa and hva differ modulo a huge page, so none fits
 * @GEOMETRY_COUNT: number of geometries
 */
enum geometry {
	GEOMETRY_ALIGNED,
	GEOMETRY_SHIFTED,
	GEOMETRY_SKEWED,
	GEOMETRY_COUNT,
};

/**
 * struct dirty_vm_config - what to build
 * @mode: how dirty pages are learned
 * @backing: kind of memory
 * @geometry: how slots lie
 * @vcpus: number of vCPUs
 * @slots: number of slots, 1 up to DIRTY_VM_SLOTS_MAX
 * @slot_bytes: size of each, a multiple of 2 MiB; if the memory is of huge
 *	pages, then two of them at least; other geometries than ALIGNED take
 *	some pages off
 * @ring_entries: dirty ring entries, 0: default
 * @granule: of the guest's own page tables, one of vm_granules(), 0: default
 * @eager_split: as struct vm_config has it
 * @on_node: take small and transparent huge pages from this node only, counted
 *	from 1 among those with memory; 0: from any
 * @table_bytes: vm_config.table_bytes, 0: default
 * @interrupts: vm_config.interrupts
 */
struct dirty_vm_config {
	enum dirty_mode mode;
	enum backing_kind backing;
	enum geometry geometry;
	unsigned int vcpus;
	unsigned int slots;
	u64 slot_bytes;
	u32 ring_entries;
	u64 granule;
	u64 eager_split;
	unsigned int on_node;
	u64 table_bytes;
	bool interrupts;
};

/**
 * struct dirty_vm - what was built
 * @config: from what
 * @vm: VM
 * @dirty: its dirty logging
 * @backing: memory of each slot
 * @slot: slots, not logged yet, mapped one to one in the guest
 * @watched: the slots as the harvester sees them
 * @huge_size: size of a huge page of this machine, bytes
 * @huge_pages: huge pages that fit into slot i and can be mapped huge
 * @host_huge: the host maps all of slot i's huge pages huge
 * @ring_full_ns: what harvests have taken so far that dirty_vm_store() made because
 *	a ring was full, nanoseconds
 * @through: guest function that runs another one, which is its second argument,
 *	in a way of its own (a guest of the guest's); NULL: writers just run
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
};

/* The first dimensions of every test's matrix; tests add their own. */
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

/**
 * geometry_name() - a geometry's name as cases use it
 * @geometry: geometry
 *
 * Return: its name.
 */
const char *geometry_name(enum geometry geometry);

/* For variants' dimensions: all geometries. */
extern const struct choices geometries;

/**
 * struct dirty_vm_pace - how large a run of rounds is, and how fast
 * @slot_bytes: as struct dirty_vm_config has them
 * @harvests_max: harvests of a round, while vCPUs run
 * @pace_ms: how long the guest gets at most between two of them
 */
struct dirty_vm_pace {
	u64 slot_bytes;
	unsigned int harvests_max;
	unsigned int pace_ms;
};

/**
 * dirty_vm_choose_pace() - what the options say of a run
 * @fixture: gets vCPUs and bytes of a slot
 * @check: for check mode, and the full matrix
 * @stress: for stress
 *
 * Return: @check or @stress. Context: a case.
 */
const struct dirty_vm_pace *
dirty_vm_choose_pace(struct dirty_vm_config *fixture,
		     const struct dirty_vm_pace *check,
		     const struct dirty_vm_pace *stress);

/**
 * dirty_vm_slot_bytes() - what dirty_vm_config.slot_bytes comes to
 * @backing: kind of memory
 * @bytes: what is wanted
 *
 * Return: bytes; memory of huge pages has two of them at least.
 */
u64 dirty_vm_slot_bytes(enum backing_kind backing, u64 bytes);

/**
 * dirty_vm_init() - build it
 * @fixture: filled in
 * @config: what to build
 *
 * Skips the test case where the machine lacks something.
 */
void dirty_vm_init(struct dirty_vm *fixture,
		   const struct dirty_vm_config *config);

/**
 * dirty_vm_host_huge() - could all that fits be mapped huge
 * @fixture: scene
 *
 * Return: whether the host maps all huge pages of all slots huge.
 */
bool dirty_vm_host_huge(const struct dirty_vm *fixture);

/**
 * dirty_vm_renew_memory() - give the slots' memory back, and take new pages
 * @fixture: scene, all of whose slots' contents nobody needs any more
 *
 * The addresses stay: KVM hears of it by its MMU notifier. What the host maps
 * huge is found out anew. Only where the geometry is ALIGNED and the slots are of
 * whole pages of their backing.
 *
 * Return: false if they are not, and nothing was done.
 */
bool dirty_vm_renew_memory(struct dirty_vm *fixture);

/**
 * dirty_vm_setup_writers() - give every vCPU's writer_run() all slots to write
 * @fixture: scene; no vCPU may run
 *
 * Each vCPU has a random stream of its own; the pattern is WRITER_RANDOM.
 */
void dirty_vm_setup_writers(struct dirty_vm *fixture);

/**
 * dirty_vm_stores() - how many stores writers have made
 * @fixture: scene
 * @vcpus: of the first so many vCPUs, which run a writer
 *
 * Return: stores so far.
 */
u64 dirty_vm_stores(const struct dirty_vm *fixture, unsigned int vcpus);

/**
 * dirty_vm_let_write() - let running writers make some stores
 * @fixture: scene
 * @vcpus: the first so many vCPUs run a writer
 * @stores: how many, all in all
 * @milliseconds: but no longer than this
 *
 * Only a pace: nothing may depend on it.
 */
void dirty_vm_let_write(const struct dirty_vm *fixture, unsigned int vcpus,
			u64 stores, unsigned int milliseconds);

/**
 * dirty_vm_store() - have a vCPU make known stores
 * @fixture: scene
 * @vcpu: one of its vCPUs, not running
 * @list: the stores; @list->sequence goes on
 *
 * Ring entries are collected whenever the ring is full, for the next harvest.
 *
 * Context: the thread that harvests.
 */
void dirty_vm_store(struct dirty_vm *fixture, struct vcpu *vcpu,
		    struct writer_list *list);

/**
 * dirty_vm_destroy() - take it down
 * @fixture: scene; no vCPU may run
 */
void dirty_vm_destroy(struct dirty_vm *fixture);

#endif
