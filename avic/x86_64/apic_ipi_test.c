// SPDX-License-Identifier: GPL-2.0-only
/*
 * No interrupt between vCPUs is lost, comes twice, or goes astray: whatever the
 * way it is sent, whatever its target does, and while what inhibits hardware's
 * delivery (AVIC, APICv) comes and goes.
 */
#include <stdio.h>

#include "core/background.h"
#include "core/cases.h"
#include "core/clock.h"
#include "ipi_vm.h"
#include "core/options.h"
#include "core/report.h"

#define VCPUS_DEFAULT 3
#define VCPUS_STRESS  6
/* What is enough in check mode, beside the VM that has to be made. */
#define CHECK_NS (120 * NSEC_PER_MSEC)

static const char *const modes[] = {
	[APIC_XAPIC] = "xapic",
	[APIC_X2APIC] = "x2apic",
};

static const char *const states[] = {
	[IPI_RUNNING] = "running",
	[IPI_HALTED] = "halted",
	[IPI_MOVING] = "moving",
};

static const struct {
	const char *name;
	u32 methods;
} kinds[] = {
	{ "fixed", 1U << IPI_PHYSICAL | 1U << IPI_LOGICAL },
	{ "lowest_priority", 1U << IPI_LOWEST },
	{ "nmi", 1U << IPI_NMI },
	{ "all", 1U << IPI_ALL },
	{ "all_but_self", 1U << IPI_OTHERS },
	{ "self", 1U << IPI_SELF },
};

static const struct {
	const char *name;
	enum ipi_inhibit inhibit;
	bool xapic_only;
} inhibits[] = {
	{ "block_irq", IPI_BLOCK_IRQ, false },
	{ "ldr_alias", IPI_LDR_ALIAS, true },
	{ "apic_id", IPI_APIC_ID, true },
	{ "extint", IPI_EXTINT, false },
	{ "pit_reinject", IPI_PIT_REINJECT, false },
	{ "auto_eoi", IPI_AUTO_EOI, false },
	{ "vmrun", IPI_VMRUN, false },
};

#define COUNT(array) (ARRAY_SIZE(array))
#define TUPLES	     (COUNT(modes) * COUNT(kinds) * COUNT(states))
#define EVERY_METHOD ((1U << IPI_METHOD) - 1)

/* Places in test_case.number. */
enum {
	NUMBER_MODE,
	NUMBER_METHOD,
	NUMBER_STATE,
	NUMBER_NOTIFIER_OP,
};

static void run(const struct test_case *test)
{
	static const char *const switches[] = { "--switch", "1", "--cpu", "1",
						NULL };
	const struct background_request request = { .arguments = switches };
	bool stress = options()->mode == MODE_STRESS;
	struct ipi_config config = {
		.mode = test->number[NUMBER_MODE],
		.methods = (u32)test->number[NUMBER_METHOD],
		.state = test->number[NUMBER_STATE],
		.inhibit = test->number[NUMBER_NOTIFIER_OP],
		.vcpus = stress ? VCPUS_STRESS : VCPUS_DEFAULT,
		.duration_ns = case_duration_ns(),
	};
	struct background *background = NULL;

	if (options()->vcpus)
		config.vcpus = options()->vcpus;
	if (options()->mode == MODE_CHECK && !options()->duration_s &&
	    config.duration_ns > CHECK_NS)
		config.duration_ns = CHECK_NS;
	if (stress)
		background = background_start(&request);
	ipi_run(&config);
	if (background)
		background_end(background);
}

static void add_plain(struct test_case *test, const unsigned int *level)
{
	*test = (struct test_case){
		.run = run,
		.number = { level[0], kinds[level[1]].methods, level[2] },
		/* Where there is only one, nothing can be moved. */
		.needs.cpus = level[2] == IPI_MOVING ? 2 : 0,
	};
	snprintf(test->name, sizeof(test->name), "%s/%s/%s", modes[level[0]],
		 kinds[level[1]].name, states[level[2]]);
}

/* All ways, while something is disturbing. */
static size_t add_inhibited(struct test_case *cases)
{
	size_t count = 0, mode, i;

	for (mode = 0; mode < COUNT(modes); mode++) {
		for (i = 0; i < COUNT(inhibits); i++) {
			if (inhibits[i].xapic_only && mode != APIC_XAPIC)
				continue;
			cases[count] = (struct test_case){
				.run = run,
				/* One with each state that is left. */
				.number = { mode, EVERY_METHOD,
					    i % 2 ? IPI_HALTED : IPI_RUNNING,
					    inhibits[i].inhibit },
			};
			snprintf(cases[count].name, sizeof(cases[count].name),
				 "%s/disturbed/%s", modes[mode],
				 inhibits[i].name);
			count++;
		}
	}
	return count;
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	static const struct case_matrix matrix = {
		.dimensions = 3,
		.levels = { COUNT(modes), COUNT(kinds), COUNT(states) },
	};
	struct case_tuple tuples[TUPLES];
	size_t count = cases_choose(options, &matrix, tuples, TUPLES), i;

	if (count + 2 * COUNT(inhibits) > max)
		fail("more than %zu cases", max);
	for (i = 0; i < count; i++)
		add_plain(&cases[i], tuples[i].level);
	count += add_inhibited(cases + count);
	return cases_keep_for_stress(options, cases, count, sizeof(*cases), 3);
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "apic_ipi_test",
		.summary =
			"no interrupt between vCPUs is lost, doubled or astray",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
