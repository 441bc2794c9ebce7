// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs write and dirty logging flips while the host does all that makes MMU
 * notifiers fire on the same memory: each alone, then several at random. No write
 * is missing in the dirty log, and none misses the memory that the host sees: a
 * notifier must have taken the guest's mapping, huge or small, away before another
 * page is installed (kvm_mmu_notifier_invalidate_range_start()).
 */
#include <stdio.h>
#include <string.h>

#include "core/cases.h"
#include "mem/notifier_op.h"
#include "core/options.h"
#include "core/report.h"
#include "storm.h"

/* A stress run goes deep: so many seconds for a case of the sample. */
#define STRESS_CASE_S  2
#define BACKGROUND_MAX 8
/* One migrate_pages() of a busy process took an emulated machine 20 s. */
#define HEAVY_TIMEOUT_S 180
#define CONFIG_MAX	160

#define D(name) NOTIFIER_BIT(NOTIFIER_##name)

/* What only a storm of its own has: it can be done a few times, or needs much. */
#define SINGLE_ONLY (D(OFFLINE) | D(MIGRATE) | D(RECLAIM))
#define BY_UFFD	    (D(MISSING) | D(MINOR) | D(WRITE_PROTECT))

/**
 * struct storm_kind - what the host does in a storm
 * @name: as cases use it
 * @set: NOTIFIER_BIT()s; of a mix, those that do not fit a kind of memory are left
 *	out there
 * @mix: several that have little to do with each other: 2 of them at least must
 *	fit, each geometry is tried, and two threads do operations
 * @random: each run of it leaves out some, by its seed
 * @anonymous: only of anonymous memory: a file keeps its huge page when a part of
 *	it is unmapped
 * @background: stress-ng's arguments for the load beside it in a stress run. Not
 *	--ksm: the targets' stress-ng is older; nor --madvise: for root it poisons
 *	pages of its own (MADV_HWPOISON), and dies of it
 */
struct storm_kind {
	const char *name;
	unsigned int set;
	bool mix;
	bool random;
	bool anonymous;
	const char *background[BACKGROUND_MAX];
};

static const struct storm_kind kinds[] = {
	{ "discard", D(DISCARD),
	  .background = { "--vm", "1", "--vm-bytes", "10%", "--vm-madvise",
			  "dontneed" } },
	{ "page_out", D(PAGE_OUT),
	  .background = { "--vm", "1", "--vm-bytes", "10%" } },
	{ "reclaim", D(RECLAIM),
	  .background = { "--vm", "1", "--vm-bytes", "10%" } },
	{ "protect", D(PROTECT), .background = { "--switch", "1" } },
	{ "remap", D(REMAP), .background = { "--mremap", "1" } },
	{ "replace", D(REPLACE), .background = { "--mremap", "1" } },
	{ "fork", D(FORK), .background = { "--fork", "1" } },
	{ "clear_refs", D(CLEAR_REFS), .background = { "--switch", "1" } },
	{ "ksm", D(MERGE) | D(UNMERGE) | D(ZERO),
	  .background = { "--vm", "1", "--vm-bytes", "10%", "--vm-madvise",
			  "mergeable" } },
	{ "collapse", D(COLLAPSE) | D(SPLIT),
	  .background = { "--vm", "1", "--vm-bytes", "10%", "--vm-madvise",
			  "hugepage" } },
	{ "khugepaged", D(KHUGEPAGED) | D(DISCARD),
	  .background = { "--vm", "1", "--vm-bytes", "10%", "--vm-madvise",
			  "hugepage" } },
	{ "split", D(SPLIT) | D(NO_HUGE), .background = { "--fork", "1" } },
	/* Parts of huge pages are unmapped, and what is left is made huge again. */
	{ "split_unmap", D(REPLACE) | D(COLLAPSE), .anonymous = true,
	  .background = { "--mremap", "1" } },
	{ "bind", D(BIND), .background = { "--numa", "1" } },
	{ "move_pages", D(MOVE_PAGES), .background = { "--switch", "1" } },
	{ "migrate_pages", D(MIGRATE), .background = { "--switch", "1" } },
	{ "numa_balancing", D(BALANCE), .background = { "--switch", "1" } },
	{ "compact", D(COMPACT),
	  .background = { "--vm", "1", "--vm-bytes", "10%" } },
	{ "uffd_missing", D(MISSING),
	  .background = { "--vm", "1", "--vm-bytes", "10%", "--vm-madvise",
			  "dontneed" } },
	{ "uffd_minor", D(MINOR), .background = { "--switch", "1" } },
	{ "uffd_write_protect", D(WRITE_PROTECT),
	  .background = { "--switch", "1" } },
	{ "soft_offline", D(OFFLINE), .background = { "--switch", "1" } },
	{ "mix_rights",
	  D(PROTECT) | D(CLEAR_REFS) | D(FORK) | D(BALANCE) | D(NO_HUGE),
	  .mix = true, .background = { "--fork", "1" } },
	{ "mix_places",
	  D(REMAP) | D(BIND) | D(MOVE_PAGES) | D(COLLAPSE) | D(SPLIT) |
		  D(COMPACT),
	  .mix = true, .background = { "--mremap", "1" } },
	{ "mix_contents",
	  D(DISCARD) | D(REPLACE) | D(PAGE_OUT) | D(MERGE) | D(UNMERGE) |
		  D(ZERO),
	  .mix = true, .background = { "--vm", "1", "--vm-bytes", "10%" } },
	{ "mix_uffd",
	  D(MISSING) | D(MINOR) | D(PROTECT) | D(PAGE_OUT) | D(FORK) |
		  D(MOVE_PAGES),
	  .mix = true,
	  .background = { "--vm", "1", "--vm-bytes", "10%", "--vm-madvise",
			  "dontneed" } },
	{ "mix_any",
	  ~(SINGLE_ONLY | BY_UFFD) & (NOTIFIER_BIT(NOTIFIER_OPS) - 1),
	  .mix = true, .random = true,
	  .background = { "--vm", "1", "--vm-bytes", "10%" } },
};
#define KINDS (ARRAY_SIZE(kinds))

enum { NUMBER_STORM = DIRTY_VM_DIMENSIONS, DIMENSIONS };

/* What of a storm can be done to memory of a kind; 0: it is no storm there. */
static unsigned int set_for(const struct storm_kind *kind,
			    enum backing_kind backing)
{
	unsigned int set;

	if (kind->anonymous && backing != BACKING_ANONYMOUS &&
	    backing != BACKING_ANONYMOUS_THP)
		return 0;
	set = notifier_ops_fitting(kind->set, backing);
	/* Shared memory's faults are of one sort or the other. */
	if (kind->mix && set & D(MINOR))
		set &= ~D(MISSING);
	if (kind->mix)
		return __builtin_popcount(set) >= 2 ? set : 0;
	return set == kind->set ? set : 0;
}

static bool allowed(const unsigned int *tuple, const void *context)
{
	const struct storm_kind *kind = &kinds[tuple[NUMBER_STORM]];

	if (!dirty_vm_wanted(tuple, context) ||
	    !set_for(kind, tuple[DIRTY_VM_BACKING]))
		return false;
	/* Where something lies matters to mixes of all; hugetlb cannot move. */
	return tuple[DIRTY_VM_GEOMETRY] == GEOMETRY_ALIGNED ||
	       (kind->mix && !backing_is_hugetlb(tuple[DIRTY_VM_BACKING]));
}

/* About half of them, 2 at least. */
static unsigned int some_of(unsigned int set)
{
	struct random_stream random;
	unsigned int some;

	case_random(&random, "what to do", 0);
	do
		some = set & (unsigned int)random_u64(&random);
	while (__builtin_popcount(some) < 2);
	return some;
}

static void test_storm(const struct test_case *test)
{
	const struct storm_kind *kind = &kinds[test->number[NUMBER_STORM]];
	unsigned int set = set_for(kind, test->number[DIRTY_VM_BACKING]);
	struct storm_config config = {
		.fixture = {
			.mode = test->number[DIRTY_VM_MODE],
			.backing = test->number[DIRTY_VM_BACKING],
			.geometry = test->number[DIRTY_VM_GEOMETRY],
			.slots = 1,
		},
		.set = kind->random ? some_of(set) : set,
		.background = options()->mode == MODE_STRESS ?
				      kind->background :
				      NULL,
		.triggers = kind->mix ? 2 : 1,
	};

	storm_configure(&config);
	storm_run(&config);
}

/* What all of a set need; the text is for as long as the program runs. */
static struct needs needs_of(unsigned int set)
{
	static char texts[KINDS * BACKING_KINDS][CONFIG_MAX];
	static unsigned int sets[KINDS * BACKING_KINDS], count;
	struct needs sum = { 0 };
	unsigned int i, known;

	for (known = 0; known < count && sets[known] != set; known++)
		;
	for (i = 0; i < NOTIFIER_OPS; i++) {
		const struct needs *one = &notifier_op_info(i)->needs;

		if (!(set & NOTIFIER_BIT(i)))
			continue;
		sum.root |= one->root;
		if (one->nodes > sum.nodes)
			sum.nodes = one->nodes;
		if (one->kernel_min > sum.kernel_min)
			sum.kernel_min = one->kernel_min;
		if (!one->config || known < count)
			continue;
		if (texts[known][0])
			strcat(texts[known], " ");
		if (strlen(texts[known]) + strlen(one->config) + 2 > CONFIG_MAX)
			fail("the needs of a storm are longer than %u",
			     CONFIG_MAX);
		strcat(texts[known], one->config);
	}
	if (known == count)
		sets[count++] = set;
	if (texts[known][0])
		sum.config = texts[known];
	return sum;
}

static bool is_heavy(unsigned int set)
{
	unsigned int i;

	for (i = 0; i < NOTIFIER_OPS; i++)
		if (set & NOTIFIER_BIT(i) &&
		    notifier_op_info(i)->flags & NOTIFIER_HEAVY)
			return true;
	return false;
}

static void fill_case(struct test_case *test, const unsigned int *level)
{
	const struct storm_kind *kind = &kinds[level[NUMBER_STORM]];
	unsigned int i;

	test->needs = needs_of(set_for(kind, level[DIRTY_VM_BACKING]));
	/* What a mix pages out again and again is copied by a fault for each page. */
	if (kind->mix || is_heavy(kind->set))
		test->timeout_s = HEAVY_TIMEOUT_S;
	for (i = 0; i < DIMENSIONS; i++)
		test->number[i] = level[i];
	snprintf(test->name, sizeof(test->name), "%s/%s/%s/%s",
		 dirty_mode_name(level[DIRTY_VM_MODE]),
		 backing_name(level[DIRTY_VM_BACKING]),
		 geometry_name(level[DIRTY_VM_GEOMETRY]), kind->name);
}

/* One of a storm's memories and geometries, by the seed. */
static bool choose_one(struct random_stream *random, unsigned int *level)
{
	unsigned int fits = 0, backing, geometry;
	u64 which;

	for (backing = 0; backing < BACKING_GUEST_MEMFD; backing++) {
		for (geometry = 0; geometry < GEOMETRY_COUNT; geometry++) {
			level[DIRTY_VM_BACKING] = backing;
			level[DIRTY_VM_GEOMETRY] = geometry;
			fits += allowed(level, NULL);
		}
	}
	which = random_below(random, fits);
	for (backing = 0; backing < BACKING_GUEST_MEMFD; backing++) {
		for (geometry = 0; geometry < GEOMETRY_COUNT; geometry++) {
			level[DIRTY_VM_BACKING] = backing;
			level[DIRTY_VM_GEOMETRY] = geometry;
			if (allowed(level, NULL) && !which--)
				return true;
		}
	}
	return false;
}

/*
 * Each storm, with a bitmap, which every machine has; the mixes also with each
 * kind of ring: what a notifier does to rings does not depend on why it came.
 */
static size_t sample(const struct options *options, struct test_case *cases,
		     size_t max)
{
	static const enum dirty_mode bitmaps[] = {
		DIRTY_MODE_LOG, DIRTY_MODE_CLEAR, DIRTY_MODE_CLEAR_INITIALLY_SET
	};
	struct random_stream random;
	unsigned int level[DIMENSIONS];
	size_t count = 0, i, ring;

	random_init(&random, options->seed, random_number("storm sample", 0));
	for (i = 0; i < KINDS; i++) {
		level[NUMBER_STORM] = (unsigned int)i;
		level[DIRTY_VM_MODE] = bitmaps[random_below(&random, 3)];
		if (choose_one(&random, level))
			fill_case(case_add(cases, &count, max, test_storm),
				  level);
	}
	for (ring = 0; ring < DIRTY_MODE_RINGS; ring++) {
		do
			level[NUMBER_STORM] = random_below(&random, KINDS);
		while (!kinds[level[NUMBER_STORM]].mix);
		level[DIRTY_VM_MODE] = dirty_mode_rings[ring];
		if (choose_one(&random, level))
			fill_case(case_add(cases, &count, max, test_storm),
				  level);
	}
	return count;
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	const struct case_matrix matrix = {
		.dimensions = DIMENSIONS,
		.levels = { DIRTY_MODE_COUNT, BACKING_GUEST_MEMFD,
			    GEOMETRY_COUNT, KINDS },
		.allowed = allowed,
	};
	static struct case_tuple tuples[DIRTY_MODE_COUNT * BACKING_KINDS *
					GEOMETRY_COUNT * KINDS];
	size_t tuple_count, count = 0, i;

	if (options->mode != MODE_ALL && !options->case_glob)
		return cases_keep_for_stress(options, cases,
					     sample(options, cases, max),
					     sizeof(cases[0]), STRESS_CASE_S);
	tuple_count = cases_every_tuple(&matrix, tuples, ARRAY_SIZE(tuples));
	for (i = 0; i < tuple_count; i++)
		fill_case(case_add(cases, &count, max, test_storm),
			  tuples[i].level);
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "dirty_log_storm_test",
		.summary =
			"no write is lost or attributed to another page while notifier operations hit logged memory",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
