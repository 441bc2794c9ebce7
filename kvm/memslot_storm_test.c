// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memslots are created, deleted, moved and changed while vCPUs access them. A
 * guest finds the memory of the current slot, never that of an earlier one, and
 * an access outside every slot exits to user space.
 *
 * The storm is memslot_storm.c. The other cases take single steps: changes that
 * KVM must reject, read-only slots, two slots of one memory, slots created in
 * holes, and huge mappings that are restored with the slot.
 */
#include <stdio.h>
#include <string.h>

#include "core/cases.h"
#include "core/options.h"
#include "core/random.h"
#include "core/report.h"
#include "dirty/mapping.h"
#include "kvm/stamp.h"
#include "memslot_storm.h"
#include "operation.h"
#include "slot_rules.h"
#include "stage2_vm.h"

#define CHECK_VCPUS    2
#define STRESS_VCPUS   4
#define CHECK_UNITS    64
#define STRESS_UNITS   256
#define CHECK_PACE_MS  8
#define STRESS_PACE_MS 20
/* Cases of a check where closing a VM takes seconds. */
#define SLOW_CASES 8
/* Time of each sampled case in a stress run, seconds. */
#define STRESS_CASE_S 3

/* Size of a slot: pages, or huge pages. */
#define PAGES 16
#define HUGE  2
/* Address of a second slot. */
#define GPA_OTHER   (GPA_TEST + (1ULL << 30))
#define SLOT_OTHER  (SLOT_TEST_FIRST + 1)
#define SLOT_UNUSED (SLOT_TEST_FIRST + 2)
/* How often a slot is created in a hole; each page is accessed twice at least. */
#define FILLINGS 40
/* Kinds of huge pages in a check; --all has all kinds. */
#define QUICK 2
/* Accesses to each huge page: one access would not tell its mapping size. */
#define TOUCHES 4

static void build(struct stage2_vm *fixture, enum backing_kind kind)
{
	u64 page = backing_page_size(kind);
	struct stage2_vm_config config = {
		.backing = kind,
		.bytes = page >= backing_thp_size() ? HUGE * page :
						      PAGES * page,
	};

	stage2_vm_create(fixture, &config);
	if (fixture->backing.huge &&
	    backing_host_huge_bytes(&fixture->backing) < config.bytes)
		skip("free huge pages, which the host did not give",
		     "give the machine more memory, or compact it");
}

/* The guest accesses memory at @gpa from here on; its page tables map it. */
static void look_at(struct stage2_vm *fixture, u64 gpa)
{
	fixture->gpa = gpa;
}

static void map_other(struct stage2_vm *fixture)
{
	vm_map(fixture->vm, GPA_OTHER, GPA_OTHER, fixture->backing.size,
	       fixture->huge);
}

static void expect_hole(struct stage2_vm *fixture, enum writer_access access,
			u64 page)
{
	enum vcpu_event event = stage2_vm_try(fixture, access, page, 1, 1);
	struct vcpu *vcpu = &fixture->vm->vcpus[0];
	unsigned long long gpa = fixture->gpa + page * fixture->page;
	struct vcpu_access seen;

	CHECK(event == VCPU_OTHER && vcpu_access(vcpu, &seen),
	      "a %s at %#llx, outside every %sslot, expected an exit to user space, got memory",
	      access == WRITER_STORE ? "store" : "load", gpa,
	      access == WRITER_STORE ? "writable " : "");
	CHECK(seen.gpa == gpa && seen.is_store == (access == WRITER_STORE) &&
		      (!seen.is_store || seen.value == stamp(0, 1)),
	      "a %s at %#llx exited to user space as a %s at %#llx, value %#llx",
	      access == WRITER_STORE ? "store" : "load", gpa,
	      seen.is_store ? "store" : "load", seen.gpa, seen.value);
}

static void create_again(struct stage2_vm *fixture, u64 gpa, u32 flags)
{
	fixture->slot.gpa = gpa;
	fixture->slot.size = fixture->backing.size;
	fixture->slot.flags = flags;
	slot_set(&fixture->slot);
}

static void test_refused(const struct test_case *test)
{
	struct stage2_vm fixture;
	struct memslot other;
	unsigned int rule;

	(void)test;
	build(&fixture, BACKING_ANONYMOUS);
	map_other(&fixture);
	slot_add(fixture.vm, &other, SLOT_OTHER, GPA_OTHER, &fixture.backing,
		 0);
	for (rule = 0; rule < slot_rules_count(); rule++) {
		slot_rule_try(&fixture.slot, &other, SLOT_UNUSED, rule);
		/* A rejected change changes nothing. */
		look_at(&fixture, GPA_TEST);
		stage2_vm_expect_words(&fixture, 0, 0, fixture.pages, 1);
		look_at(&fixture, GPA_OTHER);
		stage2_vm_expect_words(&fixture, 0, 0, fixture.pages, 1);
	}
	report_info("%u changes rejected", rule);
	slot_delete(&other);
	stage2_vm_destroy(&fixture);
}

static void test_read_only(const struct test_case *test)
{
	struct stage2_vm fixture;
	u64 page;

	build(&fixture, test->number[0]);
	/* The memory is mapped writable before its slot is read-only. */
	stage2_vm_store(&fixture, 0, fixture.pages, 1);
	slot_delete(&fixture.slot);
	stage2_vm_fill(&fixture, 1);
	create_again(&fixture, GPA_TEST, KVM_MEM_READONLY);
	for (page = 0; page < fixture.pages; page += fixture.pages / PAGES) {
		expect_hole(&fixture, WRITER_STORE, page);
		stage2_vm_expect_words(&fixture, 1, page, 1, 1);
		expect_hole(&fixture, WRITER_STORE, page);
	}
	stage2_vm_expect_words(&fixture, 1, 0, fixture.pages, 1);
	/* The host may write. */
	stage2_vm_fill(&fixture, 2);
	stage2_vm_expect_words(&fixture, 2, 0, fixture.pages, 1);
	slot_delete(&fixture.slot);
	create_again(&fixture, GPA_TEST, 0);
	stage2_vm_store(&fixture, 0, fixture.pages, 1);
	stage2_vm_destroy(&fixture);
}

static void test_alias(const struct test_case *test)
{
	struct stage2_vm fixture;
	struct memslot other;

	build(&fixture, test->number[0]);
	map_other(&fixture);
	slot_add(fixture.vm, &other, SLOT_OTHER, GPA_OTHER, &fixture.backing,
		 0);
	stage2_vm_expect_words(&fixture, 0, 0, fixture.pages, 1);
	look_at(&fixture, GPA_OTHER);
	stage2_vm_store(&fixture, 0, fixture.pages, 1);
	stage2_vm_fill(&fixture, 1);
	stage2_vm_expect_words(&fixture, 1, 0, fixture.pages, 1);
	look_at(&fixture, GPA_TEST);
	stage2_vm_expect_words(&fixture, 1, 0, fixture.pages, 1);
	/* One slot is deleted, the other stays; then the host unmaps both. */
	slot_delete(&fixture.slot);
	expect_hole(&fixture, WRITER_LOAD, 0);
	look_at(&fixture, GPA_OTHER);
	stage2_vm_expect_words(&fixture, 1, 0, fixture.pages, 1);
	create_again(&fixture, GPA_TEST, KVM_MEM_READONLY);
	stage2_vm_store(&fixture, 0, fixture.pages, 1);
	look_at(&fixture, GPA_TEST);
	expect_hole(&fixture, WRITER_STORE, 1);
	CHECK(!backing_discard(&fixture.backing, 0, fixture.backing.size),
	      "cannot discard the memory");
	stage2_vm_expect_words(&fixture, -1, 0, fixture.pages, 1);
	look_at(&fixture, GPA_OTHER);
	stage2_vm_expect_words(&fixture, -1, 0, fixture.pages, 1);
	slot_delete(&other);
	expect_hole(&fixture, WRITER_STORE, 0);
	stage2_vm_destroy(&fixture);
}

/*
 * x86 caches in its page tables that an address has no slot. Such an entry is
 * valid for one generation of memslots (check_mmio_spte()).
 */
static void test_hole(const struct test_case *test)
{
	struct stage2_vm fixture;
	u64 page, i;

	(void)test;
	build(&fixture, BACKING_ANONYMOUS);
	slot_delete(&fixture.slot);
	for (i = 0; i < FILLINGS; i++) {
		page = i % fixture.pages;
		expect_hole(&fixture, WRITER_LOAD, page);
		expect_hole(&fixture, WRITER_STORE, page);
		stage2_vm_fill(&fixture, i);
		create_again(&fixture, GPA_TEST, 0);
		stage2_vm_expect_words(&fixture, (s64)i, page, 1, 1);
		slot_delete(&fixture.slot);
		expect_hole(&fixture, WRITER_LOAD, page);
		expect_hole(&fixture, WRITER_STORE, page);
	}
	stage2_vm_destroy(&fixture);
}

/* ---- huge mappings are restored -------------------------------------------- */

static void measure(struct stage2_vm *fixture, struct mapping_probe *probe,
		    struct mapping_sizes *sizes)
{
	u64 stride = fixture->huge / TOUCHES;

	mapping_probe_begin(probe);
	stage2_vm_access(fixture, WRITER_STORE, 0,
			 fixture->backing.size / stride,
			 stride / fixture->page);
	mapping_probe_end(probe, &fixture->slot, 1, stride, sizes);
}

static void expect_as_before(struct stage2_vm *fixture,
			     struct mapping_probe *probe,
			     const struct mapping_sizes *before,
			     const char *when)
{
	struct mapping_sizes after;
	char text[2][128];

	measure(fixture, probe, &after);
	CHECK(!before->known || mapping_recovered(before, &after),
	      "huge mappings were not restored after %s: expected %s, got %s",
	      when, mapping_text(before, text[0], sizeof(text[0])),
	      mapping_text(&after, text[1], sizeof(text[1])));
}

static void test_rebuild(const struct test_case *test)
{
	struct mapping_probe probe;
	struct mapping_sizes before;
	struct stage2_vm fixture;
	u64 half;

	build(&fixture, test->number[0]);
	map_other(&fixture);
	mapping_probe_open(&probe, fixture.vm,
			   fixture.backing.size / fixture.huge * TOUCHES);
	measure(&fixture, &probe, &before);
	if (!before.known)
		skip("a kernel that reports mapping sizes",
		     "use one with KVM's statistics or the event kvm_guest_fault");
	CHECK(mapping_huge_pages(&before) >=
		      fixture.backing.size / fixture.huge,
	      "memory of %llu huge pages got %llu huge mappings",
	      fixture.backing.size / fixture.huge, mapping_huge_pages(&before));

	slot_delete(&fixture.slot);
	create_again(&fixture, GPA_TEST, 0);
	expect_as_before(&fixture, &probe, &before,
			 "the slot was deleted and created");

	fixture.slot.gpa = GPA_OTHER;
	slot_set(&fixture.slot);
	look_at(&fixture, GPA_OTHER);
	expect_as_before(&fixture, &probe, &before, "the slot was moved");

	/* A slot that holds no whole huge page. */
	half = fixture.huge / 2;
	slot_delete(&fixture.slot);
	fixture.slot.gpa = GPA_TEST + half;
	fixture.slot.hva = (char *)fixture.backing.hva + half;
	fixture.slot.size = half;
	slot_set(&fixture.slot);
	look_at(&fixture, GPA_TEST + half);
	stage2_vm_access(&fixture, WRITER_STORE, 0, half / fixture.page, 1);
	slot_delete(&fixture.slot);
	fixture.slot.hva = fixture.backing.hva;
	create_again(&fixture, GPA_TEST, 0);
	look_at(&fixture, GPA_TEST);
	expect_as_before(&fixture, &probe, &before,
			 "a slot over a part of the memory");
	mapping_probe_close(&probe);
	stage2_vm_destroy(&fixture);
}

/* ---- the storm and the cases ------------------------------------------------ */

enum { BACKING, LAYOUT, ACCESSES, DIMENSIONS };

static const char *const layouts[] = { "aligned", "skewed" };
static const char *const accesses[] = { "data", "code" };

static void test_storm(const struct test_case *test)
{
	const struct options *chosen = options();
	bool stress = chosen->mode == MODE_STRESS;
	struct memslot_storm_config config = {
		.backing = test->number[BACKING],
		.skewed = test->number[LAYOUT],
		.fetches = test->number[ACCESSES],
		.vcpus = stress ? STRESS_VCPUS : CHECK_VCPUS,
		.units = stress ? STRESS_UNITS : CHECK_UNITS,
		.duration_ns = case_duration_ns(),
		.pace_ms = stress ? STRESS_PACE_MS : CHECK_PACE_MS,
	};

	if (chosen->vcpus)
		config.vcpus = chosen->vcpus < STORM_VCPUS ? chosen->vcpus :
							     STORM_VCPUS;
	memslot_storm_run(&config);
}

static bool is_allowed(const unsigned int *tuple, const void *context)
{
	(void)context;
	return backing_wanted(tuple[BACKING]);
}

static size_t slot_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	static const enum backing_kind huge[] = {
		BACKING_ANONYMOUS_THP, BACKING_HUGETLB_2M,
		BACKING_HUGETLB_32M,   BACKING_SHMEM_THP,
		BACKING_MEMFD_HUGETLB,
	};
	static const struct {
		const char *name, *plan;
		void (*run)(const struct test_case *test);
		bool pages, blocks;
	} kinds[] = {
		{ "read_only",
		  "stores to a read-only slot exit to user space and change nothing",
		  test_read_only, true, true },
		{ "alias",
		  "two slots of one memory show the same contents, and each alone",
		  test_alias, true, true },
		{ "rebuild",
		  "huge mappings are restored when a slot is created or moved",
		  test_rebuild, false, true },
	};
	const size_t huge_count = ARRAY_SIZE(huge);
	size_t count = 0, i, j;

	if (max < 2 + ARRAY_SIZE(kinds) * (huge_count + 1))
		fail("more than %zu cases", max);
	cases[count++] = (struct test_case){
		.name = "refused/all",
		.plan = "an invalid change is rejected with its errno and changes nothing",
		.run = test_refused,
	};
	cases[count++] = (struct test_case){
		.name = "hole/filled",
		.plan = "an address has memory exactly while a slot covers it",
		.run = test_hole,
	};
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (j = 0; j <= huge_count; j++) {
			enum backing_kind kind = j ? huge[j - 1] :
						     BACKING_ANONYMOUS;

			if (j > QUICK && options->mode == MODE_CHECK &&
			    !options->case_glob)
				continue;
			if (!backing_wanted(kind) ||
			    !(j ? kinds[i].blocks : kinds[i].pages))
				continue;
			cases[count] = (struct test_case){
				.run = kinds[i].run,
				.plan = kinds[i].plan,
				.number = { kind },
			};
			snprintf(cases[count].name, sizeof(cases[count].name),
				 "%s/%s", kinds[i].name, backing_name(kind));
			count++;
		}
	}
	return count;
}

/* A random sample of the cases, in their order. */
static size_t keep_some(const struct options *options, struct test_case *cases,
			size_t count, size_t wanted)
{
	struct random_stream random;
	size_t kept = 0, i;

	random_init(&random, options->seed, random_number("slow VMs", 0));
	for (i = 0; i < count && kept < wanted; i++)
		if (random_chance(&random, wanted - kept, count - i))
			cases[kept++] = cases[i];
	return kept;
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	enum { LAYOUTS = ARRAY_SIZE(layouts) };
	enum { KINDS = ARRAY_SIZE(accesses) };
	const struct case_matrix matrix = {
		.dimensions = DIMENSIONS,
		.levels = { BACKING_KINDS, LAYOUTS, KINDS },
		.allowed = is_allowed,
	};
	static struct case_tuple tuples[BACKING_KINDS * LAYOUTS * KINDS];
	size_t tuple_count = cases_choose(options, &matrix, tuples,
					  ARRAY_SIZE(tuples));
	size_t count = 0, i, j;

	/* A stress run has storms only. */
	if (options->mode != MODE_STRESS || options->case_glob)
		count = slot_cases(options, cases, max);
	tuple_count = cases_keep_for_stress(options, tuples, tuple_count,
					    sizeof(tuples[0]), STRESS_CASE_S);
	for (i = 0; i < tuple_count; i++) {
		const unsigned int *level = tuples[i].level;
		struct test_case *test = case_add(cases, &count, max,
						  test_storm);

		test->plan =
			"slots are created, deleted, moved and changed under running vCPUs";
		for (j = 0; j < matrix.dimensions; j++)
			test->number[j] = level[j];
		snprintf(test->name, sizeof(test->name), "storm/%s/%s/%s",
			 backing_name(level[BACKING]), layouts[level[LAYOUT]],
			 accesses[level[ACCESSES]]);
	}
	/* Where closing a VM is slow, a check has a sample; --all has all cases. */
	if (options->mode == MODE_CHECK && !options->case_glob &&
	    !options->list && arch_vms_end_slowly())
		count = keep_some(options, cases, count, SLOW_CASES);
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "memslot_storm_test",
		.summary =
			"a guest finds the memory of the current slot while slots change",
		.cases = list_cases,
		.needs = { .root = true, .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
