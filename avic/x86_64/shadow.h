/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM with a physical-ID table in its memory, a device that shadows it, and what
 * the shadow has to be.
 */
#ifndef AVIC_SHADOW_H
#define AVIC_SHADOW_H

#include <stdbool.h>
#include <stddef.h>

#include "avic_device.h"
#include "mem/backing.h"
#include "mem/pagemap.h"
#include "track.h"
#include "kvm/vm.h"
#include "core/thread.h"
#include "core/types.h"

#define SHADOW_TABLE_PAGES   4
#define SHADOW_BACKING_PAGES 520
#define SHADOW_TABLE_GPA     GPA_TEST
#define SHADOW_BACKING_GPA   (GPA_TEST + (1ULL << 30))
/* Where there is no memory. */
#define SHADOW_NOWHERE_GPA (GPA_TEST + (2ULL << 30))

/**
 * struct shadow_fixture - it
 * @vm: the VM
 * @table_memory: memory of tables
 * @table_slot: its slot
 * @backing_memory: memory of backing pages
 * @backing_slot: its slot
 * @avic: the device
 * @table: the table's number there
 * @pagemap: of this process
 * @apic_id: of the CPU that vCPUs run on
 * @has_run: vCPUs that have, as bits
 */
struct shadow_fixture {
	struct vm *vm;
	struct backing table_memory;
	struct memslot table_slot;
	struct backing backing_memory;
	struct memslot backing_slot;
	struct avic avic;
	unsigned int table;
	struct pagemap *pagemap;
	unsigned int apic_id;
	u64 has_run;
};

/**
 * shadow_begin() - a table without entries in the first page of its slot
 * @fixture: to be filled
 * @personality: the device's
 * @vcpus: how many. The first is ready, has run, and will run on one CPU only
 */
void shadow_begin(struct shadow_fixture *fixture,
		  enum secmmu_avic_personality personality, unsigned int vcpus);

/**
 * shadow_end() - all gone
 * @fixture: the scene
 */
void shadow_end(struct shadow_fixture *fixture);

/**
 * shadow_entry() - a valid entry
 * @page: backing page, by number
 *
 * Return: it, with nobody running.
 */
u64 shadow_entry(unsigned int page);

/**
 * shadow_running() - a valid entry whose vCPU runs
 * @page: backing page, by number
 * @vcpu: APIC ID
 *
 * Return: it.
 */
u64 shadow_running(unsigned int page, unsigned int vcpu);

/**
 * shadow_fill() - user space writes an entry, before anything is tracked
 * @fixture: the scene
 * @number: of the entry
 * @value: what
 */
void shadow_fill(struct shadow_fixture *fixture, unsigned int number,
		 u64 value);

/**
 * shadow_run() - a vCPU does a list of writes
 * @fixture: the scene
 * @vcpu: which
 * @op: what; gva is an address
 * @count: how many
 */
void shadow_run(struct shadow_fixture *fixture, unsigned int vcpu,
		const struct track_op *op, size_t count);

/**
 * shadow_store() - vCPU 0 writes to the table
 * @fixture: the scene
 * @offset: where in its page
 * @size: bytes, 1, 2, 4 or 8
 * @value: what
 */
void shadow_store(struct shadow_fixture *fixture, unsigned int offset,
		  unsigned int size, u64 value);

/**
 * shadow_store_again() - the same, many times
 * @fixture: the scene
 * @offset: where in its page
 * @value: what
 * @count: how often
 */
void shadow_store_again(struct shadow_fixture *fixture, unsigned int offset,
			u64 value, unsigned int count);

/**
 * shadow_store_begin() - a vCPU writes in a thread of its own
 * @fixture: the scene
 * @vcpu: which
 * @offset: where in its page
 * @value: what, of 8 bytes
 *
 * Return: the thread's group, to be joined by thread_group_join().
 */
struct thread_group *shadow_store_begin(struct shadow_fixture *fixture,
					unsigned int vcpu, unsigned int offset,
					u64 value);

/**
 * shadow_physical() - where a backing page is
 * @fixture: the scene
 * @page: backing page, by number
 *
 * Return: host physical address.
 */
u64 shadow_physical(struct shadow_fixture *fixture, unsigned int page);

/**
 * shadow_table_physical() - the same of a page of tables
 * @fixture: the scene
 * @page: by number
 *
 * Return: host physical address.
 */
u64 shadow_table_physical(struct shadow_fixture *fixture, unsigned int page);

/**
 * shadow_expected() - what an entry's shadow has to be
 * @fixture: the scene
 * @guest: what the guest has there
 * @dummy: address of the dummy page
 *
 * Return: it.
 */
u64 shadow_expected(struct shadow_fixture *fixture, u64 guest, u64 dummy);

/**
 * shadow_judge() - the shadow is what memory says
 * @fixture: the scene
 * @known: how many entries it has to have
 *
 * And pins as many pages as it names, and its page is tracked if it has any.
 */
void shadow_judge(struct shadow_fixture *fixture, unsigned int known);

/**
 * shadow_judge_erased() - nothing is left of it, and a sync brings it back
 * @fixture: the scene
 * @erased: how many were erased so far, this one included
 * @known: how many entries there were
 */
void shadow_judge_erased(struct shadow_fixture *fixture, u64 erased,
			 unsigned int known);

#endif /* AVIC_SHADOW_H */
