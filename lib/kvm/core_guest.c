// SPDX-License-Identifier: GPL-2.0-only
/* Guest code common to all architectures. */
#include "kvm/guest.h"

void guest_sync(struct guest_vcpu *self, u64 stage, u64 value)
{
	self->call.number = GUEST_CALL_SYNC;
	self->call.argument[0] = stage;
	self->call.argument[1] = value;
	guest_hypercall(self);
}

void guest_return(void)
{
	struct guest_vcpu *self = guest_self();

	/* The host runs the vCPU again only after vcpu_start(). */
	for (;;) {
		self->call.number = GUEST_CALL_DONE;
		guest_hypercall(self);
	}
}

void guest_exception(u64 vector, u64 code, u64 address, u64 program_counter)
{
	struct guest_vcpu *self = guest_self();

	self->exception.vector = vector;
	self->exception.code = code;
	self->exception.address = address;
	self->exception.program_counter = program_counter;
	for (;;) {
		self->call.number = GUEST_CALL_EXCEPTION;
		guest_hypercall(self);
	}
}

void guest_assert_failed(const char *expression, const char *file, int line,
			 u64 left, u64 right)
{
	struct guest_vcpu *self = guest_self();

	/*
	 * The host reads the strings at these addresses: they are in the image.
	 */
	self->call.argument[0] = (u64)(uintptr_t)expression;
	self->call.argument[1] = (u64)(uintptr_t)file;
	self->call.argument[2] = (u64)line;
	self->call.argument[3] = left;
	self->call.argument[4] = right;
	for (;;) {
		self->call.number = GUEST_CALL_ASSERT;
		guest_hypercall(self);
	}
}
