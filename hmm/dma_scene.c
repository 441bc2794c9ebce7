// SPDX-License-Identifier: GPL-2.0-only
#include "dma_scene.h"
#include "pagemap.h"
#include "report.h"

/* So many pages take all addresses of 32 bits. */
#define MOST_PAGES (1ULL << 20)

/*
 * hmm_dma_map_alloc(): dma_iova_try_alloc() gives one run of addresses behind an
 * IOMMU; if there is none so long, dma_need_unmap() makes it keep a list; a device
 * without IOMMU needs neither, its addresses are the memory's.
 */
const struct dma_way dma_ways[] = {
	{ "direct", DMA_PLATFORM, 64, DMA_SCENE_PAGES, 0 },
	{ "iova", DMA_EDU, 64, DMA_SCENE_PAGES, SECMMU_HMM_DMA_IOVA },
	{ "iova_32", DMA_EDU, 32, DMA_SCENE_PAGES, SECMMU_HMM_DMA_IOVA },
	{ "list", DMA_EDU, 32, MOST_PAGES, SECMMU_HMM_DMA_LIST },
};
const size_t dma_way_count = ARRAY_SIZE(dma_ways);

unsigned char *dma_page(const struct dma_scene *scene, u64 number)
{
	return scene->place.start + number * scene->place.page;
}

void dma_scene_set(struct dma_scene *scene, const struct dma_way *way,
		   const char *kind)
{
	u32 features;

	place_prepare(&scene->place, place_kind_of(kind));
	dma_function(&scene->function, way->kind);
	features = dma_alloc(scene->place.device, &scene->function,
			     scene->place.start, way->pages * scene->place.page,
			     way->mask_bits);
	CHECK(features == way->features,
	      "%s: the kernel makes a map of kind %#x of it, where %#x belongs (1: a run of addresses, 2: a list)",
	      way->name, features, way->features);
}

void dma_scene_map(struct dma_scene *scene, u32 requests)
{
	dma_map(scene->place.device, scene->place.start,
		DMA_SCENE_PAGES * scene->place.page, requests, scene->entries,
		scene->addresses);
}

unsigned int dma_scene_unmap(struct dma_scene *scene)
{
	return dma_unmap(scene->place.device, scene->place.start,
			 DMA_SCENE_PAGES * scene->place.page, scene->entries);
}

void dma_judge_entry(const struct dma_scene *scene, u64 number, u64 flags)
{
	struct pagemap *pagemap = pagemap_open();
	u64 entry = scene->entries[number], in_page_table;

	pagemap_read(pagemap, dma_page(scene, number), &in_page_table, 1);
	pagemap_close(pagemap);
	CHECK((entry & ~SECMMU_HMM_PAGE_MASK) == flags,
	      "page %llu: the entry's flags are %#llx, where %#llx belong",
	      number, entry & ~SECMMU_HMM_PAGE_MASK, flags);
	CHECK((entry & SECMMU_HMM_PAGE_MASK) ==
		      (in_page_table & PAGEMAP_PFN_MASK),
	      "page %llu: mapped for DMA is page frame %#llx, and the CPU's page table has %#llx",
	      number, entry & SECMMU_HMM_PAGE_MASK,
	      in_page_table & PAGEMAP_PFN_MASK);
}

static void judge_address(const struct dma_scene *scene,
			  const struct dma_way *way, u64 number)
{
	u64 address = scene->addresses[number], page = scene->place.page;
	u64 i;

	CHECK(address != DMA_NOT_MAPPED && address % page == 0,
	      "page %llu is mapped at %#llx", number, address);
	CHECK(way->mask_bits == 64 || !(address >> way->mask_bits),
	      "page %llu is mapped at %#llx, which the device cannot reach with %u bits",
	      number, address, way->mask_bits);
	if (way->features & SECMMU_HMM_DMA_IOVA)
		CHECK(address == scene->addresses[0] + number * page,
		      "page %llu is mapped at %#llx, and the first one at %#llx: not one run",
		      number, address, scene->addresses[0]);
	else if (!(way->features & SECMMU_HMM_DMA_LIST))
		CHECK(address ==
			      (scene->entries[number] & SECMMU_HMM_PAGE_MASK) *
				      page,
		      "page %llu is mapped at %#llx, and is page frame %#llx",
		      number, address,
		      scene->entries[number] & SECMMU_HMM_PAGE_MASK);
	for (i = 0; i < number; i++)
		CHECK(address != scene->addresses[i],
		      "pages %llu and %llu are both mapped at %#llx", i, number,
		      address);
}

void dma_judge(const struct dma_scene *scene, const struct dma_way *way,
	       u64 flags)
{
	u64 i;

	for (i = 0; i < DMA_SCENE_PAGES; i++) {
		dma_judge_entry(scene, i, flags);
		judge_address(scene, way, i);
	}
}

void dma_judge_same(const struct dma_scene *scene, const u64 *before)
{
	u64 i;

	for (i = 0; i < DMA_SCENE_PAGES; i++)
		CHECK(scene->addresses[i] == before[i],
		      "page %llu was mapped at %#llx, and is at %#llx after it was asked for again: mapped twice",
		      i, before[i], scene->addresses[i]);
}
