/* SPDX-License-Identifier: GPL-2.0-only */
/* Slowdown of guests that write while they are logged. */
#ifndef SECMMU_GUEST_SPEED_H
#define SECMMU_GUEST_SPEED_H

#include "core/cases.h"

/**
 * bench_guest_speed() - a case
 * @test: its first two numbers are the dirty-log mode and the kind of memory
 */
void bench_guest_speed(const struct test_case *test);

#endif
