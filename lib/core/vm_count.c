// SPDX-License-Identifier: GPL-2.0-only
/* Number of a process's VMs, from KVM's folder in debugfs. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/evidence.h"

#define FOLDER "/sys/kernel/debug/kvm"

bool evidence_vm_count(int pid, unsigned int *count, struct shortage *shortage)
{
	DIR *folder = opendir(FOLDER);
	struct dirent *entry;
	char prefix[16];

	if (!folder)
		return shortage_set(
			shortage,
			"as root: mount -t debugfs debugfs /sys/kernel/debug",
			FOLDER " (%s)", errno_name(errno));
	/* kvm_create_vm_debugfs(): TGID of the creator, then the VM's file. */
	snprintf(prefix, sizeof(prefix), "%d-", pid);
	*count = 0;
	while ((entry = readdir(folder)))
		*count += !strncmp(entry->d_name, prefix, strlen(prefix));
	closedir(folder);
	return true;
}
