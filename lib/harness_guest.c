// SPDX-License-Identifier: GPL-2.0-only
/* Guest functions of harness_test. */
#include "harness_guest.h"
#include "core/random.h"

static struct harness_area *area_of(struct guest_vcpu *self)
{
	return (struct harness_area *)self->test;
}

void harness_echo(struct guest_vcpu *self, u64 argument)
{
	u64 i;

	for (i = 1; i <= 3; i++)
		guest_sync(self, i, argument + i);
	area_of(self)->result[0] = argument;
	area_of(self)->result[1] = self->index;
	guest_assert(self == guest_self());
}

void harness_store(struct guest_vcpu *self, u64 argument)
{
	struct harness_area *area = area_of(self);
	volatile u64 *word = (volatile u64 *)(uintptr_t)area->address;

	(void)argument;
	*word = area->value;
	if (area->alias)
		word = (volatile u64 *)(uintptr_t)area->alias;
	area->result[0] = *word;
}

void harness_random(struct guest_vcpu *self, u64 argument)
{
	struct harness_area *area = area_of(self);
	struct random_stream stream;
	unsigned int i;

	random_init(&stream, self->seed, argument);
	for (i = 0; i < 32; i++)
		area->result[i] = random_below(&stream, 1000 + i);
}

void harness_assert(struct guest_vcpu *self, u64 argument)
{
	(void)self;
	guest_assert_equal(argument, 41);
}

void harness_write_image(struct guest_vcpu *self, u64 argument)
{
	uintptr_t here = (uintptr_t)harness_write_image & ~7UL;

	(void)self;
	*(volatile u64 *)here = argument;
}

void harness_silent(struct guest_vcpu *self, u64 argument)
{
	(void)argument;
	while (!self->stop)
		;
}

void harness_string(struct guest_vcpu *self, u64 argument)
{
	static const char text[] = "read-only data of the guest";

	(void)argument;
	guest_sync(self, (u64)(uintptr_t)text, sizeof(text));
}
