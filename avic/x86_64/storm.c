// SPDX-License-Identifier: GPL-2.0-only
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "core/cases.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "core/report.h"
#include "storm.h"
#include "track_vm.h"

#define SLOT_BYTES (STORM_PAGES * 4096UL)
#define RING	   65536
#define VCPUS_MAX  8
/* The vCPUs stop after so long. */
#define ROUND_MS 300
/* A debug kernel may take so much longer until the first vCPU writes. */
#define LATE_NS (20 * NSEC_PER_SEC)
#define WORDS	(STORM_SHARED / 8)

/**
 * struct member - what is known of a vCPU
 * @model: what it does
 * @random: its stream, as far as @model is
 * @sequence: instructions so far, the same
 * @last: its last write to each of the shared words
 * @ring: where its writes are told of; -1: not known yet
 */
struct member {
	struct track_model *model;
	struct random_stream random;
	u64 sequence;
	u64 last[STORM_PAGES][WORDS];
	int ring;
};

static bool is_shared(u64 offset)
{
	return offset % 4096 >= STORM_SHARED_AT &&
	       offset % 4096 < STORM_SHARED_AT + STORM_SHARED;
}

/* Have the model do the vCPU's next instruction. */
static void know_more(struct track_vm *fixture, struct member *member,
		      u32 index)
{
	struct track_op op;
	u64 offset;

	storm_next(&member->random, index, fixture->vm->vcpu_count,
		   fixture->slot.gpa, ++member->sequence, &op);
	track_model_do(member->model, &op);
	offset = op.gva - fixture->slot.gpa;
	if (is_shared(offset))
		member->last[offset / 4096][(offset % 4096 - STORM_SHARED_AT) /
					    8] = op.value[0];
}

/* Whose ring it is, by the first write in it: no two vCPUs write the same. */
static unsigned int owner_of(struct track_vm *fixture, struct member *member,
			     const struct secmmu_avic_write *told)
{
	unsigned int i;

	for (i = 0; i < fixture->vm->vcpu_count; i++) {
		if (member[i].ring >= 0)
			continue;
		if (!member[i].sequence)
			know_more(fixture, &member[i], i);
		if (track_model_is_next(member[i].model, told))
			return i;
	}
	fail("the first write that KVM tells of one vCPU is none that any of them made first: %u bytes at %#llx",
	     told->bytes, told->gpa);
}

/* All that KVM has told of so far. */
static u64 drain(struct track_vm *fixture, struct member *member)
{
	unsigned int vcpus = fixture->vm->vcpu_count, ring, i;
	struct secmmu_avic_write told;
	u64 count = 0;

	for (ring = 0; ring < vcpus; ring++) {
		for (i = 0; i < vcpus && member[i].ring != (int)ring; i++)
			;
		while (avic_next(&fixture->avic, (int)ring, &told)) {
			if (i == vcpus) {
				i = owner_of(fixture, member, &told);
				member[i].ring = (int)ring;
			}
			if (track_model_done(member[i].model))
				know_more(fixture, &member[i], i);
			track_model_told(member[i].model, &told);
			count++;
		}
	}
	return count;
}

/*
 * All vCPUs have stopped, and all was drained. One may have stopped in the midst
 * of an instruction (rep), or before it counted the last one.
 */
static void judge_complete(struct track_vm *fixture, struct member *member)
{
	unsigned int i;

	for (i = 0; i < fixture->vm->vcpu_count; i++) {
		u64 done = storm_of(fixture->vm->vcpus[i].guest)->sequence;

		if (member[i].sequence > done)
			continue;
		if (member[i].sequence < done &&
		    track_model_done(member[i].model))
			know_more(fixture, &member[i], i);
		track_model_told(member[i].model, NULL);
	}
}

static void judge_shared(const struct track_vm *fixture,
			 const struct member *member, u64 offset)
{
	u64 page = offset / 4096, is;
	u64 word = (offset % 4096 - STORM_SHARED_AT) / 8;
	bool written = false;
	unsigned int i;

	memcpy(&is, (const u8 *)fixture->slot.hva + offset, 8);
	for (i = 0; i < fixture->vm->vcpu_count; i++) {
		if (member[i].last[page][word] == is)
			return;
		written |= member[i].last[page][word] != 0;
	}
	CHECK(!written && !is,
	      "the word at %#llx of the slot is %#llx, which is nobody's last write to it",
	      offset, is);
}

static void judge_memory(const struct track_vm *fixture,
			 const struct member *member)
{
	const u8 *memory = fixture->slot.hva;
	u64 i;

	for (i = 0; i < SLOT_BYTES; i++) {
		unsigned int owner;
		bool pending = false;

		if (is_shared(i)) {
			if (!(i % 8))
				judge_shared(fixture, member, i);
			continue;
		}
		if (fixture->image[i] == memory[i])
			continue;
		for (owner = 0; owner < fixture->vm->vcpu_count; owner++)
			pending |= track_model_pending(member[owner].model,
						       fixture->slot.gpa + i);
		CHECK(pending,
		      "memory is not as the guest's writes leave it: byte %#llx of the slot is %02x and not %02x",
		      i, memory[i], fixture->image[i]);
	}
}

static void one_round(struct track_vm *fixture, struct member *member,
		      const struct write_storm_config *config, u64 *count)
{
	struct deadline end = deadline_in_ms(ROUND_MS);
	bool logged = false;

	while (!deadline_passed(end)) {
		if (config->flip_logging) {
			logged = !logged;
			slot_set_flags(&fixture->slot,
				       logged ? KVM_MEM_LOG_DIRTY_PAGES : 0);
		}
		*count += drain(fixture, member);
		sched_yield();
	}
}

/* A vCPU that KVM has told nothing of yet, or how many there are. */
static unsigned int silent(const struct member *member, unsigned int vcpus)
{
	unsigned int i;

	for (i = 0; i < vcpus && member[i].ring >= 0; i++)
		;
	return i;
}

static void prepare(struct track_vm *fixture, struct member *member,
		    unsigned int index)
{
	struct write_storm *guest = storm_of(fixture->vm->vcpus[index].guest);

	case_random(&member->random, "storm", index);
	*guest = (struct write_storm){ .gpa = fixture->slot.gpa,
				       .random = member->random };
	member->model = track_model_new(fixture);
	member->ring = -1;
}

void storm(const struct write_storm_config *config)
{
	struct track_vm_config vm_config = {
		.backing = BACKING_ANONYMOUS,
		.size = SLOT_BYTES,
		.vcpus = config->vcpus,
		.ring = RING,
	};
	struct vcpu_threads_config vcpu_threads_config = {
		.function = storm_run
	};
	u64 until = clock_ns() + config->duration_ns, count = 0;
	struct member *member = calloc(config->vcpus, sizeof(*member));
	struct secmmu_avic_counters counters;
	struct track_vm fixture;
	unsigned int i, rounds = 0;
	struct vcpu_threads *threads;

	if (!member)
		fail("out of memory");
	track_begin(&fixture, &vm_config);
	for (i = 0; i < STORM_PAGES; i++)
		track_page(&fixture, i * 4096UL);
	for (i = 0; i < config->vcpus; i++)
		prepare(&fixture, &member[i], i);
	threads = vcpu_threads_new(fixture.vm, &vcpu_threads_config);
	vcpu_threads_start(threads);
	do {
		vcpu_threads_resume(threads);
		one_round(&fixture, member, config, &count);
		vcpu_threads_pause(threads);
		count += drain(&fixture, member);
		judge_complete(&fixture, member);
		judge_memory(&fixture, member);
		rounds++;
	} while (clock_ns() < until ||
		 (silent(member, config->vcpus) < config->vcpus &&
		  clock_ns() < until + LATE_NS));
	vcpu_threads_finish(threads);
	counters = avic_counters(&fixture.avic);
	CHECK(!counters.dropped && !counters.ringless,
	      "the test was too slow for its rings: %llu writes were dropped",
	      counters.dropped + counters.ringless);
	i = silent(member, config->vcpus);
	CHECK(i == config->vcpus,
	      "vCPU %u wrote nothing, in %u rounds: the case says nothing of it",
	      i, rounds);
	report_info("%llu writes of %u vCPUs in %u rounds", count,
		    config->vcpus, rounds);
	for (i = 0; i < config->vcpus; i++)
		free(member[i].model);
	free(member);
	track_end(&fixture);
}
