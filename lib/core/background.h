/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Background load by stress-ng. It belongs to the case that started it: it gets the
 * case's seed, its errors fail the case, and it is killed with the case.
 */
#ifndef SECMMU_BACKGROUND_H
#define SECMMU_BACKGROUND_H

#include <stdbool.h>

#include "core/types.h"

struct background;

/**
 * struct background_request - the load to start
 * @arguments: arguments of stress-ng, NULL at the end, such as "--switch", "1"; the
 *	seed and "--timeout 0" are added
 * @limit_ms: the load is stopped after this time, in milliseconds; 0: 60 s more than
 *	the case's share of time
 * @required: skip the case if stress-ng, or a resource that it needs, is missing;
 *	false: print that, and run the case without load
 */
struct background_request {
	const char *const *arguments;
	u64 limit_ms;
	bool required;
};

/**
 * background_start() - start the load
 * @request: the load
 *
 * The load has a separate process group, and a supervisor process that kills the group
 * at the end, at the time limit, and when the calling thread exits.
 *
 * Context: the thread that runs the case, preferably before it starts others.
 * Return: the load; stopped and freed by background_end().
 */
struct background *background_start(const struct background_request *request);

/**
 * background_running() - is stress-ng running?
 * @background: the load
 *
 * Return: false without stress-ng, or after it exited.
 */
bool background_running(const struct background *background);

/**
 * background_end() - stop the load, and check its result
 * @background: the load; freed
 *
 * Fails the case if stress-ng reported an error (exit code 2; after a stop only with a
 * line "fail:", since stressors that have not started yet count as failed), could not
 * start (1), or was killed. Codes 3 and 4 mean a missing resource: see @required. On
 * return all its processes have exited.
 */
void background_end(struct background *background);

#endif /* SECMMU_BACKGROUND_H */
