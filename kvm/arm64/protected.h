/* SPDX-License-Identifier: GPL-2.0-only */
/* The mode of arm64's KVM. */
#ifndef SECMMU_PROTECTED_H
#define SECMMU_PROTECTED_H

#include <stdbool.h>

/**
 * protected_mode() - does KVM run with kvm-arm.mode=protected?
 *
 * Read from the kernel's command line: KVM does not report its mode to user
 * space.
 *
 * Return: true if the command line selects it.
 */
bool protected_mode(void);

/**
 * hypervisor_has_tables() - does the pKVM hypervisor own guests' stage 2
 *	tables?
 *
 * It does in protected mode from 6.14 on; before, it owned only the host's.
 *
 * Return: true if the host makes a hypercall for each operation.
 */
bool hypervisor_has_tables(void);

#endif
