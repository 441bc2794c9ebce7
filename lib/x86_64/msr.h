/* SPDX-License-Identifier: GPL-2.0-only */
/* Model-specific registers, for guest code. */
#ifndef SECMMU_MSR_H
#define SECMMU_MSR_H

#include <stdint.h>

#define MSR_PAT	 0x277
#define MSR_EFER 0xc0000080U

static inline uint64_t msr_read(uint32_t number)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
	return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t number, uint64_t value)
{
	asm volatile("wrmsr"
		     :
		     : "c"(number), "a"((uint32_t)value),
		       "d"((uint32_t)(value >> 32))
		     : "memory");
}

#endif /* SECMMU_MSR_H */
