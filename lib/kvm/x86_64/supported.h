/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SECMMU_SUPPORTED_H
#define SECMMU_SUPPORTED_H

#include <stdbool.h>
#include <linux/kvm.h>

#include "core/types.h"

/**
 * cpuid_supported() - what KVM lets guests have
 * @function: leaf; of those with subleaves the first
 *
 * Return: the leaf, all zero if there is none.
 */
struct kvm_cpuid_entry2 cpuid_supported(u32 function);

/* Leaves that cpuid_all_supported() has room for. */
#define CPUID_ENTRIES 256

/**
 * cpuid_all_supported() - all that KVM lets guests have
 *
 * Return: the leaves, with room for CPUID_ENTRIES; to be freed.
 */
struct kvm_cpuid2 *cpuid_all_supported(void);

/**
 * paging_is_nested() - does the CPU walk the guests' own page tables
 *
 * Return: false where KVM shadows them (kvm_amd.npt=0, kvm_intel.ept=0), or
 * where neither module is.
 */
bool paging_is_nested(void);

#endif /* SECMMU_SUPPORTED_H */
