// SPDX-License-Identifier: GPL-2.0-only
/* The mode of arm64's KVM. */
#include <stdio.h>
#include <string.h>

#include "core/cases.h"
#include "protected.h"

bool protected_mode(void)
{
	char line[4096], *word, *rest = line, *mode = NULL;
	FILE *file = fopen("/proc/cmdline", "re");

	if (!file || !fgets(line, sizeof(line), file))
		line[0] = '\0';
	if (file)
		fclose(file);
	/* The last one wins (early_kvm_mode_cfg()). */
	while ((word = strsep(&rest, " \n")))
		if (!strncmp(word, "kvm-arm.mode=", 13))
			mode = word + 13;
	return mode && !strcmp(mode, "protected");
}

bool hypervisor_has_tables(void)
{
	static const struct needs needs = { .kernel_min = NEEDS_KERNEL(6, 14) };

	return protected_mode() && needs_met(&needs, NULL);
}
