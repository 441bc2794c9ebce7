// SPDX-License-Identifier: GPL-2.0-only
#include "ways_x86.h"

const way_tables arch_ways[] = {
	ways_instructions, ways_absent, ways_emulated,
	ways_paravirtual,  ways_async,	ways_hyperv,
	ways_nested,	   ways_pae,	NULL,
};
