// SPDX-License-Identifier: GPL-2.0-only
/* The parameter that lets guests have their instructions emulated. */
#include <stdio.h>
#include <stdlib.h>

#include "kernel_file.h"
#include "prefix.h"
#include "report.h"

#define PARAMETER "/sys/module/kvm/parameters/force_emulation_prefix"

static char parameter_before[2];

static void restore_parameter(void)
{
	kernel_file_write(PARAMETER, parameter_before, 0);
}

void emulation_prefix_need(void)
{
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
	parameter_before[0] = (char)value;
	if (kernel_file_write(PARAMETER, "1", 0))
		skip("kvm.force_emulation_prefix=1",
		     "load the module kvm with it: here it cannot be changed");
	atexit(restore_parameter);
}
