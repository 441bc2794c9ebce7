/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The suite's own device, /dev/secmmu_hmm, which mirrors this process's memory
 * by hmm_range_fault(). What each call does is said in hmm/driver/secmmu_hmm.h.
 *
 * Functions that begin with two underscores may fail, and return -errno; the
 * others end the test if they do.
 */
#ifndef SECMMU_HMM_DEVICE_WORDS_H
#define SECMMU_HMM_DEVICE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "driver/secmmu_hmm.h"
#include "core/types.h"

/**
 * HMM_NEEDS - for struct program.needs: root, and the driver
 */
#define HMM_NEEDS                                     \
	{                                             \
		.root = true, .module = "secmmu_hmm", \
		.device = SECMMU_HMM_DEVICE           \
	}

/**
 * __hmm_call() - any call of the device
 * @device: opened by hmm_open()
 * @command: SECMMU_HMM_*
 * @argument: its structure
 *
 * Return: 0 or -errno.
 */
int __hmm_call(int device, unsigned long command, void *argument);

/**
 * hmm_open() - a new device that mirrors this process
 *
 * Names of pages are page frame numbers from then on (the module's parameter
 * "pfns"), for all devices of the machine.
 *
 * Return: a file descriptor, to be closed by close().
 */
int hmm_open(void);

/**
 * hmm_features() - what the driver can do on this kernel
 * @device: opened by hmm_open()
 *
 * Return: SECMMU_HMM_HAS_*.
 */
u32 hmm_features(int device);

/**
 * hmm_walk() - hmm_range_fault(), again while it says -EBUSY
 * @device: opened by hmm_open()
 * @walk: what is asked for; its results
 * @requests: one for each page, copied to @walk's entries before each try
 *
 * The kernel itself may invalidate memory at any time (compaction, khugepaged),
 * so what was found counts only if nothing was invalidated meanwhile. Fails the
 * case if there is no end to it for 10 s.
 *
 * Return: what hmm_range_fault() returned, never -EBUSY.
 */
int hmm_walk(int device, struct secmmu_hmm_walk *walk, const u64 *requests);

/**
 * hmm_mirror() - begin to mirror a range
 * @device: opened by hmm_open()
 * @start: first address
 * @size: bytes
 *
 * Return: the mirror's number.
 */
unsigned int hmm_mirror(int device, const void *start, u64 size);

/**
 * hmm_unmirror() - end it
 * @device: opened by hmm_open()
 * @mirror: from hmm_mirror()
 */
void hmm_unmirror(int device, unsigned int mirror);

/**
 * __hmm_access() - the device reads or writes memory
 * @device: opened by hmm_open()
 * @access: what, where; and its results
 *
 * Return: @access->error if that is not 0, or the call's own -errno, or 0.
 */
int __hmm_access(int device, struct secmmu_hmm_access *access);

/**
 * hmm_read() - a word of memory, as the device sees it
 * @device: opened by hmm_open()
 * @mirror: from hmm_mirror()
 * @address: of 8 bytes, aligned
 *
 * Return: the word.
 */
u64 hmm_read(int device, unsigned int mirror, const void *address);

/**
 * hmm_store() - the device writes a word
 * @device: opened by hmm_open()
 * @mirror: from hmm_mirror()
 * @address: of 8 bytes, aligned
 * @value: the word
 */
void hmm_store(int device, unsigned int mirror, void *address, u64 value);

/**
 * hmm_entry() - the device's page table entry of a page
 * @device: opened by hmm_open()
 * @mirror: from hmm_mirror()
 * @address: in the page
 *
 * Return: SECMMU_HMM_VALID, SECMMU_HMM_WRITE and the page's name, or 0.
 */
u64 hmm_entry(int device, unsigned int mirror, const void *address);

/**
 * hmm_counters() - what a mirror went through
 * @device: opened by hmm_open()
 * @mirror: from hmm_mirror()
 *
 * Return: all its counters.
 */
struct secmmu_hmm_counters hmm_counters(int device, unsigned int mirror);

/**
 * hmm_arm() - the next one who comes to a point waits there
 * @device: opened by hmm_open()
 * @point: where
 */
void hmm_arm(int device, enum secmmu_hmm_point point);

/**
 * hmm_delay() - whoever comes to a point is delayed there
 * @device: opened by hmm_open()
 * @point: where
 * @microseconds: for so long, at most SECMMU_HMM_DELAY_US; 0: no more
 */
void hmm_delay(int device, enum secmmu_hmm_point point,
	       unsigned int microseconds);

/**
 * hmm_await() - wait until somebody waits at a point
 * @device: opened by hmm_open()
 * @point: where; hmm_arm() was called
 */
void hmm_await(int device, enum secmmu_hmm_point point);

/**
 * hmm_release() - who waits at a point goes on
 * @device: opened by hmm_open()
 * @point: where
 *
 * Fails the case if who waited there has gone on before this.
 *
 * Return: how many came to the point since it was first armed.
 */
unsigned int hmm_release(int device, enum secmmu_hmm_point point);

/**
 * hmm_map() - a mapping of the device's own pages
 * @device: opened by hmm_open()
 * @kind: what kind of mapping
 * @pages: how many, at most SECMMU_HMM_MAP_PAGES
 * @address: where it has to be, with nothing mapped there
 */
void hmm_map(int device, enum secmmu_hmm_map kind, unsigned int pages,
	     void *address);

/*
 * Memory of devices: banks, which CPUs cannot reach (MEMORY_DEVICE_PRIVATE).
 */

/* Where pages are, for hmm_migrate(). */
#define HMM_SYSTEM	      SECMMU_HMM_SYSTEM
#define HMM_IN_DEVMEM(number) ((number) + 1)

/**
 * hmm_need_memory() - skip the case where devices have no memory
 * @device: opened by hmm_open()
 */
void hmm_need_memory(int device);

/**
 * hmm_need_huge() - skip the case where huge pages do not go there as such
 * @device: opened by hmm_open()
 */
void hmm_need_huge(int device);

/**
 * hmm_own() - choose whose pages are this device's own
 * @device: opened by hmm_open(); its own is bank 0 at first
 * @devmem: the bank
 */
void hmm_own(int device, unsigned int devmem);

/**
 * hmm_devmem() - what a bank has
 * @device: opened by hmm_open()
 * @devmem: its number
 *
 * Return: all of it.
 */
struct secmmu_hmm_devmem hmm_devmem(int device, unsigned int devmem);

/**
 * hmm_migrate() - move pages to a bank or from it
 * @device: opened by hmm_open()
 * @start: first address
 * @size: bytes
 * @from: HMM_SYSTEM or HMM_IN_DEVMEM()
 * @to: HMM_SYSTEM or HMM_IN_DEVMEM()
 * @flags: SECMMU_HMM_HUGE
 *
 * Return: how many pages were moved, and how many could not be.
 */
struct secmmu_hmm_migrate hmm_migrate(int device, const void *start, u64 size,
				      unsigned int from, unsigned int to,
				      unsigned int flags);

/**
 * hmm_fail_allocations() - let allocations fail
 * @device: opened by hmm_open()
 * @devmem: for pages that go to this bank, or come from it
 * @what: which allocations
 * @skip: so many succeed first
 * @count: so many fail then; 0: none any more
 */
void hmm_fail_allocations(int device, unsigned int devmem,
			  enum secmmu_hmm_failure what, unsigned int skip,
			  unsigned int count);

#endif /* SECMMU_HMM_DEVICE_WORDS_H */
