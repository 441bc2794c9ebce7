/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a test says: KTAP by the kernel's kselftest.h, which only report.c
 * includes, because the releases 6.1 to 7.3 differ in what it offers.
 *
 * Everything may be called from any thread, in the program's first process and
 * in the children that cases.c forks.
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
 * struct shortage - something that this machine lacks, and how to get it
 * @what: what is missing, such as "CONFIG_KVM=y"; printed after "needs "
 * @remedy: what the reader can do, such as "load the module kvm_amd"
 */
struct shortage {
	char what[192];
	char remedy[256];
};

/**
 * struct report_result - how a case ended, in memory shared with the parent
 * @code: REPORT_FAIL or REPORT_SKIP once @reason is whole; -1 before
 * @claimed: set by the first thread that fails or skips; all later ones are
 *	only consequences of it and stay silent
 * @reason: one line
 */
struct report_result {
	int code;
	int claimed;
	char reason[REPORT_REASON_MAX];
};

/**
 * report_info() - say something about the test that runs
 * @format: as printf()'s
 *
 * Each line gets "# " before it, and the whole is one write(2), so lines of
 * several threads and processes never mix. Text beyond 4 KiB is cut.
 */
void report_info(const char *format, ...) __printf(1, 2);

/**
 * report_value() - a figure for later comparison
 * @key: what was measured, one word
 * @value: the figure
 * @unit: its unit, such as "pages/s"; "" if it has none
 *
 * Prints "# value: KEY=VALUE UNIT".
 */
void report_value(const char *key, double value, const char *unit);

/**
 * fail() - the kernel (or this machine) did what it must not: end the case
 * @format: as printf()'s. The first line must be clear to a person who has
 *	never seen the suite: it becomes the reason of the failure. Facts may
 *	follow in further lines
 *
 * Ends the child that runs the case, from whichever thread; outside a case it
 * ends the program with exit code 1.
 */
void fail(const char *format, ...) __noreturn __printf(1, 2);

/**
 * skip() - this machine lacks what the case needs: end the case
 * @what: what is missing; printed after "needs "
 * @remedy: how to get it
 */
void skip(const char *what, const char *remedy) __noreturn;

/**
 * skip_for() - skip() with what another function found missing
 * @shortage: filled by that function
 */
void skip_for(const struct shortage *shortage) __noreturn;

/**
 * shortage_set() - fill in what is missing
 * @shortage: to be filled; NULL if nobody wants to know
 * @remedy: how to get it
 * @format: what is missing, as printf()'s
 *
 * Return: false, so that a function which looks for something can end by
 * ``return shortage_set(...)``.
 */
bool shortage_set(struct shortage *shortage, const char *remedy,
		  const char *format, ...) __printf(3, 4);

/**
 * CHECK() - fail unless a condition holds
 * @condition: what must hold
 * @...: format and values that say what went wrong, as for fail()
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
 * errno_name() - an error number by name
 * @error: errno, or a negative one as the kernel returns it
 *
 * Return: "ENOENT" and the like; "E???" for numbers that have no name (this
 * is a static string, valid for ever, from any thread).
 */
const char *errno_name(int error);

/*
 * The rest is between report.c and cases.c.
 */

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
 * Exit code 1 if anything failed or the plan was not kept, 4 if everything
 * was skipped, else 0; never the others of kselftest.h, whose meaning changed
 * between releases.
 */
void report_end(void) __noreturn;

/**
 * report_to() - where fail() and skip() leave the reason
 * @result: in memory shared with the parent, @code -1 and @claimed 0; NULL:
 *	not in a case
 */
void report_to(struct report_result *result);

#endif /* SECMMU_REPORT_H */
