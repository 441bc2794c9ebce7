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
#include "core/options.h"
#include "core/report.h"
#include "core/variant.h"
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
/* Cases of a scenario in a check where closing a VM takes seconds. */
#define SLOW_STORMS 3
#define SLOW_STEPS  1
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
/* Accesses to each huge page: one access would not tell its mapping size. */
#define TOUCHES 4

struct variant {
	enum backing_kind backing;
	bool skewed;
	bool fetches;
};

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

static void test_refused(void)
{
	struct stage2_vm fixture;
	struct memslot other;
	unsigned int rule;

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

static void test_read_only(const struct variant *variant)
{
	struct stage2_vm fixture;
	u64 page;

	build(&fixture, variant->backing);
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

static void test_alias(const struct variant *variant)
{
	struct stage2_vm fixture;
	struct memslot other;

	build(&fixture, variant->backing);
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
static void test_hole(void)
{
	struct stage2_vm fixture;
	u64 page, i;

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

static void test_rebuild(const struct variant *variant)
{
	struct mapping_probe probe;
	struct mapping_sizes before;
	struct stage2_vm fixture;
	u64 half;

	build(&fixture, variant->backing);
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

/* ---- the storm -------------------------------------------------------------- */

static void test_storm(const struct variant *variant)
{
	const struct options *chosen = options();
	bool stress = chosen->mode == MODE_STRESS;
	struct memslot_storm_config config = {
		.backing = variant->backing,
		.skewed = variant->skewed,
		.fetches = variant->fetches,
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

/* ---- the cases --------------------------------------------------------------- */

/* All kinds, guest_memfd included. */
static const struct choice *generate_backings(size_t *count)
{
	static struct choice list[BACKING_KINDS];

	for (*count = 0; *count < BACKING_KINDS; (*count)++)
		list[*count] = (struct choice)CHOICE(backing_name(*count),
						     *count);
	return list;
}

static bool backing_is_wanted(u64 kind)
{
	return backing_wanted((enum backing_kind)kind);
}

static const struct choices storm_backings = {
	.generate = generate_backings,
	.exists = backing_is_wanted,
};

static const struct choice layouts[] = { CHOICE("aligned", false),
					 CHOICE("skewed", true) };
static const struct choice accesses[] = { CHOICE("data", false),
					  CHOICE("code", true) };

static const struct dimension storm_dimensions[] = {
	DIMENSION(struct variant, backing, &storm_backings),
	DIMENSION_TABLE(struct variant, skewed, layouts),
	DIMENSION_TABLE(struct variant, fetches, accesses),
};

#define HUGE_BACKINGS                                                   \
	BACKING_ANONYMOUS_THP, BACKING_HUGETLB_2M, BACKING_HUGETLB_32M, \
		BACKING_SHMEM_THP, BACKING_MEMFD_HUGETLB

static const struct dimension all_sizes[] = {
	DIMENSION_SOME(struct variant, backing, &backings, BACKING_ANONYMOUS,
		       HUGE_BACKINGS),
};

static const struct dimension huge_sizes[] = {
	DIMENSION_SOME(struct variant, backing, &backings, HUGE_BACKINGS),
};

/* A check has two kinds of huge pages. */
static bool is_quick(const struct variant *variant)
{
	return variant->backing == BACKING_ANONYMOUS ||
	       variant->backing == BACKING_ANONYMOUS_THP ||
	       variant->backing == BACKING_HUGETLB_2M;
}

/* Where closing a VM is slow, a check has a sample; --all has all cases. */
static unsigned int steps_max(void)
{
	return arch_vms_end_slowly() ? SLOW_STEPS : 0;
}

static unsigned int storms_max(void)
{
	return arch_vms_end_slowly() ? SLOW_STORMS : 0;
}

#define STEP                                             \
	.sampling = SAMPLE_ALL, .no_stress = true,       \
	.sampled = VARIANT_IF(struct variant, is_quick), \
	.check_max = steps_max

static const struct scenario scenarios[] = {
	{ .name = "refused/all",
	  .plan = "an invalid change is rejected with its errno and changes nothing",
	  .run_alone = test_refused,
	  .no_stress = true },
	{ .name = "hole/filled",
	  .plan = "an address has memory exactly while a slot covers it",
	  .run_alone = test_hole,
	  .no_stress = true },
	SCENARIO("read_only", test_read_only, struct variant, all_sizes, STEP,
		 .plan = "a store to a read-only slot exits to user space and changes nothing"),
	SCENARIO("alias", test_alias, struct variant, all_sizes, STEP,
		 .plan = "two slots of one memory show the same contents, and each alone"),
	SCENARIO("rebuild", test_rebuild, struct variant, huge_sizes, STEP,
		 .plan = "huge mappings are restored when a slot is created or moved"),
	SCENARIO("storm", test_storm, struct variant, storm_dimensions,
		 .stress_s = STRESS_CASE_S, .check_max = storms_max,
		 .plan = "slots are created, deleted, moved and changed under running vCPUs"),
};

TEST_PROGRAM("memslot_storm_test",
	     "a guest finds the memory of the current slot while slots change",
	     scenarios, .needs = { .root = true, .kvm = true })
