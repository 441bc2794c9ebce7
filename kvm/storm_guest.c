// SPDX-License-Identifier: GPL-2.0-only
/* What vCPUs do in a storm of memslots, and how they judge it (storm.h). */
#include "kvm/stamp.h"
#include "storm.h"

static volatile u64 *word_at(u64 address)
{
	return (volatile u64 *)(uintptr_t)address;
}

/* What is at a place; false if that is about to change. */
static bool look(const struct storm_expected_map *expected_map, u64 number,
		 struct storm_place *view)
{
	const struct storm_place *place = &expected_map->place[number];

	view->sequence = __atomic_load_n(&place->sequence, __ATOMIC_ACQUIRE);
	view->memory = place->memory;
	view->generation = place->generation;
	view->start = place->start;
	view->units = place->units;
	view->offset = place->offset;
	view->read_only = place->read_only;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !(view->sequence & 1) && place->sequence == view->sequence;
}

/* Has nothing changed since? */
static bool still(const struct storm_expected_map *expected_map, u64 number,
		  const struct storm_place *view)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return expected_map->place[number].sequence == view->sequence;
}

static void complain(struct guest_vcpu *self, enum storm_wrong wrong, u64 seen,
		     u64 due)
{
	struct storm_vcpu *own = storm_vcpu_of(self);

	own->wrong = wrong;
	own->seen = seen;
	own->due = due;
	guest_sync(self, wrong, 0);
}

static void load(struct guest_vcpu *self,
		 const struct storm_expected_map *expected_map, u64 gva,
		 bool known)
{
	struct storm_vcpu *own = storm_vcpu_of(self);
	u64 seen = *word_at(gva + STORM_CANARY), due;

	if (!known || !still(expected_map, own->place, &own->view)) {
		own->count.racing++;
		return;
	}
	due = storm_due(expected_map, &own->view, own->place, own->unit);
	if (seen != due)
		complain(self, STORM_WRONG_LOAD, seen, due);
	if (storm_has(&own->view, own->unit))
		own->count.loads++;
	else
		own->count.holes++;
}

/* The same memory in another slot must have it as well. */
static void look_at_alias(struct guest_vcpu *self,
			  const struct storm_expected_map *expected_map,
			  u64 word, u64 value)
{
	struct storm_vcpu *own = storm_vcpu_of(self);
	u64 unit = storm_unit(&own->view, own->unit), number, seen;
	struct storm_place other;

	for (number = 0; number < expected_map->places; number++) {
		if (number == own->place ||
		    !look(expected_map, number, &other) ||
		    other.memory != own->view.memory || unit < other.offset ||
		    unit - other.offset >= other.units)
			continue;
		seen = *word_at(storm_gpa(expected_map, number,
					  unit - other.offset + other.start) +
				word);
		if (!still(expected_map, number, &other) ||
		    !still(expected_map, own->place, &own->view))
			return;
		if (seen != value)
			complain(self, STORM_WRONG_ALIAS, seen, value);
		own->count.aliases++;
		return;
	}
}

static void store(struct guest_vcpu *self,
		  const struct storm_expected_map *expected_map, u64 gva,
		  bool known)
{
	struct storm_vcpu *own = storm_vcpu_of(self);
	u64 word = STORM_WORDS + self->index * sizeof(u64);
	u64 value = stamp(self->index, ++own->stores);
	u64 exits = own->exits, seen;
	bool in_slot;

	*word_at(gva + word) = value;
	/* That of a load may follow. */
	exits = own->exits - exits;
	if (!known || !still(expected_map, own->place, &own->view)) {
		own->count.racing++;
		return;
	}
	in_slot = storm_has(&own->view, own->unit);
	if (exits != (u64)(!in_slot || own->view.read_only))
		complain(self, STORM_WRONG_EXIT, exits, !exits);
	if (exits && (own->exit_gpa != gva + word || own->exit_value != value))
		complain(self, STORM_WRONG_EXIT, own->exit_gpa, gva + word);

	seen = *word_at(gva + word);
	if (!still(expected_map, own->place, &own->view)) {
		own->count.racing++;
		return;
	}
	if (in_slot && !own->view.read_only) {
		if (seen != value)
			complain(self, STORM_WRONG_LOST, seen, value);
		own->count.stores++;
		look_at_alias(self, expected_map, word, value);
		return;
	}
	if (!in_slot && seen != storm_hole_word(gva + word))
		complain(self, STORM_WRONG_LOAD, seen,
			 storm_hole_word(gva + word));
	if (in_slot && seen == value)
		complain(self, STORM_WRONG_KEPT, seen, 0);
	if (in_slot)
		own->count.read_only++;
	else
		own->count.holes++;
}

/* Where no slot is the host begins this vCPU anew, and judges. */
static void fetch(struct guest_vcpu *self,
		  const struct storm_expected_map *expected_map, u64 gva,
		  bool known)
{
	struct storm_vcpu *own = storm_vcpu_of(self);
	u64 seen, due;

	own->fetching = 1 + known;
	guest_fetch_barrier();
	seen = ((u64(*)(void))(uintptr_t)(gva + STORM_CODE))();
	own->fetching = 0;
	if (!known || !still(expected_map, own->place, &own->view)) {
		own->count.racing++;
		return;
	}
	due = storm_word(STORM_MARK_CODE, (u64)own->view.memory, 0,
			 storm_unit(&own->view, own->unit));
	if (!storm_has(&own->view, own->unit) || seen != due)
		complain(self, STORM_WRONG_FETCH, seen, due);
	own->count.fetches++;
}

/* Most times where a slot is, or was a moment ago. */
static u64 choose_unit(struct storm_vcpu *own,
		       const struct storm_expected_map *expected_map)
{
	const struct storm_place *view = &own->view;
	u64 unit = random_below(&own->random, expected_map->place_units);

	if (view->memory < 0 || random_chance(&own->random, 1, 4))
		return unit;
	/* What a change has half written may be anything. */
	unit = view->start + random_below(&own->random, view->units);
	return unit < expected_map->place_units ? unit : 0;
}

void storm_guest(struct guest_vcpu *self, u64 address)
{
	const struct storm_expected_map *expected_map =
		(const struct storm_expected_map *)(uintptr_t)address;
	struct storm_vcpu *own = storm_vcpu_of(self);

	while (!self->stop) {
		u64 choice = random_below(&own->random, 8), gva;
		bool known;

		own->place = random_below(&own->random, expected_map->places);
		known = look(expected_map, own->place, &own->view);
		own->unit = choose_unit(own, expected_map);
		gva = storm_gpa(expected_map, own->place, own->unit);
		own->steps++;
		self->beat++;
		if (choice < 2 && expected_map->fetches)
			fetch(self, expected_map, gva, known);
		else if (choice < 5)
			load(self, expected_map, gva, known);
		else
			store(self, expected_map, gva, known);
	}
}
