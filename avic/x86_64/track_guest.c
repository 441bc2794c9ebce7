// SPDX-License-Identifier: GPL-2.0-only
/* Guest functions that write in every way there is. */
#include "track.h"

_Static_assert(sizeof(struct track_nested) <= GUEST_TEST_AREA,
	       "test area too small");
_Static_assert(sizeof(struct write_storm) <= GUEST_TEST_AREA,
	       "test area too small");
_Static_assert(sizeof(struct track_remap) <= GUEST_TEST_AREA,
	       "test area too small");

#define CR4_OSFXSR  (1UL << 9)
#define CR4_OSXSAVE (1UL << 18)
#define XCR0_AVX    7 /* x87, SSE, AVX */

/* An instruction from a register of so many bytes to memory. */
#define BY_SIZE(size, name, memory, value)                  \
	do {                                                \
		switch (size) {                             \
		case 1:                                     \
			asm volatile(name "b %b[v], (%[m])" \
				     : [v] "+q"(value)      \
				     : [m] "r"(memory)      \
				     : "memory", "cc");     \
			break;                              \
		case 2:                                     \
			asm volatile(name "w %w[v], (%[m])" \
				     : [v] "+q"(value)      \
				     : [m] "r"(memory)      \
				     : "memory", "cc");     \
			break;                              \
		case 4:                                     \
			asm volatile(name "l %k[v], (%[m])" \
				     : [v] "+q"(value)      \
				     : [m] "r"(memory)      \
				     : "memory", "cc");     \
			break;                              \
		default:                                    \
			asm volatile(name "q %q[v], (%[m])" \
				     : [v] "+q"(value)      \
				     : [m] "r"(memory)      \
				     : "memory", "cc");     \
		}                                           \
	} while (0)

/* The same with the accumulator, which gets what was in memory. */
#define COMPARE_BY_SIZE(size, name, memory, value, accumulator)        \
	do {                                                           \
		switch (size) {                                        \
		case 1:                                                \
			asm volatile(name "b %b[v], (%[m])"            \
				     : "+a"(accumulator)               \
				     : [v] "q"(value), [m] "r"(memory) \
				     : "memory", "cc");                \
			break;                                         \
		case 2:                                                \
			asm volatile(name "w %w[v], (%[m])"            \
				     : "+a"(accumulator)               \
				     : [v] "q"(value), [m] "r"(memory) \
				     : "memory", "cc");                \
			break;                                         \
		case 4:                                                \
			asm volatile(name "l %k[v], (%[m])"            \
				     : "+a"(accumulator)               \
				     : [v] "q"(value), [m] "r"(memory) \
				     : "memory", "cc");                \
			break;                                         \
		default:                                               \
			asm volatile(name "q %q[v], (%[m])"            \
				     : "+a"(accumulator)               \
				     : [v] "q"(value), [m] "r"(memory) \
				     : "memory", "cc");                \
		}                                                      \
	} while (0)

static void enable_vectors(u64 vectors)
{
	unsigned long cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 |= CR4_OSFXSR;
	if (vectors & TRACK_AVX)
		cr4 |= CR4_OSXSAVE;
	asm volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
	if (vectors & TRACK_AVX)
		asm volatile("xsetbv" : : "c"(0), "a"(XCR0_AVX), "d"(0));
}

static void push(u64 memory, u64 value)
{
	asm volatile("mov %%rsp, %%rcx\n\t"
		     "mov %[m], %%rsp\n\t"
		     "push %[v]\n\t"
		     "mov %%rcx, %%rsp"
		     :
		     : [m] "r"(memory + 8), [v] "r"(value)
		     : "rcx", "memory");
}

static void set_bit(struct track_op *op)
{
	u64 bit = op->value[0];
	u8 was;

	if (op->size == 2)
		asm volatile("lock btsw %w[b], (%[m]); setc %[w]"
			     : [w] "=q"(was)
			     : [b] "r"(bit), [m] "r"(op->gva)
			     : "memory", "cc");
	else if (op->size == 4)
		asm volatile("lock btsl %k[b], (%[m]); setc %[w]"
			     : [w] "=q"(was)
			     : [b] "r"(bit), [m] "r"(op->gva)
			     : "memory", "cc");
	else
		asm volatile("lock btsq %q[b], (%[m]); setc %[w]"
			     : [w] "=q"(was)
			     : [b] "r"(bit), [m] "r"(op->gva)
			     : "memory", "cc");
	op->result = was;
}

static void compare_pair(struct track_op *op)
{
	u64 low, high;

	if (op->size == 8) {
		low = op->value[1] & 0xffffffff;
		high = op->value[1] >> 32;
		asm volatile("lock cmpxchg8b (%[m])"
			     : "+a"(low), "+d"(high)
			     : [m] "r"(op->gva), "b"(op->value[0]),
			       "c"(op->value[0] >> 32)
			     : "memory", "cc");
		op->result = (low & 0xffffffff) | high << 32;
		return;
	}
	low = op->value[2];
	high = op->value[3];
	asm volatile("lock cmpxchg16b (%[m])"
		     : "+a"(low), "+d"(high)
		     : [m] "r"(op->gva), "b"(op->value[0]), "c"(op->value[1])
		     : "memory", "cc");
	op->result = low;
}

static void repeat(const struct track_op *op)
{
	u64 count = op->count, to = op->gva;
	u64 from = (u64)(uintptr_t)op->value;

#define REPEAT(name, size)                               \
	asm volatile("cld; rep " name size               \
		     : "+c"(count), "+D"(to), "+S"(from) \
		     : "a"(op->value[0])                 \
		     : "memory", "cc")
	if (op->kind == TRACK_STOS) {
		if (op->size == 1)
			REPEAT("stos", "b");
		else if (op->size == 2)
			REPEAT("stos", "w");
		else if (op->size == 4)
			REPEAT("stos", "l");
		else
			REPEAT("stos", "q");
		return;
	}
	if (op->size == 1)
		REPEAT("movs", "b");
	else if (op->size == 2)
		REPEAT("movs", "w");
	else if (op->size == 4)
		REPEAT("movs", "l");
	else
		REPEAT("movs", "q");
#undef REPEAT
}

static void vector(const struct track_op *op)
{
	switch (op->kind) {
	case TRACK_MOVUPS:
		asm volatile("movups (%[v]), %%xmm0; movups %%xmm0, (%[m])"
			     :
			     : [v] "r"(op->value), [m] "r"(op->gva)
			     : "memory");
		break;
	case TRACK_MOVNTDQ:
		asm volatile("movups (%[v]), %%xmm0; movntdq %%xmm0, (%[m])"
			     :
			     : [v] "r"(op->value), [m] "r"(op->gva)
			     : "memory");
		break;
	case TRACK_VMOVUPS:
		asm volatile("vmovups (%[v]), %%ymm0; vmovups %%ymm0, (%[m])"
			     :
			     : [v] "r"(op->value), [m] "r"(op->gva)
			     : "memory");
		break;
	default:
		asm volatile("fxsave64 (%[m])" : : [m] "r"(op->gva) : "memory");
	}
}

static void simple(struct track_op *op)
{
	u64 value = op->value[0];

	switch (op->kind) {
	case TRACK_MOV:
		BY_SIZE(op->size, "mov", op->gva, value);
		break;
	case TRACK_OR:
		BY_SIZE(op->size, "or", op->gva, value);
		break;
	case TRACK_XCHG:
		BY_SIZE(op->size, "xchg", op->gva, value);
		break;
	case TRACK_XADD:
		BY_SIZE(op->size, "lock xadd", op->gva, value);
		break;
	case TRACK_MOVNTI:
		if (op->size == 4)
			asm volatile("movntil %k[v], (%[m])"
				     :
				     : [v] "r"(value), [m] "r"(op->gva)
				     : "memory");
		else
			asm volatile("movntiq %q[v], (%[m])"
				     :
				     : [v] "r"(value), [m] "r"(op->gva)
				     : "memory");
		break;
	default:
		guest_assert(false);
	}
	op->result = value;
}

static void run_op(struct track_op *op)
{
	u64 accumulator = op->value[1];

	switch (op->kind) {
	case TRACK_PUSH:
		push(op->gva, op->value[0]);
		break;
	case TRACK_BTS:
		set_bit(op);
		break;
	case TRACK_CMPXCHG:
		COMPARE_BY_SIZE(op->size, "lock cmpxchg", op->gva, op->value[0],
				accumulator);
		op->result = accumulator;
		break;
	case TRACK_CMPXCHG8B:
	case TRACK_CMPXCHG16B:
		compare_pair(op);
		break;
	case TRACK_STOS:
	case TRACK_MOVS:
		repeat(op);
		break;
	case TRACK_SIDT:
		asm volatile("sidt (%[m])" : : [m] "r"(op->gva) : "memory");
		break;
	case TRACK_MOVUPS:
	case TRACK_MOVNTDQ:
	case TRACK_VMOVUPS:
	case TRACK_FXSAVE:
		vector(op);
		break;
	default:
		simple(op);
	}
}

void track_run(struct guest_vcpu *self, u64 vectors)
{
	struct track_list *list = track_list_of(self);
	u64 i;

	if (vectors)
		enable_vectors(vectors);
	for (i = 0; i < list->count; i++) {
		run_op(&list->op[i]);
		self->beat++;
	}
}

void track_nested_run(struct guest_vcpu *self, u64 vectors)
{
	struct svm_nested *nested = &track_nested_of(self)->nested;

	/* L2 begins with the control registers that L1 has now. */
	if (vectors)
		enable_vectors(vectors);
	svm_begin(self, nested, track_run, 0);
	do {
		guest_assert_equal(svm_run(nested), SVM_EXIT_VMMCALL);
	} while (!svm_done(nested));
}

void storm_run(struct guest_vcpu *self, u64 unused)
{
	struct write_storm *storm = storm_of(self);
	struct track_op op;

	(void)unused;
	while (!self->stop) {
		storm_next(&storm->random, self->index, self->vcpu_count,
			   storm->gpa, storm->sequence + 1, &op);
		if (op.kind == TRACK_CMPXCHG && op.count)
			op.value[1] = *(volatile u64 *)(uintptr_t)op.gva;
		run_op(&op);
		/* After it: what is counted has happened. */
		storm->sequence++;
		self->beat++;
	}
}

void track_remap_run(struct guest_vcpu *self, u64 unused)
{
	struct track_remap *remap = track_remap_of(self);
	u64 i;

	(void)unused;
	for (i = 0; remap->value[i]; i++) {
		*(volatile u64 *)(uintptr_t)remap->entry = remap->value[i];
		asm volatile("invlpg (%0)" : : "r"(remap->window) : "memory");
		*(volatile u64 *)(uintptr_t)remap->window = i + 1;
		self->beat++;
	}
}
