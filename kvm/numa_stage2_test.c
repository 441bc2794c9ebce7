// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests on machines with several NUMA nodes. Memory is on the node that its
 * policy says, whichever vCPU touches it first. Memory moves between nodes
 * while vCPUs write to it, logged or not, and no write is lost. KVM allocates
 * page tables on the node of the thread that needs them.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/evidence.h"
#include "core/options.h"
#include "core/random.h"
#include "core/report.h"
#include "core/thread.h"
#include "core/variant.h"
#include "dirty/dirty.h"
#include "dirty/mirror.h"
#include "kvm/split.h"
#include "kvm/vcpu_threads.h"
#include "kvm/vm.h"
#include "kvm/writer.h"
#include "mem/backing.h"
#include "tally_guest.h"

#define DATA_BYTES (4UL << 20)
#define STRESS_S   5
#define CASE_S	   240
/* Page tables to count; each maps one page of the range of a PMD. */
#define TABLES 96
/*
 * A vCPU takes tables from a cache that it fills from its current node
 * (kvm_mmu_topup_memory_cache(), KVM_ARCH_NR_OBJS_PER_MEMORY_CACHE). After a
 * move, this number of tables may still be on the old node.
 */
#define CACHE 40
/* Tables of upper levels, and of other memory that the VM maps meanwhile. */
#define OTHERS 16

struct variant {
	enum dirty_mode mode; /* or UNLOGGED */
	enum backing_kind backing;
	bool vcpus_move;
};

/*
 * ---- a guest whose memory is not populated
 * --------------------------------------
 */

struct numa_vm {
	struct vm *vm;
	struct backing backing;
	struct memslot slot;
	u64 page;
	unsigned int nodes;
};

static void create(struct numa_vm *guest, enum backing_kind kind, u64 bytes,
		   const struct vm_config *config)
{
	const struct backing_request request = { .kind = kind,
						 .size = bytes,
						 .fd = -1 };

	memset(guest, 0, sizeof(*guest));
	guest->nodes = backing_nodes();
	guest->vm = vm_create(config);
	guest->page = guest->vm->page_size;
	backing_create(&guest->backing, &request);
	slot_add(guest->vm, &guest->slot, SLOT_TEST_FIRST, GPA_TEST,
		 &guest->backing, 0);
	vm_map(guest->vm, GPA_TEST, GPA_TEST, bytes, backing_thp_size());
}

static void destroy(struct numa_vm *guest)
{
	vm_destroy(guest->vm);
	backing_destroy(&guest->backing);
}

/* The guest stores to @count addresses, from a CPU of @node. */
static void store(struct numa_vm *guest, unsigned int node, u64 offset,
		  u64 stride, u64 count)
{
	struct vcpu *vcpu = &guest->vm->vcpus[0];
	struct writer_list *list = writer_list_of(vcpu->guest);

	thread_here_node(node);
	*list = (struct writer_list){
		.count = count ? 1 : 0,
		.store[0] = { .gva = guest->slot.gpa + offset,
			      .stride = (s64)stride,
			      .count = count },
	};
	vcpu_start(vcpu, writer_store, 0);
	vcpu_run(vcpu, VCPU_DONE);
}

/* ---- data ------------------------------------------------------------------ */

static int node_of(const struct numa_vm *guest, u64 offset)
{
	int node = backing_node_of(&guest->backing, offset);

	CHECK(node >= 0, "cannot read the node of the page at %#llx: %s",
	      offset, errno_name(-node));
	return node;
}

static u64 data_bytes(enum backing_kind kind)
{
	u64 least = 2 * backing_page_size(kind);

	return DATA_BYTES > least ? DATA_BYTES : least;
}

/* Memory bound to one node, touched first by a vCPU on another node. */
static void run_bound(const struct variant *variant)
{
	enum backing_kind kind = variant->backing;
	unsigned int node, nodes = backing_nodes();

	for (node = 0; node < nodes; node++) {
		struct numa_vm guest;
		u64 offset;
		int error;

		create(&guest, kind, data_bytes(kind), NULL);
		error = backing_bind(&guest.backing, node);
		CHECK(!error, "mbind(MPOL_BIND) failed: %s",
		      errno_name(-error));
		store(&guest, node + 1, 0, guest.page,
		      guest.slot.size / guest.page);
		for (offset = 0; offset < guest.slot.size; offset += guest.page)
			CHECK(node_of(&guest, offset) == (int)node,
			      "page at %#llx: expected node %u, to which it is bound, got node %d",
			      offset, node, node_of(&guest, offset));
		destroy(&guest);
	}
}

/*
 * Interleaved memory: each page is on another node than the page before
 * (interleave_nid()).
 */
static void run_interleaved(const struct variant *variant)
{
	enum backing_kind kind = variant->backing;
	u64 unit, offset;
	struct numa_vm guest;
	int error, last = -1;

	create(&guest, kind, data_bytes(kind), NULL);
	error = backing_interleave(&guest.backing);
	CHECK(!error, "mbind(MPOL_INTERLEAVE) failed: %s", errno_name(-error));
	unit = guest.backing.page_size;
	store(&guest, 0, 0, guest.page, guest.slot.size / guest.page);
	for (offset = 0; offset < guest.slot.size; offset += unit) {
		int node = node_of(&guest, offset);

		CHECK(node != last,
		      "interleaved memory: the page at %#llx and the page before are both on node %d",
		      offset, node);
		last = node;
	}
	destroy(&guest);
}

/* ---- page tables ----------------------------------------------------------- */

static u64 tables(const struct numa_vm *guest, unsigned int node)
{
	struct shortage shortage;
	u64 bytes;

	if (!evidence_node_tables(node, &bytes, &shortage))
		skip_for(&shortage);
	return bytes / guest->page;
}

/* Store the number of page tables on each node. */
static void note_tables(const struct numa_vm *guest, u64 *before)
{
	unsigned int node;

	for (node = 0; node < guest->nodes; node++)
		before[node] = tables(guest, node);
}

#define NODES_MAX 64

static void judge_tables(const struct numa_vm *guest, const u64 *before,
			 unsigned int node, u64 least, u64 elsewhere,
			 const char *what)
{
	u64 now = tables(guest, node), others = 0;
	/* Other VMs' tables may have been freed meanwhile. */
	u64 here = now > before[node] ? now - before[node] : 0;
	unsigned int other;

	for (other = 0; other < guest->nodes; other++)
		if (other != node && tables(guest, other) > before[other])
			others += tables(guest, other) - before[other];
	/* Tables of the pKVM hypervisor are not counted. */
	if (!here && !others)
		skip("page tables that the kernel counts (SecPageTables)",
		     "run it without kvm-arm.mode=protected");
	report_info("%s: %llu tables on node %u, %llu elsewhere", what, here,
		    node, others);
	CHECK(here >= least && others <= elsewhere,
	      "%s: node %u: expected at least %llu new page tables, got %llu; other nodes: at most %llu, got %llu",
	      what, node, least, here, elsewhere, others);
}

static void create_sparse(struct numa_vm *guest, u64 *before)
{
	create(guest, BACKING_ANONYMOUS, 2 * TABLES * backing_thp_size(), NULL);
	CHECK(guest->nodes <= NODES_MAX, "more than %d nodes", NODES_MAX);
	note_tables(guest, before);
}

/* A vCPU's faults allocate tables on its node, wherever the data is. */
static void run_tables_local(void)
{
	unsigned int node, nodes = backing_nodes();

	for (node = 0; node < nodes; node++) {
		u64 before[NODES_MAX], huge = backing_thp_size();
		struct numa_vm guest;
		int error;

		create_sparse(&guest, before);
		error = backing_bind(&guest.backing, (node + 1) % nodes);
		CHECK(!error, "mbind(MPOL_BIND) failed: %s",
		      errno_name(-error));
		store(&guest, node, 0, huge, TABLES);
		judge_tables(&guest, before, node, TABLES, 0,
			     "a vCPU that does not move");
		CHECK(node_of(&guest, 0) != (int)node,
		      "the data is on the vCPU's node, not on the node to which it is bound");
		destroy(&guest);
	}
}

/* After the vCPU has moved, its faults allocate tables on the new node. */
static void run_tables_moved(void)
{
	u64 before[NODES_MAX], huge = backing_thp_size();
	struct numa_vm guest;

	create_sparse(&guest, before);
	store(&guest, 0, 0, huge, TABLES);
	judge_tables(&guest, before, 0, TABLES, 0, "before it moved");
	note_tables(&guest, before);
	store(&guest, 1, TABLES * huge, huge, TABLES);
	judge_tables(&guest, before, 1, TABLES - CACHE, CACHE + OTHERS,
		     "after it moved");
	destroy(&guest);
}

/*
 * Splitting on enabling logging allocates tables on the node of the thread that
 * enables it.
 */
static void run_tables_split(void)
{
	u64 huge = backing_thp_size(), before[NODES_MAX];
	u64 bytes = TABLES / 4 * huge;
	struct vm_config config = { .vcpus = 1 };
	struct dirty_slot *watched;
	struct dirty_log *dirty;
	struct numa_vm guest;
	size_t methods;
	const struct split *split = splits(&methods);

	/*
	 * The second chunk size if there are several, else the only eager
	 * split.
	 */
	split += methods > 2 ? 2 : 1;
	split_begin(split);
	config.eager_split = split->chunk;
	create(&guest, BACKING_ANONYMOUS_THP, bytes, &config);
	backing_populate(&guest.backing);
	if (backing_host_huge_bytes(&guest.backing) < bytes)
		skip("huge pages of the host",
		     "run it on a machine with more free memory");
	store(&guest, 0, 0, huge, bytes / huge);
	dirty = dirty_new(guest.vm, DIRTY_MODE_LOG);
	watched = dirty_watch(dirty, &guest.slot);
	note_tables(&guest, before);
	thread_here_node(1);
	dirty_enable(dirty, watched);
	judge_tables(&guest, before, 1, bytes / huge, 0,
		     "huge mappings split when logging is enabled");
	dirty_free(dirty);
	destroy(&guest);
	split_end();
}

/* ---- memory that moves under running vCPUs --------------------------------- */

/*
 * KVM unmaps a page that moves, by a notifier, before the kernel copies it
 * (try_to_migrate_one()). A write through a stale mapping is lost: then the
 * vCPUs' counts do not add up, or the dirty log misses the page.
 */
/* A value of variant.mode behind the dirty-log modes: the slot is not logged. */
#define UNLOGGED    DIRTY_MODE_COUNT
#define MOVED_BYTES (4UL << 20)
#define VCPUS	    2
#define ROUNDS_MIN  3
/* Additions of all vCPUs between two moves. */
#define ADDITIONS 100
/* Interval of harvests; vCPUs with a full ring wait for the next one. */
#define HARVEST_MS 10
/* An emulated machine with pKVM on a busy host has taken 10 s for one round. */
#define WAIT_MS 60000
/* Attempts to move a page that is in use. */
#define ATTEMPTS 20

struct moves {
	struct vm *vm;
	struct backing backing;
	struct memslot slot;
	struct dirty_log *dirty;
	struct dirty_slot *watched;
	struct mirror *mirror;
	struct vcpu_threads *threads;
	struct random_stream random;
	unsigned int nodes;
	u64 pages;
};

static bool logged(const struct variant *variant)
{
	return variant->mode != UNLOGGED;
}

static u64 additions(const struct moves *moves)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < moves->vm->vcpu_count; i++)
		sum += tally_of(moves->vm->vcpus[i].guest)->count;
	return sum;
}

static void harvest(struct moves *moves)
{
	dirty_harvest(moves->dirty, moves->watched, NULL);
	vcpu_threads_ring_room(moves->threads);
	mirror_take(moves->mirror, moves->watched->fresh);
}

/* Let vCPUs run; harvest if the slot is logged. */
static void let_run(struct moves *moves)
{
	struct deadline deadline = deadline_in_ms(WAIT_MS);
	u64 until = additions(moves) + ADDITIONS;

	while (additions(moves) < until) {
		CHECK(!deadline_passed(deadline),
		      "expected %d additions in %d s", ADDITIONS,
		      WAIT_MS / 1000);
		poll(NULL, 0, HARVEST_MS);
		if (moves->mirror)
			harvest(moves);
	}
}

/* vCPUs are paused: memory holds each addition once. */
static void judge_tally(const struct moves *moves)
{
	u64 page = moves->vm->page_size, i;
	unsigned int vcpu;

	for (vcpu = 0; vcpu < moves->vm->vcpu_count; vcpu++) {
		u64 count = tally_of(moves->vm->vcpus[vcpu].guest)->count;
		const char *at = moves->backing.hva;
		u64 sum = 0;

		for (i = 0; i < moves->pages; i++, at += page)
			sum += ((const u64 *)at)[vcpu];
		CHECK(sum == count || sum == count + 1,
		      "vCPU %u: expected %llu additions in memory, got %llu",
		      vcpu, count, sum);
	}
}

static void judge(struct moves *moves)
{
	vcpu_threads_pause(moves->threads);
	judge_tally(moves);
	if (moves->mirror) {
		harvest(moves);
		dirty_harvest_final(moves->dirty, moves->watched);
		mirror_take(moves->mirror, moves->watched->fresh);
		mirror_judge(moves->mirror);
	}
	vcpu_threads_resume(moves->threads);
}

static void judge_node(const struct moves *moves, unsigned int node)
{
	u64 page;

	for (page = 0; page < moves->pages; page += 1 + moves->pages / 64) {
		int at = backing_node_of(&moves->backing,
					 page * moves->vm->page_size);

		CHECK(at == (int)node,
		      "page %llu: expected node %u, to which it was moved, got node %d",
		      page, node, at);
	}
}

/* Move while vCPUs run; pause them if pages stay busy. */
static void move(struct moves *moves, unsigned int node)
{
	unsigned int attempt;
	int error = -1;

	for (attempt = 0; error && attempt < ATTEMPTS; attempt++) {
		if (attempt + 1 == ATTEMPTS)
			vcpu_threads_pause(moves->threads);
		error = backing_move(&moves->backing, node);
		CHECK(!error || error == -EIO, "mbind(MPOL_MF_MOVE) failed: %s",
		      errno_name(-error));
	}
	CHECK(!error,
	      "pages cannot be moved to node %u, although vCPUs are paused",
	      node);
	judge_node(moves, node);
	vcpu_threads_resume(moves->threads);
}

static void place_vcpus(struct moves *moves)
{
	unsigned int i;

	for (i = 0; i < moves->vm->vcpu_count; i++)
		vcpu_threads_place(moves->threads, i,
				   thread_cpu_of_node((unsigned int)random_below(
							      &moves->random,
							      moves->nodes),
						      i));
}

static void create_moves(struct moves *moves, const struct variant *variant)
{
	const struct vcpu_threads_config vcpu_threads_config = {
		.function = tally_run, .silence_ms = WAIT_MS
	};
	struct vm_config config = {
		.vcpus = options()->vcpus ? options()->vcpus : VCPUS,
	};
	struct backing_request request = {
		.kind = variant->backing,
		.size = options()->memory ? options()->memory : MOVED_BYTES,
		.fd = -1,
	};
	enum dirty_mode mode = variant->mode;
	unsigned int i;

	memset(moves, 0, sizeof(*moves));
	if (request.size < 2 * backing_page_size(request.kind))
		request.size = 2 * backing_page_size(request.kind);
	if (logged(variant))
		dirty_mode_configure(mode, &config, 0);
	case_random(&moves->random, "moves", 0);
	moves->nodes = backing_nodes();
	moves->vm = vm_create(&config);
	backing_create(&moves->backing, &request);
	moves->pages = request.size / moves->vm->page_size;
	slot_add(moves->vm, &moves->slot, SLOT_TEST_FIRST, GPA_TEST,
		 &moves->backing, 0);
	vm_map(moves->vm, GPA_TEST, GPA_TEST, request.size, backing_thp_size());
	for (i = 0; i < config.vcpus; i++) {
		struct tally *tally = tally_of(moves->vm->vcpus[i].guest);

		tally->gva = GPA_TEST;
		tally->pages = moves->pages;
		tally->page_size = moves->vm->page_size;
		case_random(&tally->random, "guest", i);
	}
	moves->threads = vcpu_threads_new(moves->vm, &vcpu_threads_config);
}

static void begin_logging(struct moves *moves, enum dirty_mode mode)
{
	moves->dirty = dirty_new(moves->vm, mode);
	moves->watched = dirty_watch(moves->dirty, &moves->slot);
	moves->mirror = mirror_new("slot", moves->slot.hva,
				   moves->watched->pages, moves->vm->page_size);
	dirty_enable(moves->dirty, moves->watched);
	mirror_begin(moves->mirror, mode);
}

static void destroy_moves(struct moves *moves)
{
	vcpu_threads_finish(moves->threads);
	if (moves->mirror) {
		mirror_free(moves->mirror);
		dirty_free(moves->dirty);
	}
	vm_destroy(moves->vm);
	backing_destroy(&moves->backing);
}

static void run_moves(const struct variant *variant)
{
	u64 until = clock_ns() + case_duration_ns();
	unsigned int round, node;
	struct moves moves;
	int error;

	create_moves(&moves, variant);
	node = (unsigned int)random_below(&moves.random, moves.nodes);
	error = backing_bind(&moves.backing, node);
	CHECK(!error, "mbind(MPOL_BIND) failed: %s", errno_name(-error));
	backing_populate(&moves.backing);
	judge_node(&moves, node);
	vcpu_threads_start(moves.threads);
	if (logged(variant))
		begin_logging(&moves, variant->mode);
	for (round = 0; round < ROUNDS_MIN || clock_ns() < until; round++) {
		let_run(&moves);
		/* Any node but the current one. */
		node = (node + 1 +
			(unsigned int)random_below(&moves.random,
						   moves.nodes - 1)) %
		       moves.nodes;
		if (variant->vcpus_move)
			place_vcpus(&moves);
		move(&moves, node);
		let_run(&moves);
		judge(&moves);
	}
	report_info("%u moves, %llu additions", round, additions(&moves));
	destroy_moves(&moves);
}

/* ---- the cases ------------------------------------------------------------- */

static const struct choice *generate_modes(size_t *count)
{
	static struct choice list[DIRTY_MODE_COUNT + 1];
	enum dirty_mode mode;

	for (mode = 0; mode < DIRTY_MODE_COUNT; mode++)
		list[mode] = (struct choice)CHOICE(dirty_mode_name(mode), mode);
	list[UNLOGGED] = (struct choice)CHOICE("unlogged", UNLOGGED);
	*count = ARRAY_SIZE(list);
	return list;
}

static bool mode_exists(u64 mode)
{
	return mode == UNLOGGED || dirty_mode_exists((enum dirty_mode)mode);
}

static const struct choices modes = { .generate = generate_modes,
				      .exists = mode_exists };

static const struct choice vcpus[] = { CHOICE("vcpus_stay", false),
				       CHOICE("vcpus_move", true) };

static const struct dimension move_dimensions[] = {
	DIMENSION(struct variant, mode, &modes),
	DIMENSION(struct variant, backing, &backings),
	DIMENSION_TABLE(struct variant, vcpus_move, vcpus),
};

static const struct dimension policy_dimensions[] = {
	DIMENSION_SOME(struct variant, backing, &backings, BACKING_ANONYMOUS,
		       BACKING_ANONYMOUS_THP, BACKING_HUGETLB_2M, BACKING_SHMEM,
		       BACKING_MEMFD, BACKING_MEMFD_HUGETLB,
		       BACKING_TMPFS_SHARED),
};

/*
 * A check has each dirty-log mode with THP, and other memory with one mode and
 * without logging. Small pages of shared files behave like other small pages.
 */
static bool is_sampled(const struct variant *variant)
{
	enum backing_kind kind = variant->backing;
	bool main = variant->mode == DIRTY_MODE_LOG ||
		    variant->mode == UNLOGGED;

	if (options()->backing)
		return true;
	if (kind == BACKING_ANONYMOUS_THP)
		return main || variant->vcpus_move == variant->mode % 2;
	return main && (kind == BACKING_ANONYMOUS ||
			kind == BACKING_HUGETLB_2M || kind == BACKING_SHMEM);
}

static const struct scenario scenarios[] = {
	{ .name = "tables/local",
	  .plan = "a vCPU's faults allocate page tables on its own node",
	  .run_alone = run_tables_local,
	  .no_stress = true,
	  .timeout_s = CASE_S },
	{ .name = "tables/moved",
	  .plan = "after a vCPU has moved, its faults allocate page tables on the new node",
	  .run_alone = run_tables_moved,
	  .no_stress = true,
	  .timeout_s = CASE_S },
	{ .name = "tables/split",
	  .plan = "eager splitting allocates page tables on the node that enables logging",
	  .run_alone = run_tables_split,
	  .no_stress = true,
	  .timeout_s = CASE_S },
	SCENARIO("bound", run_bound, struct variant, policy_dimensions,
		 .sampling = SAMPLE_ALL, .no_stress = true, .timeout_s = CASE_S,
		 .plan = "bound memory is on its node, whichever vCPU touches it first"),
	SCENARIO("interleaved", run_interleaved, struct variant,
		 policy_dimensions, .sampling = SAMPLE_ALL, .no_stress = true,
		 .timeout_s = CASE_S,
		 .plan = "adjacent pages of interleaved memory are on different nodes"),
	SCENARIO("moved", run_moves, struct variant, move_dimensions,
		 .sampled = VARIANT_IF(struct variant, is_sampled),
		 .stress_s = STRESS_S, .timeout_s = CASE_S,
		 .plan = "no write is lost while memory moves between nodes"),
};

TEST_PROGRAM(
	"numa_stage2_test",
	"guest memory moves between NUMA nodes under running vCPUs, and no write is lost",
	scenarios, .needs = { .root = true, .kvm = true, .nodes = 2 })
