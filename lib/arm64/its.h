/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A GICv3 with an interrupt translation service (ITS), as far as it takes to
 * have KVM write guest memory by itself: KVM_DEV_ARM_ITS_SAVE_TABLES stores the
 * ITS's tables there while no vCPU runs
 * (Documentation/virt/kvm/devices/arm-vgic-its.rst).
 */
#ifndef SECMMU_ITS_H
#define SECMMU_ITS_H

#include <stdint.h>

#include "vm.h"

/* Where its tables begin: the only size of page that KVM's ITS has, bytes. */
#define ITS_TABLE_ALIGN 0x10000UL

/**
 * struct its - a VM's ITS
 * @gic_fd: the VM's GICv3
 * @fd: the ITS
 */
struct its {
	int gic_fd;
	int fd;
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
void its_place_collections(struct its *its, uint64_t gpa);

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
