/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guest of 32 bits does: one access at EDI, and then our hypercall. */
#include "kvm/x86_64/layout_x86.h"

	.text
	.code32
	.globl	pae_guest_store
	.globl	pae_guest_load
pae_guest_store:
	movl	%eax, (%edi)
	/* Forgets all translations. */
	movl	%cr3, %ecx
	movl	%ecx, %cr3
	outb	%al, $HYPERCALL_PORT
pae_guest_load:
	movl	(%edi), %eax
	outb	%al, $HYPERCALL_PORT
	.code64
	.section .note.GNU-stack, "", @progbits
