/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest that is told of pages which are not there yet: see write_methods_async.c. */
#ifndef SECMMU_ASYNC_H
#define SECMMU_ASYNC_H

#include "kvm/guest.h"
#include "core/types.h"

/**
 * enum async_step - what touch_absent() tells the host by guest_sync()
 * @ASYNC_ABSENT: KVM has raised a page fault, the value is its token. The guest
 *	has not looked yet at what KVM wrote, nor will it before the host goes on
 * @ASYNC_CLEARED: the guest has looked, and has cleared all of it
 * @ASYNC_AWAITED: again and again until async_fault.ready: the guest has told KVM
 *	that it may write once more, and does not look
 */
enum async_step {
	ASYNC_ABSENT,
	ASYNC_CLEARED,
	ASYNC_AWAITED,
};

/**
 * struct async_fault - lies over guest_vcpu.test
 * @data: where KVM writes, struct kvm_vcpu_pv_apf_data, guest address
 * @faults: page faults that the guest was told of
 * @ready: the host has seen that KVM has written that the page is there
 */
struct async_fault {
	u64 data;
	volatile u64 faults;
	volatile u64 ready;
};

_Static_assert(sizeof(struct async_fault) <= GUEST_TEST_AREA,
	       "test area too small");

static inline struct async_fault *async_fault_of(struct guest_vcpu *self)
{
	return (struct async_fault *)self->test;
}

/* Guest function: load from an address whose page is not there. */
void touch_absent(struct guest_vcpu *self, u64 address);

#endif
