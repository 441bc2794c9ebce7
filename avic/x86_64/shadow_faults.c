// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the RFC gets wrong: it has to be shown to be in exactly this way, and the
 * fixed rules are right. avic/README.md says which faults there are.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "core/report.h"
#include "shadow_rules.h"

#define JOIN_MS 20000
/* The RFC's APIC ID of a vCPU that runs nowhere, with 2 bytes. */
#define NO_APIC_ID 0xffffULL

/* ---- the RFC's faults -------------------------------------------------- */

static bool is_rfc(const struct test_case *test)
{
	return personality_of(test) == SECMMU_AVIC_RFC;
}

/* What the RFC gets wrong must be seen to be wrong. */
static void must_be_wrong(const struct test_case *test, bool wrong,
			  bool exactly)
{
	if (!is_rfc(test)) {
		CHECK(!wrong, "the fixed rules have the RFC's fault");
		return;
	}
	CHECK(wrong, "the RFC's fault does not show");
	CHECK(exactly, "the RFC's rules are wrong in another way than known");
}

/*
 * A: KVM stores first and tells then. Two vCPUs store, and the one that stored
 * first is heard last.
 */
static void test_fault_a(const struct test_case *test)
{
	struct thread_group *first, *second;
	struct secmmu_avic_entry entry;
	struct secmmu_avic_read read;
	struct shadow_fixture fixture;
	u64 expected;

	shadow_begin(&fixture, personality_of(test), 3);
	shadow_run(&fixture, 1, NULL, 0);
	shadow_fill(&fixture, 0, shadow_entry(4));
	avic_sync(&fixture.avic, fixture.table, 1);
	avic_arm(&fixture.avic, SECMMU_AVIC_AT_WRITE);
	first = shadow_store_begin(&fixture, 0, 0, shadow_running(4, 0));
	avic_await(&fixture.avic, SECMMU_AVIC_AT_WRITE);
	CHECK(*(volatile u64 *)fixture.table_memory.hva == shadow_running(4, 0),
	      "KVM tells of a write before it has happened");
	second = shadow_store_begin(&fixture, 1, 0, shadow_entry(4) | 1);
	thread_group_join(second, JOIN_MS);
	avic_release(&fixture.avic, SECMMU_AVIC_AT_WRITE);
	thread_group_join(first, JOIN_MS);
	CHECK(*(volatile u64 *)fixture.table_memory.hva ==
		      (shadow_entry(4) | 1),
	      "the later of two writes is not what memory has");
	entry = shadow_entry_of(&fixture, 0, &read);
	expected = shadow_expected(&fixture, shadow_entry(4) | 1, read.dummy);
	must_be_wrong(test, entry.shadow != expected,
		      entry.guest == shadow_running(4, 0) &&
			      entry.shadow == (expected | SECMMU_AVIC_RUNNING |
					       fixture.apic_id));
	shadow_end(&fixture);
}

/* The same, and the later write is one that erases. */
static void test_fault_a_parts(const struct test_case *test)
{
	struct thread_group *first, *second;
	struct secmmu_avic_entry entry;
	struct shadow_fixture fixture;

	shadow_begin(&fixture, personality_of(test), 3);
	shadow_run(&fixture, 1, NULL, 0);
	shadow_fill(&fixture, 0, shadow_running(4, 0));
	avic_sync(&fixture.avic, fixture.table, 1);
	avic_arm(&fixture.avic, SECMMU_AVIC_AT_WRITE);
	first = shadow_store_begin(&fixture, 0, 0, shadow_entry(5));
	avic_await(&fixture.avic, SECMMU_AVIC_AT_WRITE);
	second = shadow_store_begin(&fixture, 1, 0, shadow_entry(4));
	thread_group_join(second, JOIN_MS);
	avic_release(&fixture.avic, SECMMU_AVIC_AT_WRITE);
	thread_group_join(first, JOIN_MS);
	/* Memory has what was there but for is-running: nothing to erase. */
	entry = shadow_entry_of(&fixture, 0, NULL);
	must_be_wrong(test, !entry.shadow,
		      shadow_counters(&fixture).erased == 1);
	shadow_end(&fixture);
}

/* B: a vCPU that never ran has no CPU, and "no APIC ID" does not fit. */
static void test_fault_b(const struct test_case *test)
{
	struct secmmu_avic_entry entry[SECMMU_AVIC_ENTRIES];
	bool wrong = false, exactly = true;
	struct shadow_fixture fixture;
	struct secmmu_avic_read read;
	unsigned int i;

	shadow_begin(&fixture, personality_of(test), 3);
	for (i = 0; i < 16; i++)
		shadow_fill(&fixture, i, shadow_running(i, 2));
	avic_sync(&fixture.avic, fixture.table, 16);
	read = avic_read(&fixture.avic, fixture.table, entry);
	/* Of 16 pages, not all have addresses that end in 0xf000. */
	for (i = 0; i < 16; i++) {
		u64 page = shadow_physical(&fixture, i);

		wrong |= (entry[i].shadow & SECMMU_AVIC_BACKING) != page;
		exactly &= entry[i].shadow ==
			   (page | SECMMU_AVIC_VALID | SECMMU_AVIC_RUNNING |
			    NO_APIC_ID);
		if (!is_rfc(test))
			CHECK(entry[i].shadow ==
				      shadow_expected(&fixture,
						      shadow_running(i, 2),
						      read.dummy),
			      "entry %u of a vCPU that never ran is %#llx", i,
			      entry[i].shadow);
	}
	must_be_wrong(test, wrong, exactly);
	shadow_end(&fixture);
}

/* C: a write sets is-running in an entry whose page is the dummy. */
static void test_fault_c(const struct test_case *test)
{
	struct secmmu_avic_entry entry;
	struct secmmu_avic_read read;
	struct shadow_fixture fixture;

	shadow_begin(&fixture, personality_of(test), 3);
	shadow_fill(&fixture, 0, SECMMU_AVIC_VALID | SHADOW_NOWHERE_GPA);
	avic_sync(&fixture.avic, fixture.table, 1);
	shadow_store(&fixture, 0, 8,
		     SECMMU_AVIC_VALID | SECMMU_AVIC_RUNNING |
			     SHADOW_NOWHERE_GPA);
	entry = shadow_entry_of(&fixture, 0, &read);
	must_be_wrong(test, entry.shadow & SECMMU_AVIC_RUNNING,
		      entry.shadow == (read.dummy | SECMMU_AVIC_VALID |
				       SECMMU_AVIC_RUNNING | fixture.apic_id));
	if (!is_rfc(test))
		shadow_judge(&fixture, 1);
	shadow_end(&fixture);
}

/* D: tracking is switched on, then the table cannot be mapped. */
static void test_fault_d(const struct test_case *test)
{
	struct secmmu_avic_read read;
	struct shadow_fixture fixture;
	unsigned int i;

	shadow_begin(&fixture, personality_of(test), 3);
	shadow_fill_first(&fixture, 1);
	CHECK(!mprotect(fixture.table_memory.hva, PAGE, PROT_NONE),
	      "mprotect failed: %s", errno_name(errno));
	for (i = 0; i < 3; i++)
		CHECK(__avic_sync(&fixture.avic, fixture.table, 1) == -ENXIO,
		      "a table was read that cannot be");
	CHECK(!mprotect(fixture.table_memory.hva, PAGE, PROT_READ | PROT_WRITE),
	      "mprotect failed: %s", errno_name(errno));
	read = avic_read(&fixture.avic, fixture.table, NULL);
	must_be_wrong(test, read.kernel, read.kernel == 3 && read.tracked == 3);
	avic_sync(&fixture.avic, fixture.table, 1);
	if (!is_rfc(test))
		shadow_judge(&fixture, 1);
	shadow_end(&fixture);
}

/* E: the page is let go of while hardware would still see it. */
static void test_fault_e(const struct test_case *test)
{
	struct secmmu_avic_entry entry;
	struct thread_group *store;
	struct shadow_fixture fixture;
	u64 page;

	shadow_begin_known(&fixture, test, 1);
	page = shadow_physical(&fixture, 0);
	avic_arm(&fixture.avic, SECMMU_AVIC_AT_REMOVE);
	store = shadow_store_begin(&fixture, 0, 0, 0);
	avic_await(&fixture.avic, SECMMU_AVIC_AT_REMOVE);
	entry = shadow_entry_of(&fixture, 0, NULL);
	if (!is_rfc(test))
		CHECK(!shadow_counters(&fixture).unpinned,
		      "the page was unpinned before hardware lost sight of it");
	must_be_wrong(test, entry.shadow,
		      (entry.shadow & SECMMU_AVIC_BACKING) == page &&
			      shadow_counters(&fixture).unpinned == 1);
	avic_release(&fixture.avic, SECMMU_AVIC_AT_REMOVE);
	thread_group_join(store, JOIN_MS);
	shadow_judge_erased(&fixture, 1, 1);
	shadow_end(&fixture);
}

/* F: a table is erased that is in use, and nobody makes its users leave. */
static void test_fault_f(const struct test_case *test)
{
	struct secmmu_avic_counters counters;
	struct secmmu_avic_read read;
	struct shadow_fixture fixture;

	shadow_begin_known(&fixture, test, 4);
	avic_use(&fixture.avic, fixture.table);
	shadow_store(&fixture, 0, 8, 0);
	counters = shadow_counters(&fixture);
	read = avic_read(&fixture.avic, fixture.table, NULL);
	must_be_wrong(test, counters.pulled,
		      counters.pulled == 4 && !counters.left && !read.leave);
	if (!is_rfc(test))
		CHECK(read.leave && counters.left == 1 && read.retired == 4 &&
			      !counters.unpinned,
		      "a table was erased in use: %llu users told to leave, %u of 4 pages kept for them",
		      counters.left, read.retired);
	avic_unuse(&fixture.avic, fixture.table);
	read = avic_read(&fixture.avic, fixture.table, NULL);
	CHECK(!read.leave && !read.retired,
	      "the last user has left, and pages are still kept for users");
	shadow_judge_erased(&fixture, 1, 4);
	shadow_end(&fixture);
}

/* H: memory appears where there was none. */
static void test_fault_h_slot(const struct test_case *test)
{
	struct secmmu_avic_entry entry;
	struct secmmu_avic_read read;
	struct shadow_fixture fixture;

	shadow_begin(&fixture, personality_of(test), 3);
	shadow_fill_first(&fixture, 2);
	slot_delete(&fixture.backing_slot);
	avic_sync(&fixture.avic, fixture.table, 2);
	shadow_judge(&fixture, 2);
	fixture.backing_slot.size = fixture.backing_memory.size;
	slot_set(&fixture.backing_slot);
	avic_sync(&fixture.avic, fixture.table, 2);
	entry = shadow_entry_of(&fixture, 0, &read);
	must_be_wrong(test,
		      (entry.shadow & SECMMU_AVIC_BACKING) !=
			      shadow_physical(&fixture, 0),
		      entry.shadow == (read.dummy | SECMMU_AVIC_VALID));
	if (!is_rfc(test))
		shadow_judge(&fixture, 2);
	shadow_end(&fixture);
}

/* H: the process drops a backing page, and gets another one. */
static void test_fault_h_page(const struct test_case *test)
{
	struct secmmu_avic_entry entry;
	struct secmmu_avic_read read;
	struct shadow_fixture fixture;
	u64 old;

	shadow_begin_known(&fixture, test, 2);
	old = shadow_physical(&fixture, 1);
	CHECK(!backing_discard(&fixture.backing_memory, PAGE, PAGE),
	      "cannot drop a page: %s", errno_name(errno));
	((volatile u8 *)fixture.backing_memory.hva)[PAGE] = 1;
	CHECK(shadow_physical(&fixture, 1) != old,
	      "a page that is pinned is free for others");
	entry = shadow_entry_of(&fixture, 1, &read);
	if (!is_rfc(test))
		CHECK(entry.shadow == (read.dummy | SECMMU_AVIC_VALID),
		      "a page that the process has dropped is %#llx in the shadow, before it is synced",
		      entry.shadow);
	avic_sync(&fixture.avic, fixture.table, 2);
	entry = shadow_entry_of(&fixture, 1, NULL);
	must_be_wrong(test,
		      (entry.shadow & SECMMU_AVIC_BACKING) !=
			      shadow_physical(&fixture, 1),
		      (entry.shadow & SECMMU_AVIC_BACKING) == old);
	if (!is_rfc(test))
		shadow_judge(&fixture, 2);
	shadow_end(&fixture);
}

const struct shadow_rule shadow_fault_rules[] = {
	{ "fault/a_order", test_fault_a, 0, NULL },
	{ "fault/a_erased", test_fault_a_parts, 0, NULL },
	{ "fault/b_never_ran", test_fault_b, 0, NULL },
	{ "fault/c_dummy_runs", test_fault_c, 0, NULL },
	{ "fault/d_track_leaks", test_fault_d, 0, NULL },
	{ "fault/e_pin_first", test_fault_e, 0, NULL },
	{ "fault/f_in_use", test_fault_f, 0, NULL },
	{ "fault/h_slot_later", test_fault_h_slot, 0, NULL },
	{ "fault/h_page_dropped", test_fault_h_page, 0, NULL },
	{ NULL, NULL, 0, NULL },
};
