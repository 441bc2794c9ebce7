// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/hang.h"
#include "core/io.h"
#include "core/report.h"

#define REPORTED_MAX 16
#define STACK_LINES  12

/* Read a file of /proc as text; an empty text if it cannot be read. */
static void read_text(pid_t pid, const char *thread, const char *file,
		      char *text, size_t size)
{
	char path[128];
	ssize_t got;
	int fd;

	text[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/task/%s/%s", pid, thread, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	got = io_read(fd, text, size - 1, IO_NEXT);
	text[got > 0 ? got : 0] = '\0';
	close(fd);
}

/* Keep the first @lines lines of a text. */
static void cut_lines(char *text, unsigned int lines)
{
	while (*text && lines)
		if (*text++ == '\n')
			lines--;
	*text = '\0';
}

static bool report_thread(pid_t pid, const char *thread)
{
	char state[128], name[32], stack[2048];
	char *after;

	read_text(pid, thread, "stat", state, sizeof(state));
	/* "TID (name) S ...": the name may contain any character. */
	after = strrchr(state, ')');
	if (!after || after[1] != ' ')
		return false;
	read_text(pid, thread, "comm", name, sizeof(name));
	name[strcspn(name, "\n")] = '\0';
	read_text(pid, thread, "stack", stack, sizeof(stack));
	if (!stack[0])
		read_text(pid, thread, "wchan", stack, sizeof(stack));
	cut_lines(stack, STACK_LINES);
	report_info("thread %s (%s), state %c, in the kernel at:\n%s", thread,
		    name, after[2], stack[0] ? stack : "(not known)");
	return true;
}

void hang_report(pid_t pid)
{
	unsigned int reported = 0;
	struct dirent *entry;
	char path[64];
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	threads = opendir(path);
	if (!threads)
		return;
	while (reported < REPORTED_MAX && (entry = readdir(threads)))
		if (entry->d_name[0] != '.')
			reported += report_thread(pid, entry->d_name);
	closedir(threads);
}

void hang_await(pid_t thread, const char *function, u64 timeout_ms)
{
	struct deadline deadline = deadline_in_ms(timeout_ms);
	char name[32], stack[2048];

	snprintf(name, sizeof(name), "%d", thread);
	for (;;) {
		read_text(thread, name, "stack", stack, sizeof(stack));
		if (strstr(stack, function))
			return;
		if (deadline_passed(deadline)) {
			hang_report(getpid());
			fail("no thread waited in %s() of the kernel within %llu ms",
			     function, timeout_ms);
		}
		sched_yield();
	}
}
