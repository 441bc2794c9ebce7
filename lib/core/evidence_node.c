// SPDX-License-Identifier: GPL-2.0-only
/* Size of the secondary MMUs' page tables on a NUMA node. */
#include <stdio.h>

#include "core/evidence.h"
#include "core/kernel_file.h"
#include "core/nodes.h"

bool evidence_node_tables(unsigned int node, u64 *bytes,
			  struct shortage *shortage)
{
	int number = node_number(node);
	unsigned long long kib = 0;
	bool found = false;
	char path[64], line[128];
	FILE *file;

	/* Fold the per-CPU counters (vmstat_refresh()). */
	kernel_file_write("/proc/sys/vm/stat_refresh", "1", 0);
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo",
		 number < 0 ? 0 : number);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "Node %*d SecPageTables: %llu", &kib) == 1;
	if (file)
		fclose(file);
	*bytes = kib << 10;
	return found ||
	       shortage_set(shortage, "use a kernel from 6.1 on, with NUMA",
			    "SecPageTables in %s", path);
}
