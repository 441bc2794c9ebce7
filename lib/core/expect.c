// SPDX-License-Identifier: GPL-2.0-only
/* For tests of the harness itself. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/expect.h"
#include "core/report.h"

void expect_failure_says(void (*body)(void *argument), void *argument,
			 const char *const *texts)
{
	struct report_result *result;
	pid_t child;
	int status;

	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(result != MAP_FAILED, "mmap failed: %s", errno_name(errno));
	result->code = -1;
	child = fork();
	CHECK(child >= 0, "fork failed: %s", errno_name(errno));
	if (!child) {
		/* Keep its "# reason:" out of the log of a case that passes. */
		int nowhere = open("/dev/null", O_WRONLY);

		if (nowhere >= 0)
			dup2(nowhere, STDOUT_FILENO);
		report_to(result);
		body(argument);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child, "waitpid failed: %s",
	      errno_name(errno));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == REPORT_FAIL,
	      "expected the failure \"%s\", got wait status %#x", *texts,
	      status);
	for (; *texts; texts++)
		CHECK(strstr(result->reason, *texts),
		      "expected a reason with \"%s\", got \"%s\"", *texts,
		      result->reason);
	munmap(result, sizeof(*result));
}

void expect_failure(void (*body)(void *argument), void *argument,
		    const char *text)
{
	const char *const texts[] = { text, NULL };

	expect_failure_says(body, argument, texts);
}
