// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty rings where only x86 has them: instructions that KVM emulates push an
 * entry for each of their writes (mark_page_dirty_in_slot()), and system
 * management mode has an address space of its own, whose number is in the entry.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bitmap.h"
#include "core/cases.h"
#include "dirty/exact.h"
#include "dirty/mirror.h"
#include "prefix.h"
#include "core/report.h"
#include "kvm/x86_64/smm.h"

#include "dirty/dirty_vm.h"
#include "instructions.h"

#define SLOT_BYTES (4UL << 20)
/* Hundreds of pages. */
#define EMULATED_PAGES 512
/* In turn: an emulated instruction gets so far before the guest is entered. */
#define CHUNK_BYTES 8192
/* Rings that count as full so often, with nothing to harvest, stay so. */
#define FULL_TRIES 3

#define SMM_GPA	      0x40000000ULL
#define SMM_BYTES     (2UL << 20)
#define SMM_WORD_PAGE 100
#define SMM_ROUNDS    4
/* The vCPU's other address space. */
#define PLAIN_PAGE 7

static const enum dirty_mode rings[] = { DIRTY_MODE_RING,
					 DIRTY_MODE_RING_ACQ_REL };

#define RINGS (ARRAY_SIZE(rings))

/**
 * struct emulated - a slot that is written by emulated instructions
 * @fixture: VM, slot and harvester
 * @watched: the slot
 * @mirror: the slot as its ring tells it
 * @vcpu: that writes
 * @value: what is read where no memory is
 */
struct emulated {
	struct dirty_vm fixture;
	struct dirty_slot *watched;
	struct mirror *mirror;
	struct vcpu *vcpu;
	u64 value;
};

static void setup(struct emulated *emulated, const struct test_case *test)
{
	const struct dirty_vm_config config = {
		.mode = rings[test->number[0]],
		.backing = BACKING_ANONYMOUS,
		.vcpus = 1,
		.slots = 1,
		.slot_bytes = SLOT_BYTES,
		.ring_entries = dirty_mode_smallest_ring(
			rings[test->number[0]]),
	};
	struct memslot *slot;

	memset(emulated, 0, sizeof(*emulated));
	dirty_vm_init(&emulated->fixture, &config);
	emulated->vcpu = &emulated->fixture.vm->vcpus[0];
	emulated->watched = emulated->fixture.watched[0];
	slot = emulated->watched->slot;
	/* The page behind the slot is no memory. */
	vm_map(emulated->fixture.vm, slot->gpa + slot->size,
	       slot->gpa + slot->size, emulated->fixture.vm->page_size,
	       emulated->fixture.vm->page_size);
	emulated->mirror = mirror_new("the slot", slot->hva,
				      emulated->watched->pages,
				      emulated->fixture.vm->page_size);
	dirty_enable(emulated->fixture.dirty, emulated->watched);
	mirror_copy_all(emulated->mirror);
}

static void teardown(struct emulated *emulated)
{
	mirror_free(emulated->mirror);
	dirty_vm_destroy(&emulated->fixture);
}

static u32 harvest(struct emulated *emulated)
{
	u32 pending = dirty_ring_pending(emulated->vcpu);

	dirty_harvest(emulated->fixture.dirty, emulated->watched, NULL);
	mirror_take(emulated->mirror, emulated->watched->fresh);
	return pending;
}

static void answer(struct emulated *emulated)
{
	char text[256];

	CHECK(vcpu_answer(emulated->vcpu,
			  ++emulated->value * 0x9e3779b97f4a7c15ULL),
	      "an exit that is no read of what is no memory: %s",
	      vcpu_exit_text(emulated->vcpu, text, sizeof(text)));
}

/* Run to the end; rings are harvested when they are full, and only then. */
static u32 run(struct emulated *emulated, guest_function function, u64 address)
{
	u32 entries = emulated->fixture.vm->config.ring_entries, most = 0;
	unsigned int full = 0;
	enum vcpu_event event;

	vcpu_start(emulated->vcpu, function, address);
	do {
		u32 pending;

		event = vcpu_run_one_of(emulated->vcpu,
					1U << VCPU_RING_FULL | 1U << VCPU_DONE |
						1U << VCPU_OTHER);
		pending = dirty_ring_pending(emulated->vcpu);
		most = pending > most ? pending : most;
		if (event == VCPU_OTHER)
			answer(emulated);
		if (event != VCPU_RING_FULL)
			continue;
		full = harvest(emulated) ? 0 : full + 1;
		CHECK(full < FULL_TRIES,
		      "the ring of %u counts as full, but no entry waits in it: entries were overwritten",
		      entries);
	} while (event != VCPU_DONE);
	return most;
}

static void judge(struct emulated *emulated, u32 most)
{
	dirty_harvest_final(emulated->fixture.dirty, emulated->watched);
	mirror_take(emulated->mirror, emulated->watched->fresh);
	mirror_judge(emulated->mirror);
	report_info("at most %u entries in a ring of %u, %llu in all", most,
		    emulated->fixture.vm->config.ring_entries,
		    emulated->fixture.dirty->ring_entries);
}

/* rep stosq over hundreds of pages, emulated in parts: an entry for each word. */
static void test_rep_stos(const struct test_case *test)
{
	struct emulated emulated;
	u32 most = 0;
	u64 offset;

	setup(&emulated, test);
	emulation_prefix_need();
	for (offset = 0;
	     offset < EMULATED_PAGES * emulated.fixture.vm->page_size;
	     offset += CHUNK_BYTES) {
		u32 pending;

		emulated.vcpu->guest->test[1] = CHUNK_BYTES / 8;
		pending = run(&emulated, emulated_stos,
			      emulated.watched->slot->gpa + offset);
		most = pending > most ? pending : most;
	}
	judge(&emulated, most);
	teardown(&emulated);
}

/* The same without a prefix: each word is read where no memory is. */
static void test_rep_movs(const struct test_case *test)
{
	struct emulated emulated;
	struct memslot *slot;
	u32 most = 0;
	u64 page;

	setup(&emulated, test);
	slot = emulated.watched->slot;
	for (page = 0; page < 4; page += 2) {
		u32 pending;

		emulated.vcpu->guest->test[0] = slot->gpa + slot->size;
		emulated.vcpu->guest->test[1] = emulated.fixture.vm->page_size /
						8;
		pending = run(&emulated, movs_from,
			      slot->gpa +
				      page * emulated.fixture.vm->page_size);
		most = pending > most ? pending : most;
	}
	judge(&emulated, most);
	teardown(&emulated);
}

/* What the SMI's handler writes, and what the vCPU writes beside it. */
struct smm {
	struct dirty_vm fixture;
	struct backing backing;
	struct memslot slot;
	struct dirty_slot *watched;
	struct mirror *mirror;
	unsigned long *written[2];
	unsigned long *may;
};

static void store_plain(struct smm *smm)
{
	struct writer_list list = {
		.sequence = smm->fixture.vm->vcpus[0].guest->beat,
		.count = 1,
		.store = { { .gva = smm->fixture.slot[0].gpa +
				    PLAIN_PAGE * smm->fixture.vm->page_size,
			     .count = 1 } },
	};

	dirty_vm_store(&smm->fixture, 0, &list);
}

static void setup_smm(struct smm *smm, enum dirty_mode mode)
{
	const struct dirty_vm_config config = {
		.mode = mode,
		.backing = BACKING_ANONYMOUS,
		.vcpus = 1,
		.slots = 1,
		.slot_bytes = SLOT_BYTES,
	};
	const struct backing_request request = {
		.kind = BACKING_ANONYMOUS,
		.size = SMM_BYTES,
		.flags = BACKING_POPULATE,
		.fd = -1,
	};

	memset(smm, 0, sizeof(*smm));
	dirty_vm_init(&smm->fixture, &config);
	smm_need(smm->fixture.vm);
	backing_create(&smm->backing, &request);
	/* The number is one of the other address space's, too. */
	slot_add(smm->fixture.vm, &smm->slot, SMM_SLOT(SLOT_TEST_FIRST),
		 SMM_GPA, &smm->backing, 0);
	smm->watched = dirty_watch(smm->fixture.dirty, &smm->slot);
	smm_place(&smm->fixture.vm->vcpus[0], SMM_GPA);
	smm_lay_handler(smm->slot.hva,
			SMM_GPA + SMM_WORD_PAGE * smm->fixture.vm->page_size);
	smm->mirror = mirror_new("memory of SMM", smm->slot.hva,
				 smm->watched->pages,
				 smm->fixture.vm->page_size);
	smm->written[0] = bitmap_new(smm->fixture.watched[0]->pages);
	smm->written[1] = bitmap_new(smm->watched->pages);
	smm->may = bitmap_new(smm->watched->pages);
}

static void enable_smm(struct smm *smm, struct dirty_slot *watched)
{
	dirty_enable(smm->fixture.dirty, watched);
	if (smm->fixture.config.mode == DIRTY_MODE_CLEAR_INITIALLY_SET)
		dirty_harvest(smm->fixture.dirty, watched, NULL);
}

static void judge_smm(struct smm *smm)
{
	struct dirty_slot *plain = smm->fixture.watched[0];

	dirty_harvest(smm->fixture.dirty, plain, NULL);
	exact_judge("written outside of SMM", smm->written[0], plain->fresh,
		    plain->pages);
	dirty_harvest(smm->fixture.dirty, smm->watched, NULL);
	bitmap_and(smm->may, smm->watched->fresh, smm->watched->pages);
	bitmap_or(smm->may, smm->written[1], smm->watched->pages);
	exact_judge("written in SMM", smm->may, smm->watched->fresh,
		    smm->watched->pages);
	mirror_take(smm->mirror, smm->watched->fresh);
	mirror_judge(smm->mirror);
}

static void test_smm(const struct test_case *test)
{
	const volatile u32 *word;
	struct vcpu *vcpu;
	struct smm smm;
	unsigned int round;
	size_t page_size;
	u32 before;

	setup_smm(&smm, test->number[0]);
	vcpu = &smm.fixture.vm->vcpus[0];
	page_size = smm.fixture.vm->page_size;
	word = (const void *)((const char *)smm.slot.hva +
			      SMM_WORD_PAGE * page_size);
	store_plain(&smm);
	enable_smm(&smm, smm.fixture.watched[0]);
	enable_smm(&smm, smm.watched);
	mirror_copy_all(smm.mirror);

	for (round = 0; round < SMM_ROUNDS; round++) {
		before = *word;
		/* An SMI in every second round. */
		if (round % 2)
			smm_interrupt(vcpu);
		store_plain(&smm);
		CHECK(*word == before + round % 2,
		      "the SMI's handler ran %u times, where %u SMIs came",
		      *word - before, round % 2);

		bitmap_zero(smm.written[1], smm.watched->pages);
		bitmap_zero(smm.may, smm.watched->pages);
		bitmap_set(smm.written[0], PLAIN_PAGE);
		if (round % 2) {
			/* enter_smm() stores the state. */
			bitmap_set(smm.written[1], SMM_STATE / page_size);
			bitmap_set(smm.written[1], SMM_WORD_PAGE);
			/* A fetch from a page that is not mapped (make_spte()). */
			bitmap_set(smm.may, SMM_HANDLER / page_size);
		}
		judge_smm(&smm);
	}
	free(smm.may);
	free(smm.written[1]);
	free(smm.written[0]);
	mirror_free(smm.mirror);
	backing_destroy(&smm.backing);
	dirty_vm_destroy(&smm.fixture);
}

static struct test_case *add_case(struct test_case *cases, size_t *count,
				  size_t max,
				  void (*run)(const struct test_case *),
				  const char *name, enum dirty_mode mode)
{
	struct test_case *test = case_add(cases, count, max, run);

	snprintf(test->name, sizeof(test->name), "%s/%s", name,
		 dirty_mode_name(mode));
	return test;
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	struct test_case *test;
	size_t count = 0, i;

	(void)options;
	for (i = 0; i < RINGS; i++) {
		test = add_case(cases, &count, max, test_rep_stos,
				"emulated/rep_stos", rings[i]);
		test->number[0] = i;
		test = add_case(cases, &count, max, test_rep_movs,
				"emulated/rep_movs", rings[i]);
		test->number[0] = i;
	}
	for (i = 0; i < DIRTY_MODE_COUNT; i++) {
		if (!dirty_mode_exists(i))
			continue;
		test = add_case(cases, &count, max, test_smm, "smm", i);
		test->number[0] = i;
	}
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "dirty_log_ring_x86_test",
		.summary =
			"rings and emulated instructions, and the address space of system management mode",
		.cases = list_cases,
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
