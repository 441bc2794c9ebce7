// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that moves between nodes, while vCPUs count in it. A page that moves is
 * unmapped from stage 2 by a notifier before it is copied
 * (try_to_migrate_one()); what a vCPU writes through a mapping that stayed is
 * lost, and then the counts do not add up, or the log misses it.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "mem/backing.h"
#include "core/clock.h"
#include "kvm/vcpu_threads.h"
#include "dirty/mirror.h"
#include "numa_moves.h"
#include "core/options.h"
#include "core/random.h"
#include "core/report.h"
#include "tally_guest.h"
#include "core/thread.h"

#define BYTES	   (4UL << 20)
#define VCPUS	   2
#define ROUNDS_MIN 3
/* Additions between two moves, of all vCPUs. */
#define ADDITIONS 100
/* Between two harvests: vCPUs wait for them at their faults. */
#define HARVEST_MS 10
/* An emulated machine on a busy host, under pKVM, has taken 10 s for one. */
#define WAIT_MS 60000
/* A page that is in use for a moment stays; so often it is tried again. */
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

static bool logged(const struct test_case *test)
{
	return test->number[MOVES_MODE] != MOVES_UNLOGGED;
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

/* Guests go on for a while; what they write is harvested if it is logged. */
static void let_run(struct moves *moves)
{
	struct deadline deadline = deadline_in_ms(WAIT_MS);
	u64 until = additions(moves) + ADDITIONS;

	while (additions(moves) < until) {
		CHECK(!deadline_passed(deadline),
		      "the guests did not make %d additions within %d s",
		      ADDITIONS, WAIT_MS / 1000);
		poll(NULL, 0, HARVEST_MS);
		if (moves->mirror)
			harvest(moves);
	}
}

/* No vCPU runs: every addition is in memory, once. */
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
		      "vCPU %u has added 1 %llu times in memory that moved between nodes, where all words together are %llu",
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
		      "memory was moved to node %u, and page %llu is on node %d",
		      node, page, at);
	}
}

/* While vCPUs run; if pages are busy for too long, while they do not. */
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
	      "pages cannot be moved to node %u, not even while no vCPU runs",
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

static void create(struct moves *moves, const struct test_case *test)
{
	const struct vcpu_threads_config vcpu_threads_config = {
		.function = tally_run, .silence_ms = WAIT_MS
	};
	struct vm_config config = {
		.vcpus = options()->vcpus ? options()->vcpus : VCPUS,
	};
	struct backing_request request = {
		.kind = test->number[MOVES_BACKING],
		.size = options()->memory ? options()->memory : BYTES,
		.fd = -1,
	};
	enum dirty_mode mode = test->number[MOVES_MODE];
	unsigned int i;

	memset(moves, 0, sizeof(*moves));
	if (request.size < 2 * backing_page_size(request.kind))
		request.size = 2 * backing_page_size(request.kind);
	if (logged(test))
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

static void destroy(struct moves *moves)
{
	vcpu_threads_finish(moves->threads);
	if (moves->mirror) {
		mirror_free(moves->mirror);
		dirty_free(moves->dirty);
	}
	vm_destroy(moves->vm);
	backing_destroy(&moves->backing);
}

void numa_moves(const struct test_case *test)
{
	u64 until = clock_ns() + case_duration_ns();
	unsigned int round, node;
	struct moves moves;
	int error;

	create(&moves, test);
	node = (unsigned int)random_below(&moves.random, moves.nodes);
	error = backing_bind(&moves.backing, node);
	CHECK(!error, "mbind(MPOL_BIND) failed: %s", errno_name(-error));
	backing_populate(&moves.backing);
	judge_node(&moves, node);
	vcpu_threads_start(moves.threads);
	if (logged(test))
		begin_logging(&moves, test->number[MOVES_MODE]);
	for (round = 0; round < ROUNDS_MIN || clock_ns() < until; round++) {
		let_run(&moves);
		/* Never to where it is. */
		node = (node + 1 +
			(unsigned int)random_below(&moves.random,
						   moves.nodes - 1)) %
		       moves.nodes;
		if (test->number[MOVES_VCPUS])
			place_vcpus(&moves);
		move(&moves, node);
		let_run(&moves);
		judge(&moves);
	}
	report_info("%u moves, %llu additions", round, additions(&moves));
	destroy(&moves);
}
