/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test's output: KTAP by the kernel's kselftest.h, which only report.c includes,
 * because its interface differs between the releases 6.1 and 7.3.
 *
 * Context: any thread, in the program's first process and in the children that
 * cases.c forks.
 */
#ifndef SECMMU_REPORT_H
#define SECMMU_REPORT_H

#include <stdbool.h>

#include "core/types.h"

#define REPORT_PASS 0
#define REPORT_FAIL 1
#define REPORT_SKIP 4

#define REPORT_REASON_MAX 768

/**
 * struct shortage - a missing requirement, and how to get it
 * @what: what is missing, such as "CONFIG_KVM=y"; printed after "needs "
 * @remedy: how to get it, such as "load the module kvm_amd"
 */
struct shortage {
	char what[192];
	char remedy[256];
};

/**
 * struct report_result - how a case ended, in memory shared with the parent
 * @code: REPORT_FAIL or REPORT_SKIP once @reason is complete; -1 before
 * @claimed: set by the first thread that fails or skips; later failures are its
 *	consequences and are not reported
 * @reason: one line
 */
struct report_result {
	int code;
	int claimed;
	char reason[REPORT_REASON_MAX];
};

/**
 * report_info() - print a message
 * @format: as in printf()
 *
 * Each line is prefixed with "# ", and all are one write(2), so lines of several
 * threads and processes never mix. Text beyond 4 KiB is cut.
 */
void report_info(const char *format, ...) __printf(1, 2);

/**
 * report_value() - print a result for later comparison
 * @key: what was measured, one word
 * @value: the result
 * @unit: such as "pages/s"; "": none
 *
 * Prints "# value: KEY=VALUE UNIT".
 */
void report_value(const char *key, double value, const char *unit);

/**
 * fail() - the kernel violated what the test checks: end the case as failed
 * @format: as in printf(). The first line is the reason of the failure, with expected
 *	and actual values, for a reader who does not know the suite; facts may
 *	follow in further lines
 *
 * Ends the process that runs the case, from any thread. Outside a case it ends the
 * program with exit code 1.
 */
void fail(const char *format, ...) __noreturn __printf(1, 2);

/**
 * skip() - the machine lacks a requirement: end the case as skipped
 * @what: what is missing; printed after "needs "
 * @remedy: how to get it
 */
void skip(const char *what, const char *remedy) __noreturn;

/**
 * skip_for() - skip() with a requirement that another function found missing
 * @shortage: filled in by that function
 */
void skip_for(const struct shortage *shortage) __noreturn;

/**
 * shortage_set() - fill in what is missing
 * @shortage: filled in; may be NULL
 * @remedy: how to get it
 * @format: what is missing, as in printf()
 *
 * Return: false, for ``return shortage_set(...)``.
 */
bool shortage_set(struct shortage *shortage, const char *remedy,
		  const char *format, ...) __printf(3, 4);

/**
 * CHECK() - fail unless a condition holds
 * @condition: what must hold
 * @...: the reason, as in fail()
 */
#define CHECK(condition, ...)                                               \
	do {                                                                \
		if (__builtin_expect(!(condition), 0))                      \
			report_check_failed(__FILE__, __LINE__, #condition, \
					    __VA_ARGS__);                   \
	} while (0)

void report_check_failed(const char *file, int line, const char *condition,
			 const char *format, ...) __noreturn __printf(4, 5);

/**
 * errno_name() - name of an error number
 * @error: errno, or -errno
 *
 * Return: a static string such as "ENOENT"; "E???" for an unknown number.
 */
const char *errno_name(int error);

/* The functions below are for cases.c. */

/**
 * report_begin() - print the KTAP header and the plan
 * @plan: number of results to come
 */
void report_begin(unsigned int plan);

/**
 * report_case() - print the result of one case
 * @code: REPORT_PASS, REPORT_FAIL or REPORT_SKIP
 * @name: the case
 * @reason: printed if @code is REPORT_SKIP
 */
void report_case(int code, const char *name, const char *reason);

/**
 * report_end() - print the totals and end the program
 *
 * Exit code 1 if a case failed or the number of results differs from the plan, 4 if
 * all cases were skipped, else 0; never the other codes of kselftest.h, whose meaning
 * differs between releases.
 */
void report_end(void) __noreturn;

/**
 * report_to() - set where fail() and skip() store the reason
 * @result: in memory shared with the parent, with @code -1 and @claimed 0; NULL:
 *	outside a case
 */
void report_to(struct report_result *result);

#endif /* SECMMU_REPORT_H */
