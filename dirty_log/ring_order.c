// SPDX-License-Identifier: GPL-2.0-only
/* One vCPU that makes known stores, and its dirty ring. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/report.h"
#include "ring_order.h"
#include "kvm/writer.h"

#define SLOT_ALIGN (2UL << 20)

void order_begin(struct order *order, enum dirty_mode mode, u32 entries,
		 u64 pages)
{
	const struct dirty_vm_config config = {
		.mode = mode,
		.backing = BACKING_ANONYMOUS,
		.vcpus = 1,
		.slots = ORDER_SLOTS,
		.slot_bytes = (pages * getpagesize() + SLOT_ALIGN - 1) /
			      SLOT_ALIGN * SLOT_ALIGN,
		.ring_entries = entries,
	};
	unsigned int i;

	memset(order, 0, sizeof(*order));
	dirty_vm_init(&order->fixture, &config);
	if (!dirty_ring_keeps_order())
		skip("a CPU that keeps no log of its own",
		     "use kvm_intel.pml=0: its log's entries come in bulk");
	order->vcpu = &order->fixture.vm->vcpus[0];
	order->stores = calloc(ORDER_STORES_MAX, sizeof(*order->stores));
	if (!order->stores)
		fail("out of memory for %d stores", ORDER_STORES_MAX);
	order->most = dirty_ring_most(order->fixture.vm);
	order->take = dirty_ring_collect_some;
	order->when = "";
	case_random(&order->random, "order", 0);
	for (i = 0; i < ORDER_SLOTS; i++)
		order->mirror[i] = mirror_new(i ? "second slot" : "first slot",
					      order->fixture.slot[i].hva,
					      order->fixture.watched[i]->pages,
					      order->fixture.vm->page_size);
}

void order_end(struct order *order)
{
	unsigned int i;

	for (i = 0; i < ORDER_SLOTS; i++)
		mirror_free(order->mirror[i]);
	free(order->stores);
	dirty_vm_destroy(&order->fixture);
}

void order_put(struct order *order, unsigned int slot, u64 page)
{
	CHECK(order->count < ORDER_STORES_MAX, "more than %d stores",
	      ORDER_STORES_MAX);
	order->stores[order->count++] = (struct order_store){ slot, page };
}

/* A part of the stores, as many as a list has runs for. */
size_t order_start(struct order *order, size_t first)
{
	struct writer_list list = { .sequence = order->vcpu->guest->beat };
	s64 size = (s64)order->fixture.vm->page_size;
	size_t i;

	for (i = first; i < order->count; i++) {
		const struct order_store *target = &order->stores[i];
		u64 gva = order->fixture.slot[target->slot].gpa +
			  target->page * (u64)size;
		struct writer_store *run;

		if (list.count) {
			run = &list.store[list.count - 1];
			if (run->count == 1)
				run->stride = (s64)(gva - run->gva);
			if (gva == run->gva + (u64)run->stride * run->count) {
				run->count++;
				continue;
			}
		}
		if (list.count == WRITER_STORES_MAX)
			break;
		list.store[list.count++] = (struct writer_store){ .gva = gva,
								  .count = 1 };
	}
	*writer_list_of(order->vcpu->guest) = list;
	vcpu_start(order->vcpu, writer_store, 0);
	return i;
}

/*
 * A page may come twice: an MMU notifier takes its mapping away between the fault
 * and the store (NUMA balancing does, change_prot_numa()).
 */
static bool is_store(const struct order *order, size_t index, u32 slot_id,
		     u64 page)
{
	const struct order_store *store = &order->stores[index];

	return index < order->count && page == store->page &&
	       slot_id == SLOT_TEST_FIRST + store->slot;
}

size_t order_match(const struct order *order, u32 most)
{
	size_t store = order->checked;
	u32 slot_id, ahead;
	u64 page;

	for (ahead = 0; ahead < most &&
			dirty_ring_peek(order->vcpu, ahead, &slot_id, &page);
	     ahead++) {
		if (is_store(order, store, slot_id, page)) {
			store++;
			continue;
		}
		if (store && is_store(order, store - 1, slot_id, page))
			continue;
		CHECK(store < order->count,
		      "a ring entry names page %llu of slot %u behind those of all %zu stores%s",
		      page, slot_id, order->count, order->when);
		fail("the ring names page %llu of slot %u, but store %zu was to page %llu of slot %u%s",
		     page, slot_id, store, order->stores[store].page,
		     SLOT_TEST_FIRST + order->stores[store].slot, order->when);
	}
	return store;
}

void order_take(struct order *order, u32 most)
{
	unsigned int i;

	order->checked = order_match(order, most);
	order->take(order->fixture.dirty, most);
	for (i = 0; i < ORDER_SLOTS; i++) {
		dirty_harvest_queued(order->fixture.watched[i]);
		mirror_take(order->mirror[i], order->fixture.watched[i]->fresh);
	}
}

/* Everything that waits, in one reset or in several of random size. */
void order_take_all(struct order *order, bool parts)
{
	u32 pending;

	while ((pending = dirty_ring_pending(order->vcpu)))
		order_take(order,
			   parts ? random_between(&order->random, 1, pending) :
				   pending);
}

void order_judge_memory(struct order *order)
{
	unsigned int i;

	for (i = 0; i < ORDER_SLOTS; i++)
		mirror_judge(order->mirror[i]);
}

/* Run until the ring is full or the guest is done; then nothing is missing. */
bool order_run(struct order *order)
{
	u32 soft = dirty_ring_soft_limit(order->fixture.vm);
	enum vcpu_event event;
	u32 pending;

	event = vcpu_run_one_of(order->vcpu,
				1U << VCPU_RING_FULL | 1U << VCPU_DONE);
	pending = dirty_ring_pending(order->vcpu);
	order_match(order, pending);
	CHECK(pending <= order->most,
	      "the vCPU came back with %u entries in its ring of %u", pending,
	      order->fixture.vm->config.ring_entries);
	if (event == VCPU_DONE)
		return true;
	CHECK(pending >= soft,
	      "the ring of %u counts as full with %u entries, where %u make it full",
	      order->fixture.vm->config.ring_entries, pending, soft);
	order->full_exits++;
	return false;
}

/* Every store is written once, to pages that are protected. */
void order_write_all(struct order *order, bool parts)
{
	size_t next = 0, seen;

	order->checked = 0;
	while (next < order->count) {
		next = order_start(order, next);
		while (!order_run(order))
			order_take_all(order, parts);
		seen = order_match(order, U32_MAX);
		CHECK(seen == next,
		      "%zu pages were written after they were protected, %zu of them are in the ring%s",
		      next, seen, order->when);
	}
	order_take_all(order, parts);
	order_judge_memory(order);
}

void order_enable(struct order *order)
{
	struct writer_list list = { .count = 1 };
	unsigned int i;

	for (i = 0; i < ORDER_SLOTS; i++) {
		/* All is mapped before: no fault of another kind later. */
		list.store[0] = (struct writer_store){
			.gva = order->fixture.slot[i].gpa,
			.stride = (s64)order->fixture.vm->page_size,
			.count = order->fixture.watched[i]->pages,
		};
		dirty_vm_store(&order->fixture, 0, &list);
		dirty_enable(order->fixture.dirty, order->fixture.watched[i]);
		mirror_copy_all(order->mirror[i]);
	}
	CHECK(!dirty_ring_pending(order->vcpu),
	      "pages that were written before logging began are in the ring");
}
