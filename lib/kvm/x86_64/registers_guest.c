// SPDX-License-Identifier: GPL-2.0-only
/* x86: registers that compiled guest code does not use. */
#include "kvm/x86_64/apic.h"
#include "kvm/x86_64/layout_x86.h"
#include "kvm/x86_64/msr.h"
#include "kvm/registers.h"

#define CR4_OSFXSR     (1UL << 9)
#define CR4_OSXMMEXCPT (1UL << 10)

#define MSR_SYSENTER_CS	   0x174
#define MSR_SYSENTER_ESP   0x175
#define MSR_SYSENTER_EIP   0x176
#define MSR_STAR	   0xc0000081
#define MSR_LSTAR	   0xc0000082
#define MSR_SYSCALL_MASK   0xc0000084
#define MSR_FS_BASE	   0xc0000100
#define MSR_KERNEL_GS_BASE 0xc0000102

/* Registers of an x2APIC (MSRs). */
#define MSR_APIC_PRIORITY  0x808
#define MSR_APIC_REQUEST   0x820
#define MSR_APIC_LVT_TIMER 0x832
#define MSR_APIC_LVT_LINT1 0x836
#define MSR_APIC_LVT_ERROR 0x837
#define LVT_MASKED	   0x10000U

#define VECTORS_XMM 16
/* Control words: all exceptions masked, rounding mode varies. */
#define MXCSR_MASKED   0x1f80U
#define MXCSR_ROUNDING 0x6000U
#define FCW_MASKED     0x037fU
#define FCW_ROUNDING   0x0c00U
/* A linear address that is canonical with 48 bits. */
#define CANONICAL ((1ULL << 47) - 1)

void registers_begin(struct guest_vcpu *self, bool interrupts)
{
	u64 cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
	asm volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
	asm volatile("fninit");
	if (!interrupts)
		return;
	apic_begin(self, APIC_X2APIC);
	/* Pending interrupts stay pending: no vector is above this priority. */
	msr_write(MSR_APIC_PRIORITY, 0xf0);
}

/* Write the same word to both halves of register N. */
#define FILL_XMM(n)                                                \
	asm volatile("movq %0, %%xmm" #n "\n\tpunpcklqdq %%xmm" #n \
		     ", %%xmm" #n                                  \
		     :                                             \
		     : "r"(registers_value(token, n)))

/* Compare both halves: shift the upper one down, then restore both. */
#define CHECK_XMM(n)                                             \
	do {                                                     \
		u64 low, high, want = registers_value(token, n); \
		asm volatile("movq %%xmm" #n ", %0\n\t"          \
			     "psrldq $8, %%xmm" #n "\n\t"        \
			     "movq %%xmm" #n ", %1\n\t"          \
			     "punpcklqdq %%xmm" #n ", %%xmm" #n  \
			     : "=&r"(low), "=&r"(high));         \
		if (low != want || high != want)                 \
			return 1 + (n);                          \
	} while (0)

#define EACH_XMM(action) \
	action(0);       \
	action(1);       \
	action(2);       \
	action(3);       \
	action(4);       \
	action(5);       \
	action(6);       \
	action(7);       \
	action(8);       \
	action(9);       \
	action(10);      \
	action(11);      \
	action(12);      \
	action(13);      \
	action(14);      \
	action(15)

/*
 * AMD's processors keep 32 bits of the SYSENTER MSRs
 * (init_vmcb_after_set_cpuid()).
 */
static const struct {
	u32 number;
	u64 mask;
} msrs[] = {
	{ MSR_SYSENTER_CS, 0xffff },	  { MSR_SYSENTER_ESP, 0xffffffff },
	{ MSR_SYSENTER_EIP, 0xffffffff }, { MSR_STAR, ~0ULL },
	{ MSR_LSTAR, CANONICAL },	  { MSR_SYSCALL_MASK, 0xffffffff },
	{ MSR_FS_BASE, CANONICAL },	  { MSR_KERNEL_GS_BASE, CANONICAL },
};

#define MSRS	     (ARRAY_SIZE(msrs))
#define NUMBER_MXCSR (VECTORS_XMM + MSRS)
#define NUMBER_FCW   (NUMBER_MXCSR + 1)
#define NUMBER_DEBUG (NUMBER_FCW + 1)
#define NUMBER_APIC  (NUMBER_DEBUG + 1)

static u32 wanted_mxcsr(u64 token)
{
	return MXCSR_MASKED |
	       (registers_value(token, NUMBER_MXCSR) & MXCSR_ROUNDING);
}

static u16 wanted_fcw(u64 token)
{
	return FCW_MASKED | (registers_value(token, NUMBER_FCW) & FCW_ROUNDING);
}

/* Address of a breakpoint that DR7 does not enable. */
static u64 wanted_debug(u64 token)
{
	return registers_value(token, NUMBER_DEBUG) & CANONICAL;
}

static const u32 apic_msrs[] = { MSR_APIC_LVT_TIMER, MSR_APIC_LVT_LINT1,
				 MSR_APIC_LVT_ERROR };

#define APIC_MSRS (ARRAY_SIZE(apic_msrs))

static u8 wanted_vector(u64 token, unsigned int number)
{
	return VECTOR_INTERRUPTS +
	       registers_value(token, NUMBER_APIC + number) %
		       (VECTORS - VECTOR_INTERRUPTS);
}

static void fill_apic(u64 token)
{
	unsigned int i;

	for (i = 0; i < APIC_MSRS; i++)
		msr_write(apic_msrs[i], LVT_MASKED | wanted_vector(token, i));
	apic_send_self(wanted_vector(token, APIC_MSRS));
}

static u64 check_apic(u64 token)
{
	u8 pending = wanted_vector(token, APIC_MSRS);
	unsigned int i;

	for (i = 0; i < APIC_MSRS; i++)
		if (msr_read(apic_msrs[i]) !=
		    (LVT_MASKED | wanted_vector(token, i)))
			return 1 + NUMBER_APIC + i;
	if (msr_read(MSR_APIC_REQUEST + pending / 32) >> pending % 32 & 1)
		return 0;
	return 1 + NUMBER_APIC + APIC_MSRS;
}

void registers_fill(u64 token, bool interrupts)
{
	u32 mxcsr = wanted_mxcsr(token);
	u16 fcw = wanted_fcw(token);
	unsigned int i;

	EACH_XMM(FILL_XMM);
	for (i = 0; i < MSRS; i++)
		msr_write(msrs[i].number,
			  registers_value(token, VECTORS_XMM + i) &
				  msrs[i].mask);
	asm volatile("ldmxcsr %0" : : "m"(mxcsr));
	asm volatile("fldcw %0" : : "m"(fcw));
	asm volatile("mov %0, %%db2" : : "r"(wanted_debug(token)));
	if (interrupts)
		fill_apic(token);
}

u64 registers_check(u64 token, bool interrupts)
{
	u32 mxcsr;
	u64 debug;
	u16 fcw;
	unsigned int i;

	EACH_XMM(CHECK_XMM);
	for (i = 0; i < MSRS; i++)
		if (msr_read(msrs[i].number) !=
		    (registers_value(token, VECTORS_XMM + i) & msrs[i].mask))
			return 1 + VECTORS_XMM + i;
	asm volatile("stmxcsr %0" : "=m"(mxcsr));
	if (mxcsr != wanted_mxcsr(token))
		return 1 + NUMBER_MXCSR;
	asm volatile("fnstcw %0" : "=m"(fcw));
	if (fcw != wanted_fcw(token))
		return 1 + NUMBER_FCW;
	asm volatile("mov %%db2, %0" : "=r"(debug));
	if (debug != wanted_debug(token))
		return 1 + NUMBER_DEBUG;
	return interrupts ? check_apic(token) : 0;
}

u64 registers_clock(void)
{
	u32 low, high;

	/* Ordered after preceding instructions: APM volume 3, RDTSC. */
	asm volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}
