// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/clock.h"
#include "core/evidence.h"
#include "core/hang.h"
#include "core/settings.h"
#include "core/thread.h"
#include "core/variant.h"

#define CASES_MAX 4096

/*
 * Check mode may take 20 s per program. The rest is for creating and destroying VMs
 * in an emulated machine.
 */
#define CHECK_SECONDS 14

/*
 * With --all each case gets a short share, so that a target takes minutes and not a
 * night. What must have happened in a case is waited for, whatever the share.
 */
#define ALL_MS_PER_CASE	  500
#define SHARE_MIN_NS	  (100 * NSEC_PER_MSEC)
#define TIMEOUT_DEFAULT_S 60
#define KILL_MS		  10000

static const struct program *program;
static const struct test_case *current_case;
static u64 current_share_ns;
static struct report_result *result;
static sigset_t watched, inherited;

struct test_case *case_add(struct test_case *cases, size_t *count, size_t max,
			   void (*run)(const struct test_case *test))
{
	if (*count == max)
		fail("more than %zu cases", max);
	cases[*count] = (struct test_case){ .run = run };
	return &cases[(*count)++];
}

const struct test_case *case_current(void)
{
	return current_case;
}

u64 case_duration_ns(void)
{
	return current_share_ns;
}

void case_random(struct random_stream *stream, const char *name, u64 index)
{
	u64 of_case = random_number(current_case ? current_case->name : "", 0);

	random_init(stream, options()->seed,
		    random_rotate(of_case, 32) ^ random_number(name, index));
}

static u64 share(u64 started_ns, size_t cases_left)
{
	u64 total, used = clock_ns() - started_ns, part;

	if (options()->duration_s)
		total = options()->duration_s * NSEC_PER_SEC;
	else if (options()->mode == MODE_ALL)
		return (program->all_ms ? program->all_ms : ALL_MS_PER_CASE) *
		       NSEC_PER_MSEC;
	else
		total = CHECK_SECONDS * NSEC_PER_SEC;

	part = used < total ? (total - used) / cases_left : 0;
	return part > SHARE_MIN_NS ? part : SHARE_MIN_NS;
}

/* What the child of a case executes. */
static void __noreturn run_child(const struct test_case *test, pid_t parent)
{
	struct shortage shortage;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(REPORT_FAIL); /* the parent died before the prctl() */
	sigprocmask(SIG_SETMASK, &inherited, NULL);

	report_to(result);
	threads_reset(test->name);
	if (!needs_met(&program->needs, &shortage) ||
	    !needs_met(&test->needs, &shortage))
		skip_for(&shortage);

	if (!test->scenario)
		test->run(test);
	else if (test->scenario->run)
		test->scenario->run(test->variant);
	else
		test->scenario->run_alone();

	/*
	 * A remaining thread may be in fail() at this moment: let it end the
	 * process.
	 */
	if (__atomic_exchange_n(&result->claimed, 1, __ATOMIC_SEQ_CST))
		for (;;)
			pause();
	__atomic_store_n(&result->code, REPORT_PASS, __ATOMIC_RELEASE);
	_exit(REPORT_PASS);
}

static void kill_group(pid_t child)
{
	/* The group may not exist yet, or the child may have left it. */
	kill(-child, SIGKILL);
	kill(child, SIGKILL);
}

/* Wait for the child to die; false if it has not by the deadline. */
static bool reap(pid_t child, struct deadline deadline, int *status)
{
	sigset_t child_only;

	sigemptyset(&child_only);
	sigaddset(&child_only, SIGCHLD);
	for (;;) {
		u64 left = deadline_left_ms(deadline);
		struct timespec wait = {
			.tv_sec = (time_t)(left / 1000),
			.tv_nsec = (long)(left % 1000 * NSEC_PER_MSEC),
		};

		if (waitpid(child, status, WNOHANG) == child)
			return true;
		if (!left)
			return false;
		sigtimedwait(&child_only, NULL, &wait);
	}
}

/* SIGINT or SIGTERM: leave nothing behind, and name the case. */
static void __noreturn interrupted(int signal, pid_t child,
				   const struct test_case *test)
{
	int status;

	kill_group(child);
	reap(child, deadline_in_ms(KILL_MS), &status);
	evidence_cleanup(child);
	settings_cleanup();
	report_info("interrupted by %s in case %s", strsignal(signal),
		    test->name);
	printf("Bail out! interrupted\n");
	exit(REPORT_FAIL);
}

/**
 * enum ending - how a child ended
 * @ENDED: by itself or by a signal
 * @TIMED_OUT: killed after its time limit
 * @UNKILLABLE: its time limit passed, and it survived SIGKILL
 */
enum ending {
	ENDED,
	TIMED_OUT,
	UNKILLABLE,
};

static enum ending wait_child(pid_t child, const struct test_case *test,
			      struct deadline deadline, int *status)
{
	for (;;) {
		u64 left = deadline_left_ms(deadline);
		struct timespec wait = {
			.tv_sec = (time_t)(left / 1000),
			.tv_nsec = (long)(left % 1000 * NSEC_PER_MSEC),
		};
		int signal;

		if (waitpid(child, status, WNOHANG) == child) {
			/* Its children, if it left any. */
			kill(-child, SIGKILL);
			return ENDED;
		}
		if (!left)
			break;
		signal = sigtimedwait(&watched, NULL, &wait);
		if (signal > 0 && signal != SIGCHLD)
			interrupted(signal, child, test);
	}

	threads_report();
	hang_report(child);
	kill_group(child);
	if (reap(child, deadline_in_ms(KILL_MS), status))
		return TIMED_OUT;
	hang_report(child);
	return UNKILLABLE;
}

static const char *signal_name(int signal)
{
	const char *name = sigabbrev_np(signal);

	return name ? name : "?";
}

/* Turn the end of a child into a code, with the reason in @result. */
static int judge(enum ending ending, int status, u64 timeout_s)
{
	char *reason = result->reason;
	char suspect[256];

	/* A case that has given its reason is believed, however it ended. */
	if (result->code == REPORT_FAIL || result->code == REPORT_SKIP)
		return result->code;

	if (ending != ENDED) {
		threads_suspect(suspect, sizeof(suspect));
		snprintf(reason, REPORT_REASON_MAX, "timeout after %llus: %s%s",
			 timeout_s, suspect,
			 ending == UNKILLABLE ?
				 "; SIGKILL does not end it, the kernel holds it" :
				 "");
	} else if (WIFSIGNALED(status)) {
		int signal = WTERMSIG(status);

		threads_report();
		snprintf(reason, REPORT_REASON_MAX, "killed by SIG%s (%s)%s",
			 signal_name(signal), strsignal(signal),
			 signal == SIGKILL ?
				 ": by hand, or out of memory: see the kernel log" :
				 "");
	} else if (WEXITSTATUS(status) || result->code != REPORT_PASS) {
		snprintf(reason, REPORT_REASON_MAX,
			 "exit(%d) in the midst of the case",
			 WEXITSTATUS(status));
	} else {
		return REPORT_PASS;
	}
	report_info("reason: %s", reason);
	return REPORT_FAIL;
}

static void print_replay(const struct test_case *test)
{
	const struct options *options_now = options();
	char more[256] = "";
	size_t used = 0;

	if (options_now->duration_s)
		used += (size_t)snprintf(more + used, sizeof(more) - used,
					 " --duration %u",
					 options_now->duration_s);
	if (options_now->vcpus)
		used += (size_t)snprintf(more + used, sizeof(more) - used,
					 " --vcpus %u", options_now->vcpus);
	if (options_now->memory)
		used += (size_t)snprintf(more + used, sizeof(more) - used,
					 " --memory %lluK",
					 options_now->memory >> 10);
	if (options_now->backing)
		snprintf(more + used, sizeof(more) - used, " --backing %s",
			 options_now->backing);
	report_info("replay: %s --seed 0x%llx --mode %s%s --case %s",
		    program->name, options_now->seed,
		    options_mode_name(options_now->mode), more, test->name);
}

static void run_case(const struct test_case *test)
{
	u64 timeout_s = test->timeout_s ? test->timeout_s : TIMEOUT_DEFAULT_S;
	u64 started_ns = clock_ns();
	pid_t parent = getpid(), child;
	enum ending ending;
	int status = 0, code;

	/* For the runner, if the case crashes the kernel. */
	report_info("case: %s", test->name);
	timeout_s += current_share_ns / NSEC_PER_SEC;
	memset(result, 0, sizeof(*result));
	result->code = -1;
	current_case = test;

	fflush(stdout);
	child = fork();
	if (child < 0)
		fail("cannot fork a child for a case: %s; stop other programs or raise the limit of processes (ulimit -u)",
		     errno_name(errno));
	if (!child)
		run_child(test, parent);
	setpgid(child, child);

	ending = wait_child(child, test, deadline_in_ms(timeout_s * 1000),
			    &status);
	code = judge(ending, status, timeout_s);
	if (code != REPORT_PASS)
		evidence_cleanup(child);
	settings_cleanup();
	if (code == REPORT_FAIL)
		print_replay(test);
	report_info("seconds: %.3f",
		    (double)(clock_ns() - started_ns) / NSEC_PER_SEC);
	report_case(code, test->name, result->reason);
	current_case = NULL;
}

/* Names must suit KTAP and the runner, and need no quoting in a shell. */
static void check_names(const struct test_case *cases, size_t count)
{
	size_t i, j;

	for (i = 0; i < count; i++) {
		const char *c = cases[i].name;

		if (!*c)
			fail("case %zu has no name", i);
		for (; *c; c++)
			if (!isalnum((unsigned char)*c) &&
			    !strchr("-_./:=+,", *c))
				fail("the name of case %s has a '%c'",
				     cases[i].name, *c);
		for (j = 0; j < i; j++)
			if (!strcmp(cases[i].name, cases[j].name))
				fail("two cases are named %s", cases[i].name);
	}
}

/* The program's cases that the options choose. */
static struct test_case *choose_cases(size_t *count)
{
	struct test_case *cases = calloc(CASES_MAX, sizeof(*cases));
	size_t i, kept = 0;

	if (!cases)
		fail("no memory for the list of cases");
	if (program->scenarios) {
		*count = variant_cases(program, options(), cases, CASES_MAX);
	} else if (program->cases) {
		*count = program->cases(options(), cases, CASES_MAX);
		if (*count > CASES_MAX)
			fail("%zu cases: at most %u are possible", *count,
			     CASES_MAX);
	} else {
		*count = program->table_size;
		memcpy(cases, program->table, *count * sizeof(*cases));
	}
	check_names(cases, *count);

	for (i = 0; i < *count; i++)
		if (!options()->case_glob ||
		    !fnmatch(options()->case_glob, cases[i].name, 0))
			cases[kept++] = cases[i];
	*count = kept;
	if (options()->after) {
		for (i = 0; i < kept; i++)
			if (!strcmp(cases[i].name, options()->after))
				break;
		if (i == kept)
			options_usage_error(program->name,
					    "--after: there is no case '%s'",
					    options()->after);
		*count = kept - i - 1;
		memmove(cases, cases + i + 1, *count * sizeof(*cases));
	}
	return cases;
}

/* Block the signals that wait_child() handles, except those that are ignored. */
static void watch_signals(void)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action;
	size_t i;

	sigemptyset(&watched);
	signal(SIGCHLD, SIG_DFL);
	sigaddset(&watched, SIGCHLD);
	for (i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!sigaction(wanted[i], NULL, &action) &&
		    action.sa_handler != SIG_IGN)
			sigaddset(&watched, wanted[i]);
	sigprocmask(SIG_BLOCK, &watched, &inherited);
}

int cases_main(int argc, char **argv, const struct program *the_program)
{
	struct test_case *cases;
	struct options parsed;
	u64 started_ns;
	size_t count, i;

	program = the_program;
	options_parse(&parsed, argc, argv, program->summary);
	options_set(&parsed);

	cases = choose_cases(&count);
	if (parsed.list) {
		for (i = 0; i < count; i++)
			printf("%s%s%s\n", cases[i].name,
			       cases[i].plan ? "\t" : "",
			       cases[i].plan ? cases[i].plan : "");
		return 0;
	}
	if (!count)
		options_usage_error(argv[0], "no case matches");

	settings_begin();
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED)
		fail("no memory to share with the cases: %s",
		     errno_name(errno));
	threads_share();
	watch_signals();

	report_begin((unsigned int)count);
	report_info("seed: 0x%llx", parsed.seed);
	started_ns = clock_ns();
	for (i = 0; i < count; i++) {
		current_share_ns = share(started_ns, count - i);
		run_case(&cases[i]);
	}
	report_end();
}
