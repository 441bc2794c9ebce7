// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "affinity.h"
#include "core/cases.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "hammer.h"
#include "page_set.h"
#include "core/report.h"
#include "shadow_rules.h"

/*
 * A host thread is in one call of the device or of KVM, and those are bounded. A
 * debug kernel with 16 vCPUs and a load beside them takes more than 10 s for one.
 */
#define PAUSE_MS 60000
#define TICK_NS	 NSEC_PER_MSEC
/*
 * How long the RFC may be right at least: it is wrong after some thousand writes,
 * which a loaded machine takes seconds for. It ends when it is.
 */
#define LOST_ORDER_NS (20 * NSEC_PER_SEC)

/**
 * struct hammer - it
 * @config: what happens
 * @shadow: VM, table, device
 * @all_cpus: those that vCPUs' threads are moved between
 * @judged_cpu: the one whose APIC ID the shadow is judged by
 * @threads: the vCPUs' threads
 * @host: the host's threads; NULL: none
 * @random: choices of the thread that judges
 * @backing: pages that were behind the table since the last sync
 * @named: pages that the shadow named since
 */
struct hammer {
	const struct hammer_config *config;
	struct shadow_fixture shadow;
	cpu_set_t all_cpus, judged_cpu;
	struct vcpu_threads *threads;
	struct thread_group *host;
	struct random_stream random;
	struct page_set *backing;
	struct page_set *named;
};

static u64 guest_entry(const struct hammer *hammer, unsigned int number)
{
	return ((const volatile u64 *)hammer->shadow.table_memory.hva)[number];
}

/* Sync, as a vCPU that is about to enter the guest with the table, or not. */
static void host_sync(struct thread *thread, void *argument)
{
	struct random_stream *random = thread_random(thread);
	struct hammer *hammer = argument;
	struct shadow_fixture *shadow = &hammer->shadow;

	while (!thread_should_stop(thread)) {
		unsigned int entries = 1 + random_below(random, 32);
		bool use = random_chance(random, 1, 2);
		int error;

		if (random_chance(random, 1, 8))
			entries = SECMMU_AVIC_ENTRIES;
		if (random_chance(random, 1, 8))
			avic_put(&shadow->avic,
				 avic_get(&shadow->avic, SHADOW_TABLE_GPA));
		if (use)
			avic_use(&shadow->avic, shadow->table);
		error = __avic_sync(&shadow->avic, shadow->table, entries);
		/* EBUSY: erased again and again while somebody uses it. */
		CHECK(!error || error == -EBUSY, "a sync fails: %s",
		      errno_name(error));
		sched_yield();
		if (use)
			avic_unuse(&shadow->avic, shadow->table);
	}
}

static void host_slots(struct thread *thread, void *argument)
{
	const struct timespec wait = { .tv_nsec = 5 * NSEC_PER_MSEC };
	struct hammer *hammer = argument;
	struct memslot *slot = &hammer->shadow.backing_slot;
	u64 size = slot->size;

	while (!thread_should_stop(thread)) {
		slot_delete(slot);
		sched_yield();
		slot->size = size;
		slot_set(slot);
		/* Not to wait for anything: so that there is a slot mostly. */
		nanosleep(&wait, NULL);
	}
}

static void note_backing(struct hammer *hammer, unsigned int page)
{
	u64 physical = shadow_physical(&hammer->shadow, page);

	CHECK(physical, "backing page %u is not there", page);
	page_set_add(hammer->backing, physical);
}

/*
 * The table's pages too: an entry of which a vCPU has written the upper half
 * only, over zero, names the guest's memory there, by right.
 */
static void note_all_backing(struct hammer *hammer)
{
	struct shadow_fixture *shadow = &hammer->shadow;
	unsigned int i;

	for (i = 0; i < SHADOW_BACKING_PAGES; i++)
		note_backing(hammer, i);
	for (i = 0; i < shadow->table_slot.size / PAGE; i++) {
		u64 physical = shadow_table_physical(shadow, i);

		CHECK(physical, "page %u of the table is not there", i);
		page_set_add(hammer->backing, physical);
	}
}

/* A dropped page has a successor with the next touch, by whomever. */
static void host_drop(struct thread *thread, void *argument)
{
	struct random_stream *random = thread_random(thread);
	struct hammer *hammer = argument;

	while (!thread_should_stop(thread)) {
		unsigned int page = random_below(random, SHADOW_BACKING_PAGES);
		volatile u8 *at = (u8 *)hammer->shadow.backing_memory.hva +
				  page * PAGE;

		CHECK(!madvise((void *)at, PAGE, MADV_DONTNEED),
		      "madvise failed: %s", errno_name(errno));
		*at = 1;
		note_backing(hammer, page);
		sched_yield();
	}
}

static void host_read(struct thread *thread, void *argument)
{
	struct hammer *hammer = argument;
	struct secmmu_avic_entry entry[SECMMU_AVIC_ENTRIES];

	while (!thread_should_stop(thread)) {
		struct secmmu_avic_read read = avic_read(&hammer->shadow.avic,
							 hammer->shadow.table,
							 entry);
		unsigned int i;

		for (i = 0; i < SECMMU_AVIC_ENTRIES; i++) {
			u64 page = entry[i].shadow & SECMMU_AVIC_BACKING;

			if (entry[i].shadow & SECMMU_AVIC_VALID &&
			    page != read.dummy)
				page_set_add(hammer->named, page);
		}
		sched_yield();
	}
}

static void begin_vcpus(struct hammer *hammer, bool merge_only)
{
	struct vcpu_threads_config config = { .function = hammer_run,
					      .silence_ms = PAUSE_MS };
	unsigned int i;

	for (i = 0; i < hammer->config->vcpus; i++) {
		struct hammer_guest *guest = hammer_of(
			hammer->shadow.vm->vcpus[i].guest);

		*guest = (struct hammer_guest){
			.table = SHADOW_TABLE_GPA,
			.backing = SHADOW_BACKING_GPA,
			.merge_only = merge_only,
		};
		case_random(&guest->random, "vCPU", i);
	}
	hammer->threads = vcpu_threads_new(hammer->shadow.vm, &config);
}

static void begin(struct hammer *hammer, const struct hammer_config *config,
		  enum secmmu_avic_personality personality)
{
	CHECK(config->vcpus && config->vcpus <= HAMMER_VCPUS,
	      "it takes 1 to %d vCPUs, not %u: say so by --vcpus", HAMMER_VCPUS,
	      config->vcpus);
	hammer->config = config;
	case_random(&hammer->random, "host", 0);
	hammer->all_cpus = affinity_get();
	/* A page that NUMA balancing moves is another one each time. */
	backing_keep_mapped();
	/* Goes to one CPU, and stays there. */
	shadow_begin(&hammer->shadow, personality, config->vcpus);
	hammer->judged_cpu = affinity_get();
	affinity_set(&hammer->all_cpus);
	shadow_fill_first(&hammer->shadow, SECMMU_AVIC_ENTRIES);
	hammer->backing = page_set_new();
	hammer->named = page_set_new();
	note_all_backing(hammer);
	/* shadow_begin() has run vCPU 0, with another guest function. */
	begin_vcpus(hammer, personality == SECMMU_AVIC_RFC);
}

static u64 writes(const struct hammer *hammer)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < hammer->config->vcpus; i++)
		sum += hammer_of(hammer->shadow.vm->vcpus[i].guest)->writes;
	return sum;
}

/* All vCPUs have run by now: whoever has written has. */
static void await_writes(const struct hammer *hammer)
{
	const struct timespec wait = { .tv_nsec = TICK_NS };
	unsigned int i;

	/* The crew's watchdog bounds it. */
	for (i = 0; i < hammer->config->vcpus; i++)
		while (!hammer_of(hammer->shadow.vm->vcpus[i].guest)->writes)
			nanosleep(&wait, NULL);
}

/* An entry that the device knows otherwise than memory has it, or -1. */
static int find_wrong(struct hammer *hammer, struct secmmu_avic_entry *entry)
{
	struct secmmu_avic_read read = avic_read(&hammer->shadow.avic,
						 hammer->shadow.table, entry);
	unsigned int i;

	for (i = 0; i < read.known; i++) {
		u64 guest = guest_entry(hammer, i);

		if (entry[i].flags & SECMMU_AVIC_ENTRY_VALID ?
			    entry[i].guest != guest :
			    (guest & SECMMU_AVIC_VALID) != 0)
			return (int)i;
	}
	return -1;
}

static void judge_known(struct hammer *hammer)
{
	struct secmmu_avic_entry entry[SECMMU_AVIC_ENTRIES];
	int number = find_wrong(hammer, entry);

	if (number >= 0)
		fail("entry %d: the guest has %#llx, and the device takes it for %#llx%s",
		     number, guest_entry(hammer, (unsigned int)number),
		     entry[number].guest,
		     entry[number].flags & SECMMU_AVIC_ENTRY_VALID ?
			     "" :
			     ", not valid");
}

/* Nothing but what was a backing page since the last judgement. */
static void judge_named(struct hammer *hammer)
{
	size_t position = 0;
	u64 page;

	while ((page = page_set_next(hammer->named, &position)))
		CHECK(page_set_has(hammer->backing, page),
		      "the shadow has named the page at %#llx, which was none of the backing pages",
		      page);
	page_set_clear(hammer->named);
}

/*
 * KVM's idea of where a vCPU is changes when it is loaded: by any of its ioctls,
 * on the CPU where that is made.
 */
static void settle_vcpus(struct hammer *hammer)
{
	struct shadow_fixture *shadow = &hammer->shadow;
	struct kvm_regs registers;
	unsigned int i;

	affinity_set(&hammer->judged_cpu);
	for (i = 0; i < hammer->config->vcpus; i++) {
		vcpu_ioctl(&shadow->vm->vcpus[i], KVM_GET_REGS, &registers);
		shadow->has_run |= 1ULL << i;
	}
}

/* The table's own slot, which vCPUs cannot do without. */
static void replace_table_slot(struct hammer *hammer)
{
	struct memslot *slot = &hammer->shadow.table_slot;
	u64 size = slot->size;

	slot_delete(slot);
	slot->size = size;
	slot_set(slot);
	shadow_judge(&hammer->shadow, 0);
}

static void judge(struct hammer *hammer)
{
	judge_known(hammer);
	/* Should the kernel have moved one all the same. */
	note_all_backing(hammer);
	judge_named(hammer);
	settle_vcpus(hammer);
	if (hammer->config->host && random_chance(&hammer->random, 1, 4))
		replace_table_slot(hammer);
	avic_sync(&hammer->shadow.avic, hammer->shadow.table,
		  SECMMU_AVIC_ENTRIES);
	shadow_judge(&hammer->shadow, SECMMU_AVIC_ENTRIES);
	affinity_set(&hammer->all_cpus);
	page_set_clear(hammer->backing);
	note_all_backing(hammer);
}

static void one_round(struct hammer *hammer)
{
	const struct timespec wait = { .tv_nsec = TICK_NS };
	u64 until = clock_ns() + hammer->config->round_ns;

	while (clock_ns() < until) {
		if (hammer->config->host)
			vcpu_threads_place(hammer->threads,
					   random_below(&hammer->random,
							hammer->config->vcpus),
					   (unsigned int)
						   random_below(&hammer->random,
								64));
		nanosleep(&wait, NULL);
	}
}

static void start_host(struct hammer *hammer)
{
	hammer->host = thread_group_new("host");
	thread_group_silence_ms(hammer->host, PAUSE_MS);
	thread_add(hammer->host, "sync", host_sync, hammer);
	thread_add(hammer->host, "read", host_read, hammer);
	if (hammer->config->host) {
		thread_add(hammer->host, "slots", host_slots, hammer);
		thread_add(hammer->host, "drop", host_drop, hammer);
	}
	thread_group_start(hammer->host);
}

static void finish(struct hammer *hammer)
{
	free(hammer->backing);
	free(hammer->named);
	shadow_end(&hammer->shadow);
}

void hammer(const struct hammer_config *config)
{
	u64 until = clock_ns() + config->duration_ns;
	struct secmmu_avic_counters counters;
	struct hammer hammer = { 0 };
	unsigned int rounds = 0;

	begin(&hammer, config, SECMMU_AVIC_FIXED);
	start_host(&hammer);
	vcpu_threads_start(hammer.threads);
	await_writes(&hammer);
	do {
		one_round(&hammer);
		thread_group_pause(hammer.host, PAUSE_MS);
		vcpu_threads_pause(hammer.threads);
		judge(&hammer);
		rounds++;
		vcpu_threads_resume(hammer.threads);
		thread_group_resume(hammer.host);
	} while (clock_ns() < until);
	thread_group_stop(hammer.host);
	thread_group_join(hammer.host, PAUSE_MS);
	vcpu_threads_finish(hammer.threads);
	counters = avic_counters(&hammer.shadow.avic);
	report_info("%llu writes in %u rounds: %llu merged, %llu tables erased, %llu of them by floods, %llu pages pinned",
		    writes(&hammer), rounds, counters.merged, counters.erased,
		    counters.floods, counters.pinned);
	CHECK(counters.merged, "nothing was merged: the hammer hits nothing");
	finish(&hammer);
}

void hammer_find_lost_order(const struct hammer_config *config)
{
	u64 start, until;
	struct secmmu_avic_entry entry[SECMMU_AVIC_ENTRIES];
	struct hammer hammer = { 0 };
	unsigned int rounds = 0;
	int number = -1;

	begin(&hammer, config, SECMMU_AVIC_RFC);
	avic_sync(&hammer.shadow.avic, hammer.shadow.table,
		  SECMMU_AVIC_ENTRIES);
	/* In use, so that no flood erases it. */
	avic_use(&hammer.shadow.avic, hammer.shadow.table);
	vcpu_threads_start(hammer.threads);
	await_writes(&hammer);
	/* A debug kernel takes all that time to come here. */
	start = clock_ns();
	until = start + (config->duration_ns > LOST_ORDER_NS ?
				 config->duration_ns :
				 LOST_ORDER_NS);
	while (number < 0 && clock_ns() < until) {
		one_round(&hammer);
		vcpu_threads_pause(hammer.threads);
		number = find_wrong(&hammer, entry);
		rounds++;
		vcpu_threads_resume(hammer.threads);
	}
	vcpu_threads_finish(hammer.threads);
	CHECK(number >= 0,
	      "the shadow of the RFC is right after %llu writes in %u rounds: vCPUs do not overtake each other here",
	      writes(&hammer), rounds);
	report_info("found in entry %d, in round %u, after %llu writes", number,
		    rounds, writes(&hammer));
	report_value("found_after", (double)(clock_ns() - start) / NSEC_PER_SEC,
		     "s");
	avic_unuse(&hammer.shadow.avic, hammer.shadow.table);
	finish(&hammer);
}
