/* SPDX-License-Identifier: GPL-2.0-only */
/* Writers in a guest of the guest's. */
#ifndef SECMMU_L2_H
#define SECMMU_L2_H

#include <stdbool.h>

#include "core/bitmap.h"
#include "dirty/dirty_vm.h"
#include "../storm_guest.h"
#include "kvm/x86_64/svm.h"
#include "kvm/x86_64/vmx.h"
#include "kvm/writer.h"
#include "core/types.h"

/**
 * enum l2_paging - how L2's physical addresses become L1's
 * @L2_PAGING_NONE: they are L1's
 * @L2_PAGING_4K: by nested page tables of L1's, with small pages
 * @L2_PAGING_2M: the same with pages of 2 MiB
 * @L2_PAGING_1G: the same with pages of 1 GiB
 * @L2_PAGINGS: number of them
 *
 * With small pages and those of 2 MiB, L2's memory is L1's turned by a huge page:
 * who took one's addresses for the other's would log the wrong page.
 */
enum l2_paging {
	L2_PAGING_NONE,
	L2_PAGING_4K,
	L2_PAGING_2M,
	L2_PAGING_1G,
	L2_PAGINGS,
};

/**
 * enum l2_kind - what a vCPU's L2 is
 * @L2_NONE: there is none, L1 itself does its work
 * @L2_SVM: AMD's, with nested page tables (NPT)
 * @L2_VMX: Intel's, with extended ones (EPT)
 */
enum l2_kind {
	L2_NONE,
	L2_SVM,
	L2_VMX,
};

/**
 * struct l2_guest - lies over guest_vcpu.test
 * @writer: for writer_run()
 * @list: for writer_store()
 * @storm: for storm_store()
 * @kind: what runs it
 * @svm: L2 by SVM
 * @vmx: L2 by VMX
 */
struct l2_guest {
	union {
		struct writer writer;
		struct writer_list list;
		struct storm_work storm;
	};
	enum l2_kind kind;
	union {
		struct svm_nested svm;
		struct vmx_nested vmx;
	};
};

_Static_assert(sizeof(struct l2_guest) <= GUEST_TEST_AREA,
	       "test area too small");

static inline struct l2_guest *l2_of(struct guest_vcpu *guest)
{
	return (struct l2_guest *)guest->test;
}

/**
 * l2_paging_name() - a kind of paging as cases use it
 * @paging: which
 *
 * Return: its name.
 */
const char *l2_paging_name(enum l2_paging paging);

/**
 * l2_prepare() - have vCPUs of a scene run their writers in an L2
 * @fixture: created, aligned; no vCPU runs
 * @paging: of all L2s
 * @every: of every so many vCPUs the first has an L2; 1: all have
 *
 * Skips the case where the machine lacks what it takes.
 */
void l2_prepare(struct dirty_vm *fixture, enum l2_paging paging,
		unsigned int every);

/**
 * l2_map_own() - let L2s have memory at the same address as L1
 * @fixture: prepared; its first vCPU has an L2
 * @gpa: where it is, aligned to 1 GiB; beyond all slots under test
 * @size: bytes, a multiple of 1 GiB
 *
 * Those that l2_prepare() made for all vCPUs share their tables.
 */
void l2_map_own(struct dirty_vm *fixture, u64 gpa, u64 size);

/**
 * l2_set_control() - have a vCPU's control block lie somewhere else
 * @vcpu: prepared, does not run
 * @address: guest address of a zeroed page
 */
void l2_set_control(struct vcpu *vcpu, u64 address);

/**
 * l2_turned() - how far L2's memory is turned
 * @fixture: prepared
 * @paging: as l2_prepare() had it
 * @slot: index of the slot
 *
 * Return: bytes; what L2 has at the slot's beginning is so far from there for L1,
 * and what is before that for L1 is at the end for L2.
 */
u64 l2_turned(const struct dirty_vm *fixture, enum l2_paging paging,
	      unsigned int slot);

/**
 * l2_turn() - what pages of L1's a set of pages of L2's is
 * @fixture: prepared
 * @paging: as l2_prepare() had it
 * @slot: index of the slot
 * @pages: bitmap of the slot's pages, changed
 */
void l2_turn(const struct dirty_vm *fixture, enum l2_paging paging,
	     unsigned int slot, unsigned long *pages);

/* Guest functions. */

/* Runs its argument, a guest function, in the vCPU's L2. */
void l2_run(struct guest_vcpu *self, u64 function);

/*
 * Stages for the host, by guest_sync(): 0 begun; 1 KVM, and nobody but it, has
 * written to the control block since the sync before: at L2's exit by SVM, and
 * by VMX when L1 gives it up (VMCLEAR); 2 the same for what VMSAVE or VMPTRST and
 * VMREAD have stored in the page that the argument names.
 */
void l2_exit_only(struct guest_vcpu *self, u64 save);

#endif /* SECMMU_L2_H */
