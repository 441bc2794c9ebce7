/* SPDX-License-Identifier: GPL-2.0-only */
/* vCPUs: what they run, why they come back, and what they are told then. */
#ifndef SECMMU_VCPU_H
#define SECMMU_VCPU_H

#include <stdbool.h>
#include <stddef.h>

#include "kvm/guest.h"
#include "core/types.h"

struct vcpu;

/**
 * enum vcpu_event - why vcpu_run() came back
 * @VCPU_SYNC: the guest called guest_sync(); its arguments are in guest->call
 * @VCPU_DONE: the guest function returned
 * @VCPU_KICKED: a signal or immediate_exit
 * @VCPU_RING_FULL: KVM_EXIT_DIRTY_RING_FULL
 * @VCPU_FAULT: KVM_RUN failed with EFAULT, or KVM_EXIT_MEMORY_FAULT
 * @VCPU_REFUSED: an instruction was refused, where vcpu.refusal_allowed
 * @VCPU_OTHER: another exit; run->exit_reason says which
 */
enum vcpu_event {
	VCPU_SYNC,
	VCPU_DONE,
	VCPU_KICKED,
	VCPU_RING_FULL,
	VCPU_FAULT,
	VCPU_REFUSED,
	VCPU_OTHER,
};

/**
 * vcpu_start() - let a vCPU begin at a guest function
 * @vcpu: vCPU
 * @function: guest function (it stands in a *_guest.c file)
 * @argument: its second argument
 */
void vcpu_start(struct vcpu *vcpu, guest_function function, u64 argument);

/**
 * vcpu_complete_exit() - let KVM finish the last exit
 * @vcpu: vCPU, not in KVM_RUN
 *
 * Of some exits the end comes with the next KVM_RUN only; the registers are not
 * right before (api.rst 5, KVM_EXIT_IO and KVM_EXIT_MMIO). No guest code runs.
 */
void vcpu_complete_exit(struct vcpu *vcpu);

/**
 * __vcpu_run() - KVM_RUN until the guest has something for the host
 * @vcpu: vCPU
 *
 * A guest assertion, an unexpected guest exception, a triple fault or a failed
 * VM entry ends the test with the vector, the address and the source line.
 *
 * Return: see enum vcpu_event. Context: one thread per vCPU.
 */
enum vcpu_event __vcpu_run(struct vcpu *vcpu);

/**
 * vcpu_run_one_of() - as __vcpu_run(), and the event must be an expected one
 * @vcpu: vCPU
 * @expected: the events that do not fail the test, as bits (1 << VCPU_DONE).
 *	Signals are retried unless VCPU_KICKED is among them
 *
 * Return: which of them it was.
 */
enum vcpu_event vcpu_run_one_of(struct vcpu *vcpu, unsigned int expected);

/**
 * vcpu_run() - as __vcpu_run(), and the event must be the one that is expected
 * @vcpu: vCPU
 * @expected: the only event that does not fail the test. Signals are retried
 *	unless VCPU_KICKED is expected
 */
void vcpu_run(struct vcpu *vcpu, enum vcpu_event expected);

/**
 * vcpu_mmio() - was the last exit an access to where no memory is
 * @vcpu: vCPU, back from KVM_RUN with VCPU_OTHER
 * @gpa: filled in with the guest physical address
 *
 * Return: true if it was.
 */
bool vcpu_mmio(const struct vcpu *vcpu, u64 *gpa);

/**
 * struct vcpu_access - an access to where no memory is, or none to be written
 * @gpa: guest physical address, bytes
 * @bytes: 1, 2, 4 or 8
 * @is_store: a store
 * @value: what was stored
 */
struct vcpu_access {
	u64 gpa;
	unsigned int bytes;
	bool is_store;
	u64 value;
};

/**
 * vcpu_access() - as vcpu_mmio(), and what was accessed
 * @vcpu: vCPU, back from KVM_RUN with VCPU_OTHER
 * @access: filled in
 *
 * Return: true if it was such an access.
 */
bool vcpu_access(const struct vcpu *vcpu, struct vcpu_access *access);

/**
 * vcpu_answer() - what the guest reads, if the last exit was a read
 * @vcpu: vCPU, back from KVM_RUN with VCPU_OTHER
 * @value: the bytes; repeated where more are wanted
 *
 * Of memory that is not there, or of a port (x86). The guest has it once
 * KVM_RUN goes on.
 *
 * Return: false if it was no such exit.
 */
bool vcpu_answer(struct vcpu *vcpu, u64 value);

/**
 * vcpu_exit_text() - an exit in words, for a failure's line
 * @vcpu: vCPU
 * @buffer: where to put it
 * @size: bytes in @buffer
 *
 * Return: @buffer.
 */
const char *vcpu_exit_text(struct vcpu *vcpu, char *buffer, size_t size);

#endif
