/* SPDX-License-Identifier: GPL-2.0-only */
/* 32-bit guest code: one access at EDI, then a hypercall. */
#include "kvm/x86_64/layout_x86.h"

	.text
	.code32
	.globl	pae_guest_store
	.globl	pae_guest_load
pae_guest_store:
	movl	%eax, (%edi)
	/* Flushes all translations. */
	movl	%cr3, %ecx
	movl	%ecx, %cr3
	outb	%al, $HYPERCALL_PORT
pae_guest_load:
	movl	(%edi), %eax
	outb	%al, $HYPERCALL_PORT
	.code64
	.section .note.GNU-stack, "", @progbits
