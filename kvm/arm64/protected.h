/* SPDX-License-Identifier: GPL-2.0-only */
/* What mode arm64's KVM is in. */
#ifndef SECMMU_PROTECTED_H
#define SECMMU_PROTECTED_H

#include <stdbool.h>

/**
 * protected_mode() - does KVM run with kvm-arm.mode=protected
 *
 * By the kernel's command line: KVM says nothing of its mode to user space.
 *
 * Return: true if it was asked for.
 */
bool protected_mode(void);

/**
 * hypervisor_has_tables() - does pKVM's hypervisor have the stage 2 of guests
 *
 * In protected mode from 6.14 on; before that, it had the host's only.
 *
 * Return: true if the host has to ask for every operation.
 */
bool hypervisor_has_tables(void);

#endif
