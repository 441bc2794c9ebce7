// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trace events, traced functions and kprobe events, in a separate tracing instance
 * (Documentation/trace/ftrace.rst, "Instances"; Documentation/trace/kprobetrace.rst).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/evidence.h"
#include "core/kernel_file.h"
#include "core/report.h"

#define PATH_SIZE  256
#define REMOVE_MS  2000
#define GROUP_SIZE 48

/**
 * struct evidence_trace - a tracing instance
 * @path: its folder
 * @probes: the group of its probes; "" without probes
 */
struct evidence_trace {
	char path[PATH_SIZE];
	char probes[GROUP_SIZE];
};

static const char *tracefs(void)
{
	static const char *const folders[] = { "/sys/kernel/tracing",
					       "/sys/kernel/debug/tracing" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(folders); i++) {
		char path[PATH_SIZE];

		snprintf(path, sizeof(path), "%s/instances", folders[i]);
		if (!access(path, W_OK | X_OK))
			return folders[i];
	}
	return NULL;
}

/* Write one of the instance's files; 0 or -errno. */
static int put(const struct evidence_trace *trace, const char *file,
	       const char *text, int flags)
{
	char path[PATH_SIZE + 128];

	snprintf(path, sizeof(path), "%s/%s", trace->path, file);
	return kernel_file_write(path, text, flags);
}

/*
 * EBUSY while a process reads the instance, or while the kernel still removes its
 * probes: try again for a while.
 */
static bool remove_instance(const char *path)
{
	struct deadline deadline = deadline_in_ms(REMOVE_MS);

	while (rmdir(path) && errno != ENOENT) {
		if (errno != EBUSY || deadline_passed(deadline))
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = NSEC_PER_MSEC }, NULL);
	}
	return true;
}

static bool want_events(struct evidence_trace *trace,
			const struct evidence_trace_request *request,
			struct shortage *shortage)
{
	const char *const *events = request->events;

	for (; events && *events; events++) {
		char file[128], filter[64];
		int error = 0;

		if (request->this_thread) {
			snprintf(file, sizeof(file), "events/%s/filter",
				 *events);
			snprintf(filter, sizeof(filter), "common_pid == %d",
				 gettid());
			error = put(trace, file, filter, 0);
		}
		snprintf(file, sizeof(file), "events/%s/enable", *events);
		if (!error)
			error = put(trace, file, "1", 0);
		if (error)
			return shortage_set(
				shortage,
				"load the module that has it, or run it on another kernel",
				"the trace event %s (%s)", *events,
				errno_name(error));
	}
	return true;
}

static bool want_functions(struct evidence_trace *trace,
			   const char *const *functions,
			   struct shortage *shortage)
{
	const char *const *function;
	int error;

	if (!functions || !*functions)
		return true;
	for (function = functions; *function; function++) {
		char line[128];

		/*
		 * A name without a newline is looked up at close(), which
		 * does not report an unknown one (ftrace_regex_release()).
		 */
		snprintf(line, sizeof(line), "%s\n", *function);
		/* Append; the first one empties the filter. */
		error = put(trace, "set_ftrace_filter", line,
			    function == functions ? O_TRUNC : O_APPEND);
		if (error == -ENOENT)
			return shortage_set(
				shortage,
				"run it on a kernel with CONFIG_DYNAMIC_FTRACE=y",
				"tracefs/set_ftrace_filter");
		if (error)
			return shortage_set(
				shortage,
				"the compiler inlined it or the kernel has none: trace another one",
				"the traceable function %s (%s)", *function,
				errno_name(error));
	}
	error = put(trace, "current_tracer", "function", 0);
	if (error)
		return shortage_set(
			shortage,
			"run it on a kernel with CONFIG_FUNCTION_TRACER=y",
			"the function tracer (%s)", errno_name(error));
	return true;
}

/* The name of a process's numbered group of probes. */
static void probe_group(char group[GROUP_SIZE], int pid, unsigned int number)
{
	snprintf(group, GROUP_SIZE, "secmmu_%d_%u", pid, number);
}

/* One command for kprobe_events; 0 or -errno. */
static int probe_command(const char *root, const char *line)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/kprobe_events", root);
	/* Without O_APPEND, open() removes all probes, those of other users too. */
	return kernel_file_write(path, line, O_APPEND);
}

/* Probe the first function that can be probed; 0 or the last one's -errno. */
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
		error = probe_command(root, line);
		name += length;
		name += *name == ',';
	}
	return error;
}

static bool probe_create(const char *root, const char *group,
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

/* Remove a group; no instance may have it enabled. */
static void probe_remove(const char *root, const char *group)
{
	struct deadline deadline = deadline_in_ms(REMOVE_MS);
	char line[GROUP_SIZE + 8];
	int error;

	snprintf(line, sizeof(line), "-:%s/\n", group);
	/* The instance that had the group enabled may still be being removed. */
	while ((error = probe_command(root, line)) == -EBUSY &&
	       !deadline_passed(deadline))
		nanosleep(&(struct timespec){ .tv_nsec = NSEC_PER_MSEC }, NULL);
	/* -ENOENT: all probes were optional, and the kernel has none. */
	if (error && error != -ENOENT)
		report_info("cannot remove the kprobe events of %s: %s", group,
			    errno_name(error));
}

/* Remove all groups of a process. */
static void probe_cleanup(const char *root, int pid)
{
	char path[PATH_SIZE], prefix[GROUP_SIZE];
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

static bool want_probes(struct evidence_trace *trace, unsigned int number,
			const struct evidence_probe *probes,
			struct shortage *shortage)
{
	char file[128];
	int error;

	if (!probes || !probes->event)
		return true;
	probe_group(trace->probes, getpid(), number);
	if (!probe_create(tracefs(), trace->probes, probes, shortage))
		return false;
	snprintf(file, sizeof(file), "events/%s/enable", trace->probes);
	error = put(trace, file, "1", 0);
	/* -ENOENT: all are optional, and none was made. */
	if (error && error != -ENOENT)
		return shortage_set(shortage, "run it as root",
				    "tracefs/%s (%s)", file, errno_name(error));
	return true;
}

struct evidence_trace *
evidence_trace_start(const struct evidence_trace_request *request,
		     struct shortage *shortage)
{
	static unsigned int last_number;
	const char *root = tracefs();
	struct evidence_trace *trace;
	unsigned int number;
	char text[32];
	int error;

	if (!root) {
		shortage_set(shortage,
			     "run it as root and mount -t tracefs tracefs /sys/kernel/tracing",
			     "access to tracefs");
		return NULL;
	}
	trace = calloc(1, sizeof(*trace));
	if (!trace)
		fail("no memory for a trace");
	number = __atomic_fetch_add(&last_number, 1, __ATOMIC_RELAXED);
	snprintf(trace->path, sizeof(trace->path), "%s/instances/secmmu-%d-%u",
		 root, getpid(), number);
	if (mkdir(trace->path, 0700)) {
		shortage_set(shortage,
			     "run it as root, on a kernel with CONFIG_TRACING=y",
			     "a tracing instance (%s)", errno_name(errno));
		free(trace);
		return NULL;
	}

	snprintf(text, sizeof(text), "%u",
		 request->buffer_kib ? request->buffer_kib : 1024);
	error = put(trace, "tracing_on", "0", 0);
	if (!error)
		error = put(trace, "buffer_size_kb", text, 0);
	/* Keep the oldest records: only then are lost ones counted. */
	if (!error)
		error = put(trace, "options/overwrite", "0", 0);
	if (error) {
		shortage_set(shortage, "give the machine more memory",
			     "a tracing buffer of %s KiB per CPU (%s)", text,
			     errno_name(error));
		goto out;
	}
	if (!want_events(trace, request, shortage) ||
	    !want_functions(trace, request->functions, shortage) ||
	    !want_probes(trace, number, request->probes, shortage))
		goto out;
	error = put(trace, "tracing_on", "1", 0);
	if (!error)
		return trace;
	shortage_set(shortage, "run it as root", "tracefs/tracing_on (%s)",
		     errno_name(error));
out:
	evidence_trace_close(trace);
	return NULL;
}

bool evidence_trace_probed(const struct evidence_trace *trace,
			   const char *event)
{
	char path[PATH_SIZE + 128];

	snprintf(path, sizeof(path), "%s/events/%s/%s", trace->path,
		 trace->probes, event);
	return !access(path, F_OK);
}

void evidence_trace_stop(struct evidence_trace *trace)
{
	int error = put(trace, "tracing_on", "0", 0);

	if (error)
		fail("cannot stop tracing in %s: %s", trace->path,
		     errno_name(error));
}

/*
 * "           task-123   [001] d..2.  12.345678: name: text" of an event, and
 * "...: function <-caller" of a function. The flags have no ": " in them, and
 * the name of the task that may have one stands before " [".
 */
static char *name_of(char *line, char **text)
{
	char *at = strstr(line, " [");
	char *name, *end;

	at = at ? strstr(at, ": ") : NULL;
	if (!at)
		return NULL;
	name = at + 2;
	name += strspn(name, " ");
	end = name + strcspn(name, ": \n");
	if (end == name)
		return NULL;
	*text = *end ? end + 1 : end;
	*text += strspn(*text, " ");
	(*text)[strcspn(*text, "\n")] = '\0';
	*end = '\0';
	return name;
}

/* Pass each record of one of the instance's files to @line. */
static size_t
each_line(struct evidence_trace *trace, const char *which, int flags,
	  bool (*line)(const char *name, const char *text, void *context),
	  void *context)
{
	char path[PATH_SIZE + 16], buffer[4096];
	size_t count = 0;
	FILE *file;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", trace->path, which);
	fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file)
		fail("cannot read %s: %s", path, errno_name(errno));
	while (fgets(buffer, sizeof(buffer), file)) {
		char *name, *text;

		if (buffer[0] == '#')
			continue;
		name = name_of(buffer, &text);
		if (!name || !line)
			continue;
		count++;
		if (!line(name, text, context))
			break;
	}
	fclose(file);
	return count;
}

size_t evidence_trace_each(struct evidence_trace *trace,
			   bool (*line)(const char *name, const char *text,
					void *context),
			   void *context)
{
	return each_line(trace, "trace", 0, line, context);
}

size_t evidence_trace_take(struct evidence_trace *trace,
			   bool (*line)(const char *name, const char *text,
					void *context),
			   void *context)
{
	/* Reading consumes; with O_NONBLOCK the end of the records is EAGAIN. */
	return each_line(trace, "trace_pipe", O_NONBLOCK, line, context);
}

struct counter {
	const char *name;
	size_t count;
};

static bool count_line(const char *name, const char *text, void *context)
{
	struct counter *counter = context;

	(void)text;
	counter->count += !strcmp(name, counter->name);
	return true;
}

size_t evidence_trace_count(struct evidence_trace *trace, const char *name)
{
	struct counter counter = { .name = name };

	evidence_trace_each(trace, count_line, &counter);
	return counter.count;
}

u64 evidence_trace_lost(struct evidence_trace *trace)
{
	char path[PATH_SIZE + 64], line[128];
	struct dirent *entry;
	u64 lost = 0;
	DIR *cpus;

	snprintf(path, sizeof(path), "%s/per_cpu", trace->path);
	cpus = opendir(path);
	if (!cpus)
		fail("cannot read %s: %s", path, errno_name(errno));
	while ((entry = readdir(cpus))) {
		unsigned long long value;
		FILE *file;

		if (strncmp(entry->d_name, "cpu", 3))
			continue;
		snprintf(path, sizeof(path), "%s/per_cpu/%.16s/stats",
			 trace->path, entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue; /* an offlined CPU */
		while (fgets(line, sizeof(line), file))
			if (sscanf(line, "overrun: %llu", &value) == 1 ||
			    sscanf(line, "dropped events: %llu", &value) == 1)
				lost += value;
		fclose(file);
	}
	closedir(cpus);
	return lost;
}

void evidence_trace_close(struct evidence_trace *trace)
{
	if (!trace)
		return;
	if (!remove_instance(trace->path))
		report_info("cannot remove the tracing instance %s: %s",
			    trace->path, errno_name(errno));
	if (trace->probes[0])
		probe_remove(tracefs(), trace->probes);
	free(trace);
}

void evidence_cleanup(int pid)
{
	const char *root = tracefs();
	struct dirent *entry;
	char path[PATH_SIZE], prefix[32];
	DIR *instances;

	if (!root)
		return;
	snprintf(path, sizeof(path), "%s/instances", root);
	instances = opendir(path);
	if (!instances)
		return;
	snprintf(prefix, sizeof(prefix), "secmmu-%d-", pid);
	while ((entry = readdir(instances))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)))
			continue;
		snprintf(path, sizeof(path), "%s/instances/%.64s", root,
			 entry->d_name);
		remove_instance(path);
	}
	closedir(instances);
	probe_cleanup(root, pid);
}
