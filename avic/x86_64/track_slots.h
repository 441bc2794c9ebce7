/* SPDX-License-Identifier: GPL-2.0-only */
/* Cases of write_track_test about pages and slots, and what all of them share. */
#ifndef AVIC_TRACK_SLOTS_H
#define AVIC_TRACK_SLOTS_H

#include "core/cases.h"
#include "track_vm.h"

#define TRACK_SMALL_BYTES (16 * 4096UL)
/* Offsets in the slot: a tracked page, and one behind it that may be, too. */
#define TRACK_PAGE_ONE 0x4000UL
#define TRACK_PAGE_TWO 0x5000UL

/* One vCPU, and a slot of small pages. */
extern const struct track_vm_config track_small;

/* Bodies of cases; what each claims is said where it is. */
void track_test_twice(const struct test_case *test);
void track_test_two_trackers(const struct test_case *test);
void track_test_slot_deleted(const struct test_case *test);
void track_test_slot_moved(const struct test_case *test);
void track_test_dirty_logged(const struct test_case *test);
void track_test_refused(const struct test_case *test);
/* track_oracle.c */
void track_oracle(const struct test_case *test);
/* track_tables.c */
void track_page_table(const struct test_case *test);

#endif /* AVIC_TRACK_SLOTS_H */
