// SPDX-License-Identifier: GPL-2.0-only
/* The mapping-size oracle for a scene whose guest is at work. */
#include <string.h>

#include "report.h"
#include "sweep.h"

/* Touches until huge mappings must be back. */
#define RECOVERY_ATTEMPTS 3
/* Touches of a huge page when mapping sizes are judged; one tells nothing. */
#define SWEEP_TOUCHES 4

/* Have memory touched, huge page by huge page, and see by what mappings. */
static void touch(struct sweep *sweep, struct mapping_sizes *sizes)
{
	u64 stride = sweep->scene->huge_size / SWEEP_TOUCHES;
	struct writer_list list = {
		.sequence = sweep->stores,
		.access = sweep->access,
	};
	unsigned int i;

	for (i = 0; i < sweep->scene->config.slots; i++) {
		const struct memslot *slot = &sweep->scene->slot[i];

		list.store[list.count++] = (struct writer_store){
			.gva = slot->gpa,
			.stride = (s64)stride,
			.count = (slot->size + stride - 1) / stride,
		};
	}
	mapping_probe_begin(&sweep->probe);
	scene_store(sweep->scene, sweep->vcpu, &list);
	sweep->stores = list.sequence;
	mapping_probe_end(&sweep->probe, sweep->scene->slot,
			  sweep->scene->config.slots, stride, sizes);
}

void sweep_open(struct sweep *sweep, struct scene *scene, struct vcpu *vcpu,
		enum writer_access access)
{
	u64 touches = 0;
	unsigned int i;

	*sweep = (struct sweep){
		.scene = scene,
		.vcpu = vcpu,
		.access = access,
	};
	for (i = 0; i < scene->config.slots; i++)
		touches += scene->huge_pages[i] * SWEEP_TOUCHES;
	mapping_probe_open(&sweep->probe, scene->vm, touches);
	if (scene_host_huge(scene))
		touch(sweep, &sweep->before);
}

void sweep_close(struct sweep *sweep)
{
	mapping_probe_close(&sweep->probe);
}

void sweep_check_logged(struct sweep *sweep)
{
	struct scene *scene = sweep->scene;
	struct mapping_sizes sizes;
	u64 huge = 0;
	char text[128];
	unsigned int i;

	for (i = 0; i < scene->config.slots; i++) {
		if (!scene->watched[i]->logging)
			return;
		huge += scene->huge_pages[i];
	}
	touch(sweep, &sizes);
	CHECK(mapping_logged_ok(&sizes, huge, huge),
	      "each of %llu huge pages was written while logged, but the slots have %s",
	      huge, mapping_text(&sizes, text, sizeof(text)));
}

/* Where faults tell the sizes of mappings, every page has to fault. */
static void protect(struct sweep *sweep)
{
	struct scene *scene = sweep->scene;
	unsigned int i;

	if (!sweep->probe.by_faults)
		return;
	for (i = 0; i < scene->config.slots; i++) {
		struct dirty_slot *watched = scene->watched[i];

		dirty_enable(scene->dirty, watched);
		dirty_harvest(scene->dirty, watched, NULL);
		dirty_disable(scene->dirty, watched);
	}
}

void sweep_check_recovered(struct sweep *sweep)
{
	struct mapping_sizes after;
	char text[2][128];
	unsigned int attempt;

	if (!sweep->before.known || !scene_host_huge(sweep->scene))
		return;
	/*
	 * An MMU notifier may take a mapping away at any moment: with two nodes
	 * NUMA balancing does (change_prot_numa()). So touch again; where huge
	 * mappings have not come back, no touch brings them.
	 */
	for (attempt = 0; attempt < RECOVERY_ATTEMPTS; attempt++) {
		protect(sweep);
		touch(sweep, &after);
		if (mapping_recovered(&sweep->before, &after))
			break;
	}
	CHECK(mapping_recovered(&sweep->before, &after),
	      "huge mappings did not come back after logging: before %s; after %s",
	      mapping_text(&sweep->before, text[0], sizeof(text[0])),
	      mapping_text(&after, text[1], sizeof(text[1])));
	sweep->recovered++;
}
