// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shadow of a physical-ID table follows the guest's table by its rules: each
 * rule and each boundary is a case, for the driver's two personalities.
 */
#include <stdio.h>
#include <string.h>

#include "core/options.h"
#include "core/report.h"
#include "shadow_rules.h"

static void add(struct test_case *cases, size_t *count, size_t max,
		const struct shadow_rule *rule,
		enum secmmu_avic_personality personality)
{
	struct test_case *new = &cases[*count];

	CHECK(*count < max, "more than %zu cases", max);
	*new = (struct test_case){
		.run = rule->run,
		.data = rule->data,
		.number = { personality, rule->choice },
	};
	snprintf(new->name, sizeof(new->name), "%s/%s", rule->name,
		 personality == SECMMU_AVIC_RFC ? "rfc" : "fixed");
	(*count)++;
}

/*
 * Where the RFC is right, its rules are those that the others keep, too: a check
 * has them for its faults only.
 */
static bool is_wanted(const struct options *options, const char *name)
{
	return options->mode != MODE_CHECK || options->case_glob ||
	       !strncmp(name, "fault/", 6);
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	const struct shadow_rule *const lists[] = {
		shadow_follow_rules,
		shadow_slot_rules,
		shadow_fault_rules,
	};
	const struct shadow_rule *rule;
	size_t count = 0, i;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		for (rule = lists[i]; rule->name; rule++) {
			add(cases, &count, max, rule, SECMMU_AVIC_FIXED);
			if (is_wanted(options, rule->name))
				add(cases, &count, max, rule, SECMMU_AVIC_RFC);
		}
	}
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "physid_shadow_test",
		.summary =
			"the shadow of a physical-ID table follows it by its rules, and the RFC's faults show",
		.cases = list_cases,
		.needs = AVIC_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
