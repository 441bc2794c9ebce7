/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables of x86's ways, each in a file of its own. */
#ifndef SECMMU_WRITE_METHODS_X86_H
#define SECMMU_WRITE_METHODS_X86_H

#include "../write_vm.h"

const struct write_method_table *write_methods_instructions(void);
const struct write_method_table *write_methods_emulated(void);
const struct write_method_table *write_methods_paravirtual(void);
const struct write_method_table *write_methods_async(void);
const struct write_method_table *write_methods_hyperv(void);
const struct write_method_table *write_methods_nested(void);
const struct write_method_table *write_methods_absent(void);
const struct write_method_table *write_methods_pae(void);

/* Skips where guests have no SSE, or enables it. */
void need_sse(struct write_vm *fixture);

#endif
