// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cases.h"
#include "core/kernel_file.h"
#include "lru_gen.h"
#include "mem/reclaim.h"
#include "core/report.h"

#define GENERATIONS "/sys/kernel/debug/lru_gen"
#define ENABLED	    "/sys/kernel/mm/lru_gen/enabled"
/* Bits of ENABLED: MGLRU is on; it walks page tables. */
#define ENABLED_CORE 1
#define ENABLED_WALK 2
/*
 * swappiness 200: anonymous memory; force_scan 1: all pages, not only likely
 * ones.
 */
#define HOW "200 1"

static unsigned int enabled(void)
{
	FILE *file = fopen(ENABLED, "re");
	unsigned int bits = 0;

	if (file && fscanf(file, "%x", &bits) != 1)
		bits = 0;
	if (file)
		fclose(file);
	return bits;
}

void lru_gen_need(void)
{
	static const struct needs asks_secondary = {
		.kernel_min = NEEDS_KERNEL(6, 13),
	};

	if (!needs_met(&asks_secondary, NULL))
		skip("a kernel whose generations of pages know guests' accesses",
		     "use one from 6.13 on");
	if (access(GENERATIONS, R_OK | W_OK))
		skip("CONFIG_LRU_GEN=y, and debugfs",
		     "run it on a kernel built with this option; as root: mount -t debugfs debugfs /sys/kernel/debug");
	if (!(enabled() & ENABLED_CORE) && getenv("SECMMU_DESTRUCTIVE"))
		kernel_file_write(ENABLED, "y", 0);
	if (!(enabled() & ENABLED_CORE))
		skip("MGLRU, which is off", "as root: echo y > " ENABLED);
	if (!(enabled() & ENABLED_WALK))
		skip("a CPU that notes accesses in page tables (access flag)",
		     "without it, MGLRU does not walk page tables (should_walk_mmu())");
}

/**
 * struct lru_gen_line - a line of the file, with what lines above it say
 * @memcg: id of the memory cgroup
 * @ours: it is this process's cgroup
 * @node: NUMA node
 * @sequence: the generation
 * @anonymous: anonymous pages of the generation
 */
struct lru_gen_line {
	unsigned long long memcg;
	bool ours;
	unsigned int node;
	unsigned long long sequence;
	unsigned long long anonymous;
};

static void each_line(void (*line)(const struct lru_gen_line *line,
				   void *context),
		      void *context)
{
	FILE *file = fopen(GENERATIONS, "re");
	struct lru_gen_line now = { 0 };
	char text[512], path[256];

	CHECK(file, "cannot open %s: %s", GENERATIONS, errno_name(errno));
	while (fgets(text, sizeof(text), file)) {
		path[0] = '\0';
		if (sscanf(text, "memcg %llu %255s", &now.memcg, path) >= 1)
			now.ours = !strcmp(path, reclaim_group());
		else if (sscanf(text, " node %u", &now.node) == 1)
			continue;
		else if (now.ours && sscanf(text, "%llu %*u %llu",
					    &now.sequence, &now.anonymous) == 2)
			line(&now, context);
	}
	fclose(file);
}

/* The last line of a node has the youngest generation. */
static void note_newest(const struct lru_gen_line *line, void *context)
{
	struct lru_gen *lru = context;
	unsigned int last = lru->nodes ? lru->nodes - 1 : 0;

	if (!lru->nodes || lru->node[last] != line->node) {
		if (lru->nodes == LRU_GEN_NODES_MAX)
			return;
		last = lru->nodes++;
	}
	lru->node[last] = line->node;
	lru->sequence[last] = line->sequence;
}

static void note_memcg(const struct lru_gen_line *line, void *context)
{
	*(unsigned long long *)context = line->memcg;
}

void lru_gen_age(struct lru_gen *lru)
{
	unsigned long long memcg = 0;
	unsigned int i;

	*lru = (struct lru_gen){ 0 };
	each_line(note_newest, lru);
	each_line(note_memcg, &memcg);
	CHECK(lru->nodes, "%s has no line of the memory cgroup %s", GENERATIONS,
	      reclaim_group());
	for (i = 0; i < lru->nodes; i++) {
		char command[96];
		int error;

		snprintf(command, sizeof(command), "+ %llu %u %llu " HOW, memcg,
			 lru->node[i], lru->sequence[i]);
		error = kernel_file_write(GENERATIONS, command, 0);
		/* The kernel may have started a generation meanwhile. */
		CHECK(!error || error == -ERANGE || error == -EINVAL,
		      "cannot write \"%s\" to %s: %s", command, GENERATIONS,
		      errno_name(-error));
	}
}

struct young_pages {
	const struct lru_gen *lru;
	u64 pages;
};

static void add_young(const struct lru_gen_line *line, void *context)
{
	struct young_pages *young = context;
	unsigned int i;

	for (i = 0; i < young->lru->nodes; i++)
		if (young->lru->node[i] == line->node &&
		    line->sequence >= young->lru->sequence[i])
			young->pages += line->anonymous;
}

u64 lru_gen_young(const struct lru_gen *lru)
{
	struct young_pages young = { .lru = lru };

	each_line(add_young, &young);
	return young.pages;
}
