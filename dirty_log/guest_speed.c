// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much slower guests write while they are logged and harvested, against the
 * number of vCPUs; and what enabling and disabling take while they write.
 */
#include <poll.h>

#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "guest_speed.h"
#include "dirty/mirror.h"
#include "core/options.h"
#include "core/report.h"
#include "core/samples.h"
#include "dirty/dirty_vm.h"
#include "dirty/write_sets.h"

#define CHECK_BYTES   (16UL << 20)
#define SLOT_BYTES    (64UL << 20)
#define CHECK_VCPUS   2
#define VCPUS	      8
#define PASSES	      3
#define REPEATS	      2
#define RING	      65536
#define HARVEST_MS    10
#define WINDOW_MIN_NS (30 * NSEC_PER_MSEC)
/* A busy machine may not come to them within the time. */
#define WINDOW_STORES 50
#define WINDOW_MS     60000
/* Until guests have written so much after the measurement. */
#define PROOF_STORES 100
#define PROOF_MS     60000

enum { PLAIN, LOGGED, SLOWDOWN, ENABLE, DISABLE, SERIES };

static u64 stores(const struct dirty_vm *fixture)
{
	return dirty_vm_stores(fixture, fixture->vm->vcpu_count);
}

/* Stores each second for a while, in which the log is harvested if there is one. */
static double measure(struct dirty_vm *fixture, struct vcpu_threads *threads,
		      u64 window_ns, size_t *harvested)
{
	struct deadline deadline = deadline_in_ms(WINDOW_MS);
	u64 start = clock_ns(), before = stores(fixture), now;

	do {
		poll(NULL, 0, HARVEST_MS);
		if (fixture->watched[0]->logging) {
			*harvested += dirty_harvest(fixture->dirty,
						    fixture->watched[0], NULL);
			vcpu_threads_ring_room(threads);
		}
		now = clock_ns();
		CHECK(!deadline_passed(deadline),
		      "the guests made less than %d stores within %d s",
		      WINDOW_STORES, WINDOW_MS / 1000);
	} while (now - start < window_ns ||
		 stores(fixture) - before < WINDOW_STORES);
	return (double)(stores(fixture) - before) * 1e9 / (double)(now - start);
}

/* The measurement was of logging: the log misses no write. */
static void check_logged(struct dirty_vm *fixture, struct vcpu_threads *threads)
{
	struct dirty_slot *watched = fixture->watched[0];
	struct mirror *mirror = mirror_new("slot", fixture->slot[0].hva,
					   watched->pages,
					   fixture->vm->page_size);
	struct deadline deadline = deadline_in_ms(PROOF_MS);
	u64 until;
	size_t pages = 0;

	vcpu_threads_pause(threads);
	dirty_harvest(fixture->dirty, watched, NULL);
	vcpu_threads_ring_room(threads);
	mirror_copy_all(mirror);
	until = stores(fixture) + PROOF_STORES;
	vcpu_threads_resume(threads);
	while (stores(fixture) < until) {
		CHECK(!deadline_passed(deadline),
		      "the guest did not make %d stores within %d s",
		      PROOF_STORES, PROOF_MS / 1000);
		poll(NULL, 0, 1);
		dirty_harvest(fixture->dirty, watched, NULL);
		vcpu_threads_ring_room(threads);
		pages += mirror_take(mirror, watched->fresh);
	}
	vcpu_threads_pause(threads);
	dirty_harvest_final(fixture->dirty, watched);
	pages += mirror_take(mirror, watched->fresh);
	mirror_judge(mirror);
	CHECK(pages, "the guest made %d stores, and no page was harvested",
	      PROOF_STORES);
	mirror_free(mirror);
	vcpu_threads_ring_room(threads);
	vcpu_threads_resume(threads);
}

static void one_turn(struct dirty_vm *fixture, struct vcpu_threads *threads,
		     bool last, u64 window_ns, struct series *series)
{
	double at = fixture->vm->vcpu_count, plain, logged;
	size_t harvested = 0;
	u64 start;

	plain = measure(fixture, threads, window_ns, &harvested);
	start = clock_ns();
	dirty_enable(fixture->dirty, fixture->watched[0]);
	series_add(&series[ENABLE], at, (double)(clock_ns() - start) / 1e3);
	logged = measure(fixture, threads, window_ns, &harvested);
	CHECK(harvested,
	      "guests made %.0f stores per second while logged, and %zu pages were harvested",
	      logged, harvested);
	if (last)
		check_logged(fixture, threads);
	start = clock_ns();
	dirty_disable(fixture->dirty, fixture->watched[0]);
	series_add(&series[DISABLE], at, (double)(clock_ns() - start) / 1e3);
	vcpu_threads_ring_room(threads);
	series_add(&series[PLAIN], at, plain);
	series_add(&series[LOGGED], at, logged);
	series_add(&series[SLOWDOWN], at, plain / logged);
}

static void bench_vcpus(const struct test_case *test, unsigned int vcpus,
			u64 window_ns, struct series *series)
{
	static const struct vcpu_threads_config vcpu_threads_config = {
		.function = writer_run,
		.silence_ms = WINDOW_MS,
	};
	const struct dirty_vm_config config = {
		.mode = test->number[0],
		.backing = test->number[1],
		.vcpus = vcpus,
		.slots = 1,
		.slot_bytes = options()->memory ? options()->memory :
			      options()->mode == MODE_CHECK ? CHECK_BYTES :
							      SLOT_BYTES,
		.ring_entries = RING,
	};
	struct dirty_vm fixture;
	struct vcpu_threads *threads;
	unsigned int turn;

	dirty_vm_init(&fixture, &config);
	dirty_vm_setup_writers(&fixture);
	threads = vcpu_threads_new(fixture.vm, &vcpu_threads_config);
	vcpu_threads_start(threads);
	for (turn = 0; turn < REPEATS; turn++)
		one_turn(&fixture, threads, turn + 1 == REPEATS, window_ns,
			 series);
	vcpu_threads_finish(threads);
	dirty_vm_destroy(&fixture);
}

void bench_guest_speed(const struct test_case *test)
{
	static const struct {
		const char *name, *unit;
		enum series_kind kind;
	} parts[SERIES] = {
		[PLAIN] = { "stores_plain", "1/s", SERIES_OTHER },
		[LOGGED] = { "stores_logged", "1/s", SERIES_OTHER },
		[SLOWDOWN] = { "slowdown", "times", SERIES_OTHER },
		[ENABLE] = { "enable_running", "us", SERIES_COST },
		[DISABLE] = { "disable_running", "us", SERIES_COST },
	};
	unsigned int most = options()->vcpus		  ? options()->vcpus :
			    options()->mode == MODE_CHECK ? CHECK_VCPUS :
							    VCPUS;
	struct series series[SERIES];
	unsigned int vcpus, pass, points = 0;
	u64 window_ns;
	size_t i;

	backing_keep_mapped();
	for (i = 0; i < SERIES; i++)
		series_begin(&series[i], parts[i].kind, "vcpus", parts[i].unit,
			     "\"bench\": \"%s\", \"harvester\": \"%s\"",
			     parts[i].name, dirty_mode_name(test->number[0]));
	for (vcpus = 1; vcpus; vcpus = series_next(vcpus, most))
		points++;
	window_ns = case_duration_ns() / points / (PASSES * 2 * REPEATS);
	if (window_ns < WINDOW_MIN_NS)
		window_ns = WINDOW_MIN_NS;
	for (pass = 0; pass < PASSES; pass++)
		for (vcpus = 1; vcpus; vcpus = series_next(vcpus, most))
			bench_vcpus(test, vcpus, window_ns, series);
	for (i = 0; i < SERIES; i++)
		series_tell(&series[i]);
}
