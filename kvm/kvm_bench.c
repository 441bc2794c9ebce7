// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a stage 2 / NPT costs: a fault, by what is mapped and how; faults of many
 * vCPUs at a time; the notifier that takes mappings away; a change of a slot,
 * against how many there are. Every line is "json: {...}" (lib/samples.h).
 *
 * The mode of KVM (nvhe, vhe, protected, nested or shadow paging) is the
 * target's: a run on several targets has them beside each other in its report.
 * Memory that is read, executed and written has been populated by the host, so
 * what is measured is KVM's part.
 *
 * No row in prove/matrix: a wrong mapping would be found by stage2_ops_test,
 * whose rows these are.
 */
#include <stdio.h>

#include "mem/backing.h"
#include "core/cases.h"
#include "fault_cost.h"
#include "core/options.h"
#include "core/report.h"
#include "slot_cost.h"

#define CASE_S 600

static bool wanted(enum backing_kind kind, const struct options *options)
{
	static const enum backing_kind in_check[] = {
		BACKING_ANONYMOUS,
		BACKING_ANONYMOUS_THP,
		BACKING_HUGETLB_1G,
	};
	size_t i;

	if (!backing_wanted(kind))
		return false;
	if (options->backing || options->mode != MODE_CHECK ||
	    options->case_glob)
		return true;
	for (i = 0; i < ARRAY_SIZE(in_check); i++)
		if (kind == in_check[i])
			return true;
	return false;
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	static const struct {
		const char *name;
		void (*run)(const struct test_case *test);
	} kinds[] = {
		{ "fault", bench_faults },
		{ "throughput", bench_throughput },
	};
	enum backing_kind backing;
	struct test_case *test;
	size_t count = 0, i;

	test = case_add(cases, &count, max, bench_slots);
	test->timeout_s = CASE_S;
	snprintf(test->name, sizeof(test->name), "slots");
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (backing = 0; backing < BACKING_GUEST_MEMFD; backing++) {
			if (!wanted(backing, options))
				continue;
			test = case_add(cases, &count, max, kinds[i].run);
			test->number[FAULT_BACKING] = backing;
			test->timeout_s = CASE_S;
			snprintf(test->name, sizeof(test->name), "%s/%s",
				 kinds[i].name, backing_name(backing));
		}
	}
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "kvm_bench",
		.summary = "what a stage 2 costs, as JSON lines",
		.all_ms = CASES_BENCH_MS,
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
