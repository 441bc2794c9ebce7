// SPDX-License-Identifier: GPL-2.0-only
/* Kprobe events for tracefs.c (Documentation/trace/kprobetrace.rst). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/kernel_file.h"
#include "core/probe.h"
#include "core/report.h"

#define PATH_SIZE 256
#define REMOVE_MS 2000

void probe_group(char group[PROBE_GROUP_SIZE], int pid, unsigned int number)
{
	snprintf(group, PROBE_GROUP_SIZE, "secmmu_%d_%u", pid, number);
}

/* One command for kprobe_events; 0 or -errno. */
static int command(const char *root, const char *line)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/kprobe_events", root);
	/* Opened without O_APPEND it would lose everybody's probes. */
	return kernel_file_write(path, line, O_APPEND);
}

/* The first function that can be probed; 0 or the last one's -errno. */
static int create_one(const char *root, const char *group,
		      const struct evidence_probe *probe)
{
	const char *name = probe->functions;
	int error = -ENOENT;

	while (error && *name) {
		int length = (int)strcspn(name, ",");
		char line[512];

		snprintf(line, sizeof(line), "%c:%s/%s %.*s %s\n",
			 probe->at_return ? 'r' : 'p', group, probe->event,
			 length, name, probe->fetch ? probe->fetch : "");
		error = command(root, line);
		name += length;
		name += *name == ',';
	}
	return error;
}

bool probe_create(const char *root, const char *group,
		  const struct evidence_probe *probes,
		  struct shortage *shortage)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/kprobe_events", root);
	if (access(path, W_OK))
		return shortage_set(
			shortage,
			"run it as root, on a kernel with CONFIG_KPROBE_EVENTS=y",
			"tracefs/kprobe_events (%s)", errno_name(errno));
	for (; probes->event; probes++) {
		int error = create_one(root, group, probes);

		if (error && !probes->optional)
			return shortage_set(
				shortage,
				"the compiler inlined it or the kernel has none: probe another one",
				"a kernel function that can be probed, of %s (%s)",
				probes->functions, errno_name(error));
	}
	return true;
}

void probe_remove(const char *root, const char *group)
{
	struct deadline deadline = deadline_in_ms(REMOVE_MS);
	char line[PROBE_GROUP_SIZE + 8];
	int error;

	snprintf(line, sizeof(line), "-:%s/\n", group);
	/* The instance that had it enabled may still be on its way out. */
	while ((error = command(root, line)) == -EBUSY &&
	       !deadline_passed(deadline))
		nanosleep(&(struct timespec){ .tv_nsec = NSEC_PER_MSEC }, NULL);
	/* -ENOENT: all were optional, and the kernel has none. */
	if (error && error != -ENOENT)
		report_info("cannot remove the kprobe events of %s: %s", group,
			    errno_name(error));
}

void probe_cleanup(const char *root, int pid)
{
	char path[PATH_SIZE], prefix[PROBE_GROUP_SIZE];
	struct dirent *entry;
	DIR *events;

	snprintf(path, sizeof(path), "%s/events", root);
	events = opendir(path);
	if (!events)
		return;
	snprintf(prefix, sizeof(prefix), "secmmu_%d_", pid);
	while ((entry = readdir(events)))
		if (!strncmp(entry->d_name, prefix, strlen(prefix)))
			probe_remove(root, entry->d_name);
	closedir(events);
}
