/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest and its host share: the control block and the hypercalls.
 *
 * Guest functions stand in *_guest.c files of the host binary and run at their
 * host addresses (lib/kvm/guest.lds). They have no libc and no writable
 * globals: the image is read-only in every VM, so VMs share no data through it.
 * Guest and host exchange values in fields of the control block, which both
 * access in place at the same address.
 */
#ifndef SECMMU_GUEST_H
#define SECMMU_GUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/types.h"

struct guest_vcpu;

/* A guest's main function; when it returns, vcpu_run() reports VCPU_DONE. */
typedef void (*guest_function)(struct guest_vcpu *self, u64 argument);

/* A guest's interrupt handler; it returns to the interrupted code. */
typedef void (*guest_handler)(struct guest_vcpu *self, u64 vector);

/* guest_call numbers. */
enum {
	GUEST_CALL_NONE,
	GUEST_CALL_SYNC,
	GUEST_CALL_DONE,
	GUEST_CALL_ASSERT,
	GUEST_CALL_EXCEPTION,
};

/**
 * struct guest_call - one hypercall, written by the guest before its exit
 * @number: GUEST_CALL_*
 * @argument: by @number; ASSERT: expression, file, line, two values
 */
struct guest_call {
	u64 number;
	u64 argument[6];
};

/**
 * struct guest_exception - an unexpected exception
 * @vector: x86: vector; arm64: index of the vector table entry
 * @code: x86: error code; arm64: ESR_EL1
 * @address: x86: CR2; arm64: FAR_EL1
 * @program_counter: address of the instruction
 */
struct guest_exception {
	u64 vector;
	u64 code;
	u64 address;
	u64 program_counter;
};

/* Room for a test's structure, per vCPU, bytes. */
#define GUEST_TEST_AREA 2048

/**
 * struct guest_vcpu - a vCPU's part of the control block
 * @self: this structure's address, by which the guest finds it
 * @index: vCPU index
 * @vcpu_count: number of vCPUs of the VM
 * @seed: the test's seed, from which guest random streams derive
 * @hypercall: guest address to which a store is a hypercall (arm64)
 * @stop: set by the host to have the guest function return
 * @beat: counter that the guest increments; the watchdog reads it
 * @call: the current hypercall
 * @exception: set before GUEST_CALL_EXCEPTION
 * @interrupt: x86: handler of NMIs and of vectors from 32 on; NULL: none is
 *	expected
 * @fault: x86: handler of #PF, called with the faulting address instead of a
 *	vector; NULL: none is expected
 * @taken_while_off: x86: interrupts delivered with interrupts disabled
 * @taken_before_halt: x86: interrupts delivered between STI and HLT
 * @test: the test's structure
 */
struct guest_vcpu {
	struct guest_vcpu *self;
	u32 index;
	u32 vcpu_count;
	u64 seed;
	u64 hypercall;
	volatile u64 stop;
	volatile u64 beat;
	struct guest_call call;
	struct guest_exception exception;
	guest_handler interrupt;
	guest_handler fault;
	volatile u64 taken_while_off;
	volatile u64 taken_before_halt;
	u64 test[GUEST_TEST_AREA / sizeof(u64)] __aligned(64);
} __aligned(4096);

/**
 * struct guest_control - the control block of a VM
 * @vcpu: one block per vCPU
 */
struct guest_control {
	struct guest_vcpu vcpu[1];
};

/* Guest address range of the image; the linker defines both symbols. */
extern char __start_guest_image[];
extern char __stop_guest_image[];

/* From here on: for *_guest.c files only. */

/**
 * guest_self() - the calling vCPU's part of the control block
 *
 * Return: the block. Context: guest.
 */
struct guest_vcpu *guest_self(void);

/**
 * guest_hypercall() - exit to the host with the call in the control block
 * @self: the calling vCPU's block
 *
 * Context: guest.
 */
void guest_hypercall(struct guest_vcpu *self);

/**
 * guest_sync() - report to the host: vcpu_run() returns VCPU_SYNC
 * @self: the calling vCPU's block
 * @stage: any number
 * @value: any number
 *
 * Context: guest.
 */
void guest_sync(struct guest_vcpu *self, u64 stage, u64 value);

/**
 * guest_return() - return address of guest functions
 *
 * Context: guest.
 */
void guest_return(void);

/**
 * guest_exception() - called by the vectors for unexpected exceptions
 *
 * Context: guest, exception.
 */
void guest_exception(u64 vector, u64 code, u64 address, u64 program_counter);

/**
 * guest_fetch_barrier() - discard instructions that the CPU has prefetched
 *
 * Context: guest.
 */
void guest_fetch_barrier(void);

void guest_assert_failed(const char *expression, const char *file, int line,
			 u64 left, u64 right);

/* Fail the case from the guest, with this source line. */
#define guest_assert(expression)                                             \
	do {                                                                 \
		if (!(expression))                                           \
			guest_assert_failed(#expression, __FILE__, __LINE__, \
					    0, 0);                           \
	} while (0)

/* As guest_assert(); the host prints both values. */
#define guest_assert_equal(left, right)                                    \
	do {                                                               \
		u64 __left = (left), __right = (right);                    \
		if (__left != __right)                                     \
			guest_assert_failed(#left " == " #right, __FILE__, \
					    __LINE__, __left, __right);    \
	} while (0)

#endif
