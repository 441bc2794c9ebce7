/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmx_enter(registers, launched): VMLAUNCH or VMRESUME. VM entry and exit
 * switch RSP, RIP and RFLAGS only, so all other registers are exchanged here.
 * VM exit clears the interrupt flag (SDM 28.5.3): L1's interrupts arrive after
 * POPF. Returns 0 after a VM exit, 1 if VM entry failed.
 */
#define VMCS_HOST_RSP 0x6c14
	.text
	.globl	vmx_enter, vmx_exited
vmx_enter:
	pushfq
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rdi
	movl	$VMCS_HOST_RSP, %eax
	vmwrite	%rsp, %rax
	testl	%esi, %esi
	movq	0(%rdi), %rax
	movq	8(%rdi), %rbx
	movq	16(%rdi), %rcx
	movq	24(%rdi), %rdx
	movq	32(%rdi), %rsi
	movq	48(%rdi), %rbp
	movq	56(%rdi), %r8
	movq	64(%rdi), %r9
	movq	72(%rdi), %r10
	movq	80(%rdi), %r11
	movq	88(%rdi), %r12
	movq	96(%rdi), %r13
	movq	104(%rdi), %r14
	movq	112(%rdi), %r15
	movq	40(%rdi), %rdi
	jz	1f
	vmresume
	jmp	2f
1:	vmlaunch
2:	addq	$8, %rsp
	movl	$1, %eax
	jmp	3f
vmx_exited:
	xchgq	%rdi, (%rsp)
	movq	%rax, 0(%rdi)
	movq	%rbx, 8(%rdi)
	movq	%rcx, 16(%rdi)
	movq	%rdx, 24(%rdi)
	movq	%rsi, 32(%rdi)
	popq	40(%rdi)
	movq	%rbp, 48(%rdi)
	movq	%r8, 56(%rdi)
	movq	%r9, 64(%rdi)
	movq	%r10, 72(%rdi)
	movq	%r11, 80(%rdi)
	movq	%r12, 88(%rdi)
	movq	%r13, 96(%rdi)
	movq	%r14, 104(%rdi)
	movq	%r15, 112(%rdi)
	xorl	%eax, %eax
3:	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	popfq
	ret
	.section .note.GNU-stack, "", @progbits
