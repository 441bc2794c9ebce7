// SPDX-License-Identifier: GPL-2.0-only
/* Guest functions that raise exceptions: x86. */
#include "harness_raise.h"
#include "x86_64/harness_raise_x86.h"

void harness_undefined(struct guest_vcpu *self, u64 unused)
{
	(void)self;
	(void)unused;
	asm volatile("ud2");
}

void harness_lose_stack(struct guest_vcpu *self, u64 address)
{
	(void)self;
	asm volatile("movq %0, %%rsp\n\t"
		     "pushq $0"
		     :
		     : "r"(address)
		     : "memory");
	__builtin_unreachable();
}

void harness_divide(struct guest_vcpu *self, u64 unused)
{
	u64 low = 1, high = 0;

	(void)self;
	(void)unused;
	asm volatile("divq %2" : "+a"(low), "+d"(high) : "r"(0ULL));
}
