// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logging across changes of slots: deleted, created again, moved, resized,
 * with aliases, by the hundred and as large as can be, while vCPUs write and
 * threads harvest, and while the VM goes.
 */
#include <stdio.h>

#include "core/cases.h"
#include "core/options.h"
#include "core/report.h"
#include "dirty/dirty_vm.h"
#include "slot_cases.h"
#include "slot_changes.h"

#define CHECK_SLOT_BYTES  (2UL << 20)
#define STRESS_SLOT_BYTES (8UL << 20)
#define CHANGES_VCPUS	  2
#define CHECK_MODES	  2
#define STRESS_MODES	  3
#define CHECK_PACE_MS	  5
#define STRESS_PACE_MS	  20
/* A stress run goes deep: so many seconds for a case of the sample. */
#define STRESS_CASE_S 2

/* The matrix has one more dimension than the scene. */
enum { NUMBER_BODY = DIRTY_VM_DIMENSIONS, DIMENSIONS };

static void test_changes(const struct test_case *test)
{
	const struct options *chosen = options();
	bool stress = chosen->mode == MODE_STRESS;
	u64 memory = stress ? STRESS_SLOT_BYTES : CHECK_SLOT_BYTES;
	const struct slot_changes_config config = {
		.fixture = {
			.mode = test->number[DIRTY_VM_MODE],
			.backing = test->number[DIRTY_VM_BACKING],
			.geometry = test->number[DIRTY_VM_GEOMETRY],
			.vcpus = chosen->vcpus ? chosen->vcpus : CHANGES_VCPUS,
			.slot_bytes = chosen->memory ? chosen->memory : memory,
		},
		.duration_ns = case_duration_ns(),
		.modes = stress ? STRESS_MODES : CHECK_MODES,
		.pace_ms = stress ? STRESS_PACE_MS : CHECK_PACE_MS,
	};

	slot_changes_run(&config);
}

/* Bodies that take any harvester, backing and geometry. */
static const struct {
	const char *name;
	void (*run)(const struct test_case *test);
} bodies[] = {
	{ "recreate", slot_recreate }, { "move", slot_move_logged },
	{ "resize", slot_resize },     { "alias", slot_alias },
	{ "changes", test_changes },
};

#define BODIES (ARRAY_SIZE(bodies))

static size_t add_matrix(const struct options *options, struct test_case *cases,
			 size_t max)
{
	/* Only what is random is worth more time: the last one. */
	bool last = options->mode == MODE_STRESS && !options->case_glob;
	const struct case_matrix matrix = {
		.dimensions = DIMENSIONS,
		.levels = { DIRTY_MODE_COUNT, BACKING_GUEST_MEMFD,
			    GEOMETRY_COUNT, last ? 1 : BODIES },
		.allowed = dirty_vm_wanted,
	};
	static struct case_tuple tuples[DIRTY_MODE_COUNT * BACKING_KINDS *
					GEOMETRY_COUNT * BODIES];
	size_t tuple_count = cases_choose(options, &matrix, tuples,
					  ARRAY_SIZE(tuples));
	size_t count = 0, i, j;

	for (i = 0; i < tuple_count; i++) {
		const unsigned int *level = tuples[i].level;
		unsigned int body = last ? BODIES - 1 : level[NUMBER_BODY];
		struct test_case *test = case_add(cases, &count, max,
						  bodies[body].run);

		for (j = 0; j < DIRTY_VM_DIMENSIONS; j++)
			test->number[j] = level[j];
		snprintf(test->name, sizeof(test->name), "%s/%s/%s/%s",
			 bodies[body].name,
			 dirty_mode_name(level[DIRTY_VM_MODE]),
			 backing_name(level[DIRTY_VM_BACKING]),
			 geometry_name(level[DIRTY_VM_GEOMETRY]));
	}
	return count;
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	/* For so many of the harvesters, from the first; or for none. */
	static const struct {
		const char *name;
		void (*run)(const struct test_case *test);
		unsigned int modes;
		bool stress;
	} named[] = {
		{ "many", slot_many, DIRTY_MODE_COUNT, false },
		{ "largest", slot_largest, DIRTY_MODE_CLEAR_INITIALLY_SET,
		  false },
		{ "closed", slot_vm_closed, DIRTY_MODE_COUNT, true },
		{ "killed", slot_vm_killed, DIRTY_MODE_RING, true },
		{ "refused", slot_refused, DIRTY_MODE_COUNT, false },
		{ "refused/pfnmap", slot_refused_pfnmap, 0, false },
		{ "refused/guest_memfd", slot_refused_guest_memfd, 0, false },
	};
	size_t count = add_matrix(options, cases, max), i;
	unsigned int j;

	for (i = 0; i < ARRAY_SIZE(named); i++)
		for (j = 0; j < (named[i].modes ? named[i].modes : 1); j++) {
			struct test_case *test;

			if (options->mode == MODE_STRESS && !named[i].stress &&
			    !options->case_glob)
				continue;
			test = case_add(cases, &count, max, named[i].run);
			test->number[DIRTY_VM_MODE] = j;
			snprintf(test->name, sizeof(test->name), "%s%s%s",
				 named[i].name, named[i].modes ? "/" : "",
				 named[i].modes ? dirty_mode_name(j) : "");
		}
	return cases_keep_for_stress(options, cases, count, sizeof(*cases),
				     STRESS_CASE_S);
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "dirty_log_slots_test",
		.summary =
			"no write is lost, and none is invented, while logged slots come and go",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
