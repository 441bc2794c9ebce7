// SPDX-License-Identifier: GPL-2.0-only
/* Guest work that checks itself. */
#include "kvm/registers.h"
#include "work.h"

/* Of each in a turn. */
#define MOVES	8
#define STEPS	16
#define APPENDS 4
#define REREADS 4
#define ADDS	4
/* Blocks that are sorted together, at most. */
#define SORTED_BLOCKS 3
/* Free places that are looked for before a move is given up. */
#define TRIES 8
/* Registers get something new every so many turns. */
#define FILL_TURNS 16

static struct work_cell *cell_at(const struct work *work, u64 number)
{
	return (struct work_cell *)(uintptr_t)(work->cells +
					       number * work->cell_stride);
}

static struct work_record *record_at(const struct work *work, u64 sequence)
{
	u64 place = sequence % work->record_count;

	return (struct work_record *)(uintptr_t)(work->records +
						 place * work->record_stride);
}

static void check_cell(const struct work *work, u64 number)
{
	const struct work_cell *cell = cell_at(work, number);

	guest_assert_equal(cell->check, work_cell_check(number, cell));
}

static void seal_cell(struct work *work, u64 number)
{
	struct work_cell *cell = cell_at(work, number);

	cell->check = work_cell_check(number, cell);
}

/* The node in cell @from goes to the free cell @to. */
static void move_node(struct work *work, u64 from, u64 to)
{
	struct work_cell *old = cell_at(work, from), *new = cell_at(work, to);
	struct work_cell *previous = cell_at(work, old->previous);
	struct work_cell *next = cell_at(work, old->next);

	check_cell(work, old->previous);
	check_cell(work, old->next);
	guest_assert_equal(previous->next, from);
	guest_assert_equal(next->previous, from);
	new->next = old->next;
	new->previous = old->previous;
	new->value = old->value;
	seal_cell(work, to);
	previous->next = to;
	seal_cell(work, old->previous);
	next->previous = to;
	seal_cell(work, old->next);
	old->next = 0;
	old->previous = 0;
	old->value = WORK_FREE;
	seal_cell(work, from);
	if (work->walker == from)
		work->walker = to;
}

static void list_move(struct work *work)
{
	u64 from = random_below(&work->random, work->cell_count), to;
	unsigned int i;

	check_cell(work, from);
	if (cell_at(work, from)->value == WORK_FREE)
		from = work->walker;
	for (i = 0; i < TRIES; i++) {
		to = random_below(&work->random, work->cell_count);
		check_cell(work, to);
		if (cell_at(work, to)->value != WORK_FREE)
			continue;
		check_cell(work, from);
		move_node(work, from, to);
		return;
	}
}

static void list_step(struct work *work)
{
	const struct work_cell *cell = cell_at(work, work->walker);
	u64 next = cell->next;

	check_cell(work, work->walker);
	guest_assert(next < work->cell_count);
	guest_assert_equal(cell_at(work, next)->value,
			   (cell->value + 1) % work->node_count);
	work->walker = next;
}

static void check_record(const struct work *work, u64 sequence)
{
	const struct work_record *record = record_at(work, sequence);

	guest_assert_equal(record->sequence, sequence);
	guest_assert_equal(record->check, work_record_check(record));
}

static void log_append(struct work *work)
{
	u64 sequence = work->sequence + 1;
	struct work_record *record = record_at(work, sequence);

	/* What was here must be what was written a whole turn ago. */
	if (sequence > work->record_count)
		check_record(work, sequence - work->record_count);
	record->sequence = sequence;
	record->payload = random_u64(&work->random);
	record->before = work->last_check;
	record->check = work_record_check(record);
	work->last_check = record->check;
	work->sequence = sequence;
}

static void log_reread(struct work *work)
{
	u64 kept = work->sequence < work->record_count ? work->sequence :
							 work->record_count;
	u64 sequence = work->sequence - random_below(&work->random, kept);

	if (!kept)
		return;
	check_record(work, sequence);
	if (sequence < work->sequence) {
		check_record(work, sequence + 1);
		guest_assert_equal(record_at(work, sequence + 1)->before,
				   record_at(work, sequence)->check);
	}
}

static void counter_add(const struct work_plan *plan, struct work *work)
{
	u64 number = random_below(&work->random, WORK_COUNTERS);
	u64 amount = 1 + random_below(&work->random, 7);
	u64 *counter = (u64 *)(uintptr_t)(plan->counters +
					  number * plan->page_size);
	u64 before = __atomic_fetch_add(counter, amount, __ATOMIC_SEQ_CST);

	/* Others add, too; nobody takes away. */
	guest_assert(before >= work->seen[number]);
	guest_assert(before >= work->added[number]);
	work->seen[number] = before + amount;
	work->added[number] += amount;
}

static void swap_keys(u64 *keys, u64 a, u64 b)
{
	u64 key = keys[a];

	keys[a] = keys[b];
	keys[b] = key;
}

/* Recursive, so that there is something on the stack. */
static void sort_keys(u64 *keys, u64 count)
{
	while (count > 1) {
		/* Hoare's partition: [0, high] and [high + 1, count). */
		u64 pivot = keys[(count - 1) / 2];
		u64 low = 0, high = count - 1;

		for (;; low++, high--) {
			while (keys[low] < pivot)
				low++;
			while (keys[high] > pivot)
				high--;
			if (low >= high)
				break;
			swap_keys(keys, low, high);
		}
		if (high + 1 <= count - high - 1) {
			sort_keys(keys, high + 1);
			keys += high + 1;
			count -= high + 1;
		} else {
			sort_keys(keys + high + 1, count - high - 1);
			count = high + 1;
		}
	}
}

static u64 sum_keys(const u64 *keys, u64 count)
{
	u64 sum = 0, i;

	for (i = 0; i < count; i++)
		sum += keys[i];
	return sum;
}

static void sort_blocks(struct work *work)
{
	u64 blocks = 1 + random_below(&work->random, SORTED_BLOCKS);
	u64 first, count, total = 0, i;
	u64 *keys, *sums;

	first = random_below(&work->random,
			     work->key_count / WORK_BLOCK - blocks + 1);
	keys = (u64 *)(uintptr_t)work->keys + first * WORK_BLOCK;
	sums = (u64 *)(uintptr_t)work->sums + first;
	count = blocks * WORK_BLOCK;
	for (i = 0; i < blocks; i++) {
		guest_assert_equal(sums[i],
				   sum_keys(keys + i * WORK_BLOCK, WORK_BLOCK));
		total += sums[i];
	}
	for (i = count - 1; i > 0; i--)
		swap_keys(keys, i, random_below(&work->random, i + 1));
	sort_keys(keys, count);
	for (i = 1; i < count; i++)
		guest_assert(keys[i - 1] <= keys[i]);
	guest_assert_equal(sum_keys(keys, count), total);
	for (i = 0; i < blocks; i++)
		sums[i] = sum_keys(keys + i * WORK_BLOCK, WORK_BLOCK);
}

static void check_clock(struct work *work)
{
	u64 now = registers_clock();

	if (work->clock_trusted)
		guest_assert(now >= work->clock);
	work->clock = now;
}

static void take_turn(const struct work_plan *plan, struct work *work)
{
	unsigned int i;

	for (i = 0; i < MOVES; i++)
		list_move(work);
	for (i = 0; i < STEPS; i++)
		list_step(work);
	for (i = 0; i < APPENDS; i++)
		log_append(work);
	for (i = 0; i < REREADS; i++)
		log_reread(work);
	for (i = 0; i < ADDS; i++)
		counter_add(plan, work);
	sort_blocks(work);
	check_clock(work);
	guest_assert_equal(registers_check(work->token, work->interrupts), 0);
	if (!(work->turns % FILL_TURNS)) {
		u64 token = random_u64(&work->random);

		registers_fill(token, work->interrupts);
		work->token = token;
	}
}

void work_run(struct guest_vcpu *self, u64 plan_address)
{
	const struct work_plan *plan = (const struct work_plan *)(uintptr_t)
		plan_address;
	struct work *work =
		(struct work *)(uintptr_t)(plan->states +
					   self->index * plan->state_stride);

	registers_begin(self, work->interrupts);
	registers_fill(work->token, work->interrupts);
	while (!self->stop) {
		take_turn(plan, work);
		work->turns++;
		self->beat++;
	}
}
