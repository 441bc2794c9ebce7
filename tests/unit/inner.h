/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A unit test that must see a whole program fail runs itself once more, as
 * another program: the inner one.
 */
#ifndef SECMMU_INNER_H
#define SECMMU_INNER_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/types.h"

#define INNER_TEXT_MAX (256U << 10)

/**
 * struct inner - an inner program
 * @pid: its process
 * @out_fd: what it writes to stdout goes here
 * @err_fd: what it writes to stderr goes here
 * @code: its exit code, or -SIGNAL
 * @out: what it has written to stdout
 * @err: what it has written to stderr
 */
struct inner {
	pid_t pid;
	int out_fd, err_fd;
	int code;
	char *out;
	char *err;
};

/**
 * inner_wanted() - is this the inner program?
 *
 * Return: true if main() is to be the inner program's.
 */
bool inner_wanted(void);

/**
 * inner_start() - start the inner program
 * @inner: to be filled
 * @arguments: NULL at the end; NULL: none
 * @environment: "NAME=VALUE", NULL at the end; NULL: no more than without
 */
void inner_start(struct inner *inner, const char *const *arguments,
		 const char *const *environment);

/**
 * inner_wait_for() - wait until it has written something to stdout
 * @inner: started by inner_start()
 * @text: what to wait for; fails the case if it does not come within 10 s
 */
void inner_wait_for(struct inner *inner, const char *text);

/**
 * inner_finish() - wait for its end and take what it wrote
 * @inner: started by inner_start()
 */
void inner_finish(struct inner *inner);

/**
 * inner_run() - inner_start() and inner_finish()
 * @inner: to be filled
 * @arguments: NULL at the end; NULL: none
 * @environment: "NAME=VALUE", NULL at the end; NULL: no more than without
 */
void inner_run(struct inner *inner, const char *const *arguments,
	       const char *const *environment);

/**
 * inner_expect() - fail unless it wrote this to stdout
 * @inner: finished
 * @text: what must be there
 */
void inner_expect(const struct inner *inner, const char *text);

/**
 * inner_expect_not() - fail if it wrote this to stdout
 * @inner: finished
 * @text: what must not be there
 */
void inner_expect_not(const struct inner *inner, const char *text);

/**
 * inner_expect_code() - fail unless this was the exit code
 * @inner: finished
 * @code: exit code, or -SIGNAL
 */
void inner_expect_code(const struct inner *inner, int code);

/**
 * inner_count() - how often it wrote this to stdout
 * @inner: finished
 * @text: what to count
 *
 * Return: how often.
 */
unsigned int inner_count(const struct inner *inner, const char *text);

#endif /* SECMMU_INNER_H */
