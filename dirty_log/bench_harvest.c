// SPDX-License-Identifier: GPL-2.0-only
/* What a harvest costs, against how much is dirty and how large the slot is. */
#include <stdlib.h>

#include "bench_harvest.h"
#include "core/bitmap.h"
#include "core/clock.h"
#include "dirty/exact.h"
#include "core/options.h"
#include "core/report.h"
#include "core/samples.h"
#include "dirty/dirty_vm.h"
#include "sizes.h"
#include "dirty/write_sets.h"

#define MIB	    (1UL << 20)
#define CHECK_MIB   8
#define CHECK_RANGE 2
/* Passes over all sizes, as in dirty_log_bench.c. */
#define PASSES	    3
#define REPEATS_MIN 2
#define REPEATS_MAX 20
#define RING	    65536
/* The guest takes a fault for each page: time for one point. */
#define CHECK_POINT_NS (3 * NSEC_PER_SEC)
#define ALL_POINT_NS   (20 * NSEC_PER_SEC)

/* One of @stride pages is dirty. */
static const struct {
	const char *name;
	u64 stride;
} densities[] = {
	{ "0.1 %", 1000 },
	{ "1 %", 100 },
	{ "10 %", 10 },
	{ "100 %", 1 },
};

#define DENSITIES (ARRAY_SIZE(densities))

/* One round: write, harvest, compare. Return: duration of the harvest, in ns. */
static double harvest(struct dirty_vm *fixture, u64 stride,
		      unsigned long *written)
{
	struct dirty_slot *watched = fixture->watched[0];
	u64 page = fixture->vm->page_size, start;
	struct writer_list list = {
		.count = 1,
		.store[0] = { .gva = fixture->slot[0].gpa,
			      .stride = (s64)(stride * page),
			      .count = (watched->pages + stride - 1) / stride },
	};
	double ns;

	fixture->ring_full_ns = 0;
	dirty_vm_store(fixture, 0, &list);
	start = clock_ns();
	dirty_harvest(fixture->dirty, watched, NULL);
	ns = (double)(clock_ns() - start + fixture->ring_full_ns);
	bitmap_zero(written, watched->pages);
	write_set_pages(&list, &fixture->slot[0], written);
	exact_judge("written since the last harvest", written, watched->fresh,
		    watched->pages);
	return ns;
}

/* Rounds at one density. Return: duration for each dirty page, in ns. */
static double bench_density(struct dirty_vm *fixture, size_t density,
			    u64 share_ns, unsigned long *written,
			    struct series *series)
{
	u64 stride = densities[density].stride;
	u64 dirty = (fixture->watched[0]->pages + stride - 1) / stride;
	u64 begun = clock_ns();
	double at = (double)(fixture->slot[0].size / MIB);
	unsigned int turn;

	for (turn = 0; turn < REPEATS_MAX; turn++) {
		if (turn >= REPEATS_MIN && clock_ns() - begun > share_ns)
			break;
		series_add(&series[density], at,
			   harvest(fixture, stride, written) / (double)dirty);
	}
	return (double)(clock_ns() - begun) / turn / (double)dirty;
}

static void bench_size(struct dirty_vm *fixture, u64 share_ns,
		       struct series *series)
{
	bool quick = options()->mode == MODE_CHECK && !options()->duration_s;
	double limit_ns = quick ? CHECK_POINT_NS : ALL_POINT_NS;
	size_t pages = fixture->watched[0]->pages, density;
	unsigned long *written = bitmap_new(pages);
	double page_ns = 0;

	dirty_enable(fixture->dirty, fixture->watched[0]);
	/* What is dirty at once with INITIALLY_SET. */
	dirty_harvest(fixture->dirty, fixture->watched[0], NULL);
	for (density = 0; density < DENSITIES; density++) {
		double dirty = (double)pages /
			       (double)densities[density].stride;

		if (page_ns * dirty * PASSES * REPEATS_MIN > limit_ns) {
			report_info("omitted: %s of %llu MiB: would take %.0f s",
				    densities[density].name,
				    fixture->slot[0].size / MIB,
				    page_ns * dirty * PASSES * REPEATS_MIN /
					    1e9);
			continue;
		}
		page_ns = bench_density(fixture, density, share_ns / DENSITIES,
					written, series);
	}
	free(written);
}

void bench_harvest(const struct test_case *test)
{
	struct dirty_vm_config config = {
		.mode = test->number[0],
		.backing = test->number[1],
		.vcpus = 1,
		.slots = 1,
		.ring_entries = RING,
	};
	struct series series[DENSITIES];
	u64 size[SIZES_MAX];
	size_t count, i;

	backing_keep_mapped();
	count = sizes_choose(config.backing, CHECK_MIB, CHECK_RANGE, size);
	for (i = 0; i < DENSITIES; i++)
		series_begin(&series[i], SERIES_COST_EACH, "slot_mib",
			     "ns/page",
			     "\"bench\": \"harvest\", \"harvester\": \"%s\", \"dirty\": \"%s\"",
			     dirty_mode_name(config.mode), densities[i].name);
	for (i = 0; i < PASSES * count; i++) {
		struct dirty_vm fixture;

		config.slot_bytes = size[i % count];
		dirty_vm_init(&fixture, &config);
		bench_size(&fixture, case_duration_ns() / (PASSES * count),
			   series);
		dirty_vm_destroy(&fixture);
	}
	for (i = 0; i < DENSITIES; i++)
		series_tell(&series[i]);
}
