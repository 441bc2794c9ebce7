// SPDX-License-Identifier: GPL-2.0-only
/* The parameter that lets guests have their instructions emulated. */
#include <stdio.h>
#include <stdlib.h>

#include "prefix.h"
#include "core/report.h"
#include "core/settings.h"

#define PARAMETER "/sys/module/kvm/parameters/force_emulation_prefix"

void emulation_prefix_need(void)
{
	struct setting setting = { .file = PARAMETER, .value = "1" };
	FILE *file = fopen(PARAMETER, "re");
	int value = file ? fgetc(file) : EOF;

	if (file)
		fclose(file);
	if (value == EOF)
		skip("kvm.force_emulation_prefix", "use a kernel from 4.17 on");
	if (value != '0' && value != 'N')
		return;
	if (!getenv("SECMMU_DESTRUCTIVE"))
		skip("kvm.force_emulation_prefix=1",
		     "set it in " PARAMETER " for the time of the test");
	/* It stays so for the case: settings_cleanup() puts it back. */
	if (!settings_set(&setting, 1))
		skip("kvm.force_emulation_prefix=1",
		     "load the module kvm with it: here it cannot be changed");
}
