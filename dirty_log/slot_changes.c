// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random changes of slots under running vCPUs and harvesting threads.
 *
 * There is one mirror per memory, not per slot: two slots have the same memory.
 * A mirror is alive while every slot of its memory is logged, read-only or away,
 * for then no write goes unseen. That holds with no slot at all, too: what the
 * guest still writes then, it writes through a mapping that should be gone.
 *
 *   deleted		what was not harvested is legally lost with the slot, so
 *			all is copied after the ioctl; what others wrote by an
 *			alias is copied once more, which does no harm
 *   created logged	nothing of it is mapped: all writes are seen
 *   moved		the log stays as it is (kvm_prepare_memory_region())
 *   disabled		the mirror's life ends
 *   enabled		all is copied after the ioctl. With INITIALLY_SET pages are
 *			writable unseen until their first clear, but dirty, too:
 *			they are copied again after that
 *
 * To copy a page more often than the log demands is no harm: what is written
 * after the copy is in a later harvest, for the page is either protected, or dirty
 * and not harvested, or its harvest has not come to its own copy yet. Copies are
 * made one after the other, under a lock.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bitmap.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "dirty/mirror.h"
#include "core/report.h"
#include "slot_changes.h"
#include "core/thread.h"

#define MEMORIES   2
#define ALIAS	   MEMORIES
#define SLOTS	   (MEMORIES + 1)
#define STOPS_MIN  2
#define STOPS_MAX  100
#define STORES_MAX 600
#define STOP_MS	   30000
#define VIEWS_MAX  4
#define PLACES	   5
#define ROOM_PAGES 16
/* One change in so many is followed by a judged stop. */
#define STOP_CHANCE 6
#define READONLY_OF 8

struct change_slot {
	struct memslot *slot;
	unsigned int memory;
	u64 home;
	u64 max;
};

/* What one harvesting thread has; the first one's is the scene's. */
struct view {
	struct changes *changes;
	struct dirty_log *dirty;
	struct dirty_slot *watched[SLOTS];
};

struct changes {
	const struct slot_changes_config *config;
	struct dirty_vm fixture;
	struct vcpu_threads *threads;
	struct thread_group *modes;
	struct random_stream random;
	struct memslot alias;
	struct change_slot slot[SLOTS];
	struct view view[VIEWS_MAX];
	unsigned int views;
	pthread_mutex_t lock;
	struct mirror *mirror[MEMORIES];
	bool alive[MEMORIES];
	u64 stops, judged, verified, created, deleted, moved, flipped;
};

static bool exists(const struct change_slot *slot)
{
	return slot->slot->size;
}

/* No write by way of this slot goes unseen. */
static bool seen(const struct change_slot *slot)
{
	return !exists(slot) ||
	       slot->slot->flags & (KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY);
}

/* After a change; @lost: what was not harvested may be gone. */
static void settle(struct changes *changes, unsigned int memory, bool lost)
{
	bool alive = true;
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		if (changes->slot[i].memory == memory)
			alive &= seen(&changes->slot[i]);
	pthread_mutex_lock(&changes->lock);
	if (alive && (lost || !changes->alive[memory]))
		mirror_copy_all(changes->mirror[memory]);
	changes->alive[memory] = alive;
	pthread_mutex_unlock(&changes->lock);
}

static void note(struct changes *changes, const struct change_slot *slot,
		 const char *what, u64 value)
{
	pthread_mutex_lock(&changes->lock);
	mirror_note(changes->mirror[slot->memory], what, value);
	pthread_mutex_unlock(&changes->lock);
}

static void take(struct changes *changes, struct view *view, unsigned int i)
{
	unsigned int memory = changes->slot[i].memory;

	pthread_mutex_lock(&changes->lock);
	changes->verified += mirror_take(changes->mirror[memory],
					 view->watched[i]->fresh);
	pthread_mutex_unlock(&changes->lock);
}

static size_t harvest_all(struct changes *changes, struct view *view)
{
	size_t pages = 0;
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		size_t found = dirty_harvest_changing(view->dirty,
						      view->watched[i]);

		if (found)
			take(changes, view, i);
		pages += found;
	}
	return pages;
}

static void harvest(struct thread *thread, void *argument)
{
	struct view *view = argument;
	struct changes *changes = view->changes;

	while (!thread_should_stop(thread)) {
		thread_doing(thread, "harvesting slots that are changed");
		/* Nothing there: leave the CPU to those who write. */
		if (!harvest_all(changes, view))
			poll(NULL, 0, 1);
		vcpu_threads_ring_room(changes->threads);
	}
}

static void reset(struct thread *thread, void *argument)
{
	struct view *view = argument;

	while (!thread_should_stop(thread)) {
		thread_doing(thread, "KVM_RESET_DIRTY_RINGS");
		if (!dirty_ring_reset(view->dirty))
			poll(NULL, 0, 1);
	}
}

static u64 random_place(struct changes *changes, const struct change_slot *slot)
{
	u64 page = changes->fixture.vm->page_size;
	u64 huge = changes->fixture.huge_size;
	const u64 places[PLACES] = { 0, page, 3 * page, huge, huge + 5 * page };

	return slot->home + places[random_below(&changes->random, PLACES)];
}

static u64 random_size(struct changes *changes, const struct change_slot *slot)
{
	u64 page = changes->fixture.vm->page_size;

	switch (random_below(&changes->random, 8)) {
	case 0:
		return page;
	case 1:
		return 63 * page;
	case 2:
		return (1 + random_below(&changes->random, slot->max / page)) *
		       page;
	default:
		return slot->max;
	}
}

static void create(struct changes *changes, struct change_slot *slot)
{
	u32 flags = 0;

	if (random_chance(&changes->random, 3, 4))
		flags |= KVM_MEM_LOG_DIRTY_PAGES;
	if (random_chance(&changes->random, 1, READONLY_OF))
		flags |= KVM_MEM_READONLY;
	note(changes, slot, "slot created, flags", flags);
	slot->slot->gpa = random_place(changes, slot);
	note(changes, slot, "at gpa", slot->slot->gpa);
	slot->slot->flags = flags;
	/* Those who harvest go by it, and are refused until then. */
	__atomic_store_n(&slot->slot->size, random_size(changes, slot),
			 __ATOMIC_RELAXED);
	slot_set(slot->slot);
	settle(changes, slot->memory, false);
	changes->created++;
}

static void remove_slot(struct changes *changes, struct change_slot *slot)
{
	note(changes, slot, "slot deleted", slot->slot->id);
	slot_delete(slot->slot);
	settle(changes, slot->memory, true);
	changes->deleted++;
}

static void move(struct changes *changes, struct change_slot *slot)
{
	u64 place = random_place(changes, slot);

	note(changes, slot, "slot moved, gpa", place);
	slot_move(slot->slot, place);
	settle(changes, slot->memory, false);
	changes->moved++;
}

static void flip(struct changes *changes, struct change_slot *slot)
{
	u32 flags = slot->slot->flags ^ KVM_MEM_LOG_DIRTY_PAGES;

	note(changes, slot, "flags", flags);
	slot_set_flags(slot->slot, flags);
	settle(changes, slot->memory, true);
	changes->flipped++;
}

static void change(struct changes *changes)
{
	struct change_slot *slot =
		&changes->slot[random_below(&changes->random, SLOTS)];

	if (random_chance(&changes->random, 1, 4))
		vcpu_threads_pause(changes->threads);
	if (!exists(slot))
		create(changes, slot);
	else if (!(slot->slot->flags & KVM_MEM_LOG_DIRTY_PAGES) &&
		 random_chance(&changes->random, 1, 2))
		flip(changes, slot);
	else
		switch (random_below(&changes->random, 5)) {
		case 0:
		case 1:
			remove_slot(changes, slot);
			break;
		case 2:
			flip(changes, slot);
			break;
		default:
			move(changes, slot);
		}
	vcpu_threads_resume(changes->threads);
}

/* What a bitmap beside the rings has, with no vCPU running. */
static void harvest_beside(struct changes *changes, struct view *view)
{
	unsigned int i;

	if (changes->config->fixture.mode != DIRTY_MODE_RING_BITMAP)
		return;
	for (i = 0; i < SLOTS; i++) {
		struct dirty_slot *watched = view->watched[i];

		bitmap_zero(watched->fresh, watched->pages);
		if (exists(&changes->slot[i]) &&
		    changes->slot[i].slot->flags & KVM_MEM_LOG_DIRTY_PAGES) {
			int error = __dirty_get(watched->slot, watched->fresh);

			CHECK(!error, "KVM_GET_DIRTY_LOG of slot %u failed: %s",
			      watched->slot->id, errno_name(-error));
			take(changes, view, i);
		}
	}
}

static void judge(struct changes *changes)
{
	struct view *view = &changes->view[0];
	unsigned int i;
	size_t left;

	vcpu_threads_pause(changes->threads);
	thread_group_pause(changes->modes, STOP_MS);
	harvest_all(changes, view);
	harvest_beside(changes, view);
	left = harvest_all(changes, view);
	CHECK(!left,
	      "%zu pages are dirty again at the second harvest though no vCPU runs",
	      left);
	for (i = 0; i < MEMORIES; i++) {
		if (!changes->alive[i])
			continue;
		mirror_judge(changes->mirror[i]);
		changes->judged++;
	}
	changes->stops++;
	thread_group_resume(changes->modes);
	vcpu_threads_ring_room(changes->threads);
	vcpu_threads_resume(changes->threads);
}

static void add_alias(struct changes *changes)
{
	const struct memslot *last = &changes->fixture.slot[MEMORIES - 1];
	u64 huge = changes->fixture.huge_size;
	u64 gpa = last->gpa + last->size + 32 * huge;

	gpa -= gpa % huge;
	slot_add(changes->fixture.vm, &changes->alias, last->id + 1, gpa,
		 &changes->fixture.backing[0], 0);
}

/* Where slots can be moved to, the guest has mapped, too. */
static void map_room(struct changes *changes)
{
	struct vm *vm = changes->fixture.vm;
	u64 huge = changes->fixture.huge_size, room;
	unsigned int i;

	room = huge + ROOM_PAGES * vm->page_size;
	for (i = 0; i < SLOTS; i++) {
		struct change_slot *slot = &changes->slot[i];
		u64 end = slot->home + slot->max;

		if (i == ALIAS)
			vm_map(vm, slot->home, slot->home, slot->max + room,
			       huge);
		else
			vm_map(vm, end, end, room, huge);
	}
}

static void setup_writers(struct changes *changes)
{
	u64 page = changes->fixture.vm->page_size;
	unsigned int i, j;

	dirty_vm_setup_writers(&changes->fixture);
	for (i = 0; i < changes->fixture.vm->vcpu_count; i++) {
		struct writer *writer = writer_of(
			changes->fixture.vm->vcpus[i].guest);

		writer->range_count = SLOTS;
		for (j = 0; j < SLOTS; j++) {
			writer->range[j].gva = changes->slot[j].home;
			/* Beside a slot there is none: some stores are lost. */
			writer->range[j].pages = changes->slot[j].max / page +
						 ROOM_PAGES;
		}
	}
}

static void add_view(struct changes *changes, unsigned int index)
{
	struct view *view = &changes->view[index];
	unsigned int i;

	view->changes = changes;
	view->dirty = index ? dirty_new(changes->fixture.vm,
					changes->config->fixture.mode) :
			      changes->fixture.dirty;
	for (i = 0; i < SLOTS; i++)
		view->watched[i] = index || i == ALIAS ?
					   dirty_watch(view->dirty,
						       changes->slot[i].slot) :
					   changes->fixture.watched[i];
}

static void setup(struct changes *changes,
		  const struct slot_changes_config *config)
{
	const struct vcpu_threads_config vcpu_threads_config = {
		.function = writer_run,
		.on_exit = vcpu_threads_store_nowhere,
	};
	struct dirty_vm_config dirty_vm_config = config->fixture;
	bool ring = dirty_mode_is_ring(dirty_vm_config.mode);
	bool alone = false;
	unsigned int i;

	memset(changes, 0, sizeof(*changes));
	changes->config = config;
	pthread_mutex_init(&changes->lock, NULL);
	case_random(&changes->random, "slot changes", 0);
	dirty_vm_config.slots = MEMORIES;
	dirty_vm_init(&changes->fixture, &dirty_vm_config);
	if (random_chance(&changes->random, 1, 2))
		alone = vm_unmap_slots_alone(changes->fixture.vm);
	report_info("a slot that goes or moves is unmapped %s",
		    alone ? "alone" : "as KVM likes it");
	add_alias(changes);
	for (i = 0; i < SLOTS; i++) {
		struct memslot *slot = i == ALIAS ? &changes->alias :
						    &changes->fixture.slot[i];

		changes->slot[i] = (struct change_slot){
			.slot = slot,
			.memory = i % MEMORIES,
			.home = slot->gpa,
			.max = slot->size,
		};
	}
	for (i = 0; i < MEMORIES; i++) {
		const struct memslot *slot = changes->slot[i].slot;
		char name[32];

		snprintf(name, sizeof(name), "memory %u", i);
		changes->mirror[i] = mirror_new(name, slot->hva,
						slot->size /
							slot->vm->page_size,
						slot->vm->page_size);
	}
	map_room(changes);
	setup_writers(changes);
	changes->threads = vcpu_threads_new(changes->fixture.vm,
					    &vcpu_threads_config);
	changes->modes = thread_group_new("harvester");
	changes->views = config->modes;
	for (i = 0; i < changes->views; i++) {
		/* Only one thread can take entries out of rings. */
		if (i && ring)
			changes->view[i].dirty = changes->fixture.dirty;
		else
			add_view(changes, i);
		thread_add(changes->modes, "harvests",
			   i && ring ? reset : harvest, &changes->view[i]);
	}
}

static void teardown(struct changes *changes)
{
	bool ring = dirty_mode_is_ring(changes->config->fixture.mode);
	unsigned int i;

	thread_group_stop(changes->modes);
	thread_group_join(changes->modes, STOP_MS);
	vcpu_threads_finish(changes->threads);
	for (i = 1; i < changes->views && !ring; i++)
		dirty_free(changes->view[i].dirty);
	for (i = 0; i < MEMORIES; i++)
		mirror_free(changes->mirror[i]);
	dirty_vm_destroy(&changes->fixture);
	pthread_mutex_destroy(&changes->lock);
}

static bool nothing_shown(const struct changes *changes)
{
	return !changes->verified || !changes->judged || !changes->moved ||
	       !changes->created;
}

void slot_changes_run(const struct slot_changes_config *config)
{
	u64 end = clock_ns() + config->duration_ns;
	struct changes changes;

	setup(&changes, config);
	vcpu_threads_start(changes.threads);
	thread_group_start(changes.modes);
	while (changes.stops < STOPS_MIN || clock_ns() < end ||
	       (nothing_shown(&changes) && changes.stops < STOPS_MAX)) {
		dirty_vm_let_write(&changes.fixture,
				   changes.fixture.vm->vcpu_count,
				   random_below(&changes.random, STORES_MAX),
				   config->pace_ms);
		change(&changes);
		if (random_chance(&changes.random, 1, STOP_CHANCE))
			judge(&changes);
	}
	judge(&changes);
	report_info("slots created %llu deleted %llu moved %llu flipped %llu",
		    changes.created, changes.deleted, changes.moved,
		    changes.flipped);
	report_info("judged stops %llu mirrors judged %llu verified page writes %llu",
		    changes.stops, changes.judged, changes.verified);
	CHECK(!nothing_shown(&changes),
	      "%llu stops, and the run has not shown what it is for",
	      changes.stops);
	teardown(&changes);
}
