// SPDX-License-Identifier: GPL-2.0-only
/*
 * Places in memory of devices: the walking device's own (bank 0) and another's,
 * and pages to which it has exclusive access.
 */
#include <errno.h>
#include <sys/mman.h>

#include "clock.h"
#include "hmm_device.h"
#include "place.h"
#include "report.h"

#define FEW	8
#define BANK	HMM_IN_BANK(0)
#define MOVE_MS 5000

/* All of it; the kernel may give a page late, which somebody holds just now. */
static void move(struct place *place, unsigned int flags)
{
	struct deadline deadline = deadline_in_ms(MOVE_MS);
	u64 moved = 0;

	while (moved < place->pages) {
		struct secmmu_hmm_migrate now =
			hmm_migrate(place->device, place->start,
				    place->pages * place->page, HMM_SYSTEM,
				    BANK, flags);

		CHECK(!now.refused, "the device has no room for %llu pages",
		      now.refused);
		moved += now.pages;
		CHECK(moved == place->pages || !deadline_passed(deadline),
		      "only %llu of %llu pages have moved to the device", moved,
		      place->pages);
	}
}

static void device_private(struct place *place)
{
	hmm_need_memory(place->device);
	place_anonymous(place, FEW);
	place_write(place, 0, FEW);
	move(place, 0);
}

static void device_private_shared(struct place *place)
{
	device_private(place);
	place_share();
}

static void device_private_huge(struct place *place)
{
	hmm_need_whole(place->device);
	place_kind_of("thp")->prepare(place);
	if (place->pages > hmm_bank(place->device, 0).pages)
		skip("huge pages that a bank has room for",
		     "run it on a kernel with smaller pages");
	move(place, SECMMU_HMM_WHOLE);
}

static void device_private_huge_part(struct place *place)
{
	device_private_huge(place);
	place->start += 100 * place->page;
	place->pages = 40;
}

static void device_private_huge_shared(struct place *place)
{
	device_private_huge(place);
	place_share();
}

/* mprotect() of a part of it. */
static void device_private_by_ptes(struct place *place)
{
	device_private_huge(place);
	CHECK(!mprotect(place->start, place->page, PROT_READ) &&
		      !mprotect(place->start, place->page,
				PROT_READ | PROT_WRITE),
	      "mprotect failed: %s", errno_name(errno));
	place->start += place->page;
	place->pages -= 1;
}

static void foreign(struct place *place)
{
	device_private(place);
	hmm_own(place->device, 1);
}

static void foreign_shared(struct place *place)
{
	device_private_shared(place);
	hmm_own(place->device, 1);
}

static void foreign_huge(struct place *place)
{
	device_private_huge(place);
	hmm_own(place->device, 1);
}

/* By adding nothing to a word of each. */
static void exclusive(struct place *place)
{
	u64 i, value = 0;
	struct secmmu_hmm_access access = {
		.length = sizeof(value),
		.buffer = (uintptr_t)&value,
		.operation = SECMMU_HMM_ADD_ALONE,
	};

	hmm_need_memory(place->device);
	place_anonymous(place, FEW);
	place_write(place, 0, FEW);
	access.mirror = hmm_mirror(place->device, place->start,
				   FEW * place->page);
	for (i = 0; i < FEW; i++) {
		int error;

		access.address = (uintptr_t)place->start + i * place->page;
		value = 0;
		error = __hmm_access(place->device, &access);
		CHECK(!error, "the device cannot have exclusive access: %s",
		      errno_name(error));
	}
}

const struct place_kind place_memory_kinds[] = {
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
const size_t place_memory_kind_count = ARRAY_SIZE(place_memory_kinds);
