/* SPDX-License-Identifier: GPL-2.0-only */
/* vCPUs: what they run, and why KVM_RUN returns. */
#ifndef SECMMU_VCPU_H
#define SECMMU_VCPU_H

#include <stdbool.h>
#include <stddef.h>

#include "kvm/guest.h"
#include "core/types.h"

struct vcpu;

/**
 * enum vcpu_event - why vcpu_run() returned
 * @VCPU_SYNC: the guest called guest_sync(); its arguments are in guest->call
 * @VCPU_DONE: the guest function returned
 * @VCPU_KICKED: a signal or immediate_exit
 * @VCPU_RING_FULL: KVM_EXIT_DIRTY_RING_FULL
 * @VCPU_FAULT: KVM_RUN failed with EFAULT, or KVM_EXIT_MEMORY_FAULT
 * @VCPU_REFUSED: an exception or a refused instruction, with
 *	vcpu.refusal_allowed
 * @VCPU_OTHER: another exit, see run->exit_reason
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
 * vcpu_start() - set a vCPU to the start of a guest function
 * @vcpu: vCPU
 * @function: guest function, in a *_guest.c file
 * @argument: its second argument
 */
void vcpu_start(struct vcpu *vcpu, guest_function function, u64 argument);

/**
 * vcpu_complete_exit() - have KVM complete the last exit
 * @vcpu: vCPU, not in KVM_RUN
 *
 * Only the next KVM_RUN completes some exits; before, the registers are not
 * valid (api.rst 5, KVM_EXIT_IO and KVM_EXIT_MMIO). No guest code runs.
 */
void vcpu_complete_exit(struct vcpu *vcpu);

/**
 * __vcpu_run() - KVM_RUN until an event for the host
 * @vcpu: vCPU
 *
 * A guest assertion, an unexpected guest exception, a triple fault or a failed
 * VM entry fails the case, with vector, address and source line.
 *
 * Return: see enum vcpu_event. Context: one thread per vCPU.
 */
enum vcpu_event __vcpu_run(struct vcpu *vcpu);

/**
 * vcpu_run_one_of() - as __vcpu_run(); fails the case on an unexpected event
 * @vcpu: vCPU
 * @expected: expected events, as bits (1 << VCPU_DONE). Signals are retried
 *	unless VCPU_KICKED is one of them
 *
 * Return: the event.
 */
enum vcpu_event vcpu_run_one_of(struct vcpu *vcpu, unsigned int expected);

/**
 * vcpu_run() - as vcpu_run_one_of(), for one event
 * @vcpu: vCPU
 * @expected: expected event
 */
void vcpu_run(struct vcpu *vcpu, enum vcpu_event expected);

/* Longer than a busy machine keeps a process from running. */
#define VCPU_AWAIT_MS 10000

/**
 * vcpu_await() - the guest is going to wait for an interrupt
 * @vcpu: vCPU, which the calling thread runs
 * @awaited: the interrupt, for the message; NULL: the guest has got it
 *
 * From here on, a KVM_RUN that lasts until VCPU_AWAIT_MS later fails the case: an
 * interrupt that KVM does not deliver is a failure and not a hang. Context: one
 * vCPU of the process at a time; uses SIGALRM.
 */
void vcpu_await(struct vcpu *vcpu, const char *awaited);

/**
 * vcpu_mmio() - was the last exit an access outside every slot?
 * @vcpu: vCPU, back from KVM_RUN with VCPU_OTHER
 * @gpa: filled in with the guest physical address
 *
 * Return: true if it was.
 */
bool vcpu_mmio(const struct vcpu *vcpu, u64 *gpa);

/**
 * struct vcpu_access - access outside every slot, or a store to a read-only one
 * @gpa: guest physical address, bytes
 * @bytes: 1, 2, 4 or 8
 * @is_store: the access is a store
 * @value: value of the store
 */
struct vcpu_access {
	u64 gpa;
	unsigned int bytes;
	bool is_store;
	u64 value;
};

/**
 * vcpu_access() - as vcpu_mmio(), with the access
 * @vcpu: vCPU, back from KVM_RUN with VCPU_OTHER
 * @access: filled in
 *
 * Return: true if it was such an access.
 */
bool vcpu_access(const struct vcpu *vcpu, struct vcpu_access *access);

/**
 * vcpu_answer() - set the value of a read that exited
 * @vcpu: vCPU, back from KVM_RUN with VCPU_OTHER
 * @value: the bytes, repeated for larger reads
 *
 * The read is from memory outside every slot, or of a port (x86). The guest
 * gets the value with the next KVM_RUN.
 *
 * Return: false if the last exit was no read.
 */
bool vcpu_answer(struct vcpu *vcpu, u64 value);

/**
 * vcpu_exit_text() - describe the last exit
 * @vcpu: vCPU
 * @buffer: filled in
 * @size: size of @buffer, bytes
 *
 * Return: @buffer.
 */
const char *vcpu_exit_text(struct vcpu *vcpu, char *buffer, size_t size);

#endif
