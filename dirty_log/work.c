// SPDX-License-Identifier: GPL-2.0-only
/* Guest work that checks itself: what the host lays out and judges. */
#include <stdlib.h>
#include <string.h>

#include "core/cases.h"
#include "core/report.h"
#include "core/round.h"
#include "work.h"

/* The most that a vCPU has of each; spread over all of its memory. */
#define CELLS_MAX   4096
#define RECORDS_MAX 4096
#define KEYS_MAX    8192
/* One cell in so many is a node. */
#define CELLS_PER_NODE 2
/* What things that are spread out are aligned to, bytes. */
#define ALIGNMENT 32

/* Guest addresses of test slots are guest physical ones. */
static void *host_address(const struct memslot *slot, u64 gva)
{
	return (char *)slot->hva + (gva - slot->gpa);
}

static const struct work_plan *plan_of(const struct memslot *first)
{
	return first->hva;
}

static struct work *state_of(const struct memslot *first, unsigned int vcpu)
{
	const struct work_plan *plan = plan_of(first);

	return host_address(first, plan->states + vcpu * plan->state_stride);
}

/* As many things of @size as fit, up to @most, and how far they are apart. */
static u64 spread(u64 bytes, u64 size, u64 most, u64 *stride)
{
	u64 count = bytes / size;

	if (count > most)
		count = most;
	*stride = bytes / count / ALIGNMENT * ALIGNMENT;
	return count;
}

static void lay_out_list(struct work *work, const struct memslot *slot,
			 u64 start, u64 bytes)
{
	u64 *place, i;

	work->cells = start;
	work->cell_count = spread(bytes, sizeof(struct work_cell), CELLS_MAX,
				  &work->cell_stride);
	work->node_count = work->cell_count / CELLS_PER_NODE;
	place = calloc(work->cell_count, sizeof(*place));
	if (!place)
		fail("out of memory for a list");
	/* The first of a random order of all places are the nodes'. */
	for (i = 0; i < work->cell_count; i++) {
		u64 other = random_below(&work->random, i + 1);

		place[i] = place[other];
		place[other] = i;
	}
	for (i = 0; i < work->cell_count; i++) {
		struct work_cell *cell =
			host_address(slot,
				     work->cells +
					     place[i] * work->cell_stride);

		*cell = (struct work_cell){ .value = WORK_FREE };
		if (i < work->node_count) {
			cell->value = i;
			cell->next = place[(i + 1) % work->node_count];
			cell->previous = place[(i + work->node_count - 1) %
					       work->node_count];
		}
		cell->check = work_cell_check(place[i], cell);
	}
	work->walker = place[0];
	free(place);
}

static void lay_out_keys(struct work *work, const struct memslot *slot,
			 u64 start, u64 bytes)
{
	u64 blocks = bytes / ((WORK_BLOCK + 1) * sizeof(u64));
	u64 *keys, *sums, i;

	if (blocks > KEYS_MAX / WORK_BLOCK)
		blocks = KEYS_MAX / WORK_BLOCK;
	work->key_count = blocks * WORK_BLOCK;
	work->keys = start;
	/* At the other end: they lie in pages of their own. */
	work->sums = start + bytes - blocks * sizeof(u64);
	keys = host_address(slot, work->keys);
	sums = host_address(slot, work->sums);
	for (i = 0; i < work->key_count; i++) {
		keys[i] = random_u64(&work->random);
		sums[i / WORK_BLOCK] += keys[i];
	}
}

u64 work_lay_out(const struct vm *vm, const struct memslot *slots,
		 unsigned int count, unsigned int vcpus)
{
	const struct memslot *lists = &slots[0], *others = &slots[count - 1];
	u64 page_size = vm->page_size;
	struct work_plan *plan = lists->hva;
	u64 next = lists->gpa + page_size;
	u64 list_bytes, other_bytes;
	unsigned int i;

	plan->page_size = page_size;
	plan->vcpu_count = vcpus;
	plan->counters = next;
	next += WORK_COUNTERS * page_size;
	plan->states = next;
	plan->state_stride = round_up(sizeof(struct work), page_size);
	next += vcpus * plan->state_stride;
	list_bytes = (lists->gpa + lists->size - next) / vcpus / page_size *
		     page_size;
	other_bytes = others->size / vcpus / page_size * page_size;

	if (!vm_clock_steady())
		report_info(
			"the guest's clock is not judged: KVM has to correct it on this machine");
	for (i = 0; i < vcpus; i++) {
		struct work *work = state_of(lists, i);
		u64 half = other_bytes / 2 / ALIGNMENT * ALIGNMENT;
		u64 start = others->gpa + i * other_bytes;

		case_random(&work->random, "work", i);
		work->clock_trusted = vm_clock_steady();
		work->interrupts = vm->config.interrupts;
		lay_out_list(work, lists, next + i * list_bytes, list_bytes);
		work->records = start;
		work->record_count = spread(half, sizeof(struct work_record),
					    RECORDS_MAX, &work->record_stride);
		lay_out_keys(work, others, start + half, half);
	}
	return lists->gpa;
}

u64 work_turns(const struct memslot *first)
{
	u64 turns = 0;
	unsigned int i;

	for (i = 0; i < plan_of(first)->vcpu_count; i++)
		turns += state_of(first, i)->turns;
	return turns;
}

void work_judge(const struct memslot *first)
{
	const struct work_plan *plan = plan_of(first);
	unsigned int number, i;

	for (number = 0; number < WORK_COUNTERS; number++) {
		const u64 *counter =
			host_address(first,
				     plan->counters + number * plan->page_size);
		u64 sum = 0;

		for (i = 0; i < plan->vcpu_count; i++)
			sum += state_of(first, i)->added[number];
		CHECK(*counter == sum,
		      "counter %u, to which vCPUs add by atomic operations, is %llu, and together they have added %llu",
		      number, *counter, sum);
	}
}
