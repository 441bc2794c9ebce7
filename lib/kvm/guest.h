/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest and its host share: the control block and the hypercalls.
 *
 * Guest functions stand in *_guest.c files of the host binary and run at their
 * own host addresses (lib/guest.lds). They have no libc and no writable globals:
 * the image is read-only in every VM, so that two VMs share nothing by it. What
 * a guest reports and what its host asks are fields of the control block, which
 * both sides read in place at the same address.
 */
#ifndef SECMMU_GUEST_H
#define SECMMU_GUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/types.h"

struct guest_vcpu;

/* A guest's main function; when it returns, vcpu_run() reports VCPU_DONE. */
typedef void (*guest_function)(struct guest_vcpu *self, u64 argument);

/* What a guest does on an interrupt; it comes back to where it was. */
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
 * @argument: by number; ASSERT: expression, file, line, two values
 */
struct guest_call {
	u64 number;
	u64 argument[6];
};

/**
 * struct guest_exception - an exception that the guest did not expect
 * @vector: x86: vector; arm64: index of the vector table entry
 * @code: x86: error code; arm64: ESR_EL1
 * @address: x86: CR2; arm64: FAR_EL1
 * @program_counter: where it happened
 */
struct guest_exception {
	u64 vector;
	u64 code;
	u64 address;
	u64 program_counter;
};

/* Room that a test may lay its own structure over, per vCPU, bytes. */
#define GUEST_TEST_AREA 2048

/**
 * struct guest_vcpu - one vCPU's part of the control block
 * @self: this structure's address, which the guest finds its block by
 * @index: vCPU index
 * @vcpu_count: number of vCPUs of the VM
 * @seed: the test's seed, from which guest random streams are split off
 * @hypercall: guest address whose store is a hypercall (arm64)
 * @stop: the host asks the guest function to return
 * @beat: the guest counts here while it makes progress; the watchdog reads it
 * @call: the hypercall under way
 * @exception: set before GUEST_CALL_EXCEPTION
 * @interrupt: x86: called on an NMI, and for vectors from 32 on; NULL: nobody
 *	expects any
 * @fault: x86: called on a page fault, with the address that is told of it
 *	instead of a vector; NULL: nobody expects any
 * @taken_while_off: x86: interrupts that came while they were off
 * @taken_before_halt: x86: interrupts that came between STI and HLT
 * @test: the test's own
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

/* Guest address range of the image; the linker provides both symbols. */
extern char __start_guest_image[];
extern char __stop_guest_image[];

/* The rest may be called in *_guest.c files only. */

/**
 * guest_self() - the calling vCPU's part of the control block
 *
 * Return: the block. Context: guest.
 */
struct guest_vcpu *guest_self(void);

/**
 * guest_hypercall() - exit to the host; the call is in the control block
 * @self: the calling vCPU's block
 *
 * Context: guest.
 */
void guest_hypercall(struct guest_vcpu *self);

/**
 * guest_sync() - report a stage to the host: vcpu_run() returns VCPU_SYNC
 * @self: the calling vCPU's block
 * @stage: any number
 * @value: any number
 *
 * Context: guest.
 */
void guest_sync(struct guest_vcpu *self, u64 stage, u64 value);

/**
 * guest_return() - where a guest function returns to
 *
 * Context: guest.
 */
void guest_return(void);

/**
 * guest_exception() - called by the vectors for what nobody expects
 *
 * Context: guest, exception.
 */
void guest_exception(u64 vector, u64 code, u64 address, u64 program_counter);

/**
 * guest_fetch_barrier() - what is executed from here on is fetched from here on
 *
 * Context: guest.
 */
void guest_fetch_barrier(void);

void guest_assert_failed(const char *expression, const char *file, int line,
			 u64 left, u64 right);

/* End the test from within the guest, with this line of source. */
#define guest_assert(expression)                                             \
	do {                                                                 \
		if (!(expression))                                           \
			guest_assert_failed(#expression, __FILE__, __LINE__, \
					    0, 0);                           \
	} while (0)

/* As guest_assert(), and the host prints both values. */
#define guest_assert_equal(left, right)                                    \
	do {                                                               \
		u64 __left = (left), __right = (right);                    \
		if (__left != __right)                                     \
			guest_assert_failed(#left " == " #right, __FILE__, \
					    __LINE__, __left, __right);    \
	} while (0)

#endif
