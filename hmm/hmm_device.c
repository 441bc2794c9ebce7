// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/clock.h"
#include "hmm_device.h"
#include "core/kernel_file.h"
#include "core/report.h"

#define BUSY_MS 10000

int __hmm_call(int device, unsigned long command, void *argument)
{
	return ioctl(device, command, argument) ? -errno : 0;
}

static void must_call(int device, unsigned long command, void *argument,
		      const char *what)
{
	int error = __hmm_call(device, command, argument);

	CHECK(!error, SECMMU_HMM_DEVICE ": %s failed: %s", what,
	      errno_name(error));
}

/* To compare them with /proc/self/pagemap. */
static void names_are_pfns(void)
{
	kernel_file_must_write("/sys/module/secmmu_hmm/parameters/pfns", "1");
}

int hmm_open(void)
{
	int fd;

	names_are_pfns();
	fd = open(SECMMU_HMM_DEVICE, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0, "cannot open " SECMMU_HMM_DEVICE ": %s",
	      errno_name(errno));
	return fd;
}

u32 hmm_features(int device)
{
	struct secmmu_hmm_info info = { 0 };

	must_call(device, SECMMU_HMM_INFO, &info, "SECMMU_HMM_INFO");
	return info.features;
}

int hmm_walk(int device, struct secmmu_hmm_walk *walk, const u64 *requests)
{
	size_t bytes = (walk->end - walk->start) / (size_t)getpagesize() *
		       sizeof(*requests);
	struct deadline deadline = deadline_in_ms(BUSY_MS);

	do {
		CHECK(!deadline_passed(deadline),
		      "hmm_range_fault() finds nothing that lasts: for %u s memory that nobody touches has been invalidated at each try",
		      BUSY_MS / 1000);
		memcpy((void *)(uintptr_t)walk->entries, requests, bytes);
		must_call(device, SECMMU_HMM_WALK, walk, "SECMMU_HMM_WALK");
	} while (walk->error == -EBUSY || walk->invalidated);
	return walk->error;
}

unsigned int hmm_mirror(int device, const void *start, u64 size)
{
	struct secmmu_hmm_mirror mirror = {
		.start = (uintptr_t)start,
		.end = (uintptr_t)start + size,
	};

	must_call(device, SECMMU_HMM_MIRROR, &mirror, "SECMMU_HMM_MIRROR");
	return mirror.mirror;
}

void hmm_unmirror(int device, unsigned int mirror)
{
	struct secmmu_hmm_number number = { .mirror = mirror };

	must_call(device, SECMMU_HMM_UNMIRROR, &number, "SECMMU_HMM_UNMIRROR");
}

int __hmm_access(int device, struct secmmu_hmm_access *access)
{
	int error = __hmm_call(device, SECMMU_HMM_ACCESS, access);

	return error ? error : access->error;
}

static void access_word(int device, unsigned int mirror, const void *address,
			enum secmmu_hmm_operation operation, u64 *word)
{
	struct secmmu_hmm_access access = {
		.address = (uintptr_t)address,
		.length = sizeof(*word),
		.buffer = (uintptr_t)word,
		.mirror = mirror,
		.operation = operation,
	};
	int error = __hmm_access(device, &access);

	CHECK(!error, "the device cannot %s memory at %p: %s",
	      operation == SECMMU_HMM_READ ? "read" : "write", address,
	      errno_name(error));
}

u64 hmm_read(int device, unsigned int mirror, const void *address)
{
	u64 word = 0;

	access_word(device, mirror, address, SECMMU_HMM_READ, &word);
	return word;
}

void hmm_store(int device, unsigned int mirror, void *address, u64 value)
{
	access_word(device, mirror, address, SECMMU_HMM_STORE, &value);
}

u64 hmm_entry(int device, unsigned int mirror, const void *address)
{
	u64 page = (u64)getpagesize(), entry;
	struct secmmu_hmm_table table = {
		.start = (uintptr_t)address & ~(page - 1),
		.end = ((uintptr_t)address & ~(page - 1)) + page,
		.entries = (uintptr_t)&entry,
		.mirror = mirror,
	};

	must_call(device, SECMMU_HMM_TABLE, &table, "SECMMU_HMM_TABLE");
	return entry;
}

struct secmmu_hmm_counters hmm_counters(int device, unsigned int mirror)
{
	struct secmmu_hmm_counters counters = { .mirror = mirror };

	must_call(device, SECMMU_HMM_COUNTERS, &counters,
		  "SECMMU_HMM_COUNTERS");
	return counters;
}

static const char *point_name(enum secmmu_hmm_point point)
{
	static const char *const names[SECMMU_HMM_POINTS] = {
		[SECMMU_HMM_AT_BEGIN] = "mmu_interval_read_begin()",
		[SECMMU_HMM_AT_WALK] = "hmm_range_fault()",
		[SECMMU_HMM_AT_LOCK] = "the lock",
		[SECMMU_HMM_AT_RETRY] = "mmu_interval_read_retry()",
		[SECMMU_HMM_AT_INSTALLED] = "the unlock",
		[SECMMU_HMM_AT_INVALIDATE] = "the notifier",
		[SECMMU_HMM_AT_INVALIDATED] = "the notifier's end",
		[SECMMU_HMM_AT_FAULT] = "the fault",
		[SECMMU_HMM_AT_MIGRATION] = "the migration's end",
		[SECMMU_HMM_AT_EXCLUSIVE] = "the second half of an addition",
	};

	return names[point];
}

void hmm_arm(int device, enum secmmu_hmm_point point)
{
	struct secmmu_hmm_pause pause = { .point = point,
					  .timeout_ms = SECMMU_HMM_PAUSE_MS };

	must_call(device, SECMMU_HMM_ARM, &pause, "SECMMU_HMM_ARM");
}

void hmm_delay(int device, enum secmmu_hmm_point point,
	       unsigned int microseconds)
{
	struct secmmu_hmm_pause pause = { .point = point,
					  .delay_us = microseconds };

	must_call(device, microseconds ? SECMMU_HMM_ARM : SECMMU_HMM_RELEASE,
		  &pause, "SECMMU_HMM_ARM with a delay");
}

void hmm_await(int device, enum secmmu_hmm_point point)
{
	struct secmmu_hmm_pause pause = { .point = point,
					  .timeout_ms = SECMMU_HMM_PAUSE_MS };
	int error = __hmm_call(device, SECMMU_HMM_WAIT, &pause);

	CHECK(!error, "the device did not come to %s, where it was to wait: %s",
	      point_name(point), errno_name(error));
}

unsigned int hmm_release(int device, enum secmmu_hmm_point point)
{
	struct secmmu_hmm_pause pause = { .point = point };
	int error = __hmm_call(device, SECMMU_HMM_RELEASE, &pause);

	CHECK(!error,
	      "the device was to wait before %s until it was released, and did not: %s",
	      point_name(point), errno_name(error));
	return pause.arrived;
}

void hmm_map(int device, enum secmmu_hmm_map kind, unsigned int pages,
	     void *address)
{
	long page = getpagesize();
	void *map = mmap(address, (size_t)(pages * page),
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, device,
			 (off_t)kind * SECMMU_HMM_MAP_PAGES * page);

	CHECK(map == address, "cannot map " SECMMU_HMM_DEVICE ": %s",
	      errno_name(errno));
}

void hmm_need_memory(int device)
{
	if (!(hmm_features(device) & SECMMU_HMM_HAS_MEMORY))
		skip("CONFIG_DEVICE_PRIVATE=y",
		     "run it on a kernel built with this option");
}

void hmm_need_huge(int device)
{
	hmm_need_memory(device);
	if (!(hmm_features(device) & SECMMU_HMM_HAS_HUGE))
		skip("huge pages of device memory (Linux 6.19)",
		     "run it on a newer target kernel");
}

void hmm_own(int device, unsigned int devmem)
{
	struct secmmu_hmm_number number = { .mirror = devmem };

	must_call(device, SECMMU_HMM_OWNER, &number, "SECMMU_HMM_OWNER");
}

struct secmmu_hmm_devmem hmm_devmem(int device, unsigned int devmem)
{
	struct secmmu_hmm_devmem look = { .devmem = devmem };

	must_call(device, SECMMU_HMM_DEVMEM, &look, "SECMMU_HMM_DEVMEM");
	return look;
}

struct secmmu_hmm_migrate hmm_migrate(int device, const void *start, u64 size,
				      unsigned int from, unsigned int to,
				      unsigned int flags)
{
	struct secmmu_hmm_migrate migrate = {
		.start = (uintptr_t)start,
		.end = (uintptr_t)start + size,
		.from = from,
		.to = to,
		.flags = flags,
	};

	must_call(device, SECMMU_HMM_MIGRATE, &migrate, "SECMMU_HMM_MIGRATE");
	return migrate;
}

void hmm_fail_allocations(int device, unsigned int devmem,
			  enum secmmu_hmm_failure what, unsigned int skip,
			  unsigned int count)
{
	struct secmmu_hmm_fail fail = {
		.devmem = devmem,
		.what = what,
		.skip = skip,
		.count = count,
	};

	must_call(device, SECMMU_HMM_FAIL, &fail, "SECMMU_HMM_FAIL");
}
