/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exception entry. One stub per vector, VECTOR_STRIDE apart, so that the host
 * can fill the IDT without a table of symbols. No exception is survived: the
 * guest reports and stays (guest_exception()).
 */
#include "layout_x86.h"

	.text
	.globl	guest_vectors
	.balign	16
guest_vectors:
	.set	vector, 0
	.rept	VECTORS
	.balign	VECTOR_STRIDE
	/* Intel SDM vol. 3, 6.3.1: these push an error code, the others none. */
	.if	(vector == 8) || (vector == 10) || (vector == 11) || \
		(vector == 12) || (vector == 13) || (vector == 14) || \
		(vector == 17) || (vector == 21) || (vector == 29) || \
		(vector == 30)
	.else
	pushq	$0
	.endif
	pushq	$vector
	jmp	guest_vector_common
	.set	vector, vector + 1
	.endr

guest_vector_common:
	popq	%rdi			/* vector */
	popq	%rsi			/* error code */
	movq	%cr2, %rdx
	movq	(%rsp), %rcx		/* instruction pointer */
	cld
	andq	$-16, %rsp
	call	guest_exception
	ud2
	.section .note.GNU-stack, "", @progbits
