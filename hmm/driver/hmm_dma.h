/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files for DMA share. For kernels with HMM_HAS_DMA.
 */
#ifndef HMM_DMA_H
#define HMM_DMA_H

#include <linux/hmm.h>
#include <linux/hmm-dma.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/pci-p2pdma.h>
#include "hmm_function.h"

/**
 * struct hmm_dma - a range of memory, mapped for a device
 * @notifier: tells of invalidations
 * @lock: protects @map's entries and @gone. The function's removal waits for it:
 *	with it no user memory may be touched and mmap_lock not taken
 * @function: the device; a reference. Its dev may be used with @lock held and
 *	@gone not set
 * @gone: the function's device was removed, and @map was freed
 * @link: in its list of maps, under maps_lock
 * @map: the kernel's; @map.pfn_list has the entries
 * @peer: what the kernel remembers of peer-to-peer memory
 * @start: first address
 * @end: behind the last one
 */
struct hmm_dma {
	struct mmu_interval_notifier notifier;
	struct mutex lock;
	struct hmm_function *function;
	bool gone;
	struct list_head link;
	struct hmm_dma_map map;
	struct pci_p2pdma_map_state peer;
	unsigned long start, end;
};

static inline unsigned long hmm_dma_index(const struct hmm_dma *dma,
					  unsigned long address)
{
	return (address - dma->start) >> PAGE_SHIFT;
}

long hmm_dma_copy(struct hmm_dma *dma, struct secmmu_hmm_dma_copy *copy);

#endif /* HMM_DMA_H */
