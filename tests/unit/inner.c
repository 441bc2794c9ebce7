// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "inner.h"
#include "core/report.h"

#define MARK	      "SECMMU_UNIT_INNER"
#define WAIT_MS	      10000
#define ARGUMENTS_MAX 32

bool inner_wanted(void)
{
	return getenv(MARK);
}

static char *read_all(int fd)
{
	char *text = calloc(1, INNER_TEXT_MAX + 1);

	CHECK(text, "no memory for an inner program's output");
	if (pread(fd, text, INNER_TEXT_MAX, 0) < 0)
		fail("cannot read an inner program's output: %s",
		     errno_name(errno));
	return text;
}

/*
 * A file that takes each write whole: a memfd's position is not locked
 * (FMODE_ATOMIC_POS is for files that were opened by name), appending is.
 */
static int output_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	CHECK(fd >= 0 && !fcntl(fd, F_SETFL, O_APPEND), "memfd_create: %s",
	      errno_name(errno));
	return fd;
}

static void __noreturn become_inner(const struct inner *inner,
				    const char *const *arguments,
				    const char *const *environment)
{
	static const char *const unwanted[] = {
		"SECMMU_SEED",	 "SECMMU_DURATION", "SECMMU_VCPUS",
		"SECMMU_MEMORY", "SECMMU_BACKING",  "SECMMU_MODE",
		"SECMMU_CASE",	 "KSFT_TAP_LEVEL",
	};
	char *argv[ARGUMENTS_MAX + 2] = { (char *)"/some/where/inner" };
	size_t i;

	/* Its end must not depend on ours, but it must not outlive us. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A shell has its background programs ignore it. */
	signal(SIGINT, SIG_DFL);
	dup2(inner->out_fd, STDOUT_FILENO);
	dup2(inner->err_fd, STDERR_FILENO);
	for (i = 0; i < ARRAY_SIZE(unwanted); i++)
		unsetenv(unwanted[i]);
	for (; environment && *environment; environment++)
		putenv((char *)*environment);
	setenv(MARK, "1", 1);
	for (i = 0; arguments && arguments[i] && i < ARGUMENTS_MAX; i++)
		argv[i + 1] = (char *)arguments[i];
	execv("/proc/self/exe", argv);
	_exit(99);
}

void inner_start(struct inner *inner, const char *const *arguments,
		 const char *const *environment)
{
	memset(inner, 0, sizeof(*inner));
	inner->out_fd = output_file("stdout");
	inner->err_fd = output_file("stderr");
	inner->pid = fork();
	CHECK(inner->pid >= 0, "fork: %s", errno_name(errno));
	if (!inner->pid)
		become_inner(inner, arguments, environment);
}

void inner_wait_for(struct inner *inner, const char *text)
{
	struct deadline deadline = deadline_in_ms(WAIT_MS);

	for (;;) {
		char *out = read_all(inner->out_fd);
		bool there = strstr(out, text);

		if (!there && deadline_passed(deadline))
			fail("an inner program did not write '%s' within %u ms\n%s",
			     text, WAIT_MS, out);
		free(out);
		if (there)
			return;
		nanosleep(&(struct timespec){ .tv_nsec = NSEC_PER_MSEC }, NULL);
	}
}

void inner_finish(struct inner *inner)
{
	int status;

	while (waitpid(inner->pid, &status, 0) < 0)
		CHECK(errno == EINTR, "waitpid: %s", errno_name(errno));
	inner->code = WIFSIGNALED(status) ? -WTERMSIG(status) :
					    WEXITSTATUS(status);
	inner->out = read_all(inner->out_fd);
	inner->err = read_all(inner->err_fd);
	close(inner->out_fd);
	close(inner->err_fd);
}

void inner_run(struct inner *inner, const char *const *arguments,
	       const char *const *environment)
{
	inner_start(inner, arguments, environment);
	inner_finish(inner);
}

void inner_expect(const struct inner *inner, const char *text)
{
	if (!strstr(inner->out, text))
		fail("an inner program did not write '%s'\n%s%s", text,
		     inner->out, inner->err);
}

void inner_expect_not(const struct inner *inner, const char *text)
{
	if (strstr(inner->out, text))
		fail("an inner program wrote '%s'\n%s%s", text, inner->out,
		     inner->err);
}

void inner_expect_code(const struct inner *inner, int code)
{
	if (inner->code != code)
		fail("an inner program ended with %d instead of %d\n%s%s",
		     inner->code, code, inner->out, inner->err);
}

unsigned int inner_count(const struct inner *inner, const char *text)
{
	const char *at = inner->out;
	unsigned int count = 0;

	while ((at = strstr(at, text))) {
		count++;
		at += strlen(text);
	}
	return count;
}
