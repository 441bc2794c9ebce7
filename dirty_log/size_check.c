// SPDX-License-Identifier: GPL-2.0-only
/* The mapping-size oracle for a scene whose guest is at work. */
#include <string.h>

#include "core/report.h"
#include "size_check.h"

/* Touches until huge mappings must be back. */
#define RECOVERY_ATTEMPTS 3
/* Touches of a huge page when mapping sizes are judged; one tells nothing. */
#define SIZE_CHECK_TOUCHES 4

/* Have memory touched, huge page by huge page, and see by what mappings. */
static void touch(struct size_check *size_check, struct mapping_sizes *sizes)
{
	u64 stride = size_check->fixture->huge_size / SIZE_CHECK_TOUCHES;
	struct writer_list list = {
		.access = size_check->access,
	};
	unsigned int i;

	for (i = 0; i < size_check->fixture->config.slots; i++) {
		const struct memslot *slot = &size_check->fixture->slot[i];

		list.store[list.count++] = (struct writer_store){
			.gva = slot->gpa,
			.stride = (s64)stride,
			.count = (slot->size + stride - 1) / stride,
		};
	}
	mapping_probe_begin(&size_check->probe);
	dirty_vm_store(size_check->fixture, size_check->vcpu->index, &list);
	mapping_probe_end(&size_check->probe, size_check->fixture->slot,
			  size_check->fixture->config.slots, stride, sizes);
}

void size_check_open(struct size_check *size_check, struct dirty_vm *fixture,
		     struct vcpu *vcpu, enum writer_access access)
{
	u64 touches = 0;
	unsigned int i;

	*size_check = (struct size_check){
		.fixture = fixture,
		.vcpu = vcpu,
		.access = access,
	};
	for (i = 0; i < fixture->config.slots; i++)
		touches += fixture->huge_pages[i] * SIZE_CHECK_TOUCHES;
	mapping_probe_open(&size_check->probe, fixture->vm, touches);
	if (dirty_vm_host_huge(fixture))
		touch(size_check, &size_check->before);
}

void size_check_close(struct size_check *size_check)
{
	mapping_probe_close(&size_check->probe);
}

void size_check_check_logged(struct size_check *size_check)
{
	struct dirty_vm *fixture = size_check->fixture;
	struct mapping_sizes sizes;
	u64 huge = 0;
	char text[128];
	unsigned int i;

	for (i = 0; i < fixture->config.slots; i++) {
		if (!fixture->watched[i]->logging)
			return;
		huge += fixture->huge_pages[i];
	}
	touch(size_check, &sizes);
	CHECK(mapping_logged_ok(&sizes, huge, huge),
	      "each of %llu huge pages was written while logged, but the slots have %s",
	      huge, mapping_text(&sizes, text, sizeof(text)));
}

/* Where faults tell the sizes of mappings, every page has to fault. */
static void protect(struct size_check *size_check)
{
	struct dirty_vm *fixture = size_check->fixture;
	unsigned int i;

	if (!size_check->probe.by_faults)
		return;
	for (i = 0; i < fixture->config.slots; i++) {
		struct dirty_slot *watched = fixture->watched[i];

		dirty_enable(fixture->dirty, watched);
		dirty_harvest(fixture->dirty, watched, NULL);
		dirty_disable(fixture->dirty, watched);
	}
}

void size_check_check_recovered(struct size_check *size_check)
{
	struct mapping_sizes after;
	char text[2][128];
	unsigned int attempt;

	if (!size_check->before.known ||
	    !dirty_vm_host_huge(size_check->fixture))
		return;
	/*
	 * An MMU notifier may take a mapping away at any moment: with two nodes
	 * NUMA balancing does (change_prot_numa()). So touch again; where huge
	 * mappings have not come back, no touch brings them.
	 */
	for (attempt = 0; attempt < RECOVERY_ATTEMPTS; attempt++) {
		protect(size_check);
		touch(size_check, &after);
		if (mapping_recovered(&size_check->before, &after))
			break;
	}
	CHECK(mapping_recovered(&size_check->before, &after),
	      "huge mappings did not come back after logging: before %s; after %s",
	      mapping_text(&size_check->before, text[0], sizeof(text[0])),
	      mapping_text(&after, text[1], sizeof(text[1])));
	size_check->recovered++;
}
