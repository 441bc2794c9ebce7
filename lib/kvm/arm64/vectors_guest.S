/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exception vectors of EL1: 16 entries of 0x80 bytes (Arm ARM D1.3.1).
 * Exceptions end the test (guest_exception()).
 */
	.text
	.globl	guest_vectors
	.balign	0x800
guest_vectors:
	.set	entry, 0
	.rept	16
	.balign	0x80
	mov	x0, #entry
	b	guest_vector_common
	.set	entry, entry + 1
	.endr

	.balign	0x80
guest_vector_common:
	/* A separate stack (arch_vcpu_init()): the fault may be the stack's. */
	mrs	x4, tpidr_el0
	mov	sp, x4
	mrs	x1, esr_el1
	mrs	x2, far_el1
	mrs	x3, elr_el1
	bl	guest_exception
	b	.
	.section .note.GNU-stack, "", %progbits
