/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Banks: memory of devices, between hmm_devmem.c and hmm_transfer.c.
 */
#ifndef HMM_DEVMEM_H
#define HMM_DEVMEM_H

#include <linux/atomic.h>
#include <linux/memremap.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include "hmm_device.h"

/**
 * struct hmm_failure - an allocation that is to fail; under hmm_devmem.lock
 * @skip: so many succeed first
 * @count: so many fail then
 * @device: who wants that; forgotten when it is closed
 */
struct hmm_failure {
	unsigned int skip;
	unsigned int count;
	const struct hmm_device *device;
};

/**
 * struct hmm_devmem - memory that CPUs cannot reach
 * @pagemap: its struct pages; the bank's address is their owner
 * @making: makes it be made once
 * @made: whether it was; it stays until the module is removed
 * @contents: what is in it: what such a page's number would be on a real device's
 *	bus is an offset here
 * @lock: protects the rest, but @faults
 * @taken: pages that are in use
 * @used: how many these are. While there is one the module has a reference
 * @failures: by enum secmmu_hmm_failure
 * @faults: calls of migrate_to_ram()
 */
struct hmm_devmem {
	struct dev_pagemap pagemap;
	struct mutex making;
	bool made;
	unsigned char *contents;
	spinlock_t lock;
	DECLARE_BITMAP(taken, SECMMU_HMM_DEVMEM_PAGES);
	unsigned long used;
	struct hmm_failure failures[SECMMU_HMM_FAIL_KINDS];
	atomic64_t faults;
};

int hmm_devmem_make(struct hmm_devmem *devmem);
struct page *hmm_devmem_take(struct hmm_devmem *devmem, unsigned int order);
bool hmm_devmem_fails(struct hmm_devmem *devmem, enum secmmu_hmm_failure what);
vm_fault_t hmm_transfer_fault(struct hmm_devmem *devmem,
			      struct vm_fault *fault);

#endif /* HMM_DEVMEM_H */
