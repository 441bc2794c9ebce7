// SPDX-License-Identifier: GPL-2.0-only
#include "write_methods_x86.h"

const write_method_tables arch_methods[] = {
	write_methods_instructions,
	write_methods_absent,
	write_methods_emulated,
	write_methods_paravirtual,
	write_methods_async,
	write_methods_hyperv,
	write_methods_nested,
	write_methods_pae,
	NULL,
};
