/* SPDX-License-Identifier: GPL-2.0-only */
/* Model-specific registers, for guest code. */
#ifndef SECMMU_MSR_H
#define SECMMU_MSR_H

#include "core/types.h"

#define MSR_PAT	 0x277
#define MSR_EFER 0xc0000080U

static inline u64 msr_read(u32 number)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
	return (u64)high << 32 | low;
}

static inline void msr_write(u32 number, u64 value)
{
	asm volatile("wrmsr"
		     :
		     : "c"(number), "a"((u32)value), "d"((u32)(value >> 32))
		     : "memory");
}

#endif /* SECMMU_MSR_H */
