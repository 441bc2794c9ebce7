/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory and a device that reaches it by DMA: the ways that there are, and what
 * is right for each.
 */
#ifndef SECMMU_DMA_FIXTURE_H
#define SECMMU_DMA_FIXTURE_H

#include <stddef.h>

#include "dma.h"
#include "hmm_device.h"
#include "mapping_state.h"
#include "core/types.h"

#define DMA_FIXTURE_PAGES 8
#define DMA_ALL_REQUESTS  (SECMMU_HMM_REQ_FAULT | SECMMU_HMM_REQ_WRITE)
#define DMA_NOT_MAPPED	  (~0ULL)

/* What a page that is mapped looks like, but for its number. */
#define DMA_READABLE (SECMMU_HMM_VALID | SECMMU_HMM_DMA_MAPPED)
#define DMA_WRITABLE (DMA_READABLE | SECMMU_HMM_WRITE)

/**
 * struct dma_method - how a device's DMA gets to memory
 * @name: of the cases
 * @kind: the device
 * @mask_bits: of its addresses
 * @pages: for how many the map is made
 * @features: what the kernel has to make of that (SECMMU_HMM_DMA_*)
 */
struct dma_method {
	const char *name;
	enum dma_kind kind;
	unsigned int mask_bits;
	u64 pages;
	u32 features;
};

/**
 * struct dma_fixture - memory and a device that may reach it
 * @state: pages of it
 * @function: the device
 * @entries: of its pages, as the last call left them
 * @addresses: the same, their addresses for the device
 */
struct dma_fixture {
	struct mapping_state state;
	struct dma_function function;
	u64 entries[DMA_FIXTURE_PAGES];
	u64 addresses[DMA_FIXTURE_PAGES];
};

/**
 * dma_page() - where a page is
 * @fixture: the scene
 * @number: which, from 0
 */
unsigned char *dma_page(const struct dma_fixture *fixture, u64 number);

/**
 * dma_fixture_set() - make memory, and a map of it for a device
 * @fixture: to be filled
 * @method: of DMA; the map has to be of its kind
 * @kind: of memory, of DMA_FIXTURE_PAGES pages (mapping_state_kind_of())
 */
void dma_fixture_set(struct dma_fixture *fixture,
		     const struct dma_method *method, const char *kind);

/**
 * dma_fixture_map() - map all pages, which must work
 * @fixture: gets its entries and addresses
 * @requests: SECMMU_HMM_REQ_*
 */
void dma_fixture_map(struct dma_fixture *fixture, u32 requests);

/**
 * dma_fixture_unmap() - unmap all pages
 * @fixture: gets its entries
 *
 * Return: how many were mapped.
 */
unsigned int dma_fixture_unmap(struct dma_fixture *fixture);

/**
 * dma_judge_entry() - is it the right page, with the right flags?
 * @fixture: the scene
 * @number: of the page
 * @flags: its entry, but for the page's number
 */
void dma_judge_entry(const struct dma_fixture *fixture, u64 number, u64 flags);

/**
 * dma_judge() - that for all pages; and their addresses
 * @fixture: the scene
 * @method: of DMA, which says what addresses are right
 * @flags: of all entries
 */
void dma_judge(const struct dma_fixture *fixture,
	       const struct dma_method *method, u64 flags);

/**
 * dma_judge_same() - no page has another address than before
 * @fixture: the scene
 * @before: the addresses before
 */
void dma_judge_same(const struct dma_fixture *fixture, const u64 *before);

#endif /* SECMMU_DMA_FIXTURE_H */
