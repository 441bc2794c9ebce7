/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SECMMU_SUPPORTED_H
#define SECMMU_SUPPORTED_H

#include <stdint.h>
#include <linux/kvm.h>

/**
 * cpuid_supported() - what KVM lets guests have
 * @function: leaf; of those with subleaves the first
 *
 * Return: the leaf, all zero if there is none.
 */
struct kvm_cpuid_entry2 cpuid_supported(uint32_t function);

#endif /* SECMMU_SUPPORTED_H */
