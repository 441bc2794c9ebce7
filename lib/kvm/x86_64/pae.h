/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of 32 bits with PAE page tables, two levels of which lie in memory under
 * test (the third, of 4 entries, has no flags).
 */
#ifndef SECMMU_PAE_H
#define SECMMU_PAE_H

#include "kvm/vm.h"
#include "core/types.h"

/**
 * struct pae - its tables
 * @directory: gpa of the page directory
 * @table: gpa of the page table
 * @target: gpa of the page that is mapped
 */
struct pae {
	u64 directory;
	u64 table;
	u64 target;
};

/**
 * pae_begin() - build the tables, and have a vCPU use them from now on
 * @vcpu: vCPU, not in KVM_RUN; what it was doing is over
 * @pae: filled in with three pages of @slot; the content of tables is lost
 * @slot: where they are
 */
void pae_begin(struct vcpu *vcpu, const struct pae *pae, struct memslot *slot);

/**
 * pae_reset() - the guest takes the flags of both entries away
 * @vcpu: vCPU after pae_begin()
 * @pae: its tables
 */
void pae_reset(struct vcpu *vcpu, const struct pae *pae);

/**
 * pae_read() - the guest reads the page
 * @vcpu: vCPU after pae_begin()
 */
void pae_read(struct vcpu *vcpu);

/**
 * pae_write() - the guest writes the page
 * @vcpu: vCPU after pae_begin()
 * @value: what it stores there
 */
void pae_write(struct vcpu *vcpu, u32 value);

#endif
