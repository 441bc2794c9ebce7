/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host and the guest's assembly agree on: x86. */
#ifndef SECMMU_LAYOUT_X86_H
#define SECMMU_LAYOUT_X86_H

/* A store to this port is our hypercall; no device of KVM's listens there. */
#define HYPERCALL_PORT 0xe5

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TASK 0x18

#define VECTORS 256
/* Distance between two entry stubs of the vector table, bytes. */
#define VECTOR_STRIDE 16

/* Where a local APIC is in memory, both guest virtual and physical. */
#define APIC_ADDRESS 0xfee00000UL

/* These have handlers that come back; all other vectors are exceptions. */
#define VECTOR_NMI	  2
#define VECTOR_PAGE_FAULT 14 /* if the guest expects it */
#define VECTOR_INTERRUPTS 32

#endif
