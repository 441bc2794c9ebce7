/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest functions of harness_test, one fact each. */
#ifndef SECMMU_HARNESS_GUEST_H
#define SECMMU_HARNESS_GUEST_H

#include "kvm/guest.h"

/* What harness_echo() and its kin read and write in their test area. */
struct harness_area {
	u64 address;
	u64 alias;
	u64 value;
	u64 result[32];
};

/* Three syncs, then the argument comes back as result[0], the index as [1]. */
void harness_echo(struct guest_vcpu *self, u64 argument);
/* Stores value at address, loads from alias (0: address) into result[0]. */
void harness_store(struct guest_vcpu *self, u64 argument);
/* The stream (seed, argument) into result[]. */
void harness_random(struct guest_vcpu *self, u64 argument);
/* Fails guest_assert_equal(40 + 1, argument) unless argument is 41. */
void harness_assert(struct guest_vcpu *self, u64 argument);
/* Writes to its own image, which is read-only memory of the VM. */
void harness_write_image(struct guest_vcpu *self, u64 argument);
/* Loops without a sign of life. */
void harness_silent(struct guest_vcpu *self, u64 argument);
/* A string of the image, to show that read-only data is in it. */
void harness_string(struct guest_vcpu *self, u64 argument);

#endif
