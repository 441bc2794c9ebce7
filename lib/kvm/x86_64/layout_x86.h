/* SPDX-License-Identifier: GPL-2.0-only */
/* Constants that the host and the guest's assembly share: x86. */
#ifndef SECMMU_LAYOUT_X86_H
#define SECMMU_LAYOUT_X86_H

/* A write to this port is a hypercall; KVM has no device there. */
#define HYPERCALL_PORT 0xe5

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TASK 0x18

#define VECTORS 256
/* Distance between two entry stubs of the vector table, bytes. */
#define VECTOR_STRIDE 16

/* Address of the local APIC, guest virtual and physical. */
#define APIC_ADDRESS 0xfee00000UL

/* Vectors with handlers that return; all others are exceptions. */
#define VECTOR_NMI	  2
#define VECTOR_PAGE_FAULT 14 /* if the guest expects it */
#define VECTOR_INTERRUPTS 32

#endif
