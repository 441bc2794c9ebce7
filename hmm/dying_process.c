// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem/backing.h"
#include "hmm_device.h"
#include "dying_process.h"
#include "core/io.h"
#include "core/report.h"

/* The same numbers on all architectures. */
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif

/* What the child tells its parent once it is ready. */
struct ready {
	int device;
	unsigned int mirror;
};

static void __noreturn be_child(u64 *memory, u64 word, int pipe)
{
	struct ready ready = { .device = hmm_open() };

	*(volatile u64 *)memory = word;
	ready.mirror = hmm_mirror(ready.device, memory, (u64)getpagesize());
	io_must_write(pipe, &ready, sizeof(ready), IO_NEXT, "a pipe");
	for (;;)
		pause();
}

void dying_process_start(struct dying_process *child, u64 word)
{
	struct ready ready;
	int pipes[2];

	/* The child's, too: nothing but its end invalidates. */
	backing_keep_mapped();
	child->memory = mmap(NULL, (size_t)getpagesize(),
			     PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(child->memory != MAP_FAILED && !pipe(pipes),
	      "cannot prepare a child: %s", errno_name(errno));
	child->child = fork();
	CHECK(child->child >= 0, "cannot fork: %s", errno_name(errno));
	if (!child->child)
		be_child(child->memory, word, pipes[1]);
	close(pipes[1]);
	CHECK(io_read(pipes[0], &ready, sizeof(ready), IO_NEXT) ==
		      sizeof(ready),
	      "the child is not ready, and has said why");
	close(pipes[0]);

	child->pidfd = (int)syscall(SYS_pidfd_open, child->child, 0);
	child->device = (int)syscall(SYS_pidfd_getfd, child->pidfd,
				     ready.device, 0);
	CHECK(child->pidfd >= 0 && child->device >= 0,
	      "cannot get the child's device: %s", errno_name(errno));
	child->mirror = ready.mirror;
	CHECK(!ptrace(PTRACE_SEIZE, child->child, NULL, PTRACE_O_TRACEEXIT),
	      "cannot trace the child: %s", errno_name(errno));
}

void dying_process_kill(struct dying_process *child)
{
	int status;

	CHECK(!kill(child->child, SIGKILL), "cannot kill the child: %s",
	      errno_name(errno));
	CHECK(waitpid(child->child, &status, __WALL) == child->child &&
		      WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_EXIT,
	      "the killed child does not wait for its tracer (wait status %#x)",
	      status);
}

int dying_process_release(struct dying_process *child)
{
	long error = syscall(SYS_process_mrelease, child->pidfd, 0);

	return error ? -errno : 0;
}

void dying_process_end(struct dying_process *child)
{
	int status;

	close(child->device);
	CHECK(!ptrace(PTRACE_CONT, child->child, NULL, NULL) &&
		      waitpid(child->child, &status, __WALL) == child->child,
	      "the child does not end: %s", errno_name(errno));
	close(child->pidfd);
}
