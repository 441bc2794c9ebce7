// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the operations of a mirroring device cost, beside the same work by the
 * kernel's own test driver, if the kernel has it. Every case prints one line
 * "json: {...}" for each device, and the ratio of both: how many times as many
 * pages per second the suite's own does.
 *
 * Each is measured alone, both in several rounds, so that what else the machine
 * does is the same for both; the rate is that of the median turn.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem/backing.h"
#include "bench_device.h"
#include "core/cases.h"
#include "core/clock.h"
#include "hmm_device.h"
#include "core/options.h"
#include "core/report.h"
#include "core/samples.h"
#include "core/timed_threads.h"

#define MEASURE_MS 500
#define TURNS_MIN  3
#define TURNS_MAX  8192
#define ROUNDS	   4
#define HUGE_BYTES (2UL << 20)
#define DEVICES	   2

/**
 * struct operation - what is measured
 * @name: of the cases
 * @prepare: done before each turn, and not measured; or NULL
 * @act: what is measured
 */
struct operation {
	const char *name;
	void (*prepare)(struct bench_device *device);
	void (*act)(struct bench_device *device);
};

static void discard(struct bench_device *device)
{
	CHECK(!madvise(device->start, device->pages * device->page,
		       MADV_DONTNEED),
	      "MADV_DONTNEED failed");
}

static void walk(struct bench_device *device)
{
	device->driver->walk(device);
}

static void read_all(struct bench_device *device)
{
	device->driver->read(device);
}

static void write_all(struct bench_device *device)
{
	device->driver->write(device);
}

static void to_device(struct bench_device *device)
{
	u64 moved = device->driver->to_device(device);

	CHECK(moved == device->pages, "%s moves %llu of %llu pages",
	      device->driver->name, moved, device->pages);
}

static void to_system(struct bench_device *device)
{
	u64 moved = device->driver->to_system(device);

	CHECK(moved == device->pages, "%s moves %llu of %llu pages back",
	      device->driver->name, moved, device->pages);
}

static void write_and_away(struct bench_device *device)
{
	discard(device);
	write_all(device);
	to_device(device);
}

static void write_anew(struct bench_device *device)
{
	discard(device);
	memset(device->start, 1, device->pages * device->page);
}

enum { WALK, FAULT_READ, FAULT_WRITE, READ, WRITE, INVALIDATE, AWAY, BACK };

static const struct operation operations[] = {
	[WALK] = { "walk", NULL, walk },
	[FAULT_READ] = { "fault_read", discard, read_all },
	[FAULT_WRITE] = { "fault_write", discard, write_all },
	[READ] = { "read", NULL, read_all },
	[WRITE] = { "write", NULL, write_all },
	[INVALIDATE] = { "invalidate", write_all, discard },
	[AWAY] = { "to_device", write_anew, to_device },
	[BACK] = { "to_system", write_and_away, to_system },
};

/**
 * struct bench - a case
 * @operation: what is measured
 * @backing: the memory, a part for each thread
 * @pages: of each thread
 * @threads: how many
 * @devices: one for each thread
 */
struct bench {
	const struct operation *operation;
	struct backing backing;
	u64 pages;
	unsigned int threads;
	struct bench_device *devices;
};

static void prepare(void *context, unsigned int index)
{
	struct bench *bench = context;

	if (bench->operation->prepare)
		bench->operation->prepare(&bench->devices[index]);
}

static void act(void *context, unsigned int index)
{
	struct bench *bench = context;

	bench->operation->act(&bench->devices[index]);
}

static bool open_device(struct bench *bench, const struct bench_driver *driver,
			unsigned int number)
{
	struct bench_device *device = &bench->devices[number];
	u64 page = (u64)getpagesize();

	*device = (struct bench_device){
		.driver = driver,
		.start = (unsigned char *)bench->backing.hva +
			 number * bench->pages * page,
		.pages = bench->pages,
		.page = page,
		.buffer = malloc(bench->pages * page),
		.entries = malloc(bench->pages * sizeof(u64)),
	};
	CHECK(device->buffer && device->entries, "no memory");
	/* So that no fault of it is measured. */
	memset(device->buffer, 0x11, bench->pages * page);
	memset(device->entries, 0, bench->pages * sizeof(u64));
	if (!driver->open(device))
		return false;
	/* Its page table is ready where nothing is to be faulted in. */
	if (!bench->operation->prepare)
		driver->write(device);
	return true;
}

static void close_device(struct bench_device *device)
{
	close(device->fd);
	free(device->buffer);
	free(device->entries);
}

/*
 * Some turns of one kind of device, alone: invalidations come to all that are
 * open. Return: whether there is such a device.
 */
static bool some_turns(struct bench *bench, const struct bench_driver *driver,
		       u64 duration_ns, struct samples *times)
{
	const struct timed_threads_config config = {
		.threads = bench->threads,
		.prepare = prepare,
		.act = act,
		.context = bench,
	};
	unsigned int i, count = 0;
	struct timed_threads *turns;
	u64 until;

	bench->devices = calloc(bench->threads, sizeof(*bench->devices));
	CHECK(bench->devices, "no memory");
	for (i = 0; i < bench->threads; i++)
		if (!open_device(bench, driver, i))
			return false;
	turns = timed_threads_begin(&config);
	until = clock_ns() + duration_ns;
	do {
		u64 ns = timed_threads_take(turns);

		if (times->count < TURNS_MAX)
			samples_add(times, (double)ns / 1e3);
	} while (++count < TURNS_MIN || clock_ns() < until);
	timed_threads_end(turns);
	for (i = 0; i < bench->threads; i++)
		close_device(&bench->devices[i]);
	free(bench->devices);
	return true;
}

static u64 measure_ns(void)
{
	return options()->duration_s ? options()->duration_s * NSEC_PER_SEC :
				       MEASURE_MS * NSEC_PER_MSEC;
}

/* Return: pages per second. */
static double tell(const struct test_case *test, const char *driver,
		   const struct bench *bench, struct samples *times)
{
	struct samples_summary us = samples_summarise(times);
	double rate = (double)(bench->pages * bench->threads) * 1e6 / us.median;

	report_info("json: {\"bench\": \"%s\", \"device\": \"%s\", \"unit\": \"pages/s\", \"turns\": %zu, \"rate\": %.0f, \"median_us\": %.1f, \"min_us\": %.1f, \"max_us\": %.1f}",
		    test->name, driver, times->count, rate, us.median, us.least,
		    us.most);
	samples_free(times);
	return rate;
}

static void bench_operation(const struct test_case *test)
{
	static const struct bench_driver *const drivers[DEVICES] = {
		&bench_own, &bench_peer
	};
	struct backing_request request = { .kind = test->number[1],
					   .flags = BACKING_POPULATE };
	struct samples times[DEVICES] = { { 0 } };
	struct bench bench = {
		.operation = &operations[test->number[0]],
		.pages = test->number[2],
		.threads = test->number[3],
	};
	bool there[DEVICES] = { true, true };
	unsigned int round, i;
	double rate[DEVICES];

	backing_keep_mapped();
	request.size = bench.threads * bench.pages * (u64)getpagesize();
	if (request.kind != BACKING_ANONYMOUS)
		request.size += HUGE_BYTES - request.size % HUGE_BYTES;
	backing_create(&bench.backing, &request);
	for (round = 0; round < ROUNDS; round++)
		for (i = 0; i < DEVICES; i++)
			there[i] = there[i] &&
				   some_turns(&bench, drivers[i],
					      measure_ns() / ROUNDS, &times[i]);
	for (i = 0; i < DEVICES; i++)
		if (there[i])
			rate[i] = tell(test, drivers[i]->name, &bench,
				       &times[i]);
	if (there[1])
		report_info("json: {\"bench\": \"%s\", \"ratio\": %.2f}",
			    test->name, rate[0] / rate[1]);
}

static const struct {
	unsigned int operation;
	enum backing_kind kind;
	unsigned int threads;
} rows[] = {
	{ WALK, BACKING_ANONYMOUS, 1 },
	{ WALK, BACKING_ANONYMOUS, 2 },
	{ WALK, BACKING_ANONYMOUS_THP, 1 },
	{ WALK, BACKING_HUGETLB_2M, 1 },
	{ FAULT_READ, BACKING_ANONYMOUS, 1 },
	{ FAULT_WRITE, BACKING_ANONYMOUS, 1 },
	{ READ, BACKING_ANONYMOUS, 1 },
	{ READ, BACKING_ANONYMOUS, 2 },
	{ WRITE, BACKING_ANONYMOUS, 1 },
	{ INVALIDATE, BACKING_ANONYMOUS, 1 },
	{ AWAY, BACKING_ANONYMOUS, 1 },
	{ BACK, BACKING_ANONYMOUS, 1 },
};

static const unsigned long sizes[] = { 1, 64, 2048 };

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	size_t count = 0, row, size;

	for (row = 0; row < ARRAY_SIZE(rows); row++) {
		for (size = 0; size < ARRAY_SIZE(sizes); size++) {
			if (count == max)
				fail("more than %zu cases", max);
			cases[count] = (struct test_case){
				.run = bench_operation,
				.number = { rows[row].operation, rows[row].kind,
					    sizes[size], rows[row].threads },
			};
			snprintf(cases[count].name, sizeof(cases[count].name),
				 "%s/%s/%lu_pages/%u_threads",
				 operations[rows[row].operation].name,
				 backing_name(rows[row].kind), sizes[size],
				 rows[row].threads);
			count++;
		}
	}
	return count;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "hmm_bench",
		.summary =
			"what a mirroring device costs, beside the kernel's test_hmm, as JSON lines",
		.all_ms = CASES_BENCH_MS,
		.cases = list_cases,
		.needs = HMM_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
