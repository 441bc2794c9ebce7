// SPDX-License-Identifier: GPL-2.0-only
#include "dma_fixture.h"
#include "mem/pagemap.h"
#include "core/report.h"

unsigned char *dma_page(const struct dma_fixture *fixture, u64 number)
{
	return fixture->state.start + number * fixture->state.page;
}

void dma_fixture_set(struct dma_fixture *fixture,
		     const struct dma_method *method, const char *kind)
{
	u32 features;

	mapping_state_prepare(&fixture->state, mapping_state_kind_of(kind));
	dma_function(&fixture->function, method->kind);
	features = dma_alloc(fixture->state.device, &fixture->function,
			     fixture->state.start,
			     method->pages * fixture->state.page,
			     method->mask_bits);
	CHECK(features == method->features,
	      "%s: expected a DMA map of kind %#x, got %#x (1: contiguous IOVA, 2: a list)",
	      method->name, method->features, features);
}

void dma_fixture_map(struct dma_fixture *fixture, u32 requests)
{
	dma_map(fixture->state.device, fixture->state.start,
		DMA_FIXTURE_PAGES * fixture->state.page, requests,
		fixture->entries, fixture->addresses);
}

unsigned int dma_fixture_unmap(struct dma_fixture *fixture)
{
	return dma_unmap(fixture->state.device, fixture->state.start,
			 DMA_FIXTURE_PAGES * fixture->state.page,
			 fixture->entries);
}

void dma_judge_entry(const struct dma_fixture *fixture, u64 number, u64 flags)
{
	struct pagemap *pagemap = pagemap_open();
	u64 entry = fixture->entries[number], in_page_table;

	pagemap_read(pagemap, dma_page(fixture, number), &in_page_table, 1);
	pagemap_close(pagemap);
	CHECK((entry & ~SECMMU_HMM_PAGE_MASK) == flags,
	      "page %llu: expected the entry's flags %#llx, got %#llx", number,
	      flags, entry & ~SECMMU_HMM_PAGE_MASK);
	CHECK((entry & SECMMU_HMM_PAGE_MASK) ==
		      (in_page_table & PAGEMAP_PFN_MASK),
	      "page %llu: mapped for DMA is page frame %#llx, and the CPU's page table has %#llx",
	      number, entry & SECMMU_HMM_PAGE_MASK,
	      in_page_table & PAGEMAP_PFN_MASK);
}

static void judge_address(const struct dma_fixture *fixture,
			  const struct dma_method *method, u64 number)
{
	u64 address = fixture->addresses[number], page = fixture->state.page;
	u64 i;

	CHECK(address != DMA_NOT_MAPPED && address % page == 0,
	      "page %llu is mapped at %#llx", number, address);
	CHECK(method->mask_bits == 64 || !(address >> method->mask_bits),
	      "page %llu is mapped at %#llx, which the device cannot reach with %u bits",
	      number, address, method->mask_bits);
	if (method->features & SECMMU_HMM_DMA_IOVA)
		CHECK(address == fixture->addresses[0] + number * page,
		      "page %llu is mapped at %#llx, and the first one at %#llx: not one run",
		      number, address, fixture->addresses[0]);
	else if (!(method->features & SECMMU_HMM_DMA_LIST))
		CHECK(address == (fixture->entries[number] &
				  SECMMU_HMM_PAGE_MASK) *
					 page,
		      "page %llu is mapped at %#llx, and is page frame %#llx",
		      number, address,
		      fixture->entries[number] & SECMMU_HMM_PAGE_MASK);
	for (i = 0; i < number; i++)
		CHECK(address != fixture->addresses[i],
		      "pages %llu and %llu are both mapped at %#llx", i, number,
		      address);
}

void dma_judge(const struct dma_fixture *fixture,
	       const struct dma_method *method, u64 flags)
{
	u64 i;

	for (i = 0; i < DMA_FIXTURE_PAGES; i++) {
		dma_judge_entry(fixture, i, flags);
		judge_address(fixture, method, i);
	}
}

void dma_judge_same(const struct dma_fixture *fixture, const u64 *before)
{
	u64 i;

	for (i = 0; i < DMA_FIXTURE_PAGES; i++)
		CHECK(fixture->addresses[i] == before[i],
		      "page %llu was mapped at %#llx, and is at %#llx after it was asked for again: mapped twice",
		      i, before[i], fixture->addresses[i]);
}
