// SPDX-License-Identifier: GPL-2.0-only
/* fork(): a child shares its parent's memory until one of them writes. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem/notifier_op.h"
#include "core/report.h"

/* Pages that a child checks, and how often. */
#define PAGES  16
#define ROUNDS 4
/* Bounds the time of a child that hangs. */
#define CHILD_S 20

static u64 digest(const unsigned char *page, u64 size)
{
	const volatile u64 *word = (const volatile u64 *)page;
	u64 sum = 0, i;

	for (i = 0; i < size / sizeof(*word); i++)
		sum = (sum ^ word[i]) * 0x9e3779b97f4a7c15ULL;
	return sum;
}

/*
 * Stores of the parent, and of secondary MMUs that follow the parent's page tables, do
 * not change the child's memory; stores of the child do not change the parent's. Only
 * calls that are safe between fork() and _exit() of a process with threads.
 */
static void __noreturn be_child(unsigned char *start, u64 stride,
				unsigned int count, u64 page)
{
	u64 seen[PAGES];
	unsigned int i, round;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(CHILD_S);
	for (i = 0; i < count; i++)
		seen[i] = digest(start + i * stride, page);
	for (round = 0; round < ROUNDS; round++) {
		sched_yield();
		for (i = 0; i < count; i++) {
			unsigned char *at = start + i * stride;

			if (digest(at, page) != seen[i])
				_exit(1);
			/* A page that the child never writes stays shared. */
			if (i % 2)
				continue;
			((volatile u64 *)at)[round] += 1ULL << 40;
			seen[i] = digest(at, page);
		}
	}
	_exit(0);
}

int notifier_trigger_by_fork(const struct notifier_trigger *trigger,
			     struct random_stream *random, unsigned char *start,
			     u64 size)
{
	u64 pages = size / trigger->page;
	unsigned int count = pages < PAGES ? (unsigned int)pages : PAGES;
	/* A child's stores to shared memory would change the parent's. */
	bool shared = backing_is_shared(trigger->backing->kind);
	/* Some children exit before they write. */
	bool idle = shared || random_chance(random, 1, 4);
	pid_t child = fork();
	int status;

	if (!child) {
		if (idle)
			_exit(0);
		be_child(start, pages / count * trigger->page, count,
			 trigger->page);
	}
	if (child < 0)
		return -errno;
	while (waitpid(child, &status, 0) != child)
		CHECK(errno == EINTR, "waitpid failed: %s", errno_name(errno));
	CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 1,
	      "a child's private memory was changed by its parent or by a secondary MMU that follows the parent's page tables (its guest, its device)");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return -EAGAIN;
	CHECK(!status, "expected a child to exit with 0, got wait status %#x",
	      status);
	return 0;
}
