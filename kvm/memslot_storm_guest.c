// SPDX-License-Identifier: GPL-2.0-only
/* The vCPUs of memslot_storm_test: they access slots and judge what they find. */
#include "kvm/stamp.h"
#include "memslot_storm.h"

static volatile u64 *word_at(u64 address)
{
	return (volatile u64 *)(uintptr_t)address;
}

/* Read an entry of the expected map; false if the entry is changing. */
static bool look(const struct storm_expected_map *map, u64 number,
		 struct storm_position *view)
{
	const struct storm_position *position = &map->position[number];

	view->sequence = __atomic_load_n(&position->sequence, __ATOMIC_ACQUIRE);
	view->memory = position->memory;
	view->generation = position->generation;
	view->start = position->start;
	view->units = position->units;
	view->offset = position->offset;
	view->read_only = position->read_only;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !(view->sequence & 1) && position->sequence == view->sequence;
}

/* Is the entry unchanged since @view was read? */
static bool still(const struct storm_expected_map *map, u64 number,
		  const struct storm_position *view)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return map->position[number].sequence == view->sequence;
}

static void report_wrong(struct guest_vcpu *self, enum storm_wrong wrong,
			 u64 seen, u64 expected)
{
	struct storm_vcpu *own = storm_vcpu_of(self);

	own->wrong = wrong;
	own->seen = seen;
	own->expected = expected;
	guest_sync(self, wrong, 0);
}

static void load(struct guest_vcpu *self, const struct storm_expected_map *map,
		 u64 gva, bool known)
{
	struct storm_vcpu *own = storm_vcpu_of(self);
	u64 seen = *word_at(gva + STORM_CANARY), expected;

	if (!known || !still(map, own->position, &own->view)) {
		own->count[STORM_RACING]++;
		return;
	}
	expected = storm_expected(map, &own->view, own->position, own->unit);
	if (seen != expected)
		report_wrong(self, STORM_WRONG_LOAD, seen, expected);
	if (storm_covers(&own->view, own->unit))
		own->count[STORM_LOADS]++;
	else
		own->count[STORM_HOLES]++;
}

/* A store must be visible in another slot of the same memory. */
static void look_at_alias(struct guest_vcpu *self,
			  const struct storm_expected_map *map, u64 word,
			  u64 value)
{
	struct storm_vcpu *own = storm_vcpu_of(self);
	u64 unit = storm_unit(&own->view, own->unit), number, seen;
	struct storm_position other;

	for (number = 0; number < map->positions; number++) {
		if (number == own->position || !look(map, number, &other) ||
		    other.memory != own->view.memory || unit < other.offset ||
		    unit - other.offset >= other.units)
			continue;
		seen = *word_at(storm_gpa(map, number,
					  unit - other.offset + other.start) +
				word);
		if (!still(map, number, &other) ||
		    !still(map, own->position, &own->view))
			return;
		if (seen != value)
			report_wrong(self, STORM_WRONG_ALIAS, seen, value);
		own->count[STORM_ALIASES]++;
		return;
	}
}

static void store(struct guest_vcpu *self, const struct storm_expected_map *map,
		  u64 gva, bool known)
{
	struct storm_vcpu *own = storm_vcpu_of(self);
	u64 word = STORM_WORDS + self->index * sizeof(u64);
	u64 value = stamp(self->index, ++own->stores);
	u64 exits = own->exits, seen;
	bool in_slot;

	*word_at(gva + word) = value;
	/* The load below may exit as well. */
	exits = own->exits - exits;
	if (!known || !still(map, own->position, &own->view)) {
		own->count[STORM_RACING]++;
		return;
	}
	in_slot = storm_covers(&own->view, own->unit);
	if (exits != (u64)(!in_slot || own->view.read_only))
		report_wrong(self, STORM_WRONG_EXIT, exits, !exits);
	if (exits && (own->exit_gpa != gva + word || own->exit_value != value))
		report_wrong(self, STORM_WRONG_EXIT, own->exit_gpa, gva + word);

	seen = *word_at(gva + word);
	if (!still(map, own->position, &own->view)) {
		own->count[STORM_RACING]++;
		return;
	}
	if (in_slot && !own->view.read_only) {
		if (seen != value)
			report_wrong(self, STORM_WRONG_LOST, seen, value);
		own->count[STORM_STORES]++;
		look_at_alias(self, map, word, value);
		return;
	}
	if (!in_slot && seen != storm_hole_word(gva + word))
		report_wrong(self, STORM_WRONG_LOAD, seen,
			     storm_hole_word(gva + word));
	if (in_slot && seen == value)
		report_wrong(self, STORM_WRONG_KEPT, seen, 0);
	if (in_slot)
		own->count[STORM_READ_ONLY]++;
	else
		own->count[STORM_HOLES]++;
}

/* Outside every slot the fetch is refused: the host judges and restarts the vCPU. */
static void fetch(struct guest_vcpu *self, const struct storm_expected_map *map,
		  u64 gva, bool known)
{
	struct storm_vcpu *own = storm_vcpu_of(self);
	u64 seen, expected;

	own->fetching = 1 + known;
	guest_fetch_barrier();
	seen = ((u64(*)(void))(uintptr_t)(gva + STORM_CODE))();
	own->fetching = 0;
	if (!known || !still(map, own->position, &own->view)) {
		own->count[STORM_RACING]++;
		return;
	}
	expected = storm_word(STORM_MARK_CODE, (u64)own->view.memory, 0,
			      storm_unit(&own->view, own->unit));
	if (!storm_covers(&own->view, own->unit) || seen != expected)
		report_wrong(self, STORM_WRONG_FETCH, seen, expected);
	own->count[STORM_FETCHES]++;
}

/* Three times of four, a unit that a slot covers or has just covered. */
static u64 choose_unit(struct storm_vcpu *own,
		       const struct storm_expected_map *map)
{
	const struct storm_position *view = &own->view;
	u64 unit = random_below(&own->random, map->position_units);

	if (view->memory < 0 || random_chance(&own->random, 1, 4))
		return unit;
	/* An entry that is changing may hold any value. */
	unit = view->start + random_below(&own->random, view->units);
	return unit < map->position_units ? unit : 0;
}

void memslot_storm_guest(struct guest_vcpu *self, u64 address)
{
	const struct storm_expected_map *map =
		(const struct storm_expected_map *)(uintptr_t)address;
	struct storm_vcpu *own = storm_vcpu_of(self);

	while (!self->stop) {
		u64 choice = random_below(&own->random, 8), gva;
		bool known;

		own->position = random_below(&own->random, map->positions);
		known = look(map, own->position, &own->view);
		own->unit = choose_unit(own, map);
		gva = storm_gpa(map, own->position, own->unit);
		own->steps++;
		self->beat++;
		if (choice < 2 && map->fetches)
			fetch(self, map, gva, known);
		else if (choice < 5)
			load(self, map, gva, known);
		else
			store(self, map, gva, known);
	}
}
