// SPDX-License-Identifier: GPL-2.0-only
/* Instructions of x86 that write memory. */
#include "instructions.h"
#include "core/report.h"
#include "kvm/x86_64/supported.h"
#include "vectors.h"
#include "write_methods_x86.h"

/* CPUID 1 ECX. */
#define ECX_CX16  (1U << 13)
#define ECX_XSAVE (1U << 26)
#define ECX_AVX	  (1U << 28)

static void need_cx16(struct write_vm *fixture)
{
	(void)fixture;
	if (!(cpuid_supported(1).ecx & ECX_CX16))
		skip("CMPXCHG16B for guests", "use another processor");
}

/* Every x86 of 64 bits has it. */
void need_sse(struct write_vm *fixture)
{
	vectors_enable(fixture->vcpu, false);
}

static void need_avx(struct write_vm *fixture)
{
	const u32 wanted = ECX_XSAVE | ECX_AVX;

	if ((cpuid_supported(1).ecx & wanted) != wanted)
		skip("AVX for guests",
		     "use another processor (QEMU: -cpu max from 7.2 on)");
	vectors_enable(fixture->vcpu, true);
}

/* Offsets below 0 are across pages. */
static const struct write_method methods[] = {
	{ .name = "mov_byte",
	  .plan = "the last byte of a page",
	  .function = by_mov_byte,
	  .pages = 1,
	  .offset = -1 },
	{ .name = "movnti",
	  .plan = "a non-temporal store",
	  .function = by_movnti,
	  .pages = 1 },
	{ .name = "xchg",
	  .plan = "an exchange",
	  .function = by_xchg,
	  .pages = 1 },
	{ .name = "lock_add",
	  .plan = "a locked addition",
	  .function = by_lock_add,
	  .pages = 1 },
	{ .name = "lock_btc",
	  .plan = "a locked bit operation",
	  .function = by_lock_btc,
	  .pages = 1 },
	{ .name = "lock_xadd",
	  .plan = "a locked exchange and add",
	  .function = by_lock_xadd,
	  .pages = 1,
	  .offset = 64 },
	{ .name = "lock_cmpxchg",
	  .plan = "a locked compare and exchange",
	  .function = by_lock_cmpxchg,
	  .pages = 1,
	  .offset = 64 },
	{ .name = "lock_cmpxchg_fails",
	  .plan = "one that finds another value writes what was there",
	  .function = by_lock_cmpxchg_fails,
	  .pages = 1,
	  .offset = 64,
	  .same = true },
	{ .name = "lock_cmpxchg8b",
	  .plan = "a locked compare and exchange of 8 bytes",
	  .function = by_lock_cmpxchg8b,
	  .pages = 1,
	  .offset = 64 },
	{ .name = "lock_cmpxchg16b",
	  .plan = "a locked compare and exchange of 16 bytes",
	  .function = by_lock_cmpxchg16b,
	  .pages = 1,
	  .offset = 64,
	  .need = need_cx16 },
	{ .name = "push",
	  .plan = "a push across pages",
	  .function = by_push,
	  .pages = 2,
	  .offset = -4 },
	{ .name = "rep_stos",
	  .plan = "rep stosq over five pages",
	  .function = by_rep_stosq,
	  .pages = 5,
	  .offset = 2048 },
	{ .name = "rep_stos_down",
	  .plan = "rep stosq over five pages, backwards",
	  .function = by_rep_stosq_down,
	  .pages = 5,
	  /* Its first word is the last one of the run. */
	  .offset = 2048 + STOS_BYTES - 8 },
	{ .name = "rep_movsq",
	  .plan = "rep movsq across pages",
	  .function = by_rep_movsq,
	  .pages = 2,
	  .offset = -1024 },
	{ .name = "rep_movsb",
	  .plan = "rep movsb across pages, not aligned",
	  .function = by_rep_movsb,
	  .pages = 2,
	  .offset = -1021 },
	{ .name = "fistp",
	  .plan = "a store by the x87 unit across pages",
	  .function = by_fistp,
	  .pages = 2,
	  .offset = -4 },
	{ .name = "movaps",
	  .plan = "an aligned store by SSE",
	  .function = by_movaps,
	  .pages = 1,
	  .need = need_sse },
	{ .name = "movups",
	  .plan = "a store by SSE across pages",
	  .function = by_movups,
	  .pages = 2,
	  .offset = -8,
	  .need = need_sse },
	{ .name = "movntdq",
	  .plan = "a non-temporal store by SSE",
	  .function = by_movntdq,
	  .pages = 1,
	  .need = need_sse },
	{ .name = "maskmovdqu",
	  .plan = "a masked store by SSE across pages",
	  .function = by_maskmovdqu,
	  .pages = 2,
	  .offset = -8,
	  .need = need_sse },
	{ .name = "fxsave",
	  .plan = "the state of the x87 and SSE units",
	  .function = by_fxsave,
	  .pages = 1,
	  .need = need_sse },
	{ .name = "xsave",
	  .plan = "the same by XSAVE",
	  .function = by_xsave,
	  .pages = 1,
	  .need = need_avx },
	{ .name = "vmovups",
	  .plan = "a store by AVX across pages",
	  .function = by_vmovups,
	  .pages = 2,
	  .offset = -16,
	  .need = need_avx },
	{ .name = "vmaskmovpd",
	  .plan = "a masked store by AVX across pages",
	  .function = by_vmaskmovpd,
	  .pages = 2,
	  .offset = -16,
	  .need = need_avx },
};

const struct write_method_table *write_methods_instructions(void)
{
	static const struct write_method_table table = WRITE_METHOD_TABLE(
		methods);

	return &table;
}
