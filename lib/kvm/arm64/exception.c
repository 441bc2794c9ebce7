// SPDX-License-Identifier: GPL-2.0-only
/* arm64: description of an unexpected exception (Arm ARM D24.2.40). */
#include <stdio.h>

#include "kvm/arch.h"

#define ESR_CLASS_SHIFT	 26
#define ESR_CLASS_MASK	 0x3f
#define ESR_STATUS_MASK	 0x3f
#define ESR_WRITE	 (1U << 6)
#define CLASS_DATA_LOWER 0x24
#define CLASS_DATA	 0x25
#define CLASS_CODE_LOWER 0x20
#define CLASS_CODE	 0x21

/* Bits 0 and 1 of a vector table entry's index (Arm ARM D1.3.1.5). */
enum vector_kind {
	VECTOR_SYNCHRONOUS,
	VECTOR_IRQ,
	VECTOR_FIQ,
	VECTOR_SERROR,
	VECTOR_KINDS,
};

struct text {
	unsigned int number;
	const char *text;
};

static const struct text classes[] = {
	{ 0x00, "undefined instruction" },
	{ 0x07, "trapped use of floating point" },
	{ 0x0d, "branch target exception" },
	{ 0x0e, "illegal execution state" },
	{ 0x15, "SVC" },
	{ 0x16, "HVC" },
	{ 0x17, "SMC" },
	{ 0x18, "trapped access to a system register" },
	{ 0x1c, "pointer authentication failure" },
	{ CLASS_CODE_LOWER, "instruction abort of EL0" },
	{ CLASS_CODE, "instruction abort" },
	{ 0x22, "misaligned program counter" },
	{ CLASS_DATA_LOWER, "data abort of EL0" },
	{ CLASS_DATA, "data abort" },
	{ 0x26, "misaligned stack pointer" },
	{ 0x2f, "SError" },
	{ 0x31, "breakpoint" },
	{ 0x33, "single step" },
	{ 0x35, "watchpoint" },
	{ 0x3c, "BRK" },
};

/* Status codes of aborts whose lowest two bits are the level. */
static const char *const level_faults[] = {
	"address size fault",
	"translation fault",
	"access flag fault",
	"permission fault",
};

static const struct text other_faults[] = {
	{ 0x10, "external abort" },
	{ 0x21, "alignment fault" },
	{ 0x30, "TLB conflict" },
	{ 0x35, "unsupported exclusive or atomic access" },
};

static const char *find(const struct text *texts, size_t count,
			unsigned int number)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (texts[i].number == number)
			return texts[i].text;
	return NULL;
}

static void abort_text(unsigned int class, u64 code, char *buffer, size_t size)
{
	unsigned int status = code & ESR_STATUS_MASK;
	const char *access = "", *fault;

	if (class == CLASS_DATA || class == CLASS_DATA_LOWER)
		access = code & ESR_WRITE ? "write, " : "read, ";
	if (status >> 2 < ARRAY_SIZE(level_faults)) {
		snprintf(buffer, size, " (%s%s, level %u)", access,
			 level_faults[status >> 2], status & 3);
		return;
	}
	fault = find(other_faults, ARRAY_SIZE(other_faults), status);
	snprintf(buffer, size, " (%s%s)", access,
		 fault ? fault : "unknown status");
}

void arch_exception_text(const struct guest_vcpu *guest, char *buffer,
			 size_t size)
{
	static const char *const kinds[VECTOR_KINDS] = {
		[VECTOR_SYNCHRONOUS] = "synchronous",
		[VECTOR_IRQ] = "IRQ",
		[VECTOR_FIQ] = "FIQ",
		[VECTOR_SERROR] = "SError",
	};
	static const char *const origins[] = {
		"EL1 with SP_EL0",
		"EL1 with SP_EL1",
		"EL0",
		"EL0 in AArch32",
	};
	const struct guest_exception *exception = &guest->exception;
	unsigned int class = exception->code >> ESR_CLASS_SHIFT &
			     ESR_CLASS_MASK;
	unsigned int kind = exception->vector % VECTOR_KINDS;
	const char *name = find(classes, ARRAY_SIZE(classes), class);
	char what[128] = "";
	int length;

	length = snprintf(buffer, size, "vector table entry %llu: %s from %s",
			  exception->vector, kinds[kind],
			  origins[exception->vector / VECTOR_KINDS %
				  (ARRAY_SIZE(origins))]);
	/* An interrupt does not change the syndrome registers. */
	if (kind == VECTOR_IRQ || kind == VECTOR_FIQ || length < 0 ||
	    (size_t)length >= size)
		return;
	if (class == CLASS_DATA || class == CLASS_CODE ||
	    class == CLASS_DATA_LOWER || class == CLASS_CODE_LOWER)
		abort_text(class, exception->code, what, sizeof(what));
	snprintf(buffer + length, size - (size_t)length,
		 ", %s%s, ESR_EL1 %#llx FAR_EL1 %#llx",
		 name ? name : "unknown class", what, exception->code,
		 exception->address);
}
