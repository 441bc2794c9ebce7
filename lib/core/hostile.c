// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/hostile.h"
#include "core/report.h"

#define UNLOAD_MS 5000

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
	/* The last files of dead processes may still be on their way out. */
	while (syscall(SYS_delete_module, module, O_NONBLOCK)) {
		CHECK(!deadline_passed(deadline),
		      "the module %s cannot be removed, and no file of it is open: %s",
		      module, errno_name(errno));
		sched_yield();
	}
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
		      "a child has reached what is another process's");
	}
}
