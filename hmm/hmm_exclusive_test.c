// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exclusive access (make_device_exclusive()): while a device has it, no CPU gets
 * at the page without the device being told first, and then the device's access
 * has ended. The device adds in two steps, as one does that has no atomic
 * operations; so a CPU that got in between would lose its own addition, or the
 * device's.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"
#include "cargo.h"
#include "cases.h"
#include "clock.h"
#include "hang.h"
#include "options.h"
#include "pagemap.h"
#include "report.h"

#define STOP_MS	  20000
#define ADDING_MS 500

static u64 *word_of(const struct cargo *cargo, u64 number)
{
	return cargo_page(cargo, number);
}

static int add_alone(int device, unsigned int mirror, void *address, u64 *value)
{
	struct secmmu_hmm_access access = {
		.address = (uintptr_t)address,
		.length = sizeof(*value),
		.buffer = (uintptr_t)value,
		.mirror = mirror,
		.operation = SECMMU_HMM_ADD_ALONE,
	};

	return __hmm_access(device, &access);
}

/* The device adds 0 to the first word of a page: its access lasts after that. */
static void take(const struct cargo *cargo, u64 number)
{
	u64 value = 0;
	int error = add_alone(cargo->place.device, cargo->mirror,
			      word_of(cargo, number), &value);

	CHECK(!error, "the device cannot have exclusive access: %s",
	      errno_name(error));
}

static void take_all(struct cargo *cargo)
{
	u64 i;

	cargo_new_written(cargo, CARGO_PAGES);
	for (i = 0; i < CARGO_PAGES; i++)
		take(cargo, i);
}

static void judge(const struct cargo *cargo, u64 number, bool exclusive)
{
	u64 entry = hmm_entry(cargo->place.device, cargo->mirror,
			      cargo_page(cargo, number));
	struct pagemap *pagemap = pagemap_open();
	u64 mapped;

	pagemap_read(pagemap, cargo_page(cargo, number), &mapped, 1);
	pagemap_close(pagemap);
	CHECK(!(entry & SECMMU_HMM_EXCLUSIVE) == !exclusive,
	      "page %llu: the device %s exclusive access, where it must %s",
	      number, entry & SECMMU_HMM_EXCLUSIVE ? "has" : "does not have",
	      exclusive ? "have it" : "not have it any more");
	CHECK(!(mapped & PAGEMAP_PRESENT) == exclusive,
	      "page %llu: %s has access, and the page map entry is %#llx",
	      number, exclusive ? "the device" : "a CPU", mapped);
}

/* A CPU reads or writes one page after the other, and so ends it there. */
static void test_cpu(const struct test_case *test)
{
	struct cargo cargo;
	u64 i, j;

	take_all(&cargo);
	for (i = 0; i < CARGO_PAGES; i++) {
		judge(&cargo, i, true);
		if (test->number[0])
			cargo_write(&cargo, i, 1);
		else
			cargo_check(&cargo, i, 1);
		judge(&cargo, i, false);
		for (j = i + 1; j < CARGO_PAGES; j++)
			judge(&cargo, j, true);
	}
	cargo_check(&cargo, 0, CARGO_PAGES);
}

/* What the device writes meanwhile is there. */
static void test_device_writes(const struct test_case *test)
{
	u64 value = 1000;
	struct cargo cargo;
	u64 before;

	cargo_new_written(&cargo, 1);
	before = *word_of(&cargo, 0);
	take(&cargo, 0);
	CHECK(!add_alone(cargo.place.device, cargo.mirror, word_of(&cargo, 0),
			 &value),
	      "the device cannot add");
	CHECK(value == before, "the device finds %#llx, where %#llx is", value,
	      before);
	CHECK(*word_of(&cargo, 0) == before + 1000,
	      "the device has added 1000 to %#llx, and %#llx is there", before,
	      *word_of(&cargo, 0));
}

static void cpu_adds(void *argument)
{
	__atomic_fetch_add((u64 *)argument, 1, __ATOMIC_SEQ_CST);
}

/* The device is between its two steps: a CPU has to wait until it has ended. */
static void test_cpu_waits(const struct test_case *test)
{
	struct device_act act = { .word = 1000 };
	struct actor device, cpu;
	struct cargo cargo;
	u64 before;

	cargo_new_written(&cargo, 1);
	before = *word_of(&cargo, 0);
	device_actor(&device, &act, cargo.place.device, cargo.mirror,
		     SECMMU_HMM_ADD_ALONE, word_of(&cargo, 0));
	actor_new(&cpu, "cpu", cpu_adds, word_of(&cargo, 0));
	hmm_arm(cargo.place.device, SECMMU_HMM_AT_ALONE);
	actor_cue(&device);
	hmm_await(cargo.place.device, SECMMU_HMM_AT_ALONE);
	actor_cue(&cpu);
	hang_await(cpu.thread, "hmm_mirror_invalidate", 5000);
	CHECK(!actor_is_done(&cpu),
	      "a CPU has added, and the device had exclusive access");
	hmm_release(cargo.place.device, SECMMU_HMM_AT_ALONE);
	actor_join(&cpu);
	actor_join(&device);
	CHECK(!act.error, "the device cannot add: %s", errno_name(act.error));
	CHECK(act.word == before && *word_of(&cargo, 0) == before + 1001,
	      "the device and a CPU have added 1000 and 1 to %#llx, and %#llx is there: an addition is lost",
	      before, *word_of(&cargo, 0));
	judge(&cargo, 0, false);
}

/* ---- adding at the same time ---- */

/**
 * struct adding - a word that devices and CPUs add to
 * @cargo: where it is
 * @by_device: what the device has added
 * @by_cpu: what CPUs have
 */
struct adding {
	struct cargo cargo;
	u64 by_device;
	u64 by_cpu;
};

static void device_adds_on(struct worker *worker, void *argument)
{
	struct adding *adding = argument;

	while (!worker_should_stop(worker)) {
		u64 value = 1;
		int error = add_alone(adding->cargo.place.device,
				      adding->cargo.mirror,
				      word_of(&adding->cargo, 0), &value);

		CHECK(!error, "the device cannot add: %s", errno_name(error));
		__atomic_fetch_add(&adding->by_device, 1, __ATOMIC_RELAXED);
	}
}

static void cpu_adds_on(struct worker *worker, void *argument)
{
	struct adding *adding = argument;

	while (!worker_should_stop(worker)) {
		__atomic_fetch_add(word_of(&adding->cargo, 0), 1,
				   __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&adding->by_cpu, 1, __ATOMIC_RELAXED);
	}
}

static bool both_have(const struct adding *adding)
{
	return __atomic_load_n(&adding->by_device, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&adding->by_cpu, __ATOMIC_RELAXED);
}

static void test_both_add(const struct test_case *test)
{
	struct worker_group *group = worker_group_new("adding");
	const struct timespec wait = { .tv_nsec = NSEC_PER_MSEC };
	struct adding adding = { 0 };
	u64 until, before, found;
	struct deadline deadline;
	unsigned long i;

	cargo_new_written(&adding.cargo, 1);
	before = *word_of(&adding.cargo, 0);
	/* So that CPUs come between the device's two steps. */
	hmm_delay(adding.cargo.place.device, SECMMU_HMM_AT_ALONE, 50);
	for (i = 0; i < test->number[0]; i++)
		worker_add(group, "device", device_adds_on, &adding);
	worker_add(group, "cpu", cpu_adds_on, &adding);
	worker_add(group, "cpu", cpu_adds_on, &adding);
	until = clock_ns() + (options()->duration_s ?
				      case_duration_ns() :
				      ADDING_MS * NSEC_PER_MSEC);
	worker_group_start(group);
	deadline = deadline_in_ms(STOP_MS);
	while (clock_ns() < until ||
	       (!both_have(&adding) && !deadline_passed(deadline)))
		nanosleep(&wait, NULL);
	worker_group_stop(group);
	worker_group_join(group, STOP_MS);
	found = *word_of(&adding.cargo, 0) - before;
	CHECK(found == adding.by_device + adding.by_cpu,
	      "the device has added %llu and CPUs %llu, and %llu is there: %lld additions are lost",
	      adding.by_device, adding.by_cpu, found,
	      (long long)(adding.by_device + adding.by_cpu - found));
	CHECK(adding.by_device && adding.by_cpu,
	      "the device has added %llu times and CPUs %llu times: one of them had no chance",
	      adding.by_device, adding.by_cpu);
	report_info("the device has added %llu times, CPUs %llu times",
		    adding.by_device, adding.by_cpu);
}

/* ---- who ends it ---- */

static void child_writes(struct cargo *cargo)
{
	cargo_check(cargo, 0, CARGO_PAGES);
	cargo_write(cargo, 0, CARGO_PAGES);
	cargo_check(cargo, 0, CARGO_PAGES);
}

/* A child gets pages, not exclusive entries: the parent's access ends, too. */
static void test_fork(const struct test_case *test)
{
	struct cargo cargo;
	u64 i;

	take_all(&cargo);
	cargo_fork(&cargo, child_writes);
	for (i = 0; i < CARGO_PAGES; i++)
		judge(&cargo, i, false);
	cargo_check(&cargo, 0, CARGO_PAGES);
}

/* Read-only memory: what the device had is gone, and it does not get it again. */
static void test_mprotect(const struct test_case *test)
{
	u64 bytes, i, value = 0;
	struct cargo cargo;
	int error;

	take_all(&cargo);
	bytes = CARGO_PAGES * cargo.place.page;
	CHECK(!mprotect(cargo.place.start, bytes, PROT_READ),
	      "mprotect failed: %s", errno_name(errno));
	for (i = 0; i < CARGO_PAGES; i++)
		CHECK(!hmm_entry(cargo.place.device, cargo.mirror,
				 cargo_page(&cargo, i)),
		      "page %llu is read-only, and the device has its entry still",
		      i);
	error = add_alone(cargo.place.device, cargo.mirror, word_of(&cargo, 0),
			  &value);
	CHECK(error == -EPERM,
	      "exclusive access to read-only memory: %s, where EPERM belongs",
	      error ? errno_name(error) : "no error");
	cargo_check(&cargo, 0, CARGO_PAGES);
	CHECK(!mprotect(cargo.place.start, bytes, PROT_READ | PROT_WRITE),
	      "mprotect failed: %s", errno_name(errno));
	cargo_write(&cargo, 0, CARGO_PAGES);
	take(&cargo, 0);
	judge(&cargo, 0, true);
	cargo_check(&cargo, 0, CARGO_PAGES);
}

/* get_user_pages() is an access like a CPU's. */
static void test_gup(const struct test_case *test)
{
	struct iovec local, remote;
	struct cargo cargo;
	u64 word;
	int ends[2];

	take_all(&cargo);
	local = (struct iovec){ &word, sizeof(word) };
	remote = (struct iovec){ word_of(&cargo, 1), sizeof(word) };
	CHECK(process_vm_readv(getpid(), &local, 1, &remote, 1, 0) ==
		      sizeof(word),
	      "process_vm_readv failed: %s", errno_name(errno));
	judge(&cargo, 1, false);
	CHECK(word == *word_of(&cargo, 1),
	      "process_vm_readv has read %#llx, where %#llx is", word,
	      *word_of(&cargo, 1));
	CHECK(!pipe2(ends, O_CLOEXEC), "pipe failed: %s", errno_name(errno));
	remote = (struct iovec){ cargo_page(&cargo, 2), cargo.place.page };
	CHECK(vmsplice(ends[1], &remote, 1, 0) == (ssize_t)cargo.place.page,
	      "vmsplice failed: %s", errno_name(errno));
	judge(&cargo, 2, false);
	judge(&cargo, 3, true);
	CHECK(read(ends[0], &word, sizeof(word)) == sizeof(word) &&
		      word == *word_of(&cargo, 2),
	      "a pipe has %#llx of a page that begins with %#llx", word,
	      *word_of(&cargo, 2));
	close(ends[0]);
	close(ends[1]);
	cargo_check(&cargo, 0, CARGO_PAGES);
}

/* Another device takes it away, and has it then. */
static void test_two_devices(const struct test_case *test)
{
	struct cargo cargo;
	unsigned int mirror;
	u64 value = 0;
	int other;

	take_all(&cargo);
	other = hmm_open();
	mirror = hmm_mirror(other, cargo.place.start,
			    CARGO_PAGES * cargo.place.page);
	CHECK(!add_alone(other, mirror, word_of(&cargo, 0), &value),
	      "a second device cannot have exclusive access");
	CHECK(!hmm_entry(cargo.place.device, cargo.mirror,
			 cargo_page(&cargo, 0)),
	      "two devices have exclusive access to one page");
	CHECK(hmm_entry(other, mirror, cargo_page(&cargo, 0)) &
		      SECMMU_HMM_EXCLUSIVE,
	      "the second device does not have exclusive access");
	judge(&cargo, 1, true);
	take(&cargo, 0);
	CHECK(!hmm_entry(other, mirror, cargo_page(&cargo, 0)),
	      "two devices have exclusive access to one page");
	cargo_check(&cargo, 0, CARGO_PAGES);
}

/* It is the page that the device moves away, and one that it has moved. */
static void test_moved(const struct test_case *test)
{
	struct cargo cargo;

	take_all(&cargo);
	/* The kernel collects present pages only: an exclusive one stays. */
	CHECK(!hmm_migrate(cargo.place.device, cargo.place.start,
			   CARGO_PAGES * cargo.place.page, HMM_SYSTEM,
			   HMM_IN_BANK(0), 0)
		       .pages,
	      "a page moved to which the device has exclusive access");
	cargo_check(&cargo, 0, CARGO_PAGES);
	cargo_judge_used(&cargo, 0);
	cargo_move(&cargo, 0, CARGO_PAGES, HMM_SYSTEM, HMM_IN_BANK(0));
	take(&cargo, 3);
	judge(&cargo, 3, true);
	cargo_judge_used(&cargo, CARGO_PAGES - 1);
	cargo_judge_home(&cargo);
}

/* A huge page: only the one small page, so it is mapped in small ones. */
static void test_huge(const struct test_case *test)
{
	struct cargo cargo;
	u64 pages;

	cargo_new_huge(&cargo);
	pages = cargo.place.pages;
	/*
	 * khugepaged takes an exclusive entry for a swapped page, which it may
	 * bring back to have a huge page (__collapse_huge_page_swapin()).
	 */
	place_advise(cargo.place.start, pages * cargo.place.page,
		     MADV_NOHUGEPAGE, "MADV_NOHUGEPAGE");
	take(&cargo, pages / 2);
	judge(&cargo, pages / 2, true);
	cargo_check(&cargo, 0, pages / 2);
	judge(&cargo, pages / 2, true);
	cargo_check(&cargo, 0, pages);
	judge(&cargo, pages / 2, false);
}

/* It is for private anonymous memory alone. */
static void test_shared(const struct test_case *test)
{
	struct place place;
	unsigned int mirror;
	u64 value = 0;
	int error;

	place_prepare(&place, place_kind_of("shmem_dirty"));
	hmm_need_memory(place.device);
	mirror = hmm_mirror(place.device, place.start,
			    place.pages * place.page);
	error = add_alone(place.device, mirror, place.start, &value);
	CHECK(error == -EOPNOTSUPP,
	      "exclusive access to shared memory: %s, where EOPNOTSUPP belongs",
	      error ? errno_name(error) : "no error");
}

/* The device is closed, or its process ends, while it has access. */
static void test_closed(const struct test_case *test)
{
	struct cargo cargo;

	take_all(&cargo);
	hmm_unmirror(cargo.place.device, cargo.mirror);
	close(cargo.place.device);
	cargo_check(&cargo, 0, CARGO_PAGES);
	cargo_write(&cargo, 0, CARGO_PAGES);
	cargo_check(&cargo, 0, CARGO_PAGES);
}

static const struct test_case cases[] = {
	{ .name = "cpu_reads", .run = test_cpu, .number = { false } },
	{ .name = "cpu_writes", .run = test_cpu, .number = { true } },
	{ .name = "device_writes", .run = test_device_writes },
	{ .name = "cpu_waits", .run = test_cpu_waits },
	{ .name = "both_add", .run = test_both_add, .number = { 1 } },
	{ .name = "all_add", .run = test_both_add, .number = { 3 } },
	{ .name = "fork", .run = test_fork },
	{ .name = "mprotect", .run = test_mprotect },
	{ .name = "gup", .run = test_gup },
	{ .name = "two_devices", .run = test_two_devices },
	{ .name = "moved", .run = test_moved },
	{ .name = "huge", .run = test_huge },
	{ .name = "shared", .run = test_shared },
	{ .name = "closed", .run = test_closed },
};

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "hmm_exclusive_test",
		.summary =
			"while a device has exclusive access to a page no CPU gets at it, and no addition of either is lost",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
		.needs = HMM_NEEDS,
	};

	return cases_main(argc, argv, &program);
}
