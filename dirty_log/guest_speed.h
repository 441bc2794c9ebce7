/* SPDX-License-Identifier: GPL-2.0-only */
/* How much slower guests write while they are logged. */
#ifndef SECMMU_GUEST_SPEED_H
#define SECMMU_GUEST_SPEED_H

#include "core/cases.h"

/**
 * bench_guest_speed() - a case
 * @test: its first two numbers are the harvester and the kind of memory
 */
void bench_guest_speed(const struct test_case *test);

#endif
