// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap() of the device: mappings of kinds that ordinary memory does not have,
 * and one whose fault handler can be made to wait in the midst of a walk.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include "hmm_compat.h"
#include "hmm_device.h"

#define MEMORY_BYTES (SECMMU_HMM_MAP_PAGES * PAGE_SIZE)

static struct page *memory_page(struct hmm_device *device, unsigned long index)
{
	return virt_to_page(device->memory + index * PAGE_SIZE);
}

static vm_fault_t map_fault(struct vm_fault *fault)
{
	struct hmm_device *device = fault->vma->vm_private_data;

	hmm_pause(device, SECMMU_HMM_AT_FAULT);
	fault->page = memory_page(device, fault->pgoff % SECMMU_HMM_MAP_PAGES);
	get_page(fault->page);
	return 0;
}

static const struct vm_operations_struct map_operations = {
	.fault = map_fault,
};

/* All pages at once: even ones with a struct page, odd ones without. */
static int map_mixed(struct hmm_device *device, struct vm_area_struct *vma,
		     unsigned long index)
{
	unsigned long address;

	hmm_vm_flags_set(vma, VM_MIXEDMAP);
	for (address = vma->vm_start; address < vma->vm_end;
	     address += PAGE_SIZE, index++) {
		struct page *page = memory_page(device, index);
		int error = 0;

		if (index % 2 == 0)
			error = vm_insert_page(vma, address, page);
		else if (hmm_insert_special(vma, address, page_to_pfn(page)) &
			 VM_FAULT_ERROR)
			error = -ENOMEM;
		if (error)
			return error;
	}
	return 0;
}

/**
 * hmm_map() - mmap()
 * @device: whose pages
 * @vma: the mapping that is wanted; its file keeps @device alive
 */
int hmm_map(struct hmm_device *device, struct vm_area_struct *vma)
{
	unsigned long kind = vma->vm_pgoff / SECMMU_HMM_MAP_PAGES;
	unsigned long index = vma->vm_pgoff % SECMMU_HMM_MAP_PAGES;

	if (!(vma->vm_flags & VM_SHARED) || kind >= SECMMU_HMM_MAPS ||
	    index + vma_pages(vma) > SECMMU_HMM_MAP_PAGES)
		return -EINVAL;
	mutex_lock(&device->memory_lock);
	if (!device->memory)
		device->memory = alloc_pages_exact(MEMORY_BYTES,
						   GFP_KERNEL_ACCOUNT |
							   __GFP_ZERO);
	mutex_unlock(&device->memory_lock);
	if (!device->memory)
		return -ENOMEM;

	/* Also so that no fault is for a page that there is not. */
	hmm_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	switch (kind) {
	case SECMMU_HMM_MAP_FAULTED:
		vma->vm_private_data = device;
		vma->vm_ops = &map_operations;
		return 0;
	case SECMMU_HMM_MAP_PFNS:
		return remap_pfn_range(vma, vma->vm_start,
				       page_to_pfn(memory_page(device, index)),
				       vma->vm_end - vma->vm_start,
				       vma->vm_page_prot);
	default:
		return map_mixed(device, vma, index);
	}
}

/**
 * hmm_map_free() - give the pages back
 * @device: being closed, so nothing maps them any more
 */
void hmm_map_free(struct hmm_device *device)
{
	if (device->memory)
		free_pages_exact(device->memory, MEMORY_BYTES);
}
