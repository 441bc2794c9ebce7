/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exception entry: one stub per vector, VECTOR_STRIDE apart, so that the host
 * fills the IDT without a table of symbols. Exceptions end the test
 * (guest_exception()). Interrupts and NMI have a handler that returns
 * (guest_interrupt()), as may #PF, by which KVM notifies a guest of an absent
 * page.
 */
#include "kvm/x86_64/layout_x86.h"

	.text
	.globl	guest_vectors
	.balign	16
guest_vectors:
	.set	vector, 0
	.rept	VECTORS
	.balign	VECTOR_STRIDE
	/*
	 * These push an error code, others do not (Intel SDM volume 3, 6.3.1).
	 */
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
	cmpq	$VECTOR_NMI, (%rsp)
	je	guest_vector_interrupt
	cmpq	$VECTOR_PAGE_FAULT, (%rsp)
	je	guest_vector_interrupt
	cmpq	$VECTOR_INTERRUPTS, (%rsp)
	jae	guest_vector_interrupt
	popq	%rdi			/* vector */
	popq	%rsi			/* error code */
	movq	%cr2, %rdx
	movq	(%rsp), %rcx		/* instruction pointer */
	cld
	andq	$-16, %rsp
	call	guest_exception
	ud2

guest_vector_interrupt:
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rbx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	movq	80(%rsp), %rdi		/* vector */
	leaq	96(%rsp), %rsi		/* struct interrupt_frame */
	movq	88(%rsp), %rdx		/* error code, or 0 */
	cld
	movq	%rsp, %rbx
	andq	$-16, %rsp
	call	guest_interrupt
	movq	%rbx, %rsp
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rbx
	popq	%rdx
	popq	%rcx
	popq	%rax
	addq	$16, %rsp
	iretq

/*
 * Enable interrupts and halt until one arrives, without a gap: the instruction
 * after STI is not interrupted (Intel SDM volume 2, STI).
 */
	.globl	interrupts_await
	.globl	interrupts_await_halt
interrupts_await:
	sti
interrupts_await_halt:
	hlt
	cli
	ret
	.section .note.GNU-stack, "", @progbits
