// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the harness itself costs. Every case prints one line "json: {...}".
 *
 * A verified page write is a distinct pair (page, harvest interval): the page
 * was reported for that interval, its contents had changed since its last copy,
 * and at the interval's end memory and mirror were equal byte for byte.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "mem/backing.h"
#include "bench_guest.h"
#include "core/bitmap.h"
#include "core/cases.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "dirty/dirty.h"
#include "dirty/mirror.h"
#include "core/report.h"
#include "core/samples.h"
#include "kvm/writer.h"

/* Large: what a pause costs is shared by all pages of an interval. */
#define SLOT_BYTES (64UL << 20)
#define VCPUS	   2
#define LIFECYCLES 30
#define MEASURE_S  3
/* The guest makes so many stores per page of the slot between two harvests. */
#define STORES_PER_PAGE 1
#define INTERVAL_MS	20000

static u64 measure_ns(void)
{
	const struct options *chosen = options();

	return (chosen->duration_s ? chosen->duration_s : MEASURE_S) *
	       1000000000ULL;
}

static void bench_lifecycle(const struct test_case *test)
{
	struct samples times = { 0 };
	unsigned int i;

	(void)test;
	for (i = 0; i < LIFECYCLES; i++) {
		u64 start = clock_ns();
		struct vm *vm = vm_create(NULL);

		vcpu_start(&vm->vcpus[0], bench_hypercalls, 0);
		vcpu_run(&vm->vcpus[0], VCPU_SYNC);
		vm_destroy(vm);
		samples_add(&times, (clock_ns() - start) / 1e3);
	}
	samples_tell(&times, "us", "\"bench\": \"lifecycle\"");
	samples_free(&times);
}

static void bench_hypercall(const struct test_case *test)
{
	struct vm *vm = vm_create(NULL);
	u64 start, end, now, count = 0;

	(void)test;
	vcpu_start(&vm->vcpus[0], bench_hypercalls, 0);
	start = clock_ns();
	end = start + measure_ns();
	do {
		vcpu_run(&vm->vcpus[0], VCPU_SYNC);
		count++;
		now = clock_ns();
	} while (now < end);
	CHECK(vm->vcpus[0].guest->beat == count,
	      "the guest made %llu hypercalls, the host saw %llu",
	      vm->vcpus[0].guest->beat, count);
	report_info("json: {\"bench\": \"hypercalls\", \"unit\": \"1/s\", \"count\": %llu, \"rate\": %.0f}",
		    count, count * 1e9 / (now - start));
	vm_destroy(vm);
}

struct bench {
	struct vm *vm;
	struct dirty_log *dirty;
	struct dirty_slot *watched;
	struct backing backing;
	struct memslot slot;
	struct vcpu_threads *threads;
	struct mirror *mirror;
};

static void setup(struct bench *bench, enum dirty_mode mode)
{
	const struct vcpu_threads_config vcpu_threads_config = {
		.function = writer_run
	};
	const struct backing_request request = {
		.kind = BACKING_ANONYMOUS_THP,
		.size = options()->memory ? options()->memory : SLOT_BYTES,
		.flags = BACKING_POPULATE,
		.fd = -1,
	};
	struct vm_config config = {
		.vcpus = options()->vcpus ? options()->vcpus : VCPUS,
	};
	unsigned int i;

	memset(bench, 0, sizeof(*bench));
	backing_keep_mapped();
	/* As user space has it, and with huge pages arm64 loses writes else. */
	if (mode == DIRTY_MODE_RING_ACQ_REL &&
	    kvm_check_extension(KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP))
		mode = DIRTY_MODE_RING_BITMAP;
	/* Room for a whole interval, so that no vCPU waits for the host. */
	dirty_mode_configure(mode, &config, 65536);
	bench->vm = vm_create(&config);
	bench->dirty = dirty_new(bench->vm, mode);
	backing_create(&bench->backing, &request);
	slot_add(bench->vm, &bench->slot, SLOT_TEST_FIRST, GPA_TEST,
		 &bench->backing, 0);
	vm_map(bench->vm, GPA_TEST, GPA_TEST, bench->slot.size,
	       backing_thp_size());
	bench->watched = dirty_watch(bench->dirty, &bench->slot);
	bench->mirror = mirror_new("slot", bench->slot.hva,
				   bench->watched->pages, bench->vm->page_size);
	for (i = 0; i < bench->vm->vcpu_count; i++) {
		struct writer *writer = writer_of(bench->vm->vcpus[i].guest);

		writer->page_size = bench->vm->page_size;
		writer->pattern = WRITER_ALL;
		writer->range_count = 1;
		/* A part for each, so that every store is another page. */
		writer->range[0].pages = bench->watched->pages /
					 bench->vm->vcpu_count;
		writer->range[0].gva = GPA_TEST + i * writer->range[0].pages *
							  writer->page_size;
		case_random(&writer->random, "guest writer", i);
	}
	bench->threads = vcpu_threads_new(bench->vm, &vcpu_threads_config);
	vcpu_threads_start(bench->threads);
	vcpu_threads_pause(bench->threads);
	dirty_enable(bench->dirty, bench->watched);
	mirror_copy_all(bench->mirror);
	/* With INITIALLY_SET this is what protects. */
	dirty_harvest(bench->dirty, bench->watched, NULL);
	mirror_take(bench->mirror, bench->watched->fresh);
	vcpu_threads_resume(bench->threads);
}

static void teardown(struct bench *bench)
{
	vcpu_threads_finish(bench->threads);
	mirror_free(bench->mirror);
	dirty_free(bench->dirty);
	vm_destroy(bench->vm);
	backing_destroy(&bench->backing);
}

static u64 stores_so_far(const struct bench *bench)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < bench->vm->vcpu_count; i++)
		sum += writer_of(bench->vm->vcpus[i].guest)->sequence;
	return sum;
}

static void wait_for_stores(struct bench *bench)
{
	u64 until = stores_so_far(bench) +
		    STORES_PER_PAGE * bench->watched->pages;
	struct deadline deadline = deadline_in_ms(INTERVAL_MS);

	while (stores_so_far(bench) < until) {
		CHECK(!deadline_passed(deadline),
		      "the guest did not make its stores within %d s",
		      INTERVAL_MS / 1000);
		poll(NULL, 0, 1);
	}
}

/*
 * With @verify every interval ends with a judged stop; without, the same guest
 * is logged and harvested, and nobody looks at the memory.
 */
static void bench_writes(enum dirty_mode mode, bool verify)
{
	u64 start, end, ns, pages = 0, intervals = 0;
	struct bench bench;

	setup(&bench, mode);
	start = clock_ns();
	end = start + measure_ns();
	do {
		size_t reported;

		wait_for_stores(&bench);
		if (verify)
			vcpu_threads_pause(bench.threads);
		reported = dirty_harvest(bench.dirty, bench.watched, NULL);
		vcpu_threads_ring_room(bench.threads);
		if (verify) {
			pages += mirror_take(bench.mirror,
					     bench.watched->fresh);
			mirror_judge(bench.mirror);
			vcpu_threads_resume(bench.threads);
		} else {
			pages += reported;
		}
		intervals++;
	} while (clock_ns() < end);
	ns = clock_ns() - start;
	report_info("json: {\"bench\": \"%s\", \"harvester\": \"%s\", \"unit\": \"pages/s\", \"pages\": %llu, \"intervals\": %llu, \"seconds\": %.3f, \"rate\": %.0f}",
		    verify ? "verified_page_writes" : "bare_page_writes",
		    dirty_mode_name(mode), pages, intervals, ns / 1e9,
		    pages * 1e9 / ns);
	teardown(&bench);
	CHECK(pages, "no page write was %s", verify ? "verified" : "reported");
}

static void bench_verified(const struct test_case *test)
{
	bench_writes(test->number[0], true);
}

static void bench_bare(const struct test_case *test)
{
	bench_writes(test->number[0], false);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ .name = "lifecycle", .run = bench_lifecycle },
		{ .name = "hypercalls", .run = bench_hypercall },
		{ .name = "bare/log",
		  .run = bench_bare,
		  .number = { DIRTY_MODE_LOG } },
		{ .name = "verified/log",
		  .run = bench_verified,
		  .number = { DIRTY_MODE_LOG } },
		{ .name = "bare/clear",
		  .run = bench_bare,
		  .number = { DIRTY_MODE_CLEAR } },
		{ .name = "verified/clear",
		  .run = bench_verified,
		  .number = { DIRTY_MODE_CLEAR } },
		{ .name = "bare/ring",
		  .run = bench_bare,
		  .number = { DIRTY_MODE_RING_ACQ_REL } },
		{ .name = "verified/ring",
		  .run = bench_verified,
		  .number = { DIRTY_MODE_RING_ACQ_REL } },
	};
	static const struct program program = {
		.name = "harness_bench",
		.summary = "what the harness costs, as JSON lines",
		.all_ms = CASES_BENCH_MS,
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
		.needs = { .kvm = true },
	};

	return cases_main(argc, argv, &program);
}
