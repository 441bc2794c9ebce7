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
#include "core/io.h"
#include "core/options.h"
#include "core/report.h"

#define PROGRAM	      "stress-ng"
#define ARGUMENTS_MAX 32
/* Time until stress-ng must exit after SIGTERM, and after SIGKILL. */
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
 * struct outcome - what the supervisor reports, in memory shared with the case
 * @ended: the load has stopped
 * @asked: it got a SIGTERM
 * @killed: it did not exit after that
 * @left: some of its processes survived SIGKILL
 * @error: errno if the program could not be started
 * @status: as from waitpid()
 */
struct outcome {
	bool ended;
	bool asked;
	bool killed;
	bool left;
	int error;
	int status;
};

struct background {
	pid_t supervisor;
	int output;
	bool required;
	struct outcome *outcome;
};

/* Search the program in $PATH. */
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
 * The functions from here to supervise() run between fork() and exec() of a process
 * that may have threads.
 */
static void __noreturn exec_program(const char *path, char *const *arguments,
				    int output, struct outcome *outcome)
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
	outcome->error = errno;
	_exit(127);
}

/* Wait until @child has died, or a signal arrives; 0: neither before the deadline. */
static int await(pid_t child, struct deadline deadline, struct outcome *outcome)
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

		if (waitpid(child, &outcome->status, WNOHANG) == child)
			return SIGCHLD;
		if (!left)
			return 0;
		signal = sigtimedwait(&wanted, NULL, &wait);
		if (signal == SIGTERM || signal == SIGHUP)
			return signal;
	}
}

/* The supervisor is a subreaper: processes of the load become its children. */
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

static void __noreturn supervise(pid_t parent, const char *path,
				 char *const *arguments, int output,
				 u64 limit_ms, struct outcome *outcome)
{
	struct deadline deadline = deadline_in_ms(limit_ms);
	pid_t child;
	int why;

	/* Not killed with the case's group: it must kill the load first. */
	setpgid(0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGHUP);
	child = fork();
	if (!child)
		exec_program(path, arguments, output, outcome);
	if (child < 0) {
		outcome->error = errno;
		_exit(0);
	}
	setpgid(child, child);
	/* A parent that died before the prctl() sends no signal. */
	why = getppid() == parent ? await(child, deadline, outcome) : SIGHUP;
	if (why == SIGTERM) {
		outcome->asked = true;
		kill(child, SIGTERM);
		why = await(child, deadline_in_ms(STOP_MS), outcome);
	}
	__atomic_store_n(&outcome->ended, true, __ATOMIC_RELEASE);
	kill(-child, SIGKILL);
	if (why != SIGCHLD) {
		outcome->killed = true;
		await(child, deadline_in_ms(KILL_MS), outcome);
	}
	outcome->left = !reap_all();
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

	/* The supervisor waits for these; none may arrive before. */
	sigemptyset(&mine);
	sigaddset(&mine, SIGCHLD);
	sigaddset(&mine, SIGTERM);
	sigaddset(&mine, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &mine, &before);
	background->supervisor = fork();
	if (!background->supervisor)
		supervise(parent, path, arguments, background->output, limit_ms,
			  background->outcome);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	CHECK(background->supervisor > 0, "cannot fork: %s", errno_name(errno));
}

struct background *background_start(const struct background_request *request)
{
	struct background *background = calloc(1, sizeof(*background));
	char path[4096];

	CHECK(background, "out of memory");
	background->required = request->required;
	background->outcome = mmap(NULL, sizeof(*background->outcome),
				   PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(background->outcome != MAP_FAILED, "out of memory: %s",
	      errno_name(errno));
	background->output = memfd_create("secmmu-background", MFD_CLOEXEC);
	CHECK(background->output >= 0, "memfd_create failed: %s",
	      errno_name(errno));
	if (find(path, sizeof(path)))
		start(background, request, path);
	else if (request->required)
		skip(PROGRAM, "install the Debian package stress-ng");
	else
		report_info("without %s: it is not installed", PROGRAM);
	return background;
}

bool background_running(const struct background *background)
{
	return background->supervisor &&
	       !__atomic_load_n(&background->outcome->ended, __ATOMIC_ACQUIRE);
}

/* Print the end of its output. */
static void print_output(const struct background *background)
{
	char text[OUTPUT_MAX + 1];
	off_t end = lseek(background->output, 0, SEEK_END);
	ssize_t size;

	size = io_read(background->output, text, OUTPUT_MAX,
		       end > OUTPUT_MAX ? end - OUTPUT_MAX : 0);
	if (size <= 0)
		return;
	text[size] = '\0';
	report_info("%s", text);
}

/* A stressor prints each error in a line with "fail:" (pr_fail()). */
static bool says_fail(const struct background *background)
{
	off_t size = lseek(background->output, 0, SEEK_END);
	char *text = calloc(1, (size_t)size + 1);
	bool found;

	CHECK(text, "no memory for the output of " PROGRAM);
	io_must_read(background->output, text, (size_t)size, 0,
		     "the output of " PROGRAM);
	found = strstr(text, PROGRAM ": fail:");
	free(text);
	return found;
}

static void judge(const struct background *background)
{
	const struct outcome *outcome = background->outcome;
	int code;

	CHECK(!outcome->error, "cannot start %s: %s", PROGRAM,
	      errno_name(outcome->error));
	CHECK(!outcome->left, "processes of %s survive SIGKILL", PROGRAM);
	if (outcome->killed) {
		report_info("%s had to be killed", PROGRAM);
		return;
	}
	if (WIFEXITED(outcome->status) && !WEXITSTATUS(outcome->status))
		return;
	/* It had no handler for SIGTERM yet. */
	if (outcome->asked && WIFSIGNALED(outcome->status) &&
	    WTERMSIG(outcome->status) == SIGTERM)
		return;
	/* Or its stressors had none yet: they count as failed. */
	if (outcome->asked && WIFEXITED(outcome->status) &&
	    WEXITSTATUS(outcome->status) == EXIT_FAILED &&
	    !says_fail(background)) {
		report_info("%s was stopped before it had started", PROGRAM);
		return;
	}
	print_output(background);
	if (!WIFEXITED(outcome->status))
		fail("%s was killed by signal %d", PROGRAM,
		     WTERMSIG(outcome->status));
	code = WEXITSTATUS(outcome->status);
	if (code == EXIT_FAILED)
		fail("%s reports an error of the kernel", PROGRAM);
	if (code != EXIT_NO_RESOURCE && code != EXIT_NOT_IMPLEMENTED)
		fail("%s ended with exit code %d", PROGRAM, code);
	if (background->required)
		skip(code == EXIT_NO_RESOURCE ?
			     "more resources for " PROGRAM :
			     "a feature that a stressor of " PROGRAM " tests",
		     "see its output above");
	report_info("without %s: it lacks a resource or a feature", PROGRAM);
}

void background_end(struct background *background)
{
	int status;

	if (background->supervisor) {
		/* All waits of the supervisor are bounded. */
		kill(background->supervisor, SIGTERM);
		while (waitpid(background->supervisor, &status, 0) < 0)
			CHECK(errno == EINTR, "waitpid failed: %s",
			      errno_name(errno));
		judge(background);
	}
	close(background->output);
	munmap(background->outcome, sizeof(*background->outcome));
	free(background);
}
