// SPDX-License-Identifier: GPL-2.0-only
/* What stage-2 faults cost, and taking mappings away again. */
#include "core/clock.h"
#include "fault_cost.h"
#include "fault_vm.h"
#include "core/options.h"
#include "core/report.h"
#include "core/samples.h"
#include "core/timed_threads.h"

#define MIB (1UL << 20)
/* All sizes by turns: what the machine does beside is shared out so. */
#define PASSES	    3
#define REPEATS_MIN 2
#define REPEATS_MAX 20
#define POINTS	    3
#define VCPUS_CHECK 4
#define VCPUS	    16

enum { READ, EXECUTE, WRITE, UNMAP, NOTHING, SERIES };

static const struct {
	const char *words, *unit;
	enum series_kind kind;
} parts[SERIES] = {
	[READ] = { "fault\", \"access\": \"read", "us", SERIES_COST_EACH },
	[EXECUTE] = { "fault\", \"access\": \"execute", "us",
		      SERIES_COST_EACH },
	[WRITE] = { "fault\", \"access\": \"write", "us", SERIES_COST_EACH },
	[UNMAP] = { "notifier\", \"of\": \"mapped", "us", SERIES_COST },
	[NOTHING] = { "notifier\", \"of\": \"not mapped", "us", SERIES_COST },
};

static bool is_huge(enum backing_kind kind)
{
	return backing_page_size(kind) >= backing_thp_size();
}

/* The largest slot: a fault for each page takes time, so small pages have less. */
static u64 most_bytes(enum backing_kind kind)
{
	bool check = options()->mode == MODE_CHECK;

	if (options()->memory)
		return options()->memory;
	if (backing_page_size(kind) > backing_thp_size())
		return 2 * backing_page_size(kind);
	if (is_huge(kind))
		return (check ? 32 : 256) * backing_thp_size();
	return (check ? 4 : 32) * MIB;
}

/* One round with one kind of access. */
static void fault(struct fault_vm *fixture, enum writer_access access,
		  struct series *each, struct series *series)
{
	double at = (double)fixture->slot.size / MIB, first, again, once_more;

	fault_vm_prepare(fixture, 0, access);
	first = fault_vm_access(fixture, 0);
	again = fault_vm_access(fixture, 0);
	/* What a busy machine makes of one of them must not hide the faults. */
	once_more = fault_vm_access(fixture, 0);
	if (once_more < again)
		again = once_more;
	series_add(each, at,
		   first > again ?
			   (first - again) / (double)fixture->faults / 1e3 :
			   0);
	/* Once with what was just mapped, and once with nothing. */
	series_add(&series[UNMAP], at, fault_vm_unmap(fixture) / 1e3);
	series_add(&series[NOTHING], at, fault_vm_unmap(fixture) / 1e3);
}

static void bench_size(enum backing_kind kind, u64 bytes, u64 share_ns,
		       struct series *series)
{
	u64 until = clock_ns() + share_ns;
	struct fault_vm fixture;
	unsigned int turn;

	if (!fault_vm_create(&fixture, kind, bytes, 1))
		return;
	fault_vm_judge(&fixture);
	fault_vm_unmap(&fixture);
	for (turn = 0; turn < REPEATS_MAX; turn++) {
		if (turn >= REPEATS_MIN && clock_ns() > until)
			break;
		fault(&fixture, WRITER_LOAD, &series[READ], series);
		writer_lay_code(fixture.backing.hva, bytes,
				fixture.vm->page_size);
		fault(&fixture, WRITER_FETCH, &series[EXECUTE], series);
		fault(&fixture, WRITER_STORE, &series[WRITE], series);
	}
	fault_vm_judge(&fixture);
	fault_vm_destroy(&fixture);
}

void bench_faults(const struct test_case *test)
{
	enum backing_kind kind = test->number[FAULT_BACKING];
	u64 bytes = most_bytes(kind), least = backing_page_size(kind);
	struct series series[SERIES];
	size_t i;

	backing_keep_mapped();
	for (i = 0; i < SERIES; i++)
		series_begin(&series[i], parts[i].kind, "slot_mib",
			     parts[i].unit,
			     "\"bench\": \"%s\", \"backing\": \"%s\"",
			     parts[i].words, backing_name(kind));
	for (i = 0; i < PASSES * POINTS; i++)
		if (bytes >> (2 * (i % POINTS)) >= least)
			bench_size(kind, bytes >> (2 * (i % POINTS)),
				   case_duration_ns() / (PASSES * POINTS),
				   series);
	for (i = 0; i < SERIES; i++)
		series_tell(&series[i]);
}

/* ---- several vCPUs ------------------------------------------------------- */

static void prepare(void *context, unsigned int index)
{
	fault_vm_prepare(context, index, WRITER_STORE);
}

static void access_part(void *context, unsigned int index)
{
	fault_vm_access(context, index);
}

static void bench_vcpus(enum backing_kind kind, unsigned int vcpus,
			u64 share_ns, struct series *series)
{
	u64 until = clock_ns() + share_ns, bytes = most_bytes(kind);
	struct fault_vm fixture;
	const struct timed_threads_config config = {
		.threads = vcpus,
		.prepare = prepare,
		.act = access_part,
		.context = &fixture,
		.pin = true,
	};
	struct timed_threads *turns;
	unsigned int turn;

	bytes -= bytes % (vcpus * backing_page_size(kind));
	if (!fault_vm_create(&fixture, kind, bytes, vcpus))
		return;
	fault_vm_judge(&fixture);
	turns = timed_threads_begin(&config);
	for (turn = 0; turn < REPEATS_MAX; turn++) {
		if (turn >= REPEATS_MIN && clock_ns() > until)
			break;
		fault_vm_unmap(&fixture);
		series_add(series, vcpus,
			   (double)fixture.faults * 1e9 /
				   (double)timed_threads_take(turns));
	}
	timed_threads_end(turns);
	fault_vm_judge(&fixture);
	fault_vm_destroy(&fixture);
}

void bench_throughput(const struct test_case *test)
{
	enum backing_kind kind = test->number[FAULT_BACKING];
	unsigned int most = options()->vcpus		  ? options()->vcpus :
			    options()->mode == MODE_CHECK ? VCPUS_CHECK :
							    VCPUS;
	unsigned int vcpus, pass, points = 0;
	struct series series;

	backing_keep_mapped();
	series_begin(&series, SERIES_OTHER, "vcpus", "1/s",
		     "\"bench\": \"fault_throughput\", \"backing\": \"%s\"",
		     backing_name(kind));
	for (vcpus = 1; vcpus; vcpus = series_next(vcpus, most))
		points++;
	for (pass = 0; pass < PASSES; pass++)
		for (vcpus = 1; vcpus; vcpus = series_next(vcpus, most))
			bench_vcpus(kind, vcpus,
				    case_duration_ns() / (PASSES * points),
				    &series);
	series_tell(&series);
}
