// SPDX-License-Identifier: GPL-2.0-only
/* The suite's own device, for hmm_bench. */
#include <errno.h>

#include "bench_device.h"
#include "hmm_device.h"
#include "core/report.h"

static u64 end_of(const struct bench_device *device)
{
	return (uintptr_t)device->start + device->pages * device->page;
}

static bool own_open(struct bench_device *device)
{
	device->fd = hmm_open();
	device->mirror = hmm_mirror(device->fd, device->start,
				    device->pages * device->page);
	return true;
}

static void own_walk(struct bench_device *device)
{
	struct secmmu_hmm_walk walk = {
		.start = (uintptr_t)device->start,
		.end = end_of(device),
		.entries = (uintptr_t)device->entries,
		.default_flags = SECMMU_HMM_ALIKE,
	};
	int error;

	do {
		error = __hmm_call(device->fd, SECMMU_HMM_WALK, &walk);
		CHECK(!error, "SECMMU_HMM_WALK failed: %s", errno_name(error));
	} while (walk.error == -EBUSY || walk.invalidated);
	CHECK(!walk.error, "hmm_range_fault() failed: %s",
	      errno_name(walk.error));
}

static void own_access(struct bench_device *device, u32 operation)
{
	u64 bytes = device->pages * device->page, done;

	for (done = 0; done < bytes;) {
		struct secmmu_hmm_access access = {
			.address = (uintptr_t)device->start + done,
			.length = bytes - done,
			.buffer = (uintptr_t)device->buffer + done,
			.mirror = device->mirror,
			.operation = operation,
		};
		int error;

		if (access.length > SECMMU_HMM_ACCESS_BYTES)
			access.length = SECMMU_HMM_ACCESS_BYTES;
		error = __hmm_access(device->fd, &access);
		CHECK(!error, "SECMMU_HMM_ACCESS failed: %s",
		      errno_name(error));
		done += access.length;
	}
}

static void own_read(struct bench_device *device)
{
	own_access(device, SECMMU_HMM_READ);
}

static void own_write(struct bench_device *device)
{
	own_access(device, SECMMU_HMM_STORE);
}

static u64 own_migrate(struct bench_device *device, u32 from, u32 to)
{
	struct secmmu_hmm_migrate migrate = {
		.start = (uintptr_t)device->start,
		.end = end_of(device),
		.from = from,
		.to = to,
	};
	int error = __hmm_call(device->fd, SECMMU_HMM_MIGRATE, &migrate);

	CHECK(!error, "SECMMU_HMM_MIGRATE failed: %s", errno_name(error));
	return migrate.pages;
}

static u64 own_to_device(struct bench_device *device)
{
	return own_migrate(device, SECMMU_HMM_SYSTEM, 1);
}

static u64 own_to_system(struct bench_device *device)
{
	return own_migrate(device, 1, SECMMU_HMM_SYSTEM);
}

const struct bench_driver bench_own = {
	.name = "secmmu_hmm",
	.open = own_open,
	.walk = own_walk,
	.read = own_read,
	.write = own_write,
	.to_device = own_to_device,
	.to_system = own_to_system,
};
