/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two devices that can do the same things to memory, to be measured beside each
 * other: the suite's own, and the one of the kernel's own test driver, test_hmm.
 */
#ifndef SECMMU_BENCH_DEVICE_H
#define SECMMU_BENCH_DEVICE_H

#include <stdbool.h>

#include "core/types.h"

/**
 * struct bench_device - a device that mirrors some memory
 * @driver: what kind of device
 * @start: first address of the memory
 * @pages: how many pages it has
 * @page: bytes of a page
 * @buffer: so many bytes as the memory
 * @entries: for what a walk finds, 8 bytes for each page
 * @fd: of the device
 * @mirror: its own number of the mirror
 */
struct bench_device {
	const struct bench_driver *driver;
	unsigned char *start;
	u64 pages;
	u64 page;
	unsigned char *buffer;
	u64 *entries;
	int fd;
	unsigned int mirror;
};

/**
 * struct bench_driver - what a device can do; what fails ends the case
 * @name: one word
 * @open: opens it for memory that @start, @pages say; false: there is none
 * @walk: looks at all pages, as they are
 * @read: all memory to @buffer, through the device's page table
 * @write: the opposite
 * @to_device: moves all pages to the device's memory
 * @to_system: and back
 *
 * The last two return how many pages were moved.
 */
struct bench_driver {
	const char *name;
	bool (*open)(struct bench_device *device);
	void (*walk)(struct bench_device *device);
	void (*read)(struct bench_device *device);
	void (*write)(struct bench_device *device);
	u64 (*to_device)(struct bench_device *device);
	u64 (*to_system)(struct bench_device *device);
};

extern const struct bench_driver bench_own;
extern const struct bench_driver bench_peer;

#endif /* SECMMU_BENCH_DEVICE_H */
