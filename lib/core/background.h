/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Load beside a test, by a program that is made for it: stress-ng. It is a part
 * of the case that started it: seeded by it, judged with it, gone with it.
 */
#ifndef SECMMU_BACKGROUND_H
#define SECMMU_BACKGROUND_H

#include <stdbool.h>

#include "core/types.h"

struct background;

/**
 * struct background_request - what load there is to be
 * @arguments: stress-ng's, NULL at the end, such as "--switch", "1"; the seed
 *	and that there is no end are added
 * @limit_ms: it is ended after this time, whatever else happens; 0: some time
 *	after the case's share
 * @required: skip the case where stress-ng, or what it needs, is missing; else
 *	that is said, and the case runs without
 */
struct background_request {
	const char *const *arguments;
	u64 limit_ms;
	bool required;
};

/**
 * background_start() - begin
 * @request: what load
 *
 * The load has a process group of its own, and a keeper, who kills the whole
 * group at the end, at the limit, and when the calling thread is no more.
 *
 * Return: to be ended by background_end(). Context: the thread that runs the
 * case, best before there are others.
 */
struct background *background_start(const struct background_request *request);

/**
 * background_running() - is there any load?
 * @background: begun
 *
 * Return: false without stress-ng, or once it has ended by itself.
 */
bool background_running(const struct background *background);

/**
 * background_end() - end it, and judge it
 * @background: begun; freed
 *
 * Fails the case if stress-ng found something wrong (its exit code 2; if it was
 * still running, with a line that says "fail:": else it has not begun yet), could
 * not be started as asked for (1), or died. Codes 3 and 4 say that it lacks
 * something: see @required. On return none of its processes is left.
 */
void background_end(struct background *background);

#endif /* SECMMU_BACKGROUND_H */
