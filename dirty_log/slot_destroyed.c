// SPDX-License-Identifier: GPL-2.0-only
/* VMs that go while threads harvest their logs. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/bitmap.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "core/report.h"
#include "slot_changes.h"
#include "core/kill_loop.h"
#include "core/thread.h"

#define SLOT_BYTES (2UL << 20)
#define MODES	   2
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

static void create(struct dirty_vm *fixture, const struct test_case *test)
{
	const struct dirty_vm_config config = {
		.mode = test->number[0],
		.backing = BACKING_ANONYMOUS_THP,
		.vcpus = VCPUS,
		.slots = 1,
		.slot_bytes = SLOT_BYTES,
	};

	dirty_vm_init(fixture, &config);
	dirty_vm_setup_writers(fixture);
	dirty_enable(fixture->dirty, fixture->watched[0]);
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
static void harvest(struct thread *thread, void *argument)
{
	struct doomed *doomed = argument;
	size_t pages = doomed->slot.size / doomed->vm.page_size;
	unsigned long *bitmap = bitmap_new(pages);
	int error = 0;

	while (!thread_should_stop(thread) && !error) {
		thread_doing(thread, "harvesting a VM that will be closed");
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

static struct thread_group *new_modes(struct doomed *doomed,
				      struct dirty_vm *fixture)
{
	struct thread_group *group = thread_group_new("harvester");
	unsigned int i;

	doomed->vm = *fixture->vm;
	doomed->slot = fixture->slot[0];
	doomed->slot.vm = &doomed->vm;
	doomed->ring = dirty_mode_is_ring(fixture->config.mode);
	doomed->clear = fixture->config.mode != DIRTY_MODE_LOG;
	for (i = 0; i < MODES; i++)
		thread_add(group, "harvests", harvest, doomed);
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
	const struct vcpu_threads_config vcpu_threads_config = {
		.function = writer_run
	};
	struct thread_group *modes;
	struct doomed doomed = { 0 };
	struct dirty_vm fixture;
	struct deadline deadline = deadline_in_ms(END_MS);
	struct vcpu_threads *threads;
	unsigned int i;
	u64 due;

	create(&fixture, test);
	threads = vcpu_threads_new(fixture.vm, &vcpu_threads_config);
	modes = new_modes(&doomed, &fixture);
	vcpu_threads_start(threads);
	thread_group_start(modes);
	due = random_below(random, HARVESTS);
	while ((doomed.harvests < due ||
		(reset_first &&
		 !__atomic_load_n(&doomed.reset, __ATOMIC_RELAXED))) &&
	       !deadline_passed(deadline)) {
		/* For them to reset: the rings themselves go with the vCPUs. */
		for (i = 0; doomed.ring && i < VCPUS; i++)
			dirty_ring_take(fixture.dirty, &fixture.vm->vcpus[i],
					ENTRIES);
		vcpu_threads_ring_room(threads);
		sched_yield();
	}
	vcpu_threads_finish(threads);
	/* Closes the file that the threads use. Their memory stays. */
	dirty_vm_destroy(&fixture);
	thread_group_join(modes, END_MS);
	CHECK(doomed.ended == MODES,
	      "%llu of %d threads saw the VM's file closed", doomed.ended,
	      MODES);
	CHECK(!vms_of(getpid()),
	      "all of a VM was closed while it was harvested, and it still exists");
	return doomed.reset;
}

void slot_vm_closed(const struct test_case *test)
{
	u64 end = clock_ns() + case_duration_ns();
	struct random_stream random;
	bool ring = dirty_mode_is_ring(test->number[0]);
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
	const struct vcpu_threads_config vcpu_threads_config = {
		.function = writer_run,
		.on_exit = vcpu_threads_store_nowhere,
	};
	struct doomed doomed = { .changing = true };
	struct dirty_vm fixture;

	create(&fixture, argument);
	vcpu_threads_start(vcpu_threads_new(fixture.vm, &vcpu_threads_config));
	thread_group_start(new_modes(&doomed, &fixture));
	for (;;) {
		u64 size = fixture.slot[0].size;

		slot_delete(&fixture.slot[0]);
		fixture.slot[0].size = size;
		fixture.slot[0].flags = KVM_MEM_LOG_DIRTY_PAGES;
		slot_set(&fixture.slot[0]);
	}
}

void slot_vm_killed(const struct test_case *test)
{
	const struct kill_loop kills = { .live = live, .argument = test };

	kill_loop_run(&kills, case_duration_ns());
}
