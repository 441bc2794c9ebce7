/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM with memory, some of it tracked, an image of what that has to be, and what
 * KVM has to tell of.
 */
#ifndef AVIC_TRACK_VM_H
#define AVIC_TRACK_VM_H

#include <stdbool.h>
#include <stddef.h>

#include "avic_device.h"
#include "mem/backing.h"
#include "track.h"
#include "kvm/vm.h"
#include "core/types.h"

#define TRACK_PAGES    8
#define TRACK_EXPECTED 4096
#define TRACK_RING     4096

/**
 * struct track_vm_config - what there is to be
 * @backing: kind of memory
 * @size: bytes of it
 * @vcpus: how many; 0: one
 * @ring: entries of each ring; 0: TRACK_RING
 */
struct track_vm_config {
	enum backing_kind backing;
	u64 size;
	unsigned int vcpus;
	unsigned int ring;
};

/**
 * struct track_vm - it
 * @vm: the VM
 * @backing: its memory
 * @slot: the memslot
 * @avic: the device
 * @image: what memory has to be like
 * @page: pages that are tracked, by guest physical address
 * @page_count: how many
 */
struct track_vm {
	struct vm *vm;
	struct backing backing;
	struct memslot slot;
	struct avic avic;
	u8 *image;
	u64 page[TRACK_PAGES];
	size_t page_count;
};

/**
 * struct track_model - what a vCPU does
 * @fixture: where
 * @write: what KVM has to tell of
 * @first: the first of them that it has not told of yet
 * @count: behind the last
 */
struct track_model {
	struct track_vm *fixture;
	struct secmmu_avic_write write[TRACK_EXPECTED];
	size_t first;
	size_t count;
};

/**
 * track_model_new() - a vCPU that has done nothing yet
 * @fixture: where
 *
 * Return: to be freed.
 */
struct track_model *track_model_new(struct track_vm *fixture);

/**
 * track_model_do() - what an instruction does
 * @model: of the vCPU, with less than TRACK_REPEAT writes to be told of
 * @op: which; gva is an address
 */
void track_model_do(struct track_model *model, const struct track_op *op);

/**
 * track_model_told() - KVM tells of a write: is it the next?
 * @model: of the vCPU
 * @told: what KVM told of; NULL: nothing more
 *
 * Fails the case if not.
 */
void track_model_told(struct track_model *model,
		      const struct secmmu_avic_write *told);

/**
 * track_model_is_next() - would this be the next?
 * @model: of the vCPU
 * @told: what KVM told of
 *
 * Return: whether it is.
 */
bool track_model_is_next(const struct track_model *model,
			 const struct secmmu_avic_write *told);

/**
 * track_model_done() - was all told of?
 * @model: of the vCPU
 *
 * Return: whether it was.
 */
bool track_model_done(const struct track_model *model);

/**
 * track_model_pending() - is a write to be told of yet that has this byte?
 * @model: of the vCPU
 * @gpa: where
 *
 * Return: whether there is.
 */
bool track_model_pending(const struct track_model *model, u64 gpa);

/**
 * track_begin() - a scene in which nothing is tracked
 * @fixture: to be filled
 * @config: what there is to be
 */
void track_begin(struct track_vm *fixture,
		 const struct track_vm_config *config);

/**
 * track_end() - all gone
 * @fixture: the scene
 */
void track_end(struct track_vm *fixture);

/**
 * track_page() - track a page
 * @fixture: the scene
 * @offset: in its slot, bytes
 */
void track_page(struct track_vm *fixture, u64 offset);

/**
 * track_forget_pages() - no page is expected to be told of any more
 * @fixture: the scene
 */
void track_forget_pages(struct track_vm *fixture);

/**
 * track_do() - vCPU 0 does a list, and it is judged
 * @fixture: the scene
 * @op: what; gva is the offset in the slot
 * @count: how many
 * @vectors: TRACK_SSE, TRACK_AVX
 *
 * KVM has to tell of every write to a tracked page, in order, with address,
 * length and bytes, and of nothing else; and the writes have happened.
 */
void track_do(struct track_vm *fixture, const struct track_op *op, size_t count,
	      u64 vectors);

/**
 * track_do_nested() - as track_do(), by a guest of the guest's
 * @fixture: the scene
 * @op: what; gva is the offset in the slot
 * @count: how many
 * @vectors: TRACK_SSE, TRACK_AVX
 *
 * Skips the case where guests have no SVM.
 */
void track_do_nested(struct track_vm *fixture, const struct track_op *op,
		     size_t count, u64 vectors);

/**
 * track_try() - vCPU 0 does a list that KVM may not be able to
 * @fixture: the scene
 * @op: what; gva is the offset in the slot
 * @count: how many
 * @vectors: TRACK_SSE, TRACK_AVX
 *
 * Return: as vcpu_run(); VCPU_KICKED if it has come to no end for a second.
 */
enum vcpu_event track_try(struct track_vm *fixture, const struct track_op *op,
			  size_t count, u64 vectors);

/**
 * track_store() - vCPU 0 stores a word, which is judged as by track_do()
 * @fixture: the scene
 * @offset: where in the slot
 * @value: what
 */
void track_store(struct track_vm *fixture, u64 offset, u64 value);

/**
 * track_judge_nothing() - KVM told of nothing more by @avic
 * @avic: a device with rings
 */
void track_judge_nothing(const struct avic *avic);

/**
 * track_judge_memory() - memory is as the writes leave it
 * @fixture: the scene
 */
void track_judge_memory(const struct track_vm *fixture);

#endif /* AVIC_TRACK_VM_H */
