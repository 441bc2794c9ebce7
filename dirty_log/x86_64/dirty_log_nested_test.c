// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest of the guest's (L2) writes, and the dirty log has it: by the guest
 * physical addresses of L1, whatever nested page tables L1 gives L2, with huge
 * pages at either level, while logging is flipped, and for L2's control block,
 * which KVM writes itself. While the host takes memory away under L2, it is not
 * missing in the host's memory either.
 *
 * The sizes of L0's mappings are judged before logging begins, and after it has
 * ended where no vCPU runs (sets).
 */
#include <stdio.h>
#include <string.h>

#include "core/bitmap.h"
#include "core/cases.h"
#include "mem/notifier_op.h"
#include "dirty/exact.h"
#include "../exact_vm.h"
#include "../flip.h"
#include "l2.h"
#include "l2_huge.h"
#include "dirty/mirror.h"
#include "core/options.h"
#include "core/report.h"
#include "../storm.h"
#include "../storm_guest.h"
#include "dirty/write_sets.h"

/* Two huge pages at least, so that they can be turned. */
#define SLOT_BYTES (4UL << 20)
/* A stress run goes deep: so many seconds for a case of the sample. */
#define STRESS_CASE_S 2
/* The sets of a check, from the end of the list but for those of every page. */
#define CHECK_SETS 4
/* Of the last one, which every page is in. */
#define WHOLE_SETS 2

/* The dimensions of the matrix. */
enum { N_MODE, N_BACKING, N_PAGING, N_BODY, DIMENSIONS };

/* ---- known sets --------------------------------------------------------- */

/* @l1: L1 itself makes them, on the same memory. */
static void store(struct exact *exact, struct writer_list *list, bool l1)
{
	exact->fixture.through = l1 ? NULL : l2_run;
	exact_store(exact, list);
}

static void store_whole(struct exact *exact)
{
	struct writer_list list = { 0 };

	write_set_whole(&list, exact->watched->slot);
	store(exact, &list, false);
}

static void run_sets(struct exact *exact, enum l2_paging paging)
{
	const struct write_set *sets;
	size_t count, i = 0;

	sets = write_sets(&count);
	if (options()->mode == MODE_CHECK) {
		count -= WHOLE_SETS;
		i = count - CHECK_SETS;
	}
	for (; i < count; i++) {
		struct writer_list list = { 0 };
		bool l1 = random_chance(&exact->random, 1, 4);

		sets[i].fill(&list, exact->watched->slot, &exact->random);
		bitmap_zero(exact->written, exact->watched->pages);
		write_set_pages(&list, exact->watched->slot, exact->written);
		if (!l1)
			l2_turn(&exact->fixture, paging, 0, exact->written);
		store(exact, &list, l1);
		exact_expect(exact, sets[i].name);
	}
	exact_expect_nothing(exact, "second harvest");
}

static void setup_exact(struct exact *exact, const struct test_case *test)
{
	struct test_case as = {
		.number = { [DIRTY_VM_MODE] = test->number[N_MODE],
			    [DIRTY_VM_BACKING] = test->number[N_BACKING],
			    [DIRTY_VM_GEOMETRY] = GEOMETRY_ALIGNED,
			    [EXACT_BYTES] = SLOT_BYTES },
	};

	exact_setup(exact, &as);
}

static void test_sets(const struct test_case *test)
{
	enum l2_paging paging = test->number[N_PAGING];
	struct mapping_sizes before;
	struct exact exact;

	setup_exact(&exact, test);
	l2_prepare(&exact.fixture, paging, 1);
	l2_huge_judge(&exact.fixture, paging);
	l2_huge_touch(&exact.fixture, &before);
	store_whole(&exact);
	exact_enable(&exact);
	exact_expect_nothing(&exact, "written before logging began");
	run_sets(&exact, paging);
	dirty_disable(exact.fixture.dirty, exact.watched);

	/* And once more, with huge mappings again where there are any. */
	if (before.known)
		l2_huge_recovered(&exact.fixture, &before);
	store_whole(&exact);
	exact_enable(&exact);
	exact_expect_nothing(&exact, "written while logging was off");
	run_sets(&exact, paging);
	exact_teardown(&exact);
}

/* ---- flips -------------------------------------------------------------- */

static void prepare_all(struct dirty_vm *fixture, unsigned long how)
{
	l2_prepare(fixture, how, 1);
	l2_huge_judge(fixture, how);
}

static void prepare_every_other(struct dirty_vm *fixture, unsigned long how)
{
	l2_prepare(fixture, how, 2);
	l2_huge_judge(fixture, how);
}

static void flip(const struct test_case *test,
		 void (*prepare)(struct dirty_vm *fixture, unsigned long how))
{
	struct flip_config config = {
		.fixture = {
			.mode = test->number[N_MODE],
			.backing = test->number[N_BACKING],
			.slots = 1,
		},
		.prepare = prepare,
		.how = test->number[N_PAGING],
	};

	flip_configure(&config);
	flip_run(&config);
}

static void test_flip(const struct test_case *test)
{
	flip(test, prepare_all);
}

/* L1 and L2 write the same memory. */
static void test_flip_mixed(const struct test_case *test)
{
	flip(test, prepare_every_other);
}

/* ---- the host takes memory away ----------------------------------------- */

#define D(name) NOTIFIER_BIT(NOTIFIER_##name)

/**
 * struct nested_storm - what the host does under L2
 * @name: as cases use it
 * @set: NOTIFIER_BIT()s; of several, those that do not fit a kind of memory are left
 *	out there
 * @neediest: one of them; the others need no more of the machine
 */
struct nested_storm {
	const char *name;
	unsigned int set;
	enum notifier_op neediest;
};

/*
 * How notifiers differ for KVM: pages go and come empty, come back with what was in
 * them, come back from swap, or lose rights. Who calls them matters to it no more
 * for L2 than for L1, and has all of dirty_log_storm_test.
 */
static const struct nested_storm storms[] = {
	{ "discard", D(DISCARD), NOTIFIER_DISCARD },
	{ "move_pages", D(MOVE_PAGES), NOTIFIER_MOVE_PAGES },
	{ "page_out", D(PAGE_OUT), NOTIFIER_PAGE_OUT },
	{ "protect", D(PROTECT), NOTIFIER_PROTECT },
	{ "mix", D(DISCARD) | D(PROTECT) | D(REMAP) | D(REPLACE) | D(FORK),
	  NOTIFIER_DISCARD },
};
#define STORMS	(ARRAY_SIZE(storms))
#define N_STORM N_BODY

static bool is_mix(const struct nested_storm *storm)
{
	return storm->set & (storm->set - 1);
}

static void prepare_storm(struct dirty_vm *fixture, unsigned long how)
{
	u64 turned;
	unsigned int i;

	l2_prepare(fixture, how, 1);
	l2_map_own(fixture, STORM_LEDGER_GPA, STORM_LEDGER_SIZE);
	turned = l2_turned(fixture, how, 0) / fixture->vm->page_size;
	for (i = 0; i < fixture->vm->vcpu_count; i++)
		l2_of(fixture->vm->vcpus[i].guest)->storm.turn = turned;
}

static void test_storm(const struct test_case *test)
{
	const struct nested_storm *storm = &storms[test->number[N_STORM]];
	struct storm_config config = {
		.fixture = {
			.mode = test->number[N_MODE],
			.backing = test->number[N_BACKING],
			.slots = 1,
		},
		.set = notifier_ops_fitting(storm->set,
					    test->number[N_BACKING]),
		.triggers = is_mix(storm) ? 2 : 1,
		.prepare = prepare_storm,
		.how = test->number[N_PAGING],
	};

	storm_configure(&config);
	if (!options()->memory && config.fixture.slot_bytes < SLOT_BYTES)
		config.fixture.slot_bytes = SLOT_BYTES;
	storm_run(&config);
}

/* ---- the control block -------------------------------------------------- */

static void expect_page(struct exact *exact, u64 page, const char *what)
{
	bitmap_zero(exact->written, exact->watched->pages);
	bitmap_set(exact->written, page);
	exact_expect(exact, what);
}

/*
 * VMRUN, #VMEXIT and VMSAVE write to pages of L1's by way of the kernel's own
 * mapping (kvm_vcpu_map()), VMCLEAR, VMPTRST and VMREAD by its copy functions: no
 * protection is in their way, and none tells.
 */
static void test_control_block(const struct test_case *test)
{
	u64 block, save, page;
	struct exact exact;
	struct vcpu *vcpu;

	setup_exact(&exact, test);
	page = exact.fixture.vm->page_size;
	block = random_below(&exact.random, exact.watched->pages);
	save = (block + 1) % exact.watched->pages;
	l2_prepare(&exact.fixture, test->number[N_PAGING], 1);
	vcpu = &exact.fixture.vm->vcpus[0];
	l2_set_control(vcpu, exact.watched->slot->gpa + block * page);
	/* Without L2, whose control block would be in the midst of it. */
	exact.fixture.through = NULL;
	vcpu_start(vcpu, l2_exit_only, exact.watched->slot->gpa + save * page);
	vcpu_run(vcpu, VCPU_SYNC);
	exact_enable(&exact);
	for (;;) {
		enum vcpu_event event =
			vcpu_run_one_of(vcpu,
					1U << VCPU_SYNC | 1U << VCPU_DONE);

		if (event == VCPU_DONE)
			break;
		if (vcpu->guest->call.argument[0] == 1)
			expect_page(&exact, block, "L2's control block");
		else
			expect_page(&exact, save, "what an instruction stores");
	}
	exact_expect_nothing(&exact, "L2 does not run");
	exact_teardown(&exact);
}

/* ---- the list ----------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(const struct test_case *test);
} bodies[] = {
	{ "sets", test_sets },
	{ "flip", test_flip },
	{ "mixed", test_flip_mixed },
};

#define BODIES (ARRAY_SIZE(bodies))

static bool wanted(const unsigned int *tuple, const void *context)
{
	const unsigned int as[DIRTY_VM_DIMENSIONS] = {
		[DIRTY_VM_BACKING] = tuple[N_BACKING],
	};

	return dirty_vm_wanted(as, context);
}

static bool storm_wanted(const unsigned int *tuple, const void *context)
{
	const struct nested_storm *storm = &storms[tuple[N_STORM]];
	unsigned int set = notifier_ops_fitting(storm->set, tuple[N_BACKING]);

	return dirty_mode_exists(tuple[N_MODE]) && wanted(tuple, context) &&
	       (is_mix(storm) ? set & (set - 1) : set);
}

static void fill_storm(struct test_case *test, const unsigned int *level)
{
	const struct nested_storm *storm = &storms[level[N_STORM]];
	unsigned int i;

	for (i = 0; i < DIMENSIONS; i++)
		test->number[i] = level[i];
	test->needs = notifier_op_info(storm->neediest)->needs;
	snprintf(test->name, sizeof(test->name), "storm_%s/%s/%s/%s",
		 storm->name, dirty_mode_name(level[N_MODE]),
		 backing_name(level[N_BACKING]),
		 l2_paging_name(level[N_PAGING]));
}

/* One storm for each kind of paging; which, and on what memory, says the seed. */
static size_t sample_storms(const struct options *options,
			    struct test_case *cases, size_t count, size_t max,
			    const struct case_tuple *tuples, size_t tuple_count)
{
	struct random_stream random;
	unsigned int paging;

	random_init(&random, options->seed,
		    random_number("nested storm sample", 0));
	for (paging = 0; paging < L2_PAGINGS; paging++) {
		u64 which = 0;
		size_t i;

		for (i = 0; i < tuple_count; i++)
			which += tuples[i].level[N_PAGING] == paging;
		if (!which)
			continue;
		which = random_below(&random, which);
		for (i = 0; tuples[i].level[N_PAGING] != paging || which--; i++)
			;
		fill_storm(case_add(cases, &count, max, test_storm),
			   tuples[i].level);
	}
	return count;
}

static size_t list_storms(const struct options *options,
			  struct test_case *cases, size_t count, size_t max)
{
	const struct case_matrix matrix = {
		.dimensions = DIMENSIONS,
		.levels = { DIRTY_MODE_COUNT, BACKING_GUEST_MEMFD, L2_PAGINGS,
			    STORMS },
		.allowed = storm_wanted,
	};
	static struct case_tuple
		tuples[DIRTY_MODE_COUNT * BACKING_KINDS * L2_PAGINGS * STORMS];
	size_t tuple_count, i;

	tuple_count = cases_every_tuple(&matrix, tuples, ARRAY_SIZE(tuples));
	if (options->mode != MODE_ALL && !options->case_glob)
		return sample_storms(options, cases, count, max, tuples,
				     tuple_count);
	for (i = 0; i < tuple_count; i++)
		fill_storm(case_add(cases, &count, max, test_storm),
			   tuples[i].level);
	return count;
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	/* Only what is random is worth more time: all but the first one. */
	unsigned int first = options->mode == MODE_STRESS &&
			     !options->case_glob;
	const struct case_matrix matrix = {
		.dimensions = DIMENSIONS,
		.levels = { DIRTY_MODE_COUNT, BACKING_GUEST_MEMFD, L2_PAGINGS,
			    BODIES - first },
		.allowed = wanted,
	};
	static struct case_tuple
		tuples[DIRTY_MODE_COUNT * BACKING_KINDS * L2_PAGINGS * BODIES];
	size_t tuple_count = cases_choose(options, &matrix, tuples,
					  ARRAY_SIZE(tuples));
	size_t count = 0, i, j;

	tuple_count = cases_keep_for_stress(options, tuples, tuple_count,
					    sizeof(tuples[0]), STRESS_CASE_S);
	for (i = 0; i < tuple_count; i++) {
		const unsigned int *level = tuples[i].level;
		struct test_case *test =
			case_add(cases, &count, max,
				 bodies[first + level[N_BODY]].run);

		for (j = 0; j < DIMENSIONS; j++)
			test->number[j] = level[j];
		snprintf(test->name, sizeof(test->name), "%s/%s/%s/%s",
			 bodies[first + level[N_BODY]].name,
			 dirty_mode_name(level[N_MODE]),
			 backing_name(level[N_BACKING]),
			 l2_paging_name(level[N_PAGING]));
	}
	for (i = 0; i < DIRTY_MODE_COUNT && !first; i++) {
		struct test_case *test = case_add(cases, &count, max,
						  test_control_block);

		test->number[N_MODE] = i;
		snprintf(test->name, sizeof(test->name), "control_block/%s",
			 dirty_mode_name(i));
	}
	return list_storms(options, cases, count, max);
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "dirty_log_nested_test",
		.summary =
			"what a guest of the guest's writes is in the dirty log",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
