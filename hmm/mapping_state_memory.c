// SPDX-License-Identifier: GPL-2.0-only
/*
 * Places in memory of devices: the walking device's own (bank 0) and another's,
 * and pages to which it has exclusive access.
 */
#include <errno.h>
#include <sys/mman.h>

#include "core/clock.h"
#include "hmm_device.h"
#include "mapping_state.h"
#include "core/report.h"

#define FEW	8
#define DEVMEM	HMM_IN_DEVMEM(0)
#define MOVE_MS 5000

/* All of it; the kernel may give a page late, which somebody holds just now. */
static void move(struct mapping_state *state, unsigned int flags)
{
	struct deadline deadline = deadline_in_ms(MOVE_MS);
	u64 moved = 0;

	while (moved < state->pages) {
		struct secmmu_hmm_migrate now =
			hmm_migrate(state->device, state->start,
				    state->pages * state->page, HMM_SYSTEM,
				    DEVMEM, flags);

		CHECK(!now.refused, "the device has no room for %llu pages",
		      now.refused);
		moved += now.pages;
		CHECK(moved == state->pages || !deadline_passed(deadline),
		      "only %llu of %llu pages have moved to the device", moved,
		      state->pages);
	}
}

static void device_private(struct mapping_state *state)
{
	hmm_need_memory(state->device);
	mapping_state_anonymous(state, FEW);
	mapping_state_write(state, 0, FEW);
	move(state, 0);
}

static void device_private_shared(struct mapping_state *state)
{
	device_private(state);
	mapping_state_share();
}

static void device_private_huge(struct mapping_state *state)
{
	hmm_need_huge(state->device);
	mapping_state_kind_of("thp")->prepare(state);
	if (state->pages > hmm_devmem(state->device, 0).pages)
		skip("huge pages that a bank has room for",
		     "run it on a kernel with smaller pages");
	move(state, SECMMU_HMM_HUGE);
}

static void device_private_huge_part(struct mapping_state *state)
{
	device_private_huge(state);
	state->start += 100 * state->page;
	state->pages = 40;
}

static void device_private_huge_shared(struct mapping_state *state)
{
	device_private_huge(state);
	mapping_state_share();
}

/* mprotect() of a part of it. */
static void device_private_by_ptes(struct mapping_state *state)
{
	device_private_huge(state);
	CHECK(!mprotect(state->start, state->page, PROT_READ) &&
		      !mprotect(state->start, state->page,
				PROT_READ | PROT_WRITE),
	      "mprotect failed: %s", errno_name(errno));
	state->start += state->page;
	state->pages -= 1;
}

static void foreign(struct mapping_state *state)
{
	device_private(state);
	hmm_own(state->device, 1);
}

static void foreign_shared(struct mapping_state *state)
{
	device_private_shared(state);
	hmm_own(state->device, 1);
}

static void foreign_huge(struct mapping_state *state)
{
	device_private_huge(state);
	hmm_own(state->device, 1);
}

/* By adding nothing to a word of each. */
static void exclusive(struct mapping_state *state)
{
	u64 i, value = 0;
	struct secmmu_hmm_access access = {
		.length = sizeof(value),
		.buffer = (uintptr_t)&value,
		.operation = SECMMU_HMM_ADD_EXCLUSIVE,
	};

	hmm_need_memory(state->device);
	mapping_state_anonymous(state, FEW);
	mapping_state_write(state, 0, FEW);
	access.mirror = hmm_mirror(state->device, state->start,
				   FEW * state->page);
	for (i = 0; i < FEW; i++) {
		int error;

		access.address = (uintptr_t)state->start + i * state->page;
		value = 0;
		error = __hmm_access(state->device, &access);
		CHECK(!error, "the device cannot have exclusive access: %s",
		      errno_name(error));
	}
}

const struct mapping_state_kind mapping_state_memory_kinds[] = {
	{ .name = "device_private", .prepare = device_private },
	{ .name = "device_private_shared", .prepare = device_private_shared },
	{ .name = "device_private_huge", .prepare = device_private_huge },
	{ .name = "device_private_huge_part",
	  .prepare = device_private_huge_part },
	{ .name = "device_private_huge_shared",
	  .prepare = device_private_huge_shared },
	{ .name = "device_private_by_ptes", .prepare = device_private_by_ptes },
	{ .name = "foreign", .prepare = foreign },
	{ .name = "foreign_shared", .prepare = foreign_shared },
	{ .name = "foreign_huge", .prepare = foreign_huge },
	{ .name = "exclusive", .prepare = exclusive },
};
const size_t mapping_state_memory_kind_count = ARRAY_SIZE(
	mapping_state_memory_kinds);
