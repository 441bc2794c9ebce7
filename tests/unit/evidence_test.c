// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's statistics from files that we write in its format, right and wrong;
 * the kernel log and tracefs where the machine lets us.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/clock.h"
#include "core/evidence.h"
#include "inner.h"

#define NAME_SIZE 48
#define STATS	  3
#define BUCKETS	  4

/* A file of statistics, as KVM lays them out. */
struct stats_file {
	struct kvm_stats_header header;
	char id[NAME_SIZE];
	struct {
		struct kvm_stats_desc desc;
		char name[NAME_SIZE];
	} descriptors[STATS];
	u64 data[2 + BUCKETS];
} __packed;

static struct stats_file right_file(void)
{
	struct stats_file file = {
		.header = {
			.name_size = NAME_SIZE,
			.num_desc = STATS,
			.id_offset = offsetof(struct stats_file, id),
			.desc_offset = offsetof(struct stats_file, descriptors),
			.data_offset = offsetof(struct stats_file, data),
		},
		.id = "kvm-1",
		.descriptors = {
			{ .desc = { .size = 1, .offset = 0 }, .name = "exits" },
			{ .desc = { .size = 1, .offset = 8 },
			  .name = "pages_2m" },
			{ .desc = { .size = BUCKETS, .offset = 16 },
			  .name = "halt_wait_hist" },
		},
		.data = { 11, 22, 1, 2, 3, 4 },
	};

	return file;
}

static int write_file(const void *file, size_t size)
{
	int fd = memfd_create("stats", MFD_CLOEXEC);

	CHECK(fd >= 0 && pwrite(fd, file, size, 0) == (ssize_t)size,
	      "memfd: %s", errno_name(errno));
	return fd;
}

static void stats_right(const struct test_case *test)
{
	struct stats_file file = right_file();
	int fd = write_file(&file, sizeof(file));
	struct evidence_stats *stats = evidence_stats_parse(fd);
	u64 value = 0;

	CHECK(stats, "a right file is refused: %s", errno_name(errno));
	CHECK(evidence_stat(stats, "exits", &value) && value == 11,
	      "exits is %llu", value);
	CHECK(evidence_stat(stats, "pages_2m", &value) && value == 22,
	      "pages_2m is %llu", value);
	CHECK(evidence_stat(stats, "halt_wait_hist", &value) && value == 10,
	      "the sum of the buckets is %llu", value);
	CHECK(!evidence_stat(stats, "pages_2", &value) &&
		      !evidence_stat(stats, "", &value),
	      "a statistic that is not there has a value");

	/* Values are read at each call. */
	file.data[1] = 23;
	CHECK(pwrite(fd, &file, sizeof(file), 0) == sizeof(file), "pwrite");
	CHECK(evidence_stat(stats, "pages_2m", &value) && value == 23,
	      "pages_2m stays %llu", value);
	evidence_stats_close(stats);
	CHECK(fcntl(fd, F_GETFD) < 0, "the file stays open");
}

static void refused(struct stats_file *file, size_t size, const char *what)
{
	struct evidence_stats *stats = evidence_stats_parse(
		write_file(file, size));

	CHECK(!stats && errno == EPROTO, "%s is taken", what);
}

static void stats_wrong(const struct test_case *test)
{
	struct stats_file file = right_file();

	refused(&file, 0, "an empty file");
	refused(&file, sizeof(file.header), "a header without descriptors");
	file.header.num_desc = 1U << 30;
	refused(&file, sizeof(file), "a billion statistics");
	file = right_file();
	file.header.name_size = 0;
	refused(&file, sizeof(file), "a file of nameless statistics");
	file = right_file();
	memset(file.descriptors[1].name, 'x', NAME_SIZE);
	refused(&file, sizeof(file), "a name without an end");
	errno = 0;
	CHECK(!evidence_stats_open(STDIN_FILENO) && errno,
	      "a file that is no VM has statistics");
}

struct lines {
	unsigned int count;
	unsigned int level;
	char last[256];
};

static bool take_line(unsigned int level, const char *text, void *context)
{
	struct lines *lines = context;

	if (!strstr(text, "unit test line"))
		return true; /* somebody else's */
	lines->count++;
	lines->level = level;
	snprintf(lines->last, sizeof(lines->last), "%s", text);
	return true;
}

static void log_line(const char *text)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text),
	      "/dev/kmsg: %s", errno_name(errno));
	close(fd);
}

static void kernel_log(const struct test_case *test)
{
	struct lines lines = { 0 };
	struct evidence_kmsg kmsg;
	struct shortage shortage;

	log_line("<4>unit test line before\n");
	if (!evidence_kmsg_marker(&kmsg, "unit test", &shortage))
		skip_for(&shortage);
	evidence_kmsg_since(&kmsg, take_line, &lines);
	CHECK(!lines.count, "'%s' came before the marker", lines.last);
	log_line("<4>unit test line one\n");
	log_line("<3>unit test line two\n");
	evidence_kmsg_since(&kmsg, take_line, &lines);
	CHECK(lines.count == 2 && lines.level == 3 &&
		      !strcmp(lines.last, "unit test line two"),
	      "%u lines, the last '%s' of level %u", lines.count, lines.last,
	      lines.level);
	evidence_kmsg_since(&kmsg, take_line, &lines);
	CHECK(lines.count == 2, "lines come twice");
	evidence_kmsg_close(&kmsg);
}

static bool instance_of(pid_t pid)
{
	char path[128];

	snprintf(path, sizeof(path),
		 "/sys/kernel/tracing/instances/secmmu-%d-0", pid);
	return !access(path, F_OK);
}

static bool take_any(const char *name, const char *text, void *context)
{
	return *(unsigned int *)context += 1, *name && *text;
}

static void trace_events(const struct test_case *test)
{
	static const char *const events[] = { "sched/sched_process_fork",
					      NULL };
	static const char *const functions[] = { "schedule", NULL };
	struct evidence_trace_request request = { .events = events,
						  .buffer_kib = 256 };
	struct evidence_trace *trace;
	struct shortage shortage;
	unsigned int i, lines = 0;
	size_t count;

	if (test->number[0])
		request.functions = functions;
	trace = evidence_trace_start(&request, &shortage);
	if (!trace)
		skip_for(&shortage);
	for (i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		CHECK(waitpid(pid, NULL, 0) == pid, "waitpid: %s",
		      errno_name(errno));
		/* Always calls schedule(), which a short sleep may not. */
		sched_yield();
	}
	evidence_trace_stop(trace);
	CHECK(!evidence_trace_lost(trace), "records were lost");
	count = evidence_trace_count(trace, "sched_process_fork");
	CHECK(count >= 20, "%zu forks of 20", count);
	CHECK(!test->number[0] || evidence_trace_count(trace, "schedule") >= 20,
	      "%zu calls of schedule() by 20 yields",
	      evidence_trace_count(trace, "schedule"));
	CHECK(!evidence_trace_count(trace, "sched_wakeup"),
	      "an event that was not asked for is traced");
	CHECK(evidence_trace_each(trace, take_any, &lines) == lines &&
		      lines >= count,
	      "%u lines", lines);
	evidence_trace_close(trace);
	CHECK(!instance_of(getpid()), "the instance is still there");
}

static void fork_once(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	CHECK(waitpid(pid, NULL, 0) == pid, "waitpid: %s", errno_name(errno));
}

/* Records of this thread alone, which are gone once they were taken. */
static void trace_take(const struct test_case *test)
{
	static const char *const events[] = { "sched/sched_process_fork",
					      NULL };
	const struct evidence_trace_request request = {
		.events = events,
		.buffer_kib = 256,
		.this_thread = true,
	};
	struct evidence_trace *trace;
	struct shortage shortage;
	unsigned int lines, i;
	pid_t child;

	trace = evidence_trace_start(&request, &shortage);
	if (!trace)
		skip_for(&shortage);
	for (i = 0; i < 7; i++)
		fork_once();
	lines = 0;
	CHECK(evidence_trace_take(trace, take_any, &lines) == 7 && lines == 7,
	      "%u records of 7", lines);
	fork_once();
	CHECK(!evidence_trace_take(trace, NULL, NULL), "lines for nobody");

	/* Two forks, one of them in a child. */
	child = fork();
	if (!child) {
		fork_once();
		_exit(0);
	}
	CHECK(waitpid(child, NULL, 0) == child, "waitpid: %s",
	      errno_name(errno));
	lines = 0;
	evidence_trace_take(trace, take_any, &lines);
	CHECK(lines == 1, "%u records of one fork by this thread", lines);
	evidence_trace_close(trace);
}

static void trace_wrong(const struct test_case *test)
{
	static const char *const events[] = { "kvm/no_such_event", NULL };
	static const char *const functions[] = { "secmmu_no_such_function",
						 NULL };
	struct evidence_trace_request request = { .events = events };
	struct shortage shortage;

	CHECK(!evidence_trace_start(&request, &shortage),
	      "an event that is not there can be traced");
	if (strstr(shortage.what, "tracefs") ||
	    strstr(shortage.what, "instance"))
		skip_for(&shortage);
	CHECK(strstr(shortage.what, "the trace event kvm/no_such_event"),
	      "what is missing: %s", shortage.what);
	request.events = NULL;
	request.functions = functions;
	CHECK(!evidence_trace_start(&request, &shortage),
	      "a function that is not there can be traced");
	CHECK(!instance_of(getpid()), "the instance is still there");
}

static void inner_dies(const struct test_case *test)
{
	struct evidence_trace_request request = { 0 };
	struct shortage shortage;

	if (!evidence_trace_start(&request, &shortage))
		skip_for(&shortage);
	report_info("tracer %d", getpid());
	fail("dies with a trace");
}

/* A case that dies leaves no tracing instance. */
static void trace_of_the_dead(const struct test_case *test)
{
	struct inner inner;
	const char *at;
	int pid;

	inner_run(&inner, NULL, NULL);
	if (inner.code == REPORT_SKIP)
		skip("access to tracefs",
		     "run it as root and mount -t tracefs tracefs /sys/kernel/tracing");
	inner_expect_code(&inner, 1);
	at = strstr(inner.out, "tracer ");
	CHECK(at && sscanf(at, "tracer %d", &pid) == 1, "no trace began\n%s",
	      inner.out);
	CHECK(!instance_of(pid), "the instance is still there");
}

static const struct test_case inner_table[] = {
	{ .name = "dies", .run = inner_dies },
};

static const struct test_case table[] = {
	{ .name = "stats_right", .run = stats_right },
	{ .name = "stats_wrong", .run = stats_wrong },
	{ .name = "kernel_log", .run = kernel_log },
	{ .name = "trace_events", .run = trace_events },
	{ .name = "trace_functions", .run = trace_events, .number = { 1 } },
	{ .name = "trace_take", .run = trace_take },
	{ .name = "trace_wrong", .run = trace_wrong },
	{ .name = "trace_of_the_dead", .run = trace_of_the_dead },
};

int main(int argc, char **argv)
{
	const struct program inner = {
		.name = "inner",
		.summary = "What evidence_test runs.",
		.table = inner_table,
		.table_size = ARRAY_SIZE(inner_table),
	};
	const struct program program = {
		.name = "evidence_test",
		.summary = "Unit test of lib/evidence.h.",
		.table = table,
		.table_size = ARRAY_SIZE(table),
	};

	return cases_main(argc, argv, inner_wanted() ? &inner : &program);
}
