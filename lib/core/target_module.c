// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/target_module.h"

void target_module_insert(const char *module)
{
	char name[128], path[192];
	FILE *list;

	/* Written by vm/image: the module's dependencies in order, then the module. */
	snprintf(path, sizeof(path), "/boot/load-%s", module);
	list = fopen(path, "re");
	while (list && fgets(name, sizeof(name), list)) {
		int fd;

		name[strcspn(name, "\n")] = '\0';
		snprintf(path, sizeof(path), "/lib/modules/%s.ko", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		syscall(SYS_finit_module, fd, "", 0);
		close(fd);
	}
	if (list)
		fclose(list);
}
