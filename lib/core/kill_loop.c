// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/clock.h"
#include "core/evidence.h"
#include "core/report.h"
#include "core/kill_loop.h"

/* A process is killed at most this time after its start. */
#define KILL_MS 400
/* Beyond the duration, until one of the processes had a VM. */
#define KILLED_MOST 100

unsigned int vms_of(pid_t pid)
{
	struct shortage shortage;
	unsigned int count;

	if (!evidence_vm_count(pid, &count, &shortage))
		skip_for(&shortage);
	return count;
}

static void __noreturn run_process(const struct kill_loop *kills)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	kills->live(kills->argument);
	_exit(1);
}

void kill_loop_run(const struct kill_loop *kills, u64 duration_ns)
{
	u64 end = clock_ns() + duration_ns;
	unsigned int killed = 0, with_vm = 0;
	struct random_stream random;

	vms_of(getpid());
	case_random(&random, "moments", 0);
	do {
		u64 delay_ms = random_below(&random, KILL_MS);
		int status;
		pid_t child = fork();

		CHECK(child >= 0, "fork failed: %s", errno_name(errno));
		if (!child)
			run_process(kills);
		nanosleep(&(struct timespec){ .tv_nsec = (long)(delay_ms *
								NSEC_PER_MSEC) },
			  NULL);
		with_vm += vms_of(child);
		kill(child, SIGKILL);
		CHECK(waitpid(child, &status, 0) == child, "waitpid failed: %s",
		      errno_name(errno));
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		      "a process exited before it was killed, status %#x",
		      status);
		CHECK(!vms_of(child),
		      "process %d was killed after %llu ms and waited for, but its VM still exists",
		      child, delay_ms);
		if (kills->judge)
			kills->judge(child);
		killed++;
	} while (clock_ns() < end || (!with_vm && killed < KILLED_MOST));
	CHECK(with_vm, "none of %u killed processes had a VM", killed);
	report_info("%u processes killed, %u of them with a VM", killed,
		    with_vm);
}
