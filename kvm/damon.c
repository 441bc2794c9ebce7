// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "damon.h"
#include "core/evidence.h"
#include "core/kernel_file.h"
#include "core/report.h"

#define ADMIN	"/sys/kernel/mm/damon/admin/kdamonds"
#define CONTEXT "0/contexts/0"
#define EVENT	"damon_aggregated"
/* DAMON_STAT, from 6.17 on, excludes other users. */
#define OWN_USER "/sys/module/damon_stat/parameters/enabled"
/* DAMON counts in microseconds. */
#define USEC_PER_MSEC 1000UL
/* The smallest min_nr_regions that DAMON accepts. */
#define REGIONS_MIN 3

/**
 * struct damon - a running kdamond
 * @trace: trace of its event
 * @start: address of each watched page
 * @count: number of pages
 * @told: records so far
 * @seen: the caller's result, while records are read
 */
struct damon {
	struct evidence_trace *trace;
	u64 *start;
	size_t count;
	u64 told;
	bool *seen;
};

static void put(const char *file, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), ADMIN "/%s", file);
	kernel_file_must_write(path, text);
}

static void put_number(const char *file, u64 number)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", number);
	put(file, text);
}

static bool reads(const char *path, const char *word)
{
	FILE *file = fopen(path, "re");
	char text[8] = "";
	bool same;

	if (!file)
		return false;
	same = fgets(text, sizeof(text), file) &&
	       !strncmp(text, word, strlen(word));
	fclose(file);
	return same;
}

/* In a target, DAMON_STAT is switched off for good. */
static void need_damon(void)
{
	if (access(ADMIN, F_OK))
		skip("CONFIG_DAMON_VADDR=y and CONFIG_DAMON_SYSFS=y",
		     "run it on a kernel built with these options");
	if (reads(ADMIN "/0/state", "on"))
		skip("DAMON, which another process uses",
		     "as root: echo off > " ADMIN "/0/state");
	if (!reads(OWN_USER, "Y"))
		return;
	if (!getenv("SECMMU_DESTRUCTIVE"))
		skip("DAMON, which DAMON_STAT uses",
		     "as root: echo N > " OWN_USER);
	kernel_file_must_write(OWN_USER, "N");
}

static void configure(const struct damon *damon, unsigned int sample_ms,
		      unsigned int aggregate_ms)
{
	u64 page = (u64)getpagesize();
	size_t i;

	/* A kdamond that exists is off; its process is gone. */
	put_number("nr_kdamonds", 0);
	put_number("nr_kdamonds", 1);
	put_number("0/contexts/nr_contexts", 1);
	put(CONTEXT "/operations", "fvaddr");
	put_number(CONTEXT "/monitoring_attrs/intervals/sample_us",
		   sample_ms * USEC_PER_MSEC);
	put_number(CONTEXT "/monitoring_attrs/intervals/aggr_us",
		   aggregate_ms * USEC_PER_MSEC);
	put_number(CONTEXT "/monitoring_attrs/nr_regions/max",
		   damon->count + REGIONS_MIN);
	put_number(CONTEXT "/monitoring_attrs/nr_regions/min", REGIONS_MIN);
	put_number(CONTEXT "/targets/nr_targets", 1);
	put_number(CONTEXT "/targets/0/pid_target", (u64)getpid());
	put_number(CONTEXT "/targets/0/regions/nr_regions", damon->count);
	for (i = 0; i < damon->count; i++) {
		char file[96];

		snprintf(file, sizeof(file),
			 CONTEXT "/targets/0/regions/%zu/start", i);
		put_number(file, damon->start[i]);
		snprintf(file, sizeof(file),
			 CONTEXT "/targets/0/regions/%zu/end", i);
		put_number(file, damon->start[i] + page);
	}
}

struct damon *damon_start(void *const *address, size_t count,
			  unsigned int sample_ms, unsigned int aggregate_ms)
{
	static const char *const events[] = { "damon/" EVENT, NULL };
	const struct evidence_trace_request request = { .events = events };
	struct damon *damon = calloc(1, sizeof(*damon));
	u64 page = (u64)getpagesize();
	struct shortage shortage;
	size_t i;

	need_damon();
	CHECK(damon, "out of memory for DAMON's pages");
	damon->count = count;
	damon->start = calloc(count, sizeof(*damon->start));
	CHECK(damon->start, "out of memory for DAMON's pages");
	for (i = 0; i < count; i++)
		damon->start[i] = (u64)(uintptr_t)address[i] & ~(page - 1);
	damon->trace = evidence_trace_start(&request, &shortage);
	if (!damon->trace)
		skip_for(&shortage);
	configure(damon, sample_ms, aggregate_ms);
	put("0/state", "on");
	return damon;
}

static bool take_record(const char *name, const char *text, void *context)
{
	struct damon *damon = context;
	unsigned long long start, end;
	const char *at = strstr(text, "nr_regions=");
	unsigned int accesses;
	size_t i;

	if (strcmp(name, EVENT) || !at ||
	    sscanf(at, "nr_regions=%*u %llu-%llu: %u", &start, &end,
		   &accesses) != 3)
		return true;
	for (i = 0; i < damon->count; i++) {
		if (damon->start[i] != start)
			continue;
		damon->told++;
		damon->seen[i] |= accesses > 0;
	}
	return true;
}

unsigned int damon_take(struct damon *damon, bool *seen)
{
	u64 before = damon->told / damon->count;

	damon->seen = seen;
	evidence_trace_take(damon->trace, take_record, damon);
	return (unsigned int)(damon->told / damon->count - before);
}

void damon_stop(struct damon *damon)
{
	put("0/state", "off");
	put_number("nr_kdamonds", 0);
	evidence_trace_close(damon->trace);
	free(damon->start);
	free(damon);
}
