// SPDX-License-Identifier: GPL-2.0-only
/* arm64: registers that compiled guest code does not use. */
#include "kvm/registers.h"

/* CPACR_EL1.FPEN: accesses to vector registers do not trap. */
#define CPACR_FPEN (3UL << 20)

#define VECTORS_V 32
/* FPCR.RMode (rounding mode), and the sticky flags of FPSR. */
#define FPCR_ROUNDING (3UL << 22)
#define FPSR_FLAGS    0x1fUL

/* The compiler is run without vector registers. */
#define WITH_VECTORS ".arch_extension fp\n\t.arch_extension simd\n\t"

#define READ(name)                                              \
	({                                                      \
		u64 __value;                                    \
		asm volatile("mrs %0, " #name : "=r"(__value)); \
		__value;                                        \
	})
#define WRITE(name, value) \
	asm volatile("msr " #name ", %0\n\tisb" : : "r"((u64)(value)))

void registers_begin(struct guest_vcpu *self, bool interrupts)
{
	(void)self;
	(void)interrupts;
	WRITE(cpacr_el1, READ(cpacr_el1) | CPACR_FPEN);
}

#define FILL_V(n)                                      \
	asm volatile(WITH_VECTORS "dup v" #n ".2d, %0" \
		     :                                 \
		     : "r"(registers_value(token, n)))

#define CHECK_V(n)                                                   \
	do {                                                         \
		u64 low, high, want = registers_value(token, n);     \
		asm volatile(WITH_VECTORS "mov %0, v" #n ".d[0]\n\t" \
					  "mov %1, v" #n ".d[1]"     \
			     : "=&r"(low), "=&r"(high));             \
		if (low != want || high != want)                     \
			return 1 + (n);                              \
	} while (0)

#define EACH_OF_8(action, a, b, c, d, e, f, g, h) \
	action(a);                                \
	action(b);                                \
	action(c);                                \
	action(d);                                \
	action(e);                                \
	action(f);                                \
	action(g);                                \
	action(h)

#define EACH_V(action)                                     \
	EACH_OF_8(action, 0, 1, 2, 3, 4, 5, 6, 7);         \
	EACH_OF_8(action, 8, 9, 10, 11, 12, 13, 14, 15);   \
	EACH_OF_8(action, 16, 17, 18, 19, 20, 21, 22, 23); \
	EACH_OF_8(action, 24, 25, 26, 27, 28, 29, 30, 31)

/*
 * Registers of EL1 and EL0 that are written only by exceptions, which this
 * guest does not take, or by nothing. Numbered after the vector registers, in
 * this order.
 */
#define EACH_SYSTEM_REGISTER(action)                         \
	action(VECTORS_V + 0, tpidrro_el0, ~0UL);            \
	action(VECTORS_V + 1, far_el1, ~0UL);                \
	action(VECTORS_V + 2, contextidr_el1, 0xffffffffUL); \
	action(VECTORS_V + 3, elr_el1, ~0UL);                \
	action(VECTORS_V + 4, ttbr1_el1, 0xffffffff000UL)

#define NUMBER_FPCR (VECTORS_V + 5)
#define NUMBER_FPSR (VECTORS_V + 6)

#define FILL_SYSTEM(n, name, mask) \
	WRITE(name, registers_value(token, n) & (mask))

#define CHECK_SYSTEM(n, name, mask)                                     \
	do {                                                            \
		if (READ(name) != (registers_value(token, n) & (mask))) \
			return 1 + (n);                                 \
	} while (0)

void registers_fill(u64 token, bool interrupts)
{
	(void)interrupts;
	EACH_V(FILL_V);
	EACH_SYSTEM_REGISTER(FILL_SYSTEM);
	WRITE(fpcr, registers_value(token, NUMBER_FPCR) & FPCR_ROUNDING);
	WRITE(fpsr, registers_value(token, NUMBER_FPSR) & FPSR_FLAGS);
}

u64 registers_check(u64 token, bool interrupts)
{
	(void)interrupts;
	EACH_V(CHECK_V);
	EACH_SYSTEM_REGISTER(CHECK_SYSTEM);
	if (READ(fpcr) != (registers_value(token, NUMBER_FPCR) & FPCR_ROUNDING))
		return 1 + NUMBER_FPCR;
	if (READ(fpsr) != (registers_value(token, NUMBER_FPSR) & FPSR_FLAGS))
		return 1 + NUMBER_FPSR;
	return 0;
}

u64 registers_clock(void)
{
	u64 now;

	/* Ordered after preceding instructions: Arm ARM D12.2. */
	asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(now) : : "memory");
	return now;
}
