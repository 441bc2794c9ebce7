// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/report.h"
#include "shadow_rules.h"

#define PAGE 4096ULL
/* Syncs until pages that the kernel moves have come to rest. */
#define ATTEMPTS 10
#define JOIN_MS	 20000

/* The APIC ID of a CPU, as the kernel tells everybody. */
static unsigned int apic_id_of(unsigned int cpu)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	unsigned int processor = 0, id = 0;
	bool found = false;
	char line[4096];

	while (file && !found && fgets(line, sizeof(line), file)) {
		sscanf(line, "processor : %u", &processor);
		found = sscanf(line, "apicid : %u", &id) == 1 &&
			processor == cpu;
	}
	if (file)
		fclose(file);
	CHECK(found, "no APIC ID of CPU %u in /proc/cpuinfo", cpu);
	return id;
}

/* The last CPU that there is: others are more likely to be the default. */
static unsigned int stay_on_one_cpu(void)
{
	unsigned int cpu = CPU_SETSIZE;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		fail("sched_getaffinity failed: %s", errno_name(errno));
	while (cpu-- && !CPU_ISSET(cpu, &set))
		;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity failed: %s", errno_name(errno));
	return apic_id_of(cpu);
}

void shadow_begin(struct shadow_fixture *fixture,
		  enum secmmu_avic_personality personality, unsigned int vcpus)
{
	struct backing_request request = {
		.kind = BACKING_ANONYMOUS,
		.size = SHADOW_TABLE_PAGES * PAGE,
		.flags = BACKING_POPULATE,
		.fd = -1,
	};
	struct vm_config config = { .vcpus = vcpus };

	memset(fixture, 0, sizeof(*fixture));
	fixture->apic_id = stay_on_one_cpu();
	fixture->pagemap = pagemap_open();
	fixture->vm = vm_create(&config);
	backing_create(&fixture->table_memory, &request);
	request.size = SHADOW_BACKING_PAGES * PAGE;
	backing_create(&fixture->backing_memory, &request);
	slot_add(fixture->vm, &fixture->table_slot, SLOT_TEST_FIRST,
		 SHADOW_TABLE_GPA, &fixture->table_memory, 0);
	slot_add(fixture->vm, &fixture->backing_slot, SLOT_TEST_FIRST + 1,
		 SHADOW_BACKING_GPA, &fixture->backing_memory, 0);
	vm_map(fixture->vm, SHADOW_TABLE_GPA, SHADOW_TABLE_GPA,
	       SHADOW_TABLE_PAGES * PAGE, PAGE);
	avic_attach(&fixture->avic, fixture->vm, 0, 0, personality);
	fixture->table = avic_get(&fixture->avic, SHADOW_TABLE_GPA);
	shadow_run(fixture, 0, NULL, 0);
}

void shadow_end(struct shadow_fixture *fixture)
{
	struct secmmu_avic_counters counters;

	avic_put(&fixture->avic, fixture->table);
	counters = avic_counters(&fixture->avic);
	CHECK(counters.pinned == counters.unpinned,
	      "the driver has %llu pages pinned, and no table",
	      counters.pinned - counters.unpinned);
	avic_close(&fixture->avic);
	vm_destroy(fixture->vm);
	backing_destroy(&fixture->table_memory);
	backing_destroy(&fixture->backing_memory);
	pagemap_close(fixture->pagemap);
}

u64 shadow_entry(unsigned int page)
{
	return SECMMU_AVIC_VALID | (SHADOW_BACKING_GPA + page * PAGE);
}

u64 shadow_running(unsigned int page, unsigned int vcpu)
{
	return shadow_entry(page) | SECMMU_AVIC_RUNNING | vcpu;
}

static u64 *memory_of(struct shadow_fixture *fixture, unsigned int number)
{
	return (u64 *)fixture->table_memory.hva + number;
}

void shadow_fill(struct shadow_fixture *fixture, unsigned int number, u64 value)
{
	*(volatile u64 *)memory_of(fixture, number) = value;
}

void shadow_run(struct shadow_fixture *fixture, unsigned int vcpu,
		const struct track_op *op, size_t count)
{
	struct vcpu *self = &fixture->vm->vcpus[vcpu];
	struct track_list *list = track_list_of(self->guest);

	CHECK(count <= TRACK_OPS, "too many writes");
	list->count = count;
	if (count)
		memcpy(list->op, op, count * sizeof(*op));
	vcpu_start(self, track_run, TRACK_SSE);
	vcpu_run(self, VCPU_DONE);
	__atomic_fetch_or(&fixture->has_run, 1ULL << vcpu, __ATOMIC_RELAXED);
}

void shadow_store(struct shadow_fixture *fixture, unsigned int offset,
		  unsigned int size, u64 value)
{
	struct track_op op = {
		.kind = TRACK_MOV,
		.size = (u16)size,
		.gva = SHADOW_TABLE_GPA + offset,
		.value = { value },
	};

	shadow_run(fixture, 0, &op, 1);
}

void shadow_store_again(struct shadow_fixture *fixture, unsigned int offset,
			u64 value, unsigned int count)
{
	struct track_op op[TRACK_OPS];
	unsigned int i;

	for (i = 0; i < TRACK_OPS; i++)
		op[i] = (struct track_op){
			.kind = TRACK_MOV,
			.size = 8,
			.gva = SHADOW_TABLE_GPA + offset,
			.value = { value },
		};
	for (; count >= TRACK_OPS; count -= TRACK_OPS)
		shadow_run(fixture, 0, op, TRACK_OPS);
	shadow_run(fixture, 0, op, count);
}

struct store {
	struct shadow_fixture *fixture;
	unsigned int vcpu;
	struct track_op op;
};

static void store_in_thread(struct thread *thread, void *argument)
{
	struct store *store = argument;

	(void)thread;
	shadow_run(store->fixture, store->vcpu, &store->op, 1);
	free(store);
}

struct thread_group *shadow_store_begin(struct shadow_fixture *fixture,
					unsigned int vcpu, unsigned int offset,
					u64 value)
{
	struct thread_group *group = thread_group_new("store");
	struct store *store = calloc(1, sizeof(*store));
	char name[THREAD_NAME_MAX];

	if (!store)
		fail("out of memory");
	*store = (struct store){
		.fixture = fixture,
		.vcpu = vcpu,
		.op = { .kind = TRACK_MOV,
			.size = 8,
			.gva = SHADOW_TABLE_GPA + offset,
			.value = { value } },
	};
	snprintf(name, sizeof(name), "vCPU %u", vcpu);
	thread_group_silence_ms(group, JOIN_MS);
	thread_add(group, name, store_in_thread, store);
	thread_group_start(group);
	return group;
}

static u64 physical(struct shadow_fixture *fixture,
		    const struct backing *memory, unsigned int page)
{
	u64 entry;

	pagemap_read(fixture->pagemap, (u8 *)memory->hva + page * PAGE, &entry,
		     1);
	return entry & PAGEMAP_PRESENT ? (entry & PAGEMAP_PFN_MASK) * PAGE : 0;
}

u64 shadow_physical(struct shadow_fixture *fixture, unsigned int page)
{
	return physical(fixture, &fixture->backing_memory, page);
}

u64 shadow_table_physical(struct shadow_fixture *fixture, unsigned int page)
{
	return physical(fixture, &fixture->table_memory, page);
}

static bool is_in(const struct memslot *slot, u64 gpa)
{
	return slot->size && !(slot->flags & KVM_MEM_READONLY) &&
	       gpa - slot->gpa < slot->size;
}

/* The host physical address, or 0 if no slot has it. */
static u64 translate(struct shadow_fixture *fixture, u64 gpa)
{
	if (is_in(&fixture->backing_slot, gpa))
		return shadow_physical(fixture,
				       (unsigned int)((gpa -
						       fixture->backing_slot
							       .gpa) /
						      PAGE));
	if (is_in(&fixture->table_slot, gpa))
		return shadow_table_physical(fixture,
					     (unsigned int)((gpa -
							     fixture->table_slot
								     .gpa) /
							    PAGE));
	return 0;
}

u64 shadow_expected(struct shadow_fixture *fixture, u64 guest, u64 dummy)
{
	u64 vcpu = guest & SECMMU_AVIC_APIC_ID, page;

	if (!(guest & SECMMU_AVIC_VALID))
		return 0;
	page = translate(fixture, guest & SECMMU_AVIC_BACKING);
	if (!page)
		return dummy | SECMMU_AVIC_VALID;
	if ((guest & SECMMU_AVIC_RUNNING) && vcpu < 64 &&
	    (fixture->has_run >> vcpu & 1))
		return page | SECMMU_AVIC_VALID | SECMMU_AVIC_RUNNING |
		       fixture->apic_id;
	return page | SECMMU_AVIC_VALID;
}

/* Until the kernel has no page moved away since the last sync. */
static struct secmmu_avic_read read_settled(struct shadow_fixture *fixture,
					    struct secmmu_avic_entry *entry)
{
	unsigned int attempt, i;

	for (attempt = 0; attempt < ATTEMPTS; attempt++) {
		struct secmmu_avic_read read = avic_read(&fixture->avic,
							 fixture->table, entry);

		for (i = 0; i < read.known; i++)
			if (entry[i].flags & SECMMU_AVIC_ENTRY_STALE)
				break;
		if (i == read.known)
			return read;
		avic_sync(&fixture->avic, fixture->table, read.known);
	}
	fail("pages of the table are moved again and again");
}

void shadow_judge(struct shadow_fixture *fixture, unsigned int known)
{
	struct secmmu_avic_entry entry[SECMMU_AVIC_ENTRIES];
	struct secmmu_avic_read read = read_settled(fixture, entry);
	struct secmmu_avic_counters counters = avic_counters(&fixture->avic);
	unsigned int i, pages = 0;

	CHECK(read.known == known,
	      "the shadow has %u entries where it has to have %u", read.known,
	      known);
	for (i = 0; i < SECMMU_AVIC_ENTRIES; i++) {
		u64 guest = i < known ? *memory_of(fixture, i) : 0;
		u64 shadow = shadow_expected(fixture, guest, read.dummy);

		CHECK(entry[i].shadow == shadow,
		      "entry %u: the guest has %#llx, so the shadow has to be %#llx, and is %#llx (the dummy page is %#llx)",
		      i, guest, shadow, entry[i].shadow, read.dummy);
		pages += shadow && (shadow & SECMMU_AVIC_BACKING) != read.dummy;
	}
	CHECK(read.pins == pages,
	      "the shadow names %u pages, and %u are pinned", pages, read.pins);
	CHECK(counters.pinned - counters.unpinned == read.pins + read.retired,
	      "%llu pages are pinned, and the table has %u",
	      counters.pinned - counters.unpinned, read.pins + read.retired);
	CHECK(read.tracked == !!known && read.kernel == !!known,
	      "the table has %u entries, and its page is tracked %u times by the driver, %u times by KVM",
	      known, read.tracked, read.kernel);
}

void shadow_judge_erased(struct shadow_fixture *fixture, u64 erased,
			 unsigned int known)
{
	struct secmmu_avic_counters counters = avic_counters(&fixture->avic);

	CHECK(counters.erased == erased,
	      "%llu tables were erased where it had to be %llu",
	      counters.erased, erased);
	shadow_judge(fixture, 0);
	avic_sync(&fixture->avic, fixture->table, known);
	shadow_judge(fixture, known);
}

void shadow_fill_first(struct shadow_fixture *fixture, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		shadow_fill(fixture, i, shadow_entry(i));
}

void shadow_begin_known(struct shadow_fixture *fixture,
			const struct test_case *test, unsigned int count)
{
	shadow_begin(fixture, personality_of(test), 3);
	shadow_fill_first(fixture, count);
	avic_sync(&fixture->avic, fixture->table, count);
	shadow_judge(fixture, count);
}

struct secmmu_avic_counters
shadow_counters(const struct shadow_fixture *fixture)
{
	return avic_counters(&fixture->avic);
}

struct secmmu_avic_entry shadow_entry_of(const struct shadow_fixture *fixture,
					 unsigned int number,
					 struct secmmu_avic_read *read)
{
	struct secmmu_avic_entry entry[SECMMU_AVIC_ENTRIES];
	struct secmmu_avic_read all = avic_read(&fixture->avic, fixture->table,
						entry);

	if (read)
		*read = all;
	return entry[number];
}
