// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device of the kernel's own test driver, test_hmm (CONFIG_TEST_HMM), for
 * hmm_bench: its calls, as lib/test_hmm_uapi.h in the kernel's source has them
 * since 5.8.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "bench_device.h"
#include "core/target_module.h"
#include "hmm_device.h"
#include "core/report.h"

#define PEER "/dev/hmm_dmirror0"

/**
 * struct peer_call - all its calls take this
 * @address: first address
 * @buffer: address of the device's side of it
 * @pages: how many
 * @done: coming out: how many were done
 * @faults: coming out: how often it had to fault pages in
 */
struct peer_call {
	u64 address;
	u64 buffer;
	u64 pages;
	u64 done;
	u64 faults;
};

#define PEER_READ      _IOWR('H', 0, struct peer_call)
#define PEER_WRITE     _IOWR('H', 1, struct peer_call)
#define PEER_TO_DEVICE _IOWR('H', 2, struct peer_call)
#define PEER_TO_SYSTEM _IOWR('H', 3, struct peer_call)
#define PEER_SNAPSHOT  _IOWR('H', 4, struct peer_call)

static bool peer_open(struct bench_device *device)
{
	target_module_insert("test_hmm");
	device->fd = open(PEER, O_RDWR | O_CLOEXEC);
	CHECK(device->fd >= 0 || errno == ENOENT, "cannot open " PEER ": %s",
	      errno_name(errno));
	return device->fd >= 0;
}

static u64 call(struct bench_device *device, unsigned long command,
		void *buffer, const char *what)
{
	struct peer_call call = {
		.address = (uintptr_t)device->start,
		.buffer = (uintptr_t)buffer,
		.pages = device->pages,
	};
	int error;

	/* EBUSY: something was invalidated meanwhile. */
	do {
		error = __hmm_call(device->fd, command, &call);
	} while (error == -EBUSY);
	CHECK(!error, "test_hmm cannot %s: %s", what, errno_name(error));
	return call.done;
}

static void peer_walk(struct bench_device *device)
{
	call(device, PEER_SNAPSHOT, device->entries, "take a snapshot");
}

static void peer_read(struct bench_device *device)
{
	call(device, PEER_READ, device->buffer, "read");
}

static void peer_write(struct bench_device *device)
{
	call(device, PEER_WRITE, device->buffer, "write");
}

/* It wants a buffer for the contents, too. */
static u64 peer_to_device(struct bench_device *device)
{
	return call(device, PEER_TO_DEVICE, device->buffer, "migrate");
}

/* How many it moved it does not say. */
static u64 peer_to_system(struct bench_device *device)
{
	call(device, PEER_TO_SYSTEM, device->buffer, "migrate back");
	return device->pages;
}

const struct bench_driver bench_peer = {
	.name = "test_hmm",
	.open = peer_open,
	.walk = peer_walk,
	.read = peer_read,
	.write = peer_write,
	.to_device = peer_to_device,
	.to_system = peer_to_system,
};
