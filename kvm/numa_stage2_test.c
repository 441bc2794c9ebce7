// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests on machines with several NUMA nodes: their memory is where it was asked
 * for, whichever node the vCPU that touches it first is on; it can be moved
 * between nodes while they run, and while they are logged, and no write is lost;
 * and KVM's own page tables are on the node of whoever made them.
 */
#include <stdio.h>
#include <string.h>

#include "mem/backing.h"
#include "core/cases.h"
#include "dirty/dirty.h"
#include "core/evidence.h"
#include "numa_moves.h"
#include "core/options.h"
#include "core/report.h"
#include "kvm/split.h"
#include "kvm/vm.h"
#include "core/thread.h"
#include "kvm/writer.h"

#define DATA_BYTES (4UL << 20)
#define STRESS_S   5
#define CASE_S	   240
/* Tables whose place is looked at; each maps one page of what a PMD covers. */
#define TABLES 96
/*
 * A vCPU takes tables from a cache, which it fills from the node that it is on
 * (kvm_mmu_topup_memory_cache(), KVM_ARCH_NR_OBJS_PER_MEMORY_CACHE): as many as
 * that can still be of the node before.
 */
#define CACHE 40
/* Tables of the upper levels, and what else the VM maps meanwhile. */
#define OTHERS 16

/* ---- a guest with memory that has no pages yet ----------------------------- */

struct place {
	struct vm *vm;
	struct backing backing;
	struct memslot slot;
	u64 page;
	unsigned int nodes;
};

static void create(struct place *place, enum backing_kind kind, u64 bytes,
		   const struct vm_config *config)
{
	const struct backing_request request = { .kind = kind,
						 .size = bytes,
						 .fd = -1 };

	memset(place, 0, sizeof(*place));
	place->nodes = backing_nodes();
	place->vm = vm_create(config);
	place->page = place->vm->page_size;
	backing_create(&place->backing, &request);
	slot_add(place->vm, &place->slot, SLOT_TEST_FIRST, GPA_TEST,
		 &place->backing, 0);
	vm_map(place->vm, GPA_TEST, GPA_TEST, bytes, backing_thp_size());
}

static void destroy(struct place *place)
{
	vm_destroy(place->vm);
	backing_destroy(&place->backing);
}

/* The guest stores to @count places, from a CPU of @node. */
static void store(struct place *place, unsigned int node, u64 offset,
		  u64 stride, u64 count)
{
	struct vcpu *vcpu = &place->vm->vcpus[0];
	struct writer_list *list = writer_list_of(vcpu->guest);

	thread_here_node(node);
	*list = (struct writer_list){
		.count = count ? 1 : 0,
		.store[0] = { .gva = place->slot.gpa + offset,
			      .stride = (s64)stride,
			      .count = count },
	};
	vcpu_start(vcpu, writer_store, 0);
	vcpu_run(vcpu, VCPU_DONE);
}

/* ---- data ------------------------------------------------------------------ */

static int node_of(const struct place *place, u64 offset)
{
	int node = backing_node_of(&place->backing, offset);

	CHECK(node >= 0, "where the page at %#llx is cannot be told: %s",
	      offset, errno_name(-node));
	return node;
}

static u64 data_bytes(enum backing_kind kind)
{
	u64 least = 2 * backing_page_size(kind);

	return DATA_BYTES > least ? DATA_BYTES : least;
}

/* Bound to one node, touched first by a vCPU on another. */
static void run_bound(const struct test_case *test)
{
	enum backing_kind kind = test->number[0];
	unsigned int node, nodes = backing_nodes();

	for (node = 0; node < nodes; node++) {
		struct place place;
		u64 offset;
		int error;

		create(&place, kind, data_bytes(kind), NULL);
		error = backing_bind(&place.backing, node);
		CHECK(!error, "mbind(MPOL_BIND) failed: %s",
		      errno_name(-error));
		store(&place, node + 1, 0, place.page,
		      place.slot.size / place.page);
		for (offset = 0; offset < place.slot.size; offset += place.page)
			CHECK(node_of(&place, offset) == (int)node,
			      "memory is bound to node %u, and what a vCPU has touched at %#llx is on node %d",
			      node, offset, node_of(&place, offset));
		destroy(&place);
	}
}

/* Interleaved: every page on the next node (interleave_nid()). */
static void run_interleaved(const struct test_case *test)
{
	enum backing_kind kind = test->number[0];
	u64 unit, offset;
	struct place place;
	int error, last = -1;

	create(&place, kind, data_bytes(kind), NULL);
	error = backing_interleave(&place.backing);
	CHECK(!error, "mbind(MPOL_INTERLEAVE) failed: %s", errno_name(-error));
	unit = place.backing.page_size;
	store(&place, 0, 0, place.page, place.slot.size / place.page);
	for (offset = 0; offset < place.slot.size; offset += unit) {
		int node = node_of(&place, offset);

		CHECK(node != last,
		      "memory is interleaved, and the pages at %#llx and before are both on node %d",
		      offset, node);
		last = node;
	}
	destroy(&place);
}

/* ---- page tables ----------------------------------------------------------- */

static u64 tables(const struct place *place, unsigned int node)
{
	struct shortage shortage;
	u64 bytes;

	if (!evidence_node_tables(node, &bytes, &shortage))
		skip_for(&shortage);
	return bytes / place->page;
}

/* The first of all nodes, and what each has more of since then. */
static void note_tables(const struct place *place, u64 *before)
{
	unsigned int node;

	for (node = 0; node < place->nodes; node++)
		before[node] = tables(place, node);
}

#define NODES_MAX 64

static void judge_tables(const struct place *place, const u64 *before,
			 unsigned int node, u64 least, u64 elsewhere,
			 const char *what)
{
	u64 now = tables(place, node), others = 0;
	/* Others' tables may have gone meanwhile. */
	u64 here = now > before[node] ? now - before[node] : 0;
	unsigned int other;

	for (other = 0; other < place->nodes; other++)
		if (other != node && tables(place, other) > before[other])
			others += tables(place, other) - before[other];
	/* Where a hypervisor has the tables it counts none of them. */
	if (!here && !others)
		skip("page tables that the kernel counts (SecPageTables)",
		     "run it without kvm-arm.mode=protected");
	report_info("%s: %llu tables on node %u, %llu elsewhere", what, here,
		    node, others);
	CHECK(here >= least && others <= elsewhere,
	      "%s: node %u has %llu page tables more (%llu were due), other nodes %llu (%llu may be)",
	      what, node, here, least, others, elsewhere);
}

static void create_sparse(struct place *place, u64 *before)
{
	create(place, BACKING_ANONYMOUS, 2 * TABLES * backing_thp_size(), NULL);
	CHECK(place->nodes <= NODES_MAX, "more than %d nodes", NODES_MAX);
	note_tables(place, before);
}

/* A vCPU's faults make tables on its own node, wherever the data is. */
static void run_tables_local(const struct test_case *test)
{
	unsigned int node, nodes = backing_nodes();

	(void)test;
	for (node = 0; node < nodes; node++) {
		u64 before[NODES_MAX], huge = backing_thp_size();
		struct place place;
		int error;

		create_sparse(&place, before);
		error = backing_bind(&place.backing, (node + 1) % nodes);
		CHECK(!error, "mbind(MPOL_BIND) failed: %s",
		      errno_name(-error));
		store(&place, node, 0, huge, TABLES);
		judge_tables(&place, before, node, TABLES, 0,
			     "a vCPU that stays");
		CHECK(node_of(&place, 0) != (int)node,
		      "the data is on the vCPU's node, not where it is bound to");
		destroy(&place);
	}
}

/* And once it is elsewhere, there. */
static void run_tables_moved(const struct test_case *test)
{
	u64 before[NODES_MAX], huge = backing_thp_size();
	struct place place;

	(void)test;
	create_sparse(&place, before);
	store(&place, 0, 0, huge, TABLES);
	judge_tables(&place, before, 0, TABLES, 0, "before it moved");
	note_tables(&place, before);
	store(&place, 1, TABLES * huge, huge, TABLES);
	judge_tables(&place, before, 1, TABLES - CACHE, CACHE + OTHERS,
		     "after it moved");
	destroy(&place);
}

/* Tables that splitting needs when logging begins: on who enables it's node. */
static void run_tables_split(const struct test_case *test)
{
	u64 huge = backing_thp_size(), before[NODES_MAX];
	u64 bytes = TABLES / 4 * huge;
	struct vm_config config = { .vcpus = 1 };
	struct dirty_slot *watched;
	struct dirty_log *dirty;
	struct place place;
	size_t methods;
	const struct split *split = splits(&methods);

	(void)test;
	/* The last but one of several chunks, or the only way to be eager. */
	split += methods > 2 ? 2 : 1;
	split_begin(split);
	config.eager_split = split->chunk;
	create(&place, BACKING_ANONYMOUS_THP, bytes, &config);
	backing_populate(&place.backing);
	if (backing_host_huge_bytes(&place.backing) < bytes)
		skip("huge pages of the host",
		     "run it on a machine with more free memory");
	store(&place, 0, 0, huge, bytes / huge);
	dirty = dirty_new(place.vm, DIRTY_MODE_LOG);
	watched = dirty_watch(dirty, &place.slot);
	note_tables(&place, before);
	thread_here_node(1);
	dirty_enable(dirty, watched);
	judge_tables(&place, before, 1, bytes / huge, 0,
		     "huge mappings that are split when logging begins");
	dirty_free(dirty);
	destroy(&place);
	split_end();
}

/* ---- the cases ------------------------------------------------------------- */

/*
 * In check mode, whatever way of logging with THP, and all else not logged and
 * with one of them. Memory of small pages in shared files differs in nothing
 * that matters here, and is for --all.
 */
static bool allowed(const unsigned int *tuple, const void *context)
{
	enum backing_kind kind = tuple[MOVES_BACKING];
	bool main = tuple[MOVES_MODE] == DIRTY_MODE_LOG ||
		    tuple[MOVES_MODE] == MOVES_UNLOGGED;

	(void)context;
	if (!backing_wanted(kind))
		return false;
	if (options()->mode == MODE_ALL || options()->backing ||
	    options()->case_glob)
		return true;
	if (kind == BACKING_ANONYMOUS_THP)
		return main || tuple[MOVES_VCPUS] == tuple[MOVES_MODE] % 2;
	return main && (kind == BACKING_ANONYMOUS ||
			kind == BACKING_HUGETLB_2M || kind == BACKING_SHMEM);
}

static struct test_case *add(struct test_case *cases, size_t *count, size_t max,
			     void (*run)(const struct test_case *test))
{
	struct test_case *added = case_add(cases, count, max, run);

	added->timeout_s = CASE_S;
	return added;
}

static size_t add_moves(const struct options *options, struct test_case *cases,
			size_t count, size_t max)
{
	const struct case_matrix matrix = {
		.dimensions = MOVES_DIMENSIONS,
		.levels = { DIRTY_MODE_COUNT + 1, BACKING_GUEST_MEMFD, 2 },
		.allowed = allowed,
	};
	static struct case_tuple
		tuples[(DIRTY_MODE_COUNT + 1) * BACKING_KINDS * 2];
	size_t found = cases_choose(options, &matrix, tuples,
				    ARRAY_SIZE(tuples)),
	       i;

	found = cases_keep_for_stress(options, tuples, found, sizeof(tuples[0]),
				      STRESS_S);
	for (i = 0; i < found; i++) {
		const unsigned int *level = tuples[i].level;
		struct test_case *test = add(cases, &count, max, numa_moves);
		unsigned int dimension;

		for (dimension = 0; dimension < MOVES_DIMENSIONS; dimension++)
			test->number[dimension] = level[dimension];
		snprintf(test->name, sizeof(test->name), "moved/%s/%s/%s",
			 level[MOVES_MODE] == MOVES_UNLOGGED ?
				 "unlogged" :
				 dirty_mode_name(level[MOVES_MODE]),
			 backing_name(level[MOVES_BACKING]),
			 level[MOVES_VCPUS] ? "vcpus_move" : "vcpus_stay");
	}
	return count;
}

static size_t list_cases(const struct options *options, struct test_case *cases,
			 size_t max)
{
	static const struct {
		const char *name;
		void (*run)(const struct test_case *test);
	} data[] = {
		{ "bound", run_bound },
		{ "interleaved", run_interleaved },
	}, table_cases[] = {
		{ "tables/local", run_tables_local },
		{ "tables/moved", run_tables_moved },
		{ "tables/split", run_tables_split },
	};
	static const enum backing_kind kinds[] = {
		BACKING_ANONYMOUS,    BACKING_ANONYMOUS_THP,
		BACKING_HUGETLB_2M,   BACKING_SHMEM,
		BACKING_MEMFD,	      BACKING_MEMFD_HUGETLB,
		BACKING_TMPFS_SHARED,
	};
	size_t count = 0, i, j;

	if (options->mode != MODE_STRESS || options->case_glob) {
		for (i = 0; i < ARRAY_SIZE(table_cases); i++)
			snprintf(add(cases, &count, max, table_cases[i].run)
					 ->name,
				 CASE_NAME_MAX, "%s", table_cases[i].name);
		for (i = 0; i < 2; i++) {
			for (j = 0; j < ARRAY_SIZE(kinds); j++) {
				struct test_case *test;

				if (!backing_wanted(kinds[j]))
					continue;
				test = add(cases, &count, max, data[i].run);
				test->number[0] = kinds[j];
				snprintf(test->name, sizeof(test->name),
					 "%s/%s", data[i].name,
					 backing_name(kinds[j]));
			}
		}
	}
	return add_moves(options, cases, count, max);
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "numa_stage2_test",
		.summary =
			"guests' memory moves between NUMA nodes while they run, and nothing is lost",
		.cases = list_cases,
		.needs = { .root = true, .kvm = true, .nodes = 2 },
	};

	return cases_main(argc, argv, &program);
}
