// SPDX-License-Identifier: GPL-2.0-only
/* The state of a vCPU: a list of values that ioctls read and write. */
#include <stdlib.h>
#include <string.h>

#include "core/report.h"
#include "kvm/vcpu_state.h"

void state_add(struct vcpu_state *state, const struct state_item *item)
{
	size_t bytes = (state->count + 1) * sizeof(*state->items);
	struct state_item *added;

	state->items = realloc(state->items, bytes);
	if (!state->items)
		fail("out of memory for a vCPU's state");
	added = &state->items[state->count++];
	*added = *item;
	added->data = malloc(item->size);
	if (!added->data)
		fail("out of memory for a vCPU's state");
	memcpy(added->data, item->data, item->size);
}

const struct state_item *state_find(const struct vcpu_state *state,
				    const char *kind, u64 id, size_t near)
{
	size_t i;

	/* If both states have the same order, the first one matches. */
	for (i = 0; i < state->count; i++) {
		const struct state_item *item =
			&state->items[(near + i) % state->count];

		if (item->id == id && !strcmp(item->kind, kind))
			return item;
	}
	return NULL;
}

struct vcpu_state *vcpu_state_save(struct vcpu *vcpu)
{
	struct vcpu_state *state = calloc(1, sizeof(*state));

	if (!state)
		fail("out of memory for a vCPU's state");
	vcpu_complete_exit(vcpu);
	arch_state_save(vcpu, state);
	return state;
}

void vcpu_state_restore(struct vcpu *vcpu, const struct vcpu_state *state)
{
	vcpu_complete_exit(vcpu);
	arch_state_restore(vcpu, state);
}

/* The word at the first byte that differs. */
static u64 word_at(const struct state_item *item, size_t offset)
{
	size_t start = offset & ~(sizeof(u64) - 1);
	size_t left = item->size - start;
	u64 word = 0;

	memcpy(&word, (const char *)item->data + start,
	       left < sizeof(word) ? left : sizeof(word));
	return word;
}

static void judge_item(unsigned int vcpu, const struct state_item *want,
		       const struct state_item *have)
{
	size_t offset = 0;

	if (!have || have->size != want->size)
		fail("vCPU %u: %s %#llx was restored and is missing in the state that is read back",
		     vcpu, want->kind, want->id);
	if (want->passes || !memcmp(want->data, have->data, want->size))
		return;
	while (((const char *)want->data)[offset] ==
	       ((const char *)have->data)[offset])
		offset++;
	fail("vCPU %u: %s %#llx differs after restoring, byte %zu of %u: expected %#llx, got %#llx",
	     vcpu, want->kind, want->id, offset, want->size,
	     word_at(want, offset), word_at(have, offset));
}

void state_judge(unsigned int vcpu, const struct vcpu_state *want,
		 const struct vcpu_state *have)
{
	size_t i;

	for (i = 0; i < want->count; i++) {
		const struct state_item *item = &want->items[i];

		judge_item(vcpu, item,
			   state_find(have, item->kind, item->id, i));
	}
}

void vcpu_state_judge(struct vcpu *vcpu, const struct vcpu_state *state)
{
	struct vcpu_state *present = vcpu_state_save(vcpu);

	state_judge(vcpu->index, state, present);
	vcpu_state_free(present);
}

void state_clear(struct vcpu_state *state)
{
	size_t i;

	for (i = 0; i < state->count; i++)
		free(state->items[i].data);
	free(state->items);
	*state = (struct vcpu_state){ 0 };
}

void vcpu_state_free(struct vcpu_state *state)
{
	state_clear(state);
	free(state);
}
