/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What does DMA, and who may use it when.
 */
#ifndef HMM_FUNCTION_H
#define HMM_FUNCTION_H

#include <linux/device.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include "secmmu_hmm.h"

/**
 * struct hmm_function - a device that DMA is done for
 * @references: whoever knows it
 * @all: in the list of all
 * @dev: the kernel's; to be used with maps_lock or hmm_dma.lock held, unless it
 *	is gone
 * @name: for user space
 * @gone: the device was removed; under maps_lock (hmm_dma.c)
 * @maps: struct hmm_dma.link of all maps for it; the same
 * @engine: one copy at a time
 * @stuck: it did not end a copy
 * @registers: of an edu; NULL: it cannot copy
 * @bounce: what an edu reads to and writes from, a page
 * @bounce_address: the same for the device
 */
struct hmm_function {
	struct kref references;
	struct list_head all;
	struct device *dev;
	char name[SECMMU_HMM_FUNCTION_NAME];
	bool gone;
	struct list_head maps;
	struct mutex engine;
	bool stuck;
	void __iomem *registers;
	void *bounce;
	dma_addr_t bounce_address;
};

int hmm_functions_init(void);
void hmm_functions_exit(void);
struct hmm_function *hmm_function_find(const char *name);
void hmm_function_release(struct hmm_function *function);
int hmm_function_copy(struct hmm_function *function, dma_addr_t address,
		      void *buffer, size_t bytes, bool write);

/* hmm_dma.c */
void hmm_dma_revoke(struct hmm_function *function);

#endif /* HMM_FUNCTION_H */
