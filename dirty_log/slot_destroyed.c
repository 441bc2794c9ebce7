// SPDX-License-Identifier: GPL-2.0-only
/* VMs that go while threads harvest their logs. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "bitmap.h"
#include "clock.h"
#include "crew.h"
#include "report.h"
#include "slot_changes.h"
#include "victims.h"
#include "worker.h"

#define SLOT_BYTES (2UL << 20)
#define HARVESTERS 2
#define VCPUS	   2
#define END_MS	   30000
/* Harvests until a VM is closed, at most. */
#define HARVESTS 40
/* Entries of a ring that are handed back at a time. */
#define ENTRIES 64

/* A VM that others close, and its slot. */
struct doomed {
	struct vm vm;
	struct memslot slot;
	bool clear;
	bool ring;
	bool changing;
	volatile u64 harvests;
	u64 reset;
	u64 ended;
};

static void create(struct scene *scene, const struct test_case *test)
{
	const struct scene_config config = {
		.harvester = test->number[0],
		.backing = BACKING_ANONYMOUS_THP,
		.vcpus = VCPUS,
		.slots = 1,
		.slot_bytes = SLOT_BYTES,
	};

	scene_create(scene, &config);
	scene_setup_writers(scene);
	dirty_enable(scene->dirty, scene->watched[0]);
}

/* What a harvester asks of the VM, over and over. */
static int ask(struct doomed *doomed, unsigned long *bitmap, size_t pages)
{
	int error;

	if (doomed->ring) {
		error = __vm_ioctl(&doomed->vm, KVM_RESET_DIRTY_RINGS, 0);
		if (error <= 0)
			return error;
		/* So many entries. */
		__atomic_fetch_add(&doomed->reset, error, __ATOMIC_RELAXED);
		return 0;
	}
	error = __dirty_get(&doomed->slot, bitmap);
	if (!error && doomed->clear)
		error = __dirty_clear(&doomed->vm, doomed->slot.id, 0, pages,
				      bitmap);
	return error;
}

/* Until the VM's file is closed under the ioctl. */
static void harvest(struct worker *worker, void *argument)
{
	struct doomed *doomed = argument;
	size_t pages = doomed->slot.size / doomed->vm.page_size;
	unsigned long *bitmap = bitmap_new(pages);
	int error = 0;

	while (!worker_should_stop(worker) && !error) {
		worker_doing(worker, "harvesting a VM that will be closed");
		error = ask(doomed, bitmap, pages);
		/* While the slot is away. */
		if (doomed->changing && error == -ENOENT)
			error = 0;
		__atomic_fetch_add(&doomed->harvests, 1, __ATOMIC_RELAXED);
	}
	CHECK(!error || error == -EBADF,
	      "harvesting a VM whose file was closed: %s where EBADF is documented",
	      errno_name(-error));
	__atomic_fetch_add(&doomed->ended, error == -EBADF, __ATOMIC_RELAXED);
	free(bitmap);
}

static struct worker_group *new_harvesters(struct doomed *doomed,
					   struct scene *scene)
{
	struct worker_group *group = worker_group_new("harvester");
	unsigned int i;

	doomed->vm = *scene->vm;
	doomed->slot = scene->slot[0];
	doomed->slot.vm = &doomed->vm;
	doomed->ring = harvester_is_ring(scene->config.harvester);
	doomed->clear = scene->config.harvester != HARVESTER_LOG;
	for (i = 0; i < HARVESTERS; i++)
		worker_add(group, "harvests", harvest, doomed);
	return group;
}

/*
 * All that keeps the VM is closed while threads are in its ioctls: the last one
 * of them destroys it. @reset_first: and not before they have reset a ring's entry.
 * Return: how many they have.
 */
static u64 close_one(const struct test_case *test, struct random_stream *random,
		     bool reset_first)
{
	const struct crew_config crew_config = { .function = writer_run };
	struct worker_group *harvesters;
	struct doomed doomed = { 0 };
	struct scene scene;
	struct deadline deadline = deadline_in_ms(END_MS);
	struct crew *crew;
	unsigned int i;
	u64 due;

	create(&scene, test);
	crew = crew_new(scene.vm, &crew_config);
	harvesters = new_harvesters(&doomed, &scene);
	crew_start(crew);
	worker_group_start(harvesters);
	due = random_below(random, HARVESTS);
	while ((doomed.harvests < due ||
		(reset_first &&
		 !__atomic_load_n(&doomed.reset, __ATOMIC_RELAXED))) &&
	       !deadline_passed(deadline)) {
		/* For them to reset: the rings themselves go with the vCPUs. */
		for (i = 0; doomed.ring && i < VCPUS; i++)
			dirty_ring_take(scene.dirty, &scene.vm->vcpus[i],
					ENTRIES);
		crew_ring_room(crew);
		sched_yield();
	}
	crew_finish(crew);
	/* Closes the file that the threads use. Their memory stays. */
	scene_destroy(&scene);
	worker_group_join(harvesters, END_MS);
	CHECK(doomed.ended == HARVESTERS,
	      "%llu of %d threads saw the VM's file closed", doomed.ended,
	      HARVESTERS);
	CHECK(!vms_of(getpid()),
	      "all of a VM was closed while it was harvested, and it still exists");
	return doomed.reset;
}

void slot_vm_closed(const struct test_case *test)
{
	u64 end = clock_ns() + case_duration_ns();
	struct random_stream random;
	bool ring = harvester_is_ring(test->number[0]);
	unsigned int count = 0;
	u64 reset = 0;

	case_random(&random, "moments", 0);
	do {
		reset += close_one(test, &random, ring && !count);
		count++;
	} while (clock_ns() < end);
	report_info("%u VMs closed while harvested, %llu ring entries reset",
		    count, reset);
	CHECK(!ring || reset, "no ring entry was reset in %u VMs", count);
}

/* Slots come and go, until it is killed. */
static void live(const void *argument)
{
	const struct crew_config crew_config = {
		.function = writer_run,
		.on_exit = crew_store_nowhere,
	};
	struct doomed doomed = { .changing = true };
	struct scene scene;

	create(&scene, argument);
	crew_start(crew_new(scene.vm, &crew_config));
	worker_group_start(new_harvesters(&doomed, &scene));
	for (;;) {
		u64 size = scene.slot[0].size;

		slot_delete(&scene.slot[0]);
		scene.slot[0].size = size;
		scene.slot[0].flags = KVM_MEM_LOG_DIRTY_PAGES;
		slot_set(&scene.slot[0]);
	}
}

void slot_vm_killed(const struct test_case *test)
{
	const struct victims victims = { .live = live, .argument = test };

	victims_kill(&victims, case_duration_ns());
}
