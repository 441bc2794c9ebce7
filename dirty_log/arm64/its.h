/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A GICv3 with an interrupt translation service (ITS), as far as it takes to
 * have KVM write guest memory by itself: KVM_DEV_ARM_ITS_SAVE_TABLES stores the
 * ITS's tables there while no vCPU runs
 * (Documentation/virt/kvm/devices/arm-vgic-its.rst).
 */
#ifndef SECMMU_ITS_H
#define SECMMU_ITS_H

#include <stdbool.h>

#include "kvm/vm.h"
#include "core/types.h"

/* Where its tables begin: the only size of page that KVM's ITS has, bytes. */
#define ITS_TABLE_ALIGN 0x10000UL

/**
 * struct its - a VM's ITS
 * @gic_fd: the VM's GICv3
 * @fd: the ITS
 * @commands: host address of the queue of commands
 * @command_count: how many were given
 */
struct its {
	int gic_fd;
	int fd;
	u64 *commands;
	unsigned int command_count;
};

/**
 * its_create() - give a VM a GICv3 and an ITS
 * @vm: VM, of which no vCPU has run yet
 * @its: filled in
 *
 * Skips the test case where KVM offers no GICv3.
 */
void its_create(struct vm *vm, struct its *its);

/**
 * its_destroy() - close what its_create() opened
 * @its: ITS
 */
void its_destroy(struct its *its);

/**
 * its_place_collections() - tell the ITS where its collection table is
 * @its: ITS
 * @gpa: guest physical address, a multiple of ITS_TABLE_ALIGN
 */
void its_place_collections(struct its *its, u64 gpa);

/* Memory that its_enable_lpis() takes, bytes. */
#define ITS_LPI_BYTES (6 * ITS_TABLE_ALIGN)
/* Where in it the table of pending LPIs is, bytes. */
#define ITS_PENDING (5 * ITS_TABLE_ALIGN)
/* The first LPI; there are as many as 16 bits name. */
#define ITS_LPI_FIRST 8192U

/**
 * its_enable_lpis() - have a device, and LPIs for it
 * @its: ITS
 * @memory: host address of memory for tables, zeroed
 * @gpa: its guest physical address, a multiple of ITS_TABLE_ALIGN
 * @lpi: numbers of the LPIs that the device's events have, ITS_LPI_FIRST and up
 * @count: how many, at most 8
 *
 * They belong to the first vCPU.
 */
void its_enable_lpis(struct its *its, void *memory, u64 gpa, const u32 *lpi,
		     unsigned int count);

/**
 * its_set_pending() - make an event's LPI pending, or not
 * @its: ITS, its_enable_lpis() was called
 * @event: index of its LPI
 * @pending: what it is to be
 */
void its_set_pending(struct its *its, unsigned int event, bool pending);

/**
 * its_save_pending() - KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES
 * @its: ITS, its_enable_lpis() was called
 *
 * KVM writes those bytes of the table of pending LPIs that are not right any more
 * (vgic_v3_save_pending_tables()): LPI n is bit n % 8 of byte n / 8.
 *
 * Context: no vCPU runs.
 */
void its_save_pending(struct its *its);

/**
 * its_save_tables() - KVM_DEV_ARM_ITS_SAVE_TABLES
 * @its: ITS, with a collection table and no collections
 *
 * KVM ends the table by an entry of zeros (vgic_its_save_collection_table()):
 * the first 8 bytes of the table are written, and nothing else.
 *
 * Context: no vCPU runs.
 */
void its_save_tables(struct its *its);

#endif
