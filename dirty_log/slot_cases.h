/* SPDX-License-Identifier: GPL-2.0-only */
/* Logging across changes of slots, step by step: one vCPU at a time runs. */
#ifndef SECMMU_SLOT_CASES_H
#define SECMMU_SLOT_CASES_H

#include "core/cases.h"

/* Bodies of cases whose numbers are the scene's dimensions, then EXACT_*. */
void slot_recreate(const struct test_case *test);
void slot_move_logged(const struct test_case *test);
void slot_resize(const struct test_case *test);
void slot_alias(const struct test_case *test);
void slot_refused(const struct test_case *test);

/* Bodies of cases that have the harvester only, or nothing to choose. */
void slot_many(const struct test_case *test);
void slot_largest(const struct test_case *test);
void slot_refused_pfnmap(const struct test_case *test);
void slot_refused_guest_memfd(const struct test_case *test);

#endif
