// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/hostile.h"
#include "core/kernel_file.h"
#include "core/report.h"
#include "core/target_module.h"

#define UNLOAD_MS     5000
#define TRIGGER	      "/sys/devices/virtual/misc/test_firmware/trigger_async_request"
#define FIRMWARE_PATH "/sys/module/firmware_class/parameters/path"

u64 hostile_number(struct random_stream *random)
{
	static const u64 odd[] = {
		0,	    1,
		2,	    3,
		7,	    8,
		4096,	    65536,
		1ULL << 31, 1ULL << 32,
		1ULL << 47, 1ULL << 63,
		~0ULL,	    ~0ULL - 4095,
	};

	if (random_chance(random, 1, 4))
		return random_u64(random);
	return odd[random_below(random, ARRAY_SIZE(odd))];
}

void hostile_remove_refused(const char *module)
{
	CHECK(syscall(SYS_delete_module, module, O_NONBLOCK),
	      "the module %s was removed while its device was open", module);
}

void hostile_judge_removal(const char *module)
{
	struct deadline deadline = deadline_in_ms(UNLOAD_MS);

	if (!getenv("SECMMU_DESTRUCTIVE"))
		return;
	/* The kernel may still be closing the last files of dead processes. */
	while (syscall(SYS_delete_module, module, O_NONBLOCK)) {
		CHECK(!deadline_passed(deadline),
		      "the module %s cannot be removed though none of its files is open: %s",
		      module, errno_name(errno));
		sched_yield();
	}
}

/* Whether a record of the kernel log from @log's position on contains @text. */
static bool log_contains(int log, const char *text)
{
	char record[1024];
	ssize_t length;

	/* EPIPE: records were overwritten; the next read goes on behind them. */
	while ((length = read(log, record, sizeof(record) - 1)) > 0 ||
	       (length < 0 && errno == EPIPE)) {
		if (length < 0)
			continue;
		record[length] = '\0';
		if (strstr(record, text))
			return true;
	}
	return false;
}

void hostile_judge_kernel_open(const char *device)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char expected[128];

	CHECK(log >= 0 && lseek(log, 0, SEEK_END) >= 0,
	      "cannot read /dev/kmsg: %s", errno_name(errno));
	target_module_insert("test_firmware");
	if (access(TRIGGER, W_OK))
		skip("the module test_firmware",
		     "run it in a target with CONFIG_TEST_FIRMWARE=m");
	kernel_file_must_write(FIRMWARE_PATH, "/dev");
	/* Fails in any case: a device is no firmware. */
	kernel_file_write(TRIGGER, device, 0);
	kernel_file_must_write(FIRMWARE_PATH, " ");
	/* The loader's own error for what is no regular file is -EINVAL. */
	snprintf(expected, sizeof(expected), "%s failed with error %d", device,
		 -ESRCH);
	CHECK(log_contains(log, expected),
	      "a kernel thread opened /dev/%s: expected '%s' in the kernel log",
	      device, expected);
	close(log);
}

static char *read_text(const char *path)
{
	size_t length = 0, room = 1 << 16;
	char *text = malloc(room);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	CHECK(fd >= 0 && text, "cannot read %s: %s", path, errno_name(errno));
	while ((got = read(fd, text + length, room - length - 1)) > 0) {
		length += (size_t)got;
		if (room - length > 1)
			continue;
		room *= 2;
		text = realloc(text, room);
		CHECK(text, "out of memory");
	}
	CHECK(!got, "cannot read %s: %s", path, errno_name(errno));
	close(fd);
	text[length] = '\0';
	return text;
}

/* Where make install puts it. */
static void insert_own(const char *module)
{
	char folder[2048], path[2200];
	ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	int fd;

	CHECK(length > 0, "cannot read /proc/self/exe: %s", errno_name(errno));
	folder[length] = '\0';
	*strrchr(folder, '/') = '\0';
	snprintf(path, sizeof(path), "%s/%s.ko", folder, module);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && !syscall(SYS_finit_module, fd, "", 0),
	      "cannot insert %s: %s", path, errno_name(errno));
	close(fd);
}

void hostile_judge_reload(const char *module, unsigned int times,
			  void (*use)(void))
{
	static const char *const files[] = { "/proc/iomem", "/proc/misc" };
	char *before[ARRAY_SIZE(files)], *after, mark[64];
	size_t file;

	if (!getenv("SECMMU_DESTRUCTIVE"))
		skip("a machine of the suite's own",
		     "run it in a target: ./run_all.sh --vm");
	/* Another case may have removed it. */
	CHECK(!syscall(SYS_delete_module, module, O_NONBLOCK) ||
		      errno == ENOENT,
	      "cannot remove the module %s: %s", module, errno_name(errno));
	for (file = 0; file < ARRAY_SIZE(files); file++)
		before[file] = read_text(files[file]);
	while (times--) {
		insert_own(module);
		use();
		hostile_judge_removal(module);
	}
	for (file = 0; file < ARRAY_SIZE(files); file++) {
		after = read_text(files[file]);
		CHECK(!strcmp(before[file], after),
		      "%s differs after %s was removed: %zu bytes before, %zu after",
		      files[file], module, strlen(before[file]), strlen(after));
		free(before[file]);
		free(after);
	}
	after = read_text("/proc/vmallocinfo");
	snprintf(mark, sizeof(mark), "[%s]", module);
	CHECK(!strstr(after, mark),
	      "/proc/vmallocinfo still has memory of %s, which was removed",
	      module);
	free(after);
}

void hostile_end_child(u64 choice)
{
	switch (choice % 3) {
	case 0:
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execl("/proc/self/exe", "hostile", "--list", NULL);
		_exit(0);
	case 1:
		raise(SIGKILL);
	}
	_exit(0);
}

void hostile_have_children(struct thread *thread,
			   void (*be_child)(void *argument, u64 choice),
			   void *argument)
{
	struct random_stream *random = thread_random(thread);

	while (!thread_should_stop(thread)) {
		u64 choice = random_u64(random);
		pid_t child = fork();
		int status;

		CHECK(child >= 0, "cannot fork: %s", errno_name(errno));
		if (!child)
			be_child(argument, choice);
		CHECK(waitpid(child, &status, 0) == child, "waitpid failed: %s",
		      errno_name(errno));
		CHECK(!WIFEXITED(status) || !WEXITSTATUS(status),
		      "a child could access memory or files of another process");
	}
}
