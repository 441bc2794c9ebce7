/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables of x86's ways, each in a file of its own. */
#ifndef SECMMU_WAYS_X86_H
#define SECMMU_WAYS_X86_H

#include "../stage.h"

const struct way_table *ways_instructions(void);
const struct way_table *ways_emulated(void);
const struct way_table *ways_paravirtual(void);
const struct way_table *ways_async(void);
const struct way_table *ways_hyperv(void);
const struct way_table *ways_nested(void);
const struct way_table *ways_absent(void);
const struct way_table *ways_pae(void);

/* Skips where guests have no SSE, or enables it. */
void need_sse(struct stage *stage);

#endif
