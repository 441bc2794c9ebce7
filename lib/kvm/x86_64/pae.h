/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A 32-bit guest with PAE page tables. Two levels are in memory under test; the
 * third one, of 4 entries, has no flags.
 */
#ifndef SECMMU_PAE_H
#define SECMMU_PAE_H

#include "kvm/vm.h"
#include "core/types.h"

/**
 * struct pae - addresses of its tables
 * @directory: gpa of the page directory
 * @table: gpa of the page table
 * @target: gpa of the mapped page
 */
struct pae {
	u64 directory;
	u64 table;
	u64 target;
};

/**
 * pae_begin() - build the tables and switch a vCPU to them
 * @vcpu: vCPU, not in KVM_RUN; its current guest function is abandoned
 * @pae: addresses of three pages of @slot; the tables are overwritten
 * @slot: slot that holds them
 */
void pae_begin(struct vcpu *vcpu, const struct pae *pae, struct memslot *slot);

/**
 * pae_reset() - have the guest clear the flags of both entries
 * @vcpu: vCPU after pae_begin()
 * @pae: its tables
 */
void pae_reset(struct vcpu *vcpu, const struct pae *pae);

/**
 * pae_read() - have the guest read the page
 * @vcpu: vCPU after pae_begin()
 */
void pae_read(struct vcpu *vcpu);

/**
 * pae_write() - have the guest write the page
 * @vcpu: vCPU after pae_begin()
 * @value: value to store
 */
void pae_write(struct vcpu *vcpu, u32 value);

#endif
