// SPDX-License-Identifier: GPL-2.0-only
/* What it costs to change a slot, against how many others there are. */
#include <stdlib.h>

#include "mem/backing.h"
#include "core/clock.h"
#include "core/options.h"
#include "core/random.h"
#include "core/report.h"
#include "core/samples.h"
#include "slot_cost.h"
#include "kvm/vm.h"
#include "kvm/writer.h"

#define CHECK_SLOTS 512
#define SLOTS	    4096
/* All numbers by turns: what the machine does beside is shared out so. */
#define PASSES	    3
#define REPEATS_MIN 2
#define REPEATS_MAX 30
/* Far behind all others, where the slot is moved to. */
#define ELSEWHERE (GPA_TEST + (16ULL << 30))

enum { CREATE, DELETE, MOVE, FLAGS, SERIES };

static const char *const names[SERIES] = {
	[CREATE] = "create",
	[DELETE] = "delete",
	[MOVE] = "move",
	[FLAGS] = "flags",
};

/**
 * struct fault_vm - a VM with slots of one page each, a page apart
 * @vm: VM
 * @backing: their memory
 * @slots: the slots
 * @count: how many
 * @random: which one is changed next
 */
struct fault_vm {
	struct vm *vm;
	struct backing backing;
	struct memslot *slots;
	unsigned int count;
	struct random_stream random;
};

static u64 home(const struct fault_vm *fixture, unsigned int index)
{
	return GPA_TEST + 2ULL * index * fixture->vm->page_size;
}

static u64 *word_of(const struct memslot *slot)
{
	return slot->hva;
}

static void begin(struct fault_vm *fixture, unsigned int count)
{
	struct backing_request request = { .kind = BACKING_ANONYMOUS,
					   .flags = BACKING_POPULATE,
					   .fd = -1 };
	unsigned int i;
	u64 page;

	fixture->vm = vm_create(NULL);
	fixture->count = count;
	fixture->slots = calloc(count, sizeof(*fixture->slots));
	if (!fixture->slots)
		fail("out of memory for %u slots", count);
	page = fixture->vm->page_size;
	request.size = count * page;
	backing_create(&fixture->backing, &request);
	for (i = 0; i < count; i++) {
		fixture->slots[i] = (struct memslot){
			.vm = fixture->vm,
			.id = SLOT_TEST_FIRST + i,
			.gpa = home(fixture, i),
			.size = page,
			.hva = (char *)fixture->backing.hva + i * page,
			.guest_memfd = -1,
		};
		slot_set(&fixture->slots[i]);
		*word_of(&fixture->slots[i]) = random_u64(&fixture->random);
	}
	vm_map(fixture->vm, GPA_TEST, GPA_TEST, 2 * count * page,
	       backing_thp_size());
	vm_map(fixture->vm, ELSEWHERE, ELSEWHERE, page, page);
}

static void end(struct fault_vm *fixture)
{
	vm_destroy(fixture->vm);
	backing_destroy(&fixture->backing);
	free(fixture->slots);
}

static double change_ns(struct memslot *slot)
{
	u64 start = clock_ns();

	slot_set(slot);
	return (double)(clock_ns() - start);
}

/* The guest reads at an address: the slot's word, or nothing is there. */
static void judge(struct fault_vm *fixture, const struct memslot *slot, u64 gpa,
		  bool there)
{
	struct vcpu *vcpu = &fixture->vm->vcpus[0];
	struct writer_list *list = writer_list_of(vcpu->guest);
	enum vcpu_event event;
	u64 seen = 0;

	*list = (struct writer_list){ .access = WRITER_LOAD,
				      .count = 1,
				      .store[0] = { .gva = gpa, .count = 1 } };
	vcpu_start(vcpu, writer_store, 0);
	event = vcpu_run_one_of(vcpu, 1U << VCPU_DONE | 1U << VCPU_OTHER);
	if (!there) {
		CHECK(event == VCPU_OTHER && vcpu_mmio(vcpu, &seen) &&
			      seen == gpa,
		      "slot %u is gone from %#llx, but the guest reads there",
		      slot->id, gpa);
		return;
	}
	CHECK(event == VCPU_DONE &&
		      list->digest == writer_digest(0, *word_of(slot)),
	      "the guest does not read at %#llx what slot %u has there", gpa,
	      slot->id);
}

/* All changes of one slot, each judged. */
static void one_turn(struct fault_vm *fixture, struct series *series)
{
	unsigned int index = (unsigned int)random_below(&fixture->random,
							fixture->count);
	struct memslot *slot = &fixture->slots[index];
	u64 size = slot->size, here = home(fixture, index);
	double at = fixture->count;

	judge(fixture, slot, here, true);
	slot->flags = KVM_MEM_LOG_DIRTY_PAGES;
	series_add(&series[FLAGS], at, change_ns(slot) / 1e3);
	slot->flags = 0;
	series_add(&series[FLAGS], at, change_ns(slot) / 1e3);
	judge(fixture, slot, here, true);

	slot->gpa = ELSEWHERE;
	series_add(&series[MOVE], at, change_ns(slot) / 1e3);
	judge(fixture, slot, ELSEWHERE, true);
	judge(fixture, slot, here, false);
	slot->gpa = here;
	series_add(&series[MOVE], at, change_ns(slot) / 1e3);
	judge(fixture, slot, here, true);

	slot->size = 0;
	series_add(&series[DELETE], at, change_ns(slot) / 1e3);
	judge(fixture, slot, here, false);
	slot->size = size;
	series_add(&series[CREATE], at, change_ns(slot) / 1e3);
	judge(fixture, slot, here, true);
}

static void bench_count(struct fault_vm *fixture, unsigned int count,
			u64 share_ns, struct series *series)
{
	u64 until = clock_ns() + share_ns;
	unsigned int turn;

	begin(fixture, count);
	for (turn = 0; turn < REPEATS_MAX; turn++) {
		if (turn >= REPEATS_MIN && clock_ns() > until)
			break;
		one_turn(fixture, series);
	}
	end(fixture);
}

void bench_slots(const struct test_case *test)
{
	unsigned int most = options()->mode == MODE_CHECK ? CHECK_SLOTS : SLOTS;
	unsigned int limit = (unsigned int)kvm_check_extension(
			     KVM_CAP_NR_MEMSLOTS),
		     count, points = 0, pass;
	struct series series[SERIES];
	struct fault_vm fixture;
	size_t i;

	(void)test;
	if (most > limit - SLOT_TEST_FIRST)
		most = limit - SLOT_TEST_FIRST;
	case_random(&fixture.random, "slots", 0);
	for (i = 0; i < SERIES; i++)
		series_begin(&series[i], SERIES_COST, "slots", "us",
			     "\"bench\": \"slot\", \"change\": \"%s\"",
			     names[i]);
	for (count = 1; count <= most; count *= 8)
		points++;
	for (pass = 0; pass < PASSES; pass++)
		for (count = 1; count <= most; count *= 8)
			bench_count(&fixture, count,
				    case_duration_ns() / (PASSES * points),
				    series);
	for (i = 0; i < SERIES; i++)
		series_tell(&series[i]);
}
