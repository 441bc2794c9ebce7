// SPDX-License-Identifier: GPL-2.0-only
/* The kind of page tables that x86's KVM uses. */
#include <stddef.h>
#include <stdio.h>

#include "kvm/x86_64/paging.h"
#include "core/types.h"

/* Parameters of the vendor modules: kvm_amd.npt, kvm_intel.ept. */
bool shadow_paging(void)
{
	static const char *const parameters[] = {
		"/sys/module/kvm_amd/parameters/npt",
		"/sys/module/kvm_intel/parameters/ept",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parameters); i++) {
		FILE *file = fopen(parameters[i], "re");
		int answer = file ? fgetc(file) : 'Y';

		if (file)
			fclose(file);
		if (answer == 'N' || answer == '0')
			return true;
	}
	return false;
}
