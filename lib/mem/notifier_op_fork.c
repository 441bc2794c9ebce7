// SPDX-License-Identifier: GPL-2.0-only
/* A child that shares its parent's memory until either writes. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem/notifier_op.h"
#include "core/report.h"

/* Pages that a child looks at, and how often. */
#define PAGES  16
#define ROUNDS 4
/* A child that hangs is not its parent's hang; one that is starved is nobody's. */
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
 * What the child has does not change by what the parent does, nor by who follows
 * its page tables; and what the child writes is its own. Only calls that are safe
 * between fork() and _exit() of a process with threads.
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
			/* A page that it never writes stays shared. */
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
	/* What a child writes to shared memory is its parent's, too. */
	bool shared = backing_is_shared(trigger->backing->kind);
	/* Some children are gone before they have written. */
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
	      "a child's private memory is changed by its parent, or by who follows the parent's page tables (its guest, its device)");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return -EAGAIN;
	CHECK(!status, "a child ended with wait status %#x", status);
	return 0;
}
