/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The suite's own device, /dev/secmmu_avic, which is told by KVM of a guest's
 * writes to pages, and shadows AVIC physical-ID tables by that. What each call
 * does is said in avic/driver/secmmu_avic.h.
 *
 * Functions that begin with two underscores may fail, and return -errno; the
 * others end the test if they do.
 */
#ifndef SECMMU_AVIC_DEVICE_WORDS_H
#define SECMMU_AVIC_DEVICE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../driver/secmmu_avic.h"
#include "kvm/vm.h"
#include "core/types.h"

/**
 * AVIC_NEEDS - for struct program.needs: root, KVM that can track, the driver
 */
#define AVIC_NEEDS                                                    \
	{                                                             \
		.root = true, .kvm = true,                            \
		.config = "CONFIG_KVM_EXTERNAL_WRITE_TRACKING=y",     \
		.module = "secmmu_avic", .device = SECMMU_AVIC_DEVICE \
	}

/**
 * struct avic - a device, attached to a VM
 * @fd: its file
 * @rings: how many rings it has
 * @entries: of each of them
 * @map: all rings
 * @map_size: its bytes
 */
struct avic {
	int fd;
	unsigned int rings;
	unsigned int entries;
	void *map;
	size_t map_size;
};

/**
 * __avic_call() - any call of the device
 * @fd: its file
 * @command: SECMMU_AVIC_*
 * @argument: its structure
 *
 * Return: 0 or -errno.
 */
int __avic_call(int fd, unsigned long command, void *argument);

/**
 * avic_attach() - a new device that watches a VM
 * @avic: to be filled
 * @vm: the VM, made by this process
 * @rings: how many threads are to be recorded; 0: none
 * @entries: of each ring, a power of two
 * @personality: which rules its tables follow
 */
void avic_attach(struct avic *avic, const struct vm *vm, unsigned int rings,
		 unsigned int entries,
		 enum secmmu_avic_personality personality);

/**
 * avic_close() - close it
 * @avic: attached
 */
void avic_close(struct avic *avic);

/**
 * avic_features() - what the driver can do on this kernel
 * @avic: attached
 *
 * Return: SECMMU_AVIC_HAS_*.
 */
u32 avic_features(const struct avic *avic);

/**
 * __avic_track() - track a page of the guest's, once more
 * @avic: attached
 * @gpa: the page
 *
 * Return: 0 or -errno.
 */
int __avic_track(const struct avic *avic, u64 gpa);

/**
 * avic_track() - the same, must succeed
 * @avic: attached
 * @gpa: the page
 *
 * Return: how often KVM has the page tracked now, by whomever.
 */
unsigned int avic_track(const struct avic *avic, u64 gpa);

/**
 * __avic_untrack() - track it once less
 * @avic: attached
 * @gpa: the page
 *
 * Return: 0 or -errno.
 */
int __avic_untrack(const struct avic *avic, u64 gpa);

/**
 * avic_untrack() - the same, must succeed
 * @avic: attached
 * @gpa: the page
 *
 * Return: how often KVM has the page tracked now, by whomever.
 */
unsigned int avic_untrack(const struct avic *avic, u64 gpa);

/**
 * avic_ring() - where a thread's writes are
 * @avic: attached, with rings
 * @thread: as its gettid() says
 *
 * Return: the number of its ring; -1 if it has not written yet.
 */
int avic_ring(const struct avic *avic, pid_t thread);

/**
 * avic_next() - the next write in a ring
 * @avic: attached, with rings
 * @ring: its number; -1: none
 * @write: to be filled
 *
 * Return: whether there is one. Context: one thread per ring.
 */
bool avic_next(const struct avic *avic, int ring,
	       struct secmmu_avic_write *write);

/**
 * avic_counters() - what the device went through
 * @avic: attached
 *
 * Return: all its counters.
 */
struct secmmu_avic_counters avic_counters(const struct avic *avic);

/**
 * avic_get() - the shadow of a table
 * @avic: attached
 * @gpa: the table's page
 *
 * Return: its number.
 */
unsigned int avic_get(const struct avic *avic, u64 gpa);

/**
 * avic_put() - done with it
 * @avic: attached
 * @table: from avic_get()
 */
void avic_put(const struct avic *avic, unsigned int table);

/**
 * __avic_sync() - have a shadow know so many entries at least
 * @avic: attached
 * @table: from avic_get()
 * @entries: how many
 *
 * Again while pages change under it, which the kernel may make them do at any
 * time. Fails the case if there is no end to it for 10 s.
 *
 * Return: 0 or -errno.
 */
int __avic_sync(const struct avic *avic, unsigned int table,
		unsigned int entries);

/**
 * avic_sync() - the same, must succeed
 * @avic: attached
 * @table: from avic_get()
 * @entries: how many
 */
void avic_sync(const struct avic *avic, unsigned int table,
	       unsigned int entries);

/**
 * avic_use() - a vCPU enters the guest with a table
 * @avic: attached
 * @table: from avic_get()
 */
void avic_use(const struct avic *avic, unsigned int table);

/**
 * avic_unuse() - and leaves it
 * @avic: attached
 * @table: from avic_get()
 */
void avic_unuse(const struct avic *avic, unsigned int table);

/**
 * avic_read() - look at a table
 * @avic: attached
 * @table: from avic_get()
 * @entry: to be filled with all entries; or NULL
 *
 * Return: the rest of what there is to know of it.
 */
struct secmmu_avic_read
avic_read(const struct avic *avic, unsigned int table,
	  struct secmmu_avic_entry entry[SECMMU_AVIC_ENTRIES]);

/**
 * avic_arm() - the next one who comes to a point waits there
 * @avic: attached
 * @point: where
 */
void avic_arm(const struct avic *avic, enum secmmu_avic_point point);

/**
 * avic_delay() - whoever comes to a point is delayed there
 * @avic: attached
 * @point: where
 * @microseconds: for so long, at most SECMMU_AVIC_DELAY_US; 0: no more
 */
void avic_delay(const struct avic *avic, enum secmmu_avic_point point,
		unsigned int microseconds);

/**
 * avic_await() - wait until somebody waits at a point
 * @avic: attached
 * @point: where; avic_arm() was called
 */
void avic_await(const struct avic *avic, enum secmmu_avic_point point);

/**
 * avic_release() - who waits at a point goes on
 * @avic: attached
 * @point: where
 *
 * Fails the case if who waited there has gone on before this.
 *
 * Return: how many came to the point since it was first armed.
 */
unsigned int avic_release(const struct avic *avic,
			  enum secmmu_avic_point point);

#endif /* SECMMU_AVIC_DEVICE_WORDS_H */
