/* SPDX-License-Identifier: GPL-2.0-only */
/* The rules of a shadow, each a case; and what their tests have in common. */
#ifndef AVIC_SHADOW_RULES_H
#define AVIC_SHADOW_RULES_H

#include <stdbool.h>

#include "core/cases.h"
#include "shadow.h"
#include "core/types.h"

#define PAGE 4096ULL
#define ALL  SECMMU_AVIC_ENTRIES

/**
 * struct shadow_rule - a case for either personality
 * @name: of the case; NULL: the end of the list
 * @run: its body
 * @choice: struct test_case.number[1]
 * @data: struct test_case.data
 */
struct shadow_rule {
	const char *name;
	void (*run)(const struct test_case *test);
	unsigned long choice;
	const void *data;
};

/* shadow_follow.c: what is built, merged, ignored, erased */
extern const struct shadow_rule shadow_follow_rules[];
/* shadow_slots.c: slots that come and go, more than one table */
extern const struct shadow_rule shadow_slot_rules[];
/* shadow_faults.c: what the RFC gets wrong */
extern const struct shadow_rule shadow_fault_rules[];

/* The personality that a case is about. */
static inline enum secmmu_avic_personality
personality_of(const struct test_case *test)
{
	return (enum secmmu_avic_personality)test->number[0];
}

/**
 * shadow_fill_first() - entries 0 to @count - 1: page n behind entry n, nobody runs
 * @fixture: the scene
 * @count: how many
 */
void shadow_fill_first(struct shadow_fixture *fixture, unsigned int count);

/**
 * shadow_begin_known() - a scene with so many entries, which the device knows
 * @fixture: to be filled
 * @test: the case
 * @count: how many
 */
void shadow_begin_known(struct shadow_fixture *fixture,
			const struct test_case *test, unsigned int count);

/**
 * shadow_counters() - what the device went through
 * @fixture: the scene
 *
 * Return: its counters.
 */
struct secmmu_avic_counters
shadow_counters(const struct shadow_fixture *fixture);

/**
 * shadow_entry_of() - look at an entry
 * @fixture: the scene
 * @number: of the entry
 * @read: gets the rest of what there is to know of the table, unless NULL
 *
 * Return: the entry.
 */
struct secmmu_avic_entry shadow_entry_of(const struct shadow_fixture *fixture,
					 unsigned int number,
					 struct secmmu_avic_read *read);

#endif /* AVIC_SHADOW_RULES_H */
