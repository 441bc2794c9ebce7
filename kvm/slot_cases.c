// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memslots one by one: what is refused, what is read-only, the same memory in two
 * slots, holes that are filled, and huge mappings that come back.
 */
#include <stdio.h>
#include <string.h>

#include "dirty/mapping.h"
#include "core/report.h"
#include "slot_cases.h"
#include "slot_rules.h"
#include "stage2_vm.h"
#include "kvm/stamp.h"

/* Pages of a slot, or huge pages. */
#define PAGES 16
#define HUGE  2
/* Where another slot can be. */
#define GPA_OTHER   (GPA_TEST + (1ULL << 30))
#define SLOT_OTHER  (SLOT_TEST_FIRST + 1)
#define SLOT_UNUSED (SLOT_TEST_FIRST + 2)
/* How often a hole is filled; each page at least twice. */
#define FILLINGS 40
/* A check is content with so many kinds of huge pages; --all has all. */
#define QUICK 2
/* Touches of a huge page; one would tell nothing. */
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

/* Where the guest accesses from now on; its own tables have it already. */
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
	      "the guest came to memory at %#llx, where no slot is that it could %s",
	      gpa, access == WRITER_STORE ? "write" : "read");
	CHECK(seen.gpa == gpa && seen.is_store == (access == WRITER_STORE) &&
		      (!seen.is_store || seen.value == stamp(0, 1)),
	      "the guest touched %#llx, user space was told of a %s at %#llx, value %#llx",
	      gpa, seen.is_store ? "store" : "load", seen.gpa, seen.value);
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
		/* And all is as before. */
		look_at(&fixture, GPA_TEST);
		stage2_vm_expect_words(&fixture, 0, 0, fixture.pages, 1);
		look_at(&fixture, GPA_OTHER);
		stage2_vm_expect_words(&fixture, 0, 0, fixture.pages, 1);
	}
	report_info("%u changes refused", rule);
	slot_delete(&other);
	stage2_vm_destroy(&fixture);
}

static void test_read_only(const struct test_case *test)
{
	struct stage2_vm fixture;
	u64 page;

	build(&fixture, test->number[0]);
	/* What was writable a moment ago is not any more. */
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
	/* The host writes as it likes. */
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
	/* One goes, the other stays; the host takes the memory from both. */
	slot_delete(&fixture.slot);
	expect_hole(&fixture, WRITER_LOAD, 0);
	look_at(&fixture, GPA_OTHER);
	stage2_vm_expect_words(&fixture, 1, 0, fixture.pages, 1);
	create_again(&fixture, GPA_TEST, KVM_MEM_READONLY);
	stage2_vm_store(&fixture, 0, fixture.pages, 1);
	look_at(&fixture, GPA_TEST);
	expect_hole(&fixture, WRITER_STORE, 1);
	CHECK(!backing_discard(&fixture.backing, 0, fixture.backing.size),
	      "cannot give the memory back");
	stage2_vm_expect_words(&fixture, -1, 0, fixture.pages, 1);
	look_at(&fixture, GPA_OTHER);
	stage2_vm_expect_words(&fixture, -1, 0, fixture.pages, 1);
	slot_delete(&other);
	expect_hole(&fixture, WRITER_STORE, 0);
	stage2_vm_destroy(&fixture);
}

/*
 * x86 notes in its page tables where no slot is, and by a generation of slots
 * whether that still holds (check_mmio_spte()).
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

/* ---- huge mappings come back ----------------------------------------------- */

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
	      "huge mappings have not come back after %s: before %s; after %s",
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
		skip("a kernel that tells how memory is mapped",
		     "use one with KVM's statistics or the event kvm_guest_fault");
	CHECK(mapping_huge_pages(&before) >=
		      fixture.backing.size / fixture.huge,
	      "memory of huge pages is not mapped by them");

	slot_delete(&fixture.slot);
	create_again(&fixture, GPA_TEST, 0);
	expect_as_before(&fixture, &probe, &before, "the slot was made anew");

	fixture.slot.gpa = GPA_OTHER;
	slot_set(&fixture.slot);
	look_at(&fixture, GPA_OTHER);
	expect_as_before(&fixture, &probe, &before, "the slot was moved");

	/* A slot of which no whole huge page is left. */
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
			 "a part of the memory had a slot of its own");
	mapping_probe_close(&probe);
	stage2_vm_destroy(&fixture);
}

static bool is_wanted(enum backing_kind kind)
{
	const char *only = options()->backing;

	return backing_exists(kind) &&
	       (!only || !strcmp(only, backing_name(kind)));
}

size_t slot_cases(const struct options *options, struct test_case *cases,
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
		{ "read_only", "stores end in user space, and change nothing",
		  test_read_only, true, true },
		{ "alias", "two slots of one memory: both have it, each alone",
		  test_alias, true, true },
		{ "rebuild", "huge mappings come back with the slot",
		  test_rebuild, false, true },
	};
	const size_t huge_count = ARRAY_SIZE(huge);
	size_t count = 0, i, j;

	if (max < 2 + ARRAY_SIZE(kinds) * (huge_count + 1))
		fail("more than %zu cases", max);
	cases[count++] = (struct test_case){
		.name = "refused/all",
		.plan = "each wrong change gets its errno, and changes nothing",
		.run = test_refused,
	};
	cases[count++] = (struct test_case){
		.name = "hole/filled",
		.plan = "where no slot was is memory, and again none",
		.run = test_hole,
	};
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (j = 0; j <= huge_count; j++) {
			enum backing_kind kind = j ? huge[j - 1] :
						     BACKING_ANONYMOUS;

			if (j > QUICK && options->mode == MODE_CHECK &&
			    !options->case_glob)
				continue;
			if (!is_wanted(kind) ||
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
