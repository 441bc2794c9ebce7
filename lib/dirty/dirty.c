// SPDX-License-Identifier: GPL-2.0-only
/* Dirty logging: bitmap, bitmap with manual clear. The ring is dirty_ring.c. */
#include <errno.h>
#include <stdlib.h>

#include "kvm/arch.h"
#include "core/bitmap.h"
#include "core/variant.h"
#include "dirty/dirty.h"

#define RING_ENTRIES_DEFAULT 4096

static const struct choice modes[DIRTY_MODE_COUNT] = {
	CHOICE("log", DIRTY_MODE_LOG),
	CHOICE("clear", DIRTY_MODE_CLEAR),
	CHOICE("clear_initially_set", DIRTY_MODE_CLEAR_INITIALLY_SET),
	CHOICE("ring", DIRTY_MODE_RING),
	CHOICE("ring_acq_rel", DIRTY_MODE_RING_ACQ_REL),
	CHOICE("ring_bitmap", DIRTY_MODE_RING_BITMAP),
};

static bool exists(u64 mode)
{
	return dirty_mode_exists((enum dirty_mode)mode);
}

const struct choices dirty_modes = {
	.list = modes,
	.count = DIRTY_MODE_COUNT,
	.exists = exists,
};

const struct choices dirty_bitmap_modes = {
	.list = modes,
	.count = DIRTY_MODE_RING,
	.exists = exists,
};

const struct choices dirty_ring_modes = {
	.list = modes + DIRTY_MODE_RING,
	.count = DIRTY_MODE_RINGS,
	.exists = exists,
};

const char *dirty_mode_name(enum dirty_mode mode)
{
	return modes[mode].name;
}

const enum dirty_mode dirty_mode_rings[DIRTY_MODE_RINGS] = {
	DIRTY_MODE_RING,
	DIRTY_MODE_RING_ACQ_REL,
	DIRTY_MODE_RING_BITMAP,
};

bool dirty_mode_is_ring(enum dirty_mode mode)
{
	return mode == DIRTY_MODE_RING || mode == DIRTY_MODE_RING_ACQ_REL ||
	       mode == DIRTY_MODE_RING_BITMAP;
}

bool dirty_mode_exists(enum dirty_mode mode)
{
	static const unsigned int capabilities[DIRTY_MODE_COUNT] = {
		[DIRTY_MODE_RING] = KVM_CAP_DIRTY_LOG_RING,
		[DIRTY_MODE_RING_ACQ_REL] = KVM_CAP_DIRTY_LOG_RING_ACQ_REL,
		[DIRTY_MODE_RING_BITMAP] = KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP,
	};

	return !dirty_mode_is_ring(mode) || arch_has_ring(capabilities[mode]);
}

static bool dirty_mode_is_clear(enum dirty_mode mode)
{
	return mode == DIRTY_MODE_CLEAR ||
	       mode == DIRTY_MODE_CLEAR_INITIALLY_SET;
}

static void configure_clear(enum dirty_mode mode, struct vm_config *config)
{
	u64 wanted = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;
	int offered = kvm_check_extension(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);

	if (mode == DIRTY_MODE_CLEAR_INITIALLY_SET)
		wanted |= KVM_DIRTY_LOG_INITIALLY_SET;
	if ((offered & wanted) != wanted)
		skip(mode == DIRTY_MODE_CLEAR ?
			     "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2" :
			     "KVM_DIRTY_LOG_INITIALLY_SET",
		     "use a kernel from 5.7 on");
	config->manual_protect = wanted;
}

static void configure_ring(enum dirty_mode mode, struct vm_config *config,
			   u32 ring_entries)
{
	u32 capability = mode == DIRTY_MODE_RING ?
				 KVM_CAP_DIRTY_LOG_RING :
				 KVM_CAP_DIRTY_LOG_RING_ACQ_REL;
	u32 limit = kvm_check_extension(capability) /
		    sizeof(struct kvm_dirty_gfn);

	if (!limit)
		skip(mode == DIRTY_MODE_RING ? "KVM_CAP_DIRTY_LOG_RING" :
					       "KVM_CAP_DIRTY_LOG_RING_ACQ_REL",
		     mode == DIRTY_MODE_RING ?
			     "use x86: only its memory model has HAVE_KVM_DIRTY_RING_TSO" :
			     "use x86 from 6.1 or arm64 from 6.2 on");
	/* CONFIG_NEED_KVM_DIRTY_RING_WITH_BITMAP, which arm64 selects from 6.2. */
	if (mode == DIRTY_MODE_RING_BITMAP &&
	    !kvm_check_extension(KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP))
		skip("KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP",
		     "use arm64 from 6.2 on: only there KVM writes guest memory while no vCPU runs");
	if (!ring_entries)
		ring_entries = RING_ENTRIES_DEFAULT;
	config->ring_entries = ring_entries < limit ? ring_entries : limit;
	config->ring_capability = capability;
	config->ring_with_bitmap = mode == DIRTY_MODE_RING_BITMAP;
}

void dirty_mode_configure(enum dirty_mode mode, struct vm_config *config,
			  u32 ring_entries)
{
	if (dirty_mode_is_clear(mode))
		configure_clear(mode, config);
	if (dirty_mode_is_ring(mode))
		configure_ring(mode, config, ring_entries);
}

struct dirty_log *dirty_new(struct vm *vm, enum dirty_mode mode)
{
	struct dirty_log *dirty = calloc(1, sizeof(*dirty));

	if (!dirty)
		fail("out of memory for a dirty log");
	dirty->vm = vm;
	dirty->mode = mode;
	return dirty;
}

void dirty_free(struct dirty_log *dirty)
{
	unsigned int i;

	for (i = 0; i < dirty->slot_count; i++) {
		free(dirty->slots[i].fresh);
		free(dirty->slots[i].log);
		free(dirty->slots[i].queued);
	}
	free(dirty);
}

struct dirty_slot *dirty_watch(struct dirty_log *dirty, struct memslot *slot)
{
	struct dirty_slot *watched;

	if (dirty->slot_count == DIRTY_SLOTS_MAX)
		fail("more than %d slots watched", DIRTY_SLOTS_MAX);
	watched = &dirty->slots[dirty->slot_count++];
	watched->slot = slot;
	watched->pages = slot->size / dirty->vm->page_size;
	watched->fresh = bitmap_new(watched->pages);
	watched->log = bitmap_new(watched->pages);
	watched->queued = bitmap_new(watched->pages);
	watched->logging = slot->flags & KVM_MEM_LOG_DIRTY_PAGES;
	return watched;
}

void dirty_enable(struct dirty_log *dirty, struct dirty_slot *watched)
{
	(void)dirty;
	slot_set_flags(watched->slot,
		       watched->slot->flags | KVM_MEM_LOG_DIRTY_PAGES);
	watched->logging = true;
}

void dirty_disable(struct dirty_log *dirty, struct dirty_slot *watched)
{
	if (dirty_mode_is_ring(dirty->mode))
		dirty_ring_collect(dirty);
	slot_set_flags(watched->slot,
		       watched->slot->flags & ~KVM_MEM_LOG_DIRTY_PAGES);
	watched->logging = false;
	/*
	 * Entries that running vCPUs have pushed until then belong to this period of
	 * logging: left in the ring, they would be taken for writes of the next one.
	 */
	if (dirty_mode_is_ring(dirty->mode))
		dirty_ring_collect(dirty);
	bitmap_zero(watched->queued, watched->pages);
}

int __dirty_get(struct memslot *slot, unsigned long *bitmap)
{
	struct kvm_dirty_log log = {
		.slot = slot->id,
		.dirty_bitmap = bitmap,
	};

	return __vm_ioctl(slot->vm, KVM_GET_DIRTY_LOG, &log);
}

void dirty_expect_no_log(struct dirty_slot *watched, const char *when)
{
	int error = __dirty_get(watched->slot, watched->log);

	CHECK(error == -ENOENT,
	      "%s: KVM_GET_DIRTY_LOG of slot %u, which is not logged: expected ENOENT, got %s",
	      when, watched->slot->id, error ? errno_name(-error) : "success");
}

int __dirty_clear(struct vm *vm, u32 slot_id, u64 first, u32 count,
		  unsigned long *bitmap)
{
	struct kvm_clear_dirty_log log = {
		.slot = slot_id,
		.first_page = first,
		.num_pages = count,
		.dirty_bitmap = bitmap,
	};

	return __vm_ioctl(vm, KVM_CLEAR_DIRTY_LOG, &log);
}

static void get_log(struct dirty_slot *watched, unsigned long *bitmap)
{
	int error = __dirty_get(watched->slot, bitmap);

	if (error)
		fail("KVM_GET_DIRTY_LOG of slot %u failed: %s",
		     watched->slot->id, errno_name(-error));
}

/* Clear [first, first + count) of watched->log and report it. */
static void clear_range(struct dirty_log *dirty, struct dirty_slot *watched,
			size_t first, size_t count)
{
	size_t word = first / BITMAP_WORD_BITS;
	int error;

	error = __dirty_clear(dirty->vm, watched->slot->id, first, count,
			      watched->log + word);
	if (error)
		fail("KVM_CLEAR_DIRTY_LOG of slot %u, pages %zu to %zu, failed: %s",
		     watched->slot->id, first, first + count - 1,
		     errno_name(-error));
	bitmap_or(watched->fresh + word, watched->log + word, count);
}

/*
 * Clear random ranges of whole words, disjoint and ascending, so that no range is
 * cleared by a bitmap that an earlier clear has outdated.
 */
static void clear_partly(struct dirty_log *dirty, struct dirty_slot *watched,
			 struct random_stream *random)
{
	size_t words = bitmap_words(watched->pages);
	size_t word = 0;

	while (word < words) {
		size_t run = 1 + random_below(random, words - word);
		size_t first = word * BITMAP_WORD_BITS;
		size_t count = run * BITMAP_WORD_BITS;

		if (first + count > watched->pages)
			count = watched->pages - first;
		if (random_chance(random, 1, 2))
			clear_range(dirty, watched, first, count);
		word += run;
	}
}

size_t dirty_harvest_queued(struct dirty_slot *watched)
{
	bitmap_copy(watched->fresh, watched->queued, watched->pages);
	bitmap_zero(watched->queued, watched->pages);
	return bitmap_count(watched->fresh, watched->pages);
}

size_t dirty_harvest(struct dirty_log *dirty, struct dirty_slot *watched,
		     struct random_stream *partial)
{
	if (dirty_mode_is_ring(dirty->mode)) {
		dirty_ring_collect(dirty);
		return dirty_harvest_queued(watched);
	}
	bitmap_zero(watched->fresh, watched->pages);
	if (dirty_mode_is_clear(dirty->mode)) {
		get_log(watched, watched->log);
		if (partial)
			clear_partly(dirty, watched, partial);
		else
			clear_range(dirty, watched, 0, watched->pages);
	} else {
		get_log(watched, watched->fresh);
	}
	return bitmap_count(watched->fresh, watched->pages);
}

/* Errors of a slot that is absent, not logged, or of another size by now. */
static bool changed_meanwhile(int error)
{
	return error == -ENOENT || error == -EINVAL;
}

size_t dirty_harvest_changing(struct dirty_log *dirty,
			      struct dirty_slot *watched)
{
	bool clear = dirty_mode_is_clear(dirty->mode);
	unsigned long *map = clear ? watched->log : watched->fresh;
	size_t pages = __atomic_load_n(&watched->slot->size, __ATOMIC_RELAXED) /
		       dirty->vm->page_size;
	int error;

	if (dirty_mode_is_ring(dirty->mode)) {
		dirty_ring_collect(dirty);
		return dirty_harvest_queued(watched);
	}
	/* A smaller slot fills a part of it. */
	bitmap_zero(map, watched->pages);
	error = __dirty_get(watched->slot, map);
	if (!error && clear && pages) {
		error = __dirty_clear(dirty->vm, watched->slot->id, 0, pages,
				      map);
		bitmap_zero(watched->fresh, watched->pages);
		if (!error)
			bitmap_or(watched->fresh, map, pages);
	}
	if (error && !changed_meanwhile(error))
		fail("harvesting slot %u while it is changed failed: %s",
		     watched->slot->id, errno_name(-error));
	if (error || (clear && !pages))
		bitmap_zero(watched->fresh, watched->pages);
	return bitmap_count(watched->fresh, watched->pages);
}

size_t dirty_harvest_final(struct dirty_log *dirty, struct dirty_slot *watched)
{
	size_t pages = dirty_harvest(dirty, watched, NULL);

	if (dirty->mode != DIRTY_MODE_RING_BITMAP)
		return pages;
	get_log(watched, watched->log);
	bitmap_or(watched->fresh, watched->log, watched->pages);
	return bitmap_count(watched->fresh, watched->pages);
}
