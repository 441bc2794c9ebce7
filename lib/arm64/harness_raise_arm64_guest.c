// SPDX-License-Identifier: GPL-2.0-only
/* Guest functions that raise exceptions: arm64. */
#include "harness_raise.h"
#include "arm64/harness_raise_arm64.h"

void harness_undefined(struct guest_vcpu *self, u64 unused)
{
	(void)self;
	(void)unused;
	asm volatile("udf	#0");
}

void harness_lose_stack(struct guest_vcpu *self, u64 address)
{
	(void)self;
	asm volatile("mov	sp, %0\n\t"
		     "str	xzr, [sp, #-16]!"
		     :
		     : "r"(address)
		     : "memory");
	__builtin_unreachable();
}

void harness_misaligned(struct guest_vcpu *self, u64 unused)
{
	u64 address = (u64)(uintptr_t)self + 3, value;

	(void)unused;
	/* Aligned or refused, whatever SCTLR_EL1.A says (Arm ARM B2.8.2). */
	asm volatile("ldxr	%0, [%1]" : "=r"(value) : "r"(address));
}

void harness_break(struct guest_vcpu *self, u64 unused)
{
	(void)self;
	(void)unused;
	asm volatile("brk	#1");
}

void harness_supervisor_call(struct guest_vcpu *self, u64 unused)
{
	(void)self;
	(void)unused;
	asm volatile("svc	#1" : : : "memory");
}

void harness_other_stack(struct guest_vcpu *self, u64 unused)
{
	(void)self;
	(void)unused;
	asm volatile("msr	spsel, #0\n\t"
		     "udf	#0"
		     :
		     :
		     : "memory");
	__builtin_unreachable();
}

void harness_unmask(struct guest_vcpu *self, u64 unused)
{
	(void)unused;
	asm volatile("msr	daifclr, #7" : : : "memory");
	while (!self->stop)
		;
}
