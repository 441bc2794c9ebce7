/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SECMMU_SUPPORTED_H
#define SECMMU_SUPPORTED_H

#include <stdbool.h>
#include <linux/kvm.h>

#include "core/types.h"

/**
 * cpuid_supported() - a CPUID leaf of KVM_GET_SUPPORTED_CPUID
 * @function: leaf; for leaves with subleaves, the first one
 *
 * Return: the leaf; all zero if KVM does not list it.
 */
struct kvm_cpuid_entry2 cpuid_supported(u32 function);

/* Room of cpuid_all_supported(), leaves. */
#define CPUID_ENTRIES 256

/**
 * cpuid_all_supported() - all leaves of KVM_GET_SUPPORTED_CPUID
 *
 * Return: the leaves, with room for CPUID_ENTRIES; the caller frees them.
 */
struct kvm_cpuid2 *cpuid_all_supported(void);

/**
 * paging_is_nested() - does the CPU walk the guests' page tables?
 *
 * Return: false with shadow paging (kvm_amd.npt=0, kvm_intel.ept=0), or if
 * neither module is loaded.
 */
bool paging_is_nested(void);

#endif /* SECMMU_SUPPORTED_H */
