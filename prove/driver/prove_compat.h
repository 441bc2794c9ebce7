/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that differs between architectures and kernel releases. Every other
 * file of the module is written against this one and the stable part of the
 * kprobes interface.
 */
#ifndef PROVE_COMPAT_H
#define PROVE_COMPAT_H

#include <linux/kprobes.h>
#include <linux/ptrace.h>
#include <linux/types.h>

/* Registers that carry arguments. */
#if defined(CONFIG_X86_64)
#define PROVE_ARGUMENTS 6
#elif defined(CONFIG_ARM64)
#define PROVE_ARGUMENTS 8
#else
#error "secmmu_prove: only x86-64 and arm64 are supported"
#endif

/**
 * prove_argument_register() - where an argument of a function lives at entry
 * @regs: the registers at the function's first instruction
 * @number: which argument, from 1 to PROVE_ARGUMENTS
 *
 * Only integer and pointer arguments are meant: the calling conventions of
 * both architectures hand them over in registers in the order of the
 * function's parameters.
 */
static inline unsigned long *prove_argument_register(struct pt_regs *regs,
						     unsigned int number)
{
#ifdef CONFIG_X86_64
	switch (number) {
	case 1:
		return &regs->di;
	case 2:
		return &regs->si;
	case 3:
		return &regs->dx;
	case 4:
		return &regs->cx;
	case 5:
		return &regs->r8;
	default:
		return &regs->r9;
	}
#else
	return (unsigned long *)&regs->regs[number - 1];
#endif
}

#ifdef CONFIG_X86_64
void prove_bare_return(void);
#endif

/**
 * prove_return_to_caller() - leave the probed function at its first instruction
 * @regs: the registers at the function's first instruction
 *
 * arm64 has the return address in the link register. x86 has it on the stack,
 * and a probe that sits on an ftrace site cannot move the stack pointer: the
 * trampoline restores every register but that one. So x86 goes to an
 * instruction that returns, and lets it pop the address.
 */
static inline void prove_return_to_caller(struct pt_regs *regs)
{
#ifdef CONFIG_X86_64
	instruction_pointer_set(regs, (unsigned long)&prove_bare_return);
#else
	instruction_pointer_set(regs, regs->regs[30]);
#endif
}

/**
 * prove_return_address() - where the probed function will return to
 * @regs: the registers at the function's first instruction
 *
 * Another probe on the same function's return may have put its trampoline there.
 */
static inline unsigned long prove_return_address(struct pt_regs *regs)
{
#ifdef CONFIG_X86_64
	return *(unsigned long *)kernel_stack_pointer(regs);
#else
	return regs->regs[30];
#endif
}

/**
 * prove_set_return_value() - what the caller will see as the result
 * @regs: the registers when the function returns, or when it is skipped
 * @value: the value, of any integer type
 */
static inline void prove_set_return_value(struct pt_regs *regs, s64 value)
{
	regs_set_return_value(regs, (unsigned long)value);
}

#endif /* PROVE_COMPAT_H */
