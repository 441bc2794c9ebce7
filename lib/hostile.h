/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests have in common that treat one of the suite's modules badly. */
#ifndef SECMMU_HOSTILE_H
#define SECMMU_HOSTILE_H

#include <stdint.h>

#include "random.h"

/**
 * hostile_number() - a field that may be anything
 * @random: stream
 *
 * Return: any number, mostly one that is odd in some way.
 */
uint64_t hostile_number(struct random_stream *random);

/**
 * hostile_remove_refused() - try to remove a module that is in use
 * @module: its name
 *
 * Fails the case if it is removed.
 */
void hostile_remove_refused(const char *module);

/**
 * hostile_judge_removal() - remove a module that nobody uses any more
 * @module: its name
 *
 * Fails the case if it cannot be removed. Does nothing if somebody has inserted
 * it by hand, and wants it (no SECMMU_DESTRUCTIVE in the environment).
 */
void hostile_judge_removal(const char *module);

#endif /* SECMMU_HOSTILE_H */
