// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that write memory, each in a guest function of its own, and again
 * behind the prefix that has KVM emulate it.
 */
#include "../write_methods_guest.h"
#include "instructions.h"
#include "prefix.h"

#define SOURCE_WORDS (MOVS_BYTES / 8)
_Static_assert(MOVS_BYTES <= GUEST_TEST_AREA, "the source is the test area");

/*
 * RDI is the address, RAX and RBX are a new value, RSI is a source of MOVS_BYTES,
 * RCX a count. What is before and after the instruction is never emulated.
 */
#define FUNCTION(function, prefix, before, instruction, after, count)      \
	void function(struct guest_vcpu *self, u64 address)                \
	{                                                                  \
		u64 source = fill(self), value = next_value(self);         \
		u64 low = value, high = 0, counter = (count);              \
                                                                           \
		asm volatile(before "\n\t" prefix instruction "\n\t" after \
			     : "+a"(low), "+b"(value), "+c"(counter),      \
			       "+d"(high), "+D"(address), "+S"(source)     \
			     :                                             \
			     : "r12", "memory", "cc");                     \
	}

#define WRITES_BY(name, before, instruction, after, count)               \
	FUNCTION(by_##name, "", before, instruction, after, count)       \
	FUNCTION(emulated_##name, EMULATION_PREFIX, before, instruction, \
		 after, count)

static u64 fill(struct guest_vcpu *self)
{
	u64 i;

	for (i = 0; i < SOURCE_WORDS; i++)
		self->test[i] = next_value(self);
	return (u64)(uintptr_t)self->test;
}

WRITES_BY(mov, "", "movq %%rbx, (%%rdi)", "", 0)
/* A byte could be what is there: it is made to differ. */
WRITES_BY(mov_byte, "xorb (%%rdi), %%bl\n\torb $1, %%bl\n\txorb (%%rdi), %%bl",
	  "movb %%bl, (%%rdi)", "", 0)
WRITES_BY(movnti, "", "movnti %%rbx, (%%rdi)", "sfence", 0)
WRITES_BY(xchg, "", "xchgq %%rbx, (%%rdi)", "", 0)
WRITES_BY(lock_add, "", "lock addq $1, (%%rdi)", "", 0)
WRITES_BY(lock_btc, "", "lock btcq $35, (%%rdi)", "", 0)
WRITES_BY(lock_xadd, "", "lock xaddq %%rbx, (%%rdi)", "", 0)
WRITES_BY(lock_cmpxchg, "movq (%%rdi), %%rax", "lock cmpxchgq %%rbx, (%%rdi)",
	  "", 0)
/* The destination gets a write cycle nevertheless (SDM volume 2, CMPXCHG). */
WRITES_BY(lock_cmpxchg_fails, "movq (%%rdi), %%rax\n\tnotq %%rax",
	  "lock cmpxchgq %%rbx, (%%rdi)", "", 0)
WRITES_BY(lock_cmpxchg8b, "movl (%%rdi), %%eax\n\tmovl 4(%%rdi), %%edx",
	  "lock cmpxchg8b (%%rdi)", "", 1)
WRITES_BY(lock_cmpxchg16b, "movq (%%rdi), %%rax\n\tmovq 8(%%rdi), %%rdx",
	  "lock cmpxchg16b (%%rdi)", "", 1)
WRITES_BY(push, "movq %%rsp, %%r12\n\tleaq 8(%%rdi), %%rsp", "pushq %%rbx",
	  "movq %%r12, %%rsp", 0)
WRITES_BY(rep_stosq, "", "rep stosq", "", STOS_BYTES / 8)
WRITES_BY(rep_stosq_down, "std", "rep stosq", "cld", STOS_BYTES / 8)
WRITES_BY(rep_movsq, "", "rep movsq", "", MOVS_BYTES / 8)
WRITES_BY(rep_movsb, "", "rep movsb", "", MOVS_BYTES)
WRITES_BY(fistp, "pushq %%rbx\n\tfildq (%%rsp)\n\tpopq %%rbx", "fistpq (%%rdi)",
	  "", 0)

#define VALUE_TO_XMM0 "movq %%rbx, %%xmm0\n\tpunpcklqdq %%xmm0, %%xmm0"

WRITES_BY(movaps, VALUE_TO_XMM0, "movaps %%xmm0, (%%rdi)", "", 0)
WRITES_BY(movups, VALUE_TO_XMM0, "movups %%xmm0, (%%rdi)", "", 0)
WRITES_BY(movntdq, VALUE_TO_XMM0, "movntdq %%xmm0, (%%rdi)", "sfence", 0)
WRITES_BY(maskmovdqu, VALUE_TO_XMM0 "\n\tpcmpeqb %%xmm1, %%xmm1",
	  "maskmovdqu %%xmm1, %%xmm0", "sfence", 0)
WRITES_BY(fxsave, VALUE_TO_XMM0, "fxsave64 (%%rdi)", "", 0)
/* What is saved: x87 and SSE. */
WRITES_BY(xsave, VALUE_TO_XMM0 "\n\tmovl $3, %%eax", "xsave64 (%%rdi)", "", 0)

#define VALUE_TO_YMM0 VALUE_TO_XMM0 "\n\tvinsertf128 $1, %%xmm0, %%ymm0, %%ymm0"

WRITES_BY(vmovups, VALUE_TO_YMM0, "vmovups %%ymm0, (%%rdi)", "vzeroupper", 0)
WRITES_BY(vmaskmovpd, VALUE_TO_YMM0 "\n\tvcmptruepd %%ymm0, %%ymm0, %%ymm1",
	  "vmaskmovpd %%ymm0, %%ymm1, (%%rdi)", "vzeroupper", 0)

/* test[1] words behind the prefix: KVM makes 1024 of them at a time. */
void emulated_stos(struct guest_vcpu *self, u64 address)
{
	u64 count = self->test[1], value = next_value(self);

	asm volatile(EMULATION_PREFIX "rep stosq"
		     : "+D"(address), "+c"(count)
		     : "a"(value)
		     : "memory");
}

/* test[1] words from test[0], where no memory is, to the address. */
void movs_from(struct guest_vcpu *self, u64 address)
{
	u64 source = self->test[0], count = self->test[1];

	asm volatile("rep movsq"
		     : "+D"(address), "+S"(source), "+c"(count)
		     :
		     : "memory");
}

/* test[1] words of 4 bytes from the port test[0] to the address. */
void ins_to(struct guest_vcpu *self, u64 address)
{
	u64 port = self->test[0], count = self->test[1];

	asm volatile("rep insl"
		     : "+D"(address), "+c"(count)
		     : "d"(port)
		     : "memory");
}
