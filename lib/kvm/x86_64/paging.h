/* SPDX-License-Identifier: GPL-2.0-only */
/* Which kind of page tables x86's KVM makes. */
#ifndef SECMMU_PAGING_H
#define SECMMU_PAGING_H

#include <stdbool.h>

/**
 * shadow_paging() - does KVM shadow the guests' page tables
 *
 * Return: false with NPT or EPT.
 */
bool shadow_paging(void);

#endif
