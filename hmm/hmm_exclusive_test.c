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

#include "helper_thread.h"
#include "buffer.h"
#include "core/clock.h"
#include "core/hang.h"
#include "core/io.h"
#include "core/options.h"
#include "mem/pagemap.h"
#include "core/report.h"
#include "core/variant.h"

#define STOP_MS	  20000
#define ADDING_MS 500

/**
 * struct variant - how cases of one body differ; each body uses one member
 * @writes: the CPU writes the page instead of reading it
 * @devices: number of threads that add through the device
 */
struct variant {
	bool writes;
	unsigned int devices;
};

static u64 *word_of(const struct device_buffer *buffer, u64 number)
{
	return buffer_page(buffer, number);
}

static int add_exclusive(int device, unsigned int mirror, void *address,
			 u64 *value)
{
	struct secmmu_hmm_access access = {
		.address = (uintptr_t)address,
		.length = sizeof(*value),
		.buffer = (uintptr_t)value,
		.mirror = mirror,
		.operation = SECMMU_HMM_ADD_EXCLUSIVE,
	};

	return __hmm_access(device, &access);
}

/* The device adds 0 to the first word of a page: its access lasts after that. */
static void take(const struct device_buffer *buffer, u64 number)
{
	u64 value = 0;
	int error = add_exclusive(buffer->state.device, buffer->mirror,
				  word_of(buffer, number), &value);

	CHECK(!error, "the device cannot have exclusive access: %s",
	      errno_name(error));
}

static void take_all(struct device_buffer *buffer)
{
	u64 i;

	buffer_new_written(buffer, BUFFER_PAGES);
	for (i = 0; i < BUFFER_PAGES; i++)
		take(buffer, i);
}

static void judge(const struct device_buffer *buffer, u64 number,
		  bool exclusive)
{
	u64 entry = hmm_entry(buffer->state.device, buffer->mirror,
			      buffer_page(buffer, number));
	struct pagemap *pagemap = pagemap_open();
	u64 mapped;

	pagemap_read(pagemap, buffer_page(buffer, number), &mapped, 1);
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
static void test_cpu(const struct variant *variant)
{
	struct device_buffer buffer;
	u64 i, j;

	take_all(&buffer);
	for (i = 0; i < BUFFER_PAGES; i++) {
		judge(&buffer, i, true);
		if (variant->writes)
			buffer_write(&buffer, i, 1);
		else
			buffer_check(&buffer, i, 1);
		judge(&buffer, i, false);
		for (j = i + 1; j < BUFFER_PAGES; j++)
			judge(&buffer, j, true);
	}
	buffer_check(&buffer, 0, BUFFER_PAGES);
}

/* What the device writes meanwhile is there. */
static void test_device_writes(void)
{
	u64 value = 1000;
	struct device_buffer buffer;
	u64 before;

	buffer_new_written(&buffer, 1);
	before = *word_of(&buffer, 0);
	take(&buffer, 0);
	CHECK(!add_exclusive(buffer.state.device, buffer.mirror,
			     word_of(&buffer, 0), &value),
	      "the device cannot add");
	CHECK(value == before, "the device finds %#llx, where %#llx is", value,
	      before);
	CHECK(*word_of(&buffer, 0) == before + 1000,
	      "the device has added 1000 to %#llx, and %#llx is there", before,
	      *word_of(&buffer, 0));
}

static void cpu_adds(void *argument)
{
	__atomic_fetch_add((u64 *)argument, 1, __ATOMIC_SEQ_CST);
}

/* The device is between its two steps: a CPU has to wait until it has ended. */
static void test_cpu_waits(void)
{
	struct device_act act = { .word = 1000 };
	struct helper_thread device, cpu;
	struct device_buffer buffer;
	u64 before;

	buffer_new_written(&buffer, 1);
	before = *word_of(&buffer, 0);
	device_helper(&device, &act, buffer.state.device, buffer.mirror,
		      SECMMU_HMM_ADD_EXCLUSIVE, word_of(&buffer, 0));
	helper_thread_new(&cpu, "cpu", cpu_adds, word_of(&buffer, 0));
	hmm_arm(buffer.state.device, SECMMU_HMM_AT_EXCLUSIVE);
	helper_thread_cue(&device);
	hmm_await(buffer.state.device, SECMMU_HMM_AT_EXCLUSIVE);
	helper_thread_cue(&cpu);
	hang_await(cpu.thread, "hmm_mirror_invalidate", 5000);
	CHECK(!helper_thread_is_done(&cpu),
	      "a CPU has added, and the device had exclusive access");
	hmm_release(buffer.state.device, SECMMU_HMM_AT_EXCLUSIVE);
	helper_thread_join(&cpu);
	helper_thread_join(&device);
	CHECK(!act.error, "the device cannot add: %s", errno_name(act.error));
	CHECK(act.word == before && *word_of(&buffer, 0) == before + 1001,
	      "the device and a CPU have added 1000 and 1 to %#llx, and %#llx is there: an addition is lost",
	      before, *word_of(&buffer, 0));
	judge(&buffer, 0, false);
}

/* ---- adding at the same time ---- */

/**
 * struct adding - a word that devices and CPUs add to
 * @buffer: where it is
 * @by_device: what the device has added
 * @by_cpu: what CPUs have
 */
struct adding {
	struct device_buffer buffer;
	u64 by_device;
	u64 by_cpu;
};

static void device_adds_on(struct thread *thread, void *argument)
{
	struct adding *adding = argument;

	while (!thread_should_stop(thread)) {
		u64 value = 1;
		int error = add_exclusive(adding->buffer.state.device,
					  adding->buffer.mirror,
					  word_of(&adding->buffer, 0), &value);

		CHECK(!error, "the device cannot add: %s", errno_name(error));
		__atomic_fetch_add(&adding->by_device, 1, __ATOMIC_RELAXED);
	}
}

static void cpu_adds_on(struct thread *thread, void *argument)
{
	struct adding *adding = argument;

	while (!thread_should_stop(thread)) {
		__atomic_fetch_add(word_of(&adding->buffer, 0), 1,
				   __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&adding->by_cpu, 1, __ATOMIC_RELAXED);
	}
}

static bool both_have(const struct adding *adding)
{
	return __atomic_load_n(&adding->by_device, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&adding->by_cpu, __ATOMIC_RELAXED);
}

static void test_both_add(const struct variant *variant)
{
	struct thread_group *group = thread_group_new("adding");
	const struct timespec wait = { .tv_nsec = NSEC_PER_MSEC };
	struct adding adding = { 0 };
	u64 until, before, found;
	struct deadline deadline;
	unsigned long i;

	buffer_new_written(&adding.buffer, 1);
	before = *word_of(&adding.buffer, 0);
	/* So that CPUs come between the device's two steps. */
	hmm_delay(adding.buffer.state.device, SECMMU_HMM_AT_EXCLUSIVE, 50);
	for (i = 0; i < variant->devices; i++)
		thread_add(group, "device", device_adds_on, &adding);
	thread_add(group, "cpu", cpu_adds_on, &adding);
	thread_add(group, "cpu", cpu_adds_on, &adding);
	until = clock_ns() + (options()->duration_s ?
				      case_duration_ns() :
				      ADDING_MS * NSEC_PER_MSEC);
	thread_group_start(group);
	deadline = deadline_in_ms(STOP_MS);
	while (clock_ns() < until ||
	       (!both_have(&adding) && !deadline_passed(deadline)))
		nanosleep(&wait, NULL);
	thread_group_stop(group);
	thread_group_join(group, STOP_MS);
	found = *word_of(&adding.buffer, 0) - before;
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

static void child_writes(struct device_buffer *buffer)
{
	buffer_check(buffer, 0, BUFFER_PAGES);
	buffer_write(buffer, 0, BUFFER_PAGES);
	buffer_check(buffer, 0, BUFFER_PAGES);
}

/* A child gets pages, not exclusive entries: the parent's access ends, too. */
static void test_fork(void)
{
	struct device_buffer buffer;
	u64 i;

	take_all(&buffer);
	buffer_fork(&buffer, child_writes);
	for (i = 0; i < BUFFER_PAGES; i++)
		judge(&buffer, i, false);
	buffer_check(&buffer, 0, BUFFER_PAGES);
}

/* Read-only memory: what the device had is gone, and it does not get it again. */
static void test_mprotect(void)
{
	u64 bytes, i, value = 0;
	struct device_buffer buffer;
	int error;

	take_all(&buffer);
	bytes = BUFFER_PAGES * buffer.state.page;
	CHECK(!mprotect(buffer.state.start, bytes, PROT_READ),
	      "mprotect failed: %s", errno_name(errno));
	for (i = 0; i < BUFFER_PAGES; i++)
		CHECK(!hmm_entry(buffer.state.device, buffer.mirror,
				 buffer_page(&buffer, i)),
		      "page %llu is read-only, and the device has its entry still",
		      i);
	error = add_exclusive(buffer.state.device, buffer.mirror,
			      word_of(&buffer, 0), &value);
	CHECK(error == -EPERM,
	      "exclusive access to read-only memory: expected EPERM, got %s",
	      error ? errno_name(error) : "no error");
	buffer_check(&buffer, 0, BUFFER_PAGES);
	CHECK(!mprotect(buffer.state.start, bytes, PROT_READ | PROT_WRITE),
	      "mprotect failed: %s", errno_name(errno));
	buffer_write(&buffer, 0, BUFFER_PAGES);
	take(&buffer, 0);
	judge(&buffer, 0, true);
	buffer_check(&buffer, 0, BUFFER_PAGES);
}

/* get_user_pages() is an access like a CPU's. */
static void test_gup(void)
{
	struct iovec local, remote;
	struct device_buffer buffer;
	u64 word;
	int ends[2];

	take_all(&buffer);
	local = (struct iovec){ &word, sizeof(word) };
	remote = (struct iovec){ word_of(&buffer, 1), sizeof(word) };
	io_must_transfer("process_vm_readv",
			 process_vm_readv(getpid(), &local, 1, &remote, 1, 0),
			 sizeof(word));
	judge(&buffer, 1, false);
	CHECK(word == *word_of(&buffer, 1),
	      "process_vm_readv has read %#llx, where %#llx is", word,
	      *word_of(&buffer, 1));
	CHECK(!pipe2(ends, O_CLOEXEC), "pipe failed: %s", errno_name(errno));
	remote = (struct iovec){ buffer_page(&buffer, 2), buffer.state.page };
	io_must_transfer("vmsplice", vmsplice(ends[1], &remote, 1, 0),
			 buffer.state.page);
	judge(&buffer, 2, false);
	judge(&buffer, 3, true);
	io_must_read(ends[0], &word, sizeof(word), IO_NEXT, "a pipe");
	CHECK(word == *word_of(&buffer, 2),
	      "a pipe has %#llx of a page that begins with %#llx", word,
	      *word_of(&buffer, 2));
	close(ends[0]);
	close(ends[1]);
	buffer_check(&buffer, 0, BUFFER_PAGES);
}

/* Another device takes it away, and has it then. */
static void test_two_devices(void)
{
	struct device_buffer buffer;
	unsigned int mirror;
	u64 value = 0;
	int other;

	take_all(&buffer);
	other = hmm_open();
	mirror = hmm_mirror(other, buffer.state.start,
			    BUFFER_PAGES * buffer.state.page);
	CHECK(!add_exclusive(other, mirror, word_of(&buffer, 0), &value),
	      "a second device cannot have exclusive access");
	CHECK(!hmm_entry(buffer.state.device, buffer.mirror,
			 buffer_page(&buffer, 0)),
	      "two devices have exclusive access to one page");
	CHECK(hmm_entry(other, mirror, buffer_page(&buffer, 0)) &
		      SECMMU_HMM_EXCLUSIVE,
	      "the second device does not have exclusive access");
	judge(&buffer, 1, true);
	take(&buffer, 0);
	CHECK(!hmm_entry(other, mirror, buffer_page(&buffer, 0)),
	      "two devices have exclusive access to one page");
	buffer_check(&buffer, 0, BUFFER_PAGES);
}

/* It is the page that the device moves away, and one that it has moved. */
static void test_moved(void)
{
	struct device_buffer buffer;

	take_all(&buffer);
	/* The kernel collects present pages only: an exclusive one stays. */
	CHECK(!hmm_migrate(buffer.state.device, buffer.state.start,
			   BUFFER_PAGES * buffer.state.page, HMM_SYSTEM,
			   HMM_IN_DEVMEM(0), 0)
		       .pages,
	      "a page moved to which the device has exclusive access");
	buffer_check(&buffer, 0, BUFFER_PAGES);
	buffer_judge_used(&buffer, 0);
	buffer_move(&buffer, 0, BUFFER_PAGES, HMM_SYSTEM, HMM_IN_DEVMEM(0));
	take(&buffer, 3);
	judge(&buffer, 3, true);
	buffer_judge_used(&buffer, BUFFER_PAGES - 1);
	buffer_judge_home(&buffer);
}

/* A huge page: only the one small page, so it is mapped in small ones. */
static void test_huge(void)
{
	struct device_buffer buffer;
	u64 pages;

	buffer_new_huge(&buffer);
	pages = buffer.state.pages;
	/*
	 * khugepaged takes an exclusive entry for a swapped page, which it may
	 * bring back to have a huge page (__collapse_huge_page_swapin()).
	 */
	mapping_state_advise(buffer.state.start, pages * buffer.state.page,
			     MADV_NOHUGEPAGE, "MADV_NOHUGEPAGE");
	take(&buffer, pages / 2);
	judge(&buffer, pages / 2, true);
	buffer_check(&buffer, 0, pages / 2);
	judge(&buffer, pages / 2, true);
	buffer_check(&buffer, 0, pages);
	judge(&buffer, pages / 2, false);
}

/* It is for private anonymous memory alone. */
static void test_shared(void)
{
	struct mapping_state state;
	unsigned int mirror;
	u64 value = 0;
	int error;

	mapping_state_prepare(&state, mapping_state_kind_of("shmem_dirty"));
	hmm_need_memory(state.device);
	mirror = hmm_mirror(state.device, state.start,
			    state.pages * state.page);
	error = add_exclusive(state.device, mirror, state.start, &value);
	CHECK(error == -EOPNOTSUPP,
	      "exclusive access to shared memory: expected EOPNOTSUPP, got %s",
	      error ? errno_name(error) : "no error");
}

/* The device is closed, or its process ends, while it has access. */
static void test_closed(void)
{
	struct device_buffer buffer;

	take_all(&buffer);
	hmm_unmirror(buffer.state.device, buffer.mirror);
	close(buffer.state.device);
	buffer_check(&buffer, 0, BUFFER_PAGES);
	buffer_write(&buffer, 0, BUFFER_PAGES);
	buffer_check(&buffer, 0, BUFFER_PAGES);
}

static const struct scenario scenarios[] = {
	SCENARIO_ONE("cpu_reads", test_cpu, struct variant,
		     FIXED(struct variant, .writes = false)),
	SCENARIO_ONE("cpu_writes", test_cpu, struct variant,
		     FIXED(struct variant, .writes = true)),
	{ .name = "device_writes", .run_alone = test_device_writes },
	{ .name = "cpu_waits", .run_alone = test_cpu_waits },
	SCENARIO_ONE("both_add", test_both_add, struct variant,
		     FIXED(struct variant, .devices = 1)),
	SCENARIO_ONE("all_add", test_both_add, struct variant,
		     FIXED(struct variant, .devices = 3)),
	{ .name = "fork", .run_alone = test_fork },
	{ .name = "mprotect", .run_alone = test_mprotect },
	{ .name = "gup", .run_alone = test_gup },
	{ .name = "two_devices", .run_alone = test_two_devices },
	{ .name = "moved", .run_alone = test_moved },
	{ .name = "huge", .run_alone = test_huge },
	{ .name = "shared", .run_alone = test_shared },
	{ .name = "closed", .run_alone = test_closed },
};

TEST_PROGRAM(
	"hmm_exclusive_test",
	"no CPU accesses a page while a device has exclusive access, and no addition of either is lost",
	scenarios, .needs = HMM_NEEDS)
