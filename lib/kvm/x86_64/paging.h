/* SPDX-License-Identifier: GPL-2.0-only */
/* The kind of page tables that x86's KVM uses. */
#ifndef SECMMU_PAGING_H
#define SECMMU_PAGING_H

#include <stdbool.h>

/**
 * shadow_paging() - does KVM use shadow page tables?
 *
 * Return: false with NPT or EPT.
 */
bool shadow_paging(void);

#endif
