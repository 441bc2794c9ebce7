// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pre-copy live migration.
 *
 * What migrates by the log is all that the guest can write: the slots under test
 * and the system slot, which has its stacks and page tables. The image is the
 * same in both VMs, read-only. The control block, which is how test and guest
 * talk, is handed over at the stop.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cases.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "migrate.h"
#include "dirty/mirror.h"
#include "core/report.h"
#include "kvm/vcpu_state.h"
#include "work.h"

#define SIDES 2
/* The slots under test, and behind them the system slot. */
#define SLOTS_MAX (DIRTY_VM_SLOTS_MAX + 1)
/* There and back. */
#define MIGRATIONS_MIN 2
/* Tries before a run in which nothing was migrated by the log is given up. */
#define MIGRATIONS_MAX 50
/* So few dirty pages are left for the stop. */
#define CONVERGED_PAGES 16
/*
 * Room for page tables, which migrate, too: for what the harness maps, and twice
 * what it takes to map all slots by pages of 4 KiB.
 */
#define TABLE_BYTES(slots) ((2UL << 20) + (slots) / 256)
#define TURNS_MAX	   200
/* Ticks: more than a machine is up, so that no downtime makes up for them. */
#define CLOCK_AHEAD (1ULL << 48)

/**
 * struct side - one of the two VMs
 * @fixture: VM, memory, harvester
 * @watched: what is harvested: the slots under test, the system slot
 * @threads: its vCPUs, NULL as long as the guest has not been here
 * @mirror: of each slot: the other side's memory as its copy
 * @cancelled: a migration from here has been given up
 */
struct side {
	struct dirty_vm fixture;
	struct dirty_slot *watched[SLOTS_MAX];
	struct vcpu_threads *threads;
	struct mirror *mirror[SLOTS_MAX];
	bool cancelled;
};

struct migration {
	const struct migrate_config *config;
	struct side side[SIDES];
	unsigned int slots;
	/* The crew's vCPUs; there is one more, which only sweeps. */
	unsigned int threads;
	struct random_stream random;
	u64 plan;
	/* x86: local APICs in the kernel, whose state migrates, too. */
	bool interrupts;
	/* What to report. */
	u64 done, cancelled, renewed, rounds, pages, verified;
	u64 downtime_ns, downtime_max_ns;
	size_t page_size;
};

static void start_first_vcpu_threads(struct migration *migration)
{
	const struct vcpu_threads_config config = {
		.function = work_run,
		.argument = migration->plan,
		.vcpus = migration->threads,
	};
	struct side *side = &migration->side[0];

	side->threads = vcpu_threads_new(side->fixture.vm, &config);
	vcpu_threads_start(side->threads);
}

/* The guest goes on here. */
static void resume(struct migration *migration, struct side *side)
{
	const struct vcpu_threads_config config = {
		.vcpus = migration->threads
	};

	if (side->threads) {
		vcpu_threads_resume(side->threads);
		return;
	}
	side->threads = vcpu_threads_new(side->fixture.vm, &config);
	vcpu_threads_start(side->threads);
}

/*
 * Let the guest work. Only a pace: nothing below is wrong if it did less; a
 * guest that does nothing at all is the crew's watchdog's business.
 */
static void let_work(struct migration *migration, struct side *side)
{
	const struct memslot *first = &side->fixture.slot[0];
	u64 until = work_turns(first) +
		    random_below(&migration->random, TURNS_MAX);
	struct deadline deadline = deadline_in_ms(migration->config->pace_ms);

	while (work_turns(first) < until && !deadline_passed(deadline))
		poll(NULL, 0, 1);
}

/* What a harvest found goes to the other side. */
static size_t take(struct migration *migration, struct side *from,
		   unsigned int i, size_t pages)
{
	vcpu_threads_ring_room(from->threads);
	migration->verified += mirror_take(from->mirror[i],
					   from->watched[i]->fresh);
	migration->pages += pages;
	return pages;
}

static void enable(struct migration *migration, struct side *from)
{
	unsigned int i;

	for (i = 0; i < migration->slots; i++) {
		mirror_note(from->mirror[i], "enable, migration",
			    migration->done);
		dirty_enable(from->fixture.dirty, from->watched[i]);
		/* Else the first harvest has every page. */
		if (mirror_begin(from->mirror[i],
				 migration->config->fixture.mode))
			migration->pages += from->watched[i]->pages;
	}
}

static void disable(struct migration *migration, struct side *from)
{
	unsigned int i;

	for (i = 0; i < migration->slots; i++) {
		mirror_note(from->mirror[i], "disable, migration",
			    migration->done);
		dirty_disable(from->fixture.dirty, from->watched[i]);
		vcpu_threads_ring_room(from->threads);
	}
}

/* One round while the guest works. Return: how many pages were dirty. */
static size_t run_round(struct migration *migration, struct side *from)
{
	size_t pages = 0;
	unsigned int i;

	for (i = 0; i < migration->slots; i++)
		pages += take(migration, from, i,
			      dirty_harvest(from->fixture.dirty,
					    from->watched[i], NULL));
	migration->rounds++;
	return pages;
}

/* No vCPU runs: all that is left. */
static void run_last_round(struct migration *migration, struct side *from)
{
	unsigned int i;

	for (i = 0; i < migration->slots; i++) {
		struct dirty_slot *watched = from->watched[i];
		size_t left;

		take(migration, from, i,
		     dirty_harvest_final(from->fixture.dirty, watched));
		left = take(migration, from, i,
			    dirty_harvest_final(from->fixture.dirty, watched));
		CHECK(!left,
		      "slot %u: %zu pages are dirty again at the second harvest though no vCPU runs",
		      watched->slot->id, left);
	}
}

static void judge_memory(struct migration *migration, struct side *from)
{
	unsigned int i;

	for (i = 0; i < migration->slots; i++)
		mirror_judge(from->mirror[i]);
}

/* The state of every vCPU that works; the one that sweeps has none to keep. */
static void move_vcpus(struct migration *migration, struct side *from,
		       struct side *to)
{
	struct vcpu_state *state;
	unsigned int i;

	vm_hand_over_control(to->fixture.vm, from->fixture.vm);
	for (i = 0; i < migration->threads; i++) {
		state = vcpu_state_save(&from->fixture.vm->vcpus[i]);
		vcpu_state_restore(&to->fixture.vm->vcpus[i], state);
		vcpu_state_judge(&to->fixture.vm->vcpus[i], state);
		vcpu_state_free(state);
	}
}

/* The sizes of mappings are known, and the host maps all of them huge. */
static bool tells_sizes(const struct side *side)
{
	return side->fixture.before.known && dirty_vm_host_huge(&side->fixture);
}

static void check_recovered(struct side *side)
{
	if (tells_sizes(side))
		dirty_vm_check_recovered(&side->fixture);
}

/* Huge mappings come back to where they were; each run shows that, once at least. */
static bool must_cancel(const struct migration *migration,
			const struct side *from)
{
	const struct side *side = migration->side;

	if (tells_sizes(&side[0]) || tells_sizes(&side[1]))
		return tells_sizes(from) && !from->cancelled;
	return !migration->cancelled;
}

static void cancel(struct migration *migration, struct side *from)
{
	if (random_chance(&migration->random, 1, 2))
		vcpu_threads_pause(from->threads);
	disable(migration, from);
	if (!from->cancelled || random_chance(&migration->random, 1, 2)) {
		vcpu_threads_pause(from->threads);
		check_recovered(from);
	}
	vcpu_threads_resume(from->threads);
	migration->cancelled++;
	from->cancelled = true;
	let_work(migration, from);
}

/* Stop, last round, state, and on. */
static void switch_over(struct migration *migration, struct side *from,
			struct side *to)
{
	u64 start = clock_ns(), judged, stopped;
	unsigned int i;

	vcpu_threads_pause(from->threads);
	for (i = 0; i < migration->threads; i++)
		vcpu_complete_exit(&from->fixture.vm->vcpus[i]);
	run_last_round(migration, from);
	judged = clock_ns();
	judge_memory(migration, from);
	if (random_chance(&migration->random, 1, 4)) {
		dirty_vm_check_split(&from->fixture);
		run_last_round(migration, from);
		judge_memory(migration, from);
	}
	judged = clock_ns() - judged;
	move_vcpus(migration, from, to);
	resume(migration, to);
	stopped = clock_ns() - start - judged;
	migration->downtime_ns += stopped;
	if (stopped > migration->downtime_max_ns)
		migration->downtime_max_ns = stopped;
	disable(migration, from);
	migration->done++;
}

static void migrate(struct migration *migration, struct side *from,
		    struct side *to)
{
	unsigned int rounds = random_below(&migration->random,
					   migration->config->rounds_max + 1);
	bool cancelled = random_chance(&migration->random, 1, 4) ||
			 must_cancel(migration, from);
	unsigned int i;

	/* A destination begins with new pages: KVM must know the old are gone. */
	if (random_chance(&migration->random, 1, 3))
		migration->renewed += dirty_vm_renew_memory(&to->fixture);
	enable(migration, from);
	for (i = 0; i < rounds; i++) {
		let_work(migration, from);
		if (run_round(migration, from) < CONVERGED_PAGES)
			break;
	}
	let_work(migration, from);
	if (cancelled) {
		cancel(migration, from);
		return;
	}
	switch_over(migration, from, to);
	let_work(migration, to);
	if (random_chance(&migration->random, 1, 3)) {
		vcpu_threads_pause(to->threads);
		check_recovered(to);
		vcpu_threads_resume(to->threads);
	}
}

static void setup_side(struct migration *migration, unsigned int index)
{
	const struct migrate_config *config = migration->config;
	struct side *side = &migration->side[index];
	struct dirty_vm_config dirty_vm_config = config->fixture;
	unsigned int i;

	dirty_vm_config.vcpus++;
	dirty_vm_config.slot_bytes =
		dirty_vm_slot_bytes(config->other,
				    dirty_vm_slot_bytes(config->fixture.backing,
							config->fixture
								.slot_bytes));
	dirty_vm_config.table_bytes = TABLE_BYTES(dirty_vm_config.slots *
						  dirty_vm_config.slot_bytes);
	dirty_vm_config.interrupts = migration->interrupts;
	if (index)
		dirty_vm_config.backing = config->other;
	if (backing_nodes() > 1)
		dirty_vm_config.on_node = 1 + index % backing_nodes();
	dirty_vm_init(&side->fixture, &dirty_vm_config);
	for (i = 0; i < config->fixture.slots; i++)
		side->watched[i] = side->fixture.watched[i];
	side->watched[i] =
		dirty_watch(side->fixture.dirty,
			    &side->fixture.vm->harness_slots[SLOT_SYSTEM]);
}

static void setup_mirrors(struct migration *migration, struct side *from,
			  struct side *to)
{
	unsigned int i;

	for (i = 0; i < migration->slots; i++) {
		const struct dirty_slot *watched = from->watched[i];
		char name[64];

		CHECK(watched->pages == to->watched[i]->pages &&
			      watched->slot->gpa == to->watched[i]->slot->gpa,
		      "the two VMs differ in slot %u", watched->slot->id);
		snprintf(name, sizeof(name), "slot %u of the %s VM",
			 watched->slot->id,
			 from == &migration->side[0] ? "first" : "second");
		from->mirror[i] = mirror_new_over(name, watched->slot->hva,
						  to->watched[i]->slot->hva,
						  watched->pages,
						  migration->page_size);
	}
}

static void setup(struct migration *migration,
		  const struct migrate_config *config)
{
	struct side *first = &migration->side[0], *second = &migration->side[1];
	unsigned int i;

	memset(migration, 0, sizeof(*migration));
	migration->config = config;
	migration->threads = config->fixture.vcpus;
	migration->slots = config->fixture.slots + 1;
	case_random(&migration->random, "migrate", 0);
	migration->interrupts = vm_can_interrupt() &&
				random_chance(&migration->random, 1, 2);
	for (i = 0; i < SIDES; i++)
		setup_side(migration, i);
	migration->page_size = first->fixture.vm->page_size;
	vm_twin(second->fixture.vm, first->fixture.vm);
	setup_mirrors(migration, first, second);
	setup_mirrors(migration, second, first);
	for (i = 0; i < SIDES; i++)
		dirty_vm_measure_sizes(&migration->side[i].fixture,
				       migration->threads, WRITER_REWRITE, 0);
	migration->plan = work_lay_out(first->fixture.vm, first->fixture.slot,
				       config->fixture.slots,
				       migration->threads);
	for (i = 0; i < migration->threads; i++)
		vcpu_advance_clock(&first->fixture.vm->vcpus[i], CLOCK_AHEAD);
	start_first_vcpu_threads(migration);
}

static void teardown(struct migration *migration)
{
	unsigned int i, j;

	for (i = 0; i < SIDES; i++) {
		struct side *side = &migration->side[i];

		if (side->threads)
			vcpu_threads_finish(side->threads);
		for (j = 0; j < migration->slots; j++)
			mirror_free(side->mirror[j]);
		dirty_vm_destroy(&side->fixture);
	}
}

static void report(const struct migration *migration, u64 turns)
{
	u64 done = migration->done ? migration->done : 1;

	report_info("migrations %llu cancelled %llu to new pages %llu rounds %llu huge mappings back %llu",
		    migration->done, migration->cancelled, migration->renewed,
		    migration->rounds,
		    migration->side[0].fixture.count.recoveries +
			    migration->side[1].fixture.count.recoveries);
	report_info("MiB copied %llu pages that had changed %llu guest turns %llu",
		    migration->pages * migration->page_size >> 20,
		    migration->verified, turns);
	report_info("downtime mean %llu us longest %llu us",
		    migration->downtime_ns / done / NSEC_PER_USEC,
		    migration->downtime_max_ns / NSEC_PER_USEC);
}

void migrate_run(const struct migrate_config *config)
{
	u64 end = clock_ns() + config->duration_ns;
	struct migration migration;
	const struct memslot *first;
	struct side *last;

	setup(&migration, config);
	while (migration.done < MIGRATIONS_MIN || clock_ns() < end ||
	       (!migration.verified && migration.done < MIGRATIONS_MAX)) {
		unsigned int from = migration.done % SIDES;

		migrate(&migration, &migration.side[from],
			&migration.side[!from]);
	}
	last = &migration.side[migration.done % SIDES];
	first = &last->fixture.slot[0];
	vcpu_threads_complete(last->threads);
	work_judge(first);
	report(&migration, work_turns(first));
	teardown(&migration);
	CHECK(migration.verified,
	      "no page that the dirty log reported had changed, in %llu migrations",
	      migration.done);
}
