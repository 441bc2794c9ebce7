// SPDX-License-Identifier: GPL-2.0-only
/* Instructions that write memory, each in a guest function of its own. */
#include "../write_methods_guest.h"
#include "instructions.h"

#define CPACR_VECTORS (3ULL << 20)
/* Arm DEN0057A, 3.2. */
#define PV_TIME_ST 0xc5000021UL

/* X2 is the address, X0 and X1 are new values; X4 to X7 are free. */
#define WRITES_BY(name, instructions)                                   \
	void by_##name(struct guest_vcpu *self, u64 address)            \
	{                                                               \
		register u64 x0 asm("x0") = next_value(self);           \
		register u64 x1 asm("x1") = next_value(self);           \
		register u64 x2 asm("x2") = address;                    \
                                                                        \
		asm volatile(".arch_extension lse\n\t" instructions     \
			     : "+r"(x0), "+r"(x1), "+r"(x2)             \
			     :                                          \
			     : "x4", "x5", "x6", "x7", "memory", "cc"); \
	}

/* A byte could be what is there: it is made to differ. */
WRITES_BY(strb, "ldrb w4, [x2]\n\teor w0, w0, w4\n\torr w0, w0, #1\n\t"
		"eor w0, w0, w4\n\tstrb w0, [x2]")
WRITES_BY(str_post, "str x0, [x2], #8")
WRITES_BY(stlr, "stlr x0, [x2]")
WRITES_BY(stp, "stp x0, x1, [x2]")
WRITES_BY(stnp, "stnp x0, x1, [x2]")
/* An exclusive store may fail, for any reason. */
WRITES_BY(stxr, "1:\n\tldxr x4, [x2]\n\tstxr w5, x0, [x2]\n\tcbnz w5, 1b")
WRITES_BY(stxp, "1:\n\tldxp x4, x5, [x2]\n\tstxp w6, x0, x1, [x2]\n\t"
		"cbnz w6, 1b")
WRITES_BY(cas, "ldr x4, [x2]\n\tcas x4, x0, [x2]")
WRITES_BY(casp, "ldp x4, x5, [x2]\n\tcasp x4, x5, x0, x1, [x2]")
WRITES_BY(swp, "swp x0, x1, [x2]")
WRITES_BY(ldadd, "ldadd x0, x1, [x2]")
WRITES_BY(steor, "steor x0, [x2]")
WRITES_BY(zva, "dc zva, x2")

#define VALUES_TO_V                                      \
	".arch_extension fp\n\t.arch_extension simd\n\t" \
	"fmov d0, x0\n\tfmov d1, x1\n\t"                 \
	"mov v0.d[1], x1\n\tmov v1.d[1], x0\n\t"

WRITES_BY(str_q, VALUES_TO_V "str q0, [x2]")
WRITES_BY(st1, VALUES_TO_V "st1 {v0.2d, v1.2d}, [x2]")

void vectors_on(struct guest_vcpu *self, u64 unused)
{
	(void)self;
	(void)unused;
	asm volatile("msr cpacr_el1, %0\n\tisb" : : "r"(CPACR_VECTORS));
}

void ask_stolen_time(struct guest_vcpu *self, u64 unused)
{
	register u64 x0 asm("x0") = PV_TIME_ST;

	(void)unused;
	asm volatile("hvc #0" : "+r"(x0) : : "x1", "x2", "x3", "memory");
	self->test[0] = x0;
}
