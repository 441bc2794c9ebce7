// SPDX-License-Identifier: GPL-2.0-only
/* Reclaim memory of one process. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/kernel_file.h"
#include "mem/reclaim.h"
#include "core/report.h"

#define ROOT "/sys/fs/cgroup"

static char group[64];

/* Write to a file of a cgroup; 0 or -errno. */
static int put(const char *folder, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	return kernel_file_write(path, text, 0);
}

void reclaim_enter(u64 swap)
{
	char path[128], text[32];
	int error;

	if (access(ROOT "/cgroup.subtree_control", W_OK))
		skip("the cgroup2 file system at " ROOT,
		     "as root: mount -t cgroup2 cgroup2 " ROOT);
	error = put(ROOT, "cgroup.subtree_control", "+memory");
	if (error)
		skip("the memory controller in " ROOT,
		     "use a kernel with CONFIG_MEMCG=y, without cgroup_disable=memory");
	snprintf(group, sizeof(group), ROOT "/secmmu-%d", getpid());
	if (mkdir(group, 0700))
		fail("cannot create %s: %s", group, errno_name(errno));
	snprintf(path, sizeof(path), "%s/memory.reclaim", group);
	if (access(path, W_OK)) {
		rmdir(group);
		group[0] = '\0';
		skip("memory.reclaim", "use a kernel from 5.19 on");
	}
	snprintf(text, sizeof(text), "%llu", swap);
	error = put(group, "memory.swap.max", text);
	if (error)
		fail("cannot write %s to %s/memory.swap.max: %s", text, group,
		     errno_name(-error));
	error = put(group, "cgroup.procs", "0");
	if (error)
		fail("cannot enter %s: %s", group, errno_name(-error));
}

void reclaim_some(u64 bytes)
{
	char text[32];
	int error;

	snprintf(text, sizeof(text), "%llu", bytes);
	error = put(group, "memory.reclaim", text);
	/* It found less than that to reclaim. */
	if (error && error != -EAGAIN)
		fail("cannot reclaim %s bytes of %s: %s", text, group,
		     errno_name(-error));
}

const char *reclaim_group(void)
{
	return group[0] ? group + strlen(ROOT) : "";
}

void reclaim_leave(void)
{
	if (!group[0])
		return;
	put(ROOT, "cgroup.procs", "0");
	if (rmdir(group))
		report_info("cannot remove %s: %s", group, errno_name(errno));
	group[0] = '\0';
}
