/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The word that guest writers store: the vCPU and the sequence number of the
 * store. A failure's reason decodes it.
 */
#ifndef SECMMU_STAMP_H
#define SECMMU_STAMP_H

#include "core/types.h"

#define STAMP_SEQUENCE_BITS 48
/* Above KVM's largest number of vCPUs. */
#define STAMP_VCPU_MAX 16384

/**
 * stamp() - compose a stamp
 * @vcpu: vCPU index, up to STAMP_VCPU_MAX
 * @sequence: the vCPU's count of stores, from 1; wraps after 2^48
 *
 * Return: a word that is never 0. Context: host and guest.
 */
static inline u64 stamp(u32 vcpu, u64 sequence)
{
	return ((u64)(vcpu + 1) << STAMP_SEQUENCE_BITS) |
	       (sequence & ((1ULL << STAMP_SEQUENCE_BITS) - 1));
}

/* The vCPU of a stamp; -1: the word is no stamp. */
static inline int stamp_vcpu(u64 word)
{
	return (int)(word >> STAMP_SEQUENCE_BITS) - 1;
}

/* The sequence number of a stamp. */
static inline u64 stamp_sequence(u64 word)
{
	return word & ((1ULL << STAMP_SEQUENCE_BITS) - 1);
}

#endif
