// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backing.h"
#include "hmm_device.h"
#include "reaped.h"
#include "report.h"

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
	CHECK(write(pipe, &ready, sizeof(ready)) == sizeof(ready),
	      "cannot write to a pipe: %s", errno_name(errno));
	for (;;)
		pause();
}

void reaped_start(struct reaped *reaped, u64 word)
{
	struct ready ready;
	int pipes[2];

	/* The child's, too: nothing but its end invalidates. */
	backing_keep_mapped();
	reaped->memory = mmap(NULL, (size_t)getpagesize(),
			      PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(reaped->memory != MAP_FAILED && !pipe(pipes),
	      "cannot prepare a child: %s", errno_name(errno));
	reaped->child = fork();
	CHECK(reaped->child >= 0, "cannot fork: %s", errno_name(errno));
	if (!reaped->child)
		be_child(reaped->memory, word, pipes[1]);
	close(pipes[1]);
	CHECK(read(pipes[0], &ready, sizeof(ready)) == sizeof(ready),
	      "the child is not ready, and has said why");
	close(pipes[0]);

	reaped->pidfd = (int)syscall(SYS_pidfd_open, reaped->child, 0);
	reaped->device = (int)syscall(SYS_pidfd_getfd, reaped->pidfd,
				      ready.device, 0);
	CHECK(reaped->pidfd >= 0 && reaped->device >= 0,
	      "cannot get the child's device: %s", errno_name(errno));
	reaped->mirror = ready.mirror;
	CHECK(!ptrace(PTRACE_SEIZE, reaped->child, NULL, PTRACE_O_TRACEEXIT),
	      "cannot trace the child: %s", errno_name(errno));
}

void reaped_kill(struct reaped *reaped)
{
	int status;

	CHECK(!kill(reaped->child, SIGKILL), "cannot kill the child: %s",
	      errno_name(errno));
	CHECK(waitpid(reaped->child, &status, __WALL) == reaped->child &&
		      WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_EXIT,
	      "the killed child does not wait for its tracer (wait status %#x)",
	      status);
}

int reaped_release(struct reaped *reaped)
{
	long error = syscall(SYS_process_mrelease, reaped->pidfd, 0);

	return error ? -errno : 0;
}

void reaped_end(struct reaped *reaped)
{
	int status;

	close(reaped->device);
	CHECK(!ptrace(PTRACE_CONT, reaped->child, NULL, NULL) &&
		      waitpid(reaped->child, &status, __WALL) == reaped->child,
	      "the child does not end: %s", errno_name(errno));
	close(reaped->pidfd);
}
