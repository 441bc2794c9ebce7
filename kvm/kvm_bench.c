// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of a stage 2 / NPT: a fault by access and mapping size, faults of
 * several vCPUs at a time, the notifier that zaps mappings, and a change of a
 * slot by the number of slots. Each line of output is "json: {...}"
 * (lib/core/samples.h).
 *
 * The mode of KVM (nvhe, vhe, protected, nested or shadow paging) is the
 * target's: run several targets to compare modes in one report. The host
 * populates all memory before a measurement, so a fault measures KVM's part
 * only.
 *
 * prove/matrix has no line for this program: a wrong mapping is found by
 * stage2_ops_test, which covers the same operations.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/clock.h"
#include "core/options.h"
#include "core/random.h"
#include "core/report.h"
#include "core/samples.h"
#include "core/timed_threads.h"
#include "core/variant.h"
#include "dirty/mapping.h"
#include "kvm/vm.h"
#include "kvm/writer.h"
#include "mem/backing.h"

#define MIB (1UL << 20)
/*
 * Every size is measured in each pass, so that noise of the machine is spread
 * over all sizes.
 */
#define PASSES	    3
#define REPEATS_MIN 2
#define REPEATS_MAX 20
#define POINTS	    3
#define VCPUS_CHECK 4
#define VCPUS	    16

#define CHECK_SLOTS	 512
#define SLOTS		 4096
#define SLOT_REPEATS_MAX 30
/* An address above all slots, to which a slot is moved. */
#define ELSEWHERE (GPA_TEST + (16ULL << 30))

#define CASE_S 600

struct variant {
	enum backing_kind backing;
};

/* ---- a slot whose mappings are zapped and faulted in again ----------------- */

/**
 * struct fault_vm - a VM with one slot, whose mappings are zapped and faulted
 *	in
 * @vm: VM; every vCPU has a part of the slot
 * @backing: the slot's memory, populated
 * @slot: slot, mapped one to one in the guest
 * @unit: what one mapping covers, bytes: a page, or a page of the memory's kind
 * @faults: number of units in the slot
 * @stride: from one access to the next, bytes: two accesses per huge unit
 */
struct fault_vm {
	struct vm *vm;
	struct backing backing;
	struct memslot slot;
	u64 unit;
	u64 faults;
	u64 stride;
};

static bool fault_vm_create(struct fault_vm *fixture, enum backing_kind kind,
			    u64 bytes, unsigned int vcpus)
{
	const struct vm_config config = { .vcpus = vcpus };
	const struct backing_request request = {
		.kind = kind, .size = bytes, .flags = BACKING_POPULATE, .fd = -1
	};
	bool huge = backing_page_size(kind) >= backing_thp_size();

	memset(fixture, 0, sizeof(*fixture));
	backing_create(&fixture->backing, &request);
	if (huge && backing_host_huge_bytes(&fixture->backing) < bytes) {
		report_info("omitted: %llu MiB of %s: the host has not mapped it by huge pages",
			    bytes >> 20, backing_name(kind));
		backing_destroy(&fixture->backing);
		return false;
	}
	fixture->vm = vm_create(&config);
	slot_add(fixture->vm, &fixture->slot, SLOT_TEST_FIRST, GPA_TEST,
		 &fixture->backing, 0);
	/* Shadow paging maps a huge page only if the guest does. */
	vm_map(fixture->vm, GPA_TEST, GPA_TEST, bytes, backing_page_size(kind));
	/*
	 * KVM maps backing pages that are smaller than a huge page by single
	 * pages.
	 */
	fixture->unit = huge ? backing_page_size(kind) : fixture->vm->page_size;
	fixture->faults = bytes / fixture->unit;
	fixture->stride = huge ? fixture->unit / 2 : fixture->unit;
	return true;
}

static void fault_vm_destroy(struct fault_vm *fixture)
{
	vm_destroy(fixture->vm);
	backing_destroy(&fixture->backing);
}

static void protect(struct fault_vm *fixture, int protection)
{
	CHECK(!mprotect(fixture->backing.hva, fixture->backing.size,
			protection),
	      "mprotect failed: %s", errno_name(errno));
}

static double fault_vm_unmap(struct fault_vm *fixture)
{
	u64 start = clock_ns(), end;

	protect(fixture, PROT_NONE);
	end = clock_ns();
	protect(fixture, PROT_READ | PROT_WRITE);
	/* The guest's faults must not include faults of the host. */
	backing_populate(&fixture->backing);
	return (double)(end - start);
}

static double fault_vm_access(struct fault_vm *fixture, unsigned int index)
{
	struct vcpu *vcpu = &fixture->vm->vcpus[index];
	u64 start = clock_ns();

	vcpu_start(vcpu, writer_store, 0);
	vcpu_run(vcpu, VCPU_DONE);
	return (double)(clock_ns() - start);
}

static void fault_vm_prepare(struct fault_vm *fixture, unsigned int index,
			     enum writer_access access)
{
	struct vcpu *vcpu = &fixture->vm->vcpus[index];
	struct writer_list *list = writer_list_of(vcpu->guest);
	u64 bytes = fixture->slot.size / fixture->vm->vcpu_count;

	*list = (struct writer_list){ .access = access };
	fault_vm_access(fixture, index);
	list->count = 1;
	list->store[0] = (struct writer_store){
		.gva = fixture->slot.gpa + index * bytes,
		.stride = (s64)fixture->stride,
		.count = bytes / fixture->stride,
	};
}

static void fault_vm_judge(struct fault_vm *fixture)
{
	u64 faults = fixture->faults / fixture->vm->vcpu_count, made;
	bool huge = fixture->unit > fixture->vm->page_size;
	struct mapping_sizes before, after;
	struct mapping_probe probe;
	struct memslot part = fixture->slot;
	char text[128];

	part.size /= fixture->vm->vcpu_count;
	/*
	 * The first access also maps the guest's page tables; it does not
	 * count.
	 */
	fault_vm_prepare(fixture, 0, WRITER_STORE);
	fault_vm_access(fixture, 0);
	fault_vm_unmap(fixture);
	mapping_probe_open(&probe, fixture->vm, part.size / fixture->stride);
	if (!probe.by_faults)
		mapping_probe_end(&probe, &part, 1, fixture->stride, &before);
	else
		before = (struct mapping_sizes){ 0 };
	mapping_probe_begin(&probe);
	fault_vm_access(fixture, 0);
	mapping_probe_end(&probe, &part, 1, fixture->stride, &after);
	mapping_probe_close(&probe);
	if (!after.known)
		return;
	made = huge ? mapping_huge_pages(&after) - mapping_huge_pages(&before) :
		      after.small - before.small;
	if (huge)
		faults *= fixture->unit / backing_thp_size();
	CHECK(made == faults, "expected %llu mappings of %llu KiB, got %s",
	      faults, (huge ? backing_thp_size() : fixture->unit) >> 10,
	      mapping_text(&after, text, sizeof(text)));
}

/* ---- faults and notifiers ---------------------------------------------------- */

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

/*
 * Size of the largest slot. Slots of small pages are smaller, since each page
 * is a fault.
 */
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
	/*
	 * The smaller of two times without faults: noise in one of them must
	 * not hide the cost of the faults.
	 */
	once_more = fault_vm_access(fixture, 0);
	if (once_more < again)
		again = once_more;
	series_add(each, at,
		   first > again ?
			   (first - again) / (double)fixture->faults / 1e3 :
			   0);
	/* One unmap of mapped memory, and one of memory without mappings. */
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

static void bench_faults(const struct variant *variant)
{
	enum backing_kind kind = variant->backing;
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
	struct timed_threads *threads;
	unsigned int turn;

	bytes -= bytes % (vcpus * backing_page_size(kind));
	if (!fault_vm_create(&fixture, kind, bytes, vcpus))
		return;
	fault_vm_judge(&fixture);
	threads = timed_threads_begin(&config);
	for (turn = 0; turn < REPEATS_MAX; turn++) {
		if (turn >= REPEATS_MIN && clock_ns() > until)
			break;
		fault_vm_unmap(&fixture);
		series_add(series, vcpus,
			   (double)fixture.faults * 1e9 /
				   (double)timed_threads_take(threads));
	}
	timed_threads_end(threads);
	fault_vm_judge(&fixture);
	fault_vm_destroy(&fixture);
}

static void bench_throughput(const struct variant *variant)
{
	enum backing_kind kind = variant->backing;
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

/* ---- changes of slots --------------------------------------------------------- */

enum { CREATE, DELETE, MOVE, FLAGS, SLOT_SERIES };

static const char *const slot_series_names[SLOT_SERIES] = {
	[CREATE] = "create",
	[DELETE] = "delete",
	[MOVE] = "move",
	[FLAGS] = "flags",
};

/**
 * struct slots_vm - a VM with many slots of one page, each a page apart
 * @vm: VM
 * @backing: memory of all slots
 * @slots: the slots
 * @count: number of slots
 * @random: chooses the slot to change
 */
struct slots_vm {
	struct vm *vm;
	struct backing backing;
	struct memslot *slots;
	unsigned int count;
	struct random_stream random;
};

static u64 home(const struct slots_vm *fixture, unsigned int index)
{
	return GPA_TEST + 2ULL * index * fixture->vm->page_size;
}

static u64 *word_of(const struct memslot *slot)
{
	return slot->hva;
}

static void begin(struct slots_vm *fixture, unsigned int count)
{
	struct backing_request request = { .kind = BACKING_ANONYMOUS,
					   .flags = BACKING_POPULATE,
					   .fd = -1 };
	unsigned int i;
	u64 page;

	fixture->vm = vm_create(NULL);
	fixture->count = count;
	fixture->slots = calloc(count, sizeof(*fixture->slots));
	if (!fixture->slots)
		fail("out of memory for %u slots", count);
	page = fixture->vm->page_size;
	request.size = count * page;
	backing_create(&fixture->backing, &request);
	for (i = 0; i < count; i++) {
		fixture->slots[i] = (struct memslot){
			.vm = fixture->vm,
			.id = SLOT_TEST_FIRST + i,
			.gpa = home(fixture, i),
			.size = page,
			.hva = (char *)fixture->backing.hva + i * page,
			.guest_memfd = -1,
		};
		slot_set(&fixture->slots[i]);
		*word_of(&fixture->slots[i]) = random_u64(&fixture->random);
	}
	vm_map(fixture->vm, GPA_TEST, GPA_TEST, 2 * count * page,
	       backing_thp_size());
	vm_map(fixture->vm, ELSEWHERE, ELSEWHERE, page, page);
}

static void end(struct slots_vm *fixture)
{
	vm_destroy(fixture->vm);
	backing_destroy(&fixture->backing);
	free(fixture->slots);
}

static double change_ns(struct memslot *slot)
{
	u64 start = clock_ns();

	slot_set(slot);
	return (double)(clock_ns() - start);
}

/* A load at @gpa finds the slot's word if @there, else exits to user space. */
static void judge(struct slots_vm *fixture, const struct memslot *slot, u64 gpa,
		  bool there)
{
	struct vcpu *vcpu = &fixture->vm->vcpus[0];
	struct writer_list *list = writer_list_of(vcpu->guest);
	enum vcpu_event event;
	u64 seen = 0;

	*list = (struct writer_list){ .access = WRITER_LOAD,
				      .count = 1,
				      .store[0] = { .gva = gpa, .count = 1 } };
	vcpu_start(vcpu, writer_store, 0);
	event = vcpu_run_one_of(vcpu, 1U << VCPU_DONE | 1U << VCPU_OTHER);
	if (!there) {
		CHECK(event == VCPU_OTHER && vcpu_mmio(vcpu, &seen) &&
			      seen == gpa,
		      "slot %u was removed from %#llx: expected a load to exit to user space, got memory",
		      slot->id, gpa);
		return;
	}
	CHECK(event == VCPU_DONE &&
		      list->digest == writer_digest(0, *word_of(slot)),
	      "a load at %#llx, in slot %u, got a word other than %#llx", gpa,
	      slot->id, *word_of(slot));
}

/* Make each change to one slot, and check each with a load. */
static void one_turn(struct slots_vm *fixture, struct series *series)
{
	unsigned int index = (unsigned int)random_below(&fixture->random,
							fixture->count);
	struct memslot *slot = &fixture->slots[index];
	u64 size = slot->size, here = home(fixture, index);
	double at = fixture->count;

	judge(fixture, slot, here, true);
	slot->flags = KVM_MEM_LOG_DIRTY_PAGES;
	series_add(&series[FLAGS], at, change_ns(slot) / 1e3);
	slot->flags = 0;
	series_add(&series[FLAGS], at, change_ns(slot) / 1e3);
	judge(fixture, slot, here, true);

	slot->gpa = ELSEWHERE;
	series_add(&series[MOVE], at, change_ns(slot) / 1e3);
	judge(fixture, slot, ELSEWHERE, true);
	judge(fixture, slot, here, false);
	slot->gpa = here;
	series_add(&series[MOVE], at, change_ns(slot) / 1e3);
	judge(fixture, slot, here, true);

	slot->size = 0;
	series_add(&series[DELETE], at, change_ns(slot) / 1e3);
	judge(fixture, slot, here, false);
	slot->size = size;
	series_add(&series[CREATE], at, change_ns(slot) / 1e3);
	judge(fixture, slot, here, true);
}

static void bench_count(struct slots_vm *fixture, unsigned int count,
			u64 share_ns, struct series *series)
{
	u64 until = clock_ns() + share_ns;
	unsigned int turn;

	begin(fixture, count);
	for (turn = 0; turn < SLOT_REPEATS_MAX; turn++) {
		if (turn >= REPEATS_MIN && clock_ns() > until)
			break;
		one_turn(fixture, series);
	}
	end(fixture);
}

static void bench_slots(void)
{
	unsigned int most = options()->mode == MODE_CHECK ? CHECK_SLOTS : SLOTS;
	unsigned int limit = (unsigned int)kvm_check_extension(
			     KVM_CAP_NR_MEMSLOTS),
		     count, points = 0, pass;
	struct series series[SLOT_SERIES];
	struct slots_vm fixture;
	size_t i;

	if (most > limit - SLOT_TEST_FIRST)
		most = limit - SLOT_TEST_FIRST;
	case_random(&fixture.random, "slots", 0);
	for (i = 0; i < SLOT_SERIES; i++)
		series_begin(&series[i], SERIES_COST, "slots", "us",
			     "\"bench\": \"slot\", \"change\": \"%s\"",
			     slot_series_names[i]);
	for (count = 1; count <= most; count *= 8)
		points++;
	for (pass = 0; pass < PASSES; pass++)
		for (count = 1; count <= most; count *= 8)
			bench_count(&fixture, count,
				    case_duration_ns() / (PASSES * points),
				    series);
	for (i = 0; i < SLOT_SERIES; i++)
		series_tell(&series[i]);
}

/* ---- the cases --------------------------------------------------------------- */

/* A check has three kinds of memory. */
static bool is_sampled(const struct variant *variant)
{
	return options()->backing || options()->mode != MODE_CHECK ||
	       variant->backing == BACKING_ANONYMOUS ||
	       variant->backing == BACKING_ANONYMOUS_THP ||
	       variant->backing == BACKING_HUGETLB_1G;
}

static const struct dimension dimensions[] = {
	DIMENSION(struct variant, backing, &backings),
};

static const struct scenario scenarios[] = {
	{ .name = "slots",
	  .plan = "time to create, delete, move and change a slot, by the number of slots",
	  .run_alone = bench_slots,
	  .timeout_s = CASE_S },
	SCENARIO("fault", bench_faults, struct variant, dimensions,
		 .sampling = SAMPLE_ALL, .timeout_s = CASE_S,
		 .sampled = VARIANT_IF(struct variant, is_sampled),
		 .plan = "time of a fault and of the notifier, by the size of the slot"),
	SCENARIO("throughput", bench_throughput, struct variant, dimensions,
		 .sampling = SAMPLE_ALL, .timeout_s = CASE_S,
		 .sampled = VARIANT_IF(struct variant, is_sampled),
		 .plan = "faults per second, by the number of vCPUs"),
};

TEST_PROGRAM("kvm_bench",
	     "cost of faults, notifiers and slot changes, as JSON lines",
	     scenarios, .all_ms = CASES_BENCH_MS, .needs = { .kvm = true })
