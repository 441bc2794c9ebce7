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

#include "core/background.h"
#include "core/cases.h"
#include "core/clock.h"
#include "core/options.h"
#include "core/report.h"

#define PROGRAM	      "stress-ng"
#define ARGUMENTS_MAX 32
/* How long it may take to end when asked to, and then to die. */
#define STOP_MS 5000
#define KILL_MS 5000
/* Beyond the case's share of time. */
#define LIMIT_MORE_MS 60000
#define OUTPUT_MAX    2048

/* stress-ng(1), "EXIT STATUS". */
#define EXIT_FAILED	     2
#define EXIT_NO_RESOURCE     3
#define EXIT_NOT_IMPLEMENTED 4

/**
 * struct told - what the keeper says, in memory shared with it
 * @ended: the load is no more
 * @asked: it was asked to end
 * @killed: it did not end when asked to
 * @left: processes of it could not be killed
 * @error: errno if the program could not be started
 * @status: as waitpid() has it
 */
struct told {
	bool ended;
	bool asked;
	bool killed;
	bool left;
	int error;
	int status;
};

struct background {
	pid_t mutator;
	int output;
	bool required;
	struct told *told;
};

/* The program, as the shell would find it. */
static bool find(char *path, size_t size)
{
	const char *folders = getenv("PATH");

	while (folders && *folders) {
		int length = (int)strcspn(folders, ":");

		snprintf(path, size, "%.*s/" PROGRAM, length, folders);
		if (!access(path, X_OK))
			return true;
		folders += length;
		folders += *folders == ':';
	}
	return false;
}

/*
 * The keeper's side, from here to keep(): between fork() and exec() of a process
 * that may have threads.
 */
static void __noreturn become(const char *path, char *const *arguments,
			      int output, struct told *told)
{
	sigset_t none;
	int nowhere = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setpgid(0, 0);
	dup2(nowhere, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(path, arguments);
	told->error = errno;
	_exit(127);
}

/* Wait until @child has died, or a signal comes; 0 if neither has. */
static int await(pid_t child, struct deadline deadline, struct told *told)
{
	sigset_t wanted;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGHUP);
	for (;;) {
		u64 left = deadline_left_ms(deadline);
		struct timespec wait = {
			.tv_sec = (time_t)(left / 1000),
			.tv_nsec = (long)(left % 1000 * NSEC_PER_MSEC),
		};
		int signal;

		if (waitpid(child, &told->status, WNOHANG) == child)
			return SIGCHLD;
		if (!left)
			return 0;
		signal = sigtimedwait(&wanted, NULL, &wait);
		if (signal == SIGTERM || signal == SIGHUP)
			return signal;
	}
}

/* What it has forked comes to its keeper, a subreaper. */
static bool reap_all(void)
{
	struct deadline deadline = deadline_in_ms(KILL_MS);
	const struct timespec wait = { .tv_nsec = NSEC_PER_MSEC };

	for (;;) {
		pid_t child = waitpid(-1, NULL, WNOHANG);

		if (child < 0)
			return errno == ECHILD;
		if (deadline_passed(deadline))
			return false;
		if (!child)
			nanosleep(&wait, NULL);
	}
}

static void __noreturn keep(pid_t parent, const char *path,
			    char *const *arguments, int output, u64 limit_ms,
			    struct told *told)
{
	struct deadline deadline = deadline_in_ms(limit_ms);
	pid_t child;
	int why;

	/* Not killed with the case's group: the load must not survive it. */
	setpgid(0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGHUP);
	child = fork();
	if (!child)
		become(path, arguments, output, told);
	if (child < 0) {
		told->error = errno;
		_exit(0);
	}
	setpgid(child, child);
	/* A parent that died before the prctl() sends no signal. */
	why = getppid() == parent ? await(child, deadline, told) : SIGHUP;
	if (why == SIGTERM) {
		told->asked = true;
		kill(child, SIGTERM);
		why = await(child, deadline_in_ms(STOP_MS), told);
	}
	__atomic_store_n(&told->ended, true, __ATOMIC_RELEASE);
	kill(-child, SIGKILL);
	if (why != SIGCHLD) {
		told->killed = true;
		await(child, deadline_in_ms(KILL_MS), told);
	}
	told->left = !reap_all();
	_exit(0);
}

static void start(struct background *background,
		  const struct background_request *request, const char *path)
{
	char seed[32], *arguments[ARGUMENTS_MAX + 1] = {
		(char *)PROGRAM,     (char *)"--seed", seed,
		(char *)"--timeout", (char *)"0",      (char *)"--oomable",
	};
	u64 limit_ms = request->limit_ms;
	struct random_stream stream;
	pid_t parent = getpid();
	sigset_t mine, before;
	size_t count = 6, i;

	for (i = 0; request->arguments[i]; i++) {
		CHECK(count < ARGUMENTS_MAX, "too many arguments for %s",
		      PROGRAM);
		arguments[count++] = (char *)request->arguments[i];
	}
	case_random(&stream, PROGRAM, 0);
	snprintf(seed, sizeof(seed), "%llu", random_u64(&stream) >> 1);
	if (!limit_ms)
		limit_ms = case_duration_ns() / NSEC_PER_MSEC + LIMIT_MORE_MS;

	/* The keeper waits for these; none may come before it does. */
	sigemptyset(&mine);
	sigaddset(&mine, SIGCHLD);
	sigaddset(&mine, SIGTERM);
	sigaddset(&mine, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &mine, &before);
	background->mutator = fork();
	if (!background->mutator)
		keep(parent, path, arguments, background->output, limit_ms,
		     background->told);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	CHECK(background->mutator > 0, "cannot fork: %s", errno_name(errno));
}

struct background *background_start(const struct background_request *request)
{
	struct background *background = calloc(1, sizeof(*background));
	char path[4096];

	CHECK(background, "out of memory");
	background->required = request->required;
	background->told = mmap(NULL, sizeof(*background->told),
				PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(background->told != MAP_FAILED, "out of memory: %s",
	      errno_name(errno));
	background->output = memfd_create("secmmu-background", MFD_CLOEXEC);
	CHECK(background->output >= 0, "memfd_create failed: %s",
	      errno_name(errno));
	if (find(path, sizeof(path)))
		start(background, request, path);
	else if (request->required)
		skip(PROGRAM, "install the Debian package stress-ng");
	else
		report_info("without %s: it is not on this machine", PROGRAM);
	return background;
}

bool background_running(const struct background *background)
{
	return background->mutator &&
	       !__atomic_load_n(&background->told->ended, __ATOMIC_ACQUIRE);
}

/* The end of what it said. */
static void tell_output(const struct background *background)
{
	char text[OUTPUT_MAX + 1];
	off_t end = lseek(background->output, 0, SEEK_END);
	ssize_t size;

	size = pread(background->output, text, OUTPUT_MAX,
		     end > OUTPUT_MAX ? end - OUTPUT_MAX : 0);
	if (size <= 0)
		return;
	text[size] = '\0';
	report_info("%s", text);
}

/* What a stressor finds wrong it says in a line of its own (pr_fail()). */
static bool says_fail(const struct background *background)
{
	off_t size = lseek(background->output, 0, SEEK_END);
	char *text = calloc(1, (size_t)size + 1);
	bool found;

	CHECK(text && pread(background->output, text, (size_t)size, 0) == size,
	      "cannot read what %s said", PROGRAM);
	found = strstr(text, PROGRAM ": fail:");
	free(text);
	return found;
}

static void judge(const struct background *background)
{
	const struct told *told = background->told;
	int code;

	CHECK(!told->error, "cannot start %s: %s", PROGRAM,
	      errno_name(told->error));
	CHECK(!told->left, "processes of %s outlive SIGKILL", PROGRAM);
	if (told->killed) {
		report_info("%s had to be killed", PROGRAM);
		return;
	}
	if (WIFEXITED(told->status) && !WEXITSTATUS(told->status))
		return;
	/* So early that it had no handler yet. */
	if (told->asked && WIFSIGNALED(told->status) &&
	    WTERMSIG(told->status) == SIGTERM)
		return;
	/* Or its stressors had none yet: those count as failed. */
	if (told->asked && WIFEXITED(told->status) &&
	    WEXITSTATUS(told->status) == EXIT_FAILED &&
	    !says_fail(background)) {
		report_info("%s was stopped before it had begun", PROGRAM);
		return;
	}
	tell_output(background);
	if (!WIFEXITED(told->status))
		fail("%s was killed by signal %d", PROGRAM,
		     WTERMSIG(told->status));
	code = WEXITSTATUS(told->status);
	if (code == EXIT_FAILED)
		fail("%s finds that the kernel did wrong", PROGRAM);
	if (code != EXIT_NO_RESOURCE && code != EXIT_NOT_IMPLEMENTED)
		fail("%s ended with exit code %d", PROGRAM, code);
	if (background->required)
		skip(code == EXIT_NO_RESOURCE ? "more resources for " PROGRAM :
						"what a stressor of " PROGRAM
						" is for",
		     "see what it says, above");
	report_info("without %s: it lacks something", PROGRAM);
}

void background_end(struct background *background)
{
	int status;

	if (background->mutator) {
		/* The keeper's own waits are bounded. */
		kill(background->mutator, SIGTERM);
		while (waitpid(background->mutator, &status, 0) < 0)
			CHECK(errno == EINTR, "waitpid failed: %s",
			      errno_name(errno));
		judge(background);
	}
	close(background->output);
	munmap(background->told, sizeof(*background->told));
	free(background);
}
