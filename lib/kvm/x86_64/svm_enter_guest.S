/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * svm_enter(vmcb, registers): VMRUN. The CPU switches RAX and RSP only (they
 * are in the VMCB), so all other registers are exchanged here. Between CLGI and
 * STGI no interrupt reaches L1; the one that made L2 exit arrives after STGI.
 */
	.text
	.globl	svm_enter
svm_enter:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rsi
	movq	%rdi, %rax
	movq	%rsi, %r15
	clgi
	movq	0(%r15), %rbx
	movq	8(%r15), %rcx
	movq	16(%r15), %rdx
	movq	24(%r15), %rsi
	movq	32(%r15), %rdi
	movq	40(%r15), %rbp
	movq	48(%r15), %r8
	movq	56(%r15), %r9
	movq	64(%r15), %r10
	movq	72(%r15), %r11
	movq	80(%r15), %r12
	movq	88(%r15), %r13
	movq	96(%r15), %r14
	movq	104(%r15), %r15
	vmrun	%rax
	xchgq	%r15, (%rsp)
	movq	%rbx, 0(%r15)
	movq	%rcx, 8(%r15)
	movq	%rdx, 16(%r15)
	movq	%rsi, 24(%r15)
	movq	%rdi, 32(%r15)
	movq	%rbp, 40(%r15)
	movq	%r8, 48(%r15)
	movq	%r9, 56(%r15)
	movq	%r10, 64(%r15)
	movq	%r11, 72(%r15)
	movq	%r12, 80(%r15)
	movq	%r13, 88(%r15)
	movq	%r14, 96(%r15)
	popq	104(%r15)
	stgi
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
	.section .note.GNU-stack, "", @progbits
