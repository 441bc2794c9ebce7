/* SPDX-License-Identifier: GPL-2.0-only */
/* A VM with memory, some of it tracked, and an image of what it has to be. */
#ifndef AVIC_TRACK_SCENE_H
#define AVIC_TRACK_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "avic_device.h"
#include "backing.h"
#include "track.h"
#include "vm.h"

#define TRACK_PAGES    8
#define TRACK_EXPECTED 4096
#define TRACK_RING     4096

/**
 * struct track_scene_config - what there is to be
 * @backing: kind of memory
 * @size: bytes of it
 * @vcpus: how many; 0: one
 */
struct track_scene_config {
	enum backing_kind backing;
	uint64_t size;
	unsigned int vcpus;
};

/**
 * struct track_scene - it
 * @vm: the VM
 * @backing: its memory
 * @slot: the memslot
 * @avic: the device
 * @image: what memory has to be like
 * @page: pages that are tracked, by guest physical address
 * @page_count: how many
 * @expected: what KVM has to tell of
 * @expected_count: how much of it
 */
struct track_scene {
	struct vm *vm;
	struct backing backing;
	struct memslot slot;
	struct avic avic;
	uint8_t *image;
	uint64_t page[TRACK_PAGES];
	size_t page_count;
	struct secmmu_avic_write *expected;
	size_t expected_count;
};

/**
 * track_begin() - a scene in which nothing is tracked
 * @scene: to be filled
 * @config: what there is to be
 */
void track_begin(struct track_scene *scene,
		 const struct track_scene_config *config);

/**
 * track_end() - all gone
 * @scene: the scene
 */
void track_end(struct track_scene *scene);

/**
 * track_page() - track a page
 * @scene: the scene
 * @offset: in its slot, bytes
 */
void track_page(struct track_scene *scene, uint64_t offset);

/**
 * track_is_tracked() - is this page expected to be told of?
 * @scene: the scene
 * @gpa: an address in the page
 *
 * Return: whether it is.
 */
bool track_is_tracked(const struct track_scene *scene, uint64_t gpa);

/**
 * track_begin_run() - vCPU 0 is ready to do a list
 * @scene: the scene
 * @op: what; gva is the offset in the slot
 * @count: how many
 * @vectors: TRACK_SSE, TRACK_AVX
 */
void track_begin_run(struct track_scene *scene, const struct track_op *op,
		     size_t count, uint64_t vectors);

/**
 * track_do() - vCPU 0 does a list, and it is judged
 * @scene: the scene
 * @op: what; gva is the offset in the slot
 * @count: how many
 * @vectors: TRACK_SSE, TRACK_AVX
 *
 * KVM has to tell of every write to a tracked page, in order, with address,
 * length and bytes, and of nothing else; and the writes have happened.
 */
void track_do(struct track_scene *scene, const struct track_op *op,
	      size_t count, uint64_t vectors);

/**
 * track_judge() - what KVM told of since the last time is what was expected
 * @scene: the scene
 */
void track_judge(struct track_scene *scene);

#endif /* AVIC_TRACK_SCENE_H */
