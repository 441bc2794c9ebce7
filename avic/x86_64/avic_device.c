// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "avic_device.h"
#include "core/clock.h"
#include "core/report.h"

#define SYNC_MS 10000

int __avic_call(int fd, unsigned long command, void *argument)
{
	return ioctl(fd, command, argument) ? -errno : 0;
}

static void must_call(int fd, unsigned long command, void *argument,
		      const char *what)
{
	int error = __avic_call(fd, command, argument);

	CHECK(!error, SECMMU_AVIC_DEVICE ": %s failed: %s", what,
	      errno_name(error));
}

void avic_attach(struct avic *avic, const struct vm *vm, unsigned int rings,
		 unsigned int entries, enum secmmu_avic_personality personality)
{
	struct secmmu_avic_attach attach = {
		.vm = vm->fd,
		.rings = rings,
		.entries = entries,
		.personality = personality,
	};

	*avic = (struct avic){ .rings = rings, .entries = entries };
	avic->fd = open(SECMMU_AVIC_DEVICE, O_RDWR | O_CLOEXEC);
	CHECK(avic->fd >= 0, "cannot open " SECMMU_AVIC_DEVICE ": %s",
	      errno_name(errno));
	must_call(avic->fd, SECMMU_AVIC_ATTACH, &attach, "SECMMU_AVIC_ATTACH");
	avic->map_size = attach.size;
	if (!attach.size)
		return;
	avic->map = mmap(NULL, attach.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 avic->fd, 0);
	CHECK(avic->map != MAP_FAILED, "cannot map " SECMMU_AVIC_DEVICE ": %s",
	      errno_name(errno));
}

void avic_close(struct avic *avic)
{
	if (avic->map)
		munmap(avic->map, avic->map_size);
	close(avic->fd);
}

u32 avic_features(const struct avic *avic)
{
	struct secmmu_avic_info info = { 0 };

	must_call(avic->fd, SECMMU_AVIC_INFO, &info, "SECMMU_AVIC_INFO");
	return info.features;
}

int __avic_track(const struct avic *avic, u64 gpa)
{
	struct secmmu_avic_page page = { .gpa = gpa };

	return __avic_call(avic->fd, SECMMU_AVIC_TRACK, &page);
}

unsigned int avic_track(const struct avic *avic, u64 gpa)
{
	struct secmmu_avic_page page = { .gpa = gpa };

	must_call(avic->fd, SECMMU_AVIC_TRACK, &page, "SECMMU_AVIC_TRACK");
	return page.kernel;
}

int __avic_untrack(const struct avic *avic, u64 gpa)
{
	struct secmmu_avic_page page = { .gpa = gpa };

	return __avic_call(avic->fd, SECMMU_AVIC_UNTRACK, &page);
}

unsigned int avic_untrack(const struct avic *avic, u64 gpa)
{
	struct secmmu_avic_page page = { .gpa = gpa };

	must_call(avic->fd, SECMMU_AVIC_UNTRACK, &page, "SECMMU_AVIC_UNTRACK");
	return page.kernel;
}

static struct secmmu_avic_ring *ring_at(const struct avic *avic, int ring)
{
	size_t step = SECMMU_AVIC_RING_HEADER +
		      avic->entries * sizeof(struct secmmu_avic_write);

	return (void *)((char *)avic->map + (size_t)ring * step);
}

int avic_ring(const struct avic *avic, pid_t thread)
{
	int i;

	for (i = 0; i < (int)avic->rings; i++)
		if (__atomic_load_n(&ring_at(avic, i)->thread,
				    __ATOMIC_ACQUIRE) == (u32)thread)
			return i;
	return -1;
}

bool avic_next(const struct avic *avic, int ring,
	       struct secmmu_avic_write *write)
{
	const struct secmmu_avic_write *entries;
	struct secmmu_avic_ring *header;
	u64 tail;

	if (ring < 0)
		return false;
	header = ring_at(avic, ring);
	tail = header->tail;
	if (__atomic_load_n(&header->head, __ATOMIC_ACQUIRE) == tail)
		return false;
	entries = (const void *)((char *)header + SECMMU_AVIC_RING_HEADER);
	*write = entries[tail & (avic->entries - 1)];
	__atomic_store_n(&header->tail, tail + 1, __ATOMIC_RELEASE);
	return true;
}

struct secmmu_avic_counters avic_counters(const struct avic *avic)
{
	struct secmmu_avic_counters counters = { 0 };

	must_call(avic->fd, SECMMU_AVIC_COUNTERS, &counters,
		  "SECMMU_AVIC_COUNTERS");
	return counters;
}

unsigned int avic_get(const struct avic *avic, u64 gpa)
{
	struct secmmu_avic_get get = { .gpa = gpa };

	must_call(avic->fd, SECMMU_AVIC_GET, &get, "SECMMU_AVIC_GET");
	return get.table;
}

void avic_put(const struct avic *avic, unsigned int table)
{
	struct secmmu_avic_number number = { .table = table };

	must_call(avic->fd, SECMMU_AVIC_PUT, &number, "SECMMU_AVIC_PUT");
}

int __avic_sync(const struct avic *avic, unsigned int table,
		unsigned int entries)
{
	struct deadline deadline = deadline_in_ms(SYNC_MS);
	struct secmmu_avic_sync sync;
	int error;

	do {
		CHECK(!deadline_passed(deadline),
		      "the pages of a table change without end: for %u s entries have been stale after each sync",
		      SYNC_MS / 1000);
		sync = (struct secmmu_avic_sync){ .table = table,
						  .entries = entries };
		error = __avic_call(avic->fd, SECMMU_AVIC_SYNC, &sync);
	} while (!error && sync.stale);
	return error;
}

void avic_sync(const struct avic *avic, unsigned int table,
	       unsigned int entries)
{
	int error = __avic_sync(avic, table, entries);

	CHECK(!error, SECMMU_AVIC_DEVICE ": SECMMU_AVIC_SYNC failed: %s",
	      errno_name(error));
}

void avic_use(const struct avic *avic, unsigned int table)
{
	struct secmmu_avic_number number = { .table = table };

	must_call(avic->fd, SECMMU_AVIC_USE, &number, "SECMMU_AVIC_USE");
}

void avic_unuse(const struct avic *avic, unsigned int table)
{
	struct secmmu_avic_number number = { .table = table };

	must_call(avic->fd, SECMMU_AVIC_UNUSE, &number, "SECMMU_AVIC_UNUSE");
}

struct secmmu_avic_read
avic_read(const struct avic *avic, unsigned int table,
	  struct secmmu_avic_entry entry[SECMMU_AVIC_ENTRIES])
{
	struct secmmu_avic_read read = {
		.entry = (uintptr_t)entry,
		.table = table,
		.count = entry ? SECMMU_AVIC_ENTRIES : 0,
	};

	must_call(avic->fd, SECMMU_AVIC_READ, &read, "SECMMU_AVIC_READ");
	return read;
}

static const char *point_name(enum secmmu_avic_point point)
{
	static const char *const names[SECMMU_AVIC_POINTS] = {
		[SECMMU_AVIC_AT_WRITE] = "a write",
		[SECMMU_AVIC_AT_MERGE] = "the change of an entry",
		[SECMMU_AVIC_AT_TRACKED] = "the reading of a table",
		[SECMMU_AVIC_AT_FILLED] = "the count of entries",
		[SECMMU_AVIC_AT_REMOVE] = "the second step of a removal",
		[SECMMU_AVIC_AT_SLOT] = "the end of a slot",
	};

	return names[point];
}

void avic_arm(const struct avic *avic, enum secmmu_avic_point point)
{
	struct secmmu_avic_pause pause = { .point = point,
					   .timeout_ms = SECMMU_AVIC_PAUSE_MS };

	must_call(avic->fd, SECMMU_AVIC_ARM, &pause, "SECMMU_AVIC_ARM");
}

void avic_delay(const struct avic *avic, enum secmmu_avic_point point,
		unsigned int microseconds)
{
	struct secmmu_avic_pause pause = { .point = point,
					   .delay_us = microseconds };

	must_call(avic->fd,
		  microseconds ? SECMMU_AVIC_ARM : SECMMU_AVIC_RELEASE, &pause,
		  "SECMMU_AVIC_ARM with a delay");
}

void avic_await(const struct avic *avic, enum secmmu_avic_point point)
{
	struct secmmu_avic_pause pause = { .point = point,
					   .timeout_ms = SECMMU_AVIC_PAUSE_MS };
	int error = __avic_call(avic->fd, SECMMU_AVIC_WAIT, &pause);

	CHECK(!error, "the device did not come to %s, where it was to wait: %s",
	      point_name(point), errno_name(error));
}

unsigned int avic_release(const struct avic *avic, enum secmmu_avic_point point)
{
	struct secmmu_avic_pause pause = { .point = point };
	int error = __avic_call(avic->fd, SECMMU_AVIC_RELEASE, &pause);

	CHECK(!error,
	      "the device was to wait before %s until it was released, and did not: %s",
	      point_name(point), errno_name(error));
	return pause.arrived;
}
