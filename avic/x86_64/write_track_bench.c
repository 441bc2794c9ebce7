// SPDX-License-Identifier: GPL-2.0-only
/*
 * What write tracking costs, and the shadow of a table that stands on it: per
 * guest store, for more and more vCPUs, and per sync, for more and more entries;
 * both personalities in one run. Every line is "json: {...}".
 */
#include <stdio.h>
#include <time.h>

#include "affinity.h"
#include "core/cases.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "hammer.h"
#include "core/options.h"
#include "core/report.h"
#include "core/samples.h"
#include "shadow_rules.h"

#define VCPUS_MAX 16
#define VCPUS	  4
#define SYNCS	  30
/* A page of the table's slot that is no table. */
#define PLAIN_PAGE 1

static const char *const personalities[] = {
	[SECMMU_AVIC_FIXED] = "fixed",
	[SECMMU_AVIC_RFC] = "rfc",
};

/* Stores to an untracked, then to a tracked page: three of each in a case. */
static u64 measure_ns(void)
{
	return case_duration_ns() / 7;
}

static u64 writes(const struct vm *vm)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < vm->vcpu_count; i++)
		sum += hammer_of(vm->vcpus[i].guest)->writes;
	return sum;
}

/* Stores for a while; how many each second. */
static double measure(struct vcpu_threads *threads,
		      struct shadow_fixture *fixture)
{
	u64 wanted = measure_ns(), began = writes(fixture->vm);
	struct timespec wait = { .tv_sec = (time_t)(wanted / NSEC_PER_SEC),
				 .tv_nsec = (long)(wanted % NSEC_PER_SEC) };
	u64 start = clock_ns(), taken;

	vcpu_threads_resume(threads);
	nanosleep(&wait, NULL);
	taken = clock_ns() - start;
	vcpu_threads_pause(threads);
	return (double)(writes(fixture->vm) - began) * 1e9 / (double)taken;
}

static void point_guests(struct shadow_fixture *fixture, u64 table)
{
	unsigned int i;

	for (i = 0; i < fixture->vm->vcpu_count; i++) {
		struct hammer_guest *guest = hammer_of(
			fixture->vm->vcpus[i].guest);

		guest->table = table;
		guest->backing = SHADOW_BACKING_GPA;
	}
}

/* What KVM has told of, of a page or of a table. */
static u64 callbacks(const struct shadow_fixture *fixture)
{
	struct secmmu_avic_counters counters = avic_counters(&fixture->avic);

	return counters.writes + counters.merged + counters.ignored;
}

/* A vCPU may have been stopped between a store and its count. */
static void judge_callbacks(const struct shadow_fixture *fixture, u64 told,
			    u64 stores)
{
	u64 vcpus = fixture->vm->vcpu_count;

	CHECK(told + vcpus >= stores && told <= stores + vcpus,
	      "%llu stores to a tracked page, and KVM told of %llu", stores,
	      told);
}

static void bench_kind(struct vcpu_threads *threads,
		       struct shadow_fixture *fixture, const char *kind,
		       double untracked)
{
	u64 told = callbacks(fixture), stores = writes(fixture->vm);
	double tracked = measure(threads, fixture);

	judge_callbacks(fixture, callbacks(fixture) - told,
			writes(fixture->vm) - stores);
	report_info("json: {\"bench\": \"tracked_stores\", \"what\": \"%s\", \"vcpus\": %u, \"unit\": \"1/s\", \"untracked\": %.0f, \"callbacks\": %.0f, \"us_per_store\": %.2f}",
		    kind, fixture->vm->vcpu_count, untracked, tracked,
		    (double)fixture->vm->vcpu_count * 1e6 / tracked);
}

static void bench_personality(enum secmmu_avic_personality personality,
			      unsigned int vcpus)
{
	const struct vcpu_threads_config config = { .function = hammer_store };
	cpu_set_t all_cpus = affinity_get();
	struct shadow_fixture fixture;
	struct vcpu_threads *threads;
	double untracked;

	shadow_begin(&fixture, personality, vcpus);
	affinity_set(&all_cpus);
	shadow_fill_first(&fixture, SECMMU_AVIC_ENTRIES);
	point_guests(&fixture, SHADOW_TABLE_GPA);
	threads = vcpu_threads_new(fixture.vm, &config);
	vcpu_threads_start(threads);
	vcpu_threads_pause(threads);
	untracked = measure(threads, &fixture);
	avic_sync(&fixture.avic, fixture.table, SECMMU_AVIC_ENTRIES);
	avic_use(&fixture.avic, fixture.table);
	bench_kind(threads, &fixture, personalities[personality], untracked);
	if (personality == SECMMU_AVIC_FIXED) {
		point_guests(&fixture, SHADOW_TABLE_GPA + PLAIN_PAGE * PAGE);
		avic_track(&fixture.avic, SHADOW_TABLE_GPA + PLAIN_PAGE * PAGE);
		/* The guest function has its address from before: again. */
		vcpu_threads_finish(threads);
		threads = vcpu_threads_new(fixture.vm, &config);
		vcpu_threads_start(threads);
		vcpu_threads_pause(threads);
		bench_kind(threads, &fixture, "no table", untracked);
		avic_untrack(&fixture.avic,
			     SHADOW_TABLE_GPA + PLAIN_PAGE * PAGE);
	}
	vcpu_threads_finish(threads);
	avic_unuse(&fixture.avic, fixture.table);
	shadow_end(&fixture);
}

static void bench_stores(const struct test_case *test)
{
	bench_personality(SECMMU_AVIC_RFC, (unsigned int)test->number[0]);
	bench_personality(SECMMU_AVIC_FIXED, (unsigned int)test->number[0]);
}

static void bench_sync_of(enum secmmu_avic_personality personality,
			  unsigned int entries)
{
	struct shadow_fixture fixture;
	struct samples times = { 0 };
	unsigned int i;

	shadow_begin(&fixture, personality, 1);
	shadow_fill_first(&fixture, SECMMU_AVIC_ENTRIES);
	for (i = 0; i < SYNCS; i++) {
		u64 start = clock_ns();

		avic_sync(&fixture.avic, fixture.table, entries);
		samples_add(&times, (double)(clock_ns() - start) / 1e3);
		/* A new table knows nothing. */
		avic_put(&fixture.avic, fixture.table);
		fixture.table = avic_get(&fixture.avic, SHADOW_TABLE_GPA);
	}
	shadow_end(&fixture);
	samples_tell(&times, "us",
		     "\"bench\": \"sync\", \"what\": \"%s\", \"against\": \"entries\", \"entries\": %u",
		     personalities[personality], entries);
	samples_free(&times);
}

static void bench_sync(const struct test_case *test)
{
	bench_sync_of(SECMMU_AVIC_RFC, (unsigned int)test->number[0]);
	bench_sync_of(SECMMU_AVIC_FIXED, (unsigned int)test->number[0]);
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	static const unsigned int entries[] = { 1, 8, 64, 512 };
	unsigned int most = options->vcpus ? options->vcpus : VCPUS, vcpus;
	size_t count = 0, i;

	if (most > VCPUS_MAX)
		options_usage_error("write_track_bench", "--vcpus: at most %d",
				    VCPUS_MAX);
	for (vcpus = 1; count < max; vcpus *= 2) {
		if (vcpus > most)
			vcpus = most;
		cases[count] = (struct test_case){ .run = bench_stores,
						   .number = { vcpus } };
		snprintf(cases[count].name, sizeof(cases[count].name),
			 "stores/%u_vcpus", vcpus);
		count++;
		if (vcpus == most)
			break;
	}
	for (i = 0; i < ARRAY_SIZE(entries) && count < max; i++, count++) {
		cases[count] = (struct test_case){ .run = bench_sync,
						   .number = { entries[i] } };
		snprintf(cases[count].name, sizeof(cases[count].name),
			 "sync/%u_entries", entries[i]);
	}
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "write_track_bench",
		.summary = "what tracked stores and syncs of a table cost",
		.all_ms = CASES_BENCH_MS,
		.cases = list_cases,
		.needs = AVIC_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
